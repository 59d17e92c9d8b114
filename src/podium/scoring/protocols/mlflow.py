"""MLflow's scoring protocol: `dataframe_split`, `dataframe_records`, `instances`, `inputs`, or CSV in; predictions out.

https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
"""

import contextlib
import csv
import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from podium.core.errors import Invalid
from podium.core.signature import FieldType, Signature
from podium.scoring import request
from podium.scoring.protocols import json_body, tensors
from podium.scoring.protocols.json_body import Malformed

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
WITH_NAN = ("dataframe_split", "inputs")
"""What MLflow's client makes of tables and matrices, in which it writes a missing value as NaN."""
_MOST_LINES = 1_000_000
"""Of a CSV, with those inside of texts: ten for each row that a request may have."""
_FIX = "Send one of dataframe_split, dataframe_records, instances, inputs."


def parse(body: bytes, signature: Signature | None = None) -> dict[str, Any]:
    """The object in those bytes, else `Malformed`. Where MLflow's client itself writes NaN, that is null."""
    if b"NaN" in body:
        with contextlib.suppress(Malformed):
            found = json_body.parse(json_body.nan_as_null(body), signature)
            if any(form in found for form in WITH_NAN):
                return found
    return json_body.parse(body, signature)


def read(body: Mapping[str, Any], request_id: str, signature: Signature) -> request.Rows:
    """The rows of an invocation, else `Invalid` naming the field. Columns that are no feature are ignored."""
    forms = [form for form in FORMS if form in body]
    if len(forms) != 1:
        raise Invalid("The body holds none or several of the four forms of rows.", field="body", fix=_FIX)
    if not isinstance(body.get("params") or {}, dict):
        raise Invalid("The params are not an object.", field="params", fix="Send an object, or leave them out.")
    form = forms[0]
    count, columns = _READERS[form](body[form], form, [field.name for field in signature.features])
    tensors.check_rows(count, len(signature.features), form)
    return request.Rows(request_id=request_id, count=count, columns=columns)


def _lines(text: str) -> Iterator[str]:
    """The lines of a text, as few and as short as rows need: a record of millions of cells is read in one go."""
    for number, line in enumerate(io.StringIO(text), start=1):
        if number > _MOST_LINES:
            raise Malformed(f"The CSV has more than {_MOST_LINES} lines.", field="body", fix="Send fewer rows.")
        if line.count(",") > json_body.MOST_KEYS:
            said = f"A CSV line has more than {json_body.MOST_KEYS} commas."
            raise Malformed(said, field="body", fix="Send one cell for each column.")
        yield line


def read_csv(body: bytes, request_id: str, signature: Signature) -> request.Rows:
    """The rows of a CSV body with a header line. An empty cell is null."""
    try:
        lines = filter(None, csv.reader(_lines(body.decode("utf-8-sig")), strict=True))
        header = next(lines, [])
        records = list(itertools.islice(lines, tensors.MOST_ROWS + 1))
    except (UnicodeDecodeError, csv.Error):
        raise Malformed(
            "The body is not valid CSV in UTF-8.", field="body", fix="Send CSV (RFC 4180), UTF-8."
        ) from None
    if not header or len(set(header)) != len(header):
        raise Invalid(
            "The CSV needs a header line that names each column once.",
            field="body",
            fix="Send the names of the columns in the first line.",
        )
    tensors.check_rows(len(records), len(signature.features), "body")
    if any(len(line) != len(header) for line in records):
        raise Invalid(
            "A CSV line has not as many cells as the header.",
            field="body",
            fix="Send one cell for each column in each line.",
        )
    columns: dict[str, list[Any]] = {}
    for position, name in enumerate(header):
        feature = signature.feature(name)
        kind = FieldType.TEXT if feature is None else feature.type
        columns[name] = [_cell(line[position], kind, name) for line in records]
    return request.Rows(request_id=request_id, count=len(records), columns=columns)


def _cell(cell: str, kind: FieldType, name: str) -> Any:
    if cell == "":
        return None
    if kind is FieldType.TEXT:
        return cell
    if kind is FieldType.BOOLEAN and cell.lower() in ("true", "false"):
        return cell.lower() == "true"
    try:
        if cell.isascii() and "_" not in cell:  # Python reads 1_000 and the digits of all scripts, others do not
            return _whole(cell) if kind is FieldType.INTEGER else float(cell)
    except ValueError:
        pass
    raise Invalid(
        "A CSV cell does not fit the feature's type.",
        field=name,
        fix="Send what the feature's type is; nothing for null.",
    )


