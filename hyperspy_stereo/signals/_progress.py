"""Progress bars that follow HyperSpy's preference."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext


def progress(show: bool | None, minimum: float = 0.0) -> AbstractContextManager:
    """Show a bar while dask computes inside the context, once that took `minimum` seconds.

    None takes HyperSpy's preference.
    """
    import hyperspy.api as hs
    from dask.diagnostics import ProgressBar

    if show is None:
        show = hs.preferences.General.show_progressbar
    return ProgressBar(minimum=minimum) if show else nullcontext()
