"""The microscope: what it records of a known image, and what it refuses."""

import warnings

import numpy as np
import pytest

from hyperspy_stereo.simulation.imaging.acquisition import blurred, counted, scan_path, scanned
from hyperspy_stereo.simulation.imaging.detector_sampling import disc_samples, segment_samples
from hyperspy_stereo.simulation.imaging.microscope import Counter, Microscope, ScanNoise
from hyperspy_stereo.simulation.two_beam import Dislocation, TwoBeam, bright_dark_field

REFERENCE = "reference/two_beam/V1_detector_radius.npz"


def ramp(shape=(64, 64), views=1):
    """Images whose value is the column."""
    return np.broadcast_to(np.arange(shape[1], dtype=float), (views, *shape))


@pytest.mark.parametrize(("voltage", "picometres"), [(200, 2.508), (300, 1.969)])
def test_wavelengths_are_those_of_the_tables(voltage, picometres):
    assert Microscope(voltage=voltage).wavelength * 1e3 == pytest.approx(picometres, abs=5e-4)


@pytest.mark.parametrize("size", [2.0, 4.5])
def test_a_point_is_blurred_to_the_width_of_the_source(size):
    image = np.zeros((1, 101, 101))
    image[0, 50, 50] = 1
    spread = blurred(image, Microscope.noiseless(pixel_size=0.5, source_size=size))[0]
    profile = spread.sum(axis=0)
    offset = (np.arange(101) - 50) * 0.5
    sigma = np.sqrt((profile * offset**2).sum() / profile.sum())
    assert sigma * np.sqrt(8 * np.log(2)) == pytest.approx(size, rel=0.02)
    assert spread.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("dose", [5.0, 200.0, 30_000.0])
def test_counts_are_poisson(dose):
    counts = counted(np.full((1, 200, 200), 0.4), dose, Counter(), np.random.default_rng(1)) * dose
    assert counts.mean() == pytest.approx(0.4 * dose, rel=0.02)
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.05)
    assert np.allclose(counts, counts.round(), atol=1e-2)


def test_counts_of_neighbours_and_views_are_independent():
    counts = counted(np.full((2, 200, 200), 0.4), 50.0, Counter(), np.random.default_rng(2))
    apart = counts - counts.mean()
    variance = (apart**2).mean()
    assert abs((apart[:, :, 1:] * apart[:, :, :-1]).mean()) < 0.03 * variance
    assert abs((apart[0] * apart[1]).mean()) < 0.03 * variance


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_counters_stop_at_their_depth(bits):
    top = 2**bits - 1
    dose = 2.0 * top
    image = np.array([[[0.1, 0.9]]])
    with pytest.warns(UserWarning, match=str(top)):
        counts = counted(image, dose, Counter(bits=bits), np.random.default_rng(0)) * dose
    assert counts[0, 0, 1] == pytest.approx(top)
    assert counts[0, 0, 0] < top


def test_one_full_count_in_a_hundred_is_no_reason_to_warn():
    image = np.full((1, 10, 100), 0.1)
    image[0, 0, :9] = 0.9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        counted(image, 500.0, Counter(bits=8), np.random.default_rng(0))
    image[0, 1, :9] = 0.9
    # 207 + 3 sqrt(207) = 250 counts fit, 216 + 3 sqrt(216) = 260 do not
    with pytest.warns(UserWarning, match=r"2% .*dose=230"):
        counted(image, 500.0, Counter(bits=8), np.random.default_rng(0))


def test_uncounted_images_never_fill_counters():
    image = np.full((1, 2, 2), 3.0)
    assert counted(image, np.inf, Counter(bits=8), np.random.default_rng(0)) == pytest.approx(3.0)


def test_afterglow_moves_a_share_one_position_on_and_loses_nothing():
    image = np.zeros((1, 3, 20))
    image[0, 1, 7] = 1
    late = counted(image, np.inf, Counter(afterglow=0.2), np.random.default_rng(0))
    assert late[0, 1, 7] == pytest.approx(0.8)
    assert late[0, 1, 8] == pytest.approx(0.2)
    assert late.sum() == pytest.approx(1)


def test_jitter_moves_whole_rows_along_themselves_by_its_rms():
    shape = (400, 64)
    noise = ScanNoise(row_gain=0, row_jitter=0.4, drift=0, flyback=0)
    path = scan_path(noise, shape, 1.0, np.random.default_rng(3))
    moved = scanned(ramp(shape), path)[0] - ramp(shape)[0]
    inner = moved[:, 4:-4]
    assert np.ptp(inner, axis=1).max() < 1e-3
    assert inner[:, 0].std() == pytest.approx(0.4, rel=0.1)
    assert np.allclose(scanned(ramp(shape), path, jitter=False), ramp(shape), atol=1e-4)


def test_drift_moves_the_last_row_against_the_first_by_its_distance():
    noise = ScanNoise(row_gain=0, row_jitter=0, drift=6.0, flyback=0)
    path = scan_path(noise, (65, 65), 2.0, np.random.default_rng(4))
    x = scanned(ramp((65, 65)), path)[0] - ramp((65, 65))[0]
    y = scanned(ramp((65, 65)).transpose(0, 2, 1), path)[0] - ramp((65, 65))[0].T
    across = x[-5, 32] - x[4, 32], y[-5, 32] - y[4, 32]
    # rows 4 to 60 of 64 steps, and a slow bend of at most a tenth beside it
    assert np.hypot(*across) == pytest.approx(3.0 * 56 / 64, abs=0.25)
    assert np.hypot(*(path.rows[-1] - path.rows[0])) * 2.0 == pytest.approx(6.0)
    assert np.hypot(x[32, 32], y[32, 32]) < 1e-3


