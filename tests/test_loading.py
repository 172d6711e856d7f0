"""Every file beside the checkout becomes a usable signal, or an error that says what to do."""

import numpy as np
import pytest

import hyperspy_stereo
from hyperspy_stereo.simulation.merlin import write_mib
from hyperspy_stereo.views.raw_frames import untouched_file

SCAN = "Diffraction4DStereo"
PATTERN = "ElectronDiffraction2D"
IMAGE = "Signal2D"

# File, class without "Lazy", navigation shape (columns, rows), pattern shape (columns, rows).
USABLE = [
    ("merlintools/CL_300mm_200kV.mib", PATTERN, (), (256, 256)),
    ("merlintools/CL_38mm_200kV.mib", PATTERN, (), (256, 256)),
    ("merlintools/SingleMIB.mib", PATTERN, (), (256, 256)),
    ("merlintools/HAADF.dm3", IMAGE, (), (20, 20)),
    ("mib/001_4x2_6bit.mib", SCAN, (4, 2), (256, 256)),
    ("mib/002_4x2_6bit_roi128.mib", SCAN, (4, 2), (256, 128)),
    (
        "mib/002_merlin_test_roi_sig256x128_nav4x2_hot_pixel_52x_39y.mib",
        SCAN,
        (4, 2),
        (256, 128),
    ),
    ("mib/003_merlin_test_roi_sig256x64_nav4x2_hot_pixel_52x_39y.mib", SCAN, (4, 2), (256, 64)),
    ("mib/Quad_1_Frame_CounterDepth_12_Rows_256.mib", PATTERN, (), (512, 512)),
    ("mib/Quad_1_Frame_CounterDepth_1_Rows_256.mib", PATTERN, (), (512, 512)),
    ("mib/Quad_1_Frame_CounterDepth_6_Rows_256.mib", PATTERN, (), (512, 512)),
    ("mib/Quad_9_Frame_CounterDepth_12_Rows_256.mib", SCAN, (9,), (512, 512)),
    ("mib/Quad_9_Frame_CounterDepth_1_Rows_256.mib", SCAN, (9,), (512, 512)),
    ("mib/Quad_9_Frame_CounterDepth_6_Rows_256.mib", SCAN, (9,), (512, 512)),
    ("mib/Single_1_Frame_CounterDepth_12_Rows_256.mib", PATTERN, (), (256, 256)),
    ("mib/Single_1_Frame_CounterDepth_1_Rows_256.mib", PATTERN, (), (256, 256)),
    ("mib/Single_1_Frame_CounterDepth_6_Rows_256.mib", PATTERN, (), (256, 256)),
    ("mib/Single_9_Frame_CounterDepth_12_Rows_256.mib", SCAN, (9,), (256, 256)),
    ("mib/Single_9_Frame_CounterDepth_1_Rows_256.mib", SCAN, (9,), (256, 256)),
    ("mib/Single_9_Frame_CounterDepth_6_Rows_256.mib", SCAN, (9,), (256, 256)),
    ("nion/ref_F_0_2.dm4", IMAGE, (), (2, 3)),
    ("nion/ref_F_1_2.dm4", IMAGE, (4,), (2, 3)),
    ("nion/ref_T_0_2.dm4", IMAGE, (3,), (5, 4)),
    ("nion/synthetic_4d_6x8x64x64_nionwriter.dm4", SCAN, (8, 6), (64, 64)),
    ("rsciio/blockfile/test1.blo", SCAN, (2, 3), (144, 144)),
    ("rsciio/blockfile/test2.blo", SCAN, (3, 2), (5, 5)),
    ("rsciio/digitalmicrograph/2D/test-1.dm4", IMAGE, (), (2, 2)),
    ("rsciio/digitalmicrograph/2D/test_STEM_image.dm3", IMAGE, (), (68, 68)),
    ("rsciio/digitalmicrograph/2D/test_diffraction_pattern.dm3", IMAGE, (), (87, 87)),
    ("rsciio/digitalmicrograph/3D/test-1.dm4", IMAGE, (2,), (2, 2)),
    ("rsciio/emd/Si100_4D.emd", SCAN, (11, 11, 2), (8, 8)),
    ("rsciio/emd/fei_example_tem_stack.emd", IMAGE, (2,), (3, 3)),
    ("rsciio/hspy/example2_v3.1.hspy", IMAGE, (), (16, 16)),
    ("rsciio/tvips/test_tvips_2345_split_000.tvips", SCAN, (6,), (5, 4)),
]
REFUSED = [
    ("mib/Quad_1_Frame_CounterDepth_1_Rows_256RAW.mib", r"raw \.mib.*raw mode.*off"),
    ("mib/Quad_9_Frame_CounterDepth_1_Rows_256RAW.mib", r"raw \.mib"),
    ("mib/Single_1_Frame_CounterDepth_1_Rows_256RAW.mib", r"raw \.mib"),
    ("mib/Single_9_Frame_CounterDepth_1_Rows_256RAW.mib", r"raw \.mib"),
    ("nion/ref_F_2_1.dm4", "holds spectra"),
    ("rsciio/digitalmicrograph/3D/EELS_SI.dm4", "holds spectra"),
    ("rsciio/tvips/test_tvips_2345_split_001.tvips", "ends in _000"),
    ("rsciio/tvips/test_tvips_2345_split_002.tvips", "ends in _000"),
]
ENDINGS = {".mib", ".dm3", ".dm4", ".blo", ".emd", ".tvips", ".hspy"}

pytestmark = pytest.mark.filterwarnings("ignore")


def test_all_files_are_in_one_of_the_tables(shared_data):
    there = {p.relative_to(shared_data).as_posix() for p in shared_data.rglob("*.*")}
    listed = {row[0] for row in USABLE} | {row[0] for row in REFUSED}
    assert {name for name in there if "." + name.rsplit(".")[-1] in ENDINGS} == listed


