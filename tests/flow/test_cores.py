"""Parts of the work side by side: in order, each on its share of the threads, and errors come through."""

import threading
import time

import pytest
import torch

from stegocli.flow import cores


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("parts, most, threads", [(9, 16, 1), (2, 16, 2), (9, 2, 2), (9, 1, 4), (1, 16, 4)])
def test_results_are_in_order_and_threads_are_shared(four_threads, parts, most, threads):
    def work(part):
        time.sleep(0.01 * (part % 2))
        return part, torch.get_num_threads()

    assert list(cores.side_by_side(work, range(parts), most)) == [(part, threads) for part in range(parts)]
    assert torch.get_num_threads() == 4
    seen = []
    later = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert seen == [4]


@pytest.mark.parametrize("inference", [False, True])
def test_inference_mode_goes_along(four_threads, inference):
    with torch.inference_mode(inference):
        made = list(cores.side_by_side(lambda part: torch.ones(part + 1), range(3), 4))
    assert [tensor.is_inference() for tensor in made] == [inference] * 3


def test_an_error_comes_through_and_the_rest_is_not_begun(four_threads):
    begun = []

    def work(part):
        begun.append(part)
        time.sleep(0.02)
        if part == 1:
            raise ValueError("part 1")

    with pytest.raises(ValueError, match="part 1"):
        list(cores.side_by_side(work, range(100), 2))
    assert len(begun) < 10 and torch.get_num_threads() == 4
