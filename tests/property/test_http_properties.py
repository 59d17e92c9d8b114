"""Our HTTP/1.1 against h11 as an oracle: whatever bytes, in whatever pieces, the same requests, or both refuse.

Where ours is stricter, on purpose, the bytes must show one of the reasons in `stricter`.
"""

import itertools
import re
from typing import Any

import h11
from hypothesis import example, given, settings
from hypothesis import strategies as st

from podium.core import time
from podium.scoring.call import Answer
from podium.scoring.http import connection, limits, writing
from podium.scoring.http.head import Head

LIMITS = limits.Limits(head=4096, body=2048)
Request = tuple[str, str, list[tuple[str, str]], bytes]


class Transport:
    """What a connection does to its socket."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.ended = False
        self.reading = True

    def write(self, data: bytes) -> None:
        self.sent += data

    def close(self) -> None:
        self.ended = True

    write_eof = abort = close

    def is_closing(self) -> bool:
        return self.ended

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Front:
    """Remembers requests; answers each at once, or when told."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.requests: list[Request] = []
        self.waiting: list[tuple[Any, int, Head]] = []
        self._at_once = at_once

    def refused(self, status: int) -> None:
        pass

    def take(self, exchange: Any, number: int, head: Head, body: bytes) -> None:
        self.requests.append((head.method, head.target, list(head.fields), body))
        if self._at_once:
            exchange.answer(number, Answer(200, b"{}"), head)
        else:
            self.waiting.append((exchange, number, head))


def ours(pieces: list[bytes]) -> tuple[list[Request], bytes]:
    """The requests that we read, and all that we answered."""
    front, transport = Front(), Transport()
    shared = connection.Shared(front, LIMITS, writing.Heads(lambda: time.from_us(0)))
    made = connection.Connection(shared)
    made.connection_made(transport)  # type: ignore[arg-type]
    for piece in pieces:
        made.data_received(piece)
    return front.requests, bytes(transport.sent)


def refused(sent: bytes) -> bool:
    return re.search(rb"HTTP/1\.1 [45]", sent) is not None


def theirs(data: bytes) -> tuple[list[Request], bool]:
    """The requests that h11 reads, and whether it refused in the end."""
    reader = h11.Connection(h11.SERVER, max_incomplete_event_size=LIMITS.head)
    reader.receive_data(data)
    found: list[Request] = []
    body = bytearray()
    head: h11.Request | None = None
    while True:
        try:
            event = reader.next_event()
        except h11.RemoteProtocolError:
            return found, True
        if isinstance(event, h11.Request):
            head, body = event, bytearray()
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            fields = [(name.decode(), value.decode("latin-1")) for name, value in head.headers]
            found.append((head.method.decode(), head.target.decode(), fields, bytes(body)))
            reader.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            reader.send(h11.EndOfMessage())
            if reader.our_state is h11.MUST_CLOSE or reader.their_state is h11.MUST_CLOSE:
                return found, False
            reader.start_next_cycle()
        else:
            return found, False


def stricter(data: bytes) -> str | None:
    """Why we may refuse what h11 takes."""
    reasons = {
        "a line feed without carriage return": rb"(?<!\r)\n",
        "a folded line": rb"\r\n[ \t]",
        "a control character": rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]",
        "a carriage return within a line": rb"\r(?!\n)",
        "another version of HTTP": rb"HTTP/(?!1\.[01]\r)",
        "a listed or repeated length": rb"(?is)content-length:[^\r]*,|content-length:.*content-length:",
        "a length beside a transfer coding": rb"(?is)content-length:.*transfer-encoding:"
        rb"|transfer-encoding:.*content-length:",
        "chunks in HTTP/1.0": rb"(?is)HTTP/1\.0\r.*transfer-encoding:",
        "an expectation": rb"(?i)expect:[ \t]*(?!100-continue[ \t]*\r)",
        "a content coding": rb"(?i)content-encoding:",
        "a body over the limit": rb"(?i)content-length:[ \t]*0*[0-9]{4,}|\r\n[0-9a-f]{3,}",
        "space after a chunk's size": rb"(?i)\r\n[0-9a-f]+(?:;[^\r]*)?[ \t]+\r\n",
        "a chunk's size of many digits": rb"(?i)\r\n[0-9a-f]{17,}",
        "a long length": rb"(?i)content-length:[ \t]*[0-9]{19,}",
        "a head over the limit": rb"(?s).{4096}",
    }
    return next((reason for reason, pattern in reasons.items() if re.search(pattern, data)), None)


