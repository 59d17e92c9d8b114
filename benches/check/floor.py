"""Reading and decoding the columns of Parquet files, and nothing else: `python -m benches.check.floor HOW FILE …`."""

import sys
from pathlib import Path

import pyarrow.parquet

WAYS = ("table", "groups", "batches")
"""pyarrow's own three, by its defaults: the whole table, a row group at a time, or batches of 65,536 rows."""


def main(how: str, *paths: str) -> None:
    for path in paths:
        _read(path, how)


def _read(path: str, how: str) -> None:
    if how == "table":
        pyarrow.parquet.read_table(path)
    elif how == "groups":
        file = pyarrow.parquet.ParquetFile(path)
        for group in range(file.num_row_groups):
            file.read_row_group(group)
    elif how == "batches":
        for _ in pyarrow.parquet.ParquetFile(path).iter_batches():
            pass
    else:
        _podium(Path(path))


def _podium(path: Path) -> None:
    """Podium's reader without any counting: a column at a time, text as dictionaries, two threads."""
    import concurrent.futures  # noqa: PLC0415

    from podium.cli.check import source  # noqa: PLC0415

    with source.Source([path]) as opened:
        names = list(opened.types)

        def read(part: list[str]) -> None:
            reader = opened.reader()
            for name in part:
                for _ in reader.pieces(name):
                    pass

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(read, (names[::2], names[1::2])))


if __name__ == "__main__":
    main(*sys.argv[1:])
