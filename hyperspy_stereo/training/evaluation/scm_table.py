"""Tables of the published stereo network: error against stereo angle, and against losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hyperspy_stereo.training.evaluation.report import in_processes, table
from hyperspy_stereo.training.evaluation.systems import Weights

__all__ = ["ABLATION", "scm_tables"]

#: Runs of the ablation, by the name of their configuration and folder.
ABLATION = {
    "scm_disp_warp_var": "Disp+Warp+Var",
    "scm_disp_var": "Disp+Var",
    "scm_disp_warp": "Disp+Warp",
    "scm_disp": "Disp",
    "scm_warp": "Warp",
}
SCENES = 8  # of each angle
ANGLE = 8.0  # degrees, of the ablation
_SCORES = {
    "over1": (">1 px %", ".1f"),
    "over3": (">3 px %", ".1f"),
    "over5": (">5 px %", ".1f"),
    "epe": ("EPE px", ".2f"),
    "median": ("median px", ".2f"),
    "depth_error": ("depth error px", ".1f"),
}


@dataclass(frozen=True)
class _Job:
    """An angle, or the folder of a run."""

    angle: float
    weights: str | None = None
    run: Path | None = None
    name: str = ""


def scm_tables(weights: Weights, runs: Path, workers: int = 2) -> str:
    """Lay out the depth error against the stereo angle, and the ablation of the losses.

    Parameters
    ----------
    weights : Weights
        Of the network; without any the first table is left out.
    runs : Path
        Folder with the runs that `ABLATION` names; those that are missing are left out.
    workers : int, default 2
        Processes.

    Returns
    -------
    str
        Empty where there is nothing to evaluate.
    """
    from hyperspy_stereo.training.scm.tables import ANGLES, PUBLISHED
    from hyperspy_stereo.weights import shipped

    parts = []
    if weights.scm is not None or "scm" in shipped("scm"):
        rows = in_processes(_row, [_Job(angle, weights.scm) for angle in ANGLES], workers)
        parts.append(_angles(rows, PUBLISHED["depth_error"]))
    there = {k: v for k, v in ABLATION.items() if (runs / k / "best.safetensors").is_file()}
    if there:
        # of one angle, so that its scenes are drawn once before the processes start
        jobs = [_Job(ANGLE, run=runs / folder, name=name) for folder, name in there.items()]
        rows = [_row(jobs[0]), *in_processes(_row, jobs[1:], workers)]
        parts.append(_losses(rows, PUBLISHED))
    return "\n".join(parts)


def _row(job: _Job) -> dict[str, float]:
    from hyperspy_stereo.training.scm.tables import SEEDS, ablation_table, angle_table

    if job.run is None:
        from hyperspy_stereo.matching.scm import load_network

        network = load_network(job.weights)
        return angle_table(network, angles=(job.angle,), seeds=SEEDS[:SCENES])[0]
    from hyperspy_stereo.training.scm.train import snapshot_network

    networks = {job.name: snapshot_network(job.run)}
    return ablation_table(networks, angle=job.angle, seeds=SEEDS[:SCENES])[0]


def _angles(rows: list[Mapping[str, float]], published: float) -> str:
    columns = {
        "beyond": ("beyond reach %", ".1f"),
        "depth_error_raw": ("depth error px, raw", ".1f"),
        "depth_error_refined": ("refined", ".1f"),
        "epe_raw": ("EPE px, raw", ".2f"),
        "epe_refined": ("refined", ".2f"),
        "over3_refined": (">3 px %, refined", ".1f"),
    }
    title = (
        f"scm: depth error against stereo angle, true masks, {SCENES} frozen specimens that are the"
        f" same at each angle\npublished, on other pictures: {published:g} px at 8 degrees"
    )
    return table(title, {f"{row['angle']:g} deg": row for row in rows}, columns)


def _losses(rows: list[Mapping[str, float]], published: Mapping) -> str:
    columns = {f"{key}_refined": shown for key, shown in _SCORES.items()}
    said = ", ".join(
        f"{label} {published[key][0]:g} to {published[key][1]:g}"
        for key, label in (("epe", "EPE"), ("over1", ">1"), ("over3", ">3"), ("over5", ">5"))
    )
    title = (
        f"scm: losses, at {ANGLE:g} degrees, refined, true masks, {SCENES} frozen specimens; all "
        f"rows trained alike\npublished, on other pictures: {said} px and %"
    )
    return table(title, {str(row["name"]): row for row in rows}, columns)
