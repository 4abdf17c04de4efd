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
from stegocli.training.feed import Feed, Shard, pictures_for
from stegocli.training.journal import Journal
from stegocli.training.team import Team


def feed_of(settings, team=None):
    return Feed(settings, pictures_for(settings), Journal(), on_card=False, team=team)


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
    feed = feed_of(settings)
    assert same_batches(list(feed.batches(1))[1:], list(feed.batches(1, pairs_done=2)))


@pytest.mark.parametrize("size", [2, 3])
def test_shards_make_up_the_batches_of_one_process(size):
    pairs = data.FreshPairs(list(range(20)), seed=0)
    together = list(Shard(pairs, 2 * size, Team()))
    shards = [list(Shard(pairs, 2, Team(rank, size))) for rank in range(size)]
    steps = 20 // (2 * size)
    assert [len(shard) for shard in shards] == [2 * steps] * size
    for step in range(steps):
        parts = [key for shard in shards for key in shard[2 * step : 2 * step + 2]]
        assert parts == together[2 * size * step : 2 * size * (step + 1)]


def test_too_few_pictures_for_so_many_processes(settings):
    with pytest.raises(StegoError, match="start fewer"):
        feed_of(settings, Team(0, 4))


def test_a_damaged_picture_is_replaced_and_counted(settings):
    # The header is whole, the pixels are not: only decoding finds out.
    path = settings.data / "9.jpg"
    Image.fromarray(natural(64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:700])
    for workers in (0, 1):
        feed = feed_of(replace(settings, workers=workers))
        assert feed.pictures.skipped == 2
        assert all(len(list(feed.batches(epoch))) == 3 for epoch in range(3))
        feed.validation_pairs()
        assert feed.pictures.skipped == 3
        feed.report_skips()
        feed.report_skips()
        assert [e.kind for e in feed.journal.events] == ["picture"]


def test_nothing_but_damaged_pictures_is_a_sentence(tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        path.write_bytes(b"junk")
    with pytest.raises(StegoError, match="None of the pictures"):
        data.FolderPictures(paths)[0]


def test_more_workers_than_cores_raise_no_alarm(settings):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        next(feed_of(replace(settings, workers=os.cpu_count() + 1)).batches(0))


# -- fault injection --------------------------------------------------------------------------------------------


class Mortal(data.PairCrops):
    """Its second batch kills the worker that loads it."""

    def __getitem__(self, key):
        if key.index == 3 and torch.utils.data.get_worker_info():
            os._exit(1)
        return super().__getitem__(key)


def test_a_dead_worker_leaves_none(settings):
    expected = list(feed_of(settings).batches(0))
    feed = feed_of(replace(settings, workers=1))
    feed.crops = Mortal(feed.pictures, 16, 0)
    feed.build(1)
    assert same_batches(list(feed.batches(0)), expected)
    assert [e.kind for e in feed.journal.events] == ["worker"] and feed.workers == 0


def test_a_worker_that_dies_between_batches_interrupts_nothing(settings):
    expected = list(feed_of(settings).batches(0))
    feed = feed_of(replace(settings, workers=1))
    got = []
    for batch in feed.batches(0):
        got.append(batch)
        if len(got) == 1:
            worker = feed.train_loader._iterator._workers[0]
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
    expected = feed_of(settings).validation_pairs()
    feed = feed_of(replace(settings, workers=2))
    feed.whole = MortalPairs(feed.pictures, [0, 1], settings.flow.stride)
    feed.build(2)
    assert len(feed.validation_pairs()) == len(expected)
    assert [e.kind for e in feed.journal.events] == ["worker"] and feed.workers == 0
