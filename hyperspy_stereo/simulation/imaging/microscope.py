"""The microscope: what stands between the electrons' contrast and the recorded numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: FWHM of a Gaussian over its standard deviation.
FWHM = float(np.sqrt(8 * np.log(2)))
# Electron rest energy in keV, and h c in keV nm.
_REST_ENERGY = 510.99895
_HC = 1.2398419843


@dataclass(frozen=True)
class ScanNoise:
    """How the scan departs from an even grid, and the beam from an even current.

    The defaults are those of a good recorded picture; ``ScanNoise.none()`` is a perfect scan.

    Parameters
    ----------
    row_gain : float, default 0.004
        Relative rms change of the beam current from row to row.
    row_jitter : float, default 0.08
        Rms shift of a row along itself, px.
    drift : float, default 0.5
        Distance that the specimen drifts while the frame is scanned, nm; smooth, in a direction
        drawn from the seed, zero in the middle row.
    flyback : float, default 0.2
        Distance by which the probe lags at the start of each row, px; it dies out over 2 % of it.

    Raises
    ------
    TypeError, ValueError
        If a number is not one, negative or not finite.

    Examples
    --------
    >>> ScanNoise(row_jitter=0.3).row_jitter
    0.3
    """

    row_gain: float = 0.004
    row_jitter: float = 0.08
    drift: float = 0.5
    flyback: float = 0.2

    def __post_init__(self) -> None:
        for name, unit in (
            ("row_gain", "as a share of the current"),
            ("row_jitter", "in px"),
            ("drift", "in nm"),
            ("flyback", "in px"),
        ):
            _at_least_zero(getattr(self, name), name, unit)

    @classmethod
    def none(cls) -> ScanNoise:
        """Return a perfect scan."""
        return cls(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Counter:
    """How a detector counts.

    Images of infinite dose are not counted: `bits` has no effect on them.

    Parameters
    ----------
    bits : {None, 8, 12, 16}
        Depth of the counters; they stop at 2**bits - 1. None, the default, never saturates;
        4D stacks hold 16 bits at most. Where more than 1 % of the expected counts lie above, a
        warning names the dose that fits.
    afterglow : float, default 0.0
        Share of the signal that arrives one probe position late; not over the end of a row.
    hot_pixels, dead_pixels : int, default 0
        Number of pixels of a pixelated detector that always read high, and nothing. Detectors of
        one channel have none.

    Raises
    ------
    TypeError, ValueError
        If a number makes no sense.

    Examples
    --------
    >>> Counter(bits=12).limit
    4095
    """

    bits: int | None = None
    afterglow: float = 0.0
    hot_pixels: int = 0
    dead_pixels: int = 0

    def __post_init__(self) -> None:
        if self.bits not in (None, 8, 12, 16):
            raise ValueError(
                f"bits must be 8, 12 or 16, or None for counters that never fill; "
                f"got {self.bits!r}."
            )
        if not 0 <= as_number(self.afterglow, "afterglow") < 1:
            raise ValueError(
                f"afterglow is the share of the signal that comes one position late, from 0 to "
                f"below 1; got {self.afterglow!r}."
            )
        for name in ("hot_pixels", "dead_pixels"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
                raise ValueError(f"{name} must be a whole number of pixels, 0 or more; {value!r}.")

    @property
    def limit(self) -> int | None:
        """Largest count, or None."""
        return None if self.bits is None else 2**self.bits - 1


@dataclass(frozen=True)
class Microscope:
    """A STEM: voltage, probe, scan and detector.

    The defaults look like a good recorded picture of a foil; ``Microscope.noiseless()`` shows the
    contrast alone.

    Parameters
    ----------
    voltage : float, default 200.0
        kV.
    convergence_angle : float, default 60.0
        Semi-angle of the probe, mrad. Views lie inside it.
    pixel_size : float, default 1.0
        Distance between probe positions, nm.
    focus_depth : float, optional
        Depth of the focus from the entrance face, nm. Default: the foil's mid plane.
    spherical_aberration : float, default 0.0
        Cs in mm. It moves the view of incidence theta by ``-Cs |theta|**2 theta``, as a focus
        nearer by ``Cs |theta|**2`` does; zero in a corrected microscope, as a probe of 60 mrad
        needs one.
    source_size : float, default 1.0
        FWHM of the probe's incoherent source in the specimen, nm: Gaussian blur of the image.
    dose : float, default 5000.0
        Electrons per probe position that reach the detector without a specimen: the detector of a
        view, or the whole disc of a 4D scan. ``inf`` for images without counting noise.
    scan : ScanNoise
        Noise of the scan.
    counter : Counter
        How the detector counts.

    Raises
    ------
    TypeError, ValueError
        If a number is none, or out of its range.

    Examples
    --------
    >>> Microscope().wavelength.__round__(6)
    0.002508
    >>> Microscope.noiseless(pixel_size=2.0).dose
    inf
    """

    voltage: float = 200.0
    convergence_angle: float = 60.0
    pixel_size: float = 1.0
    focus_depth: float | None = None
    spherical_aberration: float = 0.0
    source_size: float = 1.0
    dose: float = 5000.0
    scan: ScanNoise = field(default_factory=ScanNoise)
    counter: Counter = field(default_factory=Counter)

    def __post_init__(self) -> None:
        _within(self.voltage, "voltage", "kV", 10, 3000)
        _within(self.convergence_angle, "convergence_angle", "mrad", 0.01, 500)
        _within(self.pixel_size, "pixel_size", "nm", 1e-3, 1e4)
        _at_least_zero(self.source_size, "source_size", "in nm")
        if self.focus_depth is not None and not np.isfinite(as_number(self.focus_depth, "focus")):
            raise ValueError(
                f"focus_depth must be a depth from the entrance face in nm, or None for the mid "
                f"plane; got {self.focus_depth!r}."
            )
        if not np.isfinite(as_number(self.spherical_aberration, "spherical_aberration")):
            raise ValueError("spherical_aberration must be a finite length in mm.")
        if not as_number(self.dose, "dose") > 0:
            raise ValueError(
                f"dose must be above 0 electrons per probe position, or inf for no counting noise; "
                f"got {self.dose!r}."
            )
        if not isinstance(self.scan, ScanNoise):
            raise TypeError(
                f"scan must be a ScanNoise, such as ScanNoise.none(); got {self.scan!r}."
            )
        if not isinstance(self.counter, Counter):
            raise TypeError(
                f"counter must be a Counter, such as Counter(bits=12); {self.counter!r}."
            )

    @classmethod
    def noiseless(cls, **changes: Any) -> Microscope:
        """Return a microscope without noise, distortion or blur; fields may be given."""
        return cls(**{"dose": np.inf, "scan": ScanNoise.none(), "source_size": 0.0, **changes})

    @property
    def wavelength(self) -> float:
        """Relativistic wavelength of the electrons, nm."""
        energy = self.voltage
        return float(_HC / np.sqrt(energy * (energy + 2 * _REST_ENERGY)))

    def focus_in(self, thickness: float) -> float:
        """Depth of the focus from the entrance face of a foil of this thickness, nm."""
        return thickness / 2 if self.focus_depth is None else float(self.focus_depth)

    def focus_for(self, thickness: float, slope: float) -> float:
        """Depth at which rays of this slope (rad) meet the axis, nm: focus and Cs together."""
        return self.focus_in(thickness) - self.spherical_aberration * 1e6 * slope**2


def as_microscope(microscope: Microscope | None, default: Microscope | None = None) -> Microscope:
    """Return the microscope, or the default where none is given.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if microscope is None:
        return Microscope() if default is None else default
    if not isinstance(microscope, Microscope):
        raise TypeError(
            f"microscope must be a Microscope, such as Microscope(voltage=300, pixel_size=2.0), "
            f"or None for the default; got {microscope!r}."
        )
    return microscope


def as_number(value: Any, name: str) -> float:
    """Return a number as float.

    Raises
    ------
    TypeError
        If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number; got {value!r}.")
    return float(value)


def _at_least_zero(value: Any, name: str, unit: str) -> None:
    number = as_number(value, name)
    if not (np.isfinite(number) and number >= 0):
        raise ValueError(f"{name} must be a finite number of at least 0, {unit}; got {value!r}.")


def _within(value: Any, name: str, unit: str, low: float, high: float) -> None:
    if not low <= as_number(value, name) <= high:
        raise ValueError(
            f"{name} must be from {low:g} to {high:g} {unit}; got {value!r}. Check the unit."
        )
