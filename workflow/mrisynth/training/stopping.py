"""A training that is told to stop keeps what it has done, and goes on from there when its chunk runs again."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import torch

from mrisynth.errors import MrisynthError
from mrisynth.models.interface import State
from mrisynth.recipes import ModelRecipe
from mrisynth.training.state import load_state, read_state, save_state
from mrisynth.training.watch import Watch

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)  # what schedulers send some time before they kill

_log = logging.getLogger(__name__)


class TrainingStoppedError(MrisynthError):
    """A training was told to stop and kept its state; the same command goes on from there."""

    exit_status = 75  # EX_TEMPFAIL: try again


class StopRequest:
    """Within this context SIGTERM and SIGUSR1 only leave a note, which the training looks for after every update.

    A process that trains in another thread than its main one keeps the handlers that it has.

    Attributes:
        signal: name of the signal that came; None before.
    """

    def __init__(self) -> None:
        self.signal: str | None = None
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            self._handlers = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number).name


class Progress:
    """What a chunk has done besides its state.

    Attributes:
        curve: rows of the loss curve so far.
        recent: losses of the updates since the last row.
    """

    def __init__(self) -> None:
        self.curve: list[dict[str, float]] = []
        self.recent: list[dict[str, torch.Tensor]] = []


def discard_outdated(path: Path, *, inputs: Iterable[Path]) -> None:
    """Delete the file that a stopped chunk left when any input of the chunk is newer."""
    if not path.is_file():
        return
    written = path.stat().st_mtime_ns
    newer = [file for file in inputs if file.is_file() and file.stat().st_mtime_ns > written]
    if newer:
        _log.warning("%s is older than %s: the chunk starts anew", path, newer[0])
        path.unlink()


def keep(path: Path, state: State, progress: Progress, *, watch: Watch | None, fingerprint: str) -> None:
    """Write the state of a chunk in its middle, with the rows of its curve and all that was watched."""
    stopped = {"curve": progress.curve, "recent": progress.recent, "watch": watch.memory() if watch else {}}
    save_state(state, path, fingerprint=fingerprint, more={"stopped": stopped})


def go_on(
    path: Path,
    state: State,
    *,
    watch: Watch | None,
    steps: range,
    fingerprint: str,
    device: str,
) -> Progress:
    """Fill a freshly built state with what a stopped chunk kept; return its progress.

    A file that is torn, of another recipe or of another place in the chain is left alone: the chunk starts anew.

    Args:
        path: what :func:`keep` wrote.
        state: of the training, at the start of the chunk.
        watch: what watches the chunk.
        steps: updates of the chunk.
        fingerprint: of the recipe.
        device: where the state goes.
    """
    progress = Progress()
    try:
        content = read_state(path, device=device)
    except MrisynthError as error:
        _log.warning("%s The chunk starts anew.", error)
        return progress
    if content["fingerprint"] != fingerprint or content["step"] not in steps or "stopped" not in content:
        _log.warning("%s belongs to another training: the chunk starts anew", path)
        return progress
    load_state(state, path, fingerprint=fingerprint, device=device)
    stopped = content["stopped"]
    progress.curve, progress.recent = stopped["curve"], stopped["recent"]
    if watch is not None and stopped["watch"]:
        watch.recall(stopped["watch"])
    _log.info("goes on after update %d, where this chunk was stopped", state.step)
    return progress


def stopped_error(
    recipe: ModelRecipe, *, path: Path, chunk: int, step: int, last_step: int, by: str | None
) -> TrainingStoppedError:
    """Return the error that ends a stopped training."""
    return TrainingStoppedError(
        f"Model {recipe.name}, chunk {chunk}: told to stop ({by or 'by another process'}) after update {step} of "
        f"{last_step}; all of it is kept in {path}. Run the same command again and it goes on from there."
    )
