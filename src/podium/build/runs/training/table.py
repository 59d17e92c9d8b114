"""The training data: the needed columns, checked against the project file, and split."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy
import numpy.typing
import pyarrow
import pyarrow.compute
import pyarrow.parquet

from podium.build.runs.training import classes
from podium.build.runs.training import windows as cuts
from podium.bundle import columns
from podium.core import name, project, split
from podium.core.dataset import Part
from podium.core.errors import Invalid
from podium.core.signature import Field, FieldType, Signature, Task


class Table(NamedTuple):
    """The rows of a dataset. `codes` gives each row's part (see `core.split.PARTS`)."""

    signature: Signature
    features: columns.Columns
    target: numpy.typing.NDArray[numpy.float64]
    """Of several classes: the class's place in the project file."""
    codes: split.Codes
    slices: dict[str, list[Any]]
    windows: cuts.Numbers | None = None
    """The window of the monitor's length that each row is in, where the data's time says it."""
    kept: bool = False
    """Whether some rows are to be kept with the reference, from which the monitor tells later ones."""

    def places(self, part: Part) -> numpy.typing.NDArray[numpy.int64]:
        """Where the rows of a part are."""
        return numpy.flatnonzero(self.codes == split.PARTS.index(part))

    def take(self, part: Part) -> columns.Columns:
        """The features of a part's rows."""
        return columns.take(self.features, self.places(part))


def read(path: Path, spec: project.Project) -> Table:
    """Read and check the data. Raises `Invalid` naming the column that is missing, of a wrong type or useless."""
    source = _open(path, spec)
    signature = sign(spec)
    features: columns.Columns = {}
    for field in signature.features:  # one column at a time: the file's form of it goes before the next comes
        one = Signature(features=(field,), task=signature.task, key=signature.key, target=signature.target)
        features |= columns.from_arrow(one, _plain(field, _column(source, field.name)))
    table = Table(
        signature=signature,
        features=features,
        target=_target(_column(source, spec.data.target), spec),
        codes=split.assign(_values(source, _split_column(spec)), spec.split),
        slices={column: _values(source, column) for column in spec.metrics.slices},
        windows=cuts.number(_column(source, spec.data.time), spec)
        if spec.data.time in source.schema_arrow.names
        else None,
        kept=spec.monitor.told_apart > 0,
    )
    _check_parts(table, spec)
    return table


def sign(spec: project.Project) -> Signature:
    """The signature that the project file gives; every feature may be null until shown otherwise."""
    part = spec.features
    kinds = (
        (part.numeric, FieldType.NUMBER),
        (part.integer, FieldType.INTEGER),
        (part.categorical, FieldType.TEXT),
        (part.boolean, FieldType.BOOLEAN),
    )
    fields = tuple(Field(name=column, type=kind) for names, kind in kinds for column in names)
    labels = spec.model.classes if spec.model.task is Task.MULTICLASS else msgspec.UNSET
    return Signature(features=fields, task=spec.model.task, key=spec.data.key, target=spec.data.target, classes=labels)


def _open(path: Path, spec: project.Project) -> pyarrow.parquet.ParquetFile:
    source = pyarrow.parquet.ParquetFile(path)
    known = source.schema_arrow.names
    for column in (*spec.features.names(), spec.data.target, _split_column(spec), *spec.metrics.slices):
        if column not in known:
            raise Invalid(f"The data has no column {column!r}.", field=column, fix=name.nearest(column, known))
    if source.metadata.num_rows == 0:
        raise Invalid("The data has no rows.", field="data")
    return source


def _column(source: pyarrow.parquet.ParquetFile, column: str) -> pyarrow.ChunkedArray:
    return source.read(columns=[column]).column(column)


def _values(source: pyarrow.parquet.ParquetFile, column: str) -> list[Any]:
    """A column's values; rows with the same text or instant share one object."""
    found = _column(source, column)
    if pyarrow.types.is_dictionary(found.type):
        found = found.cast(found.type.value_type)
    types = pyarrow.types
    if not (types.is_string(found.type) or types.is_large_string(found.type) or types.is_temporal(found.type)):
        return list(found.to_pylist())
    encoded = found.dictionary_encode().combine_chunks()
    words = numpy.array([*encoded.dictionary.to_pylist(), None], dtype=object)
    return list(words[encoded.indices.fill_null(len(words) - 1).to_numpy()].tolist())


