"""Batches for the detector, each made from its step's number alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hyperspy_stereo.detection.normalise import normalised
from hyperspy_stereo.training.detector.config import DataSettings
from hyperspy_stereo.training.recipe.shards import ShardStore

__all__ = ["DetectorBatches", "inventory"]


def inventory(folder: str | Path, settings: DataSettings) -> dict[str, dict[str, Any]]:
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
        For each store with a share: renderer, share, count, and seeds as ranges [first, last].
    """
    found = {}
    for name, share in settings.shares.items():
        if share > 0:
            infos = [info for shard in ShardStore(Path(folder) / name).infos for info in shard]
            seeds = np.array(sorted(info["seed"] for info in infos))
            parts = np.split(seeds, np.flatnonzero(np.diff(seeds) != 1) + 1)
            found[name] = {
                "renderer": infos[0].get("renderer", ""),
                "share": share,
                "count": len(infos),
                "seeds": [[int(part[0]), int(part[-1])] for part in parts],
            }
    return found


class DetectorBatches:
    """Batches of noisy, deformed windows of stored scenes.

    Parameters
    ----------
    folder : str or Path
        Holds the stores that `settings` names.
    settings : DataSettings
        Shares of the stores, pictures in a batch, their side.
    seed : int
        The same seed and step give the same batch.
    scenes : dict, optional
        From `inventory`: draw from these scenes only, though the stores may have grown since.

    Raises
    ------
    ValueError
        If a store is missing, or scenes of it.

    Examples
    --------
    >>> batches = DetectorBatches("training_data", DataSettings(), seed=0)  # doctest: +SKIP
    >>> batches(0)["image"].shape  # doctest: +SKIP
    (8, 2, 256, 256)
    """

    def __init__(
        self,
        folder: str | Path,
        settings: DataSettings,
        seed: int,
        scenes: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self.settings, self.seed = settings, seed
        used = {name: share for name, share in settings.shares.items() if share > 0}
        self.stores = [ShardStore(Path(folder) / name) for name in used]
        known = scenes or inventory(folder, settings)
        self.indices = [
            _places(store, known[name]) for name, store in zip(used, self.stores, strict=True)
        ]
        shares = np.array(list(used.values()))
        self.shares = shares / shares.sum()

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        """Return the batch of a step.

        Parameters
        ----------
        step : int
            From 0.

        Returns
        -------
        dict
            image (N, 2, size, size) float32, normalised; line, boundary and weight
            (N, size, size), 0 or 1 and 0 or more.
        """
        from hyperspy_stereo.training.recipe.augment import detector_sample

        images, lines, boundaries, weights = [], [], [], []
        for number in range(self.settings.batch):
            rng = np.random.default_rng([self.seed, step, number])
            chosen = rng.choice(len(self.stores), p=self.shares)
            scene = self.stores[chosen].scene(int(rng.choice(self.indices[chosen])))
            image, line, boundary, weight = detector_sample(scene, rng, size=self.settings.size)
            images.append(normalised(image))
            lines.append(line)
            boundaries.append(boundary)
            weights.append(weight)
        return {
            "image": np.stack(images),
            "line": np.stack(lines),
            "boundary": np.stack(boundaries),
            "weight": np.stack(weights).astype(np.float32),
        }


def _places(store: ShardStore, known: dict[str, Any]) -> np.ndarray:
    """Return the numbers, in a store, of the scenes of an inventory."""
    seeds = np.array([info["seed"] for shard in store.infos for info in shard])
    wanted = np.zeros(seeds.shape, bool)
    for first, last in known["seeds"]:
        wanted |= (seeds >= first) & (seeds <= last)
    if wanted.sum() != known["count"]:
        raise ValueError(
            f"the run began with {known['count']} scenes of {store.folder}, but {wanted.sum()} of "
            f"them are there: draw the seeds {known['seeds']} again, or start a new run."
        )
    return np.flatnonzero(wanted)
