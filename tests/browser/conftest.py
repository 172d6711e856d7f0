"""A JupyterLab server and a browser, both on this machine and for these tests only."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from headless_chromium import Browser, find_chromium
from served_lab import Lab

PICTURES = Path(__file__).parent / "output"
WINDOW = (1180, 980)


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where screenshots go, for a person to look at; ignored by git."""
    PICTURES.mkdir(exist_ok=True)
    return PICTURES


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if importlib.util.find_spec("websocket") is None:
        pytest.skip("websocket-client is not installed")
    if find_chromium() is None:
        pytest.skip("no Chromium on this machine")
    running = Browser(tmp_path_factory.mktemp("chromium"), WINDOW)
    yield running
    running.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory, browser):
    """A running JupyterLab."""
    if importlib.util.find_spec("jupyterlab") is None:
        pytest.skip("JupyterLab is not installed")
    running = Lab(tmp_path_factory.mktemp("jupyter"))
    yield running
    running.close()
