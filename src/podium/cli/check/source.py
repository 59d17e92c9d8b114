"""Tables in files: Parquet or CSV, one file, a folder or a pattern; read a column at a time, in small pieces."""

import glob
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow
import pyarrow.parquet

from podium.core.errors import Invalid, NotFound
from podium.measures.sketch import arrow

ROWS_A_PIECE = 131_072
_BUFFER = 4 << 20
_SUFFIXES = (".parquet", ".pq", ".parq", ".csv", ".csv.gz", ".tsv")
_DELIMITERS, _HEAD = (",", ";", "\t", "|"), 65_536
_FORMATS = "Give a Parquet or CSV file, a folder of them, or a pattern in quotes."


class Source:
    """The files of one table. A CSV file is first brought into a temporary Parquet file, deleted at the end."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="podium-check-")
        self.files = [self._as_parquet(file, place) for place, file in enumerate(files)]
        opened = [_opened(file) for file in self.files]
        self._metadata = [each.metadata for each in opened]
        self.rows = sum(each.num_rows for each in self._metadata)
        self.types = _together([each.schema_arrow for each in opened])
        self._held = [frozenset(each.schema_arrow.names) for each in opened]
        for each in opened:
            each.close()

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: object) -> None:
        self._temporary.cleanup()

    def _as_parquet(self, file: Path, place: int) -> Path:
        if file.name.endswith((".parquet", ".pq", ".parq")):
            return file
        made = Path(self._temporary.name) / f"{place}.parquet"
        _convert(file, made)
        return made

    def reader(self) -> "Reader":
        """A reader for one thread."""
        return Reader(self.files, self._metadata, self._held, self.types)


class Reader:
    """Reads columns of the files, for one thread."""

    def __init__(
        self,
        files: Sequence[Path],
        metadata: Sequence[pyarrow.parquet.FileMetaData],
        held: Sequence[frozenset[str]],
        types: dict[str, pyarrow.DataType],
    ) -> None:
        words = [name for name, type_ in types.items() if pyarrow.types.is_string(type_)]
        self._types = types
        self._held = held
        self._files = [
            pyarrow.parquet.ParquetFile(
                file,
                metadata=each,
                read_dictionary=[name for name in words if name in names],
                buffer_size=_BUFFER,
                pre_buffer=False,
            )
            for file, each, names in zip(files, metadata, held, strict=True)
        ]

    def pieces(self, name: str, most_groups: int | None = None) -> Iterator[pyarrow.Array]:
        """A column in pieces; with `most_groups` only of that many row groups a file, evenly spread."""
        for file, held in zip(self._files, self._held, strict=True):
            groups = _spread(file.num_row_groups, most_groups)
            if name not in held:
                rows = sum(file.metadata.row_group(group).num_rows for group in groups)
                yield pyarrow.nulls(rows, self._types[name])
                continue
            batches = file.iter_batches(ROWS_A_PIECE, row_groups=groups, columns=[name], use_threads=False)
            try:
                for batch in batches:
                    yield self._typed(name, batch.column(0))
            except (pyarrow.ArrowException, OSError):
                raise Invalid("A column cannot be read.", field=name, fix="Is the file whole?") from None

    def _typed(self, name: str, array: pyarrow.Array) -> pyarrow.Array:
        wanted = self._types[name]
        if array.type == wanted or pyarrow.types.is_dictionary(array.type):
            return array
        return array.cast(wanted, safe=False)

    def close(self) -> None:
        """Close the files."""
        for each in self._files:
            each.close()


def find(text: str, field: str) -> list[Path]:
    """The files that a path, a folder or a pattern names, in alphabetical order; `NotFound` or `Invalid` for none."""
    path = Path(text)
    if path.is_dir():
        found = _within(path)
    elif path.exists():
        found = [path]
    else:
        found = [Path(each) for each in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207 - may be absolute
        found = [each for each in found if each.is_file()]
    if not found:
        raise NotFound("There is no such file, and no file in such a folder or pattern.", field=field, fix=_FORMATS)
    strange = [each for each in found if not each.name.endswith(_SUFFIXES)]
    if strange:
        raise Invalid("This is neither a Parquet nor a CSV file, by its name.", field=field, fix=_FORMATS)
    return found


def _within(folder: Path) -> list[Path]:
    """The tables in a folder; what starts with a dot or an underscore is another program's own, as logs and marks."""
    try:
        every = [each for each in sorted(folder.rglob("*")) if each.is_file() and each.name.endswith(_SUFFIXES)]
    except OSError:
        raise Invalid("This folder cannot be read.", field=folder.name) from None
    return [each for each in every if not any(part[0] in "._" for part in each.relative_to(folder).parts)]


