"""Tables about the published stereo network: error against stereo angle, and against losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyperspy_stereo.matching.scm.match import load_network, raw_disparity
from hyperspy_stereo.matching.scm.network import SCMNet
from hyperspy_stereo.matching.scm.refine import refine_disparity
from hyperspy_stereo.training.detector.validation import stored_scene
from hyperspy_stereo.training.evaluation.scores import matching_scores
from hyperspy_stereo.training.recipe.noise import acquire
from hyperspy_stereo.training.recipe.physical import scene_of
from hyperspy_stereo.training.recipe.scene import LINE, Scene
from hyperspy_stereo.training.seeds import FROZEN

__all__ = ["ANGLES", "PUBLISHED", "SEEDS", "ablation_table", "angle_scene", "angle_table"]

ANGLES = (2.0, 4.0, 6.0, 8.0, 10.0, 12.0)
SEEDS = tuple(FROZEN[900:912])  # of the frozen seeds, away from those of the other tables
DOSE = 1000.0  # electrons per pixel of the ground
SIDE = 384

#: What was published, on other pictures: at 8 degrees, least and greatest of its rows.
PUBLISHED = {
    "angle": 8.0,
    "depth_error": 13.2,
    "epe": (0.98, 1.41),
    "over1": (38.0, 41.0),
    "over3": (8.0, 10.0),
    "over5": (3.0, 4.0),
}
COLUMNS = ("over1", "over3", "over5", "epe", "median", "depth_error")

Detect = Callable[[NDArray], NDArray]


def angle_scene(seed: int, angle: float, side: int = SIDE) -> Scene:
    """A specimen of a frozen seed as two tilt-less bright-field views at a chosen angle.

    Only the angle differs between scenes of one seed, so that its effect is not hidden by that
    of the specimens.

    Parameters
    ----------
    seed : int
        One of the frozen set's.
    angle : float
        Stereo angle in degrees.
    side : int, default 384
        Height and width, px.

    Returns
    -------
    Scene

    Raises
    ------
    ValueError
        For a seed that is not of the frozen set.

    Examples
    --------
    >>> angle_scene(3_000_000, 8.0, side=48).info["angle"]
    8.0
    """
    from hyperspy_stereo.simulation.imaging.microscope import Microscope
    from hyperspy_stereo.simulation.imaging.stereo_views import stereo_views
    from hyperspy_stereo.simulation.specimens import random_specimen

    if seed not in FROZEN:
        raise ValueError(f"seed {seed}: take one of {FROZEN.start} to {FROZEN.stop - 1}.")
    rng = np.random.default_rng([seed, 1])
    pixel = float(np.exp(rng.uniform(np.log(0.7), np.log(2.5))))
    specimen = random_specimen(seed, size=(side * pixel, side * pixel))
    microscope = Microscope.noiseless(
        pixel_size=pixel, convergence_angle=125.0, source_size=1.25 * pixel
    )
    views = stereo_views(
        specimen,
        microscope,
        stereo_angle=angle,
        seed=seed,
        signal="bright field",
        poisson_ratio=specimen.poisson_ratio,
    )
    info = {"seed": int(seed), "angle": float(angle), "geometry": "tiltless", "pixel_size": pixel}
    return scene_of(views.truth, info)


def angle_table(
    network: SCMNet | None = None,
    angles: Sequence[float] = ANGLES,
    seeds: Sequence[int] = SEEDS,
    detect: Detect | None = None,
    side: int = SIDE,
    dose: float = DOSE,
    folder: str | Path = "training_data/angles",
) -> list[dict[str, float]]:
    """Errors against the stereo angle, raw and refined, on the same specimens at each angle.

    Parameters
    ----------
    network : SCMNet, optional
        Default: that of the shipped weights "scm".
    angles : sequence of float
        Stereo angles in degrees.
    seeds : sequence of int
        Of the frozen set.
    detect : callable, optional
        Images (2, H, W) to masks (2, H, W). Default: the true lines.
    side : int, default 384
        Height and width of the scenes, px.
    dose : float, default 1000
        Electrons per pixel of the ground.
    folder : str or Path
        Where drawn scenes are kept for the next time.

    Returns
    -------
    list of dict
        One per angle: angle, scenes, beyond (share of the true disparities outside the network's
        reach, %), and over1, over3, over5 (%), epe, median, depth_error (px) with the suffixes
        _raw and _refined, means over the scenes.
    """
    network = load_network() if network is None else network
    rows = []
    for angle in angles:
        pairs = _pairs(angle, seeds, side, dose, detect, folder)
        beyond = [_beyond(scene, network.max_disparity) for scene, _, _ in pairs]
        row = {"angle": float(angle), "scenes": len(pairs), "beyond": float(np.mean(beyond))}
        rows.append(row | _mean_scores(network, pairs, angle))
    return rows


def ablation_table(
    networks: Mapping[str, SCMNet],
    angle: float = 8.0,
    seeds: Sequence[int] = SEEDS,
    detect: Detect | None = None,
    side: int = SIDE,
    dose: float = DOSE,
    folder: str | Path = "training_data/angles",
) -> list[dict[str, float | str]]:
    """Errors of networks that were trained with different losses, on the same scenes.

    Parameters
    ----------
    networks : mapping of str to SCMNet
        By name, such as "Disp+Warp+Var"; see `training.scm.train.snapshot_network`.
    angle : float, default 8
        Stereo angle in degrees; the published one.
    seeds, detect, side, dose, folder
        See `angle_table`.

    Returns
    -------
    list of dict
        One per network: name, scenes, and the scores of `angle_table`.
    """
    pairs = _pairs(angle, seeds, side, dose, detect, folder)
    return [
        {"name": name, "scenes": len(pairs), **_mean_scores(network, pairs, angle)}
        for name, network in networks.items()
    ]


def _pairs(angle, seeds, side, dose, detect, folder):
    """Scenes, images and masks; scenes without a line to score are left out."""

    def draw(seed: int, size: int) -> Scene:
        return angle_scene(seed, angle, size)

    draw.__name__ = f"angle_{angle:g}"  # names the kept file
    pairs = []
    for seed in seeds:
        scene = stored_scene(draw, seed, side, Path(folder))
        rngs = [np.random.default_rng([seed, view]) for view in (0, 1)]
        images = [
            acquire(clean, dose, 0.008, 0.15, rng)
            for clean, rng in zip(scene.clean, rngs, strict=True)
        ]
        images = np.asarray(images, np.float32)
        masks = (scene.label & LINE) > 0 if detect is None else np.asarray(detect(images), bool)
        if masks[0].any():
            pairs.append((scene, images, masks))
    return pairs


def _beyond(scene: Scene, reach: float) -> float:
    """Share of the true disparities of the left view that the network cannot give, %."""
    known = scene.disparity[0][np.isfinite(scene.disparity[0])]
    return 100 * float(np.mean(np.abs(known) > reach)) if known.size else 0.0


def _mean_scores(network, pairs, angle):
    raw, refined = [], []
    for scene, images, masks in pairs:
        disparity, _ = raw_disparity(images, masks[0], network)
        raw.append(matching_scores(disparity, scene, angle))
        refined.append(matching_scores(refine_disparity(disparity, masks[1]), scene, angle))
    row = {}
    for suffix, scores in (("raw", raw), ("refined", refined)):
        for column in COLUMNS:
            values = [score[column] for score in scores]
            row[f"{column}_{suffix}"] = float(np.nanmean(values)) if values else float("nan")
    return row
