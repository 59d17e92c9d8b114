"""Talks to a scorer by the Open Inference Protocol: what an endpoint takes, and scores in batches."""

import math
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import msgspec
import pyarrow

from podium.core import errors, split

T = TypeVar("T")

_TIMEOUT = httpx.Timeout(60, connect=3)
_WORDS = {"FP64": "a number", "INT64": "a whole number", "BOOL": "true or false"}
_KINDS = {kind.kind: kind for kind in errors.ALL}


class _Problem(msgspec.Struct):
    type: str = ""
    detail: str = ""
    field: str | None = None
    fix: str | None = None


class _Tensor(msgspec.Struct):
    name: str
    datatype: str


class _Metadata(msgspec.Struct):
    inputs: list[_Tensor]


class _Output(msgspec.Struct):
    name: str
    data: list[Any]
    parameters: dict[str, Any] = {}


class _Answer(msgspec.Struct):
    outputs: list[_Output]


class ScorerClient:
    """A connection to one scorer. `trace`: the headers of the trace to which what is asked belongs."""

    def __init__(self, url: str, trace: Mapping[str, str] | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, timeout=_TIMEOUT, headers=trace)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def score(
        self,
        endpoint: str,
        table: pyarrow.Table,
        *,
        batch: int,
        on_progress: Callable[[float], None] = lambda _done: None,
    ) -> list[dict[str, Any]]:
        """Score the rows of a table; for each its key, score, decision (where there is a threshold), prediction id and
        version. Columns that the endpoint does not take are left out.
        """
        inputs = self._ask("GET", f"/v2/models/{endpoint}", _Metadata).inputs
        if not any(item.name in table.column_names for item in inputs):
            raise errors.Invalid(
                "The data have none of the endpoint's columns.",
                field="--data",
                fix=f"It takes: {', '.join(item.name for item in inputs)}.",
            )
        found: list[dict[str, Any]] = []
        for first in range(0, table.num_rows, batch):
            part = table.slice(first, batch)
            tensors = [_tensor(item, part) for item in inputs if item.name in part.column_names]
            body = msgspec.json.encode({"inputs": tensors})
            answer = self._ask("POST", f"/v2/models/{endpoint}/infer", _Answer, body)
            found.extend(_rows(answer, inputs[-1].name, tensors))
            on_progress(min(1.0, (first + batch) / table.num_rows))
        return found

    def explain(self, endpoint: str, table: pyarrow.Table, *, batch: int) -> list[dict[str, Any]]:
        """What each feature added to the score of a table's rows: for each its key if it has one, score, version, how,
        on which scale, from which base, and the contributions under their features' names.
        """
        inputs = self._ask("GET", f"/v2/models/{endpoint}", _Metadata).inputs
        found: list[dict[str, Any]] = []
        for first in range(0, table.num_rows, batch):
            part = table.slice(first, batch)
            tensors = [_tensor(item, part) for item in inputs if item.name in part.column_names]
            body = msgspec.json.encode({"inputs": tensors})
            answer = self._ask("POST", f"/v2/models/{endpoint}/explain", _Answer, body)
            found.extend(_explained(answer, inputs[-1].name, tensors))
        return found

    def _ask(self, method: str, path: str, kind: type[T], body: bytes | None = None) -> T:
        try:
            answer = self._http.request(method, path, content=body, headers={"Content-Type": "application/json"})
        except httpx.TransportError as problem:
            raise errors.Unavailable(
                f"The scorer at {self.url} does not answer.", fix="Start it: podium up; or give its --url."
            ) from problem
        if answer.is_error:
            raise _error(answer)
        return msgspec.json.decode(answer.content, type=kind)


def _tensor(item: _Tensor, part: pyarrow.Table) -> dict[str, Any]:
    values = [_value(value, item) for value in part.column(item.name).to_pylist()]
    return {"name": item.name, "datatype": item.datatype, "shape": [len(values)], "data": values}


def _value(value: Any, item: _Tensor) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        if item.datatype == "BYTES":
            return split.text_of(value)
        if item.datatype == "BOOL":
            return _boolean(value)
        return int(value) if item.datatype == "INT64" and float(value).is_integer() else float(value)
    except (TypeError, ValueError):
        raise errors.Invalid(
            f"The column {item.name} holds a value that is not {_WORDS.get(item.datatype, 'a text')}.",
            field="--data",
            fix="Correct it, or leave it out where it is not known.",
        ) from None


def _boolean(value: Any) -> bool:
    if value in (0, 1):
        return bool(value)
    raise ValueError


def _rows(answer: _Answer, key: str, tensors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    columns = {output.name: output.data for output in answer.outputs}
    keys = next((tensor["data"] for tensor in tensors if tensor["name"] == key), None)
    if keys is not None:
        columns = {key: keys, **columns}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _explained(answer: _Answer, key: str, tensors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    outputs = {output.name: output for output in answer.outputs}
    shown = ("score", "version", "method", "scale", "base")
    rows = _rows(_Answer(outputs=[outputs[name] for name in (*shown, "class") if name in outputs]), key, tensors)
    names = outputs["contributions"].parameters["features"]
    for name, field in (("contributions", "contributions"), ("standard_errors", "errors")):
        values = outputs[name].data
        for at, row in enumerate(rows):
            row[field] = dict(zip(names, values[at * len(names) : (at + 1) * len(names)], strict=True))
    return rows


def _error(answer: httpx.Response) -> errors.PodiumError:
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except (msgspec.DecodeError, msgspec.ValidationError):
        problem = _Problem(detail=f"The scorer answered {answer.status_code}.")
    kind = _KINDS.get(problem.type.rpartition(":")[2], errors.Unavailable)
    return kind(problem.detail or f"The scorer answered {answer.status_code}.", field=problem.field, fix=problem.fix)
