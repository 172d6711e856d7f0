"""Which seeds belong to what, so that training can never draw a scene it is tested on."""

from __future__ import annotations

__all__ = [
    "CALIBRATION",
    "CRUDE",
    "FROZEN",
    "PAINTED",
    "TRAIN",
    "VALID",
    "training_seed",
]

TRAIN = range(1_000_000, 2_000_000)  #: physical scenes to train on
VALID = range(2_000_000, 2_100_000)  #: physical scenes to watch training with
CALIBRATION = range(2_500_000, 2_600_000)  #: scenes that probabilities are calibrated on
FROZEN = range(3_000_000, 3_001_000)  #: the frozen test set
CRUDE = range(4_000_000, 4_100_000)  #: scenes of another renderer, to select checkpoints
PAINTED = range(5_000_000, 6_000_000)  #: painted scenes to train on


def training_seed(seed: int) -> int:
    """Return the seed if scenes drawn from it may be trained on.

    Parameters
    ----------
    seed : int
        Seed of a scene.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If it belongs to a validation, calibration or test set, or to nothing.

    Examples
    --------
    >>> training_seed(1_000_000)
    1000000
    """
    if seed not in TRAIN and seed not in PAINTED:
        raise ValueError(
            f"seed {seed} is not one to train on: take one of {TRAIN.start} to {TRAIN.stop - 1} "
            f"(physical) or {PAINTED.start} to {PAINTED.stop - 1} (painted scenes)."
        )
    return int(seed)