def test_flyback_is_there_at_the_start_of_rows_only():
    noise = ScanNoise(row_gain=0, row_jitter=0, drift=0, flyback=1.5)
    path = scan_path(noise, (8, 200), 1.0, np.random.default_rng(0))
    late = scanned(ramp((8, 200)), path)[0] - ramp((8, 200))[0]
    assert late[3, 0] == pytest.approx(1.5, abs=0.05)
    assert np.abs(late[:, 40:-2]).max() < 1e-3
    assert (np.diff(late[3, :20]) < 0).all()


def test_row_gain_scales_rows_by_its_rms():
    noise = ScanNoise(row_gain=0.02, row_jitter=0, drift=0, flyback=0)
    path = scan_path(noise, (4000, 4), 1.0, np.random.default_rng(5))
    seen = counted(
        np.ones((1, 4000, 4)), np.inf, Counter(), np.random.default_rng(0), gain=path.gain
    )
    assert np.ptp(seen, axis=2).max() == 0
    assert seen[0, :, 0].std() == pytest.approx(0.02, rel=0.1)


def test_detectors_average_polynomials_exactly():
    detector = disc_samples((20.0, -5.0), 6.0, g=(3.0, 4.0), thickness=100)
    x, y = (detector.incidence - (20.0, -5.0)).T
    mean = detector.weights @ np.column_stack([x, y, x * y, x**2, y**2])
    assert mean == pytest.approx([0, 0, 0, 9.0, 9.0], abs=1e-9)
    slit = disc_samples((0.0, 0.0), 6.0, g=(0.0, 5.0), thickness=100, shape="slit", aspect=4.0)
    assert slit.weights @ slit.incidence**2 == pytest.approx([36.0, 2.25], abs=1e-9)


def test_segments_have_the_centroid_of_their_area():
    inner, outer, width = 15.0, 45.0, 90.0
    segment = segment_samples(inner, outer, azimuth=135.0, width=width, n_samples=256)
    half = np.deg2rad(width) / 2
    radius = 2 / 3 * (outer**3 - inner**3) / (outer**2 - inner**2) * np.sin(half) / half
    along = np.array([np.cos(np.deg2rad(135)), np.sin(np.deg2rad(135))])
    assert segment.centroid == pytest.approx(radius * along, abs=0.15)
    distance = np.linalg.norm(segment.incidence, axis=1)
    assert inner <= distance.min() < distance.max() <= outer


@pytest.mark.parametrize("radius", [2.0, 5.0])
def test_disc_detectors_agree_with_the_reference(shared_data, radius):
    path = shared_data.parent / REFERENCE
    if not path.exists():
        pytest.skip("no reference numbers beside this checkout")
    with np.load(path) as file:
        y, expected = file["y"], file["BF"][{2.0: 2, 5.0: 4}[radius]]
    beam = TwoBeam([5.0, 0, 0], 0.0, 40.0, 660.0, 600.0)
    line = Dislocation([[-1.0, 0, 50], [1.0, 0, 50]], [0.2, 0, 0])
    detector = disc_samples((0.0, 50.0), radius, beam.g, 200.0, pixel_size=0.5)
    seen = np.zeros(len(y))
    for weight, theta in zip(detector.weights, detector.incidence / 1000, strict=True):
        bf, _ = bright_dark_field(
            [line], beam, 200.0, [0.0], y, theta, focus_depth=150.0, slice_thickness=1.0
        )
        seen += weight * bf[:, 0]
    # the line appears at 5 nm; beside its core the field is steeper than any slice
    off = np.abs(y - 5.0) > 0.6
    assert np.abs(seen - expected)[off].max() < 0.003


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Microscope(voltage=300_000), "kV"),
        (lambda: Microscope(convergence_angle=-1), "mrad"),
        (lambda: Microscope(pixel_size=0), "nm"),
        (lambda: Microscope(dose=0), "dose"),
        (lambda: Microscope(focus_depth=np.nan), "mid plane"),
        (lambda: ScanNoise(row_jitter=-0.1), "row_jitter"),
        (lambda: ScanNoise(drift=np.inf), "drift"),
        (lambda: Counter(bits=10), "8, 12 or 16"),
        (lambda: Counter(afterglow=1.0), "afterglow"),
        (lambda: Counter(hot_pixels=-3), "hot_pixels"),
        (lambda: disc_samples((0, 0), 5, (5, 0), 100, shape="ring"), "segment_views"),
        (lambda: segment_samples(40, 20, 0, 90), "inner"),
    ],
)
def test_numbers_that_make_no_sense_are_told(make, word):
    with pytest.raises(ValueError, match=word):
        make()


def test_wrong_kinds_are_told():
    with pytest.raises(TypeError, match="voltage"):
        Microscope(voltage="300")
    with pytest.raises(TypeError, match="ScanNoise"):
        Microscope(scan=0.1)
    with pytest.raises(TypeError, match="Counter"):
        Microscope(counter=12)
