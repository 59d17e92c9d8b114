import json
import logging
import sys

import pytest

from podium.core import log_lines, trace

GOOD = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
RANDOM = bytes(range(1, 25))


def test_a_good_parent_is_carried_on_with_a_span_of_ours() -> None:
    found = trace.begin({"traceparent": GOOD, "tracestate": "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"}, RANDOM)
    assert found.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert found.parent_id == "b7ad6b7169203331"
    assert found.span_id == RANDOM[16:].hex()
    assert found.traceparent == f"00-0af7651916cd43dd8448eb211c80319c-{found.span_id}-01"
    assert found.outgoing() == {
        "traceparent": found.traceparent,
        "tracestate": "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
    }


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "x",
        GOOD.upper(),
        GOOD[:-1],
        GOOD + "-00",
        GOOD + "x",
        GOOD.replace("00-", "ff-", 1),
        GOOD.replace("00-", "0-", 1),
        GOOD.replace("-", "_"),
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
        f"{GOOD}, {GOOD}",
        GOOD + "\n",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what",
        "٠٠-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ],
)
def test_a_wrong_parent_begins_a_new_trace_and_drops_the_state(wrong: str) -> None:
    found = trace.begin({"traceparent": wrong, "tracestate": "congo=t61rcWkgMzE"}, RANDOM)
    assert found.trace_id == RANDOM[:16].hex()
    assert found.parent_id == ""
    assert found.flags == 0
    assert found.outgoing() == {"traceparent": found.traceparent}


def test_later_versions_are_read_as_far_as_they_are_known() -> None:
    for later in ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", f"01{GOOD[2:]}-what-the-future"):
        found = trace.begin({"traceparent": later}, RANDOM)
        assert found.trace_id == "0af7651916cd43dd8448eb211c80319c"
        assert found.traceparent.startswith("00-")
    assert trace.begin({"traceparent": f"{GOOD[:-2]}ff"}, RANDOM).flags == 0x03


def test_ids_are_never_all_zero() -> None:
    found = trace.begin({}, bytes(24))
    assert trace.parse(found.traceparent) is not None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a=1", "a=1"),
        ("a=1, b=2 ,,c=3", "a=1,b=2,c=3"),
        ("tenant@sys=1", "tenant@sys=1"),
        ("a=1,a=2", ""),
        ("A=1", ""),
        ("a", ""),
        ("a=1,b", ""),
        ("a=" + "x" * 257, ""),
        (",".join(f"k{at}=1" for at in range(33)), ""),
        (",".join(f"k{at}=1" for at in range(32)), ",".join(f"k{at}=1" for at in range(32))),
        ("a=x\x01", ""),
    ],
)
def test_the_state_is_handed_on_whole_or_not_at_all(given: str, kept: str) -> None:
    assert trace.state(given) == kept


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("podium.scorer", logging.WARNING, "x.py", 1, message, (), None)
    made.created, made.msecs = 1_363_000_000.25, 250.0
    for name, value in log_lines.extra(**fields).items():
        setattr(made, name, value)
    return made


def test_a_line_is_one_json_object() -> None:
    text = log_lines.JsonLines().format(record('a "quoted"\nline', endpoint="delay", status=503, trace_id=None))
    assert "\n" not in text
    assert json.loads(text) == {
        "time": "2013-03-11T11:06:40.250Z",
        "level": "warning",
        "logger": "podium.scorer",
        "message": 'a "quoted"\nline',
        "endpoint": "delay",
        "status": 503,
    }


def test_an_error_is_in_its_line() -> None:
    made = record("failed")
    try:
        raise ValueError("why")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = json.loads(log_lines.JsonLines().format(made))
    assert "ValueError: why" in line["error"]


def test_people_read_the_same_as_words() -> None:
    assert log_lines.Words().format(record("slow", endpoint="delay")).endswith("slow endpoint=delay")
