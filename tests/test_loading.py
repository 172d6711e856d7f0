"""Every file beside the checkout becomes a usable signal, or an error that says what to do."""

import hyperspy.api as hs
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


CUT = [
    ("merlintools/HAADF.dm3", r"struct\.error.*copy it again"),
    ("nion/ref_F_1_2.dm4", r"struct\.error.*copy it again"),
    ("rsciio/blockfile/test1.blo", r"2 x 3 patterns of 144 x 144 px, .* Copy or export"),
    ("rsciio/blockfile/test2.blo", r"cut short or damaged.* Copy or export"),
    ("rsciio/emd/Si100_4D.emd", "OSError: .*truncated.*copy it again"),
    ("rsciio/emd/fei_example_tem_stack.emd", "OSError: .*truncated.*copy it again"),
    ("rsciio/hspy/example2_v3.1.hspy", "OSError: .*truncated.*copy it again"),
    ("rsciio/tvips/test_tvips_2345_split_000.tvips", "(IndexError|ValueError): .*copy it again"),
]


@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize("part", [0.5, 0.9])
@pytest.mark.parametrize(("name", "message"), CUT, ids=[row[0].split("/")[-1] for row in CUT])
def test_cut_file_is_told(shared_data, tmp_path, name, message, part, lazy):
    content = (shared_data / name).read_bytes()
    path = tmp_path / name.split("/")[-1]
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ValueError, match=path.name + ".*" + message):
        hyperspy_stereo.load(path, lazy=lazy)


@pytest.mark.parametrize("lazy", [True, False])
def test_cut_hspy_is_told(tmp_path, lazy):
    path = tmp_path / "view.hspy"
    hs.signals.Signal2D(np.arange(4096.0).reshape(64, 64)).save(path)
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size // 2)
    with pytest.raises(ValueError, match=r"view\.hspy cannot be read \(OSError: .*copy it again"):
        hyperspy_stereo.load(path, lazy=lazy)


@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("script.py", r"script\.py cannot be read .*no reader for files that end in '\.py'"),
        ("view.png", r"view\.png cannot be read \(OSError.*damaged"),
        ("view.dm3", r"view\.dm3 cannot be read \(NotImplementedError.*damaged"),
        ("scan.blo", r"scan\.blo is cut short or damaged"),
        ("view.hspy", r"view\.hspy cannot be read \(OSError.*damaged"),
    ],
)
def test_text_with_the_ending_of_data_is_told(tmp_path, name, message, lazy):
    path = tmp_path / name
    path.write_text("print('this is a text and no picture')\n" * 9)
    with pytest.raises(ValueError, match=message):
        hyperspy_stereo.load(path, lazy=lazy)


def test_short_blo_and_folder_are_told(tmp_path):
    (tmp_path / "scan.blo").write_bytes(b"IMGBLO")
    with pytest.raises(ValueError, match="6 bytes, which is not even the header"):
        hyperspy_stereo.load(tmp_path / "scan.blo")
    with pytest.raises(ValueError, match="is a folder: give the file"):
        hyperspy_stereo.load(tmp_path)


def test_wrong_reader_and_unknown_argument_are_told(tmp_path):
    path = tmp_path / "view.hspy"
    hs.signals.Signal2D(np.ones((4, 4))).save(path)
    with pytest.raises(ValueError, match="by reader='nonsense': leave `reader` out"):
        hyperspy_stereo.load(path, reader="nonsense")
    with pytest.raises(TypeError, match="keyword argument"):
        hyperspy_stereo.load(path, nonsense=3)


def test_missing_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        hyperspy_stereo.load(tmp_path / "nowhere.mib")
