"""A model that somebody else serves: asked in the Open Inference Protocol, or in MLflow's."""

import math
import random
import time
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from podium.bundle import columns
from podium.bundle.engines import place
from podium.bundle.engines.external import exchange, hosts, line, standing
from podium.bundle.engines.worker import turn
from podium.core import bundle, engine
from podium.core.errors import Invalid, Refused, Unavailable
from podium.core.signature import FieldType, Signature

_DATATYPE = {
    FieldType.NUMBER: "FP64",
    FieldType.INTEGER: "INT64",
    FieldType.BOOLEAN: "BOOL",
    FieldType.TEXT: "BYTES",
}
_PAUSE = 0.05
_FAIR = 0.5
"""The share of its time limit that a question must have been given, for a failure to be the service's."""
_ANSWER, _ANSWER_A_ROW, _LARGEST_ANSWER = 1 << 20, 1 << 10, 64 << 20
"""Bytes that an answer may have: so many, for each row more, and never more than that."""
_OBJECTS, _OBJECTS_A_ROW = 1000, 16
"""Objects that an answer may have; so what is decoded stays as small as what was sent."""
_SHAPE = 64
_Scores = list[float | list[float | None] | None]


class _Output(msgspec.Struct):
    """One of a service's outputs; what is in it is only read once it is known to be the one."""

    name: str = ""
    shape: msgspec.Raw = msgspec.Raw()
    data: msgspec.Raw = msgspec.Raw()


class _Outputs(msgspec.Struct):
    """An answer in the Open Inference Protocol."""

    outputs: list[_Output]


class _Predictions(msgspec.Struct):
    """An answer of MLflow's."""

    predictions: msgspec.Raw


class Model:
    """Asks the service; tries again within the time limit when it has no answer now."""

    blocking = True

    def __init__(self, signature: Signature, spec: engine.External, to: hosts.Target) -> None:
        self._signature = signature
        self._spec = spec
        self.patience = spec.seconds
        self._exchange = exchange.Exchange(to)
        self._standing = standing.Standing()

    @property
    def ready(self) -> bool:
        """Whether it answered the last rows, or did not long ago."""
        return self._standing.good

    def predict(self, table: columns.Columns) -> npt.NDArray[np.float64]:
        """Scores [n]; `Unavailable` when the service gives none in time.

        Also when this machine may not ask it any more: that is the service's fault, and none of who sends rows.
        """
        rows = columns.count(table)
        if rows == 0:
            return np.empty(0, dtype=np.float64)
        deadline = time.monotonic() + turn.left(self._spec.seconds)
        step = self._spec.rows_at_once or rows
        shares = [columns.take(table, slice(start, start + step)) for start in range(0, rows, step)]
        try:
            scores = np.concatenate([self._share(share, deadline) for share in shares])
        except Refused as problem:
            raise Unavailable(problem.message, field=problem.field, fix=problem.fix) from problem
        self._standing.answered()
        return scores

    def close(self) -> None:
        """Close the connections."""
        self._exchange.close()

    def _share(self, table: columns.Columns, deadline: float) -> npt.NDArray[np.float64]:
        """Scores of rows that are asked for at once. What it declines or has little time for is not held against it."""
        in_time = deadline - time.monotonic() >= _FAIR * self._spec.seconds
        try:
            return self._ask(table, deadline)
        except line.Declined:
            self._standing.answered()
            raise
        except (Unavailable, Refused):
            if in_time:
                self._standing.failed()
            raise

    def _ask(self, table: columns.Columns, deadline: float) -> npt.NDArray[np.float64]:
        body, rows = self._question(table), columns.count(table)
        largest = min(_ANSWER + _ANSWER_A_ROW * rows, _LARGEST_ANSWER)
        why = ""
        for attempt in range(self._spec.attempts):
            try:
                return self._scores(self._exchange.post(body, deadline, largest), rows)
            except line.Later as problem:
                why = str(problem)
                pause = _PAUSE * 2.0**attempt * (0.5 + random.random() / 2)  # noqa: S311 - spreads callers, no secret
                if attempt + 1 == self._spec.attempts or time.monotonic() + pause >= deadline:
                    break
                time.sleep(pause)
        raise Unavailable(
            why or "The external model does not answer in time.", field="model", fix="Send the rows again later."
        )

    def _question(self, table: columns.Columns) -> bytes:
        lists = {field.name: columns.to_values(field, table[field.name]) for field in self._signature.features}
        if self._spec.protocol == "mlflow":
            rows = [list(row) for row in zip(*lists.values(), strict=True)]
            return msgspec.json.encode({"dataframe_split": {"columns": list(lists), "data": rows}})
        inputs = [
            {
                "name": field.name,
                "datatype": _DATATYPE[field.type],
                "shape": [len(lists[field.name])],
                "data": lists[field.name],
            }
            for field in self._signature.features
        ]
        return msgspec.json.encode({"inputs": inputs})

    def _scores(self, data: bytes, rows: int) -> npt.NDArray[np.float64]:
        try:
            values = [_number(value) for value in self._values(data, rows)]
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, ArithmeticError, StopIteration, RecursionError):
            raise _nonsense() from None
        if len(values) != rows:
            raise _nonsense()
        return np.array(values, dtype=np.float64)

    def _values(self, data: bytes, rows: int) -> _Scores:
        """The scores in an answer, one for each row; of two columns of probabilities both."""
        if self._spec.protocol == "mlflow":
            return _decoded(msgspec.json.decode(data, type=_Predictions).predictions, rows)
        if data.count(b"{") > _OBJECTS + _OBJECTS_A_ROW * rows:
            raise ValueError
        wanted = self._spec.output
        outputs = msgspec.json.decode(data, type=_Outputs).outputs
        output = next(each for each in outputs if not wanted or each.name == wanted)
        if len(memoryview(output.shape)) > _SHAPE:
            raise ValueError
        shape = msgspec.json.decode(output.shape, type=list[int])
        values = _decoded(output.data, rows)
        if len(shape) > 1 and shape[1] > 1 and len(values) == shape[0] * shape[1]:
            return [_flat(values[start : start + shape[1]]) for start in range(0, len(values), shape[1])]
        return values


def _decoded(said: msgspec.Raw, rows: int) -> _Scores:
    """At most two numbers a row; what holds more is not even decoded."""
    if bytes(said).count(b",") >= 2 * rows:
        raise ValueError
    return msgspec.json.decode(said, type=_Scores)


def _flat(values: _Scores) -> list[float | None]:
    return msgspec.convert(values, list[float | None])


def _number(value: float | list[float | None] | None) -> float:
    """A score: a number, a list of one, or the probabilities of both classes; null where there is no answer."""
    if isinstance(value, list):
        if len(value) not in (1, 2):
            raise ValueError
        value = value[-1]
    return math.nan if value is None else value


def _nonsense() -> Unavailable:
    return Unavailable("The external model's answer is none.", field="model", fix="Tell whoever serves it.")


def load(folder: Path, manifest: bundle.Manifest, where: place.Place) -> Model:
    """The model that a verified bundle names. Whether it answers as it should is for its golden rows to say."""
    spec = engine.decode((folder / bundle.ENGINE).read_bytes())
    if not isinstance(spec, engine.External):
        raise Invalid("The bundle's engine.json is of another engine.", field="engine")
    return Model(manifest.signature, spec, hosts.target(spec.url, hosts.read(where.external)))
