"""``python -m mrisynth.reporting FOLDER``: the scores of a study on the terminal, and which file to open."""

from __future__ import annotations

import sys
from pathlib import Path

from mrisynth.files import read_table
from mrisynth.reporting.terminal import score_text


def main(arguments: list[str]) -> int:
    """Print the scores of the study folder named by the only argument; return the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m mrisynth.reporting FOLDER\n")
        return 2
    metrics, page = Path(arguments[0], "metrics.tsv"), Path(arguments[0], "report", "index.html")
    if not metrics.exists():
        sys.stderr.write(f"{metrics} is not there; run the study first.\n")
        return 1
    sys.stdout.write(f"\n{score_text(read_table(metrics))}\n\nOpen {page} for brains, samples, curves and clusters.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
