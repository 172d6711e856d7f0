"""The frozen test set: physical scenes, recorded by the simulator's own microscope.

Training can never draw its seeds, and nothing about a network is chosen by looking at it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage as ndi

from hyperspy_stereo.training.recipe.apparent import WIDTH, ApparentLines, apparent_lines
from hyperspy_stereo.training.recipe.merging import merged_pixels, merged_turns
from hyperspy_stereo.training.recipe.scene import AMBIGUOUS, EDITION, IGNORE, LINE, Scene
from hyperspy_stereo.training.recipe.visibility import drowned
from hyperspy_stereo.training.seeds import FROZEN

__all__ = [
    "FOLDER",
    "FROZEN_PAIRS",
    "NOISE_LEVELS",
    "POINT_PAIRS",
    "FrozenPair",
    "PairRecipe",
    "frozen_pairs",
    "load_pair",
    "make_pair",
    "make_pairs",
    "save_pair",
]

RESOLVED = 10.0  # nm; images of lines, or of a helix's turns, merge if they are nearer
LEAST_APART = 4.0  # px
FOLDER = Path("training_data/frozen")  #: where pairs are kept once they are made
SIDE = 512  #: px
SAMPLES = 96  # incidences for a detector at most: enough for the fringes of nearly all of them
#: Electrons per position, relative rms of the rows' current, rms shift of rows (px).
NOISE_LEVELS = ((4000, 0.003, 0.05), (800, 0.008, 0.15), (250, 0.015, 0.25), (80, 0.02, 0.4))


@dataclass(frozen=True)
class PairRecipe:
    """What makes a test pair; the rest is drawn from the seed.

    Attributes
    ----------
    seed : int
        Of `seeds.FROZEN`.
    angle : float
        Stereo angle, degrees.
    noise : int
        Number of the noise level, 0 (least) to 3.
    pixel_size : float
        nm.
    kind : str, optional
        Arrangement that is there besides single lines; drawn if None.
    crystal : str, optional
        Drawn if None.
    boundaries : int
        Number of grain or lamella boundaries.
    detector : float
        Radius of the detectors, or the semi-angle of a tilted pair's cone, mrad; 0 is a point.
    tilt : bool
        The specimen is tilted between the views.
    n_lines : int, optional
        Drawn if None.
    side : int
        Height and width, px.
    """

    seed: int
    angle: float
    noise: int
    pixel_size: float
    kind: str | None = None
    crystal: str | None = None
    boundaries: int = 0
    detector: float = 0.0
    tilt: bool = False
    n_lines: int | None = None
    side: int = SIDE

    def __post_init__(self) -> None:
        if self.seed not in FROZEN:
            raise ValueError(
                f"seed {self.seed} is none of the frozen test set: take one from {FROZEN.start} "
                f"to {FROZEN.stop - 1}."
            )
        if self.noise not in range(len(NOISE_LEVELS)):
            raise ValueError(f"noise={self.noise!r}: take a level from 0 to 3.")


@dataclass(frozen=True, eq=False)
class FrozenPair:
    """A recorded pair with its truth.

    Attributes
    ----------
    images : (2, H, W) float32 ndarray
        As recorded: share of the incident electrons.
    scene : Scene
        Clean views and labels in the frame of the recorded views, scan distortion included (but
        for the random shifts of rows, which nobody could undo).
    angle : float
        Stereo angle, degrees.
    noise : int
        Level, 0 to 3.
    """

    images: np.ndarray
    scene: Scene
    angle: float
    noise: int


def _recipes() -> tuple[PairRecipe, ...]:
    """The 24 pairs: each arrangement twice, each noise level six times, half with boundaries.

    Images of lines are about a third of the extinction distance wide, 10 to 25 nm: 3 to 20 of
    these pixels. What happens at other pixel sizes, the robustness curves tell.
    """
    kinds = ("line", "threading", "loop", "helix", "pile-up", "dipole", "dissociated", "junction",
             "network", "tangle", "interface", None)  # fmt: skip
    # arrangements that not every crystal has
    crystals = {"dissociated": "CrMnFeCoNi", "junction": "Al", "network": "Ni"}
    angles = (6, 10, 3, 8, 12, 5, 2, 9, 4, 11, 7, 12, 8, 2, 11, 5, 9, 3, 10, 6, 12, 4, 7, 8)
    # Virtual detectors are about a fifth of a disc; tilted pairs are taken with narrower cones.
    radii = np.geomspace(5.0, 18.0, 24)[(np.arange(24) * 11) % 24]
    seeds = {4: 104, 14: 114, 17: 117}  # those of their own number show hardly any line
    sizes = np.exp(np.linspace(np.log(1.2), np.log(4.0), 24))[(np.arange(24) * 7) % 24]
    recipes = []
    for n in range(24):
        kind = kinds[n % 12]
        boundaries = max(int(kind == "interface"), (0, 1, 0, 2)[(n + n // 12) % 4])
        recipes.append(
            PairRecipe(
                seed=FROZEN.start + seeds.get(n, n),
                angle=float(angles[n]),
                noise=(n + n // 4) % 4,
                pixel_size=round(float(sizes[n]), 3),
                kind=kind,
                crystal=crystals.get(kind or ""),
                boundaries=boundaries,
                detector=round(float(radii[n]) / (2.5 if n % 4 == 2 else 1.0), 1),
                tilt=n % 4 == 2,
            )
        )
    return tuple(recipes)


FROZEN_PAIRS = _recipes()  #: what `frozen_pairs` makes
#: The same specimens seen by a point, with all the fringes of strain that a detector averages out.
POINT_PAIRS = tuple(replace(recipe, detector=0.0) for recipe in FROZEN_PAIRS)


def make_pair(recipe: PairRecipe) -> FrozenPair:
    """Simulate and record a pair.

    Parameters
    ----------
    recipe : PairRecipe
        What is to be made.

    Returns
    -------
    FrozenPair
        Its scene's info holds the recipe, the incidences (mrad) and the kinds of lines.

    Examples
    --------
    >>> pair = make_pair(PairRecipe(3_000_500, 6.0, 0, 2.0, side=64))
    >>> pair.images.shape, pair.angle
    ((2, 64, 64), 6.0)
    """
    from hyperspy_stereo.simulation.imaging.microscope import Microscope, ScanNoise
    from hyperspy_stereo.simulation.imaging.stereo_views import stereo_views
    from hyperspy_stereo.simulation.imaging.tilt_views import tilt_views
    from hyperspy_stereo.simulation.specimens import random_specimen
    from hyperspy_stereo.training.recipe.physical import scene_of

    dose, gain, jitter = NOISE_LEVELS[recipe.noise]
    field = recipe.side * recipe.pixel_size
    kinds = None if recipe.kind is None else tuple(dict.fromkeys((recipe.kind, "line")))
    specimen = random_specimen(
        recipe.seed,
        recipe.crystal,
        size=(field, field),
        kinds=kinds,
        n_lines=recipe.n_lines,
        n_boundaries=recipe.boundaries,
    )
    microscope = Microscope(
        pixel_size=recipe.pixel_size,
        convergence_angle=125.0,
        source_size=recipe.pixel_size,
        dose=dose,
        scan=ScanNoise(row_gain=gain, row_jitter=jitter),
    )
    common: dict[str, Any] = {
        "seed": recipe.seed,
        "poisson_ratio": specimen.poisson_ratio,
        "detector_radius": recipe.detector,
        "max_samples": SAMPLES,
    }
    if recipe.tilt:
        tilts = (recipe.angle / 2, -recipe.angle / 2)
        views = tilt_views(specimen, tilts, microscope, **common)
    else:
        views = stereo_views(specimen, microscope, stereo_angle=recipe.angle, **common)
    info = {
        "renderer": "physical",
        **asdict(recipe),
        "geometry": views.truth.geometry,
        "crystal": specimen.crystal,
        "kinds": sorted(set(views.truth.kinds)),
        "incidence": views.incidence.tolist(),
        "thickness": float(specimen.thickness),
    }
    scene = _without_drowned(scene_of(views.truth, info), dose)
    lines = apparent_lines(views.truth)
    scene = _without_merged(scene, lines, max(LEAST_APART, RESOLVED / recipe.pixel_size))
    return FrozenPair(views.images, scene, recipe.angle, recipe.noise)


def _without_drowned(scene: Scene, dose: float) -> Scene:
    """The scene with what nobody could see at this dose put among what is not scored."""
    label = scene.label.copy()
    for view, bits in enumerate(label):
        hidden = drowned(scene.clean[view], (bits & LINE).astype(np.uint8), dose)
        bits[hidden] = (bits[hidden] & ~np.uint8(LINE)) | IGNORE
    return replace(scene, label=label)


def _without_merged(scene: Scene, lines: ApparentLines | None, apart: float) -> Scene:
    """The scene with lines nearer than `apart` px to one another, or to themselves, ambiguous."""
    label = scene.label.copy()
    for view, (index, bits) in enumerate(zip(scene.line_index, label, strict=True)):
        bits[merged_pixels(index, apart)] |= AMBIGUOUS
        for number in np.unique(index[index >= 0]):
            own = np.flatnonzero(lines.owner == number)
            placed = lines.placed[view, own]
            turns = merged_turns(placed, lines.seen[view, own], apart)
            bits[_beside(placed[turns], index.shape) & (index == number)] |= AMBIGUOUS
    return replace(scene, label=label)


def _beside(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels of a line, 3 px wide, that belong to these of its points."""
    free = np.ones(shape, bool)
    column, row = np.rint(points).astype(int).T
    inside = (row >= 0) & (column >= 0) & (row < shape[0]) & (column < shape[1])
    free[row[inside], column[inside]] = False
    return ndi.distance_transform_edt(free) <= WIDTH if inside.any() else ~free


