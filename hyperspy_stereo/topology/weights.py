"""Weights of the families of filtrations: learned, shipped, and fitted to the user's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.topology.comparison import compare, mask_topology
from hyperspy_stereo.topology.degradations import DEGRADATIONS, degrade
from hyperspy_stereo.topology.families import FAMILIES

__all__ = [
    "DegradationTable",
    "ScoreWeights",
    "degradation_table",
    "fit_weights",
    "load_weights",
    "save_weights",
    "shipped_weights",
]

SEVERITIES = tuple(step / 6 for step in range(1, 7))
SHIPPED = Path(__file__).with_name("weights.json")


@dataclass(frozen=True)
class ScoreWeights:
    """Weight of each family of filtrations in each dimension.

    Attributes
    ----------
    values : ndarray of shape (4, 2)
        Not negative; rows as `FAMILIES`, columns H0 (pieces) and H1 (rings).
    errors : ndarray of shape (4, 2)
        Standard deviation when other scenes are drawn for the fit; NaN if not known.
    provenance : dict
        What they were fitted to, and how well.

    Raises
    ------
    ValueError
        If the shapes are wrong, or a weight is negative or not finite.
    """

    values: np.ndarray
    errors: np.ndarray
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("values", "errors"):
            array = np.asarray(getattr(self, name), dtype=float)
            if array.shape != (len(FAMILIES), 2):
                raise ValueError(
                    f"{name} must have the shape ({len(FAMILIES)}, 2), one row for each of "
                    f"{FAMILIES} and one column for H0 and H1; got {array.shape}."
                )
            object.__setattr__(self, name, array)
        if not np.isfinite(self.values).all() or self.values.min() < 0:
            raise ValueError("weights must be finite and not negative, so that 0 means equal.")

    def score(self, families: ArrayLike) -> np.ndarray:
        """Weighted sum of relative distances (..., 4, 2), one score for each."""
        return np.einsum("...fk,fk->...", np.asarray(families, dtype=float), self.values)


@dataclass(frozen=True)
class DegradationTable:
    """Relative distances of degraded masks from their truths.

    Attributes
    ----------
    families : ndarray of shape (N, 4, 2)
        As ``Comparison.families``.
    severity : ndarray of shape (N,)
        0 to 1.
    scene : ndarray of int, shape (N,)
        Which truth.
    kind : ndarray of str, shape (N,)
        Which kind of degradation.
    """

    families: np.ndarray
    severity: np.ndarray
    scene: np.ndarray
    kind: np.ndarray


def degradation_table(
    truths: Sequence[ArrayLike],
    kinds: Sequence[str] = tuple(DEGRADATIONS),
    severities: Sequence[float] = SEVERITIES,
    seed: int = 0,
) -> DegradationTable:
    """Degrade truths in all ways and compare each with its truth.

    Parameters
    ----------
    truths : sequence of array_like of bool, each (H, W)
        True lines, for example masks of simulated views.
    kinds : sequence of str
        Of `degrade`. Default: all.
    severities : sequence of float, default six equal steps up to 1
        0 to 1.
    seed : int, default 0
        Of the first truth; the others follow.

    Returns
    -------
    DegradationTable

    Raises
    ------
    TypeError, ValueError
        If a truth is no mask, or a kind or severity does not exist.

    Examples
    --------
    >>> table = degradation_table([np.eye(48)], kinds=["gaps"], severities=[0.5, 1])
    >>> table.families.shape, table.severity.tolist()
    ((2, 4, 2), [0.5, 1.0])
    """
    rows = []
    for scene, truth in enumerate(truths):
        true = mask_topology(truth)
        for kind in kinds:
            for severity in severities:
                worse = mask_topology(degrade(truth, kind, severity, seed + scene))
                rows.append((compare(worse, true).families, severity, scene, kind))
    families, severity, scenes, kinds_ = zip(*rows, strict=True) if rows else ([], [], [], [])
    return DegradationTable(
        np.array(families).reshape(-1, len(FAMILIES), 2),
        np.array(severity, dtype=float),
        np.array(scenes, dtype=int),
        np.array(kinds_, dtype=str),
    )


def fit_weights(
    table: DegradationTable,
    resamples: int = 200,
    seed: int = 0,
    provenance: Mapping[str, Any] | None = None,
) -> ScoreWeights:
    """Fit weights so that the score grows with the severity in every kind of degradation.

    Parameters
    ----------
    table : DegradationTable
        Of `degradation_table`, or made by the user: relative distances (``Comparison.families``),
        severities on any scale, and which truth and which kind each row belongs to.
    resamples : int, default 200
        Of the truths, for the errors; 200 give them to 5 %.
    seed : int, default 0
        Of the resampling.
    provenance : mapping, optional
        What is known about the masks, kept with the weights.

    Returns
    -------
    ScoreWeights
        With one truth only, the errors are NaN.

    Raises
    ------
    ValueError
        If the lengths differ, numbers are not finite, or too few severities follow each other.

    Notes
    -----
    Rows of one truth and one kind form a series. Non-negative least squares (no constant) fits
    the *steps* of the severity along each series by the steps of the distances: what is the same
    in a whole series, because this truth or this kind stands out, must not decide, and a score
    that falls while the severity grows costs more than one that grows too little. One more number,
    by least squares, scales the weights so that the score is the severity on average. Solved by
    ``sklearn.linear_model.LinearRegression(positive=True)``, after C. Lawson and R. Hanson,
    Solving Least Squares Problems (1974), chapter 23.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> families = rng.random((60, 4, 2))
    >>> severity = families[:, 2, 0] / 2
    >>> table = DegradationTable(families, severity, np.arange(60) % 6, np.full(60, "own"))
    >>> fit_weights(table).values.round(3)[2].tolist()
    [0.5, 0.0]
    """
    x, y = _checked(table)
    truths = np.unique(table.scene)
    steps = {truth: _steps(table, x, y, truth) for truth in truths}
    levels = {truth: table.scene == truth for truth in truths}
    if sum(len(dy) for _, dy in steps.values()) < x.shape[1]:
        raise ValueError(
            f"too few steps of severity to determine {x.shape[1]} weights: give at least two "
            "severities of each kind, and more truths, for example by degradation_table()."
        )

    def solved(drawn: Sequence) -> np.ndarray:
        shape = _least_squares(*(np.concatenate([steps[t][i] for t in drawn]) for i in (0, 1)))
        score = np.concatenate([x[levels[t]] @ shape for t in drawn])
        wanted = np.concatenate([y[levels[t]] for t in drawn])
        return shape * (score @ wanted / (score @ score)) if score.any() else shape

    rng = np.random.default_rng(seed)
    errors = np.full(x.shape[1], np.nan)
    if len(truths) > 1 and resamples > 1:
        draws = rng.choice(truths, size=(resamples, len(truths)))
        errors = np.std([solved(drawn) for drawn in draws], axis=0, ddof=1)
    shape = (len(FAMILIES), 2)
    return ScoreWeights(
        solved(truths).reshape(shape), errors.reshape(shape), dict(provenance or {})
    )


def save_weights(weights: ScoreWeights, path: str | Path) -> Path:
    """Write weights with their errors and provenance as JSON.

    Parameters
    ----------
    weights : ScoreWeights
        To save.
    path : str or Path
        Such as "weights.json".

    Returns
    -------
    Path
    """
    path = Path(path)
    content = {
        "families": list(FAMILIES),
        "dimensions": ["H0", "H1"],
        "weights": weights.values.round(6).tolist(),
        "errors": [[None if np.isnan(e) else round(e, 6) for e in row] for row in weights.errors],
        "provenance": dict(weights.provenance),
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def load_weights(path: str | Path) -> ScoreWeights:
    """Read weights that `save_weights` wrote.

    Parameters
    ----------
    path : str or Path
        Of the JSON.

    Returns
    -------
    ScoreWeights

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it holds no weights, or those of other filtrations.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        known = tuple(content["families"])
        values = np.array(content["weights"], dtype=float)
        errors = np.array(content["errors"], dtype=float)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} holds no weights of a score: write it by topology.save_weights()."
        ) from error
    if known != FAMILIES:
        raise ValueError(
            f"{path} holds weights of {known}, but the filtrations are {FAMILIES}: fit them anew "
            "by topology.fit_weights()."
        )
    return ScoreWeights(values, errors, content.get("provenance", {}))


