"""A joint fit as plain arrays, so that it can be written to a file with its network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hyperspy_stereo.matching.joint_fit.refine import RefinedLines

__all__ = ["fit_from_state", "fit_state"]

FLAGS = ("fitted", "aligned", "crossing")


def fit_state(fit: RefinedLines) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Everything that a fit holds beside the points of its network.

    Parameters
    ----------
    fit : RefinedLines
        Of L lines.

    Returns
    -------
    arrays : dict
        One- and two-dimensional arrays, their names begin with "fit_".
    meta : dict
        What JSON can write.

    Examples
    --------
    >>> from hyperspy_stereo.matching.joint_fit import Projection, RefinedLines
    >>> where = Projection("tiltless", (0.0, 0.0), (0.0, 0.0), 0.0)
    >>> empty = RefinedLines([], [], [], [], [], np.zeros(0), [], where)
    >>> arrays, meta = fit_state(empty)
    >>> fit_from_state(arrays, meta, [], []).projection == where
    True
    """
    arrays = {
        f"fit_{name}": np.concatenate([*getattr(fit, name), np.zeros(0, bool)]).astype(np.uint8)
        for name in FLAGS
    }
    known = [pattern for pattern in fit.patterns if pattern is not None]
    arrays["fit_chi2"] = np.asarray(fit.chi2, dtype=np.float64)
    arrays["fit_points"] = np.concatenate(
        [np.column_stack([p.base, p.normal, p.depth]) for p in known] + [np.zeros((0, 5))]
    )
    arrays["fit_profile"] = np.concatenate([p.profile.ravel() for p in known] + [np.zeros(0)])
    arrays["fit_across"] = np.concatenate([p.across for p in known] + [np.zeros(0)])
    place = fit.projection
    meta = {
        "shapes": [None if p is None else list(p.profile.shape) for p in fit.patterns],
        "spacing": [p.spacing for p in known],
        "geometry": place.geometry,
        "centre": [float(c) for c in place.centre],
        "reference": [float(t) for t in place.reference],
        "parallax_azimuth": place.parallax_azimuth,
    }
    return arrays, meta


def fit_from_state(
    arrays: dict[str, np.ndarray],
    meta: dict[str, Any],
    lines: list[np.ndarray],
    sigma: list[np.ndarray],
) -> RefinedLines:
    """A fit from what :func:`fit_state` made of it.

    Parameters
    ----------
    arrays, meta : dict
        As from :func:`fit_state`.
    lines : list of (n, 3) ndarray
        Of the network, px.
    sigma : list of (n,) ndarray
        px.

    Returns
    -------
    RefinedLines
    """
    from hyperspy_stereo.matching.joint_fit.fitted_curves import Projection
    from hyperspy_stereo.matching.joint_fit.refine import Pattern, RefinedLines

    ends = np.cumsum([len(line) for line in lines])[:-1]
    flags = [np.split(arrays[f"fit_{name}"].astype(bool), ends) if lines else [] for name in FLAGS]
    points = arrays["fit_points"].reshape(-1, 5)
    patterns: list[Pattern | None] = []
    spacing, at, used, rows = iter(meta["spacing"]), 0, 0, 0
    for shape in meta["shapes"]:
        if shape is None:
            patterns.append(None)
            continue
        own, size = points[at : at + shape[1]], int(np.prod(shape))
        profile = arrays["fit_profile"][used : used + size].reshape(shape)
        across = arrays["fit_across"][rows : rows + shape[0]]
        parts = (own[:, :2], own[:, 2:4], own[:, 4])
        patterns.append(Pattern(*parts, float(next(spacing)), profile, across))
        at, used, rows = at + shape[1], used + size, rows + shape[0]
    place = Projection(
        meta["geometry"],
        tuple(meta["centre"]),
        tuple(meta["reference"]),
        meta["parallax_azimuth"],
    )
    return RefinedLines(lines, sigma, *flags, arrays["fit_chi2"], patterns, place)
