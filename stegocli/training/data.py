"""Training pictures: folders or the built-in procedural set, crops, pairs and loaders.

Every sample is drawn from a generator seeded with (seed, epoch, index) alone, so the same run gives the same
batches whatever the number of workers, and a resumed run goes on with the batches that the killed one would
have seen.
"""

import os
import signal
import threading
import warnings
from collections.abc import Iterator, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from .. import threads
from ..errors import StegoError, option
from ..picture import files
from ..picture.inputs import short
from .procedural import procedural, stripes

PROCEDURAL_COUNT = 100
PROCEDURAL_SIDE = 256
# One training crop in this many is a procedural picture even when photographs are given: flat graphics, text,
# pure black and white are rare in photographs and common in what people hide.
PROCEDURAL_EVERY = 10
# Photographs are shrunk by up to this much before a crop is taken, as long as the shorter side keeps `KEPT_SIDE`
# pixels: the same facade is coarse in one crop and at the limit of resolution in the next.
MOST_SHRINK = 1 / 0.3
KEPT_SIDE = 256
# How often a crop of a photograph is made harder: exchanged channels, more saturation, more contrast (clipped to
# black and white), stripes multiplied over it.
EXCHANGED, SATURATED, STARK, STRIPED = 0.25, 0.25, 0.12, 0.04
# Decoding costs more than a training step, so decoded pictures are kept: up to this much before the workers start, who
# then share them, and so much again over all workers.
CACHE_BYTES = 2 * 1024**3


