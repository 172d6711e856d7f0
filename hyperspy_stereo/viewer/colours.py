"""Colours: maps that survive print and colour blindness, and the palette of the axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["OKABE_ITO", "Scalar", "rgb_of"]

# M. Okabe, K. Ito, Color Universal Design (2008): told apart with any colour vision.
OKABE_ITO = {
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "black": "#000000",
}
# Neighbouring lines get colours that are far apart; yellow and black are left out because they
# vanish on white, or look like an outline.
LINE_COLOURS = ("blue", "vermilion", "green", "purple", "sky", "orange")
# For more names than six: wine, olive and indigo of P. Tol's muted scheme (SRON/EPS/TN/09-002).
NAME_COLOURS = (*(OKABE_ITO[name] for name in LINE_COLOURS), "#882255", "#999933", "#332288")
UNNAMED = "#9a9a9a"


@dataclass(frozen=True)
class Scalar:
    """A number per point that colours can show.

    Attributes
    ----------
    values : numpy.ndarray
        (N,).
    label : str
        For the colour bar, with the unit.
    cmap : str
        Name of a matplotlib colour map; "lines" gives each line one of six colours, "names" each
        of `names` one of nine and values below 0 grey.
    limits : (float, float)
        Values at the two ends of the colour bar.
    names : tuple of str
        Of the values 0, 1, 2, ... of "names", and of -1 last.
    """

    values: np.ndarray
    label: str
    cmap: str
    limits: tuple[float, float]
    names: tuple[str, ...] = ()

    @property
    def is_categorical(self) -> bool:
        """Whether the values are numbers of things, which have no colour bar."""
        return self.cmap in ("lines", "names")

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Names and their colours as #rrggbb; empty if there are none."""
        from matplotlib.colors import to_hex

        numbers = [*range(len(self.names) - 1), -1] if self.names else []
        colours = rgb_of(np.array(numbers, float), "names", self.limits) if numbers else []
        return [(name, to_hex(c)) for name, c in zip(self.names, colours, strict=True) if name]

    def rgb(self) -> np.ndarray:
        """(N, 3) colours, 0..1."""
        return rgb_of(self.values, self.cmap, self.limits)


def rgb_of(values: ArrayLike, cmap: str, limits: tuple[float, float]) -> np.ndarray:
    """Colours of values.

    Parameters
    ----------
    values : array-like of shape (N,)
        Values beyond the limits take the colour of the nearer end.
    cmap : str
        See :class:`Scalar`.
    limits : (float, float)
        Values at the two ends of the map; equal limits give its middle.

    Returns
    -------
    numpy.ndarray
        (N, 3), float64, 0..1.

    Examples
    --------
    >>> rgb_of([0.0, 1.0], "gray", (0.0, 1.0))
    array([[0., 0., 0.],
           [1., 1., 1.]])
    """
    from matplotlib import colormaps, colors

    value = np.asarray(values, dtype=np.float64)
    if cmap == "lines":
        palette = np.array([colors.to_rgb(OKABE_ITO[name]) for name in LINE_COLOURS])
        return palette[value.astype(np.int64) % len(palette)]
    if cmap == "names":
        palette = np.array([colors.to_rgb(c) for c in (*NAME_COLOURS, UNNAMED)])
        number = value.astype(np.int64)
        return palette[np.where(number < 0, -1, number % len(NAME_COLOURS))]
    low, high = limits
    share = np.full(value.shape, 0.5) if high <= low else (value - low) / (high - low)
    return colormaps[cmap](np.clip(share, 0, 1))[..., :3]
