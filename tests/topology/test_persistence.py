"""Diagrams of shapes whose topology is known, other programs' diagrams, and pruning."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hyperspy_stereo.topology import (
    bottleneck,
    diagrams,
    dilation_filtration,
    height_filtration,
    prune,
    radial_filtration,
    shorten,
    sliced_wasserstein,
    wasserstein,
)
from hyperspy_stereo.topology.distances import content

IMAGES = arrays(np.float64, (7, 8), elements=st.integers(0, 20).map(float))


def signed(mask):
    """Diagrams of the signed distance, without what the staircase of pixels makes."""
    return [prune(d, 1.2).diagram for d in diagrams([dilation_filtration(mask)])[0]]


def long_lived(image):
    return [prune(d, 3).diagram for d in diagrams([image])[0]]


def test_an_annulus_is_one_piece_and_one_ring(shapes):
    pieces, rings = signed(shapes.annulus())
    # Pixels 8 to 12 px from the middle: the ring closes where it is thinnest, on the diagonals, and
    # is filled when its middle, 8 px from the nearest line pixel, is reached.
    assert rings.tolist() == [[-1.5, 7.5]]
    corner = dilation_filtration(shapes.annulus()).max()
    assert pieces.tolist() == [[0.5 - np.sqrt(5), corner]]


def test_a_figure_eight_has_two_rings(shapes):
    pieces, rings = signed(shapes.figure_eight())
    assert (pieces[:, 1] > 0).sum() == 1
    assert rings.tolist() == [[-1.5, 7.5], [-1.5, 7.5]]


@pytest.mark.parametrize("k", [1, 2, 5])
def test_discs_are_born_at_their_radius_and_meet_half_way(shapes, k):
    pieces, _ = signed(shapes.discs(k))
    assert sorted(-pieces[:, 0]) == pytest.approx([n + 4.0 for n in range(k)], abs=0.5)
    whole, others = pieces[pieces[:, 0].argmin()], pieces[:, 1]
    assert whole[1] == dilation_filtration(shapes.discs(k)).max()
    # Middles 30 px apart, radii r and r + 1: they meet when both have grown by half the gap.
    gaps = [(30 - (4 + n) - (5 + n)) / 2 for n in range(k - 1)]
    assert sorted(others[pieces[:, 0] > whole[0]]) == pytest.approx(sorted(gaps), abs=1.0)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_nested_rings(shapes, k):
    pieces, rings = signed(shapes.nested_rings(k))
    assert (pieces[:, 1] > 0).sum() == k
    assert ((rings[:, 0] <= 0) & (rings[:, 1] > 0)).sum() == k


@pytest.mark.parametrize("m", [0, 1, 3, 7])
def test_a_line_with_gaps_is_so_many_pieces_more(shapes, m):
    mask = shapes.broken_line(m)
    pieces, rings = signed(mask)
    assert len(pieces) == m + 1
    assert len(rings) == 0
    # 4 px between: the middle of the gap is 1.5 px from the edge.
    assert sorted(pieces[:, 1])[:-1] == pytest.approx([1.5] * m)
    along, _ = long_lived(height_filtration(mask, (0, 1)))
    assert len(along) == m + 1
    starts = np.arange(m + 1) * 24 - (mask.shape[1] - 1) / 2
    assert sorted(along[:, 0]) == pytest.approx(starts)
    assert (along[:, 1] == height_filtration(mask, (0, 1)).max()).all()
    assert len(long_lived(radial_filtration(mask, (10, 0)))[0]) == m + 1


def test_a_volume_knows_rings_and_pieces():
    torus = np.zeros((9, 20, 20), bool)
    i, j = np.indices((20, 20)) - 9.5
    torus[3:6] = (np.hypot(i, j) < 8) & (np.hypot(i, j) > 4)
    torus[1, 1, 1] = True
    pieces, rings = diagrams([dilation_filtration(torus)])[0]
    assert ((pieces[:, 0] <= 0) & (pieces[:, 1] > 0)).sum() == 2
    assert ((rings[:, 0] <= 0) & (rings[:, 1] > 1)).sum() == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 9), (9, 2), (9, 1), (12, 13), (4, 5, 6)])
def test_diagrams_equal_those_of_the_general_complex(shape):
    import gudhi

    rng = np.random.default_rng(3)
    for image in rng.integers(0, 9, (8, *shape)).astype(float):
        general = gudhi.CubicalComplex(top_dimensional_cells=image)
        general.compute_persistence(min_persistence=0)
        for k, ours in enumerate(diagrams([image])[0]):
            theirs = np.array(general.persistence_intervals_in_dimension(k)).reshape(-1, 2)
            theirs[np.isinf(theirs)] = image.max()
            theirs = theirs[theirs[:, 1] > theirs[:, 0]]
            np.testing.assert_array_equal(ours, theirs[np.lexsort(theirs.T)])


@settings(max_examples=40, deadline=None)
@given(IMAGES)
def test_pieces_equal_those_of_a_naive_count(image):
    """Persistent Betti numbers by labelling each sublevel set: no matrix is reduced."""
    from scipy.ndimage import label

    born, _ = diagrams([image])[0]
    for low, high in ((2, 2), (5, 9), (0, 20), (10, 14)):
        then, _ = label(image <= high, np.ones((3, 3)))
        alive = len(np.unique(then[image <= low]))
        last = image.max()
        counted = ((born[:, 0] <= low) & ((born[:, 1] > high) | (born[:, 1] == last))).sum()
        if low <= high < last:
            assert counted == alive


def test_diagrams_equal_those_of_cripser():
    cripser = pytest.importorskip("tcripser")  # pixels as cells, as here
    rng = np.random.default_rng(4)
    for image in rng.random((50, 24, 24)):
        theirs = cripser.computePH(image, maxdim=1)
        for k, ours in enumerate(diagrams([image])[0]):
            rows = theirs[theirs[:, 0] == k][:, 1:3]
            rows[:, 1] = np.minimum(rows[:, 1], image.max())
            rows = rows[rows[:, 1] > rows[:, 0]]
            np.testing.assert_allclose(ours, rows[np.lexsort(rows.T)])


@settings(max_examples=50, deadline=None)
@given(IMAGES, IMAGES)
def test_diagrams_are_stable(first, second):
    """Cohen-Steiner, Edelsbrunner and Harer (2007), for the death of the whole as well."""
    greatest = np.abs(first - second).max()
    for a, b in zip(*diagrams([first, second]), strict=True):
        assert bottleneck(a, b) <= greatest + 1e-9


@settings(max_examples=30, deadline=None)
@given(IMAGES, IMAGES, st.floats(0, 8))
def test_pruning_changes_no_distance_by_more_than_it_says(first, second, least):
    for a, b in zip(*diagrams([first, second]), strict=True):
        p, q = prune(a, least), prune(b, least)
        assert bottleneck(a, p.diagram) <= p.bottleneck_bound + 1e-9 <= least / 2 + 1e-9
        for order in (1.0, 2.0):
            moved = wasserstein(a, p.diagram, order)
            assert moved <= p.wasserstein_bound(order) + 1e-6
        change = abs(sliced_wasserstein(a, b) - sliced_wasserstein(p.diagram, q.diagram))
        assert change <= content(p.removed) + content(q.removed) + 1e-9


@settings(max_examples=30, deadline=None)
@given(IMAGES, IMAGES, st.floats(0.5, 15))
def test_shortened_diagrams_are_no_farther_apart(first, second, longest):
    for a, b in zip(*diagrams([first, second]), strict=True):
        p, q = shorten(a, longest), shorten(b, longest)
        assert bottleneck(p, q) <= bottleneck(a, b) + 1e-9
        assert (p[:, 1] - p[:, 0]).max(initial=0) <= longest + 1e-9


def test_a_constant_image_has_an_empty_diagram():
    assert [len(d) for d in diagrams([np.full((5, 6), 3.0)])[0]] == [0, 0]


@pytest.mark.parametrize("image", [np.array([[np.nan, 1]]), np.array([[np.inf, 1]])])
def test_images_must_be_finite(image):
    with pytest.raises(ValueError, match="NaN or infinite"):
        diagrams([image])


def test_what_is_no_image_is_refused():
    with pytest.raises(ValueError, match="H, W"):
        diagrams([np.zeros(4)])
    with pytest.raises(TypeError, match="dtype"):
        diagrams([np.zeros((3, 3), complex)])
    with pytest.raises(ValueError, match="least"):
        prune([[0, 1]], -1)
    with pytest.raises(ValueError, match="longest"):
        shorten([[0, 1]], 0)
