"""Scenes that a detector's run draws from, and its batches."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hyperspy_stereo.training.detector.config import DataSettings
from hyperspy_stereo.training.recipe.batches import ScenePool, detector_batch
from hyperspy_stereo.training.recipe.scene import Scene
from hyperspy_stereo.training.recipe.shards import ShardStore

__all__ = ["KnownScenes", "batches_of", "inventory"]

Inventory = dict[str, dict[str, Any]]


def inventory(folder: str | Path, settings: DataSettings) -> Inventory:
    """Say which scenes the stores hold now, for the record of a run.

    Parameters
    ----------
    folder : str or Path
        Holds the stores that `settings` names.
    settings : DataSettings
        Shares of the stores.

    Returns
    -------
    dict of str to dict
        For each store with a share: renderer, share, count, and seeds as ranges [first, last];
        labelled pictures have no seed and are numbered by their place.

    Raises
    ------
    ValueError
        If a store is missing.
    """
    found = {}
    for name, share in settings.shares.items():
        if share > 0:
            store = ShardStore(Path(folder) / name)
            infos = [info for shard in store.infos for info in shard]
            seeds = np.sort(_numbers(store))
            parts = np.split(seeds, np.flatnonzero(np.diff(seeds) != 1) + 1)
            found[name] = {
                "renderer": infos[0].get("renderer", ""),
                "share": share,
                "count": len(infos),
                "seeds": [[int(part[0]), int(part[-1])] for part in parts],
            }
    return found


def _numbers(store: ShardStore) -> np.ndarray:
    """What tells the scenes of a store apart: their seeds, or places where labels have none."""
    infos = [info for shard in store.infos for info in shard]
    return np.array([info.get("seed", place) for place, info in enumerate(infos)])


class KnownScenes:
    """The scenes of a store that a run began with, though it may have grown since.

    Parameters
    ----------
    store : ShardStore
        Of scenes.
    known : dict
        Count and seeds, from `inventory`.

    Raises
    ------
    ValueError
        If some of them are not there any more.
    """

    def __init__(self, store: ShardStore, known: dict[str, Any]) -> None:
        self.store = store
        seeds = _numbers(store)
        wanted = np.zeros(seeds.shape, bool)
        for first, last in known["seeds"]:
            wanted |= (seeds >= first) & (seeds <= last)
        if wanted.sum() != known["count"]:
            raise ValueError(
                f"the run began with {known['count']} scenes of {store.folder}, but "
                f"{wanted.sum()} of them are there: draw the seeds {known['seeds']} again, or "
                "start a new run."
            )
        self.places = np.flatnonzero(wanted)

    def __len__(self) -> int:
        return len(self.places)

    def scene(self, index: int) -> Scene:
        """Scene number `index`."""
        return self.store.scene(int(self.places[index]))


def batches_of(
    folder: str | Path, settings: DataSettings, seed: int, scenes: Inventory
) -> partial[dict[str, np.ndarray]]:
    """Return the function that makes the batch of a step.

    Parameters
    ----------
    folder : str or Path
        Holds the stores that `settings` names.
    settings : DataSettings
        Shares of the stores, pictures in a batch, their side.
    seed : int
        The same seed and step give the same batch.
    scenes : dict
        From `inventory`.

    Returns
    -------
    callable
        `recipe.batches.detector_batch` with all but its step; it can be sent to other processes.

    Raises
    ------
    ValueError
        If a store is missing, or scenes of it.
    """
    stores = [KnownScenes(ShardStore(Path(folder) / name), scenes[name]) for name in scenes]
    pool = ScenePool(stores, [settings.shares[name] for name in scenes])
    return partial(detector_batch, pool=pool, seed=seed, batch=settings.batch, size=settings.size)
