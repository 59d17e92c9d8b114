"""Delta tables that stay open between uses, so that opening one costs what was written since, not all that ever was."""

import collections
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

try:
    import deltalake
except ModuleNotFoundError:  # pragma: no cover - with the extra it is there
    deltalake = None

CHECKPOINT = 16
"""After so many writes the table's own log is summed up, so that whoever opens it anew reads few files."""
_MOST = 64
"""Tables that nobody uses and that are kept open."""
_BEHIND = 32
"""A table that was followed over so many writes is opened anew: each leaves a piece that every look goes through."""


class Tables:
    """Open tables by address. Each is lent to one user at a time: what it shows changes only in their hands."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: collections.OrderedDict[_Key, list[_Held]] = collections.OrderedDict()

    @contextmanager
    def lend(self, url: str, options: Mapping[str, str] | None) -> Iterator["deltalake.DeltaTable | None"]:
        """The table at its newest version, None before its first write; kept for the next user unless one fails."""
        key = (url, tuple(sorted((options or {}).items())))
        held = self._take(key) or _open(url, options)
        yield None if held is None else held[0]
        if held is not None:
            self._give(key, held)

    def _take(self, key: "_Key") -> "_Held | None":
        with self._lock:
            held = self._idle[key].pop() if self._idle.get(key) else None
        if held is None:
            return None
        table, opened = held
        table.update_incremental()
        return held if table.version() - opened < _BEHIND else None

    def _give(self, key: "_Key", held: "_Held") -> None:
        with self._lock:
            self._idle.setdefault(key, []).append(held)
            self._idle.move_to_end(key)
            while len(self._idle) > _MOST:
                self._idle.popitem(last=False)


_Key = tuple[str, tuple[tuple[str, str], ...]]
_Held = tuple["deltalake.DeltaTable", int]
"""A table, and the version at which it was opened."""


def _open(url: str, options: Mapping[str, str] | None) -> "_Held | None":
    given = None if options is None else dict(options)
    if not deltalake.DeltaTable.is_deltatable(url, given):
        return None
    table = deltalake.DeltaTable(url, storage_options=given)
    return table, table.version()