def _opened(file: Path) -> pyarrow.parquet.ParquetFile:
    try:
        return pyarrow.parquet.ParquetFile(file, pre_buffer=False)
    except (pyarrow.ArrowInvalid, OSError):
        raise Invalid("A file cannot be read as Parquet.", field=file.name, fix="Is it complete?") from None


def _together(schemas: Sequence[pyarrow.Schema]) -> dict[str, pyarrow.DataType]:
    """Each column's type over all files, in order of appearance."""
    found: dict[str, pyarrow.DataType] = {}
    for schema in schemas:
        if len(set(schema.names)) != len(schema.names):
            raise Invalid("Two columns have one name.", field="columns", fix="Name every column differently.")
        for field in schema:
            type_ = field.type.value_type if pyarrow.types.is_dictionary(field.type) else field.type
            type_ = pyarrow.string() if pyarrow.types.is_string_view(type_) else type_
            found[field.name] = _wider(found[field.name], type_) if field.name in found else type_
    return found


def _wider(one: pyarrow.DataType, two: pyarrow.DataType) -> pyarrow.DataType:
    if one == two or pyarrow.types.is_null(two):
        return one
    if pyarrow.types.is_null(one):
        return two
    kinds = {arrow.kind(one), arrow.kind(two)}
    if kinds == {arrow.Kind.NUMERIC}:
        return pyarrow.float64()
    return pyarrow.timestamp("us") if kinds == {arrow.Kind.TIME} else pyarrow.string()


def _spread(groups: int, most: int | None) -> list[int]:
    if most is None or groups <= most:
        return list(range(groups))
    return sorted({round(place * (groups - 1) / (most - 1)) for place in range(most)})


def _convert(file: Path, made: Path) -> None:
    """CSV to Parquet, block by block; a type that a later block contradicts is widened, and the file read again."""
    types: dict[str, pyarrow.DataType] = {}
    while True:
        try:
            _copy(file, made, types)
        except UnicodeDecodeError:
            raise Invalid("A file is not in UTF-8.", field=file.name, fix="Store it as UTF-8.") from None
        except pyarrow.ArrowInvalid as problem:
            wider = _widened(file, types, str(problem))
            if wider is None:
                raise Invalid("A file cannot be read as CSV.", field=file.name, fix=_FORMATS) from None
            types = wider
        else:
            return


def _delimiter(file: Path) -> str:
    """What stands most often in the first line; a comma where nothing does."""
    if file.name.endswith(".tsv"):
        return "\t"
    with pyarrow.input_stream(file) as stream:
        line = stream.read(_HEAD).partition(b"\n")[0]
    return max(_DELIMITERS, key=lambda each: line.count(each.encode()))


def _reader(file: Path, types: dict[str, pyarrow.DataType]) -> "pyarrow.csv.CSVStreamingReader":
    import pyarrow.csv

    return pyarrow.csv.open_csv(
        file,
        read_options=pyarrow.csv.ReadOptions(block_size=8 << 20),
        parse_options=pyarrow.csv.ParseOptions(delimiter=_delimiter(file)),
        convert_options=pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True),
    )


def _copy(file: Path, made: Path, types: dict[str, pyarrow.DataType]) -> None:
    with _reader(file, types) as blocks, pyarrow.parquet.ParquetWriter(made, blocks.schema, compression="none") as out:
        if any(pyarrow.types.is_binary(each) for each in blocks.schema.types):
            raise UnicodeDecodeError("utf-8", b"", 0, 0, "text")
        for block in blocks:
            out.write_batch(block)


def _widened(file: Path, types: dict[str, pyarrow.DataType], problem: str) -> dict[str, pyarrow.DataType] | None:
    """The types with that of the column which the problem names made wider; None when it names none that can be."""
    try:
        with _reader(file, types) as blocks:
            schema = blocks.schema
    except pyarrow.ArrowInvalid:  # it is empty, or its first block is no table
        return None
    place = problem.partition("column #")[2].partition(":")[0]
    if not place.isdigit() or int(place) >= len(schema):
        return None
    field = schema.field(int(place))
    if pyarrow.types.is_string(field.type):
        return None
    to = pyarrow.float64() if pyarrow.types.is_integer(field.type) else pyarrow.string()
    return types | {field.name: to}