TOKENS = st.sampled_from(
    rb"""GET|POST|HEAD|OPTIONS| |/|*|/v2/models/delay/infer|http://a/b?c|/?q=%20| HTTP/1.1~| HTTP/1.0~| HTTP/2.0~
     HTTP/1.1^|~|~~|^|`|@|host: a~|Host:b~|HOST : c~|content-length: 5~|Content-Length:0~|content-length: 5, 5~
    content-length: +5~|content-length: 5 5~|content-length: 3~|content-length: 00~|content-length: 5@~
    transfer-encoding: chunked~
    Transfer-Encoding: Chunked~|transfer-encoding: gzip, chunked~|transfer-encoding : chunked~
    connection: close~|connection: keep-alive~|connection: x, Close~|x: y~|expect: 100-continue~|expect: 100-Continue ~
    x:~|: y~|x: \xff~|x: \x00~| folded~|x: a@b  ~|hello|5~hello~|3;a=b~abc~|0~~|0~x: y~~|0~x y~~|5~helloXX|5 ~hello~
    A~0123456789~|-1~|0x5~|00005~hello~|000000000000000000005~hello~|0;x~~|5~hell|5~hello`x|\x00|\xff|\x16\x03\x01""".replace(
        b"\n    ", b"|"
    )
    .replace(b"\\x00", b"\x00")
    .replace(b"\\xff", b"\xff")
    .replace(b"\\x16\\x03\\x01", b"\x16\x03\x01")
    .replace(b"~", b"\r\n")
    .replace(b"^", b"\n")
    .replace(b"`", b"\r")
    .replace(b"@", b"\t")
    .split(b"|")
)
"""Pieces of requests; ~ is CR LF, ^ LF, ` CR, @ a tab."""
GOOD = st.sampled_from(
    [
        text.replace(b"~", b"\r\n")
        for text in (
            b"GET / HTTP/1.1~host: a~~",
            b"HEAD /ping HTTP/1.1~Host: a~x: y~X: z~~",
            b"POST /a HTTP/1.1~host: a~content-length: 5~~hello",
            b"POST /b HTTP/1.1~host: a~transfer-encoding: chunked~~5~hello~3;e=1~abc~0~t: u~~",
            b"POST /b HTTP/1.1~host: a~transfer-encoding: chunked~~1~\r~2~~~0~~",
            b"POST /c HTTP/1.1~host: a~expect: 100-continue~content-length: 2~~~",
            b"POST /d HTTP/1.0~content-length: 1~~x",
            b"DELETE /e?f=g HTTP/1.1~host:~connection: close~~",
        )
    ]
)
STREAMS = st.one_of(
    st.lists(GOOD, max_size=4).map(b"".join),
    st.lists(st.one_of(TOKENS, GOOD), max_size=12).map(b"".join),
    st.builds(
        lambda head, fields, rest: head + b"".join(fields) + b"\r\n" + b"".join(rest),
        st.sampled_from([b"POST / HTTP/1.1\r\nhost: a\r\n", b"POST / HTTP/1.0\r\n", b"GET / HTTP/1.1\r\n"]),
        st.lists(TOKENS, max_size=4),
        st.lists(TOKENS, max_size=6),
    ),
    st.binary(max_size=200),
)


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A good stream with some bytes replaced, put in or taken out."""
    data = bytearray(draw(st.lists(GOOD, min_size=1, max_size=3).map(b"".join)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.one_of(st.binary(max_size=3), TOKENS))
    return bytes(data)


@settings(max_examples=600, deadline=None)
@given(st.one_of(STREAMS, changed()))
@example(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")
@example(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n")
def test_we_read_what_h11_reads_or_both_refuse(data: bytes) -> None:
    mine, sent = ours([data])
    other, wrong = theirs(data)
    assert mine == other[: len(mine)], "we read a request that h11 reads otherwise, or not at all"
    if len(mine) < len(other):
        assert refused(sent), "we wait for more where h11 has read a request"
        assert stricter(data), "we refuse what h11 takes"
    elif wrong:
        closed = any(
            name == "connection" and "close" in value.lower() for _, _, fields, _ in mine for name, value in fields
        )
        assert refused(sent) or closed or b"HTTP/1.0" in data or _unfinished(data), "we take what h11 refuses"


def _unfinished(data: bytes) -> bool:
    """h11 looks at a line as soon as it is whole, we at a head: what it refuses early we refuse later."""
    return not ours([data + b"\r\n\r\n"])[0] or refused(ours([data + b"\r\n\r\n"])[1])


@settings(max_examples=600, deadline=None)
@given(st.one_of(STREAMS, changed()), st.lists(st.integers(0, 400), max_size=8))
def test_where_the_bytes_are_cut_changes_nothing(data: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in itertools.pairwise(places)]
    whole, answer = ours([data])
    cut, other = ours(pieces)
    assert cut == whole
    assert _without_continue(other) == _without_continue(answer)


@settings(max_examples=100, deadline=None)
@given(st.one_of(STREAMS, changed()))
@example(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n\r\n\n")
def test_byte_by_byte_is_the_same(data: bytes) -> None:
    whole, answer = ours([data])
    cut, other = ours([data[at : at + 1] for at in range(len(data))])
    assert cut == whole
    assert _without_continue(other) == _without_continue(answer)


def _without_continue(sent: bytes) -> bytes:
    """Whoever has the body already is not told to send it."""
    return sent.replace(writing.CONTINUE, b"")


@settings(deadline=None)
@given(st.permutations(range(5)))
def test_answers_leave_in_the_order_of_the_requests(order: list[int]) -> None:
    front, transport = Front(at_once=False), Transport()
    shared = connection.Shared(front, LIMITS, writing.Heads(lambda: time.from_us(0)))
    made = connection.Connection(shared)
    made.connection_made(transport)  # type: ignore[arg-type]
    made.data_received(b"".join(b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n" % number for number in range(5)))
    for at in order:
        exchange, number, head = front.waiting[at]
        exchange.answer(number, Answer(200, head.target.encode()), head)
    assert re.findall(rb"/(\d)", bytes(transport.sent).replace(b"HTTP/1", b"")) == [b"0", b"1", b"2", b"3", b"4"]
