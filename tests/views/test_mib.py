"""Scans written as Merlin files, loaded back and projected straight from the file."""

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_stereo.simulation.merlin import write_mib
from hyperspy_stereo.views.detectors import detector_masks
from hyperspy_stereo.views.mib import check_frames, inspect_mib, quad_cross
from hyperspy_stereo.views.projection import project
from hyperspy_stereo.views.raw_frames import untouched_file

SCAN, SHAPE = (5, 7), (36, 44)
SOFT = detector_masks(SHAPE, [[10.2, 4.7], [30, 30], [24, 18]], 5.2)
COUNTING = SOFT >= 0.5
DESCAN = [[0.6, 0.2, 0.1], [-0.3, 0.9, 0]]


def counts(depth):
    draws = np.random.default_rng(depth).poisson(min(30.0, 2**depth / 8), (*SCAN, *SHAPE))
    return np.minimum(draws, 2**depth - 1)


@pytest.fixture(scope="module", params=[1, 6, 12, 24])
def written(request, tmp_path_factory):
    stack = counts(request.param)
    folder = tmp_path_factory.mktemp("mib")
    kinds = {1: "single", 6: "quad", 12: "single", 24: "quad"}
    path = write_mib(folder / "scan.mib", stack, SCAN, request.param, kinds[request.param])
    return path, stack


@pytest.mark.parametrize("lazy", [True, False])
def test_written_scan_is_loaded_as_it_was(written, lazy):
    path, stack = written
    signal = hs.load(path, lazy=lazy)
    assert type(signal).__name__.endswith("ElectronDiffraction2D")
    assert signal.data.shape == stack.shape
    np.testing.assert_array_equal(np.asarray(signal.data), stack)


@pytest.mark.parametrize("chunks", ["auto", (2, 3, 11, 44)])
@pytest.mark.parametrize("descan", [None, DESCAN])
def test_file_is_read_directly_and_gives_the_same(written, chunks, descan):
    path, stack = written
    signal = hs.load(path, lazy=True, chunks=chunks)
    assert untouched_file(signal.data) is not None
    for masks in (SOFT, COUNTING):
        views = project(signal.data, masks, descan)
        reference = project(stack, masks, descan)
        assert isinstance(views, da.Array)
        assert views.dtype == reference.dtype
        if masks is COUNTING:
            np.testing.assert_array_equal(views.compute(), reference)
        np.testing.assert_allclose(views.compute(), reference, rtol=1e-6)


def test_series_and_signal_of_another_type_are_still_the_file(written):
    path, stack = written
    series = hs.load(path, lazy=True, navigation_shape=(35,))
    assert untouched_file(series.data) is not None
    reference = project(stack, COUNTING)
    np.testing.assert_array_equal(project(series.data, COUNTING), reference.reshape(3, 35))
    signal = hs.load(path, lazy=True)
    signal.set_signal_type("diffraction")
    assert untouched_file(signal.deepcopy().data) is not None


CHANGES = [
    lambda s: s.inav[1:, 2:5],
    lambda s: s.inav[::-1],
    lambda s: s.isig[:, ::-1],
    lambda s: s + 1,
    lambda s: s.rebin(scale=(1, 1, 1, 1)) * 2,
    lambda s: s.T.T,
]


@pytest.mark.parametrize("change", CHANGES)
def test_changed_stack_is_projected_as_it_is(written, change):
    path, _ = written
    signal = change(hs.load(path, lazy=True))
    reference = project(signal.data.compute(), COUNTING)
    np.testing.assert_array_equal(project(signal.data, COUNTING).compute(), reference)


def test_sliced_stack_is_not_the_file(written):
    signal = hs.load(written[0], lazy=True)
    for part in (signal.inav[1:], signal.isig[2:], signal + 0, signal.isig[:, ::-1]):
        assert untouched_file(part.data) is None
    assert untouched_file(signal.data.rechunk((1, 1, 9, 9))) is None
    assert untouched_file(da.zeros((2, 2, 4, 4))) is None


def test_file_that_shrinks_after_loading_is_told(tmp_path):
    path = write_mib(tmp_path / "a.mib", counts(12), SCAN)
    signal = hs.load(path, lazy=True)
    views = project(signal.data, COUNTING)
    with path.open("r+b") as stream:
        stream.truncate(20000)
    assert untouched_file(signal.data) is None
    with pytest.raises(ValueError, match="load it again"):
        views.compute()


