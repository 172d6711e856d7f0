"""Simulated views and scans as signals of this package, with what is true about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hyperspy_stereo.signals import StereoPair
    from hyperspy_stereo.simulation.imaging.microscope import Microscope
    from hyperspy_stereo.simulation.imaging.stereo_views import StereoViews
    from hyperspy_stereo.simulation.specimen import Specimen
    from hyperspy_stereo.simulation.truth import Truth

__all__ = ["simulate_segments", "simulate_stereo_pair", "simulate_tilt_series"]

# Extinction distances change by less than the share by which the voltage does.
VOLTAGE_TOLERANCE = 1e-3


def simulate_stereo_pair(
    specimen: Specimen | None = None,
    microscope: Microscope | None = None,
    *,
    seed: int = 0,
    **settings: Any,
) -> tuple[StereoPair, Truth]:
    """Simulate two or more tilt-less views of a specimen.

    Parameters
    ----------
    specimen : Specimen, optional
        What to look at. By default a random one,
        :func:`hyperspy_stereo.simulation.random_specimen` with this seed.
    microscope : Microscope, optional
        By default ``Microscope()``: 200 kV, pixels of 1 nm, the noise of a good picture.
    seed : int, default 0
        Of the noise, and of a random specimen.
    **settings
        stereo_angle, n_views, azimuth, detector_radius, detector_shape, signal, slice_thickness,
        line_width, poisson_ratio: passed to
        :func:`hyperspy_stereo.simulation.imaging.stereo_views.stereo_views`. Poisson's ratio is
        that of the specimen by default.

    Returns
    -------
    pair : StereoPair
        Share of the incident electrons; axes in nm. The rows run along the parallax: the Kikuchi
        line unless `azimuth` says otherwise.
    truth : Truth
        In the frame of the images.

    Raises
    ------
    ValueError
        If a setting is out of its range, or specimen and microscope differ in voltage.

    Examples
    --------
    >>> from hyperspy_stereo.simulation import Dislocation, Microscope, Specimen, TwoBeam
    >>> line = Dislocation([[20, 8, 20], [40, 56, 80]], burgers=[0, 0.2, 0])
    >>> foil = Specimen((64, 64), 100, TwoBeam([0, 5, 0], 0.0, 40), (line,), ("line",))
    >>> pair, truth = simulate_stereo_pair(foil, stereo_angle=5)
    >>> pair, round(pair.stereo_angle, 3)
    (<StereoPair, title: simulated stereo pair, dimensions: (2|64, 64)>, 5.0)
    >>> truth.line_mask.shape
    (2, 64, 64)
    """
    from hyperspy_stereo.simulation.imaging.microscope import Microscope
    from hyperspy_stereo.simulation.imaging.stereo_views import stereo_views

    microscope = Microscope() if microscope is None else microscope
    specimen = chosen_specimen(specimen, seed, microscope.voltage)
    settings = elastic(specimen, settings)
    views = stereo_views(specimen, microscope, seed=seed, **settings)
    return views_as_pair(views, "simulated stereo pair", seed, settings), views.truth


def simulate_tilt_series(
    specimen: Specimen | None = None,
    angles: Sequence[float] = (8.0, 4.0, 0.0, -4.0, -8.0),
    microscope: Microscope | None = None,
    *,
    seed: int = 0,
    **settings: Any,
) -> tuple[StereoPair, Truth]:
    """Simulate views of a specimen that is tilted between exposures.

    Parameters
    ----------
    specimen : Specimen, optional
        As for :func:`simulate_stereo_pair`.
    angles : sequence of float, default (8, 4, 0, -4, -8)
        Tilts in degrees.
    microscope : Microscope, optional
        As for :func:`simulate_stereo_pair`.
    seed : int, default 0
        Of the noise, and of a random specimen.
    **settings
        axis_depth, azimuth, deviation_error, signal, slice_thickness, line_width, poisson_ratio:
        passed to :func:`hyperspy_stereo.simulation.imaging.tilt_views.tilt_views`.

    Returns
    -------
    views : StereoPair
        One view for each angle, from the largest to the smallest; geometry "tilt", the tilt axis
        along the columns, registered up to the drift of each scan.
    truth : Truth
        In the frame of the images.

    Raises
    ------
    ValueError
        If a setting is out of its range, or specimen and microscope differ in voltage.

    Examples
    --------
    >>> from hyperspy_stereo.simulation import Dislocation, Specimen, TwoBeam
    >>> line = Dislocation([[20, 8, 20], [40, 56, 80]], burgers=[0, 0.2, 0])
    >>> foil = Specimen((64, 64), 100, TwoBeam([0, 5, 0], 0.0, 40), (line,), ("line",))
    >>> views, truth = simulate_tilt_series(foil, angles=(5, 0, -5))
    >>> views.geometry, views.incidence[:, 0].round(1)
    ('tilt', array([ 87.3,   0. , -87.3]))
    """
    from hyperspy_stereo.simulation.imaging.microscope import Microscope
    from hyperspy_stereo.simulation.imaging.tilt_views import tilt_views

    microscope = Microscope() if microscope is None else microscope
    specimen = chosen_specimen(specimen, seed, microscope.voltage)
    settings = elastic(specimen, settings)
    views = tilt_views(specimen, angles, microscope, seed=seed, **settings)
    settings = {"angles": angles, **settings}
    return views_as_pair(views, "simulated tilt series", seed, settings), views.truth


def simulate_segments(
    specimen: Specimen | None = None,
    microscope: Microscope | None = None,
    *,
    inner: float = 20.0,
    outer: float = 50.0,
    azimuths: Sequence[float] = (45.0, 135.0, 225.0, 315.0),
    seed: int = 0,
    **settings: Any,
) -> tuple[StereoPair, Truth]:
    """Simulate the views of a segmented annular detector, all of one exposure.

    Parameters
    ----------
    specimen : Specimen, optional
        As for :func:`simulate_stereo_pair`.
    microscope : Microscope, optional
        As for :func:`simulate_stereo_pair`; the segments must lie within its cone of 60 mrad.
    inner, outer : float, default 20, 50
        Radii of the segments, mrad.
    azimuths : sequence of float, default (45, 135, 225, 315)
        Directions of the middles of the segments in degrees, from x right towards y down: the
        quadrants of a usual detector.
    seed : int, default 0
        Of the noise, and of a random specimen.
    **settings
        width, n_samples, signal, slice_thickness, line_width, poisson_ratio: passed to
        :func:`hyperspy_stereo.simulation.imaging.stereo_views.segment_views`.

    Returns
    -------
    views : StereoPair
        One view for each segment; share of the incident electrons; axes in nm. The incidence of a
        view is the centroid of its segment.
    truth : Truth
        In the frame of the images.

    Raises
    ------
    ValueError
        If a setting is out of its range, the segments lie outside the cone, or specimen and
        microscope differ in voltage.

    Examples
    --------
    >>> from hyperspy_stereo.simulation import Dislocation, Specimen, TwoBeam
    >>> line = Dislocation([[20, 8, 20], [40, 56, 80]], burgers=[0, 0.2, 0])
    >>> foil = Specimen((64, 64), 100, TwoBeam([0, 5, 0], 0.0, 40), (line,), ("line",))
    >>> views, truth = simulate_segments(foil, n_samples=4)
    >>> views
    <StereoPair, title: simulated segments, dimensions: (4|64, 64)>
    >>> np.sign(views.incidence).tolist()  # right and left, down and up
    [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]
    """
    from hyperspy_stereo.simulation.imaging.microscope import Microscope
    from hyperspy_stereo.simulation.imaging.stereo_views import segment_views

    microscope = Microscope() if microscope is None else microscope
    specimen = chosen_specimen(specimen, seed, microscope.voltage)
    settings = elastic(specimen, settings)
    views = segment_views(specimen, microscope, inner, outer, azimuths, seed=seed, **settings)
    settings = {"inner": inner, "outer": outer, "azimuths": azimuths, **settings}
    return views_as_pair(views, "simulated segments", seed, settings), views.truth


def views_as_pair(
    views: StereoViews, title: str, seed: int, settings: dict[str, Any]
) -> StereoPair:
    """Wrap recorded views with calibrated axes and metadata.

    Parameters
    ----------
    views : StereoViews
        Of `stereo_views` or `tilt_views`.
    title : str
        For ``metadata.General.title``.
    seed : int
        They were simulated with.
    settings : dict
        They were simulated with, for the record.

    Returns
    -------
    StereoPair
    """
    from hyperspy_stereo.signals import StereoPair

    scale = views.truth.pixel_size
    axes = [{"name": "view", "size": len(views.images), "navigate": True}]
    axes += [
        {"name": name, "size": size, "scale": scale, "units": "nm"}
        for name, size in zip("yx", views.images.shape[1:], strict=True)
    ]
    specimen, microscope = views.truth.specimen, views.microscope
    metadata = common_metadata(specimen, microscope, title, seed, settings)
    metadata["Simulation"]["azimuth"] = float(views.azimuth)
    metadata["Signal"] = {"signal_type": StereoPair._signal_type, "quantity": "I / I0"}
    pair = StereoPair(views.images, axes=axes, metadata=metadata)
    return pair.set_incidence(views.incidence, views.truth.geometry)


def common_metadata(
    specimen: Specimen, microscope: Microscope, title: str, seed: int, settings: dict[str, Any]
) -> dict[str, Any]:
    """What every simulated signal says about its origin."""
    beam = specimen.beam
    return {
        "General": {"title": title},
        "Acquisition_instrument": {
            "TEM": {
                "beam_energy": float(microscope.voltage),
                "convergence_angle": float(microscope.convergence_angle),
                "acquisition_mode": "STEM",
            }
        },
        "Sample": {
            "Crystal": {
                "name": specimen.crystal,
                "g": np.array(beam.g),
                "s": beam.s,
                "extinction_distance": beam.xi_g,
                "thickness": float(specimen.thickness),
            }
        },
        "Simulation": {
            "seed": int(seed),
            "specimen_seed": specimen.seed,
            "dose": float(microscope.dose),
            "focus_depth": microscope.focus_in(specimen.thickness),
            "microscope": _plain(asdict(microscope)),
            "settings": _plain(settings),
        },
    }


def _plain(value: Any) -> Any:
    """A setting in a form that every file format can hold."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | list | tuple):
        array = np.asarray(value)
        if array.dtype.kind in "biuf":
            # Tables stay arrays: a list of lists is not kept by every format.
            return array.tolist() if array.ndim == 1 else array.copy()
    return str(value)


def elastic(specimen: Specimen, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings with the Poisson's ratio of the specimen, unless they have one."""
    return {"poisson_ratio": specimen.poisson_ratio, **settings}


def chosen_specimen(specimen: Specimen | None, seed: int, voltage: float, **drawn: Any) -> Specimen:
    """The specimen given, or a random one under the microscope's voltage, drawn as said.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If it is known to belong to another voltage.
    """
    from hyperspy_stereo.simulation.specimen import Specimen

    if specimen is None:
        from hyperspy_stereo.simulation import random_specimen

        return random_specimen(seed, voltage=voltage, **drawn)
    if not isinstance(specimen, Specimen):
        raise TypeError(
            f"specimen must be a Specimen, got a {type(specimen).__name__}: make one by "
            "hyperspy_stereo.simulation.random_specimen(seed)."
        )
    if specimen.voltage is not None and abs(voltage / specimen.voltage - 1) > VOLTAGE_TOLERANCE:
        raise ValueError(
            f"the specimen's extinction distance is that of {specimen.voltage:g} kV, but the "
            f"microscope has {voltage:g} kV: draw it with voltage={voltage:g}, or use "
            f"Microscope(voltage={specimen.voltage:g})."
        )
    return specimen
