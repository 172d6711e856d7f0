"""Curves of a training run as a picture."""

from __future__ import annotations

import csv
import math
from pathlib import Path

__all__ = ["draw_curves", "read_log"]


def read_log(path: str | Path) -> dict[str, list[tuple[int, float]]]:
    """Return each column of a log as pairs (step, value), empty cells left out.

    Parameters
    ----------
    path : str or Path
        ``log.csv`` of a run.

    Returns
    -------
    dict of str to list of (int, float)
    """
    columns: dict[str, list[tuple[int, float]]] = {}
    with Path(path).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for name, text in row.items():
                if text and math.isfinite(float(text)):
                    columns.setdefault(name, []).append((int(row["step"]), float(text)))
    columns.pop("step", None)
    return columns


def draw_curves(log: str | Path, picture: str | Path) -> None:
    """Draw the loss and its parts, and the validation scores, against the step.

    Parameters
    ----------
    log : str or Path
        ``log.csv`` of a run. Scores are told from parts of the loss by their name: they
        contain an underscore after the name of the set ("crude_f1").
    picture : str or Path
        PNG file to write.
    """
    # no pyplot: it keeps figures, and asks for a display
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = read_log(log)
    rate = columns.pop("learning_rate", [])
    columns.pop("seconds", None)
    longest = max((len(values) for values in columns.values()), default=0)
    parts = {n: v for n, v in columns.items() if len(v) == longest and len(v) == len(rate)}
    scores = {name: values for name, values in columns.items() if name not in parts}
    if not scores:  # every row is a validation: only the total is surely a loss
        scores = {name: values for name, values in parts.items() if "_f1" in name}
        parts = {name: values for name, values in parts.items() if name not in scores}
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for axes, curves in ((left, parts), (right, scores)):
        for name, values in curves.items():
            steps, heights = zip(*values, strict=True)
            axes.plot(steps, heights, label=name, marker="." if len(values) < 40 else None)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        if curves:
            axes.legend(fontsize=7)
    left.set_ylabel("loss")
    left.set_yscale("log")
    right.set_ylabel("validation score")
    figure.savefig(picture, dpi=110)
