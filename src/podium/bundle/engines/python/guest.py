"""Run as a script in the version's own environment, where Podium is not: loads the model, then answers rows.

`guest.py <ask descriptor> <answer descriptor> <description>`: the description is a JSON file made by `model.py` beside
this one; the frames are those of `worker/wire.py`. It needs the standard library; NumPy and pandas only where the
description asks for them.
"""

from __future__ import annotations

import importlib
import json
import os
import struct
import sys
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

NEEDED = {"frame": ("pandas",), "columns": ("numpy",), "dicts": ()}
"""Packages that each shape of rows takes."""


class Rows:
    """Rows of one question: columns in the signature's order, numbers as float64, texts as `str` or None."""

    def __init__(self, count: int, kinds: dict[str, str], columns: dict[str, Any]) -> None:
        self.count = count
        self.kinds = kinds
        self.columns = columns

    def part(self, start: int, stop: int) -> Rows:
        """Some of them."""
        return Rows(stop - start, self.kinds, {name: values[start:stop] for name, values in self.columns.items()})


def read(body: bytes, kinds: dict[str, str]) -> Rows:
    """The rows in a question's frame."""
    (count,) = struct.unpack_from("<I", body, 5)
    columns: dict[str, Any] = {}
    at = 9
    for name, kind in kinds.items():
        if kind == "text":
            lengths = array("i", body[at : at + 4 * count])
            at += 4 * count
            values: list[str | None] = []
            for length in lengths:
                values.append(None if length < 0 else body[at : at + length].decode())
                at += max(length, 0)
            columns[name] = values
        else:
            columns[name] = array("d", body[at : at + 8 * count])
            at += 8 * count
    return Rows(count, kinds, columns)


def as_columns(rows: Rows) -> dict[str, Any]:
    """NumPy arrays by name: float64, or objects with NaN for null."""
    numpy: Any = importlib.import_module("numpy")
    made = {}
    for name, kind in rows.kinds.items():
        if kind == "text":
            made[name] = numpy.empty(rows.count, dtype=object)
            made[name][:] = [float("nan") if value is None else value for value in rows.columns[name]]
        else:
            made[name] = numpy.array(rows.columns[name], dtype=numpy.float64)
    return made


def as_frame(rows: Rows) -> Any:
    """A pandas table."""
    pandas: Any = importlib.import_module("pandas")
    return pandas.DataFrame(
        {name: pandas.Series(column, dtype=column.dtype) for name, column in as_columns(rows).items()}
    )


def as_dicts(rows: Rows) -> list[dict[str, Any]]:
    """A dictionary for each row, null as None."""
    make: dict[str, Callable[[Any], Any]] = {"number": float, "integer": int, "boolean": bool, "text": str}
    lists = []
    for name, kind in rows.kinds.items():
        plain = make[kind]
        lists.append([None if value is None or value != value else plain(value) for value in rows.columns[name]])
    return [dict(zip(rows.kinds, values)) for values in zip(*lists)]  # noqa: B905 - also for Python before 3.10


SHAPES: dict[str, Callable[[Rows], Any]] = {"frame": as_frame, "columns": as_columns, "dicts": as_dicts}


def read_model(said: dict[str, Any]) -> Any:
    """The object in the bundle's file, if the description names one."""
    if not said["model"]:
        return None
    path = Path(said["folder"]) / said["model"]
    if said["format"] == "joblib":
        return importlib.import_module("joblib").load(path)
    with path.open("rb") as file:
        return importlib.import_module(said["format"]).load(file)


def function_of(said: dict[str, Any], model: Any) -> Callable[[Any], Any]:
    """What gives the scores of rows in the shape that the description names."""
    if said["call"]:
        module, _, name = said["call"].partition(":")
        call: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return call if model is None else lambda rows: call(model, rows)
    names = getattr(model, "feature_names_in_", None) if said["rows"] == "frame" else None

    def ordered(rows: Any) -> Any:
        return rows if names is None else rows[[str(name) for name in names]]

    if said["task"] == "regression":
        return lambda rows: model.predict(ordered(rows))
    if said["task"] == "multiclass":
        order = places(list(model.classes_), said["classes"])
        return lambda rows: [[row[at] for at in order] for row in model.predict_proba(ordered(rows))]
    classes = [float(known) for known in getattr(model, "classes_", (0.0, 1.0))]
    place = classes.index(1.0)
    return lambda rows: [row[place] for row in model.predict_proba(ordered(rows))]


