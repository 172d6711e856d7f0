"""The training loop that the detector, the published matcher and the descriptor share.

A network's own module gives `train` three functions: `batch(step)`, which prepares the data of
one step; `loss(model, batch)`; and `validate(model)`, which scores the averaged weights.
"""

from __future__ import annotations

import copy
import csv
import dataclasses
import logging
import math
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hyperspy_stereo.training.batching import Batch, moved, prepared
from hyperspy_stereo.training.checkpoint import load_checkpoint, save_checkpoint, save_state
from hyperspy_stereo.training.config import EngineSettings

__all__ = ["TrainingResult", "device", "learning_rate", "train"]

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended.

    Attributes
    ----------
    step : int
        Steps done, over all calls.
    seconds : float
        Time of training, over all calls.
    reason : str
        "finished", "time" (the limit `minutes`) or "stopped" (SIGTERM or Ctrl-C).
    best_step : int
        Step of the snapshot in ``best.safetensors``.
    best_score : float
        Its score; NaN where nothing was validated.
    """

    step: int
    seconds: float
    reason: str
    best_step: int
    best_score: float


def device() -> torch.device:
    """Return the graphics card where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def learning_rate(step: int, settings: EngineSettings) -> float:
    """Return the learning rate of a step: a linear warm-up, then half a cosine.

    Parameters
    ----------
    step : int
        From 0.
    settings : EngineSettings
        Length, warm-up, largest value and share at the end.

    Returns
    -------
    float

    Examples
    --------
    >>> learning_rate(9, EngineSettings(steps=100, warmup=10))
    0.003
    """
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    passed = (step - settings.warmup) / max(settings.steps - settings.warmup, 1)
    fall = 0.5 * (1 + math.cos(math.pi * min(passed, 1.0)))
    return settings.learning_rate * (settings.final_share + (1 - settings.final_share) * fall)


def train(
    model: torch.nn.Module,
    batch: Callable[[int], Batch],
    loss: Callable[[torch.nn.Module, Batch], Mapping[str, torch.Tensor]],
    settings: EngineSettings,
    out: str | Path,
    *,
    validate: Callable[[torch.nn.Module], Mapping[str, float]] | None = None,
    resume: bool = False,
) -> TrainingResult:
    """Train a network and leave checkpoints, snapshots, a log and curves in a folder.

    Parameters
    ----------
    model : Module
        With fresh weights; call ``torch.manual_seed(settings.seed)`` before you build it.
    batch : callable
        ``batch(step)`` returns a dict of numpy arrays or tensors. It must depend on the step
        only (``np.random.default_rng([seed, step])``), because a resumed run asks for the next
        steps, and several processes may prepare them; with ``workers`` above 0 it must be
        picklable, such as an instance of a class at module level with ``__call__``.
    loss : callable
        ``loss(model, batch)`` returns a dict of scalar tensors: "loss", which is minimised, and
        any parts to log. It runs inside autocast: call ``.float()`` on what the network returns.
        The batch's tensors are on the model's device.
    settings : EngineSettings
        Length, rates, limits.
    out : str or Path
        Folder of the run; made if needed. It receives ``log.csv`` (step, seconds,
        learning_rate, parts of the loss, scores), ``curves.png``,
        ``snapshots/step_000500.safetensors`` (averaged weights at each validation),
        ``best.safetensors`` and the checkpoint.
    validate : callable, optional
        ``validate(average)`` returns a dict of scores of the averaged network, which is in
        evaluation mode; gradients are off and the random numbers of training are left alone.
        Called every `validate_every` steps and at the end.
    resume : bool
        Go on from the checkpoint in `out`. At one thread the weights are the same, bit for bit,
        as those of a run that was never interrupted.

    Returns
    -------
    TrainingResult

    Raises
    ------
    ValueError
        If the folder holds another run, there is nothing to resume, or the loss is not finite.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> torch.manual_seed(0); model = torch.nn.Linear(1, 1)  # doctest: +ELLIPSIS
    <torch._C.Generator object at ...>
    >>> def batch(step):
    ...     x = np.random.default_rng([0, step]).normal(size=(8, 1)).astype("f4")
    ...     return {"x": x, "y": 2 * x}
    >>> def loss(model, batch):
    ...     return {"loss": ((model(batch["x"]).float() - batch["y"]) ** 2).mean()}
    >>> with tempfile.TemporaryDirectory() as out:
    ...     train(model, batch, loss, EngineSettings(steps=3), out).reason
    'finished'
    """
    out = Path(out)
    if not resume and (out / "checkpoint.json").exists():
        raise ValueError(f"{out} holds a run: add --resume to go on, or give another folder.")
    (out / "snapshots").mkdir(parents=True, exist_ok=True)
    with _threads(settings.threads), _stop_signal() as stop:
        run = _Run(_placed(model), loss, validate, settings, out)
        torch.manual_seed(settings.seed)  # of dropout; whatever was drawn before
        if resume:
            run.load()
        reason = run.go(batch, stop)
    return TrainingResult(run.step, run.seconds, reason, run.best_step, run.best_score)


