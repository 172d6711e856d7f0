"""Two or more views of one specimen: the signal between a microscope and a depth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from hyperspy.signals import BaseSignal, LazySignal2D

from hyperspy_stereo.geometry import incidence_pair
from hyperspy_stereo.signals import _checks
from hyperspy_stereo.signals._detecting import DEFAULT_METHOD, detected
from hyperspy_stereo.signals._panel import gui
from hyperspy_stereo.signals._stacking import as_list, stacked
from hyperspy_stereo.signals._view_stack import ViewStack

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hyperspy_stereo.signals.dislocation_map import DislocationMap
    from hyperspy_stereo.signals.particle_map import ParticleMap


class StereoPair(ViewStack):
    """Views of one specimen from two or more directions.

    Navigation axis = view, signal axes = image. View 0 of a pair is the left one: the view with
    the larger incidence along the parallax axis, so that the disparity x_right - x_left grows
    with depth (:ref:`conventions <conventions>`).

    See Also
    --------
    StereoPair.from_images : two images of a tilted specimen, or of one exposure.
    StereoPair.from_segments : images of the segments of an annular detector.
    Diffraction4DStereo.virtual_stereo : views out of a 4D-STEM scan.
    """

    _signal_type = "StereoPair"
    _alias_signal_types = ["stereo_pair"]  # noqa: RUF012 (HyperSpy's own form)
    gui = gui

    @classmethod
    def from_images(
        cls,
        left: BaseSignal | np.ndarray,
        right: BaseSignal | np.ndarray,
        stereo_angle: float,
        geometry: str = "tilt",
        pixel_size: float = 1.0,
        units: str = "px",
    ) -> StereoPair:
        """Make a pair from two images.

        Parameters
        ----------
        left, right : signal or array of shape (H, W)
            The two images, of the same size and calibration. Left is the one with the larger
            incidence along x: with the images swapped, the depth comes out mirrored.
        stereo_angle : float
            Angle between the two viewing directions in degrees, above 0.
        geometry : {"tilt", "tiltless"}, default "tilt"
            "tilt": the specimen was tilted about the vertical of the images between two
            exposures (call :meth:`align` where they are not registered). "tiltless": apertures,
            segments or virtual detectors saw one exposure.
        pixel_size : float, default 1.0
            Size of a pixel in `units`. Leave it alone for calibrated signals.
        units : str, default "px"
            Unit of `pixel_size`, of all lengths and of the depth.

        Returns
        -------
        StereoPair
            (2 | W, H); lazy if either image is.

        Raises
        ------
        TypeError, ValueError
            If the images are not two real 2-D images of the same size and calibration, hold
            NaN, or the angle is not between 0 and 90 degrees.

        Examples
        --------
        >>> import numpy as np
        >>> from hyperspy_stereo import StereoPair
        >>> left, right = np.random.default_rng(0).random((2, 64, 64))
        >>> pair = StereoPair.from_images(left, right, stereo_angle=8, pixel_size=2.5, units="nm")
        >>> pair
        <StereoPair, title: , dimensions: (2|64, 64)>
        """
        incidence = incidence_pair(_checks.stereo_angle(stereo_angle))
        images = {"left": left, "right": right}
        return stacked(images, geometry, pixel_size, units).set_incidence(incidence, geometry)

    @classmethod
    def from_segments(
        cls,
        images: Sequence[BaseSignal | np.ndarray] | BaseSignal | np.ndarray,
        stereo_angle: float,
        azimuths: Sequence[float],
        pixel_size: float = 1.0,
        units: str = "px",
    ) -> StereoPair:
        """Make a stack of views from the images of the segments of an annular detector.

        Parameters
        ----------
        images : sequence of signals or arrays of shape (H, W), or one stack (N, H, W)
            One image for each segment, all of one exposure.
        stereo_angle : float
            Angle in degrees between the mean directions of two opposite segments: every view
            is inclined by half of it.
        azimuths : sequence of float
            Azimuth of each segment in degrees in the image's axes (x right, y down), scan
            rotation included. Two azimuths may be any two different directions.
        pixel_size, units
            As for :meth:`from_images`.

        Returns
        -------
        StereoPair
            (N | W, H).

        Raises
        ------
        TypeError, ValueError
            As for :meth:`from_images`, and if azimuths and images do not pair up.

        Examples
        --------
        >>> import numpy as np
        >>> from hyperspy_stereo import StereoPair
        >>> images = np.random.default_rng(0).random((4, 64, 64))
        >>> views = StereoPair.from_segments(images, 3.0, azimuths=[45, 135, 225, 315])
        >>> round(views.stereo_angle, 3)
        3.0
        """
        half = np.deg2rad(_checks.stereo_angle(stereo_angle)) / 2 * 1000
        items = as_list(images)
        if len(items) < 2:
            raise ValueError(f"at least two images are needed, got {len(items)}.")
        azimuth = np.deg2rad(_checks.azimuth_list(azimuths, len(items)))
        incidence = half * np.column_stack([np.cos(azimuth), np.sin(azimuth)])
        named = {f"images[{i}]": item for i, item in enumerate(items)}
        return stacked(named, "tiltless", pixel_size, units).set_incidence(incidence, "tiltless")

    def align(self, tilt_axis: float | None = None, min_inliers: int = 8) -> StereoPair:
        """Register the two images of a tilted pair and turn the tilt axis to the vertical.

        SIFT features matched by RANSAC give a similarity; what is left over runs along the
        parallax, which is turned into rows; the vertical disparity is then driven to zero.

        Parameters
        ----------
        tilt_axis : float, optional
            Angle of the tilt axis from the vertical of the left image in degrees (positive from
            down towards left) where the microscope tells it. By default read from the data.
        min_inliers : int, default 8
            Fewest features that must agree on one transform; chance gives 3 to 5.

        Returns
        -------
        StereoPair
            The pair on a common grid, cropped to what both images show.
            ``metadata.Stereo.Alignment`` holds `matrix` (2 x 3: px of the left input -> px of
            the right), `tilt_axis` (degrees), `tilt_axis_known`, `n_inliers`, `n_matches`,
            `residual` (px, across the parallax) and `parallax` (px, its spread).

        Raises
        ------
        ValueError
            If this is not one pair, or too few features agree on one transform.

        Notes
        -----
        Lowe, Int. J. Comput. Vis. 60 (2004) 91 (SIFT); Fischler & Bolles, Commun. ACM 24 (1981)
        381 (RANSAC).

        Examples
        --------
        >>> import numpy as np
        >>> from scipy.ndimage import gaussian_filter
        >>> from hyperspy_stereo import StereoPair
        >>> scene = gaussian_filter(np.random.default_rng(0).normal(size=(300, 300)), 3)
        >>> pair = StereoPair.from_images(scene[10:266, 10:266], scene[4:260, 30:286], 8)
        >>> pair.align().metadata.Stereo.Alignment.matrix.round()[:, 2]
        array([-20.,   6.])
        """
        from hyperspy_stereo.signals._tilted import aligned_pair

        self._check_images(2)
        return aligned_pair(self, tilt_axis, min_inliers)

    def detect_dislocations(
        self,
        method: str = DEFAULT_METHOD,
        weights: str | os.PathLike | None = None,
        show_progressbar: bool | None = None,
        **settings: object,
    ) -> DislocationMap:
        """Find the dislocation lines in every view.

        Parameters
        ----------
        method : {"unet", "ridge"}
            "unet": a trained network, which also tells boundaries from lines; it takes dark and
            bright lines of any usual width. "ridge": oriented line filters with automatic scale
            and threshold; needs no weights.
        weights : str or path, optional
            For "unet": the name of shipped weights or a ``.safetensors`` file of your own. By
            default the shipped ones.
        show_progressbar : bool, optional
            Whether to show a bar if it takes longer than two seconds. By default HyperSpy's
            preference.
        **settings
            Of the method. "unet", to :func:`hyperspy_stereo.detection.network.unet_probability`:
            ``augment=True`` looks several times, slower and a little better; ``scales``,
            ``device``. "ridge", to :func:`hyperspy_stereo.detection.ridge_probability`:
            ``polarity="bright"`` for dark-field images, ``sensitivity``, ``sigmas``.

        Returns
        -------
        DislocationMap
            Probability of a line in each view; lazy if this is. The images and the map of
            boundaries travel in ``metadata.Stereo.Detection``, beside the method, its settings,
            the name, version and SHA-256 of its weights, and the threshold.

        Raises
        ------
        ValueError
            If the method is unknown, an option belongs to the other method, the weights cannot be
            used, or a view holds NaN or is too small.
        TypeError
            If there is no such option.

        Examples
        --------
        >>> import numpy as np
        >>> from hyperspy_stereo import StereoPair
        >>> image = np.full((64, 64), 100.0)
        >>> image[:, 30:33] = 60
        >>> image += np.random.default_rng(0).normal(0, 2, image.shape)
        >>> maps = StereoPair.from_images(image, image, stereo_angle=5).detect_dislocations()
        >>> maps.mask().shape
        (2, 64, 64)
        """
        self._check_images(1)
        if weights is not None:
            settings["weights"] = weights
        return detected(self, method, settings, show_progressbar)

    def detect_particles(
        self,
        diameter: float | None = None,
        method: str = "matched",
        show_progressbar: bool | None = None,
        **settings: object,
    ) -> ParticleMap:
        """Find round particles in every view.

        Parameters
        ----------
        diameter : float, optional
            About, in the unit of the images. By default found from the first view.
        method : {"matched", "hough", "contours"}
            "matched": matched filter and a joint fit of all particles, which separates overlapping
            ones. "hough" and "contours": blur, edges and circles, or threshold and regions, with
            thresholds of their own.
        show_progressbar : bool, optional
            Whether to show a bar if it takes longer than two seconds. By default HyperSpy's
            preference.
        **settings
            ``polarity="auto"`` ("bright", "dark"). "matched": ``false_alarms=0.01``, the share
            of the particles found that may be of noise alone. "hough", "contours": ``threshold``,
            ``blur`` (px); see :mod:`hyperspy_stereo.detection.particles.classical`.

        Returns
        -------
        ParticleMap
            Where the particles are is found at once, also in lazy views, of which only as many
            are in memory as there are threads. The responses and images of lazy views stay lazy.

        Raises
        ------
        TypeError, ValueError
            If the method or an option is unknown, the diameter is smaller than 2 px or larger than
            a quarter of the images, or a view holds NaN.

        Examples
        --------
        >>> from hyperspy_stereo import StereoPair
        >>> from hyperspy_stereo.simulation.particles import particle_views, segment_incidence
        >>> made = particle_views([[20, 18, 0]], 2.4, segment_incidence(3.0), (96, 96), noise=0.1)
        >>> views = StereoPair.from_segments(made.images, 3.0, [45, 135, 225, 315], 0.4, "nm")
        >>> len(views.detect_particles(diameter=5).particles)
        4
        """
        from hyperspy_stereo.signals._particles import particle_map

        self._check_images(1)
        return particle_map(self, diameter, method, settings, show_progressbar)

    def plot_anaglyph(self, left: int = 0, right: int = 1, **kwargs: object) -> Axes:
        """Show two views as one red-cyan picture for stereo glasses.

        Parameters
        ----------
        left, right : int, default 0 and 1
            The views for the left (red) and the right (cyan) eye.
        **kwargs
            Passed to :func:`hyperspy_stereo.viewer.plot_anaglyph`.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            If there is no such view.
        """
        self._check_images(2)
        left, right = self._check_view(left, "left"), self._check_view(right, "right")
        from hyperspy_stereo.viewer import plot_anaglyph

        views = self._shown(np.asarray(self._views_array()[[left, right]]))
        pixel_size, units = self._image_axes()
        return plot_anaglyph(views[0], views[1], pixel_size=pixel_size, units=units, **kwargs)

    def plot_detectors(self, **kwargs: object) -> Axes:
        """Show the disc with the virtual detectors that these views were seen through.

        Parameters
        ----------
        **kwargs
            ``ax``, or others of :func:`hyperspy_stereo.viewer.plot_detectors`.

        Returns
        -------
        matplotlib.axes.Axes
            Mean pattern, detectors, Kikuchi line, incidences in mrad.

        Raises
        ------
        ValueError
            If the views do not come from virtual detectors.

        Examples
        --------
        >>> from hyperspy_stereo import Diffraction4DStereo
        >>> from hyperspy_stereo.simulation import simulate_scan
        >>> scan = simulate_scan((24, 24), (32, 32), seed=1)
        >>> s = Diffraction4DStereo(scan.stack).calibrate_disc(60, vacuum=scan.vacuum)
        >>> ax = s.virtual_stereo(direction=37.0, rotation=-18.0).plot_detectors()
        >>> len(ax.patches) > 2
        True
        """
        from hyperspy_stereo.signals._disc_state import detector_picture
        from hyperspy_stereo.viewer import plot_detectors

        return plot_detectors(**{**detector_picture(self), **kwargs})


class LazyStereoPair(LazySignal2D, StereoPair):
    """Lazy twin of :class:`StereoPair`: its views are a dask graph until computed."""
