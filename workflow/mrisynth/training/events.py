"""Scalars and pictures of a training as TensorBoard reads them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EVENTS_FILE = "events.out.tfevents.{images_seen:012d}.mrisynth"


class Events:
    """One TensorBoard event file, written row by row with nothing in the background.

    A job that is killed leaves a file that reads up to its last row. ``tensorboard --logdir`` on any folder above
    shows it. The file bears no name of a machine.

    Args:
        folder: made when it is not there.
        images_seen: training images shown before the first row, part of the file's name.
    """

    def __init__(self, folder: Path, *, images_seen: int) -> None:
        from tensorboardX.proto import event_pb2, summary_pb2
        from tensorboardX.record_writer import RecordWriter

        folder.mkdir(parents=True, exist_ok=True)
        self._event: Any = event_pb2.Event
        self._summary: Any = summary_pb2.Summary
        self._file = RecordWriter(str(folder / EVENTS_FILE.format(images_seen=images_seen)))
        self._write(file_version="brain.Event:2")

    def scalars(self, values: Mapping[str, float], *, images_seen: int) -> None:
        """Write numbers under their names, with the training images shown as the step."""
        found = [self._summary.Value(tag=name, simple_value=float(value)) for name, value in values.items()]
        self._write(step=images_seen, summary=self._summary(value=found))

    def picture(self, name: str, png: bytes, *, shape: tuple[int, int, int], images_seen: int) -> None:
        """Write a PNG of ``shape``, (height, width, channels), under a name."""
        image = self._summary.Image(height=shape[0], width=shape[1], colorspace=shape[2], encoded_image_string=png)
        self._write(step=images_seen, summary=self._summary(value=[self._summary.Value(tag=name, image=image)]))

    def close(self) -> None:
        """End the file; nothing can be written afterwards."""
        self._file.close()

    def _write(self, **content: Any) -> None:
        event = self._event(wall_time=time.time(), **content)
        self._file.write(event.SerializeToString())
        self._file.flush()
