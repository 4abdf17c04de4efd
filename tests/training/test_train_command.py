"""`stego train` as it is typed, in this process."""

import pytest
from command import stego


def typed(*arguments):
    """Exit code, and what was shown on stdout and on stderr."""
    done = stego("train", *arguments)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def options(settings):
    return [
        "--data", settings.data, "--out", settings.out, "--crop", 16, "--workers", 0, "--levels", 1,
        "--num-blocks", 1, "--hidden-channels", 4,
    ]  # fmt: skip


def test_a_second_run_needs_force_or_resume(options, settings):
    code, shown, _ = typed(*options, "--epochs", 1)
    assert code == 0 and "epoch 1/1" in shown and "best: epoch 1" in shown
    code, _, error = typed(*options, "--epochs", 1)
    assert code == 1 and error.startswith("stego: ")
    code, _, error = typed(*options, "--seed", 5, "--batch-size", 1, "--epochs", 2, "--resume")
    assert code == 1 and "--batch-size, --seed" in error, "a resumed run keeps its options"
    assert typed(*options, "--epochs", 2, "--resume")[0] == 0, "those of the very command may stay"
    assert typed("--out", settings.out, "--epochs", 3, "--resume")[0] == 0
    assert typed(*options, "--epochs", 1, "--force")[0] == 0
    assert typed("--out", settings.out, "--resume", "--force")[0] == 2


@pytest.mark.parametrize(
    "wrong", [("--seed", 2**64), ("--seed", 2**63), ("--num-blocks", 65), ("--hidden-channels", 2000), ("--levels", 4)]
)
def test_numbers_that_can_not_be_are_wrong_usage(options, wrong):
    assert typed(*options, *wrong)[0] == 2


def test_a_limit_without_a_card_is_a_note(options):
    code, shown, _ = typed(*options, "--epochs", 1, "--vram-limit", "4GB")
    assert code == 0 and "no CUDA card" in shown
    code, _, error = typed(*options, "--vram-limit", "much")
    assert code == 1 and error.startswith("stego: ")


def test_a_run_from_weights_resumes_by_its_own_command_without_them(options, settings, tmp_path):
    start = tmp_path / "start.safetensors"
    assert typed(*options, "--epochs", 1)[0] == 0
    (settings.out / "best.safetensors").rename(start)
    own = ["--data", settings.data, "--out", tmp_path / "own", "--crop", 16, "--workers", 0, "--init", start]
    assert typed(*own, "--epochs", 1)[0] == 0
    start.unlink()
    assert typed(*own, "--epochs", 2, "--resume")[0] == 0
    code, _, error = typed(*own, "--init", tmp_path / "other.safetensors", "--epochs", 3, "--resume")
    assert code == 1 and "--init" in error
