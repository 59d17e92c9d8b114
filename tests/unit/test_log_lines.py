"""Log lines of JSON: each is read as it was written, however long it would be and however many write to one pipe."""

import json
import logging
import subprocess
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from podium.core import log_lines

_MOST = 4096
_WRITER = """
import logging, sys
from podium.core import log_lines
lines = logging.StreamHandler()
lines.setFormatter(log_lines.JsonLines())
logging.basicConfig(level="INFO", handlers=[lines])
for number in range(300):
    logging.info("request", extra=log_lines.extra(path=sys.argv[1] * 6000, number=number))
"""


def line(message: str, **fields: Any) -> str:
    record = logging.LogRecord("podium.test", logging.INFO, __file__, 1, message, None, None)
    vars(record).update(log_lines.extra(**fields))
    return log_lines.JsonLines().format(record) + "\n"


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_short_lines_say_all(message: str, path: str) -> None:
    found = json.loads(line(message, path=path, bytes=5))
    assert found["message"] == message
    assert found.get("path", "") == path
    assert found["bytes"] == 5


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.lists(st.integers(0, 3000), min_size=1, max_size=12),
)
def test_no_line_is_longer_than_a_pipe_takes_at_once(text: str, times: list[int]) -> None:
    told = line(text * times[0], **{f"field{at}": text * each for at, each in enumerate(times)}, status=200)
    assert len(told.encode()) <= _MOST
    assert told.count("\n") == 1
    assert json.loads(told)["status"] == 200


def test_a_long_text_keeps_its_beginning_and_its_end_and_the_others_all() -> None:
    found = json.loads(line("said", path="/first" + "x" * 100_000 + "last", request_id="r" * 100))
    assert found["path"].startswith("/firstx")
    assert found["path"].endswith("xlast")
    assert 2500 < len(found["path"]) < _MOST
    assert found["request_id"] == "r" * 100
    assert found["message"] == "said"


def test_a_long_traceback_keeps_where_it_began_and_what_it_was() -> None:
    def deep(levels: int) -> None:
        if levels:
            deep_of_another_kind(levels)
        raise ValueError("the reason")

    def deep_of_another_kind(levels: int) -> None:
        deep(levels - 1)

    try:
        deep(100)
    except ValueError:
        record = logging.LogRecord("podium.test", logging.ERROR, __file__, 1, "failed", None, sys.exc_info())
    told = log_lines.JsonLines().format(record) + "\n"
    assert len(told.encode()) <= _MOST
    error = json.loads(told)["error"]
    assert error.startswith("Traceback (most recent call last):\n")
    assert error.endswith("ValueError: the reason")


def test_what_is_not_text_is_cut_too() -> None:
    told = line("said", values=list(range(5000)), odd=object())
    assert len(told.encode()) <= _MOST
    assert json.loads(told)["values"].startswith("[0,1,2,")


def test_lines_of_several_processes_on_one_pipe_stay_whole() -> None:
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as pipe:
        assert pipe.stdin is not None
        writers = [subprocess.Popen([sys.executable, "-c", _WRITER, each], stderr=pipe.stdin) for each in "abc"]
        pipe.stdin.close()
        assert pipe.stdout is not None
        found = [json.loads(each) for each in pipe.stdout]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert len(found) == 900
    assert all(set(each["path"]) - set(" …") in ({"a"}, {"b"}, {"c"}) for each in found)
