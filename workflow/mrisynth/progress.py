"""Progress that people see: one line now and then on the terminal, also from jobs whose output goes to a log."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

Item = TypeVar("Item")

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Counts steps of one long task and prints a line at most every ten seconds, and one at the end.

    Lines go to the standard error that the process started with. ``MRISYNTH_QUIET=1`` keeps it silent.
    """

    def __init__(self, what: str, total: int) -> None:
        self.what = what
        self.total = total
        self.done = 0
        self._started = time.monotonic()
        self._last_line = self._started
        self._stream = _terminal()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count ``steps`` more; ``note`` (a loss, an exclusion) is shown on the next line printed."""
        self.done += steps
        now = time.monotonic()
        if self.done >= self.total or now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            self._print(now - self._started, note)

    def _print(self, elapsed_s: float, note: str) -> None:
        if self._stream is None:
            return
        left_s = elapsed_s / max(self.done, 1) * max(self.total - self.done, 0)
        left = f", {clock(left_s)} left" if self.done < self.total else ""
        tail = f" ({note})" if note else ""
        _say(self._stream, f"    {self.what}: {self.done}/{self.total} in {clock(elapsed_s)}{left}{tail}")


def track(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """Yield the items one by one and show the progress of the loop."""
    progress = Progress(what, total)
    for item in items:
        yield item
        progress.advance()


def announce(what: str) -> None:
    """Print one line that says what starts."""
    if (stream := _terminal()) is not None:
        _say(stream, f"[{time.strftime('%H:%M:%S')}] {what}")


def clock(seconds: float) -> str:
    """Return seconds as ``minutes:seconds``, from an hour on as ``hours:minutes:seconds``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _say(stream: TextIO, line: str) -> None:
    stream.write(line + "\n")  # one write, so that lines of jobs side by side stay whole
    stream.flush()


def _terminal() -> TextIO | None:
    return None if os.environ.get("MRISYNTH_QUIET") == "1" else sys.__stderr__
