"""Where dislocation lines are in each view, and the step from there to 3D."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hyperspy.signals import LazySignal2D

from hyperspy_stereo.detection.ridge import STRICT
from hyperspy_stereo.signals import _checks
from hyperspy_stereo.signals._view_stack import ViewStack

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hyperspy_stereo.results import DislocationNetwork, TopologyScore
    from hyperspy_stereo.topology import ScoreSettings, ScoreWeights


class DislocationMap(ViewStack):
    """Probability (0 to 1) that a pixel shows a dislocation line, for each view.

    Navigation axis = view; one 2-D array is a map of one view. The images that the map was made
    from and the probability of boundaries lie in ``metadata.Stereo.Detection`` (`images`,
    `boundary`), and are sliced together with the map.

    See Also
    --------
    StereoPair.detect_dislocations : makes a map.
    DislocationMap.from_masks : takes lines that were traced by hand or by another program.
    """

    _signal_type = "DislocationMap"
    _alias_signal_types = ["dislocation_map"]  # noqa: RUF012 (HyperSpy's own form)
    _additional_slicing_targets = [  # noqa: RUF012
        *ViewStack._additional_slicing_targets,
        "metadata.Stereo.Detection.images",
        "metadata.Stereo.Detection.boundary",
    ]

    @classmethod
    def from_masks(cls, masks: np.ndarray, pair: ViewStack) -> DislocationMap:
        """Make a map from masks drawn by hand or by another program.

        Parameters
        ----------
        masks : array_like of shape (V, H, W)
            True, or above 0.5, on lines; one mask for each view of `pair`.
        pair : StereoPair
            The views: their images, incidences and calibration are taken over.

        Returns
        -------
        DislocationMap

        Raises
        ------
        ValueError
            If there is not one mask of the views' size for each view, or a mask has values
            outside 0 to 1.

        Examples
        --------
        >>> import numpy as np
        >>> from hyperspy_stereo import DislocationMap, StereoPair
        >>> pair = StereoPair.from_images(*np.random.default_rng(0).random((2, 64, 64)), 8)
        >>> masks = np.zeros((2, 64, 64), bool)
        >>> masks[:, 10:50, 30:33] = True
        >>> DislocationMap.from_masks(masks, pair).mask().sum()
        np.int64(240)
        """
        from hyperspy_stereo.signals._detecting import as_map

        if not isinstance(pair, ViewStack):
            raise TypeError(
                f"pair must be a StereoPair, got {type(pair).__name__}: make one by "
                "StereoPair.from_images(left, right, stereo_angle=...)."
            )
        pair._check_images(1)
        array = np.asarray(masks)
        _probabilities(array)
        expected = tuple(pair._views_array().shape)
        if array.shape != expected:
            raise ValueError(
                f"masks has shape {array.shape}, but the views have {expected} (views, H, W): give "
                "one mask of the images' size for each view."
            )
        return as_map(pair, array.astype(np.float32), None, {"method": "masks"})

    def mask(self, threshold: float | None = None) -> np.ndarray:
        """Pixels that show a line.

        Parameters
        ----------
        threshold : float, optional
            Probability above which a pixel counts, between 0 and 1. By default
            ``metadata.Stereo.Detection.threshold``, else 0.5: the detector's own.

        Returns
        -------
        ndarray of bool, shape (V, H, W)

        Raises
        ------
        TypeError, ValueError
            If the threshold is no number from 0 to below 1, or the map holds no probabilities.

        Examples
        --------
        >>> import numpy as np
        >>> from hyperspy_stereo import DislocationMap
        >>> DislocationMap(np.eye(32)).mask().shape
        (1, 32, 32)
        """
        if threshold is None:
            threshold = self.metadata.get_item("Stereo.Detection.threshold", default=STRICT)
        level = _checks.real_number(threshold, "threshold", "probability")
        if not 0 <= level < 1:
            raise ValueError(f"threshold must lie between 0 and 1, got {level:g}.")
        self._check_images(1)
        return _probabilities(np.asarray(self._views_array())) > level

    def reconstruct(
        self,
        disparity_range: tuple[float, float] | None = None,
        min_confidence: float = 0.5,
        min_length: float | None = None,
        foil_thickness: float | None = None,
        refine: str | None = "auto",
    ) -> DislocationNetwork:
        """Match the lines of all views and turn them into 3D.

        Parameters
        ----------
        disparity_range : (float, float), optional
            Smallest and largest disparity in px to look for. By default estimated from the maps.
        min_confidence : float, default 0.5
            Points that are right (within 3 px of disparity) with a smaller probability are left
            out and listed in the network's `rejected`.
        min_length : float, optional
            Shortest line to keep, in the unit of the images. By default 10 px.
        foil_thickness : float, optional
            Thickness of the foil in the unit of the images, for the density. By default the
            depth that the lines span.
        refine : {"auto", "joint", None}, default "auto"
            "joint": after matching, the depth of every line is fitted to all views at once, by
            the pattern along it that they share. None: depths as matched. "auto": "joint" for
            views of one exposure, None for tilted ones, whose contrast differs. Maps without
            images are never refined.

        Returns
        -------
        DislocationNetwork
            Polylines with a sigma for each point. Only differences of depth are measured: a
            defocus or a shift between the images moves all depths together.

        Raises
        ------
        ValueError
            If there are fewer than two views, their incidences are unknown or the same, or the
            range is empty.

        Notes
        -----
        The parallax equations are those of Hudson & Makin, J. Phys. E 3 (1970) 311 (tilt), with
        the tangent in place of the sine for views of one exposure.

        Examples
        --------
        >>> import numpy as np
        >>> from hyperspy_stereo import DislocationMap
        >>> masks = np.zeros((2, 64, 64))
        >>> masks[0, 5:60, 30:33] = masks[1, 5:60, 36:39] = 1  # a disparity of 6 px
        >>> maps = DislocationMap(masks).set_incidence([[50, 0], [-50, 0]])
        >>> bool(abs(np.median(maps.reconstruct().points[:, 2]) - 6 / 0.1) < 1)
        True
        """
        from hyperspy_stereo.signals._reconstructing import check_refinement, reconstructed

        self._check_images(2)
        confidence = _checks.real_number(min_confidence, "min_confidence", "probability")
        if not 0 <= confidence <= 1:
            raise ValueError(f"min_confidence must lie between 0 and 1, got {confidence:g}.")
        if (
            foil_thickness is not None
            and not _checks.real_number(foil_thickness, "foil_thickness", "units of the images") > 0
        ):
            raise ValueError(f"foil_thickness must be above 0, got {foil_thickness!r}.")
        refine = check_refinement(refine)
        network = reconstructed(self, disparity_range, confidence, min_length, refine)
        return network if foil_thickness is None else network.set_foil_thickness(foil_thickness)

    def topology_score(
        self,
        ground_truth: np.ndarray,
        weights: ScoreWeights | None = None,
        settings: ScoreSettings | None = None,
    ) -> TopologyScore:
        """Say how far the detected lines are from the truth, by what is connected with what.

        Parameters
        ----------
        ground_truth : array_like or signal of shape (H, W) or (V, H, W)
            True, or 1, on lines: one mask for all views (a stack of imaging conditions, with the
            condition along the navigation axis), or one for each (a pair).
        weights : ScoreWeights, optional
            By default those shipped; :func:`hyperspy_stereo.topology.fit_weights` makes others.
        settings : ScoreSettings, optional
            Tolerance, and how the confidence interval is made.

        Returns
        -------
        TopologyScore
            Lower is closer; the truth itself scores 0. The mask is that of :meth:`mask`, at the
            threshold in the metadata.

        Raises
        ------
        TypeError, ValueError
            If the truth is no mask of the map's size, or the map holds no probabilities.

        Notes
        -----
        Weighted sum of normalised distances of persistence diagrams;
        :func:`hyperspy_stereo.topology.score_masks` describes it.

        Examples
        --------
        >>> import numpy as np
        >>> from hyperspy_stereo import DislocationMap
        >>> truth = np.zeros((64, 64))
        >>> truth[30:33, 4:60] = 1
        >>> DislocationMap(truth).topology_score(truth).final
        0.0
        """
        from hyperspy_stereo.signals._scoring import scored

        self._check_images(1)
        return scored(self, ground_truth, weights, settings)

    def plot_overlay(self, view: int = 0, **kwargs: object) -> Axes:
        """Show one view with its detected lines and boundaries on top.

        Parameters
        ----------
        view : int, default 0
            Which view.
        **kwargs
            Passed to :func:`hyperspy_stereo.viewer.plot_detection`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from hyperspy_stereo.viewer import plot_detection

        view = self._check_view(view)
        lines = np.asarray(self._views_array())
        images, boundary = self.attached("images"), self.attached("boundary")
        pixel_size, units = self._image_axes()
        return plot_detection(
            lines[view] if images is None else self._shown(images)[view],
            lines[view],
            None if boundary is None else boundary[view],
            pixel_size=pixel_size,
            units=units,
            **kwargs,
        )

    def attached(self, name: str) -> np.ndarray | None:
        """The `images` or the `boundary` map that travel with this map, (V, H, W), or None.

        Raises
        ------
        ValueError
            If their size is not that of the map any more, for example after ``rebin``.
        """
        signal = self.metadata.get_item(f"Stereo.Detection.{name}")
        if signal is None:
            return None
        shape = tuple(self._views_array().shape)
        array = np.asarray(signal.data)
        if array.size != np.prod(shape) or array.shape[-2:] != shape[-2:]:
            raise ValueError(
                f"the map has shape {shape} but its {name} have {array.shape}: crop both with "
                "isig[...] or inav[...], or rebin the pair before detect_dislocations()."
            )
        return array.reshape(shape)


class LazyDislocationMap(LazySignal2D, DislocationMap):
    """Lazy twin of :class:`DislocationMap`."""


def _probabilities(array: np.ndarray) -> np.ndarray:
    """Refuse what cannot be a probability."""
    if np.iscomplexobj(array) or array.dtype.kind not in "buif":
        raise TypeError(f"a map of lines must hold real numbers, got dtype {array.dtype}.")
    if not np.isfinite(array).all():
        raise ValueError("the map holds NaN or infinite values; set them to 0 (no line) first.")
    if array.size and (array.min() < 0 or array.max() > 1):
        raise ValueError(
            f"a map of lines must hold probabilities from 0 to 1, got {array.min():g} to "
            f"{array.max():g}: divide a mask by its maximum, or call detect_dislocations()."
        )
    return array