class _Run:
    """State of one call of `train`."""

    def __init__(
        self,
        model: torch.nn.Module,
        loss: Callable[[torch.nn.Module, Batch], Mapping[str, torch.Tensor]],
        validate: Callable[[torch.nn.Module], Mapping[str, float]] | None,
        settings: EngineSettings,
        out: Path,
    ) -> None:
        self.model, self.loss, self.validate = model, loss, validate
        self.settings, self.out = settings, out
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        groups = [
            {"params": [p for p in model.parameters() if p.ndim > 1]},
            {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
        self.step, self.seconds, self.best_step, self.best_score = 0, 0.0, 0, math.nan
        self.rows: list[dict[str, Any]] = []
        self.sums: dict[str, float] = {}
        self.counted = 0

    def load(self) -> None:
        """Go back to the saved state; rows logged after it are dropped."""
        record = load_checkpoint(self.out, self.model, self.average, self.optimizer, self.settings)
        self.step, self.seconds = record["step"], record["seconds"]
        self.best_step = record["best_step"]
        self.best_score = math.nan if record["best_score"] is None else record["best_score"]
        self.sums, self.counted = record["sums"], record["counted"]
        if (self.out / "log.csv").is_file():
            with (self.out / "log.csv").open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            self.rows = [row for row in rows if int(row["step"]) <= self.step]

    def save(self) -> None:
        """Write the checkpoint."""
        best = None if math.isnan(self.best_score) else self.best_score
        record = {
            "step": self.step,
            "seconds": self.seconds,
            "best_step": self.best_step,
            "best_score": best,
            "sums": self.sums,
            "counted": self.counted,
            "settings": dataclasses.asdict(self.settings),
        }
        save_checkpoint(self.out, self.model, self.average, self.optimizer, record)

    def go(self, batch: Callable[[int], Batch], stop: threading.Event) -> str:
        """Train until the end, the limit of time or a signal; return why it ended."""
        settings = self.settings
        began, before, saved = time.monotonic(), self.seconds, time.monotonic()
        limit = math.inf if settings.minutes is None else 60 * settings.minutes
        reason = "finished"
        for data in prepared(batch, self.step, settings):
            self.advance(data)
            self.seconds = before + time.monotonic() - began
            due = self.step % settings.validate_every == 0 or self.step == settings.steps
            if due or self.step % settings.log_every == 0:
                self.log(self.snapshot() if due else {})
                self.seconds = before + time.monotonic() - began
            if stop.is_set() or time.monotonic() - began > limit:
                reason = "stopped" if stop.is_set() else "time"
                break
            if time.monotonic() - saved > settings.checkpoint_seconds:
                self.save()
                saved = time.monotonic()
        if reason == "time" and self.step % settings.validate_every:
            self.log(self.snapshot())
        self.save()
        LOGGER.info("%s after %d steps, %.0f s", reason, self.step, self.seconds)
        return reason if self.step < settings.steps else "finished"

    def advance(self, data: Batch) -> None:
        """Do one step."""
        settings = self.settings
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, settings)
        data = moved(data, next(self.model.parameters()).device)
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(settings.bf16):
            parts = self.loss(self.model, data)
        value = float(parts["loss"].detach())
        if not math.isfinite(value):
            raise ValueError(
                f"the loss is {value} at step {self.step}: lower engine.learning_rate, or look for "
                "values that are not finite in the data. The last checkpoint is still there."
            )
        parts["loss"].backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        self.optimizer.step()
        _update(self.average, self.model, min(settings.ema, (1 + self.step) / (10 + self.step)))
        self.step += 1
        for name, part in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(part.detach())
        self.counted += 1

    def snapshot(self) -> dict[str, float]:
        """Keep the averaged weights, score them, and remember them if they are the best."""
        path = self.out / "snapshots" / f"step_{self.step:06d}.safetensors"
        scores: dict[str, float] = {}
        if self.validate is not None:
            with torch.random.fork_rng(), torch.no_grad():
                self.average.eval()
                scores = {name: float(value) for name, value in self.validate(self.average).items()}
        select = self.settings.select
        if select and scores and select not in scores:
            raise ValueError(
                f"engine.select is {select!r}, but the validation gives {', '.join(scores)}."
            )
        save_state(path, self.average.state_dict(), step=self.step, scores=scores)
        score = scores.get(select, math.nan)
        if not select or not scores or not score <= self.best_score:  # the first beats NaN
            self.best_step, self.best_score = self.step, score
            shutil.copyfile(path, self.out / "best.safetensors")
        return scores

    def log(self, scores: Mapping[str, float]) -> None:
        """Add a row to the log; draw the curves when there are new scores."""
        row: dict[str, Any] = {
            "step": self.step,
            "seconds": round(self.seconds, 1),
            "learning_rate": learning_rate(self.step - 1, self.settings),
        }
        row |= {name: value / max(self.counted, 1) for name, value in self.sums.items()}
        self.rows.append(row | dict(scores))
        self.sums, self.counted = {}, 0
        columns = list(dict.fromkeys(name for line in self.rows for name in line))
        with (self.out / "log.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(self.rows)
        shown = (f"{name} {value:.4g}" for name, value in self.rows[-1].items() if value != "")
        LOGGER.info("%s", ", ".join(shown))
        if scores or self.step == self.settings.steps:
            from hyperspy_stereo.training.curves import draw_curves

            draw_curves(self.out / "log.csv", self.out / "curves.png")


def autocast(wanted: bool) -> torch.autocast:
    """Return a context that computes in bfloat16 where that is wanted and fast.

    Parameters
    ----------
    wanted : bool
        False switches it off.

    Returns
    -------
    torch.autocast
    """
    kind = device().type
    if kind == "cuda":
        able = torch.cuda.is_bf16_supported()
    else:
        probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
        able = bool(probe and probe())
    return torch.autocast(kind, torch.bfloat16, enabled=wanted and able)


@torch.no_grad()
def _update(average: torch.nn.Module, model: torch.nn.Module, decay: float) -> None:
    """Move the averaged weights, and the norms' statistics, towards the present ones."""
    for mean, value in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def _placed(model: torch.nn.Module) -> torch.nn.Module:
    """Move a network to the device; weights of 2-D convolutions channels last."""
    model = model.to(device())
    for parameter in model.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return model


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Set torch's threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and Ctrl-C set; elsewhere than in the main thread, never set."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    kinds = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(kind, lambda *_: event.set()) for kind in kinds]
    try:
        yield event
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
