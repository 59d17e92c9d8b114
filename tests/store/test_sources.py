"""Reading rows from files, folders, globs, URLs and databases, and what is said when that fails."""

import gzip
import http.server
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest

from podium.build.datasets import sources
from podium.core.errors import Invalid, NotFound, Unavailable

ROWS = [{"id": "a", "n": 1, "x": 0.5}, {"id": "b", "n": 2, "x": None}]
CSV = "id,n,x\na,1,0.5\nb,2,NA\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    table = pyarrow.Table.from_pylist(ROWS)
    (tmp_path / "rows.csv").write_text(CSV)
    (tmp_path / "rows.tsv").write_text(CSV.replace(",", "\t"))
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    (tmp_path / "rows.jsonl").write_text('{"id": "a", "n": 1, "x": 0.5}\n{"id": "b", "n": 2, "x": null}\n')
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    pyarrow.feather.write_feather(table, str(tmp_path / "rows.feather"))
    return tmp_path


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.csv.gz", "rows.jsonl", "rows.parquet", "rows.feather"])
def test_each_kind_of_file_gives_the_same_rows(folder: Path, name: str) -> None:
    assert sources.read(folder / name).to_pylist() == ROWS


def test_text_keeps_words_that_look_missing_and_loses_nothing_but_emptiness(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('country,n\nNA,\n"",NA\n"two\nlines",3\n')
    assert sources.read(tmp_path / "a.csv").to_pylist() == [
        {"country": "NA", "n": None},
        {"country": None, "n": None},
        {"country": "two\nlines", "n": 3},
    ]


def test_a_folder_and_a_glob_are_read_by_name(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("n,id\n2.5,b\n")
    (tmp_path / "a.csv").write_text("id,n\na,1\n")
    (tmp_path / "notes.txt").write_text("not data")
    for where in (tmp_path, f"{tmp_path}/*.csv", f"{tmp_path}/[ab].csv"):
        assert sources.read(where).to_pylist() == [{"id": "a", "n": 1.0}, {"id": "b", "n": 2.5}]
    (tmp_path / "c.csv").write_text("id,m\na,1\n")
    with pytest.raises(Invalid, match="different columns") as caught:
        sources.read(tmp_path)
    assert "c.csv" in str(caught.value)
    (tmp_path / "c.csv").write_text("id,n\nc,many\n")
    with pytest.raises(Invalid, match="different types"):
        sources.read(tmp_path)


def test_a_missing_file_says_what_is_near(folder: Path) -> None:
    with pytest.raises(NotFound, match="There is no file") as caught:
        sources.read(folder / "row.csv")
    assert "'rows.csv'" in str(caught.value)
    with pytest.raises(NotFound, match="no folder"):
        sources.read(folder / "deep" / "rows.csv")
    with pytest.raises(NotFound, match="No file matches"):
        sources.read(f"{folder}/*.xls")
    (folder / "empty").mkdir()
    with pytest.raises(NotFound, match="holds no file that can be read"):
        sources.read(folder / "empty")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"id,n\n", "no rows"),
        ("a.csv", b"id,n\n1,2\n1,2,3\n", "cannot be read"),
        ("a.xlsx", b"PK", "is not known"),
        ("a", b"id\n1\n", "is not known"),
        ("a.parquet", b"PAR1 no", "cannot be read"),
        ("a.feather", b"nothing here", "cannot be read"),
        ("a.jsonl", b'{"a": 1}\n{"a"', "cannot be read"),
        ("a.csv.gz", b"not gzip", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Invalid, match=words):
        sources.read(tmp_path / name)


def test_a_query_gives_rows_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "sales.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE sales (id TEXT, n INTEGER, x REAL)")
        database.executemany("INSERT INTO sales VALUES (:id, :n, :x)", ROWS)
    database.close()
    url = f"sqlite:///{path}"
    assert sources.read(url, "SELECT * FROM sales ORDER BY id").to_pylist() == ROWS
    for query, words in [
        (None, "needs a query"),
        ("SELECT * FROM sale", "no such table"),
        ("SELECT * FROM sales WHERE n > 9", "no rows"),
        ("DELETE FROM sales", "gives no rows"),
    ]:
        with pytest.raises(Invalid, match=words):
            sources.read(url, query)
    assert sources.read(url, "SELECT count(*) AS n FROM sales").to_pylist() == [{"n": 2}]
    with pytest.raises(NotFound, match="SQLite"):
        sources.read(f"sqlite:///{tmp_path}/other.db", "SELECT 1")
    assert not (tmp_path / "other.db").exists()


def test_a_database_that_is_unknown_or_away_is_named_without_its_password() -> None:
    with pytest.raises(Invalid, match="neither a file nor an address"):
        sources.read("nosuch://ann:secret@host/db", "SELECT 1")
    with pytest.raises(Unavailable, match="driver") as caught:
        sources.read("mysql+pymysql://ann:secret@host/db", "SELECT 1")
    assert "secret" not in str(caught.value)
    with pytest.raises((Invalid, Unavailable)) as refused:
        sources.read("postgresql://ann:secret@127.0.0.1:1/db", "SELECT 1")
    assert "secret" not in str(refused.value)
    with pytest.raises(Invalid, match="database's URL"):
        sources.read("data.csv", "SELECT 1")


class _Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path.startswith("/rows.csv")
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(CSV.encode() if found else b"")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_url_is_read_by_its_extension(site: str) -> None:
    assert sources.read(f"{site}/rows.csv?token=secret").to_pylist() == ROWS
    with pytest.raises(NotFound, match="answered 404"):
        sources.read(f"{site}/other.csv")
    with pytest.raises(Invalid, match="is not known"):
        sources.read(f"{site}/rows")
    with pytest.raises(Unavailable, match="does not answer"):
        sources.read("http://127.0.0.1:1/rows.csv")


def test_a_data_frame_gives_its_columns_without_the_index() -> None:
    assert sources.from_frame(pandas.DataFrame(ROWS, index=[7, 9])).to_pylist() == ROWS
    with pytest.raises(Invalid, match="one type each"):
        sources.from_frame(pandas.DataFrame({"a": [1, "x"]}))
