"""Collect images of single incidences in detector pixels, and count electrons (numba kernels).

While a scan is computed it lies pixel by pixel of the detector, each an image of the scan, so that
an incidence adds whole images; the counting turns it over into patterns.
"""

import numba
import numpy as np

from hyperspy_stereo.simulation.imaging.acquisition import cubic_weight

# Scan positions whose patterns are gathered together: one cache line of the images.
_BLOCK = 16
# Numbers to add above which two threads are faster than one.
_WORTH_THREADS = 100_000


def deposit(
    planes: np.ndarray,
    bf: np.ndarray,
    df: np.ndarray,
    bf_slot: np.ndarray,
    bf_weight: np.ndarray,
    df_slots: np.ndarray,
    df_weights: np.ndarray,
) -> None:
    """Add images of incidences to the detector pixels that see them.

    Parameters
    ----------
    planes
        (n_slots, Ny, Nx) float32, added to in place.
    bf, df
        (n, Ny, Nx) images of the incidences.
    bf_slot, bf_weight
        (n,) pixel of the undiffracted ray (-1 for none) and weight.
    df_slots, df_weights
        (n, 4) pixels around the diffracted ray, and weights.
    """
    # starting threads takes longer than adding small images
    add = _deposit_together if bf.size > _WORTH_THREADS else _deposit_alone
    add(planes, bf, df, bf_slot, bf_weight, df_slots, df_weights)


@numba.njit(parallel=True, cache=True)
def _deposit_together(planes, bf, df, bf_slot, bf_weight, df_slots, df_weights):
    for row in numba.prange(planes.shape[1]):
        _deposit_row(planes, bf, df, bf_slot, bf_weight, df_slots, df_weights, row)


@numba.njit(cache=True)
def _deposit_alone(planes, bf, df, bf_slot, bf_weight, df_slots, df_weights):
    for row in range(planes.shape[1]):
        _deposit_row(planes, bf, df, bf_slot, bf_weight, df_slots, df_weights, row)


@numba.njit(cache=True, inline="always")
def _deposit_row(planes, bf, df, bf_slot, bf_weight, df_slots, df_weights, row):
    for k in range(len(bf)):
        if bf_slot[k] >= 0:
            _add(planes[bf_slot[k], row], bf[k, row], bf_weight[k])
        for corner in range(4):
            if df_slots[k, corner] >= 0:
                _add(planes[df_slots[k, corner], row], df[k, row], df_weights[k, corner])


@numba.njit(cache=True, inline="always")
def _add(target, image, weight):
    for x in range(len(target)):
        target[x] += weight * image[x]


@numba.njit(parallel=True, cache=True)
def shade(planes, rays, focus, pixel_size, spots):
    """Darken the images of detector pixels by blobs on the faces, in place.

    Parameters
    ----------
    planes
        (n_slots, Ny, Nx) float32.
    rays, focus
        (n_slots, 2) slopes, and (n_slots,) depths at which they meet the axis, nm.
    pixel_size
        nm.
    spots
        (n, 7): x, y, semi-axes (nm), azimuth (rad), absorption and depth (nm) of each blob.
    """
    n, height, width = planes.shape
    for slot in numba.prange(n):
        for k in range(len(spots)):
            below = spots[k, 6] - focus[slot]
            cx = (spots[k, 0] - rays[slot, 0] * below) / pixel_size
            cy = (spots[k, 1] - rays[slot, 1] * below) / pixel_size
            a, b = spots[k, 2] / pixel_size, spots[k, 3] / pixel_size
            c, s = np.cos(spots[k, 4]), np.sin(spots[k, 4])
            reach = max(a, b)
            for y in range(max(int(cy - reach), 0), min(int(cy + reach) + 2, height)):
                for x in range(max(int(cx - reach), 0), min(int(cx + reach) + 2, width)):
                    u = (c * (x - cx) + s * (y - cy)) / a
                    v = (c * (y - cy) - s * (x - cx)) / b
                    rest = 1 - u * u - v * v
                    if rest > 0:
                        planes[slot, y, x] *= max(1 - spots[k, 5] * rest * rest, 0.0)


