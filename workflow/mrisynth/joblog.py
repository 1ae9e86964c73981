"""One job: its messages and its error in the rule's log file and short on the terminal, and its record."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from mrisynth.disk import disk_error
from mrisynth.errors import MrisynthError
from mrisynth.orphans import die_with_snakemake
from mrisynth.progress import announce
from mrisynth.provenance.record import Job, Record, recorded


@contextmanager
def running(job: Job) -> Iterator[Record]:
    """Run the block of a rule's script: log it, and record what it was made of once it has succeeded.

    Args:
        job: what Snakemake calls ``snakemake`` in a script.
    """
    with logged(job.log[0]), recorded(job) as record:
        yield record


@contextmanager
def logged(log: str | Path) -> Iterator[None]:
    """Send the messages of the block to the file ``log``, and say on the terminal that the job starts.

    An error for people, and one of the disk, ends the job with its one sentence on the terminal and in the log; any
    other error leaves its traceback in both. The job does not outlive the snakemake that started it.
    """
    die_with_snakemake()
    path = Path(str(log))
    try:
        handler = _log_file(path)
    except OSError as error:
        _end(disk_error(path, error) or error)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    announce("/".join(path.with_suffix("").parts[-3:]).split("logs/")[-1])
    try:
        yield
    except MrisynthError as error:
        _end(error)
    except Exception as error:
        if isinstance(error, OSError) and (told := disk_error(_named_in(error) or path, error)) is not None:
            _end(told)
        logging.getLogger("mrisynth").error("%s", traceback.format_exc())
        raise
    finally:
        root.removeHandler(handler)
        handler.close()


class _LogFile(logging.FileHandler):
    """A log that stays silent about itself: what a full disk does not take stands on the terminal as well."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Do nothing."""


def _log_file(path: Path) -> logging.FileHandler:
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = _LogFile(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler


def _named_in(error: OSError) -> Path | None:
    return Path(error.filename) if isinstance(error.filename, str) else None


def _end(error: Exception) -> NoReturn:
    logging.getLogger("mrisynth").error("%s", error)
    print(f"mrisynth: {error}", file=sys.__stderr__, flush=True)
    raise SystemExit(getattr(error, "exit_status", 1)) from None
