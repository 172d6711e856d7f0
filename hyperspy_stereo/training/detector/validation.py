"""Scores of a detector on scenes it is not trained on, with noise that never changes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from hyperspy_stereo.detection.normalise import normalised
from hyperspy_stereo.training.detector.config import ValidationSettings
from hyperspy_stereo.training.recipe.scene import EDITION, Scene
from hyperspy_stereo.training.seeds import CRUDE, VALID

__all__ = ["Validation", "crudely_recorded", "probabilities", "recorded", "stored_scene"]

SCORES = ("f1", "precision", "recall", "cldice", "boundary_as_line")
ARRAYS = ("clean", "label", "disparity", "line_index")


def stored_scene(draw: Callable[[int, int], Scene], seed: int, side: int, folder: Path) -> Scene:
    """Return a scene, drawn once and then read from a folder.

    Parameters
    ----------
    draw : callable
        ``draw(seed, side)``, such as `recipe.physical.physical_scene`.
    seed, side : int
        Of the scene; side in px.
    folder : Path
        Made if needed. Names hold the edition, `recipe.scene.EDITION`.

    Returns
    -------
    Scene
    """
    path = folder / f"{draw.__name__}_{seed}_{side}_e{EDITION}.npz"
    if path.is_file():
        with np.load(path) as arrays:
            return Scene(*(arrays[name] for name in ARRAYS), info={"seed": seed})
    scene = draw(seed, side)
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.npz")  # another process may draw the same
    np.savez_compressed(partial, **{name: getattr(scene, name) for name in ARRAYS})
    partial.replace(path)
    return scene


def recorded(scene: Scene, seed: int, settings: ValidationSettings) -> np.ndarray:
    """Return both views of a scene of the training's renderer as counted at one dose.

    Parameters
    ----------
    scene : Scene
        Before noise.
    seed : int
        Of the noise; also chooses the dose.
    settings : ValidationSettings
        Doses and errors of the scan.

    Returns
    -------
    (2, H, W) float32 ndarray
    """
    from hyperspy_stereo.training.recipe.noise import acquire

    dose = settings.doses[seed % len(settings.doses)]
    views = [
        acquire(
            clean,
            dose,
            settings.row_gain,
            settings.row_jitter,
            np.random.default_rng([seed, view]),
        )
        for view, clean in enumerate(scene.clean)
    ]
    return np.asarray(views, np.float32)


def crudely_recorded(scene: Scene, seed: int, settings: ValidationSettings) -> np.ndarray:
    """Return both views of a scene of the other renderer with that renderer's own noise.

    Parameters
    ----------
    scene, seed
        As in `recorded`; the seed also chooses the level of noise.
    settings : ValidationSettings
        Levels of the noise.

    Returns
    -------
    (2, H, W) float32 ndarray
    """
    from hyperspy_stereo.training.evaluation.crude_noise import crude_noise

    level = settings.crude_levels[seed % len(settings.crude_levels)]
    return crude_noise(scene.clean, np.random.default_rng([seed, 1]), level)


def probabilities(model: torch.nn.Module, image: np.ndarray) -> np.ndarray:
    """Return the network's probabilities of a whole picture, as trained, without calibration.

    Parameters
    ----------
    model : Module
        In evaluation mode.
    image : (H, W) ndarray
        Sides that are no multiple of 16 px are mirrored up to one.

    Returns
    -------
    (2, H, W) float32 ndarray
        Line, boundary.
    """
    height, width = image.shape
    padding = ((0, -height % 16), (0, -width % 16))
    channels = np.pad(normalised(image), ((0, 0), *padding), mode="symmetric")
    place = next(model.parameters()).device
    tensor = torch.from_numpy(channels)[None].to(place, memory_format=torch.channels_last)
    with torch.no_grad():
        found = model(tensor).sigmoid()
    return found[0, :, :height, :width].cpu().numpy()


class Validation:
    """Scores a network on fixed pictures.

    Parameters
    ----------
    settings : ValidationSettings
        How many scenes, of which size and dose.
    folder : str or Path
        The data folder; drawn scenes are kept in its "validation".
    watch : str or Path, optional
        Folder with ``left.png`` and ``left_mask.png`` drawn by hand: scored and logged, but never
        used to choose anything.

    Raises
    ------
    ValueError
        If `watch` lacks a picture, or another size of mask.
    """

    def __init__(
        self, settings: ValidationSettings, folder: str | Path, watch: str | Path | None = None
    ) -> None:
        self.pictures: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        self.watched = None if watch is None else _annotated(Path(watch))
        stored = Path(folder) / "validation"
        for name, seeds, count, record in (
            ("physical", VALID, settings.physical, recorded),
            ("crude", CRUDE, settings.crude, crudely_recorded),
        ):
            pictures = self.pictures.setdefault(name, [])
            for seed in seeds[:count]:
                scene = stored_scene(_renderer(name), seed, settings.side, stored)
                pictures.extend(zip(record(scene, seed, settings), scene.label, strict=True))

    def __call__(self, model: torch.nn.Module) -> dict[str, float]:
        """Return the mean scores over all views, named as ``crude_f1``."""
        from hyperspy_stereo.training.evaluation.scores import line_scores, mask_scores

        result = {}
        for name, pictures in self.pictures.items():
            if not pictures:
                continue
            rows = [line_scores(probabilities(model, view)[0], label) for view, label in pictures]
            for score in SCORES:
                values = np.array([row[score] for row in rows], float)
                known = values[np.isfinite(values)]
                result[f"{name}_{score}"] = float(known.mean()) if known.size else float("nan")
        if self.watched is not None:
            image, mask = self.watched
            scores = mask_scores(probabilities(model, image)[0] >= 0.5, mask)
            result["watch_f1"] = scores["f1"]
        return result


def _renderer(name: str) -> Callable[[int, int], Scene]:
    """Return the function that draws the scenes of a validation set."""
    if name == "physical":
        from hyperspy_stereo.training.recipe.physical import physical_scene

        return physical_scene
    from hyperspy_stereo.training.evaluation.crude import crude_scene

    return crude_scene


def _annotated(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a picture and the mask drawn on it."""
    from skimage.io import imread

    arrays = []
    for name in ("left.png", "left_mask.png"):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} has no {name}: --watch needs left.png and left_mask.png.")
        array = np.asarray(imread(folder / name), np.float32)
        arrays.append(array[..., :3].mean(axis=-1) if array.ndim == 3 else array)
    image, mask = arrays
    if image.shape != mask.shape:
        raise ValueError(f"left.png is {image.shape}, but left_mask.png {mask.shape}: equal ones.")
    return image, mask > mask.max() / 2
