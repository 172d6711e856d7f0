"""Where particles are in each view, and the step from there to 3D."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hyperspy.signals import LazySignal2D

from hyperspy_stereo.signals._view_stack import ViewStack

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from hyperspy_stereo.results import ParticleCloud


class ParticleMap(ViewStack):
    """Response of a particle detector in each view: navigation axis = view.

    The data are the answer of the matched filter, in standard deviations of the noise. The
    particles themselves lie in ``metadata.Stereo.Detection.Particles``, in the coordinates of the
    image axes, and the images in ``metadata.Stereo.Detection.images``. Incidences, particles and
    images follow slicing, copying and saving, as with :class:`~hyperspy_stereo.StereoPair`.

    See Also
    --------
    StereoPair.detect_particles : makes a map.
    """

    _signal_type = "ParticleMap"
    _alias_signal_types = ["particle_map"]  # noqa: RUF012 (HyperSpy's own form)
    _additional_slicing_targets = [  # noqa: RUF012
        *ViewStack._additional_slicing_targets,
        "metadata.Stereo.Detection.images",
    ]

    def _slicer(self, slices, isNavigation=None, out=None):
        # The particles are numbered by view; a slice of views keeps their numbers.
        result = super()._slicer(slices, isNavigation, out=out)
        numbers = self.metadata.get_item("Stereo.Detection.view_numbers")
        if numbers is None or self.axes_manager.navigation_dimension != 1:
            return result
        taken = self._get_array_slices(slices, isNavigation)[0]
        kept = np.atleast_1d(np.atleast_1d(np.asarray(numbers))[taken])
        (result if out is None else out).metadata.set_item("Stereo.Detection.view_numbers", kept)
        return result

    @property
    def particles(self) -> pd.DataFrame:
        """Table of the particles of all views.

        Columns: view (number in this map), x, y, sigma_x, sigma_y, radius (px of the present
        images), height (unit of the images), significance (height over its 1-sigma).
        """
        import pandas as pd

        from hyperspy_stereo.signals._particles import COLUMNS, read_detections

        found = read_detections(self)
        rows = [
            np.column_stack(
                [np.full(len(f), v), f.positions, f.sigma, f.radius, f.height, f.significance]
            )
            for v, f in enumerate(found)
        ]
        return pd.DataFrame(np.vstack(rows), columns=COLUMNS).astype({"view": int})

    def reconstruct(self, depth_range: tuple[float, float] | None = None) -> ParticleCloud:
        """Match the particles of all views and measure them in space.

        Particles must be detected in more than half of the views (in both of two); where they are
        missing they are measured in the picture at the place where they should be.

        Parameters
        ----------
        depth_range : (float, float), optional
            Lowest and highest z to look for, in the unit of the images. By default found from the
            particles.

        Returns
        -------
        ParticleCloud
            With a sigma for x, y and z of each particle, empty if there are none. Only differences
            of depth are measured: a defocus moves all depths together. What the views were
            corrected for is in its `info`.

        Raises
        ------
        ValueError
            If there are fewer than two views, their incidences are unknown or the same, or the
            range is empty.

        Examples
        --------
        >>> from hyperspy_stereo import StereoPair
        >>> from hyperspy_stereo.simulation.particles import particle_views, segment_incidence
        >>> made = particle_views([[20, 18, 9]], 2.4, segment_incidence(6.0), (96, 96), noise=0.05)
        >>> views = StereoPair.from_segments(made.images, 6.0, [45, 135, 225, 315], 0.4, "nm")
        >>> views.detect_particles(diameter=4.8).reconstruct().points.round(0).tolist()
        [[20.0, 18.0, 9.0]]
        """
        from hyperspy_stereo.signals._particles import particle_cloud

        self._check_images(2)
        return particle_cloud(self, depth_range)

    def plot_particles(self, view: int = 0, **kwargs: object) -> Axes:
        """Show one view with its particles as circles.

        Parameters
        ----------
        view : int, default 0
            Which view.
        **kwargs
            Passed to :func:`hyperspy_stereo.viewer.plot_particle_image`.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            If there is no such view.
        """
        from hyperspy_stereo.signals._particles import read_detections
        from hyperspy_stereo.viewer import plot_particle_image

        view = self._check_view(view)
        pixel_size, units = self._image_axes()
        found = read_detections(self)[view]
        image = self._shown(self.attached("images"))[view]
        return plot_particle_image(
            image, found.positions, found.radius, pixel_size=pixel_size, units=units, **kwargs
        )

    def attached(self, name: str) -> np.ndarray:
        """The `images` that travel with this map, (V, H, W).

        Raises
        ------
        ValueError
            If there are none, or their size is not that of the map any more.
        """
        signal = self.metadata.get_item(f"Stereo.Detection.{name}")
        shape = tuple(self._views_array().shape)
        if signal is None:
            raise ValueError(
                f"This ParticleMap holds no {name}: make one by "
                "StereoPair.from_segments(...).detect_particles()."
            )
        array = np.asarray(signal.data)
        if array.size != np.prod(shape) or array.shape[-2:] != shape[-2:]:
            raise ValueError(
                f"the map has shape {shape} but its {name} have {array.shape}: crop both with "
                "isig[...] or inav[...], or rebin the pair before detect_particles()."
            )
        return array.reshape(shape)


class LazyParticleMap(LazySignal2D, ParticleMap):
    """Lazy twin of :class:`ParticleMap`."""
