"""Settings of a training of the published stereo network."""

from __future__ import annotations

from dataclasses import dataclass, field

from hyperspy_stereo.training.config import EngineSettings

__all__ = ["LossWeights", "NetworkSettings", "SCMConfig"]


@dataclass(frozen=True)
class NetworkSettings:
    """Arguments of `matching.scm.SCMNet`.

    Attributes
    ----------
    channels : int
        Features per cell; 16 as published.
    max_disparity : int
        Largest disparity to either side in px; 64 as published.
    scale : int
        Size of a cell in px; 2 for the full network.
    hourglasses : int
        Stacked hourglasses; 3 for the full network.
    """

    channels: int = 16
    max_disparity: int = 64
    scale: int = 2
    hourglasses: int = 3


@dataclass(frozen=True)
class LossWeights:
    """Weights of the three losses; 0 switches one off.

    Attributes
    ----------
    disparity : float
        Of the smooth L1 distance to the true disparity, px.
    variance : float
        Of the variance of the distribution, px^2. Small: while nothing is known yet it is
        hundreds, and would have the network guess surely before it guesses rightly.
    warp : float
        Of the difference between the left and the warped right view, in normalised units.
    """

    disparity: float = 1.0
    variance: float = 0.01
    warp: float = 0.3

    def __post_init__(self) -> None:
        values = (self.disparity, self.variance, self.warp)
        if min(values) < 0 or self.disparity + self.warp == 0:
            raise ValueError(
                f"loss is {values}: no weight may be negative, and disparity or warp must be "
                "above 0, as the variance alone says nothing of the disparity."
            )


@dataclass(frozen=True)
class SCMConfig:
    """Settings of a training.

    Attributes
    ----------
    engine : EngineSettings
        Length and rates.
    shards : tuple of str
        Folders of rendered scenes to draw from; one may be named more than once.
    seeds : tuple of (int, int)
        First seed and the one after the last of the scenes used of each folder, so that a run is
        the same whatever else was rendered into it.
    shares : tuple of float
        Share of each in the pairs.
    network : NetworkSettings
        Size of the network.
    loss : LossWeights
        Of the three losses.
    batch : int
        Pairs in a batch.
    size : tuple of int
        Height and width of the windows in px. Wide, so that counterparts lie inside.
    held : int
        Last scenes of every range of seeds, which only the validation sees.
    valid_batches : int
        Batches of the validation, always the same.
    """

    engine: EngineSettings
    shards: tuple[str, ...]
    seeds: tuple[tuple[int, int], ...]
    shares: tuple[float, ...]
    network: NetworkSettings = field(default_factory=NetworkSettings)
    loss: LossWeights = field(default_factory=LossWeights)
    batch: int = 4
    size: tuple[int, int] = (128, 256)
    held: int = 16
    valid_batches: int = 8

    def __post_init__(self) -> None:
        counts = {len(self.shards), len(self.seeds), len(self.shares)}
        if len(counts) > 1 or not self.shards:
            raise ValueError(
                f"shards names {len(self.shards)} folders, seeds {len(self.seeds)} and shares "
                f"{len(self.shares)}: give seeds and a share for every folder."
            )
        if self.size[0] % 16 or self.size[1] % 16:
            raise ValueError(f"size is {self.size}: multiples of 16 px are needed.")
