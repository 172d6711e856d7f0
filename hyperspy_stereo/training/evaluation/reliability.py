"""Are probabilities and sigmas right? Measured on scenes that nothing was fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from hyperspy_stereo.matching.curve_match import CurveMatch
from hyperspy_stereo.training.evaluation.crude import crude_pair
from hyperspy_stereo.training.evaluation.detection_table import CRUDE_SEEDS, SIDE
from hyperspy_stereo.training.evaluation.frozen import FOLDER, PairRecipe, make_pairs
from hyperspy_stereo.training.evaluation.report import in_processes, table
from hyperspy_stereo.training.evaluation.scores import point_errors
from hyperspy_stereo.training.evaluation.systems import Weights, best_detector, detect, matchers
from hyperspy_stereo.training.recipe.scene import AMBIGUOUS, BOUNDARY, IGNORE, LINE

__all__ = ["Reliability", "reliability", "reliability_of"]

BINS = 10
RIGHT = 3.0  # px, error up to which a match is right
SETS = ("frozen", "crude")


@dataclass(frozen=True, eq=False)
class Reliability:
    """What was said and what was true, in bins.

    Attributes
    ----------
    said : (B,) ndarray
        Mean of what was said in each bin, NaN in an empty one.
    true : (B,) ndarray
        Share that was right, or the deviation that was met.
    count : (B,) ndarray
        Members of the bin.
    """

    said: np.ndarray
    true: np.ndarray
    count: np.ndarray

    @property
    def error(self) -> float:
        """Mean difference of what was said and true, weighted by the members."""
        known = self.count > 0
        gap = np.abs(self.said - self.true)[known]
        return float((gap * self.count[known]).sum() / max(self.count.sum(), 1))


def reliability_of(said: np.ndarray, right: np.ndarray, bins: int = BINS) -> Reliability:
    """Bin probabilities and compare them with how often they were right.

    Parameters
    ----------
    said : (N,) ndarray
        Probabilities, 0 to 1.
    right : (N,) bool ndarray
        Whether what they were about is so.
    bins : int, default 10
        Of equal width.

    Returns
    -------
    Reliability

    Notes
    -----
    Its `error` is the expected calibration error of C. Guo et al., ICML (2017) 1321.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> said = rng.random(20000)
    >>> bool(reliability_of(said, rng.random(20000) < said).error < 0.02)
    True
    """
    said, right = np.asarray(said, float).ravel(), np.asarray(right, bool).ravel()
    which = np.clip((said * bins).astype(int), 0, bins - 1)
    count = np.bincount(which, minlength=bins).astype(float)
    with np.errstate(invalid="ignore"):
        return Reliability(
            np.bincount(which, said, bins) / count, np.bincount(which, right, bins) / count, count
        )


def _sigma_reliability(sigma: np.ndarray, error: np.ndarray, bins: int = BINS) -> Reliability:
    """Stated sigma against the deviation met in bins of equal size, of right matches.

    The deviation is between the robust and the plain one, as the matcher's calibration has it:
    tails are longer than a Gaussian's.
    """
    keep = np.abs(error) <= RIGHT
    order = np.argsort(sigma[keep], kind="stable")
    said, true, count = [], [], []
    for part in np.array_split(order, bins):
        if part.size == 0:
            continue
        e = error[keep][part]
        robust, plain = 1.4826 * np.median(np.abs(e)), np.sqrt(np.mean(e**2))
        said.append(float(np.mean(sigma[keep][part])))
        true.append(float(robust**0.7 * plain**0.3))
        count.append(float(part.size))
    return Reliability(np.array(said), np.array(true), np.array(count))


@dataclass(frozen=True)
class _Job:
    source: PairRecipe | int
    folder: Path
    weights: Weights


def reliability(
    recipes: Sequence[PairRecipe],
    weights: Weights,
    picture: Path | None = None,
    folder: Path = FOLDER,
    workers: int = 2,
    crude_seeds: Sequence[int] = CRUDE_SEEDS,
) -> str:
    """Measure P(line), P(wrong match) and sigma, draw them, and lay them out.

    Parameters
    ----------
    recipes : sequence of PairRecipe
        The frozen set, or a part of it.
    weights : Weights
        Of the networks.
    picture : Path, optional
        PNG to draw.
    folder : Path
        Where frozen pairs are kept.
    workers : int, default 2
        Processes.
    crude_seeds : sequence of int
        Scenes of the other renderer.

    Returns
    -------
    str
    """
    jobs = [_Job(source, folder, weights) for source in (*recipes, *crude_seeds)]
    results = in_processes(_collect, jobs, workers)
    sets = {"frozen": results[: len(recipes)], "crude": results[len(recipes) :]}
    found = {}
    for name, parts in sets.items():
        if not parts:
            continue
        said, right, confidence, sigma, error = (
            np.concatenate([part[k] for part in parts]) for k in range(5)
        )
        found[name] = (
            reliability_of(said, right),
            reliability_of(1 - confidence, np.abs(error) > RIGHT),
            _sigma_reliability(sigma, error),
        )
    if picture is not None:
        _draw(found, picture)
    texts = [
        f"reliability: {best_detector(weights)} and {list(matchers(weights))[-1]}, on scenes that "
        "no probability was calibrated on\nsaid: mean in the bin; true: share of pixels that are "
        f"line, of matches wrong by more than {RIGHT:g} px, deviation of the right ones in px\n"
    ]
    for name, kinds in found.items():
        titles = ("P(line)", "P(wrong match)", "sigma, px")
        for title, curve in zip(titles, kinds, strict=True):
            rows = {
                f"bin {k}": {"said": s, "true": t, "count": c}
                for k, (s, t, c) in enumerate(
                    zip(curve.said, curve.true, curve.count, strict=True), start=1
                )
                if c > 0
            }
            columns = {"said": ("said", ".3f"), "true": ("true", ".3f"), "count": ("count", ".0f")}
            head = f"{title}, {name}; mean difference {curve.error:.3f}"
            texts.append(table(head, rows, columns))
    return "\n".join(texts)


def _collect(job: _Job) -> tuple[np.ndarray, ...]:
    """P(line), line or not, confidence, sigma and error of one pair; pixels thinned to 1 in 4."""
    if isinstance(job.source, PairRecipe):
        pair = make_pairs([job.source], job.folder, workers=1)[0]
        images, scene = pair.images, pair.scene
    else:
        images, scene = crude_pair(job.source, SIDE)
    name = best_detector(job.weights)
    probability = np.stack([detect(name, image, job.weights)[0] for image in images])
    label = scene.label[0]
    left_out = ndi.binary_dilation((label & (IGNORE | AMBIGUOUS | BOUNDARY)) > 0, iterations=2)
    use = ~left_out
    use[1::2] = use[:, 1::2] = False  # neighbours say the same
    said, right = probability[0][use], (label[use] & LINE) > 0
    answer = list(matchers(job.weights).values())[-1](images, probability, scene)
    match = answer.disparity
    if not isinstance(match, CurveMatch) or len(match.points) == 0:
        return said, right, *np.zeros((3, 0))
    error, index = point_errors(match, scene)
    known = index >= 0
    index = index[known]
    return said, right, match.confidence[index], match.sigma[index], error[known]


def _draw(found: dict, picture: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), layout="constrained")
    FigureCanvasAgg(figure)
    titles = ("probability of a line", "probability of a wrong match", "sigma, px")
    for k, (ax, title) in enumerate(zip(figure.subplots(1, 3), titles, strict=True)):
        top = 1.0
        for name, colour in zip(SETS, ("#0072b2", "#d55e00"), strict=True):
            if name not in found:
                continue
            curve = found[name][k]
            known = curve.count > 0
            label = f"{name}, mean difference {curve.error:.3f}"
            ax.plot(curve.said[known], curve.true[known], "o-", ms=4, color=colour, label=label)
            if k == 2 and known.any():
                top = max(top, float(curve.said[known].max()))
        ax.plot([0, top], [0, top], color="0.6", lw=0.8, ls="--")
        ax.set_xlabel(f"{title}: said")
        ax.set_ylabel("true")
        ax.grid(alpha=0.3)
        ax.legend(fontsize=8)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
