"""Boundaries: long, straight, thick or step-like things that are no dislocations."""

from __future__ import annotations

import numpy as np

from .oriented import OrientedResponse

__all__ = ["boundary_map"]


def boundary_map(flat: np.ndarray, found: OrientedResponse, ridge: np.ndarray) -> np.ndarray:
    """Map of boundaries (H, W); none yet."""
    return np.zeros(flat.shape, np.float32)
