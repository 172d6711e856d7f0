"""What lies on the faces of the foil: blobs, contamination and slip traces."""

from __future__ import annotations

import numpy as np

from hyperspy_stereo.simulation.specimen import SurfaceSpot


def random_spots(
    rng: np.random.Generator,
    size: tuple[float, float],
    mean_number: float = 4.0,
    trace_azimuth: float | None = None,
) -> tuple[SurfaceSpot, ...]:
    """Draw dirt: small dark blobs, wide faint patches, now and then a bright hole or slip traces.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    size : (float, float)
        Width and height of the field, nm.
    mean_number : float, default 4.0
        Mean number of small blobs in a field of 512 x 512 nm; a third of the scenes have none.
    trace_azimuth : float, optional
        Direction in degrees of slip traces, the thin straight steps that dislocations have left on
        a face; a fifth of the scenes then have one to four of them. None by default.

    Returns
    -------
    tuple of SurfaceSpot
        Semi-axes 2 to 14 nm (blobs) and 30 to 150 nm (patches, losses of at most 12 %);
        traces are up to 3 nm by half of the field.

    Examples
    --------
    >>> spots = random_spots(np.random.default_rng(1), (512, 512))
    >>> all(spot.absorption < 1 for spot in spots)
    True
    """
    area = size[0] * size[1] / 512.0**2
    dirty = rng.random() < 2 / 3
    blobs = rng.poisson(mean_number * area) if dirty else 0
    patches = rng.poisson(0.8 * min(area, 4.0)) if dirty else 0
    spots = []
    for _ in range(blobs):
        radius = np.exp(rng.uniform(np.log(2.0), np.log(14.0)))
        loss = rng.uniform(0.05, 0.55) if rng.random() < 0.85 else -rng.uniform(0.03, 0.2)
        spots.append(_spot(rng, size, radius, loss))
    for _ in range(patches):
        spots.append(_spot(rng, size, rng.uniform(30, 150), rng.uniform(0.02, 0.12)))
    if trace_azimuth is not None and rng.random() < 0.2:
        spots += _traces(rng, size, trace_azimuth)
    return tuple(spots)


def _spot(rng, size, radius, loss) -> SurfaceSpot:
    return SurfaceSpot(
        centre=rng.uniform(0, 1, 2) * size,
        radii=radius * np.array([1.0, rng.uniform(0.5, 1.0)]),
        azimuth=float(rng.uniform(0, 180)),
        absorption=float(loss),
        on_exit=bool(rng.random() < 0.5),
    )


def _traces(rng, size, azimuth) -> list[SurfaceSpot]:
    """Parallel steps of one glide plane, dark or bright."""
    loss = rng.uniform(0.04, 0.2) * rng.choice([-1, 1])
    return [
        SurfaceSpot(
            centre=rng.uniform(0, 1, 2) * size,
            radii=np.array([rng.uniform(0.1, 0.5) * max(size), rng.uniform(1.0, 3.0)]),
            azimuth=float(azimuth % 180),
            absorption=float(loss * rng.uniform(0.6, 1.0)),
            on_exit=bool(rng.random() < 0.5),
        )
        for _ in range(rng.integers(1, 5))
    ]
