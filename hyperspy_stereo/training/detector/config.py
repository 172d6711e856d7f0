"""Settings of the detector's training."""

from __future__ import annotations

from dataclasses import dataclass, field

from hyperspy_stereo.training.config import EngineSettings
from hyperspy_stereo.training.detector.losses import LossWeights

__all__ = ["DataSettings", "DetectorConfig", "ModelSettings", "ValidationSettings"]


@dataclass(frozen=True)
class ModelSettings:
    """The network.

    Attributes
    ----------
    widths : tuple of int
        Channels at each resolution, see `detection.unet.ResidualUNet`.
    """

    widths: tuple[int, ...] = (24, 48, 64, 96)


@dataclass(frozen=True)
class DataSettings:
    """What to train on.

    Attributes
    ----------
    shares : dict of str to float
        Folder of a store of scenes within the data folder, and how often its scenes are drawn
        against those of the others.
    batch : int
        Pictures in a step.
    size : int
        Side of the pictures in px, a multiple of 16.
    """

    shares: dict[str, float] = field(default_factory=lambda: {"physical": 0.5, "painted": 0.5})
    batch: int = 8
    size: int = 256

    def __post_init__(self) -> None:
        if not self.shares or min(self.shares.values()) < 0 or sum(self.shares.values()) <= 0:
            raise ValueError(
                f"data.shares is {self.shares}: name at least one store with a share above 0."
            )
        if self.batch < 1 or self.size < 16 or self.size % 16:
            raise ValueError(
                f"data.batch is {self.batch} and data.size {self.size}: give at least one picture, "
                "and a side that is a multiple of 16."
            )


@dataclass(frozen=True)
class ValidationSettings:
    """What to watch the training with; its pictures and their noise never change.

    Attributes
    ----------
    physical, crude : int
        Scenes of the training's renderer (with other seeds), and of another one. Only the second
        may choose a snapshot.
    side : int
        Side of the scenes in px, a multiple of 16.
    doses : tuple of float
        Electrons per pixel; physical scenes take them in turn.
    crude_levels : tuple of float
        Noise of the crude scenes, 0 to 1, in turn.
    row_gain, row_jitter : float
        Standard deviation of the rows' brightness (share) and position (px).
    """

    physical: int = 12
    crude: int = 12
    side: int = 384
    doses: tuple[float, ...] = (150.0, 600.0, 3000.0)
    crude_levels: tuple[float, ...] = (0.1, 0.4, 0.7)
    row_gain: float = 0.01
    row_jitter: float = 0.2

    def __post_init__(self) -> None:
        if self.side < 16 or self.side % 16 or not (self.doses and self.crude_levels):
            raise ValueError(
                f"validation.side is {self.side}, validation.doses {self.doses} and "
                f"validation.crude_levels {self.crude_levels}: the side must be a multiple of 16, "
                "and at least one dose and level are needed."
            )


@dataclass(frozen=True)
class DetectorConfig:
    """Everything that a detector's training depends on, but for where its data lie.

    Attributes
    ----------
    engine : EngineSettings
    model : ModelSettings
    data : DataSettings
    loss : LossWeights
    validation : ValidationSettings
    start : str, optional
        Weights to begin with instead of fresh ones: a name out of
        `hyperspy_stereo.weights.shipped`, a ``.safetensors`` file with its JSON, or a snapshot
        of a run.
    """

    engine: EngineSettings
    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=DataSettings)
    loss: LossWeights = field(default_factory=LossWeights)
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    start: str | None = None
