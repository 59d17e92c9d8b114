"""What an external service may answer: by the deadline, within bounds, and as numbers, or it is no answer."""

import datetime
import ipaddress
import socket
import ssl
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from podium.bundle import columns
from podium.bundle.engines.external import hosts, model
from podium.core import engine
from podium.core.errors import Unavailable
from podium.scoring import waiting
from tests import engine_kit
from tests.vendor import Rude, drip, flood, say

SECONDS = 0.6
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
DATA = b'{"outputs": [{"name": "s", "shape": [2], "data": %s}]}'
PAIRS = b'{"outputs": [{"name": "s", "shape": [2, 2], "data": %s}]}'
Speak = Callable[[socket.socket], None]


@contextmanager
def asking(
    speak: Speak,
    protocol: Literal["oip", "mlflow"] = "oip",
    output: str = "",
    tls: ssl.SSLContext | None = None,
    seconds: float = SECONDS,
) -> Iterator[tuple[Rude, Callable[..., list[float]]]]:
    """A server and what asks it for the scores of so many rows, two unless told."""
    server = Rude(speak, tls)
    url = f"http{'s' if tls else ''}://127.0.0.1:{server.port}/x"
    spec = engine.External(url=url, protocol=protocol, output=output, seconds=seconds)
    made = model.Model(engine_kit.SIGNATURE, spec, hosts.target(url, {"127.0.0.1": hosts.Known(http=not tls)}))

    def ask(rows: int = 2) -> list[float]:
        found: list[float] = made.predict(columns.from_rows(engine_kit.SIGNATURE, engine_kit.rows(rows))).tolist()
        return found

    try:
        yield server, ask
    finally:
        made.close()
        server.close()


DRIPS = {
    "in the status line": drip(OK * 3),
    "in the headers": drip(b"x: 1\r\n" * 10, OK),
    "in a chunk's size": drip(b"1;" + b"x" * 50, CHUNKED),
    "in a chunk": drip(b"x" * 50, CHUNKED + b"50\r\n"),
    "in the trailers": drip(b"x: 1\r\n" * 10, CHUNKED + b"2\r\n{}\r\n0\r\n"),
    "in the body": drip(b" " * 50, OK + b"Content-Length: 1000\r\n\r\n"),
    "before closing": drip(b" " * 50, OK + b"Connection: close\r\nContent-Length: 1000\r\n\r\n"),
    "until closing": drip(b" " * 50, b"HTTP/1.0 200 OK\r\n\r\n"),
    "of continues": drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 3),
}


@pytest.mark.parametrize("where", DRIPS)
def test_an_answer_that_drips_is_over_by_the_deadline(where: str) -> None:
    with asking(DRIPS[where]) as (_, ask):
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="does not answer in time"):
            ask()
        assert time.monotonic() - begun < SECONDS + 0.5


def test_a_handshake_that_drips_is_over_by_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:

        def answer() -> None:
            with listening.accept()[0] as connection:
                drip(b"x" * 30, b"\x16\x03\x03\x40\x00")(connection)

        dripping = pool.submit(answer)
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/x"
        spec = engine.External(url=url, seconds=SECONDS)
        made = model.Model(engine_kit.SIGNATURE, spec, hosts.target(url, {"127.0.0.1": hosts.Known()}))
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="does not answer in time"):
            made.predict(columns.from_rows(engine_kit.SIGNATURE, engine_kit.rows(1)))
        assert time.monotonic() - begun < SECONDS + 0.5
        assert isinstance(dripping.exception(), OSError)  # it was hung up on


