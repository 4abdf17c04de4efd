"""Folders on any executor: the same files as one process makes, whatever becomes of the workers."""

import os
import shutil
import signal
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from pictures import natural
from PIL import Image
from systems import posix

from stegocli import folders
from stegocli.methods import Exact

pytestmark = pytest.mark.usefixtures("quick_keys")


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """Five covers, of which one is broken; the current folder. Two secrets of one name come out of three stegos."""
    monkeypatch.chdir(tmp_path)
    for name in ("covers", "one", "other"):
        Path(name).mkdir()
    for i in range(4):
        Image.fromarray(natural(48, 56, i)).save(f"covers/{i}.png")
    Path("covers/3b.png").write_bytes(b"broken")
    Path("note.txt").write_text("a note")
    Path("notes").mkdir()
    Path("notes/x.txt").write_text("x")
    return tmp_path


class Now(Executor):
    """Does a call at once, `times` over, as one does that lost a worker which had done it; the last result counts."""

    def __init__(self, times: int = 1, lost: tuple[int, ...] = ()):
        self.times, self.lost, self.count = times, lost, 0

    def submit(self, call, *arguments):
        future: Future = Future()
        self.count += 1
        if self.count in self.lost:
            future.set_exception(RuntimeError("worker died"))
        else:
            future.set_result([call(*arguments) for _ in range(self.times)][-1])
        return future


def tree(folder: str) -> dict[str, bytes]:
    every = (path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in every}


def told(results) -> list[tuple[str, str]]:
    return [(str(done.path), getattr(done, "reason", "").replace(f"{Path.cwd()}/", "")) for done in results]


def both_ways(executor: Executor) -> None:
    """Hide and reveal, by one process and by the executor, and compare all that comes out."""
    for secrets in ("note.txt", ["note.txt", "notes"]):
        for folder in ("a", "b", "ra", "rb"):
            shutil.rmtree(folder, ignore_errors=True)
        here = told(folders.hide("covers", secrets, "a", Exact()))
        there = told(folders.hide("covers", secrets, "b", Exact(), executor=executor))
        assert [(p.replace("a/", "b/", 1) if not r else p, r) for p, r in here] == [
            (p.replace(f"{Path.cwd()}/", ""), r) for p, r in there
        ]
        assert tree("a") == tree("b") and len(tree("a")) == 4
        here = told(folders.reveal("a", "ra"))
        there = told(folders.reveal("a", "rb", executor=executor))
        assert [p.replace("ra", "rb", 1) for p, _ in here] == [p for p, _ in there]
        assert tree("ra") == tree("rb") and len(tree("ra")) >= 4
        assert not [path for folder in ("b", "rb") for path in Path(folder).iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("times", [1, 2])
def test_a_call_that_is_run_twice_leaves_one_result(desk, times):
    both_ways(Now(times))


def test_threads(desk):
    with ThreadPoolExecutor(3) as threads:
        both_ways(threads)


def test_what_a_worker_takes_down_with_it_is_told_and_the_rest_is_done(desk):
    done = list(folders.hide("covers", "note.txt", "out", Exact(), executor=Now(lost=(2,))))
    assert [type(one).__name__ for one in done] == ["Hidden", "Failed", "Hidden", "Hidden", "Failed"]
    assert "lost with its worker" in done[1].reason and "worker died" in done[1].reason
    assert sorted(tree("out")) == ["0.png", "2.png", "3.png"]


def test_what_is_there_is_replaced_only_with_force(desk):
    Path("out").mkdir()
    Path("out/1.png").write_bytes(b"mine")
    done = list(folders.hide("covers", "note.txt", "out", Exact(), executor=Now()))
    assert "already exists" in done[1].reason and Path("out/1.png").read_bytes() == b"mine"
    done = list(folders.hide("covers", "note.txt", "out", Exact(), executor=Now(), force=True))
    assert [type(one).__name__ for one in done].count("Hidden") == 4 and Path("out/1.png").read_bytes() != b"mine"


def test_shards_share_all_files_among_them(desk):
    for i in range(1, 4):
        assert len(list(folders.hide("covers", "note.txt", "out", Exact(), shard=(i, 3)))) == (2 if i < 3 else 1)
    whole = list(folders.hide("covers", "note.txt", "whole", Exact()))
    assert tree("out") == tree("whole") and len(whole) == 5
    for i in range(1, 10):
        list(folders.reveal("out", "revealed", shard=(i, 9)))
    list(folders.reveal("whole", "revealed-whole"))
    assert tree("revealed") == tree("revealed-whole")


# -- Dask --------------------------------------------------------------------------------------------------------------


@posix
@pytest.mark.slow
def test_a_dask_cluster_of_two_processes_of_which_one_is_killed(desk, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD", "spawn")
    monkeypatch.setenv("PYTHONPATH", str(Path(folders.__file__).parents[1]))
    for i in range(4, 9):
        Image.fromarray(natural(300, 360, i)).save(f"covers/{i}.png")
    list(folders.hide("covers", ["note.txt", "notes"], "a", Exact()))
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor()
        workers = sorted(client.run(os.getpid).values())
        results = folders.hide("covers", ["note.txt", "notes"], "b", Exact(), executor=executor)
        done = [next(results)]
        os.kill(workers[0], signal.SIGKILL)
        done += results
        assert [type(one).__name__ for one in done].count("Hidden") == 9, done
        assert tree("a") == tree("b")
        found = list(folders.reveal("b", "rb", executor=executor))
        assert workers[0] not in client.run(os.getpid).values()
    assert len(found) == 9 and not any(isinstance(one, folders.Failed) for one in found)
    list(folders.reveal("a", "ra"))
    assert tree("ra") == tree("rb")
