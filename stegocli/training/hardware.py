"""The limits under which training runs: how much of a card's memory it may take."""

import os
import re

import torch

from ..errors import StegoError, option

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def parse_size(text: str) -> int:
    """Bytes of a size such as ``4GB``, ``800 MB`` or ``1.5G``; units are powers of 1024.

    Raises:
        StegoError: when it is none.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    size = float(match[1]) * _UNITS[match[2].upper()] if match else 0
    if size < 1:
        raise StegoError(f"{text!r} is no size of a memory: write it like 4GB or 800MB.")
    return int(size)


def limit_memory(limit: str) -> str | None:
    """Let PyTorch's allocator on this process's card have no more than this, as on a smaller card.

    What doesn't fit is an out-of-memory error, which training answers with smaller steps.

    Returns:
        A note where there is no card to limit.

    Raises:
        StegoError: for a size that is none or larger than the card.
    """
    size = parse_size(limit)
    if not torch.cuda.is_available():
        return f"no CUDA card here: {option('vram_limit')} {limit} changes nothing"
    card = int(os.environ.get("LOCAL_RANK", "0"))
    whole = torch.cuda.get_device_properties(card).total_memory
    if size > whole:
        raise StegoError(
            f"{option('vram_limit')} {limit} is more than the card has ({whole / 2**30:.1f} GB): give less."
        )
    torch.cuda.set_per_process_memory_fraction(size / whole, card)
    return None
