"""Settings of a training run: frozen dataclasses read from JSON, with strict keys."""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["CONFIGS", "EngineSettings", "config_from", "load_config", "save_config", "to_json"]

CONFIGS = Path(__file__).parent / "configs"  #: the committed configurations
T = TypeVar("T")


@dataclass(frozen=True)
class EngineSettings:
    """How long and how fast to train; everything that is the same for every network.

    Attributes
    ----------
    steps : int
        Length of the run in steps; the learning rate reaches its end there.
    learning_rate : float
        Largest learning rate of AdamW. 3e-3 was the best in the feasibility study.
    weight_decay : float
        Of weights with two or more dimensions; biases and norms are not decayed.
    warmup : int
        Steps over which the learning rate rises linearly to its largest value.
    final_share : float
        Share of the largest learning rate that the cosine ends at.
    ema : float
        Decay of the average of the weights, min(ema, (1 + step) / (10 + step)) early on.
    clip : float
        Largest norm of the gradient.
    bf16 : bool
        Compute in bfloat16 where the processor or the graphics card has it.
    threads : int
        Threads that torch may use. 1 makes runs repeat bit for bit.
    workers : int
        Processes that prepare batches beside the training; 0 prepares them in the same process.
        The batches, and so the run, are the same for every number.
    seed : int
        Of the first weights, of dropout, and of the batches.
    minutes : float or None
        Stop (and save) after this time of one call; None for no limit.
    checkpoint_seconds : float
        Time between checkpoints.
    validate_every : int
        Steps between validations; each also keeps a snapshot of the averaged weights.
    log_every : int
        Steps between rows of the log; the loss there is the mean since the row before.
    select : str
        Name of the validation score to choose the best snapshot by, the largest wins. Empty
        keeps the last.
    decide : str
        Name of a second score, which chooses among snapshots that the first does not tell apart
        when weights are exported.
    """

    steps: int
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    warmup: int = 200
    final_share: float = 0.01
    ema: float = 0.997
    clip: float = 1.0
    bf16: bool = True
    threads: int = 1
    workers: int = 0
    seed: int = 0
    minutes: float | None = None
    checkpoint_seconds: float = 120.0
    validate_every: int = 500
    log_every: int = 50
    select: str = ""
    decide: str = ""

    def __post_init__(self) -> None:
        for name in ("steps", "learning_rate", "clip", "threads", "validate_every", "log_every"):
            if getattr(self, name) <= 0:
                raise ValueError(f"engine.{name} is {getattr(self, name)}, but must be above 0.")
        for name in ("weight_decay", "warmup", "workers", "checkpoint_seconds", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"engine.{name} is {getattr(self, name)}, but must be 0 or more.")
        for name in ("ema", "final_share"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"engine.{name} is {getattr(self, name)}, but must be in [0, 1).")
        if self.minutes is not None and self.minutes <= 0:
            raise ValueError(f"engine.minutes is {self.minutes}: give minutes above 0, or null.")


def load_config(path: str | Path, kind: type[T]) -> T:
    """Read a configuration from a JSON file.

    Parameters
    ----------
    path : str or Path
        A file, or the name of a committed configuration such as ``"detector"``.
    kind : type
        The dataclass to read.

    Returns
    -------
    instance of `kind`

    Raises
    ------
    ValueError
        If there is no such file, it is not JSON, or a key or value does not fit.

    Examples
    --------
    >>> from hyperspy_stereo.training.detector.config import DetectorConfig
    >>> load_config("detector_small", DetectorConfig).engine.threads
    1
    """
    file = Path(path)
    if not file.suffix and not file.exists():
        file = CONFIGS / f"{path}.json"
    if not file.is_file():
        known = ", ".join(sorted(other.stem for other in CONFIGS.glob("*.json")))
        raise ValueError(f"there is no configuration {path}: give a JSON file, or one of {known}.")
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{file.name} is not JSON: {error}.") from error
    return config_from(values, kind)


def save_config(config: Any, path: str | Path) -> None:
    """Write a configuration as JSON, every value spelled out."""
    text = json.dumps(to_json(config), indent=2) + "\n"
    Path(path).write_text(text, encoding="utf-8")


def to_json(config: Any) -> dict[str, Any]:
    """Return a configuration as it comes back from its JSON file (tuples are lists)."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def config_from(values: Any, kind: type[T], where: str = "") -> T:
    """Build a dataclass from plain JSON values; nested dataclasses too.

    Parameters
    ----------
    values : dict
        As read from JSON.
    kind : type
        The dataclass.
    where : str
        Name to put before the keys in errors.

    Returns
    -------
    instance of `kind`

    Raises
    ------
    ValueError
        For an unknown or missing key, or a value of the wrong type.

    Examples
    --------
    >>> config_from({"steps": 10}, EngineSettings).warmup
    200
    """
    place = where or "the configuration"
    if not isinstance(values, dict):
        raise ValueError(f"{place} is {values!r}, but must be an object with keys.")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            advice = f"did you mean {near[0]}?" if near else f"known are {', '.join(fields)}."
            raise ValueError(f"{place} has an unknown key {key!r}: {advice}")
    missing = [
        name
        for name, field in fields.items()
        if name not in values
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ValueError(f"{place} lacks {', '.join(missing)}: add {missing[0]} to it.")
    prefix = f"{where}." if where else ""
    parsed = {key: _value(value, hints[key], prefix + key) for key, value in values.items()}
    return kind(**parsed)


def _value(value: Any, hint: Any, where: str) -> Any:
    """Check one value against its annotation."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and types.NoneType in inner:
            return None
        return _value(value, next(kind for kind in inner if kind is not types.NoneType), where)
    if dataclasses.is_dataclass(hint):
        return config_from(value, hint, where)
    if origin is tuple and isinstance(value, list):
        if inner[-1] is Ellipsis:
            return tuple(_value(item, inner[0], where) for item in value)
        if len(inner) == len(value):
            return tuple(_value(*pair, where) for pair in zip(value, inner, strict=True))
    if origin is dict and isinstance(value, dict):
        return {key: _value(item, inner[1], f"{where}.{key}") for key, item in value.items()}
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint in (int, str, bool) and type(value) is hint:
        return value
    name = getattr(hint, "__name__", None) if origin is None else str(hint)
    raise ValueError(f"{where} is {value!r}, but must be of type {name or hint}.")
