"""A geometric 4D-STEM scan of dislocations, with exact 3D truth.

No diffraction is computed: each line is a dark trough of Gaussian profile, drawn for every pixel of
the bright-field disc where the rays of that incidence project it. Its depth of contrast is constant
along the Kikuchi line and falls off across it, as for a two-beam condition.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from hyperspy_stereo.simulation.geometric.curves3d import dislocation_lines
from hyperspy_stereo.simulation.geometric.exposure import expose


@dataclass(frozen=True)
class GeometricScan:
    """A simulated scan and everything that is true about it.

    Attributes
    ----------
    stack
        (Ny, Nx, H, W) uint16 counts.
    vacuum
        (ny, nx, H, W) uint16 counts without the specimen, a coarse scan over the same field.
    lines
        One (n, 3) array per line: x, y, z in nm; x and y are scan pixel times `pixel_size`, z is
        along the beam from the focus plane. Lines may leave the field of view.
    contrast, contrast_shift
        Per line, the depth of the trough (0..1) and the shift of the image across the line per
        disc radius across the Kikuchi line, nm.
    pixel_size
        nm per scan pixel.
    thickness
        Foil thickness, nm.
    focus_depth
        Depth of the focus plane from the foil's mid plane, nm; z = depth - focus_depth.
    convergence_angle
        Semi-angle of the disc, mrad.
    disc_centre, disc_radius, edge_width
        Of the disc at the middle of the scan, px of the detector; centre as (x, y).
    descan
        (2, 3): centre = disc_centre + descan[:, :2] @ (ix - (Nx-1)/2, iy - (Ny-1)/2).
    kikuchi_azimuth
        Direction of the Kikuchi line, degrees in detector axes (x right, y down), in [0, 180).
    band_centre, band_width
        Offset of the Kikuchi line from the disc centre along its normal (-sin, cos), and standard
        deviation of the contrast across it; both in disc radii.
    scan_rotation, scan_flip
        incidence in the scan frame = R(scan_rotation) @ incidence in the detector frame, the
        detector's y negated first where `scan_flip`.
    """

    stack: np.ndarray
    vacuum: np.ndarray
    lines: list[np.ndarray]
    contrast: np.ndarray
    contrast_shift: np.ndarray
    pixel_size: float
    thickness: float
    focus_depth: float
    convergence_angle: float
    disc_centre: tuple[float, float]
    disc_radius: float
    edge_width: float
    descan: np.ndarray
    kikuchi_azimuth: float
    band_centre: float
    band_width: float
    scan_rotation: float
    scan_flip: bool

    @property
    def mrad_per_px(self) -> float:
        """Angle of one detector pixel, mrad."""
        return self.convergence_angle / self.disc_radius

    @property
    def to_scan_frame(self) -> np.ndarray:
        """(2, 2) matrix from detector-frame to scan-frame incidences."""
        return _rotation(self.scan_rotation, self.scan_flip)

    @property
    def parallax_azimuth(self) -> float:
        """Direction of the Kikuchi line in the scan, degrees in (-180, 180]."""
        return _azimuth_in_scan(self.kikuchi_azimuth, self.to_scan_frame)

    def project(self, incidence: tuple[float, float]) -> list[np.ndarray]:
        """Positions of the lines in the view of one incidence, without the contrast shift.

        Parameters
        ----------
        incidence
            (x, y) in the detector frame, mrad.

        Returns
        -------
        list of (n, 2) arrays
            Scan pixels (x, y): r = r_d - slope * z.
        """
        slope = np.tan(self.to_scan_frame @ np.asarray(incidence, float) * 1e-3)
        return [(p[:, :2] - slope * p[:, 2:]) / self.pixel_size for p in self.lines]


def simulate_scan(
    scan_shape: tuple[int, int] = (128, 128),
    detector_shape: tuple[int, int] = (64, 64),
    seed: int = 0,
    *,
    lines: list[np.ndarray] | None = None,
    n_lines: int = 12,
    thickness: float = 240.0,
    focus_depth: float = -60.0,
    pixel_size: float = 2.0,
    dose: float = 60_000.0,
    convergence_angle: float = 60.0,
    disc_radius: float | None = None,
    disc_centre: tuple[float, float] | None = None,
    edge_width: float = 0.6,
    descan: np.ndarray | None = None,
    kikuchi_azimuth: float = 37.0,
    band_centre: float = 0.06,
    band_width: float = 0.35,
    scan_rotation: float = -18.0,
    scan_flip: bool = False,
    line_width: float = 3.0,
    contrast: tuple[float, float] = (0.3, 0.5),
    contrast_shift: float = 1.0,
    disc_brightness: float = 0.15,
    scan_brightness: float = 0.06,
    background: float = 0.002,
    hot_pixels: int = 0,
    vacuum_shape: tuple[int, int] = (8, 8),
) -> GeometricScan:
    """Simulate a 4D-STEM scan of dislocations in a foil, geometrically.

    Parameters
    ----------
    scan_shape, detector_shape
        Rows and columns of the scan and of the patterns.
    seed
        Same seed, same numbers, whatever the number of threads.
    lines
        (n, 3) arrays in nm, z from the focus plane; None draws `n_lines` random ones through the
        foil that run across the parallax direction to within 50 degrees.
    n_lines
        Number of random lines.
    thickness, focus_depth, pixel_size
        Foil thickness, depth of the focus plane from the mid plane, size of a scan pixel, nm. The
        defaults put the foil at z = -60 .. 180 nm: two views 90 mrad apart then see disparities
        over 11 px.
    dose
        Mean electrons per pattern that reach the disc in vacuum.
    convergence_angle
        Semi-angle, mrad.
    disc_radius, disc_centre, edge_width
        px; None takes 0.4 of the smaller side, and a place near the middle drawn from the seed.
        `edge_width` is the standard deviation of the blurred rim.
    descan
        (2, 2) or (2, 3), detector px per scan px; None draws one that moves the disc by about
        1.5 px over the scan.
    kikuchi_azimuth, band_centre, band_width, scan_rotation, scan_flip
        See `GeometricScan`.
    line_width
        Standard deviation of the trough, nm.
    contrast
        Range of the troughs' depth.
    contrast_shift
        Largest size of the lines' `contrast_shift`, nm per disc radius; the sign is random.
    disc_brightness, scan_brightness
        Relative smooth changes of brightness over the disc (a ramp and a dark Kikuchi band; only
        the ramp in vacuum) and over the scan.
    background
        Counts between the disc and the frame, as a share of those in the disc.
    hot_pixels
        Number of detector pixels that always read high.
    vacuum_shape
        Rows and columns of the vacuum scan.

    Returns
    -------
    GeometricScan

    Raises
    ------
    ValueError
        If a shape is not two positive numbers, the patterns are smaller than 16 x 16 px, or the
        dose or the pixel size is not positive.

    Examples
    --------
    >>> scan = simulate_scan((16, 16), (32, 32), seed=1, n_lines=2)
    >>> scan.stack.shape, scan.stack.dtype
    ((16, 16, 32, 32), dtype('uint16'))
    """
    _check_shapes(scan_shape, detector_shape, vacuum_shape, dose, pixel_size)
    rng = np.random.default_rng(seed)
    centre, plane = _disc_motion(scan_shape, detector_shape, disc_centre, descan, rng)
    if lines is None:
        across = 90 + _azimuth_in_scan(kikuchi_azimuth, _rotation(scan_rotation, scan_flip))
        extent = (scan_shape[1] * pixel_size, scan_shape[0] * pixel_size)
        lines = _random_lines(n_lines, extent, thickness, focus_depth, pixel_size, across, rng)
    truth = GeometricScan(
        stack=np.empty((*scan_shape, *detector_shape), np.uint16),
        vacuum=np.empty((*vacuum_shape, *detector_shape), np.uint16),
        lines=[np.ascontiguousarray(p, float) for p in lines],
        contrast=rng.uniform(*contrast, len(lines)),
        contrast_shift=contrast_shift * _signed(len(lines), rng),
        pixel_size=float(pixel_size),
        thickness=float(thickness),
        focus_depth=float(focus_depth),
        convergence_angle=float(convergence_angle),
        disc_centre=(float(centre[0]), float(centre[1])),
        disc_radius=float(disc_radius or 0.4 * min(detector_shape)),
        edge_width=float(edge_width),
        descan=plane,
        kikuchi_azimuth=float(kikuchi_azimuth % 180),
        band_centre=float(band_centre),
        band_width=float(band_width),
        scan_rotation=float(scan_rotation),
        scan_flip=bool(scan_flip),
    )
    _expose(truth, line_width, dose, disc_brightness, scan_brightness, background, hot_pixels, rng)
    return truth


def _expose(
    truth, line_width, dose, disc_brightness, scan_brightness, background, hot_pixels, rng
) -> None:
    """Fill the two stacks of a scan with counts."""
    rate = dose / (np.pi * truth.disc_radius**2)
    phi = np.deg2rad(truth.kikuchi_azimuth)
    scene = _Scene(
        points=np.concatenate([*truth.lines, np.zeros((0, 3))]),
        starts=np.cumsum([0] + [len(p) for p in truth.lines]),
        depths=truth.contrast,
        shifts=truth.contrast_shift / truth.pixel_size,
        width=line_width / truth.pixel_size,
        pixel_size=truth.pixel_size,
        to_scan=truth.to_scan_frame * truth.convergence_angle * 1e-3,
        normal=np.array([-np.sin(phi), np.cos(phi)]),
        band=np.array([truth.band_centre, truth.band_width]),
    )
    scan_shape, vacuum_shape = truth.stack.shape[:2], truth.vacuum.shape[:2]
    ramp = disc_brightness * _unit(rng.normal(size=2)) * 0.7
    field = rate * _smooth_field(scan_shape, scan_brightness, rng)
    disc = np.array([*truth.disc_centre, truth.disc_radius, truth.edge_width, background])
    seeds = rng.integers(1, 2**31 - 1, (2, truth.stack.shape[2]))
    dip = 1.3 * disc_brightness
    expose(truth.stack, field, disc, truth.descan, ramp, dip, *scene.arrays(), seeds[0])
    coarse = np.asarray(scan_shape)[::-1] / np.asarray(vacuum_shape)[::-1]
    plane, flat = truth.descan[:, :2] * coarse, np.full(vacuum_shape, rate)
    empty = scene.without_lines()
    expose(truth.vacuum, flat, disc, plane, ramp, 0.0, *empty.arrays(), seeds[1])
    _add_hot_pixels((truth.stack, truth.vacuum), hot_pixels, 4 * rate, rng)


@dataclass(frozen=True)
class _Scene:
    """The lines in the form the kernel reads; lengths in scan pixels but for `points` (nm)."""

    points: np.ndarray
    starts: np.ndarray
    depths: np.ndarray
    shifts: np.ndarray
    width: float
    pixel_size: float
    to_scan: np.ndarray
    normal: np.ndarray
    band: np.ndarray

    def arrays(self) -> tuple:
        """Return the fields in the order of the kernel's arguments."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def without_lines(self) -> "_Scene":
        """Return the empty scene."""
        return replace(self, starts=np.zeros(1, int))


