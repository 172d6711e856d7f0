"""Work on several views at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numba

__all__ = ["in_threads"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Apply a function to items, as many at once as numba may use threads.

    What takes time in matching is compiled and lets other threads run meanwhile. The number is set
    by ``numba.set_num_threads`` or the environment variable ``NUMBA_NUM_THREADS``.

    Parameters
    ----------
    function : callable
        Of one item, without side effects.
    items : iterable
        What to work on.

    Returns
    -------
    list
        In the order of the items.

    Examples
    --------
    >>> in_threads(abs, [-1, 2])
    [1, 2]
    """
    items = list(items)
    number = min(numba.get_num_threads(), len(items))
    if number < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(function, items))
