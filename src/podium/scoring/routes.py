"""Which path means what: patterns like `/v2/models/{endpoint}/infer`, looked up once for each request head."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias
from urllib import parse

from podium.scoring.call import Answer, Call

_KEPT, _LONGEST_KEPT = 1024, 256


class Place(NamedTuple):
    """What a path named."""

    endpoint: str = ""
    version: str = ""
    route: str = ""
    """The path's pattern, or the gRPC method that was called."""


Act: TypeAlias = Callable[[Call, Place], Answer]


class Action(NamedTuple):
    """A route that is answered at once; a `slow` one on a thread of its own, as it waits or computes for long."""

    method: str
    act: Act
    slow: bool = False


class Scoring(NamedTuple):
    """A route whose body holds rows to score, read by the codecs of a family."""

    family: str
    method: str = "POST"


Route: TypeAlias = Action | Scoring


class Found(NamedTuple):
    """A route and what its path named."""

    route: Route
    place: Place


class Table:
    """The routes by pattern. A part in braces takes any one part that is not empty: `{endpoint}` or `{version}`."""

    def __init__(self, routes: dict[str, Route]) -> None:
        self._routes: dict[int, list[tuple[list[str], Route, str]]] = {}
        self._known: dict[str, Found] = {}
        for pattern, route in routes.items():
            self.add(pattern, route)

    def add(self, pattern: str, route: Route) -> None:
        """Add a route; earlier ones win."""
        parts = _parts(pattern)
        self._routes.setdefault(len(parts), []).append((parts, route, pattern))

    def find(self, path: str) -> Found | None:
        """The route of a path (without its query), or None. Remembers the last paths that had one."""
        known = self._known.get(path)
        if known is None:
            known = self._search(path)
            if known is not None and len(path) <= _LONGEST_KEPT:
                if len(self._known) >= _KEPT:
                    self._known.clear()
                self._known[path] = known
        return known

    def _search(self, path: str) -> Found | None:
        given = _parts(path)
        for parts, route, pattern in self._routes.get(len(given), ()):
            named = _match(parts, given)
            if named is not None:
                return Found(route, Place(**named, route=pattern))
        return None


def _parts(path: str) -> list[str]:
    return [parse.unquote(part) for part in path.strip("/").split("/")]


def _match(pattern: list[str], given: list[str]) -> dict[str, str] | None:
    named = {}
    for wanted, part in zip(pattern, given, strict=True):
        if wanted.startswith("{") and part:
            named[wanted[1:-1]] = part
        elif wanted != part:
            return None
    return named
