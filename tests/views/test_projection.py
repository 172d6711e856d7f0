"""Sums under detectors against plain NumPy, for all kinds of arrays that hold a scan."""

import dask
import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_stereo.simulation.merlin import write_mib
from hyperspy_stereo.views.detectors import detector_masks
from hyperspy_stereo.views.projection import project

SHAPE = (30, 34)
SOFT = detector_masks(SHAPE, [[10.2, 14.7], [22, 13], [16, 15]], 6.3)
COUNTING = SOFT >= 0.5
TYPES = ["?", "u1", "i1", "<u2", ">u2", ">i2", "<u4", ">u4", "i8", "f2", "<f4", ">f4", "f8"]


def counts(dtype="u2", scan=(4, 5), seed=0):
    return np.random.default_rng(seed).poisson(4, (*scan, *SHAPE)).astype(dtype)


def expected(stack, masks):
    return np.einsum("...yx,vyx->v...", np.asarray(stack, float), masks.astype(float))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("chunks", [None, (2, 3, 30, 34), (4, 5, 30, 34), (3, 4, 11, 13)])
def test_sums_are_right_for_every_type_and_chunking(dtype, chunks):
    stack = counts(dtype)
    given_stack = stack if chunks is None else da.from_array(stack, chunks=chunks)
    exact = project(given_stack, COUNTING)
    soft = project(given_stack, SOFT)
    if chunks is not None:
        assert exact.chunks[1:] == given_stack.chunks[:2]
        exact, soft = dask.compute(exact, soft)
    if np.dtype(dtype).kind in "uib":
        assert exact.dtype == np.float64
        np.testing.assert_array_equal(exact, expected(stack, COUNTING))
    np.testing.assert_allclose(exact, expected(stack, COUNTING), rtol=1e-5)
    np.testing.assert_allclose(soft, expected(stack, SOFT), rtol=1e-5)
    assert soft.dtype == (np.float64 if dtype == "f8" else np.float32)


VIEWS = [
    np.s_[:, :, ::-1],
    np.s_[:, :, :, ::-1],
    np.s_[::2, 1:],
    np.s_[::-1, ::-1],
    np.s_[0],
    np.s_[1, 2],
    np.s_[:, :1],
]


@pytest.mark.parametrize("part", VIEWS)
@pytest.mark.parametrize("dtype", ["<u2", ">u2", "f4"])
def test_slices_and_flips_are_read_in_place(part, dtype):
    stack = counts(dtype)[part]
    np.testing.assert_allclose(project(stack, COUNTING), expected(stack, COUNTING), rtol=1e-6)
    lazy = project(da.from_array(stack, chunks=3), COUNTING)
    np.testing.assert_allclose(lazy.compute(), expected(stack, COUNTING), rtol=1e-6)


def test_counts_beyond_float32_are_exact():
    stack = np.full((2, 2, *SHAPE), 65535, ">u2")
    stack[0, 0, 15, 16] = 65534
    masks = np.ones((1, *SHAPE))
    whole = 65535 * SHAPE[0] * SHAPE[1]
    assert whole > 2**24
    result = project(stack, masks)
    assert result[0, 0, 0] == whole - 1
    assert result[0, 1, 1] == whole