def _check_shapes(scan_shape, detector_shape, vacuum_shape, dose, pixel_size) -> None:
    for name, shape in (
        ("scan_shape", scan_shape),
        ("detector_shape", detector_shape),
        ("vacuum_shape", vacuum_shape),
    ):
        if len(shape) != 2 or min(shape) < 1:
            raise ValueError(f"{name} needs two positive numbers (rows, columns); got {shape}.")
    if min(detector_shape) < 16:
        raise ValueError(f"detector_shape {detector_shape} is too small: at least 16 x 16 pixels.")
    if not dose > 0 or not pixel_size > 0:
        raise ValueError(f"dose and pixel_size must be positive; got {dose} and {pixel_size}.")


def _rotation(degrees: float, flip: bool) -> np.ndarray:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s], [s, c]]) @ np.diag([1.0, -1.0 if flip else 1.0])


def _azimuth_in_scan(azimuth: float, to_scan: np.ndarray) -> float:
    """Direction in the scan of a direction on the detector, both in degrees."""
    phi = np.deg2rad(azimuth)
    x, y = to_scan @ (np.cos(phi), np.sin(phi))
    return float(np.rad2deg(np.arctan2(y, x)))


def _disc_motion(scan_shape, detector_shape, disc_centre, descan, rng):
    """Centre of the disc (x, y) and its descan (2, 3); both are drawn where they are None."""
    jitter = rng.uniform(-0.03, 0.03, 2) * min(detector_shape)
    drift = rng.uniform(-1.0, 1.0, (2, 2)) * 1.5 / np.max(scan_shape)
    middle = (np.array(detector_shape[::-1]) - 1) / 2
    centre = middle + jitter if disc_centre is None else np.asarray(disc_centre, float)
    plane = np.zeros((2, 3))
    plane[:, :2] = drift if descan is None else np.asarray(descan, float)[:, :2]
    return centre, plane


def _random_lines(n_lines, extent, thickness, focus_depth, pixel_size, direction, rng):
    """Lines through the foil, z from the focus plane."""
    drawn = dislocation_lines(n_lines, extent, thickness, rng, direction, 50.0, pixel_size)
    return [p - (0.0, 0.0, focus_depth) for p in drawn]


def _signed(n: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers from 0.5 to 1 with either sign."""
    return rng.uniform(0.5, 1.0, n) * rng.choice([-1, 1], n)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _smooth_field(shape, amplitude, rng) -> np.ndarray:
    """Brightness over the scan: a few long waves around 1."""
    y, x = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    field = np.ones(shape)
    for _ in range(4):
        kx, ky = rng.uniform(-0.8, 0.8, 2)
        field += 0.5 * amplitude * np.sin(2 * np.pi * (kx * x + ky * y) + rng.uniform(0, 6.3))
    return field


def _add_hot_pixels(stacks, number, level, rng) -> None:
    for _ in range(number):
        y, x = (int(rng.integers(n)) for n in stacks[0].shape[2:])
        value = min(int(level * rng.uniform(1, 4)) + 1, 65535)
        for stack in stacks:
            stack[:, :, y, x] = value
