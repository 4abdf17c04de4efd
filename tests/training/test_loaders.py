import os
import signal
import warnings
from dataclasses import replace

import pytest
import torch
from pictures import natural
from PIL import Image

from stegocli.errors import StegoError
from stegocli.training import data
from stegocli.training.events import EventLog
from stegocli.training.loaders import DataLoaders, Shard, is_dead_worker, pictures_for
from stegocli.training.process_group import ProcessGroup


def loaders_of(settings, group=None):
    return DataLoaders(settings, pictures_for(settings), EventLog(), on_card=False, group=group)


def same_batches(a, b):
    return len(a) == len(b) and all(
        torch.equal(x, y) for first, second in zip(a, b, strict=True) for x, y in zip(first, second, strict=True)
    )


def test_unusable_data_is_a_sentence(settings, tmp_path):
    with pytest.raises(StegoError, match="not a folder"):
        pictures_for(replace(settings, data=tmp_path / "none"))
    with pytest.raises(StegoError, match="0 readable"):
        pictures_for(replace(settings, crop=64))
    with pytest.raises(StegoError, match="larger than the built-in"):
        pictures_for(replace(settings, data=None, crop=512))


def test_goes_on_in_mid_epoch(settings):
    loaders = loaders_of(settings)
    assert same_batches(list(loaders.batches(1))[1:], list(loaders.batches(1, pairs_done=2)))


@pytest.mark.parametrize("size", [2, 3])
def test_shards_make_up_the_batches_of_one_process(size):
    pairs = data.FreshPairs(list(range(20)), seed=0)
    together = list(Shard(pairs, 2 * size, ProcessGroup()))
    shards = [list(Shard(pairs, 2, ProcessGroup(rank, size))) for rank in range(size)]
    steps = 20 // (2 * size)
    assert [len(shard) for shard in shards] == [2 * steps] * size
    for step in range(steps):
        parts = [key for shard in shards for key in shard[2 * step : 2 * step + 2]]
        assert parts == together[2 * size * step : 2 * size * (step + 1)]


def test_too_few_pictures_for_so_many_processes(settings):
    with pytest.raises(StegoError, match="start fewer"):
        loaders_of(settings, ProcessGroup(0, 4))


def test_a_damaged_picture_is_replaced_and_counted(settings):
    # The header is whole, the pixels are not: only decoding finds out.
    path = settings.data / "9.jpg"
    Image.fromarray(natural(64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:700])
    for workers in (0, 1):
        loaders = loaders_of(replace(settings, workers=workers))
        assert loaders.pictures.skipped == 2
        assert all(len(list(loaders.batches(epoch))) == 3 for epoch in range(3))
        loaders.validation_pairs()
        assert loaders.pictures.skipped == 3
        loaders.report_skips()
        loaders.report_skips()
        assert [e.kind for e in loaders.log.events] == ["picture"]


def test_nothing_but_damaged_pictures_is_a_sentence(tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        path.write_bytes(b"junk")
    with pytest.raises(StegoError, match="None of the pictures"):
        data.FolderPictures(paths)[0]


def test_more_workers_than_cores_raise_no_alarm(settings):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        next(loaders_of(replace(settings, workers=os.cpu_count() + 1)).batches(0))


# -- fault injection --------------------------------------------------------------------------------------------


class Mortal(data.PairCrops):
    """Its second batch kills the worker that loads it."""

    def __getitem__(self, key):
        if key.index == 3 and torch.utils.data.get_worker_info():
            os._exit(1)
        return super().__getitem__(key)


def test_a_dead_worker_leaves_none(settings):
    expected = list(loaders_of(settings).batches(0))
    loaders = loaders_of(replace(settings, workers=1))
    loaders.crops = Mortal(loaders.pictures, 16, 0)
    loaders.build(1)
    assert same_batches(list(loaders.batches(0)), expected)
    assert [e.kind for e in loaders.log.events] == ["worker"] and loaders.workers == 0


def test_a_worker_that_dies_between_batches_interrupts_nothing(settings):
    expected = list(loaders_of(settings).batches(0))
    loaders = loaders_of(replace(settings, workers=1))
    got = []
    for batch in loaders.batches(0):
        got.append(batch)
        if len(got) == 1:
            worker = loaders.train_loader._iterator._workers[0]
            os.kill(worker.pid, signal.SIGKILL)
            # Python code runs while the signal arrives: no exception may come up here.
            while worker.is_alive():
                sum(range(1000))
    assert same_batches(got, expected)


class MortalPairs(data.WholePairs):
    """Kills the worker that loads it."""

    def __getitem__(self, index):
        if torch.utils.data.get_worker_info():
            os._exit(1)
        return super().__getitem__(index)


def test_a_dead_validation_worker_leaves_none(settings):
    expected = loaders_of(settings).validation_pairs()
    loaders = loaders_of(replace(settings, workers=2))
    loaders.whole = MortalPairs(loaders.pictures, [0, 1], settings.flow.stride)
    loaders.build(2)
    assert len(loaders.validation_pairs()) == len(expected)
    assert [e.kind for e in loaders.log.events] == ["worker"] and loaders.workers == 0


@pytest.mark.parametrize(
    "error", [EOFError(), ConnectionResetError(), RuntimeError("DataLoader worker (pid 1) exited")]
)
def test_a_worker_that_dies_while_its_batch_is_fetched_leaves_none(settings, monkeypatch, error):
    expected = list(loaders_of(settings).batches(0))
    loaders, start = loaders_of(settings), data.start
    assert is_dead_worker(error) and not is_dead_worker(RuntimeError("size mismatch"))

    def dying(batches):
        monkeypatch.setattr(data, "start", start)
        yield next(start(batches))
        raise error

    monkeypatch.setattr(data, "start", dying)
    assert same_batches(list(loaders.batches(0)), expected)
    assert [e.kind for e in loaders.log.events] == ["worker"]
