"""The calibrated disc of a scan: read from metadata, checked, and carried through slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_stereo.views import Disc, seam_cross

CONVERGENCE_ANGLE = "Acquisition_instrument.TEM.convergence_angle"
CALIBRATE = "call calibrate_disc(convergence_angle=..., vacuum=...) first"


@dataclass(frozen=True)
class DiscState:
    """What calibrate_disc() found, in the pixels of the signal it is read from."""

    disc: Disc
    mrad_per_px: float
    descan: np.ndarray | None
    pattern: np.ndarray | None


def check_scan(signal, dimensions: tuple[int, ...] = (2,)) -> None:
    """Refuse data that is not a scan of real 2-D patterns."""
    axes, name = signal.axes_manager, type(signal).__name__
    if signal.data.dtype.kind == "c":
        raise TypeError(f"{name} needs real counts, got {signal.data.dtype}: use abs(s).")
    if axes.signal_dimension != 2 or min(axes.signal_shape) < 8:
        raise ValueError(
            f"{name} needs 2-D patterns of at least 8 x 8 px in its signal axes, got "
            f"{axes.signal_shape}: use transpose(signal_axes=2) where the axes are swapped."
        )
    if axes.navigation_dimension in dimensions:
        return
    if axes.navigation_dimension > 2:
        raise ValueError(
            f"{name} has {axes.navigation_dimension} navigation axes {axes.navigation_shape}; a "
            "scan has two: choose one scan of the series, for example s.inav[:, :, 0]."
        )
    what = f"a series of {axes.navigation_size} patterns" if axes.navigation_size else "one pattern"
    raise ValueError(
        f"a scan needs two navigation axes, but this is {what}: load the file with its scan "
        "shape, hyperspy_stereo.load(filename, navigation_shape=(columns, rows))."
    )


def mark_seams(signal) -> None:
    """Leave the seams of a quad detector out of all detectors, as soon as a file is loaded."""
    layout = signal.original_metadata.get_item("mib_properties")
    if layout is None or layout.get_item("assembly_size") != "quad":
        return
    shape = tuple(signal.axes_manager.signal_shape[::-1])
    whole = tuple(layout.get_item("merlin_size", default=()))[::-1]
    if shape == whole and not signal.metadata.has_item("Stereo.dead_pixels"):
        signal.metadata.set_item("Stereo.dead_pixels", seam_cross(shape))


def write(signal, disc: Disc, convergence_angle: float, descan, pattern: np.ndarray) -> None:
    """Put a fitted disc into the metadata."""
    signal.metadata.set_item(CONVERGENCE_ANGLE, convergence_angle)
    items = {
        "centre": [float(c) for c in disc.centre],
        "radius": float(disc.radius),
        "edge_width": float(disc.edge_width),
        "descan": None if descan is None else np.asarray(descan, dtype=float),
        "pattern": np.asarray(pattern, dtype=np.float32),
        "detector_shape": list(signal.axes_manager.signal_shape[::-1]),
        "scan_shape": list(signal.axes_manager.navigation_shape[::-1]),
    }
    for key, value in items.items():
        if value is not None:
            signal.metadata.set_item(f"Stereo.Disc.{key}", value)
    if descan is None and signal.metadata.has_item("Stereo.Disc.descan"):
        del signal.metadata.Stereo.Disc.descan


def read(signal) -> DiscState:
    """The calibrated disc of a scan, or an error that says how to get one."""
    node = signal.metadata.get_item("Stereo.Disc")
    if node is None:
        raise ValueError(f"the disc of this scan is not calibrated: {CALIBRATE}.")
    shape = tuple(signal.axes_manager.signal_shape[::-1])
    known = tuple(int(n) for n in node.get_item("detector_shape"))
    if shape != known:
        raise ValueError(
            f"the disc was calibrated on patterns of {known} px but they are {shape} now (rebinned "
            f"or transposed?): {CALIBRATE} on this signal."
        )
    damaged = [k for k in ("centre", "radius", "edge_width") if not node.has_item(k)]
    angle = signal.metadata.get_item(CONVERGENCE_ANGLE)
    if damaged or not (float(node.radius) > 0 and angle is not None and float(angle) > 0):
        raise ValueError(
            "metadata.Stereo.Disc or the convergence angle in metadata.Acquisition_instrument.TEM "
            f"is incomplete or not above 0: {CALIBRATE}."
        )
    disc = Disc(
        centre=tuple(float(c) for c in node.centre),
        radius=float(node.radius),
        edge_width=float(node.edge_width),
    )
    descan = node.get_item("descan")
    scan = tuple(signal.axes_manager.navigation_shape[::-1])
    if descan is not None and scan != tuple(int(n) for n in node.get_item("scan_shape")):
        raise ValueError(
            f"the descan was calibrated on a scan of {tuple(node.scan_shape)} but this one is "
            f"{scan} (rebinned?): {CALIBRATE} on this signal."
        )
    pattern = node.get_item("pattern")
    return DiscState(
        disc,
        float(angle) / disc.radius,
        None if descan is None else np.asarray(descan, dtype=float),
        None if pattern is None else np.asarray(pattern),
    )


def picture_of(signal, state: DiscState) -> dict:
    """What views have to know of the disc that they come from, for a picture of the detectors."""
    known = {"centre": list(state.disc.centre), "radius": float(state.disc.radius)}
    known["mrad_per_px"] = state.mrad_per_px
    if state.pattern is not None:
        known["pattern"] = state.pattern
    azimuth = signal.metadata.get_item("Stereo.kikuchi_azimuth")
    if azimuth is not None:
        known["kikuchi_azimuth"] = float(azimuth)
        known["kikuchi_offset"] = float(
            signal.metadata.get_item("Stereo.kikuchi_offset", default=0.0)
        )
    return known


def detector_picture(pair) -> dict:
    """What views from virtual detectors know of them, as `viewer.plot_detectors` takes it."""
    stereo = pair.metadata.get_item("Stereo")
    detector = None if stereo is None else stereo.get_item("Detector")
    disc = None if stereo is None else stereo.get_item("Disc")
    if detector is None or disc is None or not detector.has_item("centres"):
        raise ValueError(
            "these views do not know round or slit-shaped virtual detectors: make them by "
            "Diffraction4DStereo.virtual_stereo(); images and segments have none."
        )
    line = None
    if disc.has_item("kikuchi_azimuth"):
        line = float(disc.kikuchi_azimuth), float(disc.kikuchi_offset)
    slit = detector.get_item("semi_axes")
    return {
        "centre": tuple(disc.centre),
        "radius": float(disc.radius),
        "mrad_per_px": float(disc.mrad_per_px),
        "detectors": np.asarray(detector.centres, dtype=float),
        "incidence": np.asarray(detector.incidence, dtype=float),
        "detector_radius": float(detector.radius) if slit is None else tuple(slit),
        "pattern": disc.get_item("pattern"),
        "kikuchi": line,
    }


def forget(signal) -> None:
    """Drop a calibration that does not hold for turned or shifted patterns or a turned scan."""
    stereo = signal.metadata.get_item("Stereo")
    if stereo is None:
        return
    for name in list(stereo.keys()):
        if name == "Disc" or name.startswith(("kikuchi_", "scan_rotation", "defocus")):
            delattr(stereo, name)


def carry(source, sliced, taken: tuple) -> None:
    """Move the calibration of `source` into the pixels of a slice of it."""
    n_navigation = source.axes_manager.navigation_dimension
    if n_navigation == 2 and len(taken) == source.data.ndim:
        _carry_rotation(source, sliced, taken[:2])
    dead = source.metadata.get_item("Stereo.dead_pixels")
    pattern = taken[n_navigation:]
    if dead is not None and len(pattern) == 2 and all(isinstance(t, slice) for t in pattern):
        sliced.metadata.set_item("Stereo.dead_pixels", np.asarray(dead)[pattern].copy())
    node = source.metadata.get_item("Stereo.Disc")
    if node is None or len(taken) != source.data.ndim:
        return
    scan = taken[:n_navigation]
    if any(not isinstance(t, slice) or (t.step or 1) != 1 for t in pattern):
        # A sub-sampled or mirrored disc is not the one that was fitted: forget it, so that
        # nothing wrong is used.
        forget(sliced)
        return
    centre = np.asarray(node.centre, dtype=float)
    target = sliced.metadata.Stereo.Disc
    if n_navigation == 2 and node.has_item("descan"):
        plane, shift = _carried_descan(np.asarray(node.descan, float), scan, source.data.shape[:2])
        centre = centre + shift
        if plane is None:
            del target.descan
        else:
            target.set_item("descan", plane)
    rows, columns = (t.indices(n) for t, n in zip(pattern, source.data.shape[-2:], strict=True))
    target.set_item("centre", [float(centre[0] - columns[0]), float(centre[1] - rows[0])])
    target.set_item("detector_shape", list(sliced.axes_manager.signal_shape[::-1]))
    target.set_item("scan_shape", list(sliced.axes_manager.navigation_shape[::-1]))
    if node.has_item("pattern"):
        target.set_item("pattern", np.asarray(node.pattern)[pattern].copy())


def _carry_rotation(source, sliced, scan: tuple) -> None:
    """A scan mirrored by a slice is flipped against the detector, and its rotation changes sign."""
    rotation = source.metadata.get_item("Stereo.scan_rotation")
    if rotation is None:
        return
    flip = bool(source.metadata.get_item("Stereo.scan_flip", default=False))
    mirrored = [isinstance(piece, slice) and (piece.step or 1) < 0 for piece in scan]
    if mirrored[0]:
        rotation, flip = -rotation, not flip
    if mirrored[1]:
        rotation, flip = 180 - rotation, not flip
    sliced.metadata.set_item("Stereo.scan_rotation", (rotation + 180) % 360 - 180)
    sliced.metadata.set_item("Stereo.scan_flip", flip)


def _carried_descan(plane: np.ndarray, scan: tuple, shape: tuple):
    """Plane about the middle of a cropped scan (None for a single row), and the disc's move."""
    middle = np.empty(2)
    step = np.ones(2)
    for i, (piece, n) in enumerate(zip(scan, shape, strict=True)):
        positions = np.arange(n)[piece]
        middle[i] = np.mean(positions)
        step[i] = (piece.step or 1) if isinstance(piece, slice) else 0
    shift = plane[:, :2] @ (middle - (np.array(shape) - 1) / 2)[::-1]
    if 0 in step:
        return None, shift
    return np.column_stack([plane[:, :2] * step[::-1], plane[:, 2]]), shift
