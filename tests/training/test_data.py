import numpy as np
import pytest
import torch

from stegocli.training import data


def test_procedural_pictures_are_the_same_everywhere_and_varied():
    pictures = data.ProceduralPictures()
    assert len(pictures) == data.PROCEDURAL_COUNT
    first = [pictures[i] for i in range(20)]
    assert all(p.shape == (256, 256, 3) and p.dtype == np.uint8 for p in first)
    assert all(np.array_equal(p, pictures[i]) for i, p in enumerate(first))
    assert len({p.tobytes() for p in first}) == 20


def test_split_is_disjoint_and_even():
    for count in (4, 10, 100, 988, 5000):
        train, validation = data.split(range(count), 0)
        assert not set(train) & set(validation) and len(train) + len(validation) == count
        assert len(validation) % 2 == 0 and 2 <= len(validation) <= 16


def test_each_epoch_pairs_afresh_and_uses_every_picture_twice():
    sampler = data.FreshPairs(list(range(10)), seed=0)
    epochs = []
    for sampler.epoch in range(3):
        keys = list(sampler)
        assert sorted(k.cover for k in keys) == sorted(k.secret for k in keys) == list(range(10))
        epochs.append({(k.cover, k.secret) for k in keys})
    assert epochs[0] != epochs[1] != epochs[2]


def test_sampler_goes_on_in_mid_epoch():
    sampler = data.FreshPairs(list(range(10)), seed=0)
    whole = list(sampler)
    sampler.start = 4
    assert list(sampler) == whole[4:]


def test_crops_depend_on_their_key_alone():
    crops = data.PairCrops(data.ProceduralPictures(), 32, seed=5)
    key = data.Key(1, 2, 3, 4)
    a, b = crops[key], crops[key]
    assert all(
        torch.equal(x, y) and x.shape == (3, 32, 32) and x.dtype == torch.uint8 for x, y in zip(a, b, strict=True)
    )
    assert not torch.equal(crops[data.Key(2, 2, 3, 4)][0], a[0])


def test_whole_pairs_have_one_size_in_strides():
    class Two:
        def __getitem__(self, i):
            return np.zeros(((33, 50, 3), (40, 45, 3))[i], np.uint8)

    cover, secret = data.WholePairs(Two(), [0, 1], 4)[0]
    assert cover.shape == secret.shape == (3, 32, 44)


@pytest.mark.parametrize("workers", [0, 1])
def test_loader_follows_the_seed(workers):
    loader = data.loader(
        data.PairCrops(data.ProceduralPictures(), 32, 0), 2, workers, False, data.FreshPairs([0, 1, 2], 0)
    )
    assert loader.num_workers == workers
    if workers:
        assert loader.prefetch_factor == 2 and loader.persistent_workers
    assert len(list(loader)) == 1
