"""Batches of pairs with the true disparity of the left view's lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from hyperspy_stereo.detection.normalise import normalised
from hyperspy_stereo.training.recipe.augment import pair_sample
from hyperspy_stereo.training.recipe.scene import AMBIGUOUS, IGNORE, LINE, Scene
from hyperspy_stereo.training.recipe.shards import ShardStore
from hyperspy_stereo.training.scm.config import SCMConfig
from hyperspy_stereo.training.seeds import training_seed

__all__ = ["PairBatches", "SceneSource", "SeedRange", "turned"]

_VALID_STEP = 1 << 40  # steps that no training reaches: the batches of validation


class SceneSource(Protocol):
    """Scenes by number, such as a `SeedRange`."""

    def __len__(self) -> int: ...

    def scene(self, index: int) -> Scene:
        """Scene number `index`."""


class SeedRange:
    """The scenes of a store whose seeds lie in a range.

    Parameters
    ----------
    store : ShardStore
        Rendered scenes.
    seeds : (int, int)
        First seed, and the one after the last.

    Raises
    ------
    ValueError
        If the store lacks one of them, or it is not one to train on.
    """

    def __init__(self, store: ShardStore, seeds: tuple[int, int]) -> None:
        first, stop = training_seed(seeds[0]), training_seed(seeds[1] - 1) + 1
        here = [scene["seed"] for infos in store.infos for scene in infos]
        where = {seed: index for index, seed in enumerate(here)}
        missing = [seed for seed in range(first, stop) if seed not in where]
        if missing:
            raise ValueError(
                f"{store.folder} lacks {len(missing)} of the scenes {first} to {stop - 1}: draw "
                "them by `python -m hyperspy_stereo.training shards --first "
                f"{missing[0]} --count {missing[-1] + 1 - missing[0]} ...`."
            )
        self.store, self.indices = store, [where[seed] for seed in range(first, stop)]

    def __len__(self) -> int:
        return len(self.indices)

    def scene(self, index: int) -> Scene:
        """Scene number `index` of the range."""
        return self.store.scene(self.indices[index])


class PairBatches:
    """Batches by the number of the step.

    Parameters
    ----------
    config : SCMConfig
        Sizes, shares, seed.
    sources : sequence of SceneSource
        One per share.
    valid : bool, default False
        Draw from the scenes that are held back.
    """

    def __init__(
        self, config: SCMConfig, sources: Sequence[SceneSource], valid: bool = False
    ) -> None:
        self.config, self.sources, self.valid = config, sources, valid

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        """Return left and right (N, 2, H, W), mask (N, H, W) bool and disparity (N, H, W) in px.

        The mask is True on the left view's lines whose disparity is known, unambiguous and
        within the network's reach; the disparity is 0 elsewhere.
        """
        config = self.config
        rng = np.random.default_rng([config.engine.seed, step + self.valid * _VALID_STEP])
        reach = config.network.max_disparity - config.network.scale
        found: dict[str, list] = {"left": [], "right": [], "mask": [], "disparity": []}
        for _ in range(config.batch):
            images, label, disparity = turned(*self._pair(rng), rng)
            known = np.abs(np.nan_to_num(disparity[0], nan=np.inf)) < reach
            known &= (label[0] & (LINE | IGNORE | AMBIGUOUS)) == LINE
            found["left"].append(normalised(images[0]))
            found["right"].append(normalised(images[1]))
            found["mask"].append(known)
            found["disparity"].append(np.where(known, disparity[0], 0).astype(np.float32))
        return {name: np.stack(values) for name, values in found.items()}

    def _pair(self, rng: np.random.Generator):
        config = self.config
        share = np.array(config.shares) / np.sum(config.shares)
        source = self.sources[rng.choice(len(share), p=share)]
        held = min(config.held, len(source) // 2)
        index = int(rng.integers(len(source) - held))
        if self.valid:
            index = len(source) - 1 - int(rng.integers(max(held, 1)))
        return pair_sample(source.scene(index), rng, *config.size)


def turned(
    images: np.ndarray, label: np.ndarray, disparity: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same pair with views exchanged, mirrored, or both, at random.

    Exchanging the views changes the sign of x_right - x_left, and so does mirroring columns.

    Parameters
    ----------
    images, label, disparity : (2, H, W) ndarray
        Of a pair.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    images, label, disparity : (2, H, W) ndarray

    Examples
    --------
    >>> pair = np.zeros((2, 4, 8))
    >>> turned(pair, pair, pair + 3, np.random.default_rng(0))[2].shape
    (2, 4, 8)
    """
    arrays = [images, label, disparity]
    for axis in range(3):
        if rng.random() < 0.5:
            arrays = [np.flip(array, axis) for array in arrays]
            if axis in (0, 2):
                arrays[2] = -arrays[2]
    return tuple(arrays)
