"""A 4D-STEM scan whose bright-field disc holds many views of the specimen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import TYPE_CHECKING

import numpy as np
from hyperspy.signals import BaseSignal, LazySignal2D
from pyxem.signals import ElectronDiffraction2D

from hyperspy_stereo.signals import _calibrating, _disc_state, _projecting
from hyperspy_stereo.signals.stereo_pair import StereoPair

if TYPE_CHECKING:
    from hyperspy_stereo.viewer.stereo_explorer import StereoExplorer


class Diffraction4DStereo(ElectronDiffraction2D):
    """A 4D-STEM scan with a convergent probe: two scan axes, two detector axes.

    Everything of pyxem's :class:`~pyxem.signals.ElectronDiffraction2D` works on it too. What the
    ``calibrate_`` methods find lies in ``metadata.Stereo`` and follows slicing, copying, saving.

    Examples
    --------
    >>> from hyperspy_stereo.simulation import simulate_scan
    >>> from hyperspy_stereo import Diffraction4DStereo
    >>> scan = simulate_scan((24, 24), (32, 32), seed=1)
    >>> s = Diffraction4DStereo(scan.stack)
    >>> s.calibrate_disc(convergence_angle=60, vacuum=scan.vacuum)
    <Diffraction4DStereo, title: , dimensions: (24, 24|32, 32)>
    >>> s.virtual_stereo(direction=scan.kikuchi_azimuth, rotation=scan.scan_rotation).n_views
    2
    """

    _signal_type = "Diffraction4D-Stereo"
    _alias_signal_types = ["diffraction4d_stereo", "Diffraction4DStereo"]  # noqa: RUF012

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        _disc_state.mark_seams(self)

    def calibrate_disc(
        self,
        convergence_angle: float | None = None,
        vacuum: BaseSignal | np.ndarray | None = None,
        descan: bool = True,
        show_progressbar: bool | None = None,
    ) -> Diffraction4DStereo:
        """Find the bright-field disc: centre, radius, edge width and descan.

        Parameters
        ----------
        convergence_angle : float, optional
            Semi-angle of the probe in mrad. By default
            ``metadata.Acquisition_instrument.TEM.convergence_angle``.
        vacuum : signal or array of shape (H, W) or (..., H, W), optional
            Patterns without the specimen, taken with the same camera length. By default the
            disc is fitted to the mean pattern of the scan.
        descan : bool, default True
            Also fit how the centre moves over the scan (a plane).
        show_progressbar : bool, optional
            By default as in HyperSpy's preferences.

        Returns
        -------
        self
            With ``metadata.Stereo.Disc`` written: `centre` (x, y), `radius`, `edge_width` in px,
            `descan` (2 x 3), `pattern`.

        Raises
        ------
        ValueError
            If there is no scan, no angle, or no disc inside the frame.

        Examples
        --------
        >>> from hyperspy_stereo import Diffraction4DStereo
        >>> from hyperspy_stereo.simulation import simulate_scan
        >>> scan = simulate_scan((24, 24), (32, 32), seed=1)
        >>> s = Diffraction4DStereo(scan.stack).calibrate_disc(60, vacuum=scan.vacuum)
        >>> bool(abs(s.metadata.Stereo.Disc.radius - scan.disc_radius) < 0.1)
        True
        """
        _disc_state.check_scan(self, dimensions=(0, 1, 2))
        _calibrating.disc(self, convergence_angle, vacuum, descan, show_progressbar)
        return self

    def calibrate_kikuchi(
        self,
        azimuth: float | None = None,
        g: Sequence[float] | None = None,
        show_progressbar: bool | None = None,
    ) -> Diffraction4DStereo:
        """Find the Kikuchi line: the direction in the disc along which contrast is constant.

        Parameters
        ----------
        azimuth : float, optional
            Direction of the line in degrees in detector axes (x right, y down), if known.
        g : (float, float), optional
            The diffraction vector in detector axes, any length: the line is perpendicular to it.
            With neither given, the direction is found from the data, blind.
        show_progressbar : bool, optional
            By default as in HyperSpy's preferences.

        Returns
        -------
        self
            With ``metadata.Stereo.kikuchi_azimuth`` (degrees, 0 to 180) and `kikuchi_offset`
            (px from the disc's centre along the line's normal) written.

        Raises
        ------
        ValueError
            If both are given, or the data show no band.

        Examples
        --------
        >>> import numpy as np
        >>> from hyperspy_stereo import Diffraction4DStereo
        >>> s = Diffraction4DStereo(np.ones((4, 4, 16, 16))).calibrate_kikuchi(g=(0, 1))
        >>> s.metadata.Stereo.kikuchi_azimuth
        0.0
        """
        _disc_state.check_scan(self)
        _calibrating.kikuchi(self, azimuth, g, show_progressbar)
        return self

    def calibrate_rotation(
        self,
        rotation: float | None = None,
        scan_flip: bool | None = None,
        defocus_sign: int | None = None,
        show_progressbar: bool | None = None,
    ) -> Diffraction4DStereo:
        """Find the rotation between scan and detector from the parallax in the data.

        Parameters
        ----------
        rotation : float, optional
            The rotation in degrees where it is known, for example from a calibration specimen:
            direction in the scan = R(rotation) direction in the detector. By default measured.
        scan_flip : bool, optional
            Whether the detector's y axis is mirrored against the scan's. By default what
            ``metadata.Stereo.scan_flip`` says, else False. A wrong flip mirrors the depth.
        defocus_sign : {-1, 1}, optional
            Sign of the mean depth of the specimen below (+1) or above (-1) the focus plane. It
            tells a rotation from the same rotation plus 180 degrees, which data alone cannot;
            without it the result lies in (-90, 90].
        show_progressbar : bool, optional
            By default as in HyperSpy's preferences.

        Returns
        -------
        self
            With ``metadata.Stereo.scan_rotation``, `scan_rotation_sigma` (degrees), `scan_flip`
            and `defocus` (median depth of the lines from focus, in the scan's unit) written.

        Raises
        ------
        ValueError
            If the disc is not calibrated or the views show no parallax.

        Examples
        --------
        >>> from hyperspy_stereo import Diffraction4DStereo
        >>> from hyperspy_stereo.simulation import simulate_scan
        >>> scan = simulate_scan((24, 24), (32, 32), seed=1)
        >>> s = Diffraction4DStereo(scan.stack).calibrate_disc(60, vacuum=scan.vacuum)
        >>> s.calibrate_rotation(rotation=-18).metadata.Stereo.scan_rotation
        -18.0
        """
        _disc_state.check_scan(self)
        _calibrating.rotation(self, rotation, scan_flip, defocus_sign, show_progressbar)
        return self

    def virtual_stereo(
        self,
        layout: str = "pair",
        n_views: int | None = None,
        radius: float | None = None,
        shape: str = "circle",
        direction: str | float = "auto",
        positions: Sequence[Sequence[float]] | None = None,
        segments: int | tuple[int, int] | None = None,
        rotation: float | None = None,
        show_progressbar: bool | None = None,
    ) -> StereoPair:
        """See the specimen from several directions at once through virtual detectors.

        Parameters
        ----------
        layout : {"pair", "line", "band", "disc"}, default "pair"
            "pair": two detectors far apart along the Kikuchi line, where contrast is the same.
            "line": `n_views` along it. "band": all small detectors within 0.15 disc radii of it.
            "disc": the whole disc.
        n_views : int, optional
            Number of views of "line", or along the line for the others.
        radius : float, optional
            Radius of a detector in px. By default 0.3 of the disc for "pair" and "line".
        shape : {"circle", "slit"}, default "circle"
            A slit of the same area keeps the contrast of strongly oscillating lines.
        direction : "auto" or float, default "auto"
            Azimuth of the line of detectors in degrees in detector axes; "auto" is the
            calibrated Kikuchi line, found blind if it is not calibrated yet.
        positions : sequence of (x, y), optional
            Centres of the detectors in px, instead of a layout.
        segments : int or (int, int), optional
            A segmented detector over the disc instead of a layout: 2, 4, 8, 12 or 16 segments, or
            (rings, segments in each ring).
        rotation : float, optional
            Scan rotation in degrees; 0.0 for none. By default the calibrated one.
        show_progressbar : bool, optional
            By default as in HyperSpy's preferences.

        Returns
        -------
        StereoPair
            One view for each detector, resampled so that the parallax of the first and the last
            runs along rows; lazy if this scan is. ``metadata.Stereo`` holds incidences, stereo
            angle, detectors and `view_transform` (px of the views -> px of the scan).

        Raises
        ------
        ValueError
            If the disc or the rotation is not calibrated, or a detector misses the disc.

        Notes
        -----
        E. Oveisi et al., Scientific Reports 7 (2017) 10630, made tilt-less views with displaced
        detectors; here a pixelated detector gives any number of them from one exposure.

        Examples
        --------
        >>> from hyperspy_stereo import Diffraction4DStereo
        >>> from hyperspy_stereo.simulation import simulate_scan
        >>> scan = simulate_scan((24, 24), (32, 32), seed=1)
        >>> s = Diffraction4DStereo(scan.stack).calibrate_disc(60, vacuum=scan.vacuum)
        >>> s.virtual_stereo("line", n_views=5, direction=37.0, rotation=-18.0).n_views
        5
        """
        _disc_state.check_scan(self)
        request = _projecting.Request(
            layout, n_views, radius, shape, direction, positions, segments, rotation
        )
        return _projecting.virtual_views(self, request, show_progressbar)

    def interactive_stereo(
        self,
        radius: float | None = None,
        direction: str | float = "auto",
        rotation: float | None = None,
        show_progressbar: bool | None = None,
    ) -> StereoExplorer:
        """Drag two detectors over the mean pattern and see the stereo pair follow.

        Parameters
        ----------
        radius : float, optional
            Of the detectors at first, px. By default 0.3 of the disc's.
        direction : "auto" or float, default "auto"
            Azimuth of the Kikuchi line in degrees in detector axes, onto which the detectors
            snap; "auto" is the calibrated one, found blind if it is not calibrated yet. Where
            none is found, there is none to snap to.
        rotation : float, optional
            Scan rotation in degrees; 0.0 for none. By default the calibrated one.
        show_progressbar : bool, optional
            By default as in HyperSpy's preferences.

        Returns
        -------
        StereoExplorer
            Shown at the end of a cell. Its `pair` is the StereoPair that is seen, `code` the call
            of :meth:`virtual_stereo` that makes it, `set` moves the detectors without a mouse. Of
            a lazy scan a thumbnail follows the mouse; the whole one is computed on release.

        Raises
        ------
        ValueError
            If the disc or the rotation is not calibrated.

        Examples
        --------
        >>> from hyperspy_stereo import Diffraction4DStereo
        >>> from hyperspy_stereo.simulation import simulate_scan
        >>> scan = simulate_scan((24, 24), (32, 32), seed=1)
        >>> s = Diffraction4DStereo(scan.stack).calibrate_disc(60, vacuum=scan.vacuum)
        >>> explorer = s.interactive_stereo(direction=37.0, rotation=-18.0)
        >>> explorer.set(radius=3.0).pair
        <StereoPair, title: , dimensions: (2|31, 31)>
        """
        from hyperspy_stereo.signals import _interactive

        _disc_state.check_scan(self)
        return _interactive.explorer(self, radius, direction, rotation, show_progressbar)

    def mean_pattern(self, show_progressbar: bool | None = None) -> np.ndarray:
        """Mean pattern over the scan, in one pass over the data.

        Parameters
        ----------
        show_progressbar : bool, optional
            By default as in HyperSpy's preferences.

        Returns
        -------
        ndarray of float64, shape (H, W)

        Examples
        --------
        >>> import numpy as np
        >>> from hyperspy_stereo import Diffraction4DStereo
        >>> float(Diffraction4DStereo(np.full((3, 4, 16, 16), 7)).mean_pattern()[0, 0])
        7.0
        """
        return _calibrating.mean_pattern(self, show_progressbar)

    def _slicer(self, slices, isNavigation=None, out=None):
        # The disc is kept in detector px and the descan in scan px: both move with a crop.
        result = super()._slicer(slices, isNavigation, out=out)
        taken = self._get_array_slices(slices, isNavigation)
        _disc_state.carry(self, result if out is None else out, taken)
        return result


def _forgetting(name: str):
    """A method of the parent class after which the calibration does not hold any more."""
    inherited = getattr(ElectronDiffraction2D, name)

    @wraps(inherited)
    def method(self, *args, **kwargs):
        result = inherited(self, *args, **kwargs)
        _disc_state.forget(self if result is None else result)
        return result

    method.__doc__ = (
        f"The parent's ``{name}``; it leaves a scan that has to be calibrated anew.\n\n"
        "See Also\n--------\n"
        f"pyxem.signals.ElectronDiffraction2D.{name} : parameters and examples."
    )
    return method


# These turn, mirror or shift patterns or scan behind the back of the calibration.
for _name in (
    "center_direct_beam",
    "flip_diffraction_x",
    "flip_diffraction_y",
    "rotate_diffraction",
    "shift_diffraction",
    "swap_axes",
    "transpose",
):
    setattr(Diffraction4DStereo, _name, _forgetting(_name))


class LazyDiffraction4DStereo(LazySignal2D, Diffraction4DStereo):
    """Lazy twin of :class:`Diffraction4DStereo`: patterns stay on disk until computed."""
