"""Incidences that fill the pixels of a convergent-beam pattern."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import erfc

# Beyond this many standard deviations of the rim there is no light of the disc.
_RIM = 3.0


@dataclass(frozen=True, eq=False)
class PatternSampling:
    """Incidences inside the probe's cone, and the detector pixels that their electrons reach.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns of the detector.
    centre, radius, edge_width : (2,) ndarray, float, float
        Of the disc, px.
    convergence_angle : float
        mrad.
    to_scan : (2, 2) ndarray
        From detector-frame to scan-frame incidences.
    g : (2,) ndarray
        Detector axes, 1/nm.
    incidence : (n, 2) ndarray
        rad, scan frame.
    bf_slot, bf_weight : (n,) ndarrays
        Where the undiffracted electrons go.
    df_slots, df_weights : (n, 4) ndarrays
        Where the diffracted electrons go: four pixels, bilinear; -1 beyond the detector.
    slots : (H, W) int32 ndarray
        Number of each detector pixel that any electron reaches, -1 for the others.
    """

    shape: tuple[int, int]
    centre: np.ndarray
    radius: float
    edge_width: float
    convergence_angle: float
    to_scan: np.ndarray
    g: np.ndarray
    incidence: np.ndarray
    bf_slot: np.ndarray
    bf_weight: np.ndarray
    df_slots: np.ndarray
    df_weights: np.ndarray
    slots: np.ndarray

    @property
    def n_slots(self) -> int:
        """Number of detector pixels in use."""
        return int(self.slots.max()) + 1

    def slot_rays(self) -> np.ndarray:
        """(n_slots, 2) incidence of each pixel in use, rad, scan frame."""
        row, column = np.nonzero(self.slots >= 0)
        px = np.column_stack([column, row]) - self.centre
        rays = px * (self.convergence_angle / self.radius * 1e-3) @ self.to_scan.T
        out = np.empty((self.n_slots, 2))
        out[self.slots[row, column]] = rays
        return out

    def aperture(self) -> np.ndarray:
        """(n_slots,) brightness of each pixel in use in vacuum, 0 to 1."""
        row, column = np.nonzero(self.slots >= 0)
        out = np.empty(self.n_slots)
        distance = np.hypot(column - self.centre[0], row - self.centre[1])
        out[self.slots[row, column]] = _cone(distance, self.radius, self.edge_width)
        return out


def sample_patterns(
    shape: tuple[int, int],
    centre: np.ndarray,
    radius: float,
    edge_width: float,
    convergence_angle: float,
    to_scan: np.ndarray,
    g: np.ndarray,
    wavelength: float,
    supersampling: int = 3,
) -> PatternSampling:
    """Choose incidences for a pattern: each pixel of the disc, several places along g.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the detector.
    centre, radius, edge_width : (2,) ndarray, float, float
        Of the disc, px.
    convergence_angle : float
        mrad.
    to_scan : (2, 2) ndarray
        From detector-frame to scan-frame incidences, orthogonal.
    g : (2,) ndarray
        Scan frame, 1/nm.
    wavelength : float
        nm; the diffracted electrons of the incidence theta leave along theta + wavelength * g.
    supersampling : int, default 3
        Incidences per pixel, spread evenly along g.

    Returns
    -------
    PatternSampling

    Raises
    ------
    ValueError
        If `supersampling` is below 1.
    """
    if isinstance(supersampling, bool) or not isinstance(supersampling, int) or supersampling < 1:
        raise ValueError(
            f"supersampling must be a whole number of at least 1; got {supersampling!r}."
        )
    vector = to_scan.T @ np.asarray(g, float)
    size = float(np.linalg.norm(vector))
    along = vector / size if size > 0 else np.array([1.0, 0.0])
    per_px = convergence_angle / radius * 1e-3
    row, column = np.indices(shape).reshape(2, -1)
    pixels = np.column_stack([column, row]).astype(float)
    reach = radius + _RIM * edge_width + 0.5
    flat = np.flatnonzero(np.linalg.norm(pixels - centre, axis=1) <= reach)
    steps = (np.arange(supersampling) + 0.5) / supersampling - 0.5
    place = pixels[flat][:, None] + steps[None, :, None] * along
    place = place.reshape(-1, 2)
    owner = np.repeat(flat, supersampling)
    light = _cone(np.linalg.norm(place - centre, axis=1), radius, edge_width) / supersampling
    lit = light > 1e-4 / supersampling
    place, owner, light = place[lit], owner[lit], light[lit]
    corners, shares = _corners(place + wavelength * vector / per_px, shape)
    used = np.unique(np.concatenate([owner, corners[corners >= 0]]))
    number = np.full(shape[0] * shape[1] + 1, -1, np.int32)
    number[used] = np.arange(len(used))
    return PatternSampling(
        shape=tuple(shape),
        centre=np.asarray(centre, float),
        radius=float(radius),
        edge_width=float(edge_width),
        convergence_angle=float(convergence_angle),
        to_scan=to_scan,
        g=vector,
        incidence=(place - centre) * per_px @ to_scan.T,
        bf_slot=number[owner],
        bf_weight=light.astype(np.float32),
        df_slots=number[corners],
        df_weights=(shares * light[:, None]).astype(np.float32),
        slots=number[:-1].reshape(shape),
    )


def _cone(distance: np.ndarray, radius: float, edge_width: float) -> np.ndarray:
    """Brightness of the probe's cone at a distance from its axis, px."""
    return 0.5 * erfc((distance - radius) / (np.sqrt(2) * edge_width))


def _corners(place: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices and shares of the four pixels around each place, index -1 beyond the frame."""
    first = np.floor(place).astype(int)
    fraction = place - first
    indices, shares = [], []
    for dy in (0, 1):
        for dx in (0, 1):
            x, y = first[:, 0] + dx, first[:, 1] + dy
            inside = (x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])
            indices.append(np.where(inside, y * shape[1] + x, -1))
            share_x = fraction[:, 0] if dx else 1 - fraction[:, 0]
            share_y = fraction[:, 1] if dy else 1 - fraction[:, 1]
            shares.append(share_x * share_y)
    return np.stack(indices, axis=1), np.stack(shares, axis=1)
