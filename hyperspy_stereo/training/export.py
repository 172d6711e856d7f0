"""From a run to weights that can be shipped: calibration, what is known about them, model card."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hyperspy_stereo.detection.calibration import calibrated, fit_calibration
from hyperspy_stereo.training.checkpoint import load_state
from hyperspy_stereo.training.config import CONFIGS, load_config, to_json
from hyperspy_stereo.training.curves import read_log
from hyperspy_stereo.training.detector.config import DetectorConfig, ValidationSettings
from hyperspy_stereo.training.detector.operating_point import operating_point
from hyperspy_stereo.training.detector.train import build
from hyperspy_stereo.training.detector.validation import recorded, stored_scene
from hyperspy_stereo.training.model_card import model_card
from hyperspy_stereo.training.recipe.physical import physical_scene
from hyperspy_stereo.training.recipe.scene import BOUNDARY, IGNORE, LINE
from hyperspy_stereo.training.record import chosen_snapshot, training_record
from hyperspy_stereo.training.seeds import CALIBRATION, CRUDE
from hyperspy_stereo.weights import load_weights, save_weights
from hyperspy_stereo.weights.loading import FOLDER

__all__ = ["calibration_pixels", "export_detector"]

SCENES = 24  # half of them to fit the calibration, half to measure it
PIXELS = 400_000  # of each half; isotonic regression sorts them
LIMITS = (
    "Trained on simulated views only. Lines of full width 2.5 to 12 px are seen as they are, "
    "others are resampled first. Thin straight boundaries, slip bands and scan stripes in dark "
    "areas are what it most likely takes for lines. The tables of `python -m "
    "hyperspy_stereo.training evaluate` say how far to trust it at which dose and pixel size."
)

Pixels = dict[str, tuple[np.ndarray, np.ndarray]]


def export_detector(
    folder: str | Path,
    name: str,
    to: str | Path | None = None,
    snapshot: str | Path | None = None,
    data: str | Path = "training_data",
    scenes: int = SCENES,
) -> Path:
    """Turn a snapshot of a detector's run into weights with JSON and model card.

    Parameters
    ----------
    folder : str or Path
        Of the run: ``config.json``, ``data.json``, ``log.csv``, ``checkpoint.json``. The
        reliability diagram is written there.
    name : str
        Of the weights, such as "detector-lines-1"; a number at its end is the version.
    to : str or Path, optional
        Folder to write to; by default that of the package's weights.
    snapshot : str or Path, optional
        By default the one that `record.chosen_snapshot` takes.
    data : str or Path
        Data folder; drawn scenes are kept in its "calibration".
    scenes : int
        Scenes to calibrate with, at least 2; every other one only measures the result.

    Returns
    -------
    Path
        The safetensors file.

    Raises
    ------
    ValueError
        If the run lacks a file.
    """
    folder = Path(folder)
    config = load_config(folder / "config.json", DetectorConfig)
    state, header = load_state(snapshot or chosen_snapshot(folder, config.engine))
    model = build(config)
    model.load_state_dict(state)
    model.eval()
    settings = config.validation
    version = name.rpartition("-")[2]
    info = {
        "name": name,
        "version": version if version.isdigit() else "1",
        "kind": "detector",
        "architecture": model.architecture,
    }
    with tempfile.TemporaryDirectory() as place:
        see = _as_used(save_weights(Path(place) / f"{name}.safetensors", state, info))
        fitted, checked = (
            calibration_pixels(see, CALIBRATION[start:scenes:2], settings, Path(data))
            for start in (0, 1)
        )
        tables = {kind: fit_calibration(*pixels) for kind, pixels in fitted.items()}
        pictures = _pictures(see, tables["line"], settings, Path(data), scenes)
    thresholds, tried = operating_point(pictures)
    errors = _reliability(checked, tables, folder / "reliability.png")
    info |= {
        # few scenes have boundaries: what does not hold on others is left out
        "calibration": {k: table for k, table in tables.items() if errors[k][1] <= errors[k][0]},
        "thresholds": thresholds,
        "threshold_scores": tried,
        "metrics": header.get("scores", {}),
        "calibration_error": errors,
        "calibration_scenes": [len(CALIBRATION[start:scenes:2]) for start in (0, 1)],
        "config": to_json(config),
        "command": _command(config),
        "data": _read(folder / "data.json"),
        "training": _training(folder, config, header),
    }
    path = save_weights(Path(to or FOLDER) / f"{name}.safetensors", state, info)
    _, info = load_weights(path, "detector")
    card = model_card(
        info,
        what="Residual U-Net that gives, for each pixel of a view, the probability of a "
        "dislocation line and that of a boundary.",
        limits=LIMITS,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
    )
    path.with_suffix(".md").write_text(card, encoding="utf-8")
    return path


See = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def _reliability(checked: Pixels, tables: dict, picture: Path) -> dict[str, list[float]]:
    """Calibration errors before and after, on pixels that nothing was fitted to; drawn, too."""
    from hyperspy_stereo.training.evaluation.reliability import reliability_of

    errors, curves = {}, {}
    for kind, (said, truth) in checked.items():
        after = calibrated(said, tables[kind])
        pair = [reliability_of(values, truth) for values in (said, after)]
        curves |= {f"{kind}, as trained": pair[0], f"{kind}, calibrated": pair[1]}
        errors[kind] = [curve.error for curve in pair]
    _draw(curves, picture)
    return errors


def _as_used(weights: Path) -> See:
    """The detector as it is used, before calibration."""
    from hyperspy_stereo.detection.network import unet_probability

    return lambda view: unet_probability(view, weights=weights, straight_boundaries=False)


def _pictures(see: See, table: dict, settings: ValidationSettings, data: Path, scenes: int):
    """Calibrated probabilities with labels: of the training's renderer, and of another one."""
    from hyperspy_stereo.training.evaluation.crude import crude_pair

    physical, crude = [], []
    for turn, seed in enumerate(CALIBRATION[:scenes]):
        scene = stored_scene(physical_scene, seed, settings.side, data / "calibration")
        view = recorded(scene, turn, settings)[0]
        physical.append((calibrated(see(view)[0], table), scene.label[0]))
    for seed in CRUDE[200 : 200 + scenes]:
        views, scene = crude_pair(seed, settings.side)
        crude.append((calibrated(see(views[0])[0], table), scene.label[0]))
    return physical, crude


