"""Several files as one content: what was packed comes back by name, and nothing that anyone may have made does harm."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import natural

from stegocli.payload import codings, container, several, streams
from stegocli.payload.errors import InvalidContent, LaterVersion


def text(own: bytes, extension: str = ".txt") -> bytes:
    return container.pack(container.FILE, extension, own)


def forged(rows: list[tuple[bytes, bytes]], tail: bytes = b"") -> bytes:
    """What `pack` makes of any names."""
    table = b"".join(struct.pack(">IIH", len(c), zlib.crc32(c), len(n)) + n for n, c in rows)
    head = struct.pack(">II", len(table), zlib.crc32(table))
    return container.pack(container.SEVERAL, "", head, table, *(c for _, c in rows), tail)


PLAIN = st.text(st.sampled_from("abc é.-1"), min_size=1, max_size=6).filter(container.is_plain)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(PLAIN, st.binary(max_size=40), min_size=1, max_size=8))
def test_what_is_packed_comes_back(files):
    names = [f"below/{name}" if i % 2 else name for i, name in enumerate(files) if name.lower() != "below"]
    packed = several.pack([(name, text(own)) for name, own in zip(names, files.values(), strict=False)])
    found = codings.unpack(packed).secret
    assert isinstance(found, codings.Several)
    assert [(part.name, part.found.secret) for part in found.parts()] == list(zip(names, files.values(), strict=False))


@pytest.mark.parametrize(
    "names",
    [
        ["../a.txt"], ["/etc/passwd"], ["a/../../b"], ["a//b"], ["a/"], ["."], [""], ["C:\\x"], ["a\\b"], [".bashrc"],
        ["a/.ssh/keys"], ["-rf"], ["CON"], ["a/nul.txt"], ["x\0y"], ["x\ny"], ["a\u202etxt.exe"], ["a", "A"],
        ["a", "a/b"], ["B/x", "b"], ["é", "e\u0301"], ["/".join("a" * 40)], ["a" * 201], [],
    ],
)  # fmt: skip
def test_names_that_could_do_harm_are_refused(names):
    content = forged([(name.encode(), text(b"x")) for name in names])
    with pytest.raises(InvalidContent):
        codings.unpack(content)


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\xc3"])
def test_a_name_that_is_no_text(name):
    with pytest.raises(InvalidContent):
        codings.unpack(forged([(name, text(b"x"))]))


def test_no_more_files_than_there_may_be():
    rows = [(f"{i}".encode(), b"") for i in range(several.MOST_FILES + 1)]
    assert len(several.entries(container.unframe(forged(rows[:-1])))) == several.MOST_FILES
    with pytest.raises(InvalidContent, match="too many"):
        several.entries(container.unframe(forged(rows)))


def test_what_is_wrong_with_one_costs_none_of_the_others():
    later, inner = bytes([99, 0]), forged([(b"x", text(b"x"))])
    rows = [(b"good", text(b"one")), (b"later", later), (b"nested", inner), (b"empty", b""), (b"last", text(b"two"))]
    content = bytearray(forged(rows))
    parts = list(codings.unpack(bytes(content)).secret.parts())
    assert [part.name for part in parts if part.found] == ["good", "last"]
    assert "later stego" in parts[1].problem
    content[-1] ^= 1
    parts = list(codings.unpack(bytes(content)).secret.parts())
    assert [part.name for part in parts if part.found] == ["good"] and parts[-1].problem == "damaged"
    assert several.is_partly_intact(bytes(content)) and not several.is_partly_intact(text(b"x"))
    with pytest.raises(InvalidContent):
        codings.unpack(bytes(content[:20]))


def test_any_cut_or_flip_is_told_and_never_read_as_something_else():
    content = several.pack([("a.txt", text(b"first file")), ("b/c.txt", text(b"second file"))])
    rng = np.random.default_rng(0)
    for _ in range(300):
        changed = bytearray(content[: rng.integers(1, len(content) + 1)])
        changed[rng.integers(0, len(changed))] ^= 1 << int(rng.integers(0, 8))
        try:
            found = codings.unpack(bytes(changed)).secret
        except (InvalidContent, LaterVersion):
            continue
        if isinstance(found, codings.Several):
            for part in found.parts():
                assert part.found is None or part.found.secret in (b"first file", b"second file")


def test_pictures_together_may_ask_for_no_more_than_one_may():
    """One of 16 million pixels comes back from any stego; a hundred of them do not."""
    stream = streams.jxl(np.zeros((3000, 3000), np.uint8), 1)
    one = container.pack(container.JXL, ".png", bytes(4), stream)
    found = codings.unpack(forged([(f"{i}.png".encode(), one) for i in range(9)]), 1000).secret
    back = [part.found is not None for part in found.parts()]
    assert back == [True] + [False] * 8


def test_packed_files_together_come_to_no_more_than_one_may(monkeypatch):
    from stegocli.payload import lossless

    monkeypatch.setattr(several.claims, "MOST_UNPACKED", 1000)
    packed = lossless.file_content(".txt", b"x" * 600)
    assert packed[0] == container.PACKED
    found = codings.unpack(forged([(b"a.txt", packed), (b"b.txt", packed), (b"c.txt", text(b"y"))])).secret
    assert [part.found is not None for part in found.parts()] == [True, False, True]


def test_describe_names_all():
    content = several.pack([("a.txt", text(b"x")), ("b.png", container.pack(container.JXL, ".png", bytes(4),
                            streams.jxl(natural(20, 30), 1)))])  # fmt: skip
    told = codings.describe(content)
    assert told.coding == "2 files" and [(p.name, p.size) for p in told.parts] == [("a.txt", None), ("b.png", (30, 20))]
