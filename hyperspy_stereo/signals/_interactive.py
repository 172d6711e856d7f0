"""A scan behind two detectors that are being dragged: quick views of a thumbnail, whole ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hyperspy_stereo.signals import _checks, _disc_state, _projecting
from hyperspy_stereo.signals._progress import progress
from hyperspy_stereo.viewer.detector_pair import LARGEST, DetectorPair, LiveViews
from hyperspy_stereo.views import default_radius

if TYPE_CHECKING:
    from hyperspy_stereo.signals.diffraction4d_stereo import Diffraction4DStereo
    from hyperspy_stereo.signals.stereo_pair import StereoPair
    from hyperspy_stereo.viewer.stereo_explorer import StereoExplorer

# Of a lazy scan this much is kept in memory: it is summed within a drag step on one core.
THUMBNAIL_BYTES = 128 * 2**20
THUMBNAIL_SIDE = 64


class LiveScan:
    """Views of a scan through any two detectors.

    Parameters
    ----------
    signal : Diffraction4DStereo
        Calibrated; lazy or not.
    rotation : float, optional
        As for ``virtual_stereo``.
    show_progressbar : bool, optional
        As in HyperSpy.
    """

    def __init__(
        self, signal: Diffraction4DStereo, rotation: float | None, show_progressbar: bool | None
    ) -> None:
        self.signal = signal
        self.rotation = rotation
        self._show = show_progressbar
        self._origin = np.zeros(2)
        self.step = 1
        self.thumbnail = self._thumbnail() if signal._lazy else signal
        self._latest: tuple[DetectorPair, StereoPair] | None = None

    @property
    def has_thumbnail(self) -> bool:
        """Whether quick views are coarser than whole ones."""
        return self.step > 1

    def quick(self, detectors: DetectorPair) -> LiveViews:
        """Views of what is in memory; some 20 ms for a scan of 48 x 64 positions."""
        places = np.asarray(detectors.positions) - self._origin
        pair = self.thumbnail.virtual_stereo(
            positions=places,
            radius=detectors.radius,
            rotation=self.rotation,
            show_progressbar=False,
        )
        return _views(pair, whole=not self.has_thumbnail)

    def whole(self, detectors: DetectorPair) -> LiveViews:
        """Views of the whole scan."""
        return _views(self.pair(detectors), whole=True)

    def pair(self, detectors: DetectorPair) -> StereoPair:
        """What the code of these detectors makes; computed once, and lazy where the scan is."""
        if self._latest is None or self._latest[0] != detectors:
            pair = self.signal.virtual_stereo(
                positions=detectors.positions,
                radius=detectors.radius,
                rotation=self.rotation,
                show_progressbar=self._show,
            )
            if pair._lazy:
                import dask.array as da

                # The pass over the data is made here; the two images are small.
                with progress(self._show, 2.0):
                    pair.data = da.from_array(pair.data.compute(), chunks=pair.data.chunks)
            self._latest = detectors, pair
        return self._latest[1]

    def _thumbnail(self) -> Diffraction4DStereo:
        """Every n-th position of a lazy scan and the part of the pattern with the disc."""
        signal = self.signal
        disc = _disc_state.read(signal).disc
        width, height = signal.axes_manager.signal_shape
        # Room for the largest detectors on the rim, and for the descan.
        reach = (1 + LARGEST) * disc.radius + 4
        low = np.maximum(np.floor(np.subtract(disc.centre, reach)), 0).astype(int)
        high = np.minimum(np.ceil(np.add(disc.centre, reach)) + 1, (width, height)).astype(int)
        frame = float(np.prod(high - low)) * signal.data.dtype.itemsize
        columns, rows = signal.axes_manager.navigation_shape
        least = (
            max(columns, rows) / THUMBNAIL_SIDE,
            (columns * rows * frame / THUMBNAIL_BYTES) ** 0.5,
        )
        self.step = max(1, int(np.ceil(max(least))))
        # Two positions at least along either side, so that it remains a scan.
        self.step = max(1, min(self.step, min(columns, rows) // 2))
        self._origin = low
        part = signal.inav[:: self.step, :: self.step]
        part = part.isig[int(low[0]) : int(high[0]), int(low[1]) : int(high[1])]
        part.compute(show_progressbar=self._show, close_file=False)
        return part


def explorer(
    signal: Diffraction4DStereo,
    radius: float | None,
    direction: str | float,
    rotation: float | None,
    show_progressbar: bool | None,
) -> StereoExplorer:
    """What ``interactive_stereo`` returns."""
    from hyperspy_stereo.viewer.stereo_explorer import StereoExplorer

    state = _disc_state.read(signal)
    # Refused before the passes over the data.
    _projecting._rotation(signal, rotation)
    detectors, note = first_detectors(signal, radius, direction, show_progressbar)
    scan = LiveScan(signal, rotation, show_progressbar)
    pattern = state.pattern if state.pattern is not None else signal.mean_pattern(show_progressbar)
    return StereoExplorer(detectors, scan, pattern, state.mrad_per_px, note)


def first_detectors(
    signal: Diffraction4DStereo,
    radius: float | None,
    direction: str | float,
    show_progressbar: bool | None,
) -> tuple[DetectorPair, str]:
    """Where the detectors lie at first, and why there is no Kikuchi line if there is none."""
    disc = _disc_state.read(signal).disc
    if radius is None:
        radius = default_radius("pair", disc)
    radius = _checks.real_number(radius, "radius", "px")
    note, azimuth, offset = "", None, 0.0
    try:
        azimuth, offset = _projecting._direction(signal, direction, show_progressbar)
    except ValueError as error:
        if direction != "auto":
            raise
        note = str(error)
    frame = tuple(signal.axes_manager.signal_shape[::-1])
    return DetectorPair.opposite(disc, frame, radius, azimuth, offset), note


def _views(pair: StereoPair, whole: bool) -> LiveViews:
    left, right = np.asarray(pair._views_array(), dtype=float)
    inside = pair._inside_scan()
    if inside is not None and not inside.all():
        left, right = (np.where(inside, view, np.nan) for view in (left, right))
    pixel_size, units = pair._image_axes()
    return LiveViews(left, right, pair.stereo_angle, pixel_size, units, whole)