@numba.njit(parallel=True, cache=True)
def count_patterns(out, planes, slots, rate, gain, plane, background, afterglow, limit, seeds):
    """Fill patterns with Poisson counts, one scan row at a time.

    Parameters
    ----------
    out
        (Ny, Nx, H, W): uint16 for counts; float32 for the mean itself.
    planes
        (n_slots, Ny, Nx) mean signal of the detector pixels, vacuum 1.
    slots
        (H, W) row of `planes` for each detector pixel, -1 for none.
    rate
        Counts of a pixel of the disc in vacuum.
    gain
        (Ny,) relative current in each scan row.
    plane
        (2, 3) descan, detector px per scan px.
    background
        Counts everywhere, as a share of `rate`.
    afterglow
        Share of the signal that arrives one position late.
    limit
        Largest count; 0 for the mean itself, without counting.
    seeds
        (Ny,) one per scan row.
    """
    ny, nx, height, width = out.shape
    for row in numba.prange(ny):
        # seeded per row: the counts do not depend on which thread takes it
        np.random.seed(seeds[row])  # noqa: NPY002 (numba)
        block = np.empty((_BLOCK, height, width), np.float32)
        mean = np.zeros((height, width), np.float32)
        before = np.zeros((height, width), np.float32)
        part = np.zeros((height, width), np.float32)
        for first in range(0, nx, _BLOCK):
            count = min(_BLOCK, nx - first)
            for y in range(height):
                for x in range(width):
                    slot = slots[y, x]
                    for k in range(count):
                        block[k, y, x] = planes[slot, row, first + k] if slot >= 0 else 0.0
            for k in range(count):
                ix, iy = first + k - (nx - 1) / 2, row - (ny - 1) / 2
                dx = plane[0, 0] * ix + plane[0, 1] * iy + plane[0, 2]
                dy = plane[1, 0] * ix + plane[1, 1] * iy + plane[1, 2]
                _shifted(block[k], dx, dy, part, mean)
                for y in range(height):
                    for x in range(width):
                        level = max(mean[y, x], np.float32(0.0)) * gain[row] + background
                        late = before[y, x] if first + k > 0 else level
                        before[y, x] = level
                        level = rate * (level + afterglow * (late - level))
                        if limit > 0:
                            drawn = np.random.poisson(level)  # noqa: NPY002 (numba)
                            out[row, first + k, y, x] = min(drawn, limit)
                        else:
                            out[row, first + k, y, x] = level


@numba.njit(cache=True)
def _shifted(pattern, dx, dy, part, out):
    """Move a pattern right by dx and down by dy, Catmull-Rom; what comes in is dark."""
    height, width = pattern.shape
    mx, my = int(np.floor(-dx)), int(np.floor(-dy))
    fx, fy = np.float32(-dx - mx), np.float32(-dy - my)
    wx = (cubic_weight(fx, -1), cubic_weight(fx, 0), cubic_weight(fx, 1), cubic_weight(fx, 2))
    wy = (cubic_weight(fy, -1), cubic_weight(fy, 0), cubic_weight(fy, 1), cubic_weight(fy, 2))
    low, high = max(1 - mx, 0), min(width - 2 - mx, width)
    for y in range(height):
        for x in range(width):
            at = x + mx
            if low <= x < high:
                part[y, x] = (
                    wx[0] * pattern[y, at - 1]
                    + wx[1] * pattern[y, at]
                    + wx[2] * pattern[y, at + 1]
                    + wx[3] * pattern[y, at + 2]
                )
            else:
                total = np.float32(0.0)
                for i in range(4):
                    if 0 <= at + i - 1 < width:
                        total += wx[i] * pattern[y, at + i - 1]
                part[y, x] = total
    for y in range(height):
        out[y, :] = 0.0
        for i in range(4):
            source = y + my + i - 1
            if 0 <= source < height:
                for x in range(width):
                    out[y, x] += wy[i] * part[source, x]
