"""The result of a comparison with the truth: which segmentation is closest, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.topology.families import FAMILIES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from hyperspy_stereo.topology import MaskScores, ScoreWeights

__all__ = ["TopologyScore"]


class TopologyScore:
    """How far segmentations are from the truth.

    Made by ``DislocationMap.topology_score(ground_truth)``. Lower is closer: the truth itself
    scores 0, a mask as far from it as the strongest simulated degradations about 1.

    Parameters
    ----------
    scores : MaskScores
        Of V masks (conditions).
    masks, truths : sequence of array-like of bool
        The V masks, and one truth or V, for :meth:`plot`.
    labels : sequence of V str, optional
        Names of the conditions; by default their numbers. Kept as ``labels``, which may be changed.
    images : sequence of V array-like, optional
        What the masks were detected in, for :meth:`plot`. Kept as ``images``, likewise.
    single : bool
        Whether there is one mask that is no stack, so that :attr:`final` is one number.
    pixel_size, units : float, str
        Of the images.

    Raises
    ------
    ValueError
        If there is not one label or image for each mask.

    Examples
    --------
    >>> from hyperspy_stereo.topology import ScoreSettings, score_masks
    >>> truth = np.zeros((64, 64), bool)
    >>> truth[20:23, 4:60] = True
    >>> worse = truth.copy()
    >>> worse[:, 20:40] = False
    >>> scores = score_masks([worse, truth], [truth], settings=ScoreSettings(parts=1))
    >>> score = TopologyScore(scores, [worse, truth], [truth], labels=["-1", "0.5"])
    >>> score.best, score.ranking.tolist()
    ('0.5', [1, 0])
    """

    def __init__(
        self,
        scores: MaskScores,
        masks: Sequence[ArrayLike],
        truths: Sequence[ArrayLike],
        *,
        labels: Sequence[str] | None = None,
        images: Sequence[ArrayLike] | None = None,
        single: bool = False,
        pixel_size: float = 1.0,
        units: str = "px",
    ) -> None:
        count = len(scores.final)
        names = [str(n) for n in range(count)] if labels is None else [str(n) for n in labels]
        for name, values in (("labels", names), ("masks", masks), ("images", images)):
            if values is not None and len(values) != count:
                raise ValueError(f"{len(values)} {name} for {count} scores: give one for each.")
        self.scores = scores
        self.masks = [np.asarray(m, dtype=bool) for m in masks]
        self.truths = [np.asarray(t, dtype=bool) for t in truths]
        self.labels = names
        self.images = None if images is None else [np.asarray(i) for i in images]
        self.pixel_size = float(pixel_size)
        self.units = str(units)
        self._single = bool(single)

    @property
    def final(self) -> float | np.ndarray:
        """The score: one number for a single map, else (V,), one for each condition."""
        return float(self.scores.final[0]) if self._single else self.scores.final.copy()

    @property
    def interval(self) -> np.ndarray:
        """(V, 2) ends of the confidence interval of each score; NaN with one sub-image only."""
        return np.column_stack([self.scores.low, self.scores.high])

    @property
    def matrix(self) -> np.ndarray:
        """(2, F, V) relative distance in H0 and H1, by filtration and condition."""
        return self.scores.matrix.copy()

    @property
    def filtrations(self) -> tuple[str, ...]:
        """Names of the F filtrations."""
        return self.scores.names

    @property
    def weights(self) -> ScoreWeights:
        """Weights of the families of filtrations, with errors and provenance."""
        return self.scores.weights

    @property
    def ranking(self) -> np.ndarray:
        """(V,) numbers of the conditions, the best one first; equal ones keep their order."""
        return np.argsort(self.scores.final, kind="stable")

    @property
    def best(self) -> str:
        """Label of the best condition."""
        return self.labels[int(self.ranking[0])]

    def to_dataframe(self) -> pd.DataFrame:
        """One row for each condition, in their order.

        Returns
        -------
        pandas.DataFrame
            Index: the labels. Columns: score, its interval (low, high), rank (1 is best),
            best_share (share of the resamples in which it is the best), error (bound of what
            pruning can have changed), the share of each family and dimension in the score (such
            as ``height H0``; they add up to it), lines broken, breaks, missed and joined, spurious
            length in :attr:`units` and as a share, F1, precision, recall and clDice of the centre
            lines, and the difference of the Betti curves.
        """
        import pandas as pd

        scores = self.scores
        rank = np.empty(len(self.labels), int)
        rank[self.ranking] = np.arange(1, len(rank) + 1)
        parts = scores.families * scores.weights.values
        columns = {
            "score": scores.final,
            "low": scores.low,
            "high": scores.high,
            "rank": rank,
            "best_share": scores.best_share,
            "error": scores.error,
            **{
                f"{family} H{k}": parts[:, row, k]
                for row, family in enumerate(FAMILIES)
                for k in (0, 1)
            },
            **{name: [n[name] for n in scores.numbers] for name in scores.numbers[0]},
        }
        return pd.DataFrame(columns, index=pd.Index(self.labels, name="condition"))

    def weights_table(self) -> pd.DataFrame:
        """Weight and error of each family (rows) in H0 and H1.

        Returns
        -------
        pandas.DataFrame
        """
        import pandas as pd

        values, errors = self.weights.values, self.weights.errors
        columns = {}
        for k in (0, 1):
            columns |= {f"H{k}": values[:, k], f"H{k} error": errors[:, k]}
        return pd.DataFrame(columns, index=pd.Index(FAMILIES, name="family"))

    def plot(self) -> Figure:
        """Draw conditions in a row: images, segmentations over the truth, distances, scores.

        Returns
        -------
        matplotlib.figure.Figure
            The best condition is marked.
        """
        from hyperspy_stereo.viewer.topology_plots import plot_topology_score

        return plot_topology_score(self)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        values = ", ".join(
            f"{n}: {s:.3g}" for n, s in zip(self.labels, self.scores.final, strict=True)
        )
        best = "" if len(self) == 1 else f"; best: {self.best}"
        return f"<TopologyScore, {values}{best}>"

    def _repr_html_(self) -> str:
        table = self.to_dataframe()
        heads = ("condition", "score", "interval", "broken", "joined", "spurious", "F1", "clDice")
        rows = []
        for number in self.ranking:
            row = table.iloc[int(number)]
            sure = np.isfinite(row["low"])
            cells = (
                self.labels[int(number)],
                f"{row['score']:.3g}",
                f"{row['low']:.3g} to {row['high']:.3g}" if sure else "not known",
                f"{row['broken']:.0f}",
                f"{row['joined']:.0f}",
                f"{row['spurious']:.3g} {self.units}",
                f"{row['f1']:.3f}",
                f"{row['cldice']:.3f}",
            )
            rows.append("".join(f"<td>{escape(cell)}</td>" for cell in cells))
        head = "".join(f"<th>{escape(name)}</th>" for name in heads)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return (
            "<table><caption>TopologyScore: best first, 0 is the truth</caption>"
            f"<tr>{head}</tr>{body}</table>"
        )
