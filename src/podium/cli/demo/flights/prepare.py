"""Prepares the demo's data in a process of its own, whose memory is given back when it ends.

`python -m podium.cli.demo.flights.prepare FOLDER INSTANT` writes all flights into `flights.arrow`, and the project with
the flights known at that instant into `project/`.
"""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pyarrow

from podium.cli.demo.flights import data
from podium.core.errors import Unavailable

ROWS = "flights.arrow"
PROJECT = "project"
_BATCH_ROWS = 4_096


def prepare(folder: Path, until: datetime) -> Path:
    """Prepare the data in another process; the file of all flights. Raises `Unavailable` if that fails."""
    command = [sys.executable, "-m", __name__, str(folder), until.isoformat()]
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        problem = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Unavailable(f"The flights could not be prepared: {problem[:300]}", fix="Install podium[demo].")
    return folder / ROWS


def write(folder: Path, until: datetime) -> None:
    """Write both into a folder that exists."""
    rows = data.load()
    data.write_project(folder / PROJECT, rows, until=until)
    with pyarrow.OSFile(str(folder / ROWS), "wb") as sink, pyarrow.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows, max_chunksize=_BATCH_ROWS)


if __name__ == "__main__":
    write(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]))