FLOODS = {
    "continues": flood(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a header": flood(b"x", OK + b"x: "),
    "headers": flood(b"x: y\r\n", OK),
    "a chunk's size": flood(b"x", CHUNKED + b"1;"),
    "chunks": flood(b"1\r\n \r\n", CHUNKED),
    "trailers": flood(b"x: y\r\n", CHUNKED + b"2\r\n{}\r\n0\r\n"),
    "a body": flood(b" ", OK + b"Content-Length: 99999999999999\r\n\r\n"),
    "a body without an end": flood(b" ", b"HTTP/1.0 200 OK\r\n\r\n"),
}


@pytest.mark.parametrize("what", FLOODS)
def test_an_answer_without_an_end_costs_little(what: str) -> None:
    with asking(FLOODS[what], seconds=5.0) as (_, ask):
        begun, used = time.monotonic(), time.thread_time()
        with pytest.raises(Unavailable):
            ask()
        assert time.thread_time() - used < 1.0
        assert time.monotonic() - begun < 5.5


UNREADABLE = {
    "a number beyond float64": DATA % (b"[0.1, 1" + b"0" * 400 + b"]"),
    "a float beyond float64": DATA % b"[0.1, 1e400]",
    "5,000 brackets": b"[" * 5000 + b"]" * 5000,
    "5,000 brackets as data": DATA % (b"[" * 5000 + b"]" * 5000),
    "5,000 brackets elsewhere": b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b', "outputs": []}',
    "truths": DATA % b"[true, false]",
    "texts": DATA % b'["0.1", "0.2"]',
    "a text": DATA % b'"ab"',
    "too few": DATA % b"[0.1]",
    "too many": DATA % b"[0.1, 0.2, 0.3]",
    "far too many": DATA % (b"[0.1" + b", 0.1" * 1000 + b"]"),
    "empty lists": DATA % b"[[], []]",
    "lists of three": DATA % b"[[1, 2, 3], [1, 2, 3]]",
    "a shape that is a number": b'{"outputs": [{"shape": 2, "data": [1, 2]}]}',
    "a shape below nothing": b'{"outputs": [{"shape": [-2, -2], "data": [1, 2, 3, 4]}]}',
    "no shape": b'{"outputs": [{"data": [1, 2]}]}',
    "no data": b'{"outputs": [{"shape": [2]}]}',
    "no output": b'{"outputs": []}',
    "outputs by name": b'{"outputs": {"s": [1, 2]}}',
    "a list": b"[]",
    "nothing": b"",
    "no UTF-8": b'{"outputs": [{"name": "\xff\xfe"}]}',
    "gzip": b"\x1f\x8b\x08",
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_is_no_score_is_no_answer(what: str) -> None:
    with asking(say(UNREADABLE[what])) as (_, ask), pytest.raises(Unavailable, match="answer is none"):
        ask()


@pytest.mark.parametrize(
    "head", [OK + b"Content-Length: -5\r\n\r\n", CHUNKED + b"-5\r\nab", CHUNKED + b"zz\r\n", b"?\r\n"]
)
def test_what_is_no_http_is_no_answer(head: bytes) -> None:
    with asking(drip(b"", head)) as (_, ask), pytest.raises(Unavailable):
        ask()


@pytest.mark.parametrize(
    ("protocol", "body", "expected"),
    [
        ("oip", DATA % b"[0.1, 1]", [0.1, 1.0]),
        ("oip", DATA % b"[[0.1], [0.2]]", [0.1, 0.2]),
        ("oip", PAIRS % b"[0.9, 0.1, 0.8, 0.2]", [0.1, 0.2]),
        ("oip", PAIRS % b"[[0.9, 0.1], [0.8, 0.2]]", [0.1, 0.2]),
        ("mlflow", b'{"predictions": [[0.9, 0.1], 0.2]}', [0.1, 0.2]),
    ],
)
def test_scores_come_in_these_shapes(protocol: Literal["oip", "mlflow"], body: bytes, expected: list[float]) -> None:
    with asking(say(body), protocol) as (_, ask):
        assert ask() == expected


def test_other_outputs_may_hold_anything() -> None:
    others = b'{"name": "a", "data": ["x", {"y": []}]}, {"name": "b", "parameters": {"binary_data_size": 8}}'
    body = b'{"outputs": [%s, {"name": "s", "shape": [2], "data": [0.1, 0.2]}]}' % others
    with asking(say(body), output="s") as (_, ask):
        assert ask() == [0.1, 0.2]


@pytest.mark.parametrize(
    "body", [DATA % (b"[" + b"[]," * 300_000 + b"[]]"), b'{"outputs": [%s{}]}' % (b"{}," * 300_000)]
)
def test_a_small_answer_does_not_become_large(body: bytes) -> None:
    with asking(say(body)) as (_, ask):
        tracemalloc.start()
        try:
            with pytest.raises(Unavailable, match="answer is none"):
                ask()
            assert tracemalloc.get_traced_memory()[1] < 8 << 20  # as lists it would be thrice that
        finally:
            tracemalloc.stop()


def test_an_answer_may_be_as_large_as_the_question_has_rows() -> None:
    with asking(say(b" " * (2 << 20))) as (_, ask), pytest.raises(Unavailable, match="too large"):
        ask()
    many = DATA % (b"[" + b", ".join([b"0.12345678901234567"] * 100_000) + b"]")
    with asking(say(many), seconds=10.0) as (_, ask):
        assert ask(100_000) == [0.12345678901234567] * 100_000


@pytest.mark.parametrize("head", [b"", b"Connection: close\r\n"])
def test_each_question_is_asked_once(head: bytes) -> None:
    with asking(say(DATA % b"[0.1, 0.2]", head)) as (server, ask):
        for _ in range(3):
            assert ask() == [0.1, 0.2]
        assert server.asked == 3


def test_who_waited_for_his_turn_is_not_asked_for_when_his_time_is_over() -> None:
    with asking(say(DATA % b"[0.1, 0.2]")) as (server, ask):
        soon, late = waiting.queued(ask), waiting.queued(ask)
        assert soon() == [0.1, 0.2]
        time.sleep(SECONDS)
        with pytest.raises(Unavailable, match="busy with other rows"):
            late()
        assert ask() == [0.1, 0.2]
        assert server.asked == 2


def test_answers_come_over_tls_from_whoever_has_the_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = certified(tmp_path / "own.pem")
    body = DATA % (b"[0.1, 0.2" + b" " * 100_000 + b"]")
    with asking(say(body), tls=context, seconds=5.0) as (_, ask), pytest.raises(Unavailable, match="certificate"):
        ask()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    with asking(say(body), tls=context, seconds=5.0) as (server, ask):
        assert ask() == ask() == [0.1, 0.2]
        assert server.asked == 2
    with asking(drip(b" " * 50, OK + b"Connection: close\r\n\r\n"), tls=context) as (_, ask):
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="in time"):
            ask()
        assert time.monotonic() - begun < SECONDS + 0.5


def certified(path: Path) -> ssl.SSLContext:
    """A server's side of TLS for 127.0.0.1, with a certificate that only who has the file trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a vendor")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = path.with_suffix(".key")
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, private)
    return context
