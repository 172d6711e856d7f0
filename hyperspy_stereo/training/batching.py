"""Batches on their way to the network: prepared ahead by processes, moved to the device."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from hyperspy_stereo.training.config import EngineSettings

__all__ = ["Batch", "moved", "prepared"]

Batch = Mapping[str, Any]


def moved(batch: Batch, where: torch.device) -> dict[str, Any]:
    """Return a batch with its arrays as tensors on the device, pictures channels last."""
    moved = {}
    for name, value in batch.items():
        if isinstance(value, np.ndarray):
            value = torch.from_numpy(value)
        if isinstance(value, torch.Tensor):
            value = value.to(where, non_blocking=True)
            if value.ndim == 4 and value.is_floating_point():
                value = value.contiguous(memory_format=torch.channels_last)
        moved[name] = value
    return moved


class _Steps(torch.utils.data.Dataset):
    """Batches by step, for the loader's processes."""

    def __init__(self, batch: Callable[[int], Batch], first: int, last: int) -> None:
        self.batch, self.first, self.last = batch, first, last

    def __len__(self) -> int:
        return max(self.last - self.first, 0)

    def __getitem__(self, index: int) -> Batch:
        return self.batch(self.first + index)


def prepared(
    batch: Callable[[int], Batch], first: int, settings: EngineSettings
) -> Iterator[Batch]:
    """Give the batches of the remaining steps, prepared ahead where there are workers."""
    if settings.workers == 0:
        return (batch(step) for step in range(first, settings.steps))
    loader = torch.utils.data.DataLoader(
        _Steps(batch, first, settings.steps),
        batch_size=None,
        num_workers=settings.workers,
        prefetch_factor=4,
        # a fork would copy the locks of torch's and numba's threads in whatever state they are
        multiprocessing_context="spawn",
        # its own generator: the loader draws a seed, which must not move that of training
        generator=torch.Generator(),
        worker_init_fn=_quiet,
    )
    return iter(loader)


def _quiet(worker: int) -> None:
    """Let the training process alone answer signals, and take one thread per worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    import numba

    numba.set_num_threads(1)
    torch.set_num_threads(1)
