"""The queue: one at a time, stopped when asked, alive after whatever happens to a job."""

import os
import threading
import time

import pytest
from serving import Fail, Sleep

from stegocli import StegoError
from stegocli.web import jobs
from stegocli.web.jobs import DONE, FAILED, RUNNING, WAITING, Queue, TooMany
from stegocli.web.tasks import Asked, Reveal, Upload


@pytest.fixture(scope="module")
def queue(tmp_path_factory):
    made = Queue(tmp_path_factory.mktemp("queue")).start()
    yield made
    made.close()


def until(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come")


def ended(job):
    until(lambda: job.ended is not None)
    return job


def test_one_job_at_a_time_and_the_next_after_one_is_stopped(queue, tmp_path):
    first, second = (queue.add("me", Sleep(tmp_path / name)) for name in ("first", "second"))
    until((tmp_path / "first").exists)
    assert (first.state, second.state) == (RUNNING, WAITING) and (queue.ahead(first), queue.ahead(second)) == (0, 1)
    until(lambda: first.stage == "sleeping")
    assert first.share == 0.5 and not (tmp_path / "second").exists()
    assert (first.folder / "half-done").exists()
    queue.drop(first)
    assert not first.folder.exists()
    until((tmp_path / "second").exists)
    assert second.state == RUNNING
    # The process of the first was ended, and with it whatever it was at.
    assert (tmp_path / "first").read_text() != (tmp_path / "second").read_text()
    queue.drop(second)


def test_a_job_that_waits_can_be_dropped(queue, tmp_path):
    first, second = (queue.add("me", Sleep(tmp_path / name)) for name in ("first", "second"))
    queue.drop(second)
    assert queue.ahead(second) == 0
    until((tmp_path / "first").exists)
    queue.drop(first)
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize(
    "error, said, asked",
    [
        (StegoError("It is so."), "It is so.", False),
        (Asked("It is locked."), "It is locked.", True),
        (MemoryError(), "Memory is full", False),
        (RuntimeError("odd\nthing"), "should not have happened (RuntimeError: odd thing)", False),
        (None, "ended from outside", False),
    ],
)
def test_whatever_happens_to_a_job_is_told_in_a_sentence(queue, error, said, asked):
    job = ended(queue.add("me", Fail(error)))
    assert job.state == FAILED and said in job.error and job.asked == asked
    assert "\n" not in job.error and job.error.endswith(".")


def test_the_queue_goes_on_after_its_process_was_killed(queue, tmp_path):
    job = queue.add("me", Sleep(tmp_path / "began"))
    until((tmp_path / "began").exists)
    os.kill(int((tmp_path / "began").read_text()), 9)
    assert ended(job).state == FAILED and "lack of memory" in job.error
    assert ended(queue.add("me", Fail(StegoError("Still here.")))).error == "Still here."


def test_a_message_names_no_temporary_file(queue, tmp_path):
    (tmp_path / "abc").write_bytes(b"no picture")
    job = ended(queue.add("me", Reveal(Upload(tmp_path / "abc", "mine.png"))))
    assert job.state == FAILED and job.error.startswith("mine.png ") and str(tmp_path) not in job.error


def test_a_password_stays_nowhere(queue, tmp_path):
    task = Reveal(Upload(tmp_path / "none", "mine.png"), "my secret password")
    job = ended(queue.add("me", task))
    assert job.task is None and "my secret password" not in repr(task) + repr(job)


def test_a_queue_that_is_full_takes_no_more(queue, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "MOST_WAITING", 2)
    first = queue.add("me", Sleep(tmp_path / "first"))
    until((tmp_path / "first").exists)
    waiting = [queue.add("me", Sleep(tmp_path / "x")) for _ in range(2)]
    with pytest.raises(TooMany):
        queue.add("me", Sleep(tmp_path / "x"))
    for job in (*waiting, first):
        queue.drop(job)


def test_closing_ends_what_runs_and_what_waits(tmp_path):
    queue = Queue(tmp_path).start()
    running, waiting = (queue.add("me", Sleep(tmp_path / name)) for name in ("first", "second"))
    until((tmp_path / "first").exists)
    before = threading.active_count()
    queue.close()
    assert threading.active_count() < before and DONE not in (running.state, waiting.state)
    with pytest.raises(OSError):
        os.kill(int((tmp_path / "first").read_text()), 0)
