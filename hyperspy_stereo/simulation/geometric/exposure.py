"""Draw lines into every pixel of the bright-field disc and count electrons (numba kernels)."""

import numba
import numpy as np


@numba.njit(parallel=True, cache=True)
def expose(
    out, field, disc, plane, ramp, dip, points, starts, depths, shifts, width, pixel_size,
    to_scan, normal, band, seeds,
):  # fmt: skip
    """Fill `out` (Ny, Nx, H, W) with Poisson counts, one detector row at a time.

    Parameters
    ----------
    out
        (Ny, Nx, H, W) uint16, filled in place.
    field
        (Ny, Nx) counts per pixel of the disc where nothing is dark.
    disc
        Centre x, y, radius and edge width (px) and the background as a share of `field`.
    plane
        (2, 2) or (2, 3) descan, detector px per scan px.
    ramp, dip
        (2,) relative change of brightness per disc radius, and depth of the dark Kikuchi band.
    points, starts
        (n, 3) nm, all lines one after the other, and where each begins (one more at the end).
    depths, shifts, width
        Per line: contrast, and image shift in scan px per disc radius; their width in scan px.
    pixel_size
        nm per scan pixel.
    to_scan
        (2, 2) from detector px over disc radius to angles in the scan frame, rad.
    normal, band
        Unit normal of the Kikuchi line, and (centre, width) of the contrast along it, disc radii.
    seeds
        (H,) one per detector row.
    """
    ny, nx, height, columns = out.shape
    reach = disc[2] + 5 * disc[3] + np.abs(plane[:, 0]).max() * nx + np.abs(plane[:, 1]).max() * ny
    for j in numba.prange(height):
        # seeded per row: the counts do not depend on which thread takes it
        np.random.seed(seeds[j])  # noqa: NPY002 (numba)
        mean = np.empty((ny, nx, columns), np.float32)
        image = np.ones((ny, nx), np.float32)
        nearest = np.zeros((ny, nx), np.float32)
        depth_at = np.zeros((ny, nx), np.float32)
        for i in range(columns):
            px, py = i - disc[0], j - disc[1]
            image[:] = 1.0
            if px * px + py * py < reach * reach:
                for k in range(len(starts) - 1):
                    part = points[starts[k] : starts[k + 1]]
                    _draw_line(
                        image, nearest, depth_at, part, depths[k], shifts[k], width, pixel_size,
                        px, py, disc[2], plane, to_scan, normal, band,
                    )  # fmt: skip
            for y in range(ny):
                for x in range(nx):
                    dx = px - plane[0, 0] * (x - (nx - 1) / 2) - plane[0, 1] * (y - (ny - 1) / 2)
                    dy = py - plane[1, 0] * (x - (nx - 1) / 2) - plane[1, 1] * (y - (ny - 1) / 2)
                    rim = (np.sqrt(dx * dx + dy * dy) - disc[2]) / disc[3]
                    level = disc[4]
                    if rim < 5:
                        cover = 1.0 if rim < -5 else 0.5 * (1 - _erf(rim / np.sqrt(2.0)))
                        u, v = dx / disc[2], dy / disc[2]
                        w = (normal[0] * u + normal[1] * v - band[0]) / band[1]
                        shade = 1 + ramp[0] * u + ramp[1] * v - dip * np.exp(-0.5 * w * w)
                        level += cover * shade * image[y, x]
                    mean[y, x, i] = level * field[y, x]
        for y in range(ny):
            for x in range(nx):
                for i in range(columns):
                    out[y, x, j, i] = min(
                        np.random.poisson(mean[y, x, i]),  # noqa: NPY002 (numba)
                        65535,
                    )


@numba.njit(cache=True)
def _erf(x):
    """Abramowitz and Stegun 7.1.26, error below 1.5e-7."""
    t = 1.0 / (1.0 + 0.3275911 * abs(x))
    poly = ((((1.061405429 * t - 1.453152027) * t) + 1.421413741) * t - 0.284496736) * t
    y = 1.0 - (poly + 0.254829592) * t * np.exp(-x * x)
    return y if x >= 0 else -y


