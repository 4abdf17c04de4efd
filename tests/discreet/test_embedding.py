"""Discreet payloads in pixels: they come back by the password alone, and nothing of them lies open."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import photograph

from stegocli.discreet import embedding, frame
from stegocli.discreet.embedding import Unsuitable
from stegocli.payload import header

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick_keys")]


def drawn(height, width, seed):
    """Flat coloured rectangles."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), rng.integers(10, 246, 3), np.uint8)
    for _ in range(12):
        y, x = rng.integers(0, height - 8), rng.integers(0, width - 8)
        picture[y : y + rng.integers(8, height), x : x + rng.integers(8, width)] = rng.integers(10, 246, 3)
    return picture


@settings(max_examples=12, deadline=None)
@given(
    st.integers(16, 90), st.integers(16, 90), st.sampled_from(sorted(frame.CAPS)),
    st.floats(0, 1.1, allow_subnormal=False), st.booleans(), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_every_byte_comes_back_or_is_refused(height, width, size, share, grey, seed):
    rgb = photograph(height, width, seed % 1000)
    if grey:
        rgb = np.repeat(rgb[..., :1], 3, axis=2)
    content = np.random.default_rng(seed).bytes(int(share * embedding.capacity(rgb, size)))
    try:
        stego = embedding.hide(rgb, content, "word", size)
    except Unsuitable:
        assert len(content) > embedding.capacity(rgb, size) or height * width < 64 * 64
        return
    assert embedding.reveal(stego, "word") == content
    assert np.abs(stego.astype(int) - rgb).max() == 1
    assert (stego == stego[..., :1]).all() == grey


def test_another_password_another_picture_or_a_change_reveal_nothing():
    rgb = photograph(70, 80, 1)
    stego = embedding.hide(rgb, b"Meet me at nine.", "word")
    assert embedding.reveal(stego, "Word") is None
    assert embedding.reveal(rgb, "word") is None
    assert embedding.reveal(stego[:, ::-1], "word") is None
    assert embedding.reveal(stego.swapaxes(0, 1), "word") is None
    changed = stego.copy()
    changed[frame.salt_positions(70 * 80)[3] // 80, frame.salt_positions(70 * 80)[3] % 80] ^= 1
    assert embedding.reveal(changed, "word") is None


def test_the_same_content_is_never_hidden_in_the_same_way():
    rgb = photograph(64, 64, 2)
    stegos = [embedding.hide(rgb, b"twice", "word") for _ in range(2)]
    assert (stegos[0] != stegos[1]).any() and {embedding.reveal(s, "word") for s in stegos} == {b"twice"}


def test_keys_derived_before_are_as_good_as_the_password():
    rgb = photograph(64, 64, 2)
    stego = embedding.hide(rgb, b"once", embedding.derive(rgb, "word"), slots=frame.SLOTS)
    assert embedding.reveal(stego, "word") == b"once"


@pytest.mark.parametrize("channels", [1, 3])
def test_a_round_depends_on_rounds_of_earlier_steps_only(channels):
    """Every neighbour, and the same pixel's first channel, is of another step: two sides' of the two lattices."""
    step = np.full((channels, 20, 31), -1)
    for slot in range(frame.SLOTS):
        layout = embedding._Layout((20, 31, channels), bytes(32), slot)
        content = np.zeros(8 * 40, np.uint8)
        rounds = [*embedding._rounds(layout, content, [1] * channels)]
        assert sum(len(one.bits) for one in rounds) == len(content)
        for one in (*embedding._front_rounds(layout, np.zeros(120, np.uint8), channels), *rounds):
            assert (step[one.channel].ravel()[one.pixels] == -1).all() and one.step in range(embedding._STEPS)
            step[one.channel].reshape(-1)[one.pixels] = one.step
    for plane in step:
        for a, b in ((plane[1:], plane[:-1]), (plane[:, 1:], plane[:, :-1])):
            assert ((a != b) | (a == -1) | (b == -1)).all()
    assert ((step[1:] > step[0]) | (step[0] == -1)).all()


def test_black_white_and_what_is_unseen_stay():
    rgb = photograph(90, 90, 3)
    rgb[:20], rgb[20:30] = 0, 255
    wet = np.zeros((90, 90), bool)
    wet[:, 70:] = True
    stego = embedding.hide(rgb, b"kept", "word", wet=wet)
    assert embedding.reveal(stego, "word") == b"kept"
    assert (stego[:30] == rgb[:30]).all() and (stego[:, 70:] == rgb[:, 70:]).all() and (stego != rgb).any()


def test_too_few_usable_samples_are_refused():
    for value in (0, 255):
        rgb = np.full((80, 80, 3), value, np.uint8)
        rgb[:5] = photograph(5, 80, 4)
        with pytest.raises(Unsuitable, match=r"may (not )?be changed"):
            embedding.hide(rgb, bytes(150), "word")


def test_less_content_changes_less():
    rgb = photograph(80, 80, 5)
    changed = [(embedding.hide(rgb, bytes(n), "word", "large") != rgb).sum() for n in (10, 100, 400)]
    assert changed[0] < 0.6 * changed[1] < 0.4 * changed[2]
    assert [frame.fitting_class(80 * 80 * 3, n, "large") for n in (10, 11, 100, 460, 461)] == [4, 3, 2, 0, None]


def test_caps_follow_the_square_root():
    for size, share in frame.CAPS.items():
        for side in (64, 512, 3464):
            assert frame.capacity(3 * side * side, size) == int(share * side) - frame.OVERHEAD


def auc(ours, others):
    """The chance that one of ours is larger than one of the others, ties counting half."""
    values = np.unique(np.concatenate([ours, others]))
    a, b = (np.array([(part == v).sum() for v in values]) for part in (ours, others))
    below = np.concatenate([[0], np.cumsum(b)[:-1]])
    return (a * (below + b / 2)).sum() / (len(ours) * len(others))


def oddities(picture, positions, by_pixel):
    """How far pixels or samples are from their neighbours, as a watcher looks at it: at positions, and all others."""
    near = np.pad(picture.astype(int), ((1, 1), (1, 1), (0, 0)), "edge")
    around = near[:-2, 1:-1] + near[2:, 1:-1] + near[1:-1, :-2] + near[1:-1, 2:]
    odd = np.minimum(np.abs(4 * picture.astype(int) - around), 40)
    odd = odd.sum(2).ravel() if by_pixel else odd.ravel()
    mask = np.zeros(odd.size, bool)
    mask[positions] = True
    return odd[mask], odd[~mask]


def test_the_public_positions_look_like_all_others():
    found = []
    for seed in range(3):
        rgb = drawn(100 + seed, 112, seed)
        try:
            stego = embedding.hide(rgb, bytes(embedding.capacity(rgb, "normal")), "word")
        except Unsuitable:
            continue
        found.append(oddities(stego, frame.salt_positions(stego.size // 3), True))
    assert found
    assert abs(auc(*(np.concatenate(parts) for parts in zip(*found, strict=True))) - 0.5) < 0.03


def test_an_open_header_would_be_seen_by_the_same_measure():
    found = []
    for seed in range(4):
        stego = drawn(60, 72, seed)
        where = header.positions(stego.size)
        header.write_bits(stego.reshape(-1), where, np.random.default_rng(seed).bytes(header.SIZE))
        found.append(oddities(stego, where, False))
    assert auc(*(np.concatenate(parts) for parts in zip(*found, strict=True))) > 0.6