class Pictures(Protocol):
    """Pictures by number, uint8 (height, width, 3); `skipped` counts those that can't be used."""

    @property
    def skipped(self) -> int: ...

    def prepare(self) -> None:
        """Have ready what there is room for, before loader processes are forked from this one."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> np.ndarray: ...


def _busyness(patch: np.ndarray) -> float:
    """Mean step from pixel to pixel in grey levels: skies and walls have little to teach."""
    green = patch[..., 1].astype(np.int16)
    return float(np.abs(np.diff(green)).mean() + np.abs(np.diff(green, axis=0)).mean())


def harder(rng: np.random.Generator, patch: np.ndarray) -> np.ndarray:
    """A crop of a photograph, uint8 (size, size, 3), in other colours, starker or striped; mostly as it is."""
    exchanged, saturated, stark, striped = rng.random(4) < (EXCHANGED, SATURATED, STARK, STRIPED)
    if exchanged:
        patch = patch[..., rng.permutation(3)]
    if not (saturated or stark or striped):
        return patch
    values: np.ndarray = patch.astype(np.float32)
    if striped:
        depth = rng.uniform(0.2, 1)
        values = values * (1 - depth * stripes(rng, len(patch))[..., None]) * rng.uniform(1, 1.5)
    if saturated:
        grey = values.mean(-1, keepdims=True)
        values = grey + rng.uniform(1, 2.5) * (values - grey)
    if stark:
        pivot = rng.uniform(0, 255)
        values = pivot + rng.uniform(1, 3) * (values - pivot)
    return np.asarray(values.round().clip(0, 255), np.uint8)


class ProceduralPictures:
    """The built-in set: `PROCEDURAL_COUNT` pictures of `PROCEDURAL_SIDE`, the same on every machine."""

    skipped = 0

    def __len__(self) -> int:
        return PROCEDURAL_COUNT

    def __getitem__(self, index: int) -> np.ndarray:
        return _built_in(index)

    def prepare(self) -> None:
        for index in range(len(self)):
            _built_in(index)


@lru_cache(PROCEDURAL_COUNT)
def _built_in(index: int) -> np.ndarray:
    return procedural(np.random.default_rng((20251101, index)), PROCEDURAL_SIDE)


def _below(folder: Path) -> Iterator[Path]:
    """Everything below a folder that is none itself, through links too; each folder once, whatever is_main to it."""
    seen = set()
    for where, folders, names in os.walk(folder, followlinks=True):
        try:
            state = os.stat(where)
        except OSError:  # gone, or behind a folder that may not be entered
            continue
        if (state.st_dev, state.st_ino) in seen:
            folders.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        # Real folders before links, so that a picture keeps its own name; then by name, for all machines alike.
        folders.sort(key=lambda name: (os.path.islink(os.path.join(where, name)), name))
        yield from (Path(where, name) for name in names)


class FolderPictures:
    """Every readable picture below a folder, decoded on demand and kept while there is room.

    Args:
        paths: picture files.
        unreadable: how many more were found but could not be read.
    """

    def __init__(self, paths: list[Path], unreadable: int = 0):
        self.paths = paths
        self.unreadable = unreadable
        # Shared with the loader's workers, which find out what can't be decoded.
        self._damaged = torch.zeros(len(paths), dtype=torch.bool).share_memory_()  # type: ignore[no-untyped-call]
        self._kept: dict[int, np.ndarray] = {}
        self._used = self._prepared = 0

    @classmethod
    def scan(cls, folder: Path, smallest: int) -> "FolderPictures":
        """Look below `folder` and through its links; what is unreadable or under `smallest` a side is left out.

        Raises:
            StegoError: when there is no such folder or fewer than two pictures are left.
        """
        if not os.path.isdir(folder):
            raise StegoError(f"{short(folder)} is not a folder: give {option('data')} a folder of pictures.")
        found = [p for p in sorted(_below(folder)) if p.suffix.lower() in files.READABLE and os.path.isfile(p)]
        good = [p for p in found if files.is_readable(p, smallest)]
        if len(good) < 2:
            raise StegoError(
                f"{folder} holds {len(good)} readable pictures of {smallest} pixels or more a side: training needs two."
            )
        return cls(good, len(found) - len(good))

    @property
    def skipped(self) -> int:
        """How many can't be used, those included that turned out to be damaged when they were decoded."""
        return self.unreadable + int(self._damaged.sum())

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> np.ndarray:
        """The picture, or the next one that can be decoded.

        Raises:
            StegoError: when none can.
        """
        for i in (*range(index, len(self.paths)), *range(index)):
            if self._damaged[i]:
                continue
            try:
                return self._decoded(i)
            except StegoError:
                self._damaged[i] = True
        raise StegoError(f"None of the pictures can be decoded: give {option('data')} intact ones.")

    def prepare(self) -> None:
        def decode(index: int) -> None:
            if self._used < CACHE_BYTES:
                with suppress(StegoError):
                    self[index]

        with ThreadPoolExecutor(threads.count()) as pool:
            list(pool.map(decode, range(len(self))))
        self._prepared = self._used

    def __getstate__(self) -> dict[str, Any]:
        """What is not forked gets no pictures: sent to each worker, they would be there many times."""
        return {**self.__dict__, "_kept": {}}

    def _decoded(self, index: int) -> np.ndarray:
        picture = self._kept.get(index)
        if picture is None:
            picture = files.read(self.paths[index]).rgb
            worker = torch.utils.data.get_worker_info()
            room = CACHE_BYTES // (worker.num_workers if worker else 1)
            if self._used + picture.nbytes <= self._prepared + room:
                self._kept[index] = picture
                self._used += picture.nbytes
        return picture