def test_no_copy_of_the_stack_is_made():
    import tracemalloc

    stack = np.zeros((64, 64, *SHAPE), ">u2")
    project(stack[:2], SOFT)
    tracemalloc.start()
    project(stack, SOFT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < stack.nbytes / 4


@given(
    st.lists(st.floats(-1.5, 1.5), min_size=4, max_size=4),
    st.lists(st.floats(-2, 2), min_size=2, max_size=2),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_masks_follow_the_descan(slopes, shift, lazy):
    # A lone disc that moves with the descan stays under a detector a little larger than it.
    plane = np.column_stack([np.reshape(slopes, (2, 2)), shift])
    iy, ix = np.mgrid[:4, :5]
    place = np.stack([ix - 2.0, iy - 1.5], axis=-1)
    moved = np.array([17.0, 15.0]) + place @ plane[:, :2].T + plane[:, 2]
    stack = detector_masks(SHAPE, moved.reshape(-1, 2), 3).reshape(4, 5, *SHAPE)
    inside = detector_masks(SHAPE, [[17.0, 15.0]], 5.0)
    total = stack.sum(axis=(2, 3))
    for masks in (inside, inside >= 0.5):
        source = da.from_array(stack, chunks=(2, 3, 15, 17)) if lazy else stack
        followed = np.asarray(project(source, masks, plane))
        np.testing.assert_allclose(followed[0], total, rtol=1e-4)


def test_sub_pixel_descan_moves_the_centroid():
    x = np.arange(SHAPE[1], dtype=np.float32)
    stack = np.broadcast_to(x, (1, 9, *SHAPE)).copy()
    mask = detector_masks(SHAPE, [[16, 15]], 5)
    views = project(stack, mask, [[0.5, 0, 0], [0, 0.2, 0]])
    centroid = views[0, 0] / mask.sum()
    np.testing.assert_allclose(centroid, 16 + 0.5 * (np.arange(9) - 4), atol=1e-3)


def test_detectors_that_leave_the_pattern_lose_what_is_outside():
    stack = np.ones((1, 3, *SHAPE), np.uint16)
    mask = np.zeros((1, *SHAPE), bool)
    mask[0, 0:4, 30:34] = True
    views = project(stack, mask, [[2, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(views[0, 0], [3 * 4, 16, 2 * 4])


def test_weights_of_both_signs_make_difference_images():
    stack = counts()
    masks = (COUNTING[0].astype(int) - COUNTING[1])[None]
    np.testing.assert_allclose(project(stack, masks), expected(stack, masks), atol=1e-3)


def test_nan_outside_the_detectors_does_not_spread():
    stack = counts("f4")
    stack[:, :, 0, 0] = np.nan
    assert np.isfinite(project(stack, COUNTING)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_under_a_detector_is_told(bad):
    stack = counts("f4")
    stack[1, 2, 15, 16] = bad
    with pytest.raises(ValueError, match="in 1 patterns"):
        project(stack, COUNTING)
    lazy = project(da.from_array(stack, chunks=(2, 5, 15, 34)), SOFT)
    with pytest.raises(ValueError, match="NaN or infinite"):
        lazy.compute()


def test_lazy_stack_is_not_computed_while_the_graph_is_made():
    def refuse(block):
        raise RuntimeError("computed")

    stack = da.zeros((4, 5, *SHAPE), chunks=(1, 5, *SHAPE), dtype="u2")
    lazy = project(stack.map_blocks(refuse, meta=np.empty((0,) * 4, "u2")), COUNTING)
    assert lazy.shape == (3, 4, 5)


@pytest.mark.filterwarnings("ignore")
def test_distributed_scheduler_gives_the_same(tmp_path):
    distributed = pytest.importorskip("distributed")
    stack = counts(">u2")
    file = hs.load(write_mib(tmp_path / "scan.mib", stack, (4, 5)), lazy=True)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        views = project(da.from_array(stack, chunks=(2, 2, 15, 34)), COUNTING).compute()
        from_file = project(file.data, COUNTING).compute()
    np.testing.assert_array_equal(views, expected(stack, COUNTING))
    np.testing.assert_array_equal(from_file, views)


@pytest.mark.parametrize(
    ("stack", "masks", "descan", "error", "message"),
    [
        (counts("c8"), COUNTING, None, TypeError, "real numbers"),
        (counts(), COUNTING.astype(complex), None, TypeError, "real numbers"),
        (counts()[None], COUNTING, None, ValueError, "inav"),
        (counts()[..., 0, 0, 0], COUNTING, None, ValueError, "navigation axes"),
        (counts()[:0], COUNTING, None, ValueError, "empty"),
        (counts(), COUNTING[0], None, ValueError, r"masks\[None\]"),
        (counts(), COUNTING[:, 1:], None, ValueError, "made for patterns"),
        (counts(), SOFT * np.nan, None, ValueError, "NaN"),
        (counts(), COUNTING & False, None, ValueError, "cover no pixel"),
        (counts(), COUNTING[:0], None, ValueError, "cover no pixel"),
        (counts(), COUNTING, np.zeros((2, 2)), ValueError, "fit_descan"),
        (counts(), COUNTING, np.full((2, 3), np.nan), ValueError, "finite"),
    ],
)
def test_bad_input_is_told(stack, masks, descan, error, message):
    with pytest.raises(error, match=message):
        project(stack, masks, descan)
