"""Where rollouts and bundles come from: the control plane over HTTP, or a local folder."""

import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx
import msgspec

from podium.bundle import read
from podium.core import bundle, rollout
from podium.core.errors import Invalid, NotFound, PodiumError, Refused, Unavailable
from podium.scoring import proof
from podium.scoring.cache import Cache, read_signed

_LOG = logging.getLogger("podium.scorer")
T = TypeVar("T")

_TIMEOUT = httpx.Timeout(15.0, connect=3.0)
_STORING_SECONDS = 30.0
"""How long the control plane may be silent while it stores a segment."""
_ANSWER_SECONDS = 30.0
"""A request may take so long as a whole, and longer by what it carries at the slowest pace."""
_BYTES_A_SECOND = 50_000
_PIECE = 256 * 1024
_SHORT = 64 * 1024
"""Bytes of a short answer, at most: a key, a receipt, or why something is refused."""
_LONG = 16 * 1024 * 1024
"""The same of a list, a document or a manifest."""


class Receipt(msgspec.Struct, frozen=True):
    """What the control plane says of a segment that it has stored."""

    digest: str


class _Awaited(NamedTuple):
    """What an answer may be like."""

    largest: int = _SHORT
    """Bytes, at most."""
    expected: int = 0
    """About how many, where it may take the longer for that."""
    silent: float = 0.0
    """Seconds without a byte, if more than usual."""


_SHORTLY = _Awaited()
_LIST = _Awaited(_LONG)