def _plain(field: Field, column: pyarrow.ChunkedArray) -> pyarrow.Table:
    """A column as a table, with the types that feature columns have in files turned into ours."""
    if column.null_count == len(column):
        raise Invalid(f"The feature {field.name!r} is null in every row.", field=field.name, fix="Leave it out.")
    kind = column.type
    if pyarrow.types.is_dictionary(kind):
        column = pyarrow.compute.cast(column, kind.value_type)
        kind = column.type
    if field.type in (FieldType.NUMBER, FieldType.INTEGER) and pyarrow.types.is_decimal(kind):
        column = pyarrow.compute.cast(column, pyarrow.float64())
    if not _fits(field.type, column.type):
        raise Invalid(
            f"The feature {field.name!r} is {kind} in the data, which is not {field.type}.",
            field=field.name,
            fix="List it under another type in [features], or convert the column.",
        )
    if pyarrow.types.is_string_view(kind):
        column = pyarrow.compute.cast(column, pyarrow.string())
    return pyarrow.table({field.name: column})


def _fits(wanted: FieldType, kind: pyarrow.DataType) -> bool:
    types = pyarrow.types
    if wanted is FieldType.TEXT:
        return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))
    if wanted is FieldType.BOOLEAN:
        return bool(types.is_boolean(kind))
    return bool(types.is_integer(kind) or types.is_floating(kind))


def _target(column: pyarrow.ChunkedArray, spec: project.Project) -> numpy.typing.NDArray[numpy.float64]:
    field = spec.data.target
    if column.null_count:
        raise Invalid(
            f"The target is null in {column.null_count} rows.", field=field, fix="Leave out rows without an outcome."
        )
    if pyarrow.types.is_dictionary(column.type):
        column = pyarrow.compute.cast(column, column.type.value_type)
    if spec.model.task is Task.MULTICLASS:
        return classes.target(column, spec)
    kind = column.type
    if pyarrow.types.is_boolean(kind):
        column, kind = pyarrow.compute.cast(column, pyarrow.int8()), pyarrow.int8()
    if not _fits(FieldType.NUMBER, kind):
        raise Invalid(f"The target is {kind} in the data.", field=field, fix="Make it 0 and 1, or a number.")
    values = numpy.asarray(pyarrow.compute.cast(column, pyarrow.float64(), safe=False).to_numpy())
    if not numpy.isfinite(values).all():
        raise Invalid("The target is NaN or infinite in some rows.", field=field, fix="Leave these rows out.")
    if spec.model.task is Task.BINARY and not numpy.isin(values, (0.0, 1.0)).all():
        raise Invalid(
            "The target of a binary model must be 0 or 1 in every row.",
            field=field,
            fix='Convert it, or write task = "regression" under [model].',
        )
    return values


def _split_column(spec: project.Project) -> str:
    return spec.data.time if spec.split.by == "time" else spec.split.key or spec.data.key


def _check_parts(table: Table, spec: project.Project) -> None:
    needed = (Part.TRAIN, Part.TEST) if spec.costs is None else split.PARTS
    for part in needed:
        if not table.places(part).size:
            raise Invalid(f"The split leaves no rows for {part}.", field="split", fix=_more(part))
    if spec.model.task is Task.BINARY and _constant(table.target[table.places(Part.TRAIN)]):
        raise Invalid("The training rows hold one class only.", field=spec.data.target, fix="Add rows of the other.")
    if spec.model.task is Task.MULTICLASS:
        classes.check_train(table.target[table.places(Part.TRAIN)], spec)


def _constant(values: numpy.typing.NDArray[numpy.float64]) -> bool:
    return bool((values == values[0]).all())


def _more(part: Part) -> str:
    return "Use more rows, or more keys." if part is Part.TRAIN else f"Give {part} a larger share."


def texts(values: Iterable[Any]) -> numpy.typing.NDArray[numpy.object_]:
    """Values of a slice column as text; null is `null`."""
    return numpy.array(["null" if value is None else split.text_of(value) for value in values], dtype=object)