def places(known: list[Any], labels: list[str]) -> list[int]:
    """Where each class stands among a model's, which was fitted on their numbers or on their labels."""
    if not any(isinstance(each, str) for each in known) and sorted(float(each) for each in known) == list(
        range(len(labels))
    ):
        return [[float(each) for each in known].index(at) for at in range(len(labels))]
    words = [str(each) for each in known]
    if sorted(words) != sorted(labels):
        raise ValueError("the model does not know exactly the classes of the project file")
    return [words.index(label) for label in labels]


def opened(said: dict[str, Any]) -> Callable[[Any], Any]:
    """What Podium's own `module:function` makes of the bundle's file."""
    module, _, name = said["open"].partition(":")
    make: Callable[..., Callable[[Any], Any]] = getattr(importlib.import_module(module), name)
    return make(str(Path(said["folder"]) / said["model"]), said)


def scores(function: Callable[[Any], Any], said: dict[str, Any], rows: Rows) -> array[float]:
    """A float64 for each row, of several classes one for each of them."""
    found = array("d")
    width = max(1, len(said["classes"]))
    step = said["rows_at_once"] or rows.count
    for start in range(0, rows.count, max(step, 1)):
        part = rows.part(start, min(start + step, rows.count))
        answer = function(SHAPES[said["rows"]](part))
        answer = answer.reshape(-1) if hasattr(answer, "reshape") else answer
        values = answer.tolist() if hasattr(answer, "tolist") else answer
        if width > 1:
            values = [value for row in values for value in (row if hasattr(row, "__len__") else [row])]
        flat = array("d", [float(value) for value in values])
        if len(flat) != part.count * width:
            raise ValueError(f"{len(flat)} scores for {part.count} rows")
        found.extend(flat)
    return found


def send(descriptor: int, body: bytes) -> None:
    """Write a frame."""
    data = memoryview(struct.pack(">I", len(body)) + body)
    while data:
        data = data[os.write(descriptor, data) :]


def receive(file: BinaryIO) -> bytes:
    """Read a frame; the process ends where there will be none."""
    head = file.read(4)
    body = file.read(struct.unpack(">I", head)[0]) if len(head) == 4 else b""
    if not body:
        sys.exit(0)
    return body


def words(problem: BaseException) -> bytes:
    """What went wrong, in at most 2,000 bytes."""
    return f"{type(problem).__name__}: {problem}".encode("utf-8", "replace")[:2000]


def answer_to(body: bytes, function: Callable[[Any], Any], said: dict[str, Any]) -> bytes:
    """The answering frame's body."""
    number = body[1:5]
    try:
        found = scores(function, said, read(body, dict(said["features"])))
    except MemoryError:
        return b"M" + number + b"not enough memory"
    except Exception as problem:  # noqa: BLE001 - the model's code may raise anything
        return b"E" + number + words(problem)
    return b"S" + number + struct.pack("<I", len(found) // max(1, len(said["classes"]))) + found.tobytes()


def main(ask: int, answer: int, path: str) -> int:
    """Load, then answer until nobody asks."""
    said = json.loads(Path(path).read_text(encoding="utf-8"))
    sys.path.insert(0, said["code"])
    for descriptor in (ask, answer):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the function takes it so
    try:
        for needed in NEEDED[said["rows"]]:
            importlib.import_module(needed)
        function = opened(said) if said["open"] else function_of(said, read_model(said))
    except BaseException as problem:  # noqa: BLE001 - the model's code may raise anything
        send(answer, b"E" + struct.pack("<I", 0) + words(problem))
        return 1
    send(answer, b"R")
    with open(ask, "rb") as file:
        while True:
            send(answer, answer_to(receive(file), function, said))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
