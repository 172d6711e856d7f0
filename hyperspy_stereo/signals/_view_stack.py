"""What stacks of views share: incidences that follow every slice."""

from __future__ import annotations

import numpy as np
from hyperspy.signals import Signal2D

from hyperspy_stereo.geometry import compose_affine, stereo_angle
from hyperspy_stereo.geometry.parallax import check_geometry
from hyperspy_stereo.signals import _checks
from hyperspy_stereo.signals._grid import grid_of, pixel_map
from hyperspy_stereo.views import inside_scan


class ViewStack(Signal2D):
    """A stack of views of one specimen: navigation axis = view, signal axes = image.

    The incidence of each view lives in ``metadata.Stereo.incidence`` (N x 2, mrad) and is
    sliced with the navigation axis. Not meant to be made directly: use
    :class:`~hyperspy_stereo.StereoPair` or :class:`~hyperspy_stereo.DislocationMap`.
    """

    _signal_type = ""

    @property
    def n_views(self) -> int:
        """Number of views (1 for a single image)."""
        return int(self.axes_manager.navigation_size) or 1

    @property
    def incidence(self) -> np.ndarray:
        """Incidences of the views, (N, 2), in mrad; :ref:`conventions <conventions>`."""
        incidence = self.metadata.get_item("Stereo.incidence")
        if incidence is None:
            raise ValueError(
                f"This {type(self).__name__} does not know from where its views look: call "
                "set_incidence([[theta_x, theta_y], ...]) with one row in mrad for each view, or "
                "make it by StereoPair.from_images(left, right, stereo_angle=...)."
            )
        incidence = np.asarray(incidence, dtype=float).reshape(-1, 2)
        if len(incidence) != self.n_views:
            raise ValueError(
                f"There are {self.n_views} views but {len(incidence)} incidences in "
                "metadata.Stereo.incidence: call set_incidence() with one row for each view."
            )
        return incidence

    @property
    def geometry(self) -> str:
        """How the views were made: "tilt" or "tiltless"."""
        return check_geometry(self.metadata.get_item("Stereo.geometry", default="tiltless"))

    @property
    def stereo_angle(self) -> float:
        """Largest angle between two of the views, in degrees."""
        return stereo_angle(self.incidence)

    def set_incidence(self, incidence: np.ndarray, geometry: str | None = None) -> ViewStack:
        """Say from where the views look; written into the metadata in place.

        Parameters
        ----------
        incidence : array_like of shape (N, 2)
            Inclination (theta_x, theta_y) of each view's rays in mrad, x right and y down.
        geometry : {"tilt", "tiltless"}, optional
            How the views were made. By default what the metadata says, else "tiltless".

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there is not one finite row for each view.

        Examples
        --------
        >>> import numpy as np
        >>> from hyperspy_stereo import StereoPair
        >>> pair = StereoPair(np.random.default_rng(0).random((2, 32, 32)))
        >>> pair.set_incidence([[40, 0], [-40, 0]]).stereo_angle  # doctest: +ELLIPSIS
        4.58...
        """
        rows = _checks.number_array(incidence, "incidence")
        if rows.shape != (self.n_views, 2) or not np.isfinite(rows).all():
            raise ValueError(
                f"incidence must be {self.n_views} finite rows (theta_x, theta_y) in mrad, one for "
                f"each view, got an array of shape {rows.shape}."
            )
        stereo_angle(rows)
        if geometry is not None:
            self.metadata.set_item("Stereo.geometry", check_geometry(geometry))
        elif not self.metadata.has_item("Stereo.geometry"):
            self.metadata.set_item("Stereo.geometry", "tiltless")
        self._write_incidence(rows)
        return self

    def _write_incidence(self, rows: np.ndarray) -> None:
        self.metadata.set_item("Stereo.incidence", rows)
        if len(rows) > 1:
            self.metadata.set_item("Stereo.angle", stereo_angle(rows))
        elif self.metadata.has_item("Stereo.angle"):
            del self.metadata.Stereo.angle

    @property
    def view_transform(self) -> np.ndarray | None:
        """Affine (2, 3) from px of these views to px of the scan or of the left input image.

        None where the views are as they were acquired. It follows crops and rebinning.
        """
        node = self.metadata.get_item("Stereo.view_transform")
        if node is None:
            return None
        grid = self.metadata.get_item("Stereo.view_grid")
        matrix = np.asarray(node, dtype=float)
        if grid is None:
            return matrix
        return compose_affine(matrix, pixel_map(grid.as_dictionary(), grid_of(self)))

    def _write_view_transform(self, matrix: np.ndarray) -> None:
        self.metadata.set_item("Stereo.view_transform", np.asarray(matrix, dtype=float))
        self.metadata.set_item("Stereo.view_grid", grid_of(self))

    def _slicer(self, slices, isNavigation=None, out=None):
        # HyperSpy slices data and axes; what it cannot know is that rows of the incidence
        # belong to views, and that a mirrored image is seen from the mirrored direction.
        result = super()._slicer(slices, isNavigation, out=out)
        if not self.metadata.has_item("Stereo.incidence"):
            return result
        taken = self._get_array_slices(slices, isNavigation)
        n_navigation = self.axes_manager.navigation_dimension
        rows = np.asarray(self.metadata.Stereo.incidence, dtype=float).reshape(-1, 2)
        if n_navigation > 1 or len(rows) != self.n_views:
            return result
        image = taken[n_navigation:]
        mirrored = [isinstance(t, slice) and (t.step or 1) < 0 for t in image[::-1]]
        rows = np.where(mirrored, -rows, rows) if len(mirrored) == 2 else rows
        views = taken[0] if n_navigation else slice(None)
        (result if out is None else out)._write_incidence(np.atleast_2d(rows[views]))
        return result

    def transpose(self, *args, **kwargs):
        """Transpose as in HyperSpy; the result forgets from where its views looked."""
        return _without_directions(super().transpose(*args, **kwargs))

    def swap_axes(self, *args, **kwargs):
        """Swap axes as in HyperSpy; the result forgets from where its views looked."""
        return _without_directions(super().swap_axes(*args, **kwargs))

    def _image_axes(self) -> tuple[float, str]:
        """Pixel size and unit of the images; the same in x and y or an error."""
        x, y = self.axes_manager.signal_axes
        if not np.isclose(abs(x.scale), abs(y.scale), rtol=1e-3):
            raise ValueError(
                f"Pixels are not square ({x.scale:g} x {y.scale:g}): resample the images to square "
                "pixels first, for example with rebin()."
            )
        if str(x.units) != str(y.units):
            raise ValueError(
                f"x is in {x.units} and y in {y.units}: give both signal axes the same unit."
            )
        units = x.units if isinstance(x.units, str) and x.units else "px"
        return abs(float(x.scale)), units

    def _check_images(self, minimum_views: int) -> None:
        """Refuse data that is not a stack of at least `minimum_views` images."""
        name = type(self).__name__
        if self.axes_manager.signal_dimension != 2 or self.axes_manager.navigation_dimension > 1:
            raise ValueError(
                f"{name} needs one navigation axis (the views) and two signal axes (the image), "
                f"got {self.axes_manager.navigation_dimension} and "
                f"{self.axes_manager.signal_dimension}: use transpose(signal_axes=2) or inav[...]."
            )
        if self.n_views < minimum_views:
            raise ValueError(
                f"{name} holds one view; at least {minimum_views} from different directions are "
                "needed: make it by StereoPair.from_images(left, right, stereo_angle=...)."
            )

    def _check_view(self, view: int, name: str = "view") -> int:
        """Refuse the number of a view that there is not."""
        whole = isinstance(view, int | np.integer) and not isinstance(view, bool)
        if not whole or not -self.n_views <= view < self.n_views:
            raise ValueError(
                f"{name}={view!r}, but it must be a whole number from 0 to {self.n_views - 1}: "
                f"there are {self.n_views} views."
            )
        return int(view)

    def _inside_scan(self) -> np.ndarray | None:
        """Where a turned view holds data and not the fill of its corners, (H, W), or None."""
        node = self.metadata.get_item("Stereo")
        transform = self.view_transform
        if transform is None or not node.has_item("scan_shape"):
            return None
        scan_shape = tuple(int(n) for n in node.scan_shape)
        return inside_scan(transform, self.axes_manager.signal_shape[::-1], scan_shape)

    def _shown(self, images: np.ndarray) -> np.ndarray:
        """Images for a picture: the median instead of made-up values outside the scan."""
        inside = self._inside_scan()
        if inside is None or inside.all():
            return images
        return np.stack([np.where(inside, i, np.median(i[inside])) for i in images])

    def _views_array(self) -> np.ndarray:
        """The views as (V, H, W), NumPy or dask."""
        shape = self.axes_manager.signal_shape[::-1]
        return self.data.reshape((self.n_views, *shape))


def _without_directions(signal):
    """Drop incidences and transform, which belong to image axes that changed places."""
    for name in ("incidence", "angle", "view_transform", "view_grid"):
        if signal.metadata.has_item(f"Stereo.{name}"):
            delattr(signal.metadata.Stereo, name)
    return signal
