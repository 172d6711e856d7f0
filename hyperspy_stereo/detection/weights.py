"""The detector's weights that come with the package."""

from __future__ import annotations

import os
from enum import Enum
from typing import Any

from hyperspy_stereo.detection.ridge import PERMISSIVE, STRICT
from hyperspy_stereo.weights import read_info

__all__ = ["KIND", "DetectorWeights", "thresholds", "weights_name"]

KIND = "detector"


class DetectorWeights(Enum):
    """Shipped weights of the detector; each value is the name of its files.

    Attributes
    ----------
    LINES_1 : DetectorWeights
        Lines and boundaries, trained on simulated views.
    DEFAULT : DetectorWeights
        What is used where nothing is said.

    Examples
    --------
    >>> from hyperspy_stereo.detection.weights import DetectorWeights
    >>> DetectorWeights.DEFAULT is DetectorWeights.LINES_1
    True
    >>> DetectorWeights.LINES_1.file
    'detector-lines-1.safetensors'
    """

    LINES_1 = "detector-lines-1"
    DEFAULT = LINES_1

    @property
    def file(self) -> str:
        """Name of the file of weights in the folder ``weights`` of the package."""
        return f"{self.value}.safetensors"

    @property
    def info(self) -> dict[str, Any]:
        """What the JSON beside the weights says: version, hash, calibration, command and more."""
        return read_info(self.value, KIND)

    @property
    def metrics(self) -> dict[str, Any]:
        """Scores on the test sets, as measured before the weights were shipped."""
        return dict(self.info.get("metrics", {}))


def weights_name(weights: DetectorWeights | str | os.PathLike | None) -> str:
    """Name or path of the weights that a user means, for ``load_weights``.

    Parameters
    ----------
    weights : DetectorWeights, str, path or None
        A member or the name of one, the name of shipped files, a path; None is the default.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If it is nothing of these.

    Examples
    --------
    >>> from hyperspy_stereo.detection.weights import weights_name
    >>> weights_name("LINES_1"), weights_name("mine/new.safetensors")
    ('detector-lines-1', 'mine/new.safetensors')
    """
    if weights is None:
        return DetectorWeights.DEFAULT.value
    if isinstance(weights, DetectorWeights):
        return weights.value
    if not isinstance(weights, str | os.PathLike):
        raise TypeError(
            f"weights is {weights!r}; give one of {[m.name for m in DetectorWeights]} or the path "
            "of a .safetensors file."
        )
    name = os.fspath(weights)
    return DetectorWeights.__members__[name].value if name in DetectorWeights.__members__ else name


def thresholds(info: dict[str, Any]) -> tuple[float, float]:
    """Probabilities above which a pixel is called a line, and a candidate.

    How near a line is known is less than its width, so that calibrated probabilities are low at
    its edges, and the F1 of lines is best below 0.5; where, the weights say.

    Parameters
    ----------
    info : dict
        What the JSON of the weights says.

    Returns
    -------
    strict, permissive : float
        0.5 and 0.25 where it says nothing.

    Raises
    ------
    ValueError
        If they are no probabilities, or the candidates' is above the other.

    Examples
    --------
    >>> from hyperspy_stereo.detection.weights import thresholds
    >>> thresholds({"thresholds": [0.3, 0.12]}), thresholds({})
    ((0.3, 0.12), (0.5, 0.25))
    """
    found = info.get("thresholds") or (STRICT, PERMISSIVE)
    try:
        strict, permissive = (float(value) for value in found)
    except (TypeError, ValueError):
        strict = permissive = float("nan")
    if not 0 < permissive <= strict < 1:
        raise ValueError(
            f"the weights {info.get('name', '')!r} give the thresholds {found!r}: two "
            "probabilities are needed, that of lines and a smaller one for candidates."
        )
    return strict, permissive
