"""Scenes by two-beam diffraction contrast: random specimens seen by random microscopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi

from hyperspy_stereo.training.recipe.apparent import (
    ApparentLines,
    apparent_lines,
    line_maps,
)
from hyperspy_stereo.training.recipe.scene import (
    AMBIGUOUS,
    BOUNDARY,
    DISTRACTOR,
    IGNORE,
    LINE,
    Scene,
)

if TYPE_CHECKING:
    from hyperspy_stereo.simulation.truth import Truth

__all__ = ["physical_scene", "scene_of", "truth_labels"]

TILT_SHARE = 0.25  # of the scenes are tilted pairs; the others are of one exposure
DARK_FIELD_SHARE = 0.1
POINT_SHARE = 0.15  # of the scenes are seen by a point; no detector is one, but weak beams look so
RADII = (2.0, 20.0)  # mrad, of the other detectors, equally often in each octave
SAMPLES = 8  # incidences for a detector; ghosts of fringes between them are one look more
SLICE = 4.0  # nm; twice the default, which halves the time and changes pictures by less than noise
INVISIBLE_REACH = 3.0  # px about an invisible line in which nothing is trained or scored


def truth_labels(truth: Truth, lines: ApparentLines | None, maps: dict) -> np.ndarray:
    """Label bits of all pixels of simulated views.

    Lines are where their images run and are visible; what lies within 3 px of a line's invisible
    parts is ignored: a faint trace of a line is neither right nor wrong.

    Parameters
    ----------
    truth : Truth
        Of the views.
    lines, maps
        What `apparent.apparent_lines` and `apparent.line_maps` give for it.

    Returns
    -------
    (V, H, W) uint8 ndarray
    """
    drawn = maps["line_index"] >= 0
    label = LINE * drawn.astype(np.uint8)
    label |= BOUNDARY * truth.boundary_mask.astype(np.uint8)
    label |= DISTRACTOR * truth.distractor_mask.astype(np.uint8)
    label |= AMBIGUOUS * maps["ambiguous"].astype(np.uint8)
    for view in range(len(label) if lines is not None else 0):
        hidden = _hidden(lines.placed[view][~lines.seen[view]], label.shape[1:])
        label[view][hidden & ~drawn[view]] |= IGNORE
    return label


def _hidden(placed: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels near parts of lines that are not seen."""
    free = np.ones(shape, bool)
    column, row = np.rint(placed).astype(int).T
    inside = (row >= 0) & (column >= 0) & (row < shape[0]) & (column < shape[1])
    free[row[inside], column[inside]] = False
    if free.all():
        return ~free
    return ndi.distance_transform_edt(free) <= INVISIBLE_REACH


def scene_of(truth: Truth, info: dict) -> Scene:
    """The scene of two simulated views: their clean pictures with labels.

    Parameters
    ----------
    truth : Truth
        Of two views, with its reference.
    info : dict
        To be kept with the scene.

    Returns
    -------
    Scene
        Its lines are where their images run; the disparity is that of the lines themselves.
    """
    lines = apparent_lines(truth)
    maps = line_maps(lines, truth.clean.shape)
    return Scene(
        truth.clean.astype(np.float32),
        truth_labels(truth, lines, maps),
        maps["disparity"],
        maps["line_index"],
        info,
    )


def physical_scene(seed: int, side: int = 384) -> Scene:
    """A random specimen as two views before noise.

    Crystal, thickness, wedge and bend, arrangements, boundaries, dirt, pixel size, stereo angle,
    geometry, detector and the sharpness of the probe are drawn from the seed.

    Parameters
    ----------
    seed : int
        Seed, 0 or more.
    side : int, default 384
        Height and width, px.

    Returns
    -------
    Scene

    See Also
    --------
    hyperspy_stereo.simulation.random_specimen : draws the specimen.

    Examples
    --------
    >>> scene = physical_scene(1_000_003, side=64)
    >>> scene.clean.shape, scene.info["renderer"]
    ((2, 64, 64), 'physical')
    """
    from hyperspy_stereo.simulation.imaging.microscope import Microscope
    from hyperspy_stereo.simulation.imaging.stereo_views import stereo_views
    from hyperspy_stereo.simulation.imaging.tilt_views import tilt_views
    from hyperspy_stereo.simulation.specimens import random_specimen

    rng = np.random.default_rng([seed, 1])
    pixel = float(np.exp(rng.uniform(np.log(0.7), np.log(4.0))))
    angle = float(rng.uniform(2.0, 12.0))
    specimen = random_specimen(seed, size=(side * pixel, side * pixel))
    microscope = Microscope.noiseless(
        pixel_size=pixel,
        convergence_angle=125.0,
        source_size=pixel * float(rng.uniform(0.5, 2.0)),
    )
    tilt = rng.random() < TILT_SHARE
    how = {"signal": "dark field" if rng.random() < DARK_FIELD_SHARE else "bright field"}
    how["slice_thickness"] = SLICE
    how["poisson_ratio"] = specimen.poisson_ratio
    point = rng.random() < POINT_SHARE
    radius = float(np.exp(rng.uniform(*np.log(RADII))))
    how["detector_radius"], how["max_samples"] = 0.0 if point else radius, SAMPLES
    if tilt:
        how["max_samples"] = SAMPLES // 2  # each costs more than in one exposure
        how["deviation_error"] = float(rng.exponential(0.001))
        views = tilt_views(specimen, (angle / 2, -angle / 2), microscope, seed=seed, **how)
    else:
        views = stereo_views(specimen, microscope, stereo_angle=angle, seed=seed, **how)
    info = {
        "renderer": "physical",
        "seed": int(seed),
        "angle": angle,
        "pixel_size": pixel,
        "geometry": "tilt" if tilt else "tiltless",
        "crystal": specimen.crystal,
        "kinds": sorted(set(views.truth.kinds)),
        **how,
    }
    return scene_of(views.truth, info)
