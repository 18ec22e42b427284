"""A run's history for people: `log.csv`, and scalars for TensorBoard. Both follow from the history alone."""

import io
import re
import time
from typing import Any

from zoo.recipes.reporting.folders import Folder

History = list[dict[str, Any]]

_EVENTS = "events.out.tfevents.{:010d}.epoch"


def write_history(folder: Folder, history: History) -> None:
    """Write `log.csv` and a file of TensorBoard events per epoch, and remove those of other epochs.

    Events of an epoch that are there stay as they are, because they have the time when it ended.
    """
    if history:
        folder.write("log.csv", _csv(history))
    else:
        (folder.path / "log.csv").unlink(missing_ok=True)
    names = {_EVENTS.format(row["epoch"]): row for row in history}
    events = folder.path / "tensorboard"
    there = {one.name for one in events.iterdir()} if events.is_dir() else set()
    for name in there - set(names):
        if re.fullmatch(r"(\.[0-9a-f]{8}\.)?events\.out\.tfevents\..*", name):
            (events / name).unlink(missing_ok=True)
    for name, row in names.items():
        if name not in there:
            folder.write(f"tensorboard/{name}", _events(row))


def _csv(history: History) -> bytes:
    columns = list(history[0])
    lines = [",".join(columns), *(",".join(str(row.get(column, "")) for column in columns) for row in history)]
    return ("\n".join(lines) + "\n").encode()


def _events(row: dict[str, Any]) -> bytes:
    """Scalars of an epoch as TensorBoard's file of events; Keras's own callback needs TensorFlow."""
    # TensorBoard is slow to import.
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.summary.writer.record_writer import RecordWriter

    file, now = io.BytesIO(), time.time()
    writer = RecordWriter(file)
    writer.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
    for key, value in row.items():
        if key != "epoch":
            summary = scalar_pb(key, value)
            writer.write(Event(wall_time=now, step=row["epoch"], summary=summary).SerializeToString())
    return file.getvalue()
