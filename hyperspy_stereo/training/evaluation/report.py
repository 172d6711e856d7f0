"""Tables as text, and work shared between processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

__all__ = ["in_processes", "mean_scores", "table", "write"]

Task = TypeVar("Task")
Result = TypeVar("Result")


def table(
    title: str, rows: Mapping[str, Mapping[str, float]], columns: Mapping[str, tuple[str, str]]
) -> str:
    """Lay out scores as text.

    Parameters
    ----------
    title : str
        Above the table.
    rows : mapping of str to mapping
        Scores of each row, by name.
    columns : mapping of str to (str, str)
        Heading and format of each score that is shown, such as ``{"f1": ("F1", ".3f")}``.

    Returns
    -------
    str
        Ends with a line break; a score that is missing or NaN is a dash.

    Examples
    --------
    >>> print(table("scores", {"ridge": {"f1": 0.5}}, {"f1": ("F1", ".2f")}), end="")
    scores
              F1
      ridge 0.50
    """
    width = max([len(name) for name in rows] + [4])
    cells = {
        name: [_cell(scores.get(key), form) for key, (_, form) in columns.items()]
        for name, scores in rows.items()
    }
    sizes = [
        max([len(head)] + [len(row[k]) for row in cells.values()])
        for k, (head, _) in enumerate(columns.values())
    ]
    heads = [head for head, _ in columns.values()]
    lines = [title, _row("", heads, width, sizes)]
    lines += [_row(name, row, width, sizes) for name, row in cells.items()]
    return "\n".join(lines) + "\n"


def _cell(value: Any, form: str) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "-"
    return format(value, form)


def _row(name: str, cells: Sequence[str], width: int, sizes: Sequence[int]) -> str:
    parts = [f"{cell:>{size}}" for cell, size in zip(cells, sizes, strict=True)]
    return f"  {name:<{width}} " + " ".join(parts)


def mean_scores(rows: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each score over the rows in which it is known.

    Examples
    --------
    >>> mean_scores([{"f1": 1.0}, {"f1": 0.5}, {"f1": float("nan")}])
    {'f1': 0.75}
    """
    rows = list(rows)
    result = {}
    for name in dict.fromkeys(key for row in rows for key in row):
        values = np.array([row.get(name, np.nan) for row in rows], float)
        known = values[np.isfinite(values)]
        result[name] = float(known.mean()) if known.size else float("nan")
    return result


def write(path: Path, text: str) -> str:
    """Write a text, folder included, and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return text


def in_processes(
    function: Callable[[Task], Result], tasks: Iterable[Task], workers: int = 2
) -> list[Result]:
    """Call a function for each task, in fresh processes of one thread each.

    Parameters
    ----------
    function : callable
        Of a module, so that it can be sent.
    tasks : iterable
        Its arguments.
    workers : int, default 2
        Processes; 1 works in this one.

    Returns
    -------
    list
        In the order of the tasks.
    """
    tasks = list(tasks)
    if workers <= 1 or len(tasks) <= 1:
        return [function(task) for task in tasks]
    # fresh, because torch and numba do not survive a fork once their threads run
    with ProcessPoolExecutor(workers, get_context("spawn"), _one_thread) as pool:
        return list(pool.map(partial(_call, function), tasks))


def _call(function: Callable[[Task], Result], task: Task) -> Result:
    return function(task)


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
