"""Endless batches of training samples, each made from a seed and its step alone."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from hyperspy_stereo.detection.normalise import normalised
from hyperspy_stereo.training.recipe.augment import detector_sample
from hyperspy_stereo.training.recipe.pairs import pair_sample
from hyperspy_stereo.training.recipe.scene import Scene

__all__ = [
    "ScenePool",
    "SceneStore",
    "detector_batch",
    "detector_batches",
    "pair_batch",
    "pair_batches",
]

AHEAD = 3  # batches that each process prepares before they are asked for


class SceneStore(Protocol):
    """What holds numbered scenes, such as a `ShardStore`."""

    def __len__(self) -> int: ...

    def scene(self, index: int) -> Scene:
        """Scene number `index`."""


@dataclass(frozen=True)
class ScenePool:
    """Several stores of scenes that are drawn from with given shares.

    Attributes
    ----------
    stores : sequence of SceneStore
        Such as physical, painted and a user's own scenes.
    shares : sequence of float
        How often each is drawn from; they need not add up to 1.

    Raises
    ------
    ValueError
        If the numbers of stores and shares differ, a store is empty, or the shares are not
        numbers of which none is negative and one at least is above 0.

    Examples
    --------
    >>> from hyperspy_stereo.training.recipe.shards import ShardStore
    >>> stores = ShardStore("training_data/physical"), ShardStore("mine")  # doctest: +SKIP
    >>> pool = ScenePool(stores, shares=(0.9, 0.1))  # doctest: +SKIP
    """

    stores: Sequence[SceneStore]
    shares: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.stores) != len(self.shares) or not self.stores:
            raise ValueError(
                f"there are {len(self.stores)} stores and {len(self.shares)} shares: give one "
                "share for each store, and one store at least."
            )
        shares = np.asarray(self.shares, float)
        if not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
            raise ValueError(
                f"shares are {list(self.shares)}: give numbers of 0 or more, one of them above 0."
            )
        for number, store in enumerate(self.stores):
            if len(store) == 0:
                raise ValueError(f"store {number} holds no scenes: draw some or leave it out.")

    def draw(self, rng: np.random.Generator) -> Scene:
        """Return a random scene."""
        shares = np.asarray(self.shares, float)
        store = self.stores[int(rng.choice(len(shares), p=shares / shares.sum()))]
        return store.scene(int(rng.integers(len(store))))


def detector_batch(
    step: int, pool: ScenePool, seed: int, batch: int = 8, size: int = 256
) -> dict[str, np.ndarray]:
    """The detector's batch of one step.

    Parameters
    ----------
    step : int
        From 0.
    pool : ScenePool
        Where scenes come from.
    seed : int
        The same seed and step give the same batch.
    batch : int, default 8
        Samples.
    size : int, default 256
        Their height and width, px.

    Returns
    -------
    dict
        image (batch, 2, size, size) float32, normalised as for detection; line and boundary
        (batch, size, size) uint8; weight (batch, size, size) float32.
    """
    names = ("image", "line", "boundary", "weight")
    found: dict[str, list] = {name: [] for name in names}
    for number in range(batch):
        rng = np.random.default_rng([seed, step, number])
        image, *labels = detector_sample(pool.draw(rng), rng, size)
        for name, array in zip(names, (normalised(image), *labels), strict=True):
            found[name].append(array)
    return {name: np.stack(arrays) for name, arrays in found.items()}


def pair_batch(
    step: int,
    pool: ScenePool,
    seed: int,
    batch: int = 4,
    height: int = 256,
    width: int = 256,
    how: Mapping[str, float] | None = None,
) -> dict[str, np.ndarray]:
    """Pairs for the matchers, of one step.

    Parameters
    ----------
    step, pool, seed, batch
        As for `detector_batch`.
    height, width : int, default 256
        Of the samples, px.
    how : dict, optional
        Further arguments of `pair_sample`.

    Returns
    -------
    dict
        images (batch, 2, height, width) float32; label, the same shape, uint8; disparity, the
        same shape, float32, NaN off lines.
    """
    names = ("images", "label", "disparity")
    found: dict[str, list] = {name: [] for name in names}
    for number in range(batch):
        rng = np.random.default_rng([seed, step, number])
        sample = pair_sample(pool.draw(rng), rng, height, width, **(how or {}))
        for name, array in zip(names, sample, strict=True):
            found[name].append(array)
    return {name: np.stack(arrays) for name, arrays in found.items()}


def detector_batches(
    pool: ScenePool,
    seed: int,
    batch: int = 8,
    size: int = 256,
    *,
    start: int = 0,
    workers: int = 1,
) -> Iterator[dict[str, np.ndarray]]:
    """Endless batches for the detector, see `detector_batch`.

    Parameters
    ----------
    pool, seed, batch, size
        As for `detector_batch`.
    start : int, default 0
        First step: a stream that was cut goes on where it was.
    workers : int, default 1
        Processes that prepare batches ahead; 0 prepares each when it is asked for. Their number
        does not change the batches.

    Yields
    ------
    dict
    """
    make = partial(detector_batch, pool=pool, seed=seed, batch=batch, size=size)
    return _stream(make, start, workers)


def pair_batches(
    pool: ScenePool,
    seed: int,
    batch: int = 4,
    height: int = 256,
    width: int = 256,
    *,
    start: int = 0,
    workers: int = 1,
    **how: float,
) -> Iterator[dict[str, np.ndarray]]:
    """Endless pairs for the matchers, see `pair_batch` and `detector_batches`."""
    make = partial(
        pair_batch, pool=pool, seed=seed, batch=batch, height=height, width=width, how=how
    )
    return _stream(make, start, workers)


def _stream(make: Callable[[int], dict], start: int, workers: int) -> Iterator[dict]:
    if start < 0 or workers < 0:
        raise ValueError(f"start is {start}, workers {workers}: give numbers of 0 or more.")
    if workers == 0:
        return _here(make, start)
    return _ahead(make, start, workers)


def _here(make, step):
    while True:
        yield make(step)
        step += 1


def _ahead(make, step, workers):
    """Batches in order, prepared by processes of their own."""
    # fork would copy the threads' locks of torch and numba in whatever state they are
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        waiting: deque = deque()
        try:
            while True:
                while len(waiting) < AHEAD * workers:
                    waiting.append(pool.submit(make, step))
                    step += 1
                yield waiting.popleft().result()
        finally:
            for task in waiting:
                task.cancel()


def _one_thread() -> None:
    """Keep a process to one core; training has the others."""
    import numba

    numba.set_num_threads(1)
