"""Does longer training help? Scores on three kinds of pictures against the time of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hyperspy_stereo.training.curves import read_log
from hyperspy_stereo.training.evaluation.report import table

__all__ = ["SETS", "run_curves", "training_curves"]

#: Columns of the log, and what they are measured on.
SETS = {
    "physical_f1": "same renderer, other seeds",
    "crude_f1": "other renderer (selects)",
    "watch_f1": "real picture (watched only)",
}
COLOURS = ("#0072b2", "#d55e00", "#009e73")


def run_curves(log: Path) -> dict[str, np.ndarray]:
    """Scores of a run against the time of its training.

    Parameters
    ----------
    log : Path
        ``log.csv``.

    Returns
    -------
    dict of str to (n, 3) ndarray
        For each score that was logged: step, minutes, value.
    """
    columns = read_log(log)
    steps, seconds = np.array(columns.get("seconds", [(0, 0.0)]), float).T
    curves = {}
    for name in SETS:
        if name in columns:
            step, value = np.array(columns[name], float).T
            minutes = np.interp(step, steps, seconds) / 60
            curves[name] = np.column_stack([step, minutes, value])
    return curves


WATCHED = 5  # validations of a run whose course is laid out


def training_curves(runs: Path, picture: Path | None = None) -> str:
    """Lay out what training length and loss do to the detector.

    Parameters
    ----------
    runs : Path
        Folder with the folders of trainings; those whose log holds an F1 count.
    picture : Path, optional
        PNG to draw.

    Returns
    -------
    str
        For each run the best snapshot by the other renderer, and the last one; then the courses of
        those that were watched often. Empty where there is no run.
    """
    found = {log.parent.name: run_curves(log) for log in sorted(Path(runs).glob("*/log.csv"))}
    found = {name: curves for name, curves in found.items() if "crude_f1" in curves}
    if not found:
        return ""
    rows = {}
    for name, curves in found.items():
        crude = curves["crude_f1"]
        for title, k in (("best", int(np.argmax(crude[:, 2]))), ("last", len(crude) - 1)):
            rows[f"{name}, {title}"] = _at(curves, crude[k, 0], crude[k, 1])
    longest = max(found, key=lambda name: found[name]["crude_f1"][-1, 1])
    columns = {"minutes": ("minutes", ".0f")} | {k: (k.replace("_", " "), ".3f") for k in SETS}
    if picture is not None:
        _draw(found, longest, picture)
    tables = [table("detector: runs; best: by the other renderer", rows, columns)]
    for name, curves in found.items():
        crude = curves["crude_f1"]
        if len(crude) >= WATCHED:
            picked = np.unique(
                np.linspace(0, len(crude) - 1, min(len(crude), 16)).round().astype(int)
            )
            course = {f"{crude[k, 0]:.0f}": _at(curves, *crude[k, :2]) for k in picked}
            tables.append(table(f"detector: course of {name}, by step", course, columns))
    return "\n".join(tables)


def _at(curves: dict[str, np.ndarray], step: float, minutes: float) -> dict[str, float]:
    """All scores at a step."""
    row = {"minutes": float(minutes)}
    for name, curve in curves.items():
        here = curve[:, 0] == step
        row[name] = float(curve[here, 2][-1]) if here.any() else float("nan")
    return row


def _draw(found: dict[str, dict[str, np.ndarray]], longest: str, picture: Path) -> None:
    """The course of the longest run, and of the other renderer's score in all runs."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for (name, label), colour in zip(SETS.items(), COLOURS, strict=True):
        if name in found[longest]:
            curve = found[longest][name]
            left.plot(curve[:, 1], curve[:, 2], "o-", ms=3, color=colour, label=label)
    crude = found[longest]["crude_f1"]
    best = crude[np.argmax(crude[:, 2])]
    left.axvline(best[1], color="0.6", lw=0.8, ls="--", label="best by the other renderer")
    left.set_title(longest)
    for name, curves in found.items():
        right.plot(curves["crude_f1"][:, 1], curves["crude_f1"][:, 2], "o-", ms=3, label=name)
    right.set_title("other renderer, all runs")
    for ax in (left, right):
        ax.set_xlabel("minutes of training")
        ax.set_ylabel("F1")
        ax.grid(alpha=0.3)
        ax.legend(fontsize=7)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
