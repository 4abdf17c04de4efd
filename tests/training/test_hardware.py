import pytest
import torch

from stegocli.errors import StegoError
from stegocli.training import hardware


@pytest.mark.parametrize(
    "text,size", [("4GB", 4 * 2**30), ("800 MB", 800 * 2**20), ("1.5g", 3 * 2**29), ("2GiB", 2**31), ("5000", 5000)]
)
def test_sizes(text, size):
    assert hardware.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-4GB", "4 cards", "0GB", "4GBB"])
def test_what_is_no_size_is_a_sentence(text):
    with pytest.raises(StegoError, match="4GB or 800MB"):
        hardware.parse_size(text)


class Card:
    total_memory = 8 * 2**30


def test_a_limit_becomes_a_share_of_the_card(monkeypatch):
    shares = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda card: Card)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *given: shares.append(given))
    assert hardware.limit_memory("2GB") is None and shares == [(0.25, 0)]
    with pytest.raises(StegoError, match="more than the card has"):
        hardware.limit_memory("16GB")


def test_without_a_card_it_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "no CUDA card" in hardware.limit_memory("4GB")
