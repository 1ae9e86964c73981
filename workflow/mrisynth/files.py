"""Files: written beside their final path and renamed, so that a torn file never stands at a final path."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrisynth.disk import disk_error

if TYPE_CHECKING:
    import pandas as pd

MISSING = "n/a"  # BIDS: a missing value in a table
UNFINISHED = ".unfinished-"
"""How the names of files begin that are being written."""


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder with the same suffixes; rename it to ``path`` on success.

    The temporary file is removed when the block fails, and the folder is made when it is not there. The bytes are on
    the disk before the name is: a machine that loses its power leaves a whole file or none.

    Raises:
        DiskError: the disk is full or failing, or the folder cannot be written to.
    """
    path = Path(path)
    unfinished = path.with_name(f"{UNFINISHED}{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        _put_on_disk(unfinished)
        unfinished.replace(path)
    except Exception as error:
        if (told := disk_error(path, error)) is not None:
            raise told from error
        raise
    finally:
        unfinished.unlink(missing_ok=True)


def _put_on_disk(path: Path) -> None:
    """Wait until a file is stored, which is also when a network file system says that its disk is full."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def keep_file(source: Path, path: Path) -> None:
    """Make ``path`` the same file as ``source``, which may then be deleted; a copy where links cannot be made."""
    with atomic(path) as unfinished:
        try:
            unfinished.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, unfinished)


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(content: Any, path: str | Path) -> None:
    """Write ``content`` as indented JSON with sorted keys; NaN is refused."""
    with atomic(path) as unfinished:
        unfinished.write_text(json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text())


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a tab-separated table with a header and no index; missing values are ``n/a`` as in BIDS."""
    with atomic(path) as unfinished:
        table.to_csv(unfinished, sep="\t", index=False, na_rep=MISSING, lineterminator="\n")


def read_table(path: str | Path, **columns: Any) -> pd.DataFrame:
    """Read a tab-separated table; ``n/a`` and empty cells are missing, and no other (a diagnosis may be ``None``).

    Identifiers stay text.

    Args:
        columns: types of further columns, passed to pandas as ``dtype``.
    """
    import pandas as pd

    text = dict.fromkeys(("scan", "participant_id", "visit", "site", "split", "label_name", "cluster_name"), "string")
    missing = {"na_values": [MISSING, ""], "keep_default_na": False}
    return pd.read_csv(path, sep="\t", dtype=text | columns, encoding="utf-8-sig", **missing)
