"""Stegos with any content, forged or not."""

from pathlib import Path

import numpy as np
from pictures import natural
from PIL import Image

from stegocli.payload import codings, embedding, header
from stegocli.payload.embedding import PayloadDescriptor
from stegocli.payload.header import Header


def content(name: str, own: bytes = b"content") -> bytes:
    field = name.encode("utf-8", "surrogateescape")
    return bytes([codings.FILE, len(field)]) + field + own


def stego_of(path: Path, packed: bytes, rgb: np.ndarray | None = None) -> Path:
    """A stego with any content, forged or not."""
    rgb = natural(60, 80) if rgb is None else rgb
    plan = embedding.plan(embedding.capacity(rgb.size, False), 8 * len(packed))
    rgb = embedding.embed_open(rgb, packed, plan)
    Image.fromarray(header.embed(rgb, Header(2, PayloadDescriptor(len(packed), plan).pack()))).save(path)
    return path
