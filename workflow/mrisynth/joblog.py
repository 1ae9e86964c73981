"""The log of one job: its messages and its error, in the rule's log file and short on the terminal."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mrisynth.errors import MrisynthError
from mrisynth.progress import announce


@contextmanager
def logged(log: str | Path) -> Iterator[None]:
    """Send the messages of the block to the file ``log``, and say on the terminal that the job starts.

    An error for people ends the job with its one sentence on the terminal and in the log; any other error
    leaves its traceback in both.
    """
    path = Path(str(log))
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    announce("/".join(path.with_suffix("").parts[-3:]).split("logs/")[-1])
    try:
        yield
    except MrisynthError as error:
        logging.getLogger("mrisynth").error("%s", error)
        print(f"mrisynth: {error}", file=sys.__stderr__, flush=True)
        raise SystemExit(1) from None
    except Exception:
        logging.getLogger("mrisynth").error("%s", traceback.format_exc())
        raise
    finally:
        root.removeHandler(handler)
        handler.close()
