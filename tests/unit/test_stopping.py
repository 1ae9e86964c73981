"""A training that is told to stop: it keeps all it did, and ends in the same bits as one that is left alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import torch

from mrisynth.files import read_table
from mrisynth.training.stopping import StopRequest, TrainingStoppedError, discard_outdated

pytestmark = pytest.mark.fault(3)


@contextmanager
def told_to_stop(after: float, number: signal.Signals) -> Iterator[None]:
    """Send this process a signal while the block trains, and not before it does."""

    def send(*_: object) -> None:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
        else:
            os.kill(os.getpid(), number)

    before = signal.signal(signal.SIGALRM, send)
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def recipe(small_recipe):
    return small_recipe(images_total=60, images_per_chunk=60, watch_every_images=20)


def test_stopped_now_and_then_it_ends_in_the_same_bits(recipe, train, digest, tmp_path: Path):
    train(tmp_path / "whole", recipe, watch=tmp_path / "whole" / "watch")
    folder, stopped = tmp_path / "cut", tmp_path / "cut" / "stopped-0.pt"
    steps = []
    for attempt in range(100):
        number = (signal.SIGTERM, signal.SIGUSR1)[attempt % 2]
        try:
            with told_to_stop(0.3 + 0.05 * attempt, number):
                train(folder, recipe, watch=folder / "watch", stopped=stopped)
            break
        except TrainingStoppedError as error:
            assert f"{number.name}) after update " in str(error)
            assert str(stopped) in str(error)
            steps.append(torch.load(stopped, weights_only=True)["step"])
            assert not (folder / "state-0.pt").exists()
            for path in (folder / "watch").rglob("*.*"):
                path.unlink()  # as Snakemake deletes the outputs of a job that failed
    assert 0 < steps[0] < 30
    assert steps == sorted(steps)
    assert digest(folder / "state-0.pt") == digest(tmp_path / "whole" / "state-0.pt")
    curves = [read_table(tmp_path / name / "curve-0.tsv") for name in ("cut", "whole")]
    pd.testing.assert_frame_equal(*curves)
    names = [{path.name for path in (tmp_path / name / "watch").glob("*.*")} for name in ("cut", "whole")]
    assert names[0] == names[1]
    assert len([name for name in names[0] if name.startswith("grid")]) == 4
    assert not stopped.exists()


def test_the_usual_handlers_are_back_afterwards(recipe, train, tmp_path: Path):
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest() as request:
        assert signal.getsignal(signal.SIGTERM) != before
        os.kill(os.getpid(), signal.SIGTERM)
        assert request.signal == "SIGTERM"
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("spoil", ["torn", "other recipe"])
def test_what_cannot_be_gone_on_from_is_left_and_the_chunk_starts_anew(spoil, recipe, train, digest, tmp_path: Path):
    train(tmp_path / "whole", recipe)
    folder, stopped = tmp_path / "cut", tmp_path / "cut" / "stopped-0.pt"
    with told_to_stop(0.3, signal.SIGTERM), pytest.raises(TrainingStoppedError):
        train(folder, recipe, stopped=stopped, **({"seed": 2} if spoil == "other recipe" else {}))
    if spoil == "torn":
        stopped.write_bytes(stopped.read_bytes()[:1000])
    train(folder, recipe, stopped=stopped)
    assert digest(folder / "state-0.pt") == digest(tmp_path / "whole" / "state-0.pt")


def test_an_input_that_changed_since_is_not_gone_on_from(tmp_path: Path):
    stopped, images = tmp_path / "stopped-0.pt", tmp_path / "32.npy"
    for path, seconds in ((images, 100), (stopped, 200)):
        path.touch()
        os.utime(path, (seconds, seconds))
    discard_outdated(stopped, inputs=[images, tmp_path / "missing"])
    assert stopped.exists()
    os.utime(images, (300, 300))
    discard_outdated(stopped, inputs=[images])
    assert not stopped.exists()