class Folder:
    """`<folder>/rollouts/*.json` and `<folder>/bundles/<hex>/`, put there by hand or by a deployment tool."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def numbers(self) -> Mapping[str, int]:
        """By file: a changed file counts as a new number until its document is read."""
        return {endpoint: _changed(path) for endpoint, path in self._cache.rollout_files().items()}

    def document(self, endpoint: str) -> rollout.Signed:
        return read_signed(self._cache.rollouts / f"{endpoint}.json")

    def folder(self, digest: str) -> Path:
        return self._cache.bundle(digest)


class ControlPlane:
    """The control plane's API, as a scorer uses it. Safe for several threads."""

    def __init__(self, url: str, token: str, project: str, cache: Cache) -> None:
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._http = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=_TIMEOUT)
        self._project = f"/api/v1/projects/{project}"
        self._cache = cache
        self.limits = proof.Limits()

    def close(self) -> None:
        self._http.close()

    def numbers(self) -> Mapping[str, int]:
        found = self._decode(self._send("GET", f"{self._project}/rollouts", _LIST), list[rollout.InForce])
        return {each.endpoint: each.number for each in found if each.number > 0}

    def document(self, endpoint: str) -> rollout.Signed:
        answer = self._send("GET", f"{self._project}/endpoints/{endpoint}/rollout", _LIST)
        return self._decode(answer, rollout.Signed)

    def key(self) -> rollout.Key:
        """The key by which the control plane signs."""
        return self._decode(self._send("GET", "/api/v1/keys"), rollout.Key)

    def folder(self, digest: str) -> Path:
        """Fetched once, then kept; a kept one that was damaged is fetched again."""
        folder = self._cache.bundle(digest)
        if folder.exists():
            try:
                read.verify(folder, digest)
            except PodiumError as problem:
                _LOG.error("a kept bundle was damaged and is fetched again: %s", problem)
                self._cache.discard_bundle(digest)
            else:
                return folder
        return self._cache.store_bundle(digest, self._files(digest))

    def _files(self, digest: str) -> Iterator[tuple[str, bytes]]:
        base = f"{self._project}/bundles/{digest}/files"
        manifest = self._send("GET", f"{base}/{bundle.MANIFEST}", _LIST)
        read.check_manifest(manifest, digest)
        yield bundle.MANIFEST, manifest
        described = read.parse_manifest(manifest)
        proof.check_size(described, self.limits)
        for file in described.files:
            yield file.path, self._send("GET", f"{base}/{file.path}", _Awaited(file.bytes, file.bytes))

    def ship(self, scorer: str, name: str, digest: str, data: bytes) -> None:
        """Hand over a sealed log segment; returns when its receipt says that it is stored durably there."""
        headers = {"Podium-Digest": digest, "Content-Type": "application/vnd.apache.arrow.stream"}
        path = f"{self._project}/segments/{scorer}/{name}"
        answer = self._send("PUT", path, _Awaited(silent=_STORING_SECONDS), content=data, headers=headers)
        try:
            stored = msgspec.json.decode(answer, type=Receipt).digest
        except (msgspec.DecodeError, UnicodeDecodeError):
            stored = ""
        if stored != digest:
            raise Unavailable(
                "What the control plane's address answers is no receipt of the segment.",
                fix="See whether a proxy answers in its place.",
            )

    def report(self, scorer: str, status: Mapping[str, Any]) -> None:
        """Say what this scorer serves."""
        headers = {"Content-Type": "application/json"}
        path = f"{self._project}/scorers/{scorer}"
        self._send("POST", path, content=msgspec.json.encode(status), headers=headers)

    def _send(
        self,
        method: str,
        path: str,
        awaited: _Awaited = _SHORTLY,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The answer's bytes."""
        carried = awaited.expected + len(content or b"")
        ends = time.monotonic() + _ANSWER_SECONDS + carried / _BYTES_A_SECOND
        length = {} if content is None else {"Content-Length": str(len(content))}
        patience = httpx.Timeout(awaited.silent, connect=_TIMEOUT.connect) if awaited.silent else _TIMEOUT
        try:
            with self._http.stream(
                method,
                path,
                content=None if content is None else _pieces(content, ends),
                headers={**(headers or {}), **length},
                timeout=patience,
            ) as answer:
                body = _whole(answer, max(awaited.largest, _SHORT), ends)
        except (httpx.HTTPError, RuntimeError):  # of a client that was closed: a RuntimeError
            raise Unavailable("The control plane does not answer.") from None
        if answer.is_success:
            return body
        code = answer.status_code
        if code == httpx.codes.NOT_FOUND:
            raise NotFound("The control plane does not know this.")
        if code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise Refused("The control plane refuses this scorer's token.", field="token")
        if code in (400, 409, 413, 422):
            raise Invalid(f"The control plane refuses what was sent (status {code}).")
        raise Unavailable(f"The control plane failed (status {code}).")

    @staticmethod
    def _decode(answer: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(answer, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unavailable("The control plane's answer cannot be read.", fix="Upgrade the scorer.") from None


def _changed(path: Path) -> int:
    """When a file was changed; 0 of one that is not there or cannot be looked at."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _whole(answer: httpx.Response, largest: int, ends: float) -> bytes:
    """The answer's bytes as they were sent: packed, few of them might be very many."""
    packed = answer.headers.get("Content-Encoding", "identity")
    if packed.strip().lower() != "identity":
        raise Unavailable(
            f"The control plane's answer is packed ({packed:.40}), which was not asked for.",
            fix="Have the proxy before it leave answers as they are.",
        )
    body = bytearray()
    for piece in _timely(answer.iter_raw(), ends):
        body += piece
        if len(body) > largest:
            raise Unavailable(f"The control plane's answer is too large: more than {largest:,} bytes.")
    return bytes(body)


def _pieces(data: bytes, ends: float) -> Iterator[bytes]:
    return _timely((data[start : start + _PIECE] for start in range(0, len(data), _PIECE)), ends)


def _timely(pieces: Iterator[bytes], ends: float) -> Iterator[bytes]:
    """The same; `Unavailable` once the time is over: a peer that drips would hold its thread for ever."""
    for piece in pieces:
        if time.monotonic() > ends:
            raise Unavailable("The control plane is too slow.")
        yield piece
