"""``python -m mrisynth.reporting FOLDER``: the scores of a study on the terminal, and which file to open."""

from __future__ import annotations

import sys
from pathlib import Path

from mrisynth.reporting.results import read_results
from mrisynth.reporting.terminal import score_text


def main(arguments: list[str]) -> int:
    """Print the scores of the study folder named by the only argument; return the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m mrisynth.reporting FOLDER\n")
        return 2
    folder = Path(arguments[0])
    files = {
        "metrics": folder / "metrics.tsv",
        "comparison": folder / "comparison.tsv",
        "verdicts": folder / "controls" / "verdicts.tsv",
        "replicates": folder / "replicates.tsv",
    }
    missing = [str(path) for path in files.values() if not path.exists()]
    if missing:
        sys.stderr.write(f"{missing[0]} is not there; run the study first.\n")
        return 1
    results = read_results(**files)
    text = score_text(results.scores, pairs=results.pairs, untrusted=results.untrusted)
    pages = f"Open {folder / 'report' / 'index.html'} for brains, samples, curves and clusters,\n"
    sys.stdout.write(
        f"\n{text}\n\n{pages}{folder / 'report' / 'comparison.html'} for all scores with their intervals.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