def split(pictures: Sized, seed: int) -> tuple[list[int], list[int]]:
    """Indices for training and for validation: about 1 %, at least two, at most sixteen, an even number."""
    order = np.random.default_rng(seed).permutation(len(pictures))
    held = min(16, max(2, len(pictures) // 100)) // 2 * 2
    if len(pictures) < 4:
        return list(map(int, order)), list(map(int, order[:2]))
    return list(map(int, order[held:])), list(map(int, order[:held]))


@dataclass(frozen=True)
class Key:
    """Names one training sample; a sampler hands these to the dataset."""

    epoch: int
    index: int
    cover: int
    secret: int


class PairCrops(Dataset[tuple[Tensor, Tensor]]):
    """Random crops at random scales, flipped, turned and recoloured, of a cover and a secret.

    uint8 tensors (3, crop, crop).
    """

    def __init__(self, pictures: Pictures, crop: int, seed: int):
        self.pictures = pictures
        self.crop = crop
        self.seed = seed

    def _region(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A random part of a photograph at a random scale, (crop, crop, 3); half of the time the busier of two."""
        most = min(MOST_SHRINK, min(picture.shape[:2]) / max(KEPT_SIDE, self.crop))
        side = self.crop
        if most > 1:
            side = int(side * np.exp(rng.uniform(0, np.log(most))))
        height, width = picture.shape[:2]
        patches = [
            picture[top : top + side, left : left + side]
            for top, left in zip(
                rng.integers(height - side + 1, size=2), rng.integers(width - side + 1, size=2), strict=True
            )
        ]
        patch = max(patches, key=_busyness) if rng.random() < 0.5 else patches[0]
        if side == self.crop:
            return patch
        return np.asarray(Image.fromarray(patch).resize((self.crop, self.crop), Image.Resampling.LANCZOS))

    def _cut(self, index: int, rng: np.random.Generator) -> Tensor:
        if rng.integers(PROCEDURAL_EVERY) == 0:
            patch = procedural(rng, self.crop)
        else:
            patch = harder(rng, self._region(self.pictures[index], rng))
        patch = np.rot90(patch, int(rng.integers(4)))
        if rng.random() < 0.5:
            patch = patch[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(patch.transpose(2, 0, 1)))

    def __getitem__(self, key: Key) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, key.epoch, key.index))
        return self._cut(key.cover, rng), self._cut(key.secret, rng)


class FreshPairs(Sampler[Key]):
    """Each epoch every picture is `crops` times a cover and as often a secret, in new pairs; can start in mid-epoch."""

    def __init__(self, indices: list[int], seed: int, crops: int = 1):
        self.indices = indices
        self.seed = seed
        self.crops = crops
        self.epoch = 0
        self.start = 0

    def __len__(self) -> int:
        return len(self.indices) * self.crops

    def __iter__(self) -> Iterator[Key]:
        rng = np.random.default_rng((self.seed, self.epoch))
        for first in range(0, len(self), len(self.indices)):
            covers, secrets = rng.permutation(self.indices), rng.permutation(self.indices)
            for index, (cover, secret) in enumerate(zip(covers, secrets, strict=True), first):
                if index >= self.start:
                    yield Key(self.epoch, index, int(cover), int(secret))


class WholePairs(Dataset[tuple[Tensor, Tensor]]):
    """Validation: pictures in fixed pairs, both cut to the smaller size, a multiple of `stride`, or `MOST_SIDE`."""

    # Large photographs would take longer to validate on than an epoch of training.
    MOST_SIDE = 512

    def __init__(self, pictures: Pictures, indices: list[int], stride: int):
        self.pictures = pictures
        self.pairs = list(zip(indices[0::2], indices[1::2], strict=True))
        self.stride = stride

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        cover, secret = (self.pictures[i] for i in self.pairs[index])
        height, width = (
            min(a, b, self.MOST_SIDE) // self.stride * self.stride
            for a, b in zip(cover.shape[:2], secret.shape[:2], strict=True)
        )
        first, second = (torch.from_numpy(p[:height, :width].transpose(2, 0, 1).copy()) for p in (cover, secret))
        return first, second


@contextmanager
def _no_alarm() -> Iterator[None]:
    """More workers than cores are what was asked for; PyTorch warns of them wherever a loader is made or started."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="torch.utils.data")
        yield


def _take_no_interrupt(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal's job: the main one decides when the workers end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def loader(
    dataset: Dataset[tuple[Tensor, Tensor]], batch_size: int, workers: int, pin: bool, sampler: Sampler[Key] | range
) -> DataLoader[tuple[Tensor, Tensor]]:
    """A loader that keeps its workers between epochs and two batches ready in each."""
    with _no_alarm():
        return DataLoader(
            dataset,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=workers,
            pin_memory=pin,
            drop_last=len(sampler) >= batch_size,  # type: ignore[arg-type]
            prefetch_factor=2 if workers else None,
            persistent_workers=workers > 0,
            worker_init_fn=_take_no_interrupt,
        )


def start(batches: DataLoader[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Start a pass whose dead worker is an error of `next`, at the latest 5 seconds after the last batch.

    PyTorch also raises it from a signal handler the moment the worker dies, wherever the main thread is: in the
    middle of a step, of a checkpoint, of another error's report. This takes the handler away.
    """
    with _no_alarm():
        iterator = iter(batches)
    if hasattr(signal, "SIGCHLD") and threading.current_thread() is threading.main_thread():
        handler = signal.getsignal(signal.SIGCHLD)
        if (getattr(handler, "__module__", None) or "").startswith("torch.utils.data"):
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return iterator
