"""Releases: bring a version to an endpoint, and stop."""

from collections.abc import Sequence

from podium.client.part import Part
from podium.core import release


class Releases(Part):
    """Plans that bring versions to endpoints."""

    def list(self, endpoint: str | None = None) -> Sequence[release.Release]:
        """Releases, newest first."""
        return self._transport.get(f"{self._base}/releases", list[release.Release], endpoint=endpoint, limit=1000)

    def get(self, identifier: str) -> release.Release:
        """One release."""
        return self._transport.get(f"{self._base}/releases/{identifier}", release.Release)

    def start(self, model: str, version: int, endpoint: str, *, reason: str, wait: bool = False) -> release.Release:
        """Begin to bring a version to an endpoint: in shadow, or waiting for approval where nothing serves yet.

        `wait`: where another release is further on, begin when that one has ended.
        """
        body = {"model": model, "version": version, "endpoint": endpoint, "reason": reason, "wait": wait}
        return self._transport.post(f"{self._base}/releases", release.Release, body)

    def stop(self, identifier: str, reason: str) -> release.Release:
        """End an open release; the champion goes on alone."""
        return self._transport.post(f"{self._base}/releases/{identifier}/stop", release.Release, {"reason": reason})

    def advance(self, identifier: str) -> release.Release:
        """Let an approved release go on, or a canary whose time is over."""
        return self._transport.post(f"{self._base}/releases/{identifier}/advance", release.Release)
