"""Progress bars that follow HyperSpy's preference."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext


def progress(show: bool | None) -> AbstractContextManager:
    """Show a bar while dask computes inside the context; None takes HyperSpy's preference."""
    import hyperspy.api as hs
    from dask.diagnostics import ProgressBar

    if show is None:
        show = hs.preferences.General.show_progressbar
    return ProgressBar() if show else nullcontext()
