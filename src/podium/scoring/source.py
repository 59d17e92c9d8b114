"""Where rollouts and bundles come from: the control plane over HTTP, or a local folder."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec

from podium.bundle import read
from podium.core import bundle, rollout
from podium.core.errors import Invalid, NotFound, PodiumError, Refused, Unavailable
from podium.scoring import proof
from podium.scoring.cache import Cache, read_signed

_LOG = logging.getLogger("podium.scorer")
T = TypeVar("T")

_TIMEOUT = httpx.Timeout(30.0, connect=3.0)


class Folder:
    """`<folder>/rollouts/*.json` and `<folder>/bundles/<hex>/`, put there by hand or by a deployment tool."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def numbers(self) -> Mapping[str, int]:
        """By file: a changed file counts as a new number until its document is read."""
        return {endpoint: path.stat().st_mtime_ns for endpoint, path in self._cache.rollout_files().items()}

    def document(self, endpoint: str) -> rollout.Signed:
        return read_signed(self._cache.rollout_files()[endpoint])

    def folder(self, digest: str) -> Path:
        return self._cache.bundle(digest)


class ControlPlane:
    """The control plane's API, as a scorer uses it. Safe for several threads."""

    def __init__(self, url: str, token: str, project: str, cache: Cache) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=_TIMEOUT)
        self._project = f"/api/v1/projects/{project}"
        self._cache = cache
        self.limits = proof.Limits()

    def close(self) -> None:
        self._http.close()

    def numbers(self) -> Mapping[str, int]:
        found = self._decode(self._send("GET", f"{self._project}/rollouts"), list[rollout.InForce])
        return {each.endpoint: each.number for each in found if each.number > 0}

    def document(self, endpoint: str) -> rollout.Signed:
        return self._decode(self._send("GET", f"{self._project}/endpoints/{endpoint}/rollout"), rollout.Signed)

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
        manifest = self._send("GET", f"{base}/{bundle.MANIFEST}").content
        yield bundle.MANIFEST, manifest
        described = read.parse_manifest(manifest)
        proof.check_size(described, self.limits)
        for file in described.files:
            yield file.path, self._send("GET", f"{base}/{file.path}").content

    def ship(self, scorer: str, name: str, digest: str, data: bytes) -> None:
        """Hand over a sealed log segment; returns when it is stored durably there."""
        headers = {"Podium-Digest": digest, "Content-Type": "application/vnd.apache.arrow.stream"}
        self._send("PUT", f"{self._project}/segments/{scorer}/{name}", content=data, headers=headers)

    def report(self, scorer: str, status: Mapping[str, Any]) -> None:
        """Say what this scorer serves."""
        headers = {"Content-Type": "application/json"}
        path = f"{self._project}/scorers/{scorer}"
        self._send("POST", path, content=msgspec.json.encode(status), headers=headers)

    def _send(
        self, method: str, path: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        try:
            answer = self._http.request(method, path, content=content, headers=headers)
        except httpx.HTTPError:
            raise Unavailable("The control plane does not answer.") from None
        if answer.is_success:
            return answer
        code = answer.status_code
        if code == httpx.codes.NOT_FOUND:
            raise NotFound("The control plane does not know this.")
        if code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise Refused("The control plane refuses this scorer's token.", field="token")
        if code in (400, 409, 413, 422):
            raise Invalid(f"The control plane refuses what was sent (status {code}).")
        raise Unavailable(f"The control plane failed (status {code}).")

    @staticmethod
    def _decode(answer: httpx.Response, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Unavailable("The control plane's answer cannot be read.", fix="Upgrade the scorer.") from None
