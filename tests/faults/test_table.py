"""The table of faults: every fault has a test, and a table with a hole fails."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
_MARK = re.compile(r"mark\.fault\(([\d, ]+)\)")


def _table():
    spec = importlib.util.spec_from_file_location("fault_table", Path(__file__).with_name("table.py"))
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _marked() -> set[int]:
    texts = (path.read_text("utf-8") for path in TESTS.rglob("test_*.py") if path != Path(__file__))
    return {int(number) for text in texts for numbers in _MARK.findall(text) for number in re.findall(r"\d+", numbers)}


def test_all_32_faults_have_a_name_and_a_test() -> None:
    assert list(_table().FAULTS) == list(range(1, 33))
    assert _marked() == set(range(1, 33))


def _run(tmp_path: Path, text: str, *words: str) -> subprocess.CompletedProcess:
    (tmp_path / "test_some.py").write_text(f"import pytest\n{text}\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = fault\n")
    command = [sys.executable, str(Path(__file__).with_name("run.py")), *words, "-q", str(tmp_path)]
    return subprocess.run([*command, "-c", str(tmp_path / "pytest.ini")], capture_output=True, text=True, cwd=tmp_path)


def _row(text: str, number: int) -> list[str]:
    (line,) = re.findall(rf"^ *{number}  .*$", text, re.MULTILINE)
    return line.split()[-2:]


def test_the_table_tells_what_happened_and_holes_fail(tmp_path: Path) -> None:
    text = "\n".join(
        [
            "@pytest.mark.fault(1)\n@pytest.mark.parametrize('x', [1, 2])\ndef test_a(x): pass",
            "@pytest.mark.fault(2, 3)\ndef test_b(): pytest.skip('no disk here')",
            "@pytest.mark.fault(3)\ndef test_c(): pass",
            "@pytest.mark.fault(4)\ndef test_d(): assert False",
            "def test_of_no_fault(): assert False",
        ]
    )
    done = _run(tmp_path, text, "1", "2", "3", "4", "5")
    assert done.returncode == 1
    rows = {number: _row(done.stdout, number) for number in range(1, 6)}
    assert rows == {
        1: ["passed", "2"],
        2: ["skipped", "1"],
        3: ["passed", "2"],
        4: ["FAILED", "1"],
        5: ["MISSING", "0"],
    }
    assert "1 skipped: no disk here" in done.stdout and "no test: 5" in done.stdout
    assert "test_of_no_fault" not in done.stdout
    alone = _run(tmp_path, text, "1", "5")
    assert alone.returncode == 1, "a fault without a test passed"
    assert _run(tmp_path, text, "1", "3").returncode == 0


def test_a_mark_without_a_fault_is_refused(tmp_path: Path) -> None:
    assert "mark fault(77)" in _run(tmp_path, "@pytest.mark.fault(77)\ndef test_a(): pass").stderr
    assert "No fault has the number 40" in _run(tmp_path, "", "40").stderr
