"""Hiding and revealing arrays of one frame."""

from conftest import natural

from stegocli.flow import precision, tiles, weights
from stegocli.picture import metrics


def test_tiles_meet(tmp_path, model, monkeypatch):
    """In tiles the result is nearly the same, and reveal cuts where hide did."""
    monkeypatch.setattr(tiles, "TILE", 64)
    cover, secret = natural(160, 200, 1), natural(160, 200, 2)
    stego = tiles.hide(model, cover, secret)
    assert metrics.psnr(tiles.reveal(model, stego), secret) > 34 and metrics.psnr(stego, cover) > 36


def test_tiles_cover_everything_once():
    for length in (4, 1024, 1028, 5000):
        spans = tiles._spans(length, 4)
        assert [i for s in spans for i in range(s.start, s.stop)] == list(range(length))
        assert all(0 < s.stop - s.start <= tiles.TILE for s in spans)


def test_any_precision_hides_for_any_other(model):
    """A stego hidden in bfloat16 or in float32 reveals within 0.3 dB, whatever the receiver's machine runs in."""
    cover, secret = natural(192, 192, 1), natural(192, 192, 2)
    half = precision.Precision(model.precision.device, precision.torch.bfloat16)
    full = precision.Precision(model.precision.device, precision.torch.float32)
    found = {}
    for hider in (half, full):
        sender = weights.load_model()
        sender.precision = hider
        sender.network.set_precision(hider)
        stego = tiles.hide(sender, cover, secret)
        for revealer in (half, full):
            receiver = weights.load_model()
            receiver.precision = revealer
            receiver.network.set_precision(revealer)
            found[hider.dtype, revealer.dtype] = metrics.psnr(secret, tiles.reveal(receiver, stego))
            assert next(m for m in receiver.network.modules() if hasattr(m, "precision")).precision == revealer
    # Half precision is for looking only: what goes into the file and comes out of it is float32 on any machine.
    assert max(found.values()) - min(found.values()) < 0.3