def save_pair(pair: FrozenPair, path: Path) -> None:
    """Write a pair as ``.npz``, all at once, so that no half-written one can be met."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scene = pair.scene
    part = path.with_name(f".{os.getpid()}_{path.name}")
    np.savez_compressed(
        part,
        images=pair.images,
        clean=scene.clean,
        label=scene.label,
        disparity=scene.disparity,
        line_index=scene.line_index,
        info=np.array(json.dumps({**scene.info, "angle": pair.angle, "noise": pair.noise})),
    )
    part.replace(path)


def load_pair(path: Path) -> FrozenPair:
    """Read a pair that `save_pair` wrote."""
    with np.load(path, allow_pickle=False) as file:
        info = json.loads(str(file["info"]))
        names = ("clean", "label", "disparity", "line_index")
        scene = Scene(*(file[name] for name in names), info=info)
        return FrozenPair(file["images"], scene, float(info["angle"]), int(info["noise"]))


def make_pairs(
    recipes: Iterable[PairRecipe], folder: Path = FOLDER, workers: int = 2
) -> list[FrozenPair]:
    """Pairs of recipes, from the disk where they are there.

    Parameters
    ----------
    recipes : iterable of PairRecipe
        What is wanted.
    folder : Path, default ``training_data/frozen``
        Where pairs are kept, one file each.
    workers : int, default 2
        Processes that make what is missing.

    Returns
    -------
    list of FrozenPair
    """
    recipes, folder = list(recipes), Path(folder)
    paths = [folder / f"{_name(recipe)}.npz" for recipe in recipes]
    missing = [(r, p) for r, p in zip(recipes, paths, strict=True) if not p.exists()]
    if len(missing) > 1 and workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            list(pool.map(_make_and_save, missing))
    else:
        for task in missing:
            _make_and_save(task)
    return [load_pair(path) for path in paths]


def frozen_pairs(folder: Path = FOLDER, workers: int = 2) -> list[FrozenPair]:
    """Return the frozen test set, 24 pairs of 512 px; see `make_pairs`."""
    return make_pairs(FROZEN_PAIRS, folder, workers)


def _make_and_save(task: tuple[PairRecipe, Path]) -> None:
    save_pair(make_pair(task[0]), task[1])


def _name(recipe: PairRecipe) -> str:
    """A file name that differs wherever the recipe, or how it is drawn, does."""
    parts = [f"{recipe.seed}", f"a{recipe.angle:g}", f"n{recipe.noise}", f"p{recipe.pixel_size:g}"]
    parts += [recipe.kind or "any", recipe.crystal or "any", f"b{recipe.boundaries}"]
    parts += [f"d{recipe.detector:g}", "tilt" if recipe.tilt else "scan"]
    parts += [f"l{'any' if recipe.n_lines is None else recipe.n_lines}", f"s{recipe.side}"]
    parts += [f"m{SAMPLES}", f"e{EDITION}"]
    return "_".join(parts)
