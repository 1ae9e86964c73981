"""Work in a child process: a crash loses one item, an error is raised here, models are loaded once."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.imaging.isolation import isolated

WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"


def crashed(item: int, how: str) -> str:
    return f"{item} {how}"


def test_results_come_in_order_from_one_other_process():
    results = list(isolated(lambda item: (item, os.getpid()), 5, crashed=crashed))
    assert [item for item, _ in results] == list(range(5))
    assert len({process for _, process in results}) == 1
    assert results[0][1] != os.getpid()


def test_a_segmentation_fault_and_an_exit_lose_one_item_each():
    def work(item: int) -> str:
        if item == 1:
            faulthandler.disable()
            ctypes.string_at(0)
        if item == 3:
            os._exit(7)
        return "done"

    assert list(isolated(work, 5, crashed=crashed)) == ["done", "1 SIGSEGV", "done", "3 exit code 7", "done"]


def test_a_kill_from_outside_is_no_fault_of_the_item():
    def work(item: int) -> str:
        if item == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return "done"

    results = isolated(work, 3, crashed=crashed)
    assert next(results) == "done"
    with pytest.raises(MrisynthError, match=r"SIGKILL.*more memory"):
        next(results)


class OwnError(Exception):
    """Cannot be made again from its arguments alone."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (OSError(28, "No space left on device"), OSError, "No space left"),
        (ScanError("flat", "a sentence", {"brain_ml": 3.0}), ScanError, "a sentence"),
        (MemoryError("none left"), MemoryError, "none left"),
        (OwnError(1, 2), MrisynthError, "OwnError: 1 and 2"),
    ],
)
def test_errors_are_raised_here(error: Exception, kind: type, text: str):
    def work(item: int) -> None:
        raise error

    with pytest.raises(kind, match=text) as raised:
        list(isolated(work, 1, crashed=crashed))
    assert type(raised.value) is kind
    if kind is ScanError:
        assert (raised.value.reason, raised.value.measures) == ("flat", {"brain_ml": 3.0})


def test_stopping_early_leaves_no_process():
    results = isolated(lambda item: os.getpid(), 3, crashed=crashed)
    child = next(results)
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_threads_of_torch_from_before_do_not_hang_the_child():
    code = (
        "import torch\n"
        "from mrisynth.imaging.isolation import isolated\n"
        "torch.set_num_threads(2)\n"
        "work = lambda item: float(torch.nan_to_num(torch.ones(4_000_000)).sum())\n"
        "assert work(0) == 4_000_000\n"
        "print(list(isolated(work, 2, crashed=lambda item, how: how)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, cwd=WORKFLOW)
    assert done.stdout.strip() == "[4000000.0, 4000000.0]", done.stderr
