"""Work in several processes: order, errors, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.processes import in_processes

ROOT = Path(__file__).parents[2]
# Each of two processes makes a file with its number as name, and works for good.
BUSY = """
import os, sys, threading
from pathlib import Path
sys.path.insert(0, {root!r})
from data.processes import in_processes

def work(video):
    Path(video, str(os.getpid())).touch()
    threading.Event().wait()

if __name__ == "__main__":
    list(in_processes(work, [{folder!r}] * 2, workers=2))
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers):
    assert list(in_processes(abs, range(-20, 0), workers)) == list(range(20, 0, -1))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_is_raised_where_it_belongs(workers):
    results = in_processes(float, ["1", "2", "three", "4"], workers)
    assert [next(results), next(results)] == [1.0, 2.0]
    with pytest.raises(ValueError, match="three"):
        next(results)


@pytest.mark.skipif(sys.platform == "win32", reason="asks for processes by signal")
def test_processes_end_with_the_one_that_is_killed(tmp_path):
    script, folder = tmp_path / "busy.py", tmp_path / "numbers"
    folder.mkdir()
    script.write_text(BUSY.format(root=str(ROOT), folder=str(folder)))
    parent = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL)
    until(lambda: len(list(folder.iterdir())) == 2)
    parent.kill()
    parent.wait()
    workers = [int(path.name) for path in folder.iterdir()]
    try:
        until(lambda: not any(map(runs, workers)))
    finally:
        for worker in filter(runs, workers):
            os.kill(worker, signal.SIGKILL)


def until(condition) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # One that has ended may wait for its parent to take notice.
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's memory")
def test_freed_memory_is_kept():
    """Memory that comes from the system anew is touched page by page; such faults are counted."""
    code = f"""
import resource, sys
import numpy as np
sys.path.insert(0, {str(ROOT)!r})
from data.processes import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(50_000_000, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

anew = [faults(), faults()][1]
keep_freed_memory()
kept = [faults(), faults()][1]
print(anew, kept)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    anew, kept = map(int, done.stdout.split())
    assert kept < anew / 10
