"""Scores of a detector on scenes it is not trained on, with noise that never changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from hyperspy_stereo.detection.normalise import normalised
from hyperspy_stereo.training.detector.config import ValidationSettings
from hyperspy_stereo.training.engine import autocast
from hyperspy_stereo.training.recipe.scene import Scene
from hyperspy_stereo.training.seeds import CRUDE, VALID

__all__ = ["Validation", "noisy_views", "probabilities", "stored_scene"]

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
        Made if needed. Delete it when the renderer has changed.

    Returns
    -------
    Scene
    """
    path = folder / f"{draw.__name__}_{seed}_{side}.npz"
    if path.is_file():
        with np.load(path) as arrays:
            return Scene(*(arrays[name] for name in ARRAYS), info={"seed": seed})
    scene = draw(seed, side)
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part.npz")
    np.savez_compressed(partial, **{name: getattr(scene, name) for name in ARRAYS})
    partial.replace(path)
    return scene


def noisy_views(
    scene: Scene, seed: int, settings: ValidationSettings
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each view as counted at one dose, with its label.

    Parameters
    ----------
    scene : Scene
        Before noise.
    seed : int
        Of the noise; also chooses the dose.
    settings : ValidationSettings
        Doses and errors of the scan.

    Yields
    ------
    image : (H, W) float32 ndarray
    label : (H, W) uint8 ndarray
    """
    from hyperspy_stereo.training.recipe.noise import acquire

    dose = settings.doses[seed % len(settings.doses)]
    for view in range(2):
        rng = np.random.default_rng([seed, view])
        image = acquire(scene.clean[view], dose, settings.row_gain, settings.row_jitter, rng)
        yield np.asarray(image, np.float32), scene.label[view]


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
    with torch.no_grad(), autocast(True):
        found = model(tensor).float().sigmoid()
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
        for name, seeds, count in (
            ("physical", VALID, settings.physical),
            ("crude", CRUDE, settings.crude),
        ):
            if count:
                draw = _renderer(name)
                self.pictures[name] = [
                    picture
                    for seed in seeds[:count]
                    for picture in noisy_views(
                        stored_scene(draw, seed, settings.side, stored), seed, settings
                    )
                ]

    def __call__(self, model: torch.nn.Module) -> dict[str, float]:
        """Return the mean scores over all views, named as ``crude_f1``."""
        from hyperspy_stereo.training.evaluation.scores import line_scores, mask_scores

        result = {}
        for name, pictures in self.pictures.items():
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
