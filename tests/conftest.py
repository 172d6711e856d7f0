"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("MPLBACKEND", "agg")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real files beside the checkout; tests that need it skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no folder of real files beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def tiny_detector() -> Path:
    """Weights of a very small network that knows dark straight lines on noise and nothing else."""
    return Path(__file__).parent / "detection" / "data" / "tiny.safetensors"
