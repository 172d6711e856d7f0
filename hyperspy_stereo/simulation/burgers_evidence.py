"""Which Burgers vector explains the image of a dislocation best, by two-beam simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import shift
from scipy.spatial import cKDTree

from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.dislocation import Dislocation
from hyperspy_stereo.simulation.two_beam import bright_dark_field

__all__ = ["BurgersEvidence", "burgers_evidence"]

SURE = 7.0
"""Log likelihood ratio between the best two values of ``|g.b|`` from which the best is called: the
other is then a thousand times less likely."""
NEAR = 25.0
"""nm from the line within which its image is compared; contrast dies out over xi_g / 3."""
OFFSETS = (-1, 0, 1)
"""px by which the line may lie beside where it was traced, each way."""
SIGNS = (1, -1)
LEAST_MISFIT = 1.0


@dataclass(frozen=True, eq=False)
class BurgersEvidence:
    """How well each candidate explains an image.

    Attributes
    ----------
    chi2 : (C,) ndarray
        Of each candidate at its best depth, place and sign, over the noise and the misfit of the
        best one.
    depth : (C,) ndarray
        Depth of the foil's entrance face against the depths that were given, nm, at which each
        candidate fits best: the absolute depth that parallax alone does not tell.
    g_dot_b : (C,) ndarray
        ``|g.b|`` of each candidate.
    misfit : float
        Reduced chi-square of the best candidate, 1 if only noise is left.
    log_ratio : float
        Log likelihood ratio of the best ``|g.b|`` to the next; infinite if there is one only.
    answer : float or None
        The ``|g.b|`` that explains the image, None if it cannot be told.
    """

    chi2: np.ndarray
    depth: np.ndarray
    g_dot_b: np.ndarray
    misfit: float
    log_ratio: float
    answer: float | None


def burgers_evidence(
    image: ArrayLike,
    noise: float,
    points: ArrayLike,
    candidates: Sequence[ArrayLike],
    beam: TwoBeam,
    thickness: float,
    *,
    pixel_size: float = 1.0,
    depths: Sequence[float] = (0.0,),
    incidence: ArrayLike = (0.0, 0.0),
    poisson_ratio: float = 0.3,
) -> BurgersEvidence:
    """Compare the bright-field image of one line with two-beam simulations.

    The image may have any level and scale: both are fitted, so that g.b shows by the shape of the
    contrast, not by its absolute strength. Place (1 px), sign of b and the absolute depth are
    fitted as well; candidates of one ``|g.b|`` count as one, with the best of them.

    Parameters
    ----------
    image : array-like of shape (H, W)
        Around an isolated line, in any unit.
    noise : float
        Standard deviation of a pixel, same unit.
    points : array-like of shape (n, 3)
        The line: x, y in px of the image, z in px from the foil's entrance face.
    candidates : sequence of (3,) array-like
        Burgers vectors, nm, in the frame of the image.
    beam : TwoBeam
        Reflection and excitation error.
    thickness : float
        Of the foil, nm.
    pixel_size : float
        nm. Default 1.
    depths : sequence of float
        Shifts of the whole line in depth to try, nm. Default (0,): its depth is known.
    incidence : (theta_x, theta_y)
        Of the view, rad. Default along the beam.
    poisson_ratio : float
        Default 0.3.

    Returns
    -------
    BurgersEvidence

    Raises
    ------
    ValueError
        If shapes do not fit, there is no candidate, the noise is not positive, or fewer than 20
        pixels lie near the line.

    Notes
    -----
    Chi-square is divided by the misfit of the best candidate where that is above 1, as errors of
    the model make all differences look surer than they are.

    References
    ----------
    A. K. Head et al., Computed Electron Micrographs and Defect Identification (1973).

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo.simulation import TwoBeam
    >>> beam = TwoBeam([0, 5, 0], 0.02, 40, 660, 600)
    >>> line = np.array([[4, 20, 20], [36, 20, 80.0]])
    >>> foil = Dislocation(line, [0, 0.2, 0])
    >>> image, _ = bright_dark_field(foil, beam, 100, np.arange(40), np.arange(40), field="nearest")
    >>> found = burgers_evidence(image, 0.005, line, [[0, 0.2, 0], [0, 0.4, 0]], beam, 100)
    >>> found.g_dot_b.tolist(), found.answer
    ([1.0, 2.0], 1.0)
    """
    view, line = np.asarray(image, dtype=np.float64), np.asarray(points, dtype=np.float64)
    vectors = np.atleast_2d(np.asarray(candidates, dtype=np.float64))
    _check(view, line, vectors, noise)
    rows, columns = np.mgrid[: view.shape[0], : view.shape[1]]
    near = cKDTree(_dense(line[:, :2])).query(np.column_stack([columns.ravel(), rows.ravel()]))[0]
    use = (near * pixel_size < NEAR).reshape(view.shape)
    if use.sum() < 20:
        raise ValueError(
            f"{use.sum()} pixels lie within {NEAR:g} nm of the line; 20 or more are needed. Are "
            "the points in px of this image?"
        )
    x, y = np.arange(view.shape[1]) * pixel_size, np.arange(view.shape[0]) * pixel_size
    chi2, depth = np.full(len(vectors), np.inf), np.zeros(len(vectors))
    for c, b in enumerate(vectors):
        for down in depths:
            for sign in SIGNS:
                where = line * pixel_size + (0.0, 0.0, down)
                model, _ = bright_dark_field(
                    Dislocation(where, sign * b),
                    beam,
                    thickness,
                    x,
                    y,
                    incidence,
                    field="nearest",
                    slice_thickness=2.0,
                    poisson_ratio=poisson_ratio,
                )
                best = _best_place(view, model, use) / noise**2
                if best < chi2[c]:
                    chi2[c], depth[c] = best, down
    misfit = float(chi2.min() / (use.sum() - 4))
    return _verdict(chi2, depth, np.abs(vectors @ beam.g), misfit)


def _check(view: np.ndarray, line: np.ndarray, vectors: np.ndarray, noise: float) -> None:
    if view.ndim != 2 or line.ndim != 2 or line.shape[1] != 3 or len(line) < 2:
        raise ValueError(
            "An (H, W) image and an (n, 3) line, n >= 2, are needed; shapes "
            f"{view.shape} and {line.shape} were given."
        )
    if vectors.size == 0 or vectors.shape[1] != 3:
        raise ValueError(
            "`candidates` are Burgers vectors (3,) in nm, at least one: "
            "simulation.burgers_vectors gives those of a crystal."
        )
    if not noise > 0:
        raise ValueError(f"`noise` is the standard deviation of a pixel, above 0; {noise!r}.")


def _dense(xy: np.ndarray) -> np.ndarray:
    """The polyline with a point every half pixel."""
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    at = np.linspace(0.0, arc[-1], int(2 * arc[-1]) + 2)
    return np.column_stack([np.interp(at, arc, xy[:, k]) for k in range(2)])


def _best_place(view: np.ndarray, model: np.ndarray, use: np.ndarray) -> float:
    """Least sum of squares over level, scale (positive) and a shift of a pixel."""
    data = view[use] - view[use].mean()
    best = float(data @ data)
    for dy in OFFSETS:
        for dx in OFFSETS:
            moved = shift(model, (dy, dx), order=1, mode="nearest")[use]
            moved = moved - moved.mean()
            power = float(moved @ moved)
            if power > 0:
                gain = max(float(moved @ data) / power, 0.0)
                rest = data - gain * moved
                best = min(best, float(rest @ rest))
    return best


def _verdict(chi2, depth, g_dot_b, misfit) -> BurgersEvidence:
    """Best ``|g.b|``, if the next one is far enough behind."""
    scaled = chi2 / max(misfit, LEAST_MISFIT)
    kinds = np.round(g_dot_b, 3)
    values = np.unique(kinds)
    least = np.array([scaled[kinds == value].min() for value in values])
    order = np.argsort(least)
    ratio = float(least[order[1]] - least[order[0]]) / 2 if len(values) > 1 else np.inf
    answer = float(values[order[0]]) if ratio >= SURE else None
    return BurgersEvidence(scaled, depth, g_dot_b, misfit, ratio, answer)