def calibration_pixels(see: See, seeds: range, settings: ValidationSettings, data: Path) -> Pixels:
    """Return what a detector says of pixels, and what they are, for scenes it has never seen.

    Parameters
    ----------
    see : callable
        View (H, W) to the probabilities of lines and of boundaries, before calibration.
    seeds : range
        Of physical scenes, from `seeds.CALIBRATION`.
    settings : ValidationSettings
        Size and noise.
    data : Path
        Data folder.

    Returns
    -------
    dict
        "line" and "boundary": (probabilities, truths), both (N,).
    """
    said: dict[str, list[np.ndarray]] = {"line": [], "boundary": []}
    true: dict[str, list[np.ndarray]] = {"line": [], "boundary": []}
    for turn, seed in enumerate(seeds):
        scene = stored_scene(physical_scene, seed, settings.side, data / "calibration")
        # the doses by turn: every other seed would meet every other dose only
        for view, label in zip(recorded(scene, turn, settings), scene.label, strict=True):
            found = see(view)
            both = (label & LINE > 0) & (label & BOUNDARY > 0)
            scored = (label & IGNORE == 0) & ~both
            for kind, bit, map_ in (("line", LINE, found[0]), ("boundary", BOUNDARY, found[1])):
                said[kind].append(map_[scored])
                true[kind].append((label & bit > 0)[scored])
    result = {}
    for kind in said:
        probability, truth = np.concatenate(said[kind]), np.concatenate(true[kind])
        chosen = np.random.default_rng(0).permutation(len(truth))[:PIXELS]
        result[kind] = (probability[chosen], truth[chosen])
    return result


def _training(folder: Path, config: DetectorConfig, header: dict[str, Any]) -> dict[str, Any]:
    """Say how long the run took, on what, and how the scores went."""
    columns = read_log(folder / "log.csv")
    score = config.engine.select
    return {
        **training_record(folder, config.engine, header),
        "curve": {score: columns[score]} if score in columns else {},
    }


def _command(config: DetectorConfig) -> str:
    """Return the command that trains by this configuration."""
    for path in sorted(CONFIGS.glob("detector*.json")):
        if load_config(path, DetectorConfig) == config:
            name = path.stem
            break
    else:
        name = "config.json"  # its content is in the JSON of the weights
    return f"python -m hyperspy_stereo.training detector --config {name} --out RUN"


def _read(path: Path) -> dict[str, Any]:
    """Read a JSON file of a run."""
    if not path.is_file():
        raise ValueError(f"{path.parent} has no {path.name}: give the --out of a training.")
    return json.loads(path.read_text(encoding="utf-8"))


def _draw(curves: dict[str, Any], picture: Path) -> None:
    """Draw reliability diagrams of pixels that nothing was fitted to."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for name, curve in curves.items():
        shown = curve.count >= 20  # fewer say nothing about a share
        label = f"{name} ({curve.error:.3f})"
        axes.plot(curve.said[shown], curve.true[shown], "o-", markersize=4, label=label)
    axes.set(xlabel="probability", ylabel="share that is true", xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=8, title="expected calibration error")
    figure.savefig(picture, dpi=110)
