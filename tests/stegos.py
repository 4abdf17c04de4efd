"""Stegos with any content, forged or not, and what codes their content."""

from pathlib import Path

import numpy as np
from pictures import natural
from PIL import Image

from stegocli.payload import container, embedding, header
from stegocli.payload.codings import Encoder, Secret
from stegocli.payload.embedding import PayloadDescriptor
from stegocli.payload.header import Header
from stegocli.picture.inputs import Source


def content(name: str, own: bytes = b"content") -> bytes:
    field = name.encode("utf-8", "surrogateescape")
    return bytes([container.FILE, len(field)]) + field + own


def stego_of(path: Path, packed: bytes, rgb: np.ndarray | None = None) -> Path:
    """A stego with any content, forged or not."""
    rgb = natural(60, 80) if rgb is None else rgb
    plan = embedding.plan(embedding.capacity(rgb.size, False), 8 * len(packed))
    rgb = embedding.embed_open(rgb, packed, plan)
    Image.fromarray(header.embed(rgb, Header(2, PayloadDescriptor(len(packed), plan).pack()))).save(path)
    return path


def encoder(path: Path) -> Encoder:
    """What codes the file at a path."""
    return Secret(Source.read(path)).encoder
