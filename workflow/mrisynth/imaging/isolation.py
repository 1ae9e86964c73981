"""Isolation: work done item by item in a child process, so that a crash of the process loses one item and no more."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import TypeVar

from mrisynth.errors import MrisynthError
from mrisynth.orphans import die_with_parent
from mrisynth.provenance.packages import loaded_modules, note_modules

Result = TypeVar("Result")

# Sent by people, by the scheduler or by a machine without memory: no fault of the item.
_FROM_OUTSIDE = frozenset((signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU))


def isolated(work: Callable[[int], Result], count: int, *, crashed: Callable[[int, str], Result]) -> Iterator[Result]:
    """Yield ``work(0)``, ``work(1)`` ... ``work(count - 1)``, all done in one forked child, one after the other.

    A child that dies in an item (a segmentation fault of a library, an abort) makes ``crashed(item, how)`` the result
    of that item, and a new child goes on with the next. Whatever the work loads is loaded once a child. Where torch is
    loaded before, it has one thread in the child.

    Args:
        work: what to do for an item; its result travels between the processes.
        crashed: what stands for an item in which the process died; ``how`` is a phrase such as ``SIGSEGV``.

    Raises:
        Exception: what ``work`` raises is raised here.
        MrisynthError: the child was killed from outside (out of memory, end of the job's time).
    """
    item = 0
    while item < count:
        child, results = _start(work, item, count)
        try:
            while item < count and (answer := _receive(results)) is not None:
                result, error, modules = answer
                note_modules(modules.items())
                if error is not None:
                    raise error
                yield result
                item += 1
        finally:
            _stop(child, results)
        if item < count:
            yield crashed(item, _how(child.exitcode))
            item += 1


def _start(
    work: Callable[[int], Result], first: int, count: int
) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    context = multiprocessing.get_context("fork")  # the work is no module-level function and holds open models
    results, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(work, first, count, results, sender, os.getpid()), daemon=True)
    child.start()
    sender.close()
    return child, results


def _child(
    work: Callable[[int], Result], first: int, count: int, results: Connection, sender: Connection, parent: int
) -> None:
    die_with_parent(parent)  # it must not go on writing when the job is killed
    results.close()
    _forget_threads()
    for item in range(first, count):
        try:
            sender.send((work(item), None, loaded_modules()))
        except BaseException as error:
            sender.send((None, error if _travels(error) else MrisynthError(f"{type(error).__name__}: {error}"), {}))
            break
    sender.close()
    os._exit(0)  # what the parent registered to happen at its end must not happen here


def _forget_threads() -> None:
    """Let torch work in this thread alone: it would wait for ever for threads that it had before the fork."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


def _travels(error: BaseException) -> bool:
    try:
        return isinstance(pickle.loads(pickle.dumps(error)), type(error))  # noqa: S301 (made one line before)
    except Exception:
        return False


def _receive(results: Connection) -> tuple[Result | None, BaseException | None, dict[str, str | None]] | None:
    try:
        return results.recv()
    except (EOFError, ConnectionResetError):
        return None


def _stop(child: multiprocessing.process.BaseProcess, results: Connection) -> None:
    results.close()
    if child.is_alive():
        child.join(timeout=1)
    if child.is_alive():
        child.terminate()
    child.join()


def _how(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        if -exitcode in _FROM_OUTSIDE:
            raise MrisynthError(
                f"A process that preprocesses scans was killed from outside ({name}), most often for lack of memory; "
                "give the job more memory or time and run again: the scans done so far are kept."
            )
        return name
    return f"exit code {exitcode}"