def test_blocks_write_the_same_file_as_the_array(tmp_path):
    stack = counts(12)
    whole = write_mib(tmp_path / "a.mib", stack, SCAN)
    parts = write_mib(tmp_path / "b.mib", iter(stack), SCAN)
    assert whole.read_bytes() == parts.read_bytes()


def test_inspection_agrees_with_what_was_written(written):
    path, _ = written
    info = inspect_mib(path)
    assert (info.shape, info.frames, info.left_over, info.announced) == (SHAPE, 35, 0, 35)
    assert check_frames(path).frames == 35
    assert check_frames(path, (7, 5)).frames == 35
    assert (quad_cross(path) is not None) == info.quad


@pytest.mark.parametrize(("side", "seam"), [(512, [255, 256]), (515, [255, 256, 257, 258, 259])])
def test_cross_lies_on_the_seams_of_a_quad(tmp_path, side, seam):
    path = write_mib(tmp_path / "q.mib", np.zeros((1, side, side), int), (1,), 6, "quad")
    cross = quad_cross(path)
    np.testing.assert_array_equal(np.flatnonzero(cross.all(axis=0)), seam)
    np.testing.assert_array_equal(np.flatnonzero(cross.all(axis=1)), seam)
    assert cross.sum() == 2 * len(seam) * side - len(seam) ** 2


def cut(path, frames):
    """Keep this many frames of a file, whole or not."""
    size = int(inspect_mib(path).frame_bytes * frames)
    with path.open("r+b") as stream:
        stream.truncate(size)


@pytest.mark.parametrize(
    ("frames", "shape", "message"),
    [
        (17, None, "holds 17 complete frames of 35.*navigation_shape"),
        (17.5, None, "holds 17 complete frames of 35"),
        (17, (7, 5), r"needs 35 frames.*holds 17.*\(7, 2\)"),
        (3, (7, 5), "at most 3 frames"),
        (35, (7, 4), r"check \(columns, rows\)"),
        (35, (36,), "at most 35 frames"),
        (0.5, None, "within its first frame"),
        (0, None, "is empty"),
    ],
)
def test_truncated_files_are_told(tmp_path, frames, shape, message):
    path = write_mib(tmp_path / "a.mib", counts(6), SCAN, 6)
    cut(path, frames)
    with pytest.raises(ValueError, match=message):
        check_frames(path, shape)


def test_complete_rows_of_a_cut_file_are_accepted_and_load(tmp_path):
    stack = counts(6)
    path = write_mib(tmp_path / "a.mib", stack, SCAN, 6)
    cut(path, 17.5)
    check_frames(path, (7, 2))
    signal = hs.load(path, lazy=True, navigation_shape=(7, 2))
    np.testing.assert_array_equal(project(signal.data, COUNTING), project(stack[:2], COUNTING))


def test_cut_file_without_hdr_is_told(tmp_path):
    path = write_mib(tmp_path / "a.mib", counts(6), SCAN, 6)
    path.with_suffix(".hdr").unlink()
    assert check_frames(path).announced is None
    cut(path, 17.5)
    with pytest.raises(ValueError, match="18 or more"):
        check_frames(path)


def test_other_files_are_told(tmp_path):
    path = tmp_path / "a.mib"
    path.write_bytes(b"\x89PNG" * 300)
    with pytest.raises(ValueError, match=r"no \.mib file"):
        inspect_mib(path)
    raw = write_mib(tmp_path / "b.mib", counts(6), SCAN, 6)
    raw.write_bytes(raw.read_bytes().replace(b"U08", b"R64"))
    with pytest.raises(ValueError, match=r"raw \.mib file"):
        inspect_mib(raw)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"counter_depth": 6}, "counter of 6 bits"),
        ({"counter_depth": 7}, "counter_depth must be"),
        ({"detector": "penta"}, "detector one of"),
        ({"scan": (5, 8)}, "35 frames were given"),
        ({"scan": ()}, "rows, columns"),
        ({"path": "scan.txt"}, r"end in \.mib"),
    ],
)
def test_what_cannot_be_written_is_told(tmp_path, arguments, message):
    call = {"path": "a.mib", "scan": SCAN, **arguments}
    path = tmp_path / call.pop("path")
    with pytest.raises(ValueError, match=message):
        write_mib(path, counts(12) * 4, **call)
