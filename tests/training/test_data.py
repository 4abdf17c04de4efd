import pickle

import numpy as np
import pytest
import torch

from stegocli.training import data, procedural


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


def test_an_epoch_of_several_crops_takes_each_picture_as_often():
    once, thrice = (data.FreshPairs(list(range(10)), seed=0, crops=crops) for crops in (1, 3))
    keys = list(thrice)
    assert len(keys) == len(thrice) == 30 and keys[:10] == list(once)
    assert sorted(k.cover for k in keys) == sorted(k.secret for k in keys) == sorted(3 * list(range(10)))
    assert [k.index for k in keys] == list(range(30))  # each crop is another


@pytest.mark.parametrize("crops", [1, 3])
def test_sampler_goes_on_in_mid_epoch(crops):
    sampler = data.FreshPairs(list(range(10)), 0, crops)
    whole = list(sampler)
    for sampler.start in (4, len(whole) - 3):
        assert list(sampler) == whole[sampler.start :]


def test_prepared_pictures_are_the_same_and_not_decoded_again(tmp_path, monkeypatch):
    from pictures import natural
    from PIL import Image

    for i in range(4):
        Image.fromarray(natural(40, 30, i)).save(tmp_path / f"{i}.png")
    (tmp_path / "3.png").write_bytes((tmp_path / "3.png").read_bytes()[:300])
    plain, prepared, tight = (data.FolderPictures.scan(tmp_path, 16) for _ in range(3))
    prepared.prepare()
    assert prepared.skipped == 1
    monkeypatch.setattr(data, "CACHE_BYTES", 40 * 30 * 3)
    tight.prepare()
    tight.prepare()
    assert 1 <= len(tight._kept) < 3
    pictures = [plain[i] for i in range(3)]
    assert all(np.array_equal(pictures[i], made[i]) for i in range(3) for made in (prepared, tight))
    # Sent to a process that isn't forked, they stay behind.
    assert len(pickle.loads(pickle.dumps(prepared))._kept) == 0
    monkeypatch.setattr(data.files, "read", lambda path: pytest.fail("decoded again"))
    assert all(np.array_equal(pictures[i], prepared[i]) for i in range(3))


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


def test_large_photographs_are_seen_at_many_scales():
    class Lines:
        """Columns one pixel wide: any shrinking turns them grey."""

        def __getitem__(self, i):
            return np.tile(np.uint8([0, 255]), (900, 600))[:, :1200, None].repeat(3, 2)

    crops = data.PairCrops(Lines(), 32, seed=1)
    spreads = []
    for i in range(40):
        patch = crops._region(Lines()[0], np.random.default_rng(i))
        assert patch.shape == (32, 32, 3) and patch.dtype == np.uint8
        spreads.append(int(np.ptp(patch)))
    # Lanczos leaves a moire where it shrinks by little.
    assert min(spreads) < 40 and max(spreads) > 150
    small = crops._region(Lines()[0][:200, :200], np.random.default_rng(0))
    assert np.ptp(small) == 255


def test_photographs_are_made_harder_now_and_then():
    patch = np.random.default_rng(0).integers(60, 180, (32, 32, 3), dtype=np.uint8)
    made = [data.harder(np.random.default_rng(i), patch) for i in range(300)]
    assert all(m.shape == patch.shape and m.dtype == np.uint8 for m in made)
    untouched = sum(np.array_equal(m, patch) for m in made)
    clipped = sum((m == 0).any() and (m == 255).any() for m in made)
    exchanged = sum(np.array_equal(np.sort(m, -1), np.sort(patch, -1)) for m in made) - untouched
    assert 0.35 < untouched / 300 < 0.65 and clipped > 20 and exchanged > 20
    assert all(np.array_equal(a, data.harder(np.random.default_rng(i), patch)) for i, a in enumerate(made[:20]))


def test_stripes_are_fine_and_regular():
    for seed in range(20):
        stripes = procedural.grating(np.random.default_rng(seed), 64, 0.0)
        assert stripes.min() >= 0 and stripes.max() <= 1
        assert np.allclose(stripes.mean(1).std(), 0, atol=0.2)  # they run from top to bottom
        assert np.abs(np.diff(stripes, axis=1)).mean() > 0.01


def test_busier_places_are_taken_more_often():
    class Half:
        """Flat on the left, noise on the right."""

        picture = np.full((200, 200, 3), 128, np.uint8)
        picture[:, 100:] = np.random.default_rng(0).integers(0, 256, (200, 100, 3))

    crops = data.PairCrops(Half(), 16, seed=0)
    busy = sum(np.ptp(crops._region(Half.picture, np.random.default_rng(i))) > 0 for i in range(300))
    assert 0.55 < busy / 300 < 0.8


def test_large_pictures_are_validated_on_in_part():
    class Two:
        def __getitem__(self, i):
            return np.zeros((700, 1200 + i, 3), np.uint8)

    cover, secret = data.WholePairs(Two(), [0, 1], 4)[0]
    assert cover.shape == secret.shape == (3, 512, 512)


def test_links_to_folders_are_followed_once(tmp_path):
    from pictures import natural
    from PIL import Image

    outside, folder = tmp_path / "outside", tmp_path / "folder"
    (outside / "deep").mkdir(parents=True)
    (folder / "own").mkdir(parents=True)
    for i, where in enumerate((outside, outside / "deep", folder, folder / "own")):
        Image.fromarray(natural(40, 40, i)).save(where / f"{i}.png")
    (folder / "link").symlink_to(outside)
    (folder / "again").symlink_to(outside)
    (folder / "own" / "loop").symlink_to(folder)
    (outside / "deep" / "up").symlink_to(outside)
    (folder / "broken").symlink_to(tmp_path / "none")
    (folder / "picture.png").symlink_to(outside / "0.png")
    found = data.FolderPictures.scan(folder, 16).paths
    assert sorted(p.name for p in found) == ["0.png", "1.png", "2.png", "3.png", "picture.png"]
    assert found == sorted(found)
