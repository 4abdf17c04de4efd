"""Batches for training and pairs for validation, from loaders that go on without workers when one dies."""

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from ..errors import StegoError, option
from . import data
from .events import EventLog
from .oom import first_line
from .process_group import ProcessGroup
from .settings import Settings

# How a dead worker shows: the loader says so, or a batch that the worker had announced can't be fetched from it.
_DEAD = (RuntimeError, EOFError, ConnectionError)


def is_dead_worker(error: BaseException) -> bool:
    return isinstance(error, _DEAD[1:]) or (isinstance(error, RuntimeError) and "DataLoader worker" in str(error))


def pictures_for(settings: Settings) -> data.Pictures:
    """The pictures of a run.

    Raises:
        StegoError: when they can't be used.
    """
    if settings.data:
        return data.FolderPictures.scan(settings.data, settings.crop_side)
    if settings.crop_side > data.PROCEDURAL_SIDE:
        raise StegoError(
            f"{option('crop')} {settings.crop} is larger than the built-in pictures: use {data.PROCEDURAL_SIDE} or "
            f"less, or {option('data')}."
        )
    return data.ProceduralPictures()


class Shard(Sampler[data.Key]):
    """One process's part of each step: of every `size` x `batch` keys in a row, its own `batch`."""

    def __init__(self, pairs: data.FreshPairs, batch: int, group: ProcessGroup):
        self.pairs = pairs
        self.batch = batch
        self.group = group

    def __len__(self) -> int:
        return len(self.pairs) // self.group.size

    def __iter__(self) -> Iterator[data.Key]:
        keys, step = list(self.pairs), self.batch * self.group.size
        # A last step that is not full for all is dropped, or some would wait for the others.
        full = len(keys) // step * step if self.group.size > 1 else len(keys)
        for first in range(0, full, step):
            mine = first + self.batch * self.group.rank
            yield from keys[mine : mine + self.batch]


class DataLoaders:
    """The loaders of a run.

    Attributes:
        pairs_per_step: of all processes together.
        steps_per_epoch: of a whole epoch.
    """

    def __init__(
        self,
        settings: Settings,
        pictures: data.Pictures,
        log: EventLog,
        on_card: bool,
        group: ProcessGroup | None = None,
    ):
        self.settings = settings
        self.pictures = pictures
        self.log = log
        self.group = group or ProcessGroup()
        train, validation = data.split(pictures, settings.seed)
        self.pairs = data.FreshPairs(train, settings.seed, settings.crops)
        self.crops: Dataset[tuple[Tensor, Tensor]] = data.PairCrops(pictures, settings.crop_side, settings.seed)
        self.whole: Dataset[tuple[Tensor, Tensor]] = data.WholePairs(pictures, validation, settings.flow.stride)
        self.pin = settings.pin_memory and on_card
        self.pairs_per_step = settings.batch_size * self.group.size
        self.steps_per_epoch = max(1, len(self.pairs) // self.pairs_per_step)
        if self.group.size > 1 and len(self.pairs) < self.pairs_per_step:
            raise StegoError(
                f"{len(self.pairs)} pairs are too few for {self.group.size} processes of {settings.batch_size}: "
                "start fewer."
            )
        if on_card:
            # A card takes steps faster than workers decode pictures, each for itself.
            pictures.prepare()
        self.shown_skips = pictures.skipped
        self.build(settings.workers)

    def build(self, workers: int) -> None:
        self.workers = workers
        mine = Shard(self.pairs, self.settings.batch_size, self.group)
        self.train_loader = data.loader(self.crops, self.settings.batch_size, workers, self.pin, mine)
        # Whole pictures differ in size, so they can't share a batch.
        rank, size = self.group.rank, self.group.size
        own = range(rank, len(self.whole), size)  # type: ignore[arg-type]
        self.val_loader = data.loader(self.whole, 1, workers // 2, self.pin, own)

    def _without_workers(self, error: Exception) -> None:
        if not is_dead_worker(error):
            raise error
        self.log.record("worker", "num_workers=0", first_line(error))
        self.build(0)

    def batches(self, epoch: int, pairs_done: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """This process's (cover, secret) batches of the epoch after the given number of pairs."""
        self.pairs.epoch = epoch
        while True:
            self.pairs.start = pairs_done
            try:
                for batch in data.start(self.train_loader):
                    yield batch
                    pairs_done += self.pairs_per_step
                return
            except _DEAD as error:
                self._without_workers(error)

    def sample(self, count: int) -> tuple[Tensor, Tensor]:
        """Covers and secrets to look at before a run: the same whenever asked, uint8 (count, 3, crop, crop)."""
        order, crops = self.pairs.indices, []
        for number in range(count):
            cover, secret = (order[(number + i) % len(order)] for i in (0, 1))
            crops.append(self.crops[data.Key(0, number, cover, secret)])
        covers, secrets = zip(*crops, strict=True)
        return torch.stack(covers), torch.stack(secrets)

    def validation_pairs(self) -> list[tuple[Tensor, Tensor]]:
        """All of this process's at once: they are few, and a worker that dies half-way must not count a pair twice."""
        try:
            return list(data.start(self.val_loader))
        except _DEAD as error:
            self._without_workers(error)
            return list(data.start(self.val_loader))

    def validation_set(self) -> str:
        """Identifies the pictures that the run is judged by."""
        digest = hashlib.sha256()
        for i in range(len(self.whole)):  # type: ignore[arg-type]
            for picture in self.whole[i]:
                digest.update(picture.numpy().tobytes())
        return digest.hexdigest()

    def report_skips(self) -> None:
        """Record pictures that turned out to be damaged since the last call."""
        new = self.pictures.skipped - self.shown_skips
        self.shown_skips += new
        if new:
            self.log.record("picture", "others take their place", f"{new} more pictures can't be decoded")
