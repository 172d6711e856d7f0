"""``pair.gui()``: the panel of a pair through HyperSpy's GUI mechanism."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

TOOLKEY = "hyperspy_stereo.StereoPair"
TOOLKIT = "ipywidgets"
WIDGET = {
    "module": "hyperspy_stereo.viewer.reconstruction_panel",
    "function": "panel_widget",
}


def gui(self, display: bool = True, toolkit: str | Iterable[str] | None = None, **knobs: Any):
    """Show a panel that goes from these views to lines in 3D and their crystal.

    Parameters
    ----------
    display : bool, default True
        Show it; False returns HyperSpy's dictionary of widgets instead, for tests and for panels
        of one's own.
    toolkit : str or sequence of str, optional
        As in HyperSpy; there is "ipywidgets".
    **knobs
        What the knobs are set to at first, attributes of
        :class:`hyperspy_stereo.viewer.knobs.Knobs`, such as ``method="ridge"``.

    Returns
    -------
    ReconstructionPanel or dict
        Its `network` is what the steps made, `code` the same as Python.

    Raises
    ------
    ImportError
        HyperSpy's, where no toolkit is installed.
    ValueError
        HyperSpy's, where the toolkit is unknown or disabled in the preferences.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo import StereoPair
    >>> views = np.random.default_rng(0).random((2, 64, 64))
    >>> pair = StereoPair.from_images(*views, 8, geometry="tiltless")
    >>> panel = pair.gui(display=False, method="ridge")["ipywidgets"]["panel"]
    >>> print(panel.code)
    maps = pair.detect_dislocations(method='ridge')
    lines = maps.reconstruct()
    lines.plot(images=pair)
    """
    from hyperspy.ui_registry import get_gui

    self._check_images(2)
    with _registered():
        shown = get_gui(self, TOOLKEY, display=False, toolkit=toolkit, **knobs)
    if not display:
        return shown
    panel = shown[TOOLKIT]["panel"]
    panel.show()
    return panel


@contextmanager
def _registered() -> Iterator[None]:
    """The panel in HyperSpy's registry, and its toolkit while the panel is asked for.

    A toolkit that stays registered without the package that brings HyperSpy's own widgets makes
    HyperSpy 2.5 fail where it would only warn, as in plots with three navigation axes.
    """
    from hyperspy import ui_registry

    known = TOOLKIT in ui_registry.TOOLKIT_REGISTRY
    if find_spec(TOOLKIT) is not None:
        ui_registry.UI_REGISTRY[TOOLKEY].setdefault(TOOLKIT, WIDGET)
        ui_registry.TOOLKIT_REGISTRY.add(TOOLKIT)
    try:
        yield
    finally:
        if not known:
            ui_registry.TOOLKIT_REGISTRY.discard(TOOLKIT)
