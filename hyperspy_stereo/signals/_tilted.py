"""Registration of a tilted pair: wraps the alignment of arrays for HyperSpy."""

from __future__ import annotations

import numpy as np

from hyperspy_stereo.geometry import compose_affine, incidence_pair, invert_affine
from hyperspy_stereo.signals import _checks
from hyperspy_stereo.signals._view_stack import ViewStack


def aligned_pair(pair: ViewStack, tilt_axis: float | None, min_inliers: int) -> ViewStack:
    """Return the pair on a common grid with the parallax along rows."""
    from hyperspy_stereo.signals.stereo_pair import StereoPair
    from hyperspy_stereo.views import align_tilted

    if pair.n_views != 2:
        raise ValueError(
            f"align() registers two images, this stack has {pair.n_views}: align them two by two, "
            "for example views.inav[:2].align()."
        )
    if not isinstance(min_inliers, int | np.integer) or min_inliers < 3:
        raise ValueError(
            f"min_inliers must be a whole number of at least 3, got {min_inliers!r}: two features "
            "fit any similarity."
        )
    angle = pair.stereo_angle
    if tilt_axis is not None:
        tilt_axis = _checks.real_number(tilt_axis, "tilt_axis", "degrees")
    left, right = (np.asarray(view) for view in pair._views_array())
    found = align_tilted(left, right, tilt_axis=tilt_axis, min_inliers=min_inliers)
    axes = [axis.get_axis_dictionary() for axis in pair.axes_manager._axes]
    for axis, size in zip(axes[1:], found.left.shape, strict=True):
        axis.update(size=size, offset=0.0)
    result = StereoPair(np.stack([found.left, found.right]), axes=axes)
    result.metadata.add_dictionary(pair.metadata.as_dictionary())
    result.original_metadata.add_dictionary(pair.original_metadata.as_dictionary())
    to_left = invert_affine(found.left_to_aligned)
    if pair.view_transform is not None:
        to_left = compose_affine(pair.view_transform, to_left)
    result._write_view_transform(to_left)
    report = {
        "matrix": np.asarray(found.matrix_left_to_right, dtype=float),
        "tilt_axis": float(found.tilt_axis),
        "tilt_axis_known": bool(found.tilt_axis_known),
        "n_inliers": int(found.n_inliers),
        "n_matches": int(found.n_matches),
        "residual": float(found.residual),
        "parallax": float(found.parallax),
        "left_to_aligned": np.asarray(found.left_to_aligned, dtype=float),
        "right_to_aligned": np.asarray(found.right_to_aligned, dtype=float),
    }
    for key, value in report.items():
        result.metadata.set_item(f"Stereo.Alignment.{key}", value)
    # After the turn the parallax runs along rows, so the incidences lie along x.
    result.metadata.set_item("Stereo.epipolar_angle", 0.0)
    return result.set_incidence(incidence_pair(angle))
