"""``python -m hyperspy_stereo.training``: draw scenes, train networks, evaluate and export them."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; see ``--help``.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the command line by default.

    Returns
    -------
    int
        0, or 2 for an error in what was asked for.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if options.command == "evaluate":  # reads its own options, so that only it knows them
        options.arguments = rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        options.run(options)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m hyperspy_stereo.training",
        description="Draw scenes, train the networks on them, evaluate and export them.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_shards(commands)
    for name, function, what in (
        ("detector", _detector, "train the network that finds lines and boundaries"),
        ("scm", _scm, "train the published stereo network"),
        ("matcher", _matcher, "train the descriptor of the curve matcher"),
    ):
        command = commands.add_parser(name, help=what, description=what.capitalize() + ".")
        command.add_argument(
            "--config",
            default=name,
            help=f"JSON file, or name of a committed one (default: {name})",
        )
        command.add_argument("--out", required=True, help="folder for checkpoints, log and curves")
        command.add_argument("--resume", action="store_true", help="go on with the run in --out")
        command.set_defaults(run=function)
        if name == "detector":
            command.add_argument(
                "--data", default="training_data", help="folder of the stores of scenes"
            )
            command.add_argument(
                "--watch",
                metavar="FOLDER",
                help="also log the score on left.png against left_mask.png; chooses nothing",
            )
    evaluate = commands.add_parser(
        "evaluate", help="print the tables quoted in the documentation", add_help=False
    )
    evaluate.set_defaults(run=_evaluate)
    export = commands.add_parser(
        "export", help="turn a snapshot into weights with calibration and model card"
    )
    export.add_argument("--run", dest="folder", required=True, help="--out of the training")
    export.add_argument("--name", required=True, help="name of the weights")
    export.add_argument("--to", help="folder to write to (default: that of the package's weights)")
    export.add_argument(
        "--snapshot", help="snapshot to take (default: the best, see training.record)"
    )
    export.add_argument("--data", default="training_data", help="folder of the stores of scenes")
    export.set_defaults(run=_export)
    _add_matcher(commands)
    _add_scm(commands)
    return parser


def _add_scm(commands: argparse._SubParsersAction) -> None:
    """Describe what comes after a training of the published stereo network."""
    export = commands.add_parser(
        "export-scm", help="turn a snapshot of the stereo network into weights with model card"
    )
    export.add_argument("--run", dest="folder", required=True, help="--out of the training")
    export.add_argument("--name", default="scm", help="name of the weights")
    export.add_argument("--to", help="folder to write to (default: that of the package's weights)")
    export.add_argument("--snapshot", help="snapshot to take (default: the run's best.safetensors)")
    export.set_defaults(run=_export_scm)


def _add_matcher(commands: argparse._SubParsersAction) -> None:
    """Describe what comes after a training of the matcher's descriptor."""
    export = commands.add_parser(
        "export-descriptor", help="turn a snapshot of the descriptor into weights with model card"
    )
    export.add_argument("--run", dest="folder", required=True, help="--out of the training")
    export.add_argument("--name", default="descriptor", help="name of the weights")
    export.add_argument("--to", help="folder to write to (default: that of the package's weights)")
    export.add_argument("--snapshot", help="snapshot to take (default: the run's best.safetensors)")
    export.set_defaults(run=_export_descriptor)
    calibrate = commands.add_parser(
        "calibrate-matcher", help="fit the matcher's confidence and sigma anew"
    )
    calibrate.add_argument("--kind", choices=("learned", "correlation"), default="learned")
    calibrate.add_argument("--scenes", type=int, default=40, help="scenes of each sort")
    calibrate.add_argument("--data", default="training_data", help="folder of drawn scenes")
    calibrate.set_defaults(run=_calibrate_matcher)


def _add_shards(commands: argparse._SubParsersAction) -> None:
    """Describe the command that draws scenes."""
    shards = commands.add_parser("shards", help="draw scenes to train on into shards")
    shards.add_argument("--out", required=True, help="folder of the store of scenes")
    shards.add_argument("--renderer", choices=("physical", "painted"), required=True)
    shards.add_argument("--first", type=int, required=True, help="seed of the first scene")
    shards.add_argument("--count", type=int, required=True, help="number of scenes")
    shards.add_argument("--side", type=int, default=384, help="side of a scene, px")
    shards.add_argument("--workers", type=int, default=2, help="processes that draw")
    shards.set_defaults(run=_shards)


def _shards(options: argparse.Namespace) -> None:
    from hyperspy_stereo.training.recipe.shards import write_shards

    write_shards(
        options.out, options.renderer, options.first, options.count, options.side, options.workers
    )


def _detector(options: argparse.Namespace) -> None:
    from hyperspy_stereo.training.detector.train import run

    run(options.config, options.out, options.resume, options.data, options.watch)


def _scm(options: argparse.Namespace) -> None:
    from hyperspy_stereo.training.scm.train import run

    run(options.config, options.out, options.resume)


def _export_scm(options: argparse.Namespace) -> None:
    from hyperspy_stereo.training.scm.export import export_scm

    export_scm(options.folder, options.name, options.to, options.snapshot)


def _matcher(options: argparse.Namespace) -> None:
    from hyperspy_stereo.training.matcher.train import run

    run(options.config, options.out, options.resume)


def _evaluate(options: argparse.Namespace) -> None:
    from hyperspy_stereo.training.evaluation.command import run

    run(options.arguments)


def _export(options: argparse.Namespace) -> None:
    from hyperspy_stereo.training.export import export_detector

    export_detector(options.folder, options.name, options.to, options.snapshot, options.data)


def _export_descriptor(options: argparse.Namespace) -> None:
    from hyperspy_stereo.training.matcher.export import export_descriptor

    export_descriptor(options.folder, options.name, options.to, options.snapshot)


def _calibrate_matcher(options: argparse.Namespace) -> None:
    from hyperspy_stereo.training.matcher.calibration import calibrate

    calibrate(options.kind, options.scenes, options.data)


if __name__ == "__main__":
    sys.exit(main())
