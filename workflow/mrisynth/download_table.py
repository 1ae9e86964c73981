"""The table of downloads: where each file comes from, how long it is, its checksum, licence and citation."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from mrisynth.errors import MrisynthError
from mrisynth.files import MISSING


@dataclass(frozen=True, kw_only=True)
class Download:
    """One file that can be downloaded.

    Attributes:
        addresses: http or https addresses of the same bytes, tried in this order.
        size_bytes: exact size; None where nobody published it.
        checksum: ``md5:...`` or ``sha256:...``; None where nobody published it, the one of the first download is then
            recorded in ``checksums.tsv`` beside the file and later downloads must equal it.
    """

    name: str
    file_name: str
    addresses: tuple[str, ...]
    size_bytes: int | None = None
    checksum: str | None = None
    licence: str = MISSING
    citation: str = MISSING


def read_datasets(table: Path) -> dict[str, Download]:
    """Read ``resources/datasets.tsv``: name, file_name, address (several allowed), bytes, checksum, licence, citation.

    Raises:
        MrisynthError: the file or a column is missing, or a row has no usable address, size or checksum.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    except OSError as error:
        raise MrisynthError(f"{table}, the table of downloads, cannot be read ({error.strerror}).") from error
    downloads = {}
    for line, row in enumerate(rows, start=2):
        try:
            downloads[row["name"]] = _download(row)
        except (KeyError, ValueError, AttributeError) as error:
            raise MrisynthError(f"line {line} of {table} is no download: {error}.") from error
    return downloads


def _download(row: dict[str, str]) -> Download:
    addresses = tuple(row["address"].split())
    if not addresses or not all(address.startswith(("http://", "https://")) for address in addresses):
        raise ValueError(f"address {row['address']!r} should be http or https addresses separated by spaces")
    checksum = None if row["checksum"] == MISSING else row["checksum"]
    if checksum:
        kind, _, digits = checksum.partition(":")
        if kind not in ("md5", "sha256") or len(digits) != {"md5": 32, "sha256": 64}[kind]:
            raise ValueError(f"checksum {checksum!r} should be md5: or sha256: and the digits, or {MISSING}")
    if Path(row["file_name"]).name != row["file_name"]:
        raise ValueError(f"file_name {row['file_name']!r} should be a plain name")
    return Download(
        name=row["name"],
        file_name=row["file_name"],
        addresses=addresses,
        size_bytes=None if row["bytes"] == MISSING else int(row["bytes"]),
        checksum=checksum,
        licence=row["licence"],
        citation=row["citation"],
    )
