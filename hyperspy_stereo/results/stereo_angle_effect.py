"""What a wrong stereo angle does to a cloud of particles, and which angle fits best.

A common factor on all directions of tilt-less views stretches all depths and leaves every picture
as it is: residuals of the reconstruction cannot tell it. What can is that a suspension looks alike
along the beam and across it: with the right factor the distances of neighbours follow one law in
all directions, with a wrong one the law is smeared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hyperspy_stereo.results.particle_cloud import ParticleCloud
from hyperspy_stereo.results.radial_distribution import RadialDistribution

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["distance_law_likelihood", "stereo_angle_effect", "stretched"]


def stretched(cloud: ParticleCloud, factor: float) -> ParticleCloud:
    """The cloud that would have been reconstructed with another stereo angle.

    Parameters
    ----------
    cloud : ParticleCloud
        As reconstructed.
    factor : float
        On all depths: the tangent of the assumed angle over that of the other one.

    Returns
    -------
    ParticleCloud
    """
    scale = np.array([1.0, 1.0, float(factor)])
    return ParticleCloud(
        cloud.points * scale,
        cloud.radius,
        cloud.sigma * scale,
        cloud.intensity,
        cloud.significance,
        cloud.views_seen,
        cloud.ambiguous,
        units=cloud.units,
        pixel_size=cloud.pixel_size,
        geometry=cloud.geometry,
        incidence=cloud.incidence / factor if len(cloud.incidence) else None,
        image_shape=cloud.image_shape,
        info=cloud.info,
    )


def distance_law_likelihood(distribution: RadialDistribution) -> float:
    """Log-likelihood of the distances under their own g(r), over that of points at random.

    sum n ln(n / e) over bins with n pairs found and e expected: the more all directions share one
    law, the sharper g(r) and the larger this is.

    Examples
    --------
    >>> from hyperspy_stereo.results.radial_distribution import radial_distribution
    >>> points = np.random.default_rng(0).uniform(0, 100, (300, 3))
    >>> distance_law_likelihood(radial_distribution(points, (100, 100, 100), 5, 40)) < 60
    True
    """
    n, e = distribution.counts, distribution.expected
    full = n > 0
    return float(
        (n[full] * np.log(n[full] / np.maximum(e[full], 1e-300)) - n[full] + e[full]).sum()
        + e[~full].sum()
    )


def stereo_angle_effect(
    cloud: ParticleCloud | Sequence[ParticleCloud],
    angles: ArrayLike,
    stereo_angle: float,
    r_max: float | None = None,
    bin_width: float | None = None,
) -> pd.DataFrame:
    """Repeat the analysis of a cloud over assumed stereo angles and find the most consistent one.

    For views of one exposure the reconstruction with another angle is exactly the same particles
    with stretched depths, so that it is stretched here and not matched again.

    Parameters
    ----------
    cloud : ParticleCloud or sequence of ParticleCloud
        Of tilt-less views; several fields of view of one experiment tell more than one.
    angles : array-like
        Assumed angles, degrees.
    stereo_angle : float
        With which the cloud was made, degrees.
    r_max, bin_width : float, optional
        Of g(r), in the unit of the cloud. By default three diameters, by a tenth of one.

    Returns
    -------
    pandas.DataFrame
        One row for each angle: angle, thickness, thickness_error and concentration (of the first
        cloud), first_peak, first_peak_error, log_likelihood. ``attrs["best_angle"]`` and
        ``attrs["best_angle_error"]`` are the maximum of a parabola through the likelihood and its
        1-sigma (a fall by 1/2, at least a third of a step); the error holds for hundreds of
        neighbours and errors of depth well below the width of the peak: these smear neighbours
        along the beam too, which draws the best angle up.

    Raises
    ------
    ValueError
        If the views were tilted, there are fewer than three angles, or one is out of range.
    """
    clouds = [cloud] if isinstance(cloud, ParticleCloud) else list(cloud)
    if not clouds or any(c.geometry != "tiltless" for c in clouds):
        raise ValueError(
            "The effect of the angle is a stretch of depth only for views of one exposure; give "
            "clouds of such views. A tilted specimen is reconstructed again with each angle."
        )
    asked = np.sort(np.asarray(angles, dtype=np.float64).ravel())
    if len(asked) < 3 or asked[0] <= 0 or asked[-1] >= 90:
        raise ValueError(f"Give three or more angles between 0 and 90 degrees; got {angles!r}.")
    first = clouds[0]
    usual = (
        first.diameter
        if first.diameter > 0
        else float(np.median(first.nearest_neighbour_distances))
    )
    r_max = 3 * usual if r_max is None else float(r_max)
    bin_width = usual / 10 if bin_width is None else float(bin_width)
    rows = []
    for angle in asked:
        factor = np.tan(np.deg2rad(stereo_angle) / 2) / np.tan(np.deg2rad(angle) / 2)
        each = [_of_angle(c, factor) for c in clouds]
        one = each[0]
        g = RadialDistribution.combine([c.radial_distribution(bin_width, r_max) for c in each])
        peak = g.first_peak()
        rows.append(
            {
                "angle": angle,
                "thickness": one.thickness,
                "thickness_error": one.thickness_error,
                "concentration": one.concentration,
                "first_peak": peak.position,
                "first_peak_error": peak.position_error,
                "log_likelihood": distance_law_likelihood(g),
            }
        )
    table = pd.DataFrame(rows)
    table.attrs["units"] = first.units
    best, error = _best(asked, table["log_likelihood"].to_numpy())
    table.attrs["best_angle"], table.attrs["best_angle_error"] = best, error
    return table


def _of_angle(cloud: ParticleCloud, factor: float) -> ParticleCloud:
    """The stretched cloud, with the thickness that was set stretched too."""
    one = stretched(cloud, factor)
    if cloud._thickness is not None:
        one.set_thickness(*(factor * t for t in cloud._thickness))
    return one


def _best(angles: Sequence[float], value: np.ndarray) -> tuple[float, float]:
    """Maximum of a parabola through the highest values, and where it falls by 1/2."""
    top = int(np.argmax(value))
    low, high = max(top - 2, 0), min(top + 3, len(value))
    step = float(np.diff(angles).mean())
    if high - low < 3:
        return float(angles[top]), step
    square, slope, _ = np.polyfit(angles[low:high] - angles[top], value[low:high], 2)
    if square >= 0:
        return float(angles[top]), step
    place = float(np.clip(angles[top] - slope / (2 * square), angles[low], angles[high - 1]))
    return place, max(float(np.sqrt(-0.5 / square)), step / 3)