@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize(
    ("name", "kind", "scan", "pattern"), USABLE, ids=[row[0].split("/")[-1] for row in USABLE]
)
def test_file_becomes_a_usable_signal(shared_data, name, kind, scan, pattern, lazy):
    signal = hyperspy_stereo.load(shared_data / name, lazy=lazy)
    assert type(signal).__name__ == ("Lazy" if lazy else "") + kind
    assert signal.axes_manager.navigation_shape == scan
    assert signal.axes_manager.signal_shape == pattern
    assert np.isfinite(np.asarray(signal.data)).all()


@pytest.mark.parametrize(("name", "message"), REFUSED, ids=[r[0].split("/")[-1] for r in REFUSED])
def test_file_that_cannot_be_used_is_told(shared_data, name, message):
    with pytest.raises(ValueError, match=message):
        hyperspy_stereo.load(shared_data / name)


def test_calibration_of_a_scan_is_kept(shared_data):
    signal = hyperspy_stereo.load(shared_data / "nion/synthetic_4d_6x8x64x64_nionwriter.dm4")
    numbers = np.load(shared_data / "nion/synthetic_4d_6x8x64x64.npy")
    np.testing.assert_array_equal(np.asarray(signal.data), numbers)
    axes = signal.axes_manager
    assert [a.units for a in axes.navigation_axes] == ["nm", "nm"]
    assert [a.units for a in axes.signal_axes] == ["mrad", "mrad"]
    np.testing.assert_allclose([a.scale for a in axes.navigation_axes], 1.5, rtol=1e-6)
    np.testing.assert_allclose([a.scale for a in axes.signal_axes], 0.7, rtol=1e-6)


def test_series_gets_its_scan_shape(shared_data):
    path = shared_data / "mib/Single_9_Frame_CounterDepth_12_Rows_256.mib"
    series = hyperspy_stereo.load(path)
    scan = hyperspy_stereo.load(path, navigation_shape=(3, 3))
    assert scan.axes_manager.navigation_shape == (3, 3)
    np.testing.assert_array_equal(
        np.asarray(scan.data).reshape(9, 256, 256), np.asarray(series.data)
    )
    part = hyperspy_stereo.load(
        shared_data / "rsciio/tvips/test_tvips_2345_split_000.tvips", navigation_shape=(3, 2)
    )
    assert part.axes_manager.navigation_shape == (3, 2)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 2), r"needs 10 frames.*holds 9.*\(5, 1\)"),
        ((4, 2), r"check \(columns, rows\)"),
        ((10, 10), "at most 9 frames"),
        ((9,), "two whole numbers"),
        ((-3, -3), "two whole numbers"),
        ((3.0, 3.0), "two whole numbers"),
        (9, "two whole numbers"),
    ],
)
def test_wrong_scan_shape_is_told(shared_data, shape, message):
    path = shared_data / "mib/Single_9_Frame_CounterDepth_12_Rows_256.mib"
    with pytest.raises(ValueError, match=message):
        hyperspy_stereo.load(path, navigation_shape=shape)


def test_cross_of_a_quad_is_known(shared_data):
    quad = hyperspy_stereo.load(shared_data / "mib/Quad_9_Frame_CounterDepth_12_Rows_256.mib")
    cross = np.asarray(quad.metadata.get_item("Stereo.dead_pixels"))
    assert cross.shape == (512, 512)
    np.testing.assert_array_equal(np.flatnonzero(cross.all(axis=0)), [255, 256])
    single = hyperspy_stereo.load(shared_data / "mib/001_4x2_6bit.mib")
    assert single.metadata.get_item("Stereo.dead_pixels") is None


@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize("depth", [1, 6, 12])
def test_written_scan_comes_back(tmp_path, depth, lazy):
    counts = np.random.default_rng(0).integers(0, 2**depth, (3, 4, 16, 20))
    path = write_mib(tmp_path / "scan.mib", counts, (3, 4), depth)
    signal = hyperspy_stereo.load(path, lazy=lazy)
    assert type(signal).__name__ == ("Lazy" if lazy else "") + SCAN
    np.testing.assert_array_equal(np.asarray(signal.data), counts)
    if lazy:
        assert untouched_file(signal.data) is not None


@pytest.mark.parametrize("scan", [(1, 6), (6, 1)])
def test_scan_of_one_row_or_column_is_a_scan(tmp_path, scan):
    counts = np.random.default_rng(0).integers(0, 9, (*scan, 16, 20))
    path = write_mib(tmp_path / "scan.mib", counts, scan)
    signal = hyperspy_stereo.load(path, navigation_shape=scan[::-1])
    assert signal.axes_manager.navigation_shape == scan[::-1]
    np.testing.assert_array_equal(np.asarray(signal.data), counts)


def test_truncated_scan_is_told_and_its_complete_rows_load(tmp_path):
    counts = np.random.default_rng(0).integers(0, 9, (4, 5, 16, 20))
    path = write_mib(tmp_path / "scan.mib", counts, (4, 5))
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size * 13 // 20)
    with pytest.raises(ValueError, match="holds 13 complete frames of 20"):
        hyperspy_stereo.load(path)
    signal = hyperspy_stereo.load(path, navigation_shape=(5, 2))
    np.testing.assert_array_equal(np.asarray(signal.data), counts[:2])


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "is empty"), (b"MQ1,0", "Merlin header"), (b"x" * 900, "Merlin")]
)
def test_broken_file_is_told(tmp_path, content, message):
    path = tmp_path / "scan.mib"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        hyperspy_stereo.load(path)


def test_missing_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        hyperspy_stereo.load(tmp_path / "nowhere.mib")