def _whole(cell: str) -> float:
    """A whole number, which programs that know fractions only write as 3.0 or 1e3; `ValueError` when it is none."""
    try:
        return int(cell)
    except ValueError:
        number = float(cell)
        if not number.is_integer():  # nor is what is not finite
            raise
        return number


def _split(value: Any, where: str, features: Sequence[str]) -> tuple[int, dict[str, list[Any]]]:
    """Pandas' split form; without `columns`, in the signature's order. An `index` says nothing here."""
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise Invalid(
            "It is an object with `columns` and `data`.",
            field=where,
            fix="Send what pandas writes with orient='split'.",
        )
    names, data = value.get("columns", features), value["data"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Invalid("It is a list of column names.", field=f"{where}.columns", fix="Send a list of texts.")
    if len(set(names)) != len(names):
        raise Invalid("A column comes twice.", field=f"{where}.columns", fix="Send each column once.")
    return _transpose(data, names, f"{where}.data")


def _transpose(data: list[Any], names: Sequence[str], where: str) -> tuple[int, dict[str, list[Any]]]:
    width = len(names)
    for index, row in enumerate(data):
        if not isinstance(row, list) or len(row) != width:
            raise Invalid(
                f"Row {index} is not a list with one value for each column.",
                field=where,
                fix="Send one value for each column in each row.",
            )
    return len(data), {name: [row[position] for row in data] for position, name in enumerate(names)}


def _records(value: Any, where: str, _features: Sequence[str]) -> tuple[int, dict[str, list[Any]]]:
    if not isinstance(value, list):
        raise Invalid("It is a list of rows.", field=where, fix="Send [{…}, …], or lists in the order of the features.")
    for index, row in enumerate(value):
        if not isinstance(row, dict):
            raise Invalid(f"Row {index} is not an object.", field=where, fix="Send each row in the same form.")
    names = dict.fromkeys(name for row in value for name in row)
    columns: dict[str, list[Any]] = {}
    for name in names:
        if all(name in row for row in value):
            columns[name] = [row[name] for row in value]
        elif name in _features:
            raise Invalid("Some rows lack this feature.", field=name, fix="Send it in each row; null when unknown.")
    return len(value), columns


def _instances(value: Any, where: str, features: Sequence[str]) -> tuple[int, dict[str, list[Any]]]:
    """TensorFlow Serving's row form: objects by feature name, or lists in the signature's order."""
    if isinstance(value, list) and value and isinstance(value[0], list):
        return _transpose(value, features, where)
    return _records(value, where, features)


def _inputs(value: Any, where: str, features: Sequence[str]) -> tuple[int, dict[str, list[Any]]]:
    """TensorFlow Serving's column form: an object of lists by feature name; lists of rows as `instances`."""
    if not isinstance(value, dict):
        return _instances(value, where, features)
    count = -1
    columns: dict[str, list[Any]] = {}
    for name, data in value.items():
        if not isinstance(data, list):
            raise Invalid("Each column is a list.", field=where, fix="Send {name: [value, …], …}.")
        count = len(data) if count < 0 else count
        if len(data) != count:
            raise Invalid(
                "The columns are not equally long.", field=where, fix="Send a value of each row in each column."
            )
        nested = data and all(isinstance(row, list) and len(row) == 1 for row in data)
        columns[name] = [row[0] for row in data] if nested else data
    return max(count, 0), columns


_Reader = Callable[[Any, str, Sequence[str]], tuple[int, dict[str, list[Any]]]]
_READERS: dict[str, _Reader] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _instances,
    "inputs": _inputs,
}


def write(scored: request.Scored) -> bytes:
    """The answer to an invocation: a record for each row."""
    scores = scored.scores
    referred = scored.referred
    classed = scored.classed
    predicted = [] if classed is None else classed.predicted()
    chances = [] if classed is None else classed.chances.tolist()
    return msgspec.json.encode(
        {
            "predictions": [
                {
                    "score": scores[row],
                    "decision": scored.decisions[row],
                    "prediction_id": scored.prediction_ids[row],
                    "version": scored.versions[row],
                    **({} if referred is None else {"referred": referred[row]}),
                    **(
                        {}
                        if classed is None
                        else {
                            "class": predicted[row],
                            "probabilities": dict(zip(classed.labels, chances[row], strict=True)),
                        }
                    ),
                }
                for row in range(len(scores))
            ]
        }
    )
