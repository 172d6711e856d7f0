"""Batches for the detector, each made from its step's number alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hyperspy_stereo.detection.normalise import normalised
from hyperspy_stereo.training.detector.config import DataSettings
from hyperspy_stereo.training.recipe.shards import ShardStore

__all__ = ["DetectorBatches"]


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

    Raises
    ------
    ValueError
        If a store is missing.

    Examples
    --------
    >>> batches = DetectorBatches("training_data", DataSettings(), seed=0)  # doctest: +SKIP
    >>> batches(0)["image"].shape  # doctest: +SKIP
    (8, 2, 256, 256)
    """

    def __init__(self, folder: str | Path, settings: DataSettings, seed: int) -> None:
        self.settings, self.seed = settings, seed
        used = {name: share for name, share in settings.shares.items() if share > 0}
        self.stores = [ShardStore(Path(folder) / name) for name in used]
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
            store = self.stores[rng.choice(len(self.stores), p=self.shares)]
            scene = store.scene(int(rng.integers(len(store))))
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
