"""The errors that a user is meant to read: one sentence each, saying what to do."""

from __future__ import annotations


class MrisynthError(Exception):
    """Something the user can mend: what was found, what was expected, which file or key, what to do."""


class ConfigError(MrisynthError):
    """A configuration key is unknown, missing, of the wrong type or out of range."""


class ScanError(MrisynthError):
    """One scan cannot be used; it becomes a row with a reason and never stops the others.

    Args:
        reason: short machine-readable code such as ``truncated`` or ``not_3d``, a column of the quality table.
        message: one sentence for people, naming the file.
        measures: what had been measured of the scan before.
    """

    def __init__(self, reason: str, message: str, measures: dict[str, float] | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.measures = measures or {}

    def __reduce__(self) -> tuple[type[ScanError], tuple[str, str, dict[str, float]]]:
        return type(self), (self.reason, str(self), self.measures)