@cache
def shipped_weights() -> ScoreWeights:
    """Weights fitted to simulated degradations, as shipped.

    Returns
    -------
    ScoreWeights

    Examples
    --------
    >>> bool(shipped_weights().values.max() > 0)
    True
    """
    return load_weights(SHIPPED)


def _checked(table: DegradationTable) -> tuple[np.ndarray, np.ndarray]:
    """Distances (N, 8) and severities (N,)."""
    x = np.asarray(table.families, dtype=float)
    y = np.asarray(table.severity, dtype=float)
    n = len(y)
    if x.shape != (n, len(FAMILIES), 2) or len(table.scene) != n or len(table.kind) != n:
        raise ValueError(
            f"families must be (N, {len(FAMILIES)}, 2) with one severity, one scene and one kind "
            f"for each row; got {x.shape}, {y.shape}, {len(table.scene)} and {len(table.kind)}."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("families and severity must be finite numbers.")
    return x.reshape(n, -1), y


def _steps(
    table: DegradationTable, x: np.ndarray, y: np.ndarray, truth: object
) -> tuple[np.ndarray, np.ndarray]:
    """Differences from one severity to the next in all series of one truth."""
    dx, dy = [np.empty((0, x.shape[1]))], [np.empty(0)]
    for kind in np.unique(table.kind):
        rows = np.flatnonzero((table.scene == truth) & (table.kind == kind))
        rows = rows[np.argsort(y[rows], kind="stable")]
        dx.append(np.diff(x[rows], axis=0))
        dy.append(np.diff(y[rows]))
    return np.concatenate(dx), np.concatenate(dy)


def _least_squares(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LinearRegression

    return LinearRegression(positive=True, fit_intercept=False).fit(x, y).coef_
