"""Draw projected lines into maps: nearest line, its values, and where lines overlap (numba)."""

import numba
import numpy as np

#: Length along a line, px, beyond which it counts as another line where it meets itself.
OWN_LENGTH = 10.0


@numba.njit(cache=True)
def draw_nearest(xy, line, along, disparity, depth, half_width, best, index, shift_map, depth_map):
    """Write the values of the nearest line into every pixel within `half_width` of one.

    Parameters
    ----------
    xy
        (n, 2) px, all lines one after the other.
    line
        (n,) number of the line of each point; -1 where it is not visible.
    along
        (n,) length along the line, px.
    disparity, depth
        (n,) values to write.
    half_width
        px.
    best
        (H, W) distances, filled with infinity.
    index, shift_map, depth_map
        (H, W) number of the line, disparity and depth, written in place.

    Returns
    -------
    (H, W) float32 array
        Length along the nearest line at each pixel.
    """
    height, width = best.shape
    place = np.zeros((height, width), np.float32)
    for a in range(len(xy) - 1):
        if line[a] < 0 or line[a + 1] != line[a]:
            continue
        x0, x1, y0, y1 = _window(xy, a, half_width, width, height)
        for y in range(y0, y1):
            for x in range(x0, x1):
                t, distance = _nearest_on(xy, a, x, y)
                if distance <= half_width and distance < best[y, x]:
                    best[y, x] = distance
                    index[y, x] = line[a]
                    shift_map[y, x] = disparity[a] + t * (disparity[a + 1] - disparity[a])
                    depth_map[y, x] = depth[a] + t * (depth[a + 1] - depth[a])
                    place[y, x] = along[a] + t * (along[a + 1] - along[a])
    return place


@numba.njit(cache=True)
def flag_overlaps(xy, line, along, disparity, reach, index, place, shift_map, ambiguous):
    """Flag pixels where another line, or the same one further on, has another disparity.

    Parameters
    ----------
    xy, line, along, disparity
        As `draw_nearest`.
    reach
        px from the pixel.
    index, place, shift_map
        (H, W) as `draw_nearest` left and returned them.
    ambiguous
        (H, W) bool, set where disparities within reach differ by more than 1 px.
    """
    height, width = ambiguous.shape
    for a in range(len(xy) - 1):
        if line[a] < 0 or line[a + 1] != line[a]:
            continue
        x0, x1, y0, y1 = _window(xy, a, reach, width, height)
        for y in range(y0, y1):
            for x in range(x0, x1):
                if index[y, x] < 0 or ambiguous[y, x]:
                    continue
                t, distance = _nearest_on(xy, a, x, y)
                if distance > reach:
                    continue
                if index[y, x] == line[a] and abs(along[a] - place[y, x]) < OWN_LENGTH:
                    continue
                other = disparity[a] + t * (disparity[a + 1] - disparity[a])
                if abs(other - shift_map[y, x]) > 1.0:
                    ambiguous[y, x] = True


@numba.njit(cache=True)
def near_others(xy, line, radius, height, width):
    """Tell which points of lines lie within `radius` px of another line; (n,) bool."""
    owner = np.full((height, width), -1, np.int32)
    shared = np.zeros((height, width), np.bool_)
    for a in range(len(xy)):
        x0 = min(max(int(np.ceil(xy[a, 0] - radius)), 0), width)
        x1 = min(max(int(np.floor(xy[a, 0] + radius)) + 1, 0), width)
        y0 = min(max(int(np.ceil(xy[a, 1] - radius)), 0), height)
        y1 = min(max(int(np.floor(xy[a, 1] + radius)) + 1, 0), height)
        for y in range(y0, y1):
            for x in range(x0, x1):
                if (x - xy[a, 0]) ** 2 + (y - xy[a, 1]) ** 2 <= radius * radius:
                    if owner[y, x] >= 0 and owner[y, x] != line[a]:
                        shared[y, x] = True
                    owner[y, x] = line[a]
    near = np.zeros(len(xy), np.bool_)
    for a in range(len(xy)):
        x, y = int(np.rint(xy[a, 0])), int(np.rint(xy[a, 1]))
        if 0 <= x < width and 0 <= y < height:
            near[a] = shared[y, x]
    return near


@numba.njit(cache=True, inline="always")
def _nearest_on(xy, a, x, y):
    """Where on the segment after point `a` the pixel is nearest (0..1), and how far it is."""
    ex, ey = xy[a + 1, 0] - xy[a, 0], xy[a + 1, 1] - xy[a, 1]
    square = ex * ex + ey * ey + 1e-12
    t = min(max(((x - xy[a, 0]) * ex + (y - xy[a, 1]) * ey) / square, 0.0), 1.0)
    dx, dy = x - xy[a, 0] - t * ex, y - xy[a, 1] - t * ey
    return t, np.sqrt(dx * dx + dy * dy)


@numba.njit(cache=True, inline="always")
def _window(xy, a, reach, width, height):
    """Columns and rows that a segment and its surroundings may touch."""
    low_x, high_x = min(xy[a, 0], xy[a + 1, 0]), max(xy[a, 0], xy[a + 1, 0])
    low_y, high_y = min(xy[a, 1], xy[a + 1, 1]), max(xy[a, 1], xy[a + 1, 1])
    x0 = min(max(int(np.floor(low_x - reach)), 0), width)
    x1 = min(max(int(np.ceil(high_x + reach)) + 1, 0), width)
    y0 = min(max(int(np.floor(low_y - reach)), 0), height)
    y1 = min(max(int(np.ceil(high_y + reach)) + 1, 0), height)
    return x0, x1, y0, y1
