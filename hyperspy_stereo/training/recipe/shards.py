"""Scenes on disk: rendered once, read by windows."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from hyperspy_stereo.training.recipe.scene import Scene
from hyperspy_stereo.training.seeds import training_seed

__all__ = ["SHARD_SCENES", "ShardStore", "render_shard", "write_shards"]

SHARD_SCENES = 16  # scenes in a shard
ARRAYS = {
    "clean": np.float16,
    "label": np.uint8,
    "disparity": np.float16,
    "line_index": np.int16,
}


def renderer_of(name: str) -> Callable[[int, int], Scene]:
    """The function that draws a scene from a seed, by the renderer's name."""
    if name == "physical":
        from hyperspy_stereo.training.recipe.physical import physical_scene

        return physical_scene
    if name == "painted":
        from hyperspy_stereo.training.recipe.painted import painted_scene

        return painted_scene
    raise ValueError(f"renderer is {name!r}: choose 'physical' or 'painted'.")


def render_shard(folder: Path, renderer: str, first: int, count: int, side: int) -> Path:
    """Draw scenes and write them as one shard; a shard that is complete is left as it is.

    Parameters
    ----------
    folder : Path
        Of the store.
    renderer : {"physical", "painted"}
        What draws the scenes.
    first : int
        Seed of the first; the others follow.
    count : int
        Number of scenes.
    side : int
        Height and width, px.

    Returns
    -------
    Path
        Of the shard.
    """
    import numba

    numba.set_num_threads(1)
    shard = Path(folder) / f"shard_{first:07d}"
    if (shard / "info.json").exists():
        return shard
    draw = renderer_of(renderer)
    scenes = [draw(training_seed(seed), side) for seed in range(first, first + count)]
    shard.mkdir(parents=True, exist_ok=True)
    for name, dtype in ARRAYS.items():
        np.save(shard / f"{name}.npy", np.stack([getattr(s, name) for s in scenes]).astype(dtype))
    # written last: its presence says that the shard is whole
    (shard / "info.json").write_text(json.dumps([s.info for s in scenes]))
    return shard


def write_shards(
    folder: str | Path,
    renderer: str,
    first: int,
    count: int,
    side: int = 384,
    workers: int = 2,
    show_progressbar: bool = True,
) -> ShardStore:
    """Draw training scenes into a store, or go on where drawing stopped.

    Parameters
    ----------
    folder : str or Path
        Where to.
    renderer : {"physical", "painted"}
        What draws the scenes.
    first, count : int
        Seeds ``first`` to ``first + count - 1``; `count` is rounded up to whole shards.
    side : int, default 384
        Height and width, px.
    workers : int, default 2
        Processes.
    show_progressbar : bool, default True
        Show how many shards are done.

    Returns
    -------
    ShardStore

    Raises
    ------
    ValueError
        If a seed is not one to train on.
    """
    starts = range(first, first + count, SHARD_SCENES)
    training_seed(first)
    training_seed(starts[-1] + SHARD_SCENES - 1)
    work = partial(render_shard, Path(folder), renderer, count=SHARD_SCENES, side=side)
    with ProcessPoolExecutor(workers) as pool:
        done = pool.map(work, starts)
        for _ in tqdm(done, total=len(starts), unit="shard", disable=not show_progressbar):
            pass
    return ShardStore(folder)


class ShardStore:
    """Scenes of a folder of shards, read through memory maps.

    Parameters
    ----------
    folder : str or Path
        Written by `write_shards`.

    Raises
    ------
    ValueError
        If there is no complete shard in it.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._shards = sorted(p.parent for p in self.folder.glob("shard_*/info.json"))
        if not self._shards:
            raise ValueError(
                f"{self.folder} holds no shards: draw some by `python -m hyperspy_stereo.training "
                "shards --help`."
            )
        self.infos = [json.loads((shard / "info.json").read_text()) for shard in self._shards]
        self._starts = np.cumsum([0, *(len(info) for info in self.infos)])
        self._maps: dict[int, dict[str, np.ndarray]] = {}

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getstate__(self) -> dict:
        # memory maps would be copied whole into another process
        return {**self.__dict__, "_maps": {}}

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the scenes, px."""
        return tuple(self._arrays(0)["clean"].shape[2:])

    def scene(self, index: int) -> Scene:
        """Scene number `index`."""
        height, width = self.shape
        return self.crop(index, 0, 0, height, width)

    def crop(self, index: int, row: int, column: int, height: int, width: int) -> Scene:
        """A window of scene number `index`, without reading the rest of it."""
        if not 0 <= index < len(self):
            raise ValueError(f"there is no scene {index}: {self.folder} holds {len(self)}.")
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        k = index - int(self._starts[shard])
        rows, columns = slice(row, row + height), slice(column, column + width)
        arrays = {n: a[k, :, rows, columns] for n, a in self._arrays(shard).items()}
        return Scene(
            np.asarray(arrays["clean"], np.float32),
            np.asarray(arrays["label"]),
            np.asarray(arrays["disparity"], np.float32),
            np.asarray(arrays["line_index"]),
            self.infos[shard][k],
        )

    def _arrays(self, shard: int) -> dict[str, np.ndarray]:
        if shard not in self._maps:
            self._maps[shard] = {
                name: np.load(self._shards[shard] / f"{name}.npy", mmap_mode="r") for name in ARRAYS
            }
        return self._maps[shard]
