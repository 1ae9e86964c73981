"""The table of faults: what is injected, which tests carry `@pytest.mark.fault(number)`, and what happened."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

FAULTS = {
    1: "a rule is killed at any moment (SIGKILL)",
    2: "snakemake is killed with jobs running",
    3: "training is told to stop, or its time is over",
    4: "training is killed at random updates",
    5: "a state or download is torn in its writing",
    6: "the disk is full",
    7: "read-only folder, missing input",
    8: "a second snakemake on the same folder",
    9: "a file system with wrong times and late files",
    10: "a scheduler that lies or kills jobs",
    11: "damaged scans",
    12: "compression bombs, absurd dimensions",
    13: "hostile archives",
    14: "broken downloads",
    15: "failed brain extraction and registration",
    16: "wrong tables of participants",
    17: "NaN in losses, gradients, weights",
    18: "collapse, saturation, too little data",
    19: "out of GPU memory",
    20: "degenerate sets in metrics",
    21: "planted copies of training scans",
    22: "hostile names and configuration",
    23: "hostile weights, volumes, tables",
    24: "weights swapped after pinning",
    25: "secrets in the environment",
    26: "names of people in headers and files",
    27: "export of restricted data",
    28: "the same seed twice",
    29: "one configuration value changed",
    30: "provenance; an output is deleted",
    31: "files of an earlier release",
    32: "a clean machine: no network, GPU, data",
}
NO_TEST = "MISSING"
_NAME_WIDTH, _REASON_WIDTH = 44, 64


@dataclass
class Outcome:
    """What happened to the tests of one fault."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)  # the reasons

    @property
    def tests(self) -> int:
        return self.passed + len(self.failed) + len(self.skipped)

    @property
    def word(self) -> str:
        if self.failed:
            return "FAILED"
        if self.passed:
            return "passed"
        return "skipped" if self.skipped else NO_TEST

    @property
    def remarks(self) -> list[str]:
        reasons = dict.fromkeys(self.skipped)  # each once, in order
        return [*self.failed, *(f"{self.skipped.count(reason)} skipped: {reason}" for reason in reasons)]


def numbers_of(item: pytest.Item) -> set[int]:
    """The faults that a test is marked with.

    Raises:
        pytest.UsageError: for a mark without a number, or with a number that is no fault.
    """
    numbers = {number for mark in item.iter_markers("fault") for number in mark.args or (None,)}
    if wrong := numbers - set(FAULTS):
        raise pytest.UsageError(f"{item.nodeid}: mark fault({wrong.pop()}), expected a number of tests/faults/table.py")
    return numbers


class FaultTable:
    """A pytest plugin: runs the tests of some faults and prints what happened to each fault.

    Args:
        wanted: numbers of faults; each must have a test.
    """

    def __init__(self, wanted: Iterable[int] = FAULTS) -> None:
        self.wanted = sorted(wanted)
        self.outcomes: dict[int, Outcome] = {number: Outcome() for number in self.wanted}
        self._faults_of: dict[str, set[int]] = defaultdict(set)

    @property
    def missing(self) -> list[int]:
        return [number for number, outcome in self.outcomes.items() if not outcome.tests]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        kept, others = [], []
        for item in items:
            numbers = numbers_of(item) & set(self.wanted)
            (kept if numbers else others).append(item)
            self._faults_of[item.nodeid] = numbers
        config.hook.pytest_deselected(items=others)
        items[:] = kept

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for number in self._faults_of[report.nodeid]:
            outcome = self.outcomes[number]
            if report.failed and report.nodeid not in outcome.failed:
                outcome.failed.append(report.nodeid)
            elif report.skipped:
                outcome.skipped.append(_reason(report))
            elif report.passed and report.when == "call":
                outcome.passed += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("faults")
        terminalreporter.write_line(self.text())

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.missing and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def text(self) -> str:
        """The table, one line a fault, remarks below their fault."""
        lines = [f"{'':>2}  {'fault':<{_NAME_WIDTH}}  {'result':<7}  tests"]
        for number, outcome in self.outcomes.items():
            lines.append(f"{number:>2}  {FAULTS[number]:<{_NAME_WIDTH}}  {outcome.word:<7}  {outcome.tests:>5}")
            for remark in outcome.remarks:
                lines.append(textwrap.indent(textwrap.fill(remark, _REASON_WIDTH), " " * 6))
        if self.missing:
            lines.append(f"no test: {', '.join(map(str, self.missing))}")
        return "\n".join(lines)


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
