"""A matplotlib canvas that a notebook can draw on with the mouse, and calls that do not pile up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Latest", "live_canvas"]


def live_canvas(figure: Figure) -> Any:
    """An ipympl canvas of one figure, without its tool bar.

    The figure is not registered with pyplot, and the backend of all other figures stays what it
    was: importing ipympl would change it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        To be shown.

    Returns
    -------
    ipympl.backend_nbagg.Canvas
        A widget.
    """
    import matplotlib

    before = matplotlib.get_backend()
    from ipympl.backend_nbagg import Canvas, FigureManager

    if matplotlib.get_backend() != before:
        matplotlib.use(before)
    canvas = Canvas(figure)
    canvas.header_visible = canvas.footer_visible = canvas.resizable = False
    canvas.toolbar_visible = False
    FigureManager(canvas, 0)  # binds itself to the canvas, which sends nothing without one
    return canvas


class Latest:
    """Runs only the newest of many calls, once the kernel has read all of them.

    While a drag step is computed, the browser sends more mouse moves. Each of them replaces the
    call that waits; so the picture keeps up with the mouse however long a step takes. Without an
    event loop (a script, a test) a call runs at once.

    Examples
    --------
    >>> calls, done = Latest(), []
    >>> calls.soon(lambda: done.append("a step"))
    >>> done
    ['a step']
    """

    # Seconds: enough for the kernel to read what has come in the meantime.
    WAIT = 0.015

    def __init__(self) -> None:
        self._waiting: asyncio.TimerHandle | None = None
        self._function: Callable[[], None] | None = None

    def soon(self, function: Callable[[], None]) -> None:
        """Run a function; one that is waiting is not run, and its turn is taken over.

        Parameters
        ----------
        function : callable
            Without arguments.
        """
        if self._waiting is not None:
            self._function = function
        else:
            self._start(function, self.WAIT)

    def after_pause(self, function: Callable[[], None], seconds: float) -> None:
        """Run a function when nothing else was asked for during some seconds.

        Parameters
        ----------
        function : callable
            Without arguments.
        seconds : float
            Of the pause.
        """
        self.cancel()
        self._start(function, seconds)

    def cancel(self) -> None:
        """Forget the call that waits."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _start(self, function: Callable[[], None], seconds: float) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            function()
            return
        self._function = function
        self._waiting = loop.call_later(seconds, self._run)

    def _run(self) -> None:
        self._waiting = None
        self._function()
