"""Left-out points lie on what replaces them."""

import numpy as np

from hyperspy_stereo.viewer.thinning import thinned


def test_a_wavy_line_keeps_its_shape_and_loses_points():
    t = np.linspace(0, 6, 400)
    lines = [np.column_stack([40 * t, 9 * np.sin(k * t), 4 * np.cos(t)]) for k in (1, 3)]
    points, index = np.vstack(lines), np.repeat([0, 1], 400)
    kept = thinned(points, index, 0.05)
    assert {0, 399, 400, 799} <= set(kept)
    assert len(kept) < 400
    share = [(kept < 400).sum(), (kept >= 400).sum()]
    assert share[1] > share[0]  # more points where it bends more
    for line in (0, 1):
        own = kept[index[kept] == line]
        for i in range(400 * line, 400 * (line + 1)):
            after = min(np.searchsorted(own, i), len(own) - 1)
            a, b = points[own[max(after - 1, 0)]], points[own[after]]
            along = (b - a) / max(np.linalg.norm(b - a), 1e-12)
            off = points[i] - a
            assert np.linalg.norm(off - (off @ along) * along) <= 0.05 + 1e-9


def test_corners_and_short_lines_stay():
    corner = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [2, 1, 0], [2, 2, 0]])
    assert 2 in thinned(corner, np.zeros(5, int), 0.1)
    assert thinned(corner[:1], np.zeros(1, int), 0.1).tolist() == [0]
    assert thinned(corner, np.arange(5), 0.1).tolist() == [0, 1, 2, 3, 4]
    assert thinned(np.zeros((0, 3)), np.zeros(0, int), 0.1).tolist() == []
