"""Draw the profile and the labels of one line into one view (numba kernel)."""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["stamp_line"]

_LINE, _IGNORE, _AMBIGUOUS = 1, 4, 16  # bits of scene.py, known to the kernel at compile time


@numba.njit(cache=True)
def stamp_line(
    image, label, disparity, index, closest, best, side, place,
    points, strength, sigma, shift, shape, number, seen,
):  # fmt: skip
    """Multiply a line's contrast into `image` and write its labels, all in place.

    Parameters
    ----------
    image
        (H, W) float32 view.
    label, disparity, index, closest
        (H, W) labels; `closest` is the distance of the labelled line's centre so far.
    best, side, place
        (H, W) float32 scratch; `best` is filled with 1e9 and left so.
    points
        (n, 3) float64 x, y of this view and disparity, px, at most about 2 px apart.
    strength, sigma, shift
        (n,) contrast, width (standard deviation, px) and sideways image shift (px) along the line.
    shape
        Weights of the symmetric, the black-white and the second dip, distance of the second
        dip (sigma).
    number
        Of the line.
    seen
        Contrast from which a line is labelled as visible.
    """
    height, width = image.shape
    n = len(points)
    reach = 2.0
    for k in range(n):
        reach = max(reach, (3.0 + abs(shape[3])) * sigma[k] + abs(shift[k]))
    low_x, high_x, low_y, high_y = width, -1, height, -1
    for k in range(n - 1):
        ax, ay, bx, by = points[k, 0], points[k, 1], points[k + 1, 0], points[k + 1, 1]
        x0, x1 = int(np.floor(min(ax, bx) - reach)), int(np.ceil(max(ax, bx) + reach))
        y0, y1 = int(np.floor(min(ay, by) - reach)), int(np.ceil(max(ay, by) + reach))
        x0, x1, y0, y1 = max(x0, 0), min(x1, width - 1), max(y0, 0), min(y1, height - 1)
        if x0 > x1 or y0 > y1:
            continue
        low_x, high_x = min(low_x, x0), max(high_x, x1)
        low_y, high_y = min(low_y, y0), max(high_y, y1)
        dx, dy = bx - ax, by - ay
        square = dx * dx + dy * dy + 1e-12
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                t = min(max(((x - ax) * dx + (y - ay) * dy) / square, 0.0), 1.0)
                ex, ey = x - ax - t * dx, y - ay - t * dy
                gap = ex * ex + ey * ey
                if gap < best[y, x]:
                    best[y, x] = gap
                    side[y, x] = 1.0 if dx * ey - dy * ex >= 0 else -1.0
                    place[y, x] = k + t
    for y in range(low_y, high_y + 1):
        for x in range(low_x, high_x + 1):
            if best[y, x] > 1e8:
                continue
            gap = np.sqrt(best[y, x])
            best[y, x] = 1e9
            k = min(int(place[y, x]), n - 2)
            t = place[y, x] - k
            a = (1 - t) * strength[k] + t * strength[k + 1]
            s = (1 - t) * sigma[k] + t * sigma[k + 1]
            u = (side[y, x] * gap - (1 - t) * shift[k] - t * shift[k + 1]) / s
            v = u - shape[3]
            profile = (
                shape[0] * np.exp(-0.5 * u * u)
                + shape[1] * u * np.exp(0.5 - 0.5 * u * u)
                + shape[2] * np.exp(-0.5 * v * v)
            )
            image[y, x] *= max(1.0 - a * profile, 0.04)
            if abs(a) < seen:
                if gap <= 3.0:
                    label[y, x] |= _IGNORE
                continue
            if gap > 1.5:
                continue
            d = (1 - t) * points[k, 2] + t * points[k + 1, 2]
            if label[y, x] & _LINE and abs(disparity[y, x] - d) > 1.0:
                label[y, x] |= _AMBIGUOUS
            label[y, x] |= _LINE
            if gap < closest[y, x]:
                closest[y, x] = gap
                disparity[y, x] = d
                index[y, x] = number
