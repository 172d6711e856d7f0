"""Light and recording of training samples, drawn at random."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from hyperspy_stereo.training.recipe.noise import developed
from hyperspy_stereo.training.recipe.warp import smooth_field

__all__ = [
    "lit",
    "log_uniform",
    "random_recording",
    "random_storage",
    "softened",
    "uneven",
]

DOSE = (60.0, 10_000.0)  # electrons per pixel
DOSE_OF_BEAM_SHARE = 0.25
INVERTED_SHARE = 0.1


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between two, evenly distributed in its logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def softened(image: np.ndarray, sigma: float) -> np.ndarray:
    """Image blurred by a Gaussian of `sigma` px, as it is below a quarter of a pixel."""
    return ndi.gaussian_filter(image, sigma, truncate=2.5) if sigma > 0.25 else image


def lit(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A clean picture (H, W) in another light: contrast, inversion, uneven ground, blur.

    The ground of the result is about 1.
    """
    ground = max(float(np.median(picture[::2, ::2])), 1e-3)
    picture = np.maximum(picture / np.float32(ground), 1e-3)
    picture = picture ** np.float32(log_uniform(rng, 0.35, 1.4))
    if rng.random() < INVERTED_SHARE:
        picture = np.maximum(np.float32(rng.uniform(1.6, 2.4)) - picture, np.float32(0.02))
    if rng.random() < 0.8:
        picture = picture * np.exp(uneven(picture.shape, rng))
    blur = rng.uniform(0.3, 1.4) if rng.random() < 0.4 else 0.0
    return softened(picture, blur)


def uneven(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Logarithm (H, W) of slow changes of brightness: slopes, clouds and vignetting."""
    rows, columns = (np.linspace(0, 1, n, dtype=np.float32) for n in shape)
    across = rng.normal(0, 0.25 if rng.random() < 0.7 else 0.8, 2)
    field = np.float32(across[0]) * rows[:, None] + np.float32(across[1]) * columns[None, :]
    count = int(rng.integers(4, 9))
    strength = rng.exponential(0.15)
    field += np.float32(strength) * smooth_field(rng.normal(size=(count, count)), rows, columns)
    if rng.random() < 0.2:
        far = (rows[:, None] - 0.5) ** 2 + (columns[None, :] - 0.5) ** 2
        field -= np.float32(rng.uniform(0.1, 1.2)) * far
    return np.clip(field - np.float32(field.mean()), -2, 1.5)


def random_recording(rng: np.random.Generator) -> dict:
    """Random arguments of `acquire`: dose, and how unsteady beam, scan and detector are."""
    how = {
        "dose": log_uniform(rng, *DOSE),
        "row_gain": float(rng.uniform(0, 0.025)) if rng.random() < 0.6 else 0.0,
        "row_jitter": float(rng.uniform(0, 0.5)) if rng.random() < 0.5 else 0.0,
        "of_ground": bool(rng.random() >= DOSE_OF_BEAM_SHARE),
    }
    if rng.random() < 0.5:
        how["flickering"] = log_uniform(rng, 0.002, 0.03)
        how["flicker_length"] = log_uniform(rng, 20.0, 2000.0)
    if rng.random() < 0.35:
        how["glitches"] = log_uniform(rng, 0.5, 12.0)
    if rng.random() < 0.2:
        how["read_noise"] = 0.5 * float(np.sqrt(how["dose"])) * float(rng.uniform(0, 1))
    if rng.random() < 0.05:
        how["hot_pixels"] = log_uniform(rng, 1e-5, 3e-4)
    return how


def random_storage(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A recorded picture after random smoothing, gamma, clipping and rounding, or as it is."""
    if rng.random() < 0.35:
        return picture
    how: dict = {}
    if rng.random() < 0.4:
        how["smoothing"] = float(rng.uniform(0.35, 1.3))
    if rng.random() < 0.3:
        how["gamma"] = log_uniform(rng, 0.5, 1.6)
    if rng.random() < 0.7:
        harsh = rng.random() < 0.15
        how["black"], how["white"] = rng.uniform(0, 0.06 if harsh else 0.008, 2)
    if rng.random() < 0.1:
        how["levels"] = int(rng.integers(24, 256))
    return developed(picture, **how)
