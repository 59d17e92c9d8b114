"""What a regression's loss probably is: models of it, learned on rows that the judged model was not trained on, as they
stand in its bundle."""

import importlib
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from podium.bundle import columns
from podium.core.errors import Invalid
from podium.core.signature import Field, FieldType, Signature, Task

FILE = "losses.arrow"
"""The models in ONNX, and how rows become their numbers; Arrow IPC file with `About` in its metadata."""
_KEY = b"podium.losses"
_FEWEST = 4
Doubles = npt.NDArray[np.float64]


class About(msgspec.Struct, frozen=True, kw_only=True):
    """How rows become numbers: the numeric features, then words by their place, then the score."""

    format: int = 1
    measure: str
    """Whose loss per row it is: mae, mape, rmse (squares) or a pinball."""
    numbers: tuple[str, ...]
    words: dict[str, tuple[str, ...]]
    """By category feature its words in the order of their loss; another word is not known."""


class Predicted(NamedTuple):
    """Of n rows: the loss expected of each [n], how much it scatters about that, squared [n], and the mean loss
    according to each of the models that were fitted without one part of the rows [parts]."""

    losses: Doubles
    variances: Doubles
    folds: Doubles


def signature(about: About) -> Signature:
    """The models' own inputs: one number for each column."""
    width = len(about.numbers) + len(about.words) + 1
    fields = tuple(Field(name=f"x{at}", type=FieldType.NUMBER) for at in range(width))
    return Signature(features=fields, task=Task.REGRESSION, key="row", target="loss")


def matrix(about: About, rows: columns.Columns, score: Doubles) -> Doubles:
    """The numbers of rows, shape [n, k], NaN where one is not known. Booleans are words."""
    made = [np.asarray(rows[name], dtype=np.float64) for name in about.numbers]
    for name, known in about.words.items():
        places = {word: float(at) for at, word in enumerate(known)}
        made.append(np.array([places.get(word, np.nan) for word in spelled(rows[name])], dtype=np.float64))
    return np.column_stack([*made, score])


def spelled(values: npt.NDArray[Any]) -> list[Any]:
    """A text or boolean column as words; null is none of them."""
    if values.dtype == object:
        return [None if each == columns.NULL_TEXT else each for each in values.tolist()]
    return [{0.0: "false", 1.0: "true"}.get(each) for each in values.tolist()]


def encode(about: About, models: Sequence[bytes]) -> bytes:
    """The bytes of the file. `models`: of the loss, of its scatter, then without each part of the rows."""
    table = pa.table({"model": pa.array(models, pa.binary())})
    table = table.replace_schema_metadata({_KEY: msgspec.json.encode(about)})
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


class Learned:
    """The models of a bundle, loaded."""

    def __init__(self, data: bytes) -> None:
        try:
            table = pa.ipc.open_file(pa.BufferReader(data)).read_all()
            table.validate(full=True)
            self.about = msgspec.json.decode((table.schema.metadata or {})[_KEY], type=About)
            models = table.column("model").to_pylist()
        except (pa.ArrowException, KeyError, msgspec.DecodeError):
            raise _invalid() from None
        if self.about.format != 1 or len(models) < _FEWEST or not all(isinstance(each, bytes) for each in models):
            raise _invalid()
        # ONNX Runtime is imported here, as few processes estimate.
        engine = importlib.import_module("podium.bundle.engines.onnx.session")
        self._names = [field.name for field in signature(self.about).features]
        self._models = [engine.Scorer(each) for each in models]

    def predict(self, rows: columns.Columns, score: Doubles) -> Predicted:
        """What the models say of rows and their scores [n]; no loss and no scatter is below 0."""
        given = dict(zip(self._names, matrix(self.about, rows, score).T, strict=True))
        losses, scatter, *folds = (np.maximum(0.0, each.predict(given)) for each in self._models)
        return Predicted(losses, scatter, np.array([each.mean() for each in folds]))


def _invalid() -> Invalid:
    return Invalid("This is not a file of models of loss.", field=FILE)