@numba.njit(cache=True)
def _project_points(part, px, py, radius, plane, to_scan, normal, band, pixel_size, shift, nx, ny):
    """Where the line's points appear for one detector pixel, and the band's value there."""
    n = len(part)
    where = np.empty((n, 3))
    offset = np.empty(n)
    for a in range(n):
        x, y, z = part[a, 0] / pixel_size, part[a, 1] / pixel_size, part[a, 2] / pixel_size
        # The descan is that of the scan position at which the point appears, not of the point
        # itself; it changes so slowly that one refinement is exact to far below a pixel.
        sx, sy, w = x, y, 0.0
        for _ in range(2):
            u = (
                px - plane[0, 0] * (sx - (nx - 1) / 2) - plane[0, 1] * (sy - (ny - 1) / 2)
            ) / radius
            v = (
                py - plane[1, 0] * (sx - (nx - 1) / 2) - plane[1, 1] * (sy - (ny - 1) / 2)
            ) / radius
            w = normal[0] * u + normal[1] * v - band[0]
            sx = x - np.tan(to_scan[0, 0] * u + to_scan[0, 1] * v) * z
            sy = y - np.tan(to_scan[1, 0] * u + to_scan[1, 1] * v) * z
        where[a, 0], where[a, 1] = sx, sy
        where[a, 2] = np.exp(-0.5 * (w / band[1]) ** 2)
        offset[a] = shift * w
    moved = where.copy()
    for a in range(n):
        before, after = max(a - 1, 0), min(a + 1, n - 1)
        tx, ty = where[after, 0] - where[before, 0], where[after, 1] - where[before, 1]
        length = np.sqrt(tx * tx + ty * ty) + 1e-12
        moved[a, 0] -= offset[a] * ty / length
        moved[a, 1] += offset[a] * tx / length
    return moved


@numba.njit(cache=True)
def _draw_line(
    image, nearest, depth_at, part, depth, shift, width, pixel_size, px, py, radius, plane,
    to_scan, normal, band,
):  # fmt: skip
    """Multiply the trough of one line into `image`."""
    ny, nx = image.shape
    reach = 4.0 * width
    path = _project_points(
        part, px, py, radius, plane, to_scan, normal, band, pixel_size, shift, nx, ny
    )
    y0 = max(int(np.floor(path[:, 1].min() - reach)), 0)
    y1 = min(int(np.ceil(path[:, 1].max() + reach)) + 1, ny)
    x0 = max(int(np.floor(path[:, 0].min() - reach)), 0)
    x1 = min(int(np.ceil(path[:, 0].max() + reach)) + 1, nx)
    if y0 >= y1 or x0 >= x1:
        return
    far = np.float32(reach * reach)
    nearest[y0:y1, x0:x1] = far
    for a in range(len(path) - 1):
        ax, ay = path[a, 0], path[a, 1]
        ex, ey = path[a + 1, 0] - ax, path[a + 1, 1] - ay
        square = ex * ex + ey * ey + 1e-12
        for y in range(
            max(int(min(ay, ay + ey) - reach), 0), min(int(max(ay, ay + ey) + reach) + 2, ny)
        ):
            for x in range(
                max(int(min(ax, ax + ex) - reach), 0), min(int(max(ax, ax + ex) + reach) + 2, nx)
            ):
                t = min(max(((x - ax) * ex + (y - ay) * ey) / square, 0.0), 1.0)
                dx, dy = x - ax - t * ex, y - ay - t * ey
                gap = np.float32(dx * dx + dy * dy)
                if gap < nearest[y, x]:
                    nearest[y, x] = gap
                    depth_at[y, x] = path[a, 2] + t * (path[a + 1, 2] - path[a, 2])
    for y in range(y0, y1):
        for x in range(x0, x1):
            if nearest[y, x] < far:
                trough = np.exp(-0.5 * nearest[y, x] / (width * width))
                image[y, x] *= 1 - depth * depth_at[y, x] * trough
