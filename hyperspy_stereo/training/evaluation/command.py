"""``python -m hyperspy_stereo.training evaluate``: prints every table that is quoted anywhere."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hyperspy_stereo.training.evaluation.frozen import FOLDER, FROZEN_PAIRS, POINT_PAIRS
from hyperspy_stereo.training.evaluation.report import write
from hyperspy_stereo.training.evaluation.systems import Weights

__all__ = ["PARTS", "run"]

_LOG = logging.getLogger(__name__)


def run(arguments: Sequence[str] | None = None) -> None:
    """Evaluate, print the tables and write them to files.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those after ``evaluate``; of the command line by default.

    Raises
    ------
    ValueError
        If a part is unknown, or weights that were named cannot be loaded.

    Examples
    --------
    >>> run(["detection", "--help"])  # doctest: +SKIP
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    names = [name for name in PARTS if name != "curves" or options.runs.is_dir()]
    chosen = names if "all" in options.parts else list(dict.fromkeys(options.parts))
    for name in chosen:
        start = time.perf_counter()
        text = PARTS[name](options)
        _LOG.info("%s took %.0f s", name, time.perf_counter() - start)
        if not text:
            continue
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        write(options.out / f"networks_{name}.txt", text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hyperspy_stereo.training evaluate", description=run.__doc__.splitlines()[0]
    )
    parser.add_argument(
        "parts", nargs="*", default=["all"], choices=[*PARTS, "all"], help="what to evaluate"
    )
    parser.add_argument("--out", type=Path, default=Path("docs/measured"), help="for the tables")
    parser.add_argument(
        "--pictures", type=Path, default=Path("docs/pictures"), help="for the diagrams"
    )
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="with real_pair_annotated"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for simulated test pairs")
    parser.add_argument(
        "--runs", type=Path, default=Path("training_runs"), help="with the logs of trainings"
    )
    parser.add_argument("--detector", help="weights of the detector: a name or a file")
    parser.add_argument("--matcher", help="weights of the descriptor")
    parser.add_argument("--scm", help="weights of the published stereo network")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    parser.add_argument(
        "--pairs", type=int, default=len(FROZEN_PAIRS), help="of the frozen set, for a quick look"
    )
    return parser


def _weights(options: argparse.Namespace) -> Weights:
    return Weights(options.detector, options.matcher, options.scm)


def _crude_seeds(options: argparse.Namespace) -> Sequence[int]:
    from hyperspy_stereo.training.evaluation.detection_table import CRUDE_SEEDS

    return CRUDE_SEEDS[: 3 * options.pairs]


def _detection(options: argparse.Namespace) -> str:
    from hyperspy_stereo.training.evaluation.detection_table import detection_tables

    return detection_tables(
        FROZEN_PAIRS[: options.pairs],
        _weights(options),
        options.data,
        options.folder,
        options.workers,
        _crude_seeds(options),
        POINT_PAIRS[: options.pairs],
    )


def _matching(options: argparse.Namespace) -> str:
    from hyperspy_stereo.training.evaluation.matching_table import matching_tables

    return matching_tables(
        FROZEN_PAIRS[: options.pairs], _weights(options), options.folder, options.workers
    )


def _reliability(options: argparse.Namespace) -> str:
    from hyperspy_stereo.training.evaluation.reliability import reliability

    return reliability(
        FROZEN_PAIRS[: options.pairs],
        _weights(options),
        options.pictures / "networks_reliability.png",
        options.folder,
        options.workers,
        _crude_seeds(options),
    )


def _robustness(options: argparse.Namespace) -> str:
    from hyperspy_stereo.training.evaluation.robustness import robustness

    return robustness(
        _weights(options),
        options.pictures / "networks_robustness.png",
        options.folder,
        options.workers,
        scenes=min(4, options.pairs),
    )


def _tables(options: argparse.Namespace) -> str:
    from hyperspy_stereo.training.evaluation.scm_table import scm_tables

    return scm_tables(_weights(options), options.runs, workers=options.workers)


def _curves(options: argparse.Namespace) -> str:
    from hyperspy_stereo.training.evaluation.training_curves import training_curves

    return training_curves(options.runs, options.pictures / "networks_training.png")


#: What can be evaluated, in the order of ``all``.
PARTS: dict[str, Callable[[argparse.Namespace], str]] = {
    "detection": _detection,
    "matching": _matching,
    "reliability": _reliability,
    "robustness": _robustness,
    "tables": _tables,
    "curves": _curves,
}
