"""On PYTHONPATH, this file kills jobs of snakemake (SIGKILL) at chosen points, or measures them; other processes never.

`MRISYNTH_TEST_KILLS` names a folder with `plan.json`:

- `study`: the study's folder; what stands at final paths at the moment of a kill is copied beside the plan
- `points`: points in the order in which the jobs of a script are killed: a share of the CPU time of the whole job, or
  "rename", the moment before the first file gets its final name; empty to kill nothing
- `cpu_seconds`: of the job of each script; what a run without kills has written here as `SCRIPT.seconds`
- `only`: scripts that are killed; empty for all

Every file of the study that a job opens for writing at its final path is named in `opened.txt`.
"""

import atexit
import json
import os
import re
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

NOT_OUTPUTS = ("logs", "benchmarks", "provenance", "events")  # lines are added to these while a job runs


def _job() -> str | None:
    found = [re.search(r"\.snakemake/scripts/tmp\w+\.(\w+)\.py$", word) for word in sys.orig_argv[1:2]]
    return found[0][1] if found and found[0] else None


class Killer:
    """What happens to one job.

    Args:
        folder: of the plan.
        script: name of the job's script.
    """

    def __init__(self, folder: Path, script: str) -> None:
        plan = json.loads((folder / "plan.json").read_text())
        self.folder, self.script, self.study, self.started = folder, script, Path(plan["study"]), time.time()
        self.pid, self.number = os.getpid(), 0
        points = plan["points"] if not plan["only"] or script in plan["only"] else []
        self.point = self._claim(points)
        self.cpu_seconds = plan["cpu_seconds"].get(script, 0.0)
        self.opened = set()

    def start(self) -> None:
        sys.addaudithook(self._hear)
        if self.point is None:
            atexit.register(self._write_seconds)
        elif self.point != "rename":
            threading.Thread(target=self._wait, daemon=True).start()

    def _claim(self, points: list) -> float | str | None:
        for self.number, point in enumerate(points):
            try:
                (self.folder / f"{self.script}-{self.number}").touch(exist_ok=False)
            except FileExistsError:
                continue
            return point
        return None

    def _wait(self) -> None:
        while _cpu_seconds(self.pid) < self.point * self.cpu_seconds:
            time.sleep(0.02)
        self._kill()

    def _hear(self, event: str, values: tuple) -> None:
        if event == "os.rename" and self.point == "rename" and ".unfinished" in os.fsdecode(values[0]):
            self._kill()
        if event == "open" and isinstance(values[0], str) and _writes(values[1], values[2]):
            path = Path(values[0]).absolute()
            if self._is_output(path) and str(path) not in self.opened:
                self.opened.add(str(path))
                with open(self.folder / "opened.txt", "a") as stream:  # noqa: PTH123
                    stream.write(f"{self.script} {path.relative_to(self.study)}\n")

    def _is_output(self, path: Path) -> bool:
        return (
            path.is_relative_to(self.study)
            and not set(NOT_OUTPUTS) & set(path.relative_to(self.study).parts)
            and ".unfinished" not in path.name
            and not path.name.startswith(".")
        )

    def _kill(self) -> None:
        self.point = "done"
        seen = self.folder / f"seen-{self.script}-{self.number}"
        for path in self.study.rglob("*"):
            if path.is_file() and self._is_output(path) and path.stat().st_mtime >= self.started - 1:
                target = seen / path.relative_to(self.study)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        (self.folder / f"{self.script}-{self.number}").write_text("killed")
        os.kill(self.pid, signal.SIGKILL)
        time.sleep(60)  # a child that renamed a file ends with its parent

    def _write_seconds(self) -> None:
        if os.getpid() == self.pid:
            (self.folder / f"{self.script}.seconds").write_text(str(sum(os.times()[:4])))


def _writes(mode: str | None, flags: int) -> bool:
    return (
        bool(flags & (os.O_WRONLY | os.O_RDWR))
        if isinstance(flags, int) and flags
        else bool(set(mode or "") & set("wax+"))
    )


def _cpu_seconds(root: int) -> float:
    """CPU seconds of a process and of what it started."""
    ticks, parents = {}, {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stream:  # noqa: PTH123
                    fields = stream.read().rpartition(b")")[2].split()
            except OSError:
                continue
            parents[int(name)], ticks[int(name)] = int(fields[1]), sum(map(int, fields[11:15]))
    total, family = 0, {root}
    for pid in sorted(parents):
        if pid in family or parents[pid] in family:
            family.add(pid)
            total += ticks[pid]
    return total / os.sysconf("SC_CLK_TCK")


if (_script := _job()) and "MRISYNTH_TEST_KILLS" in os.environ:
    Killer(Path(os.environ["MRISYNTH_TEST_KILLS"]), _script).start()
