"""Compiled decoders of one signature, which learn the shapes that clients send."""

from collections.abc import Iterable
from typing import TypeAlias

from podium.core.signature import Signature
from podium.scoring.protocols import compiled, finder, json_body, sheaf, skeleton
from podium.scoring.protocols.compiled import Decode
from podium.scoring.protocols.plan import Block, Checks, Many, One, Plan

Sheaf: TypeAlias = finder.Sheaf | sheaf.Sheaf
"""Takes single rows, and reads them together."""
OIP, MLFLOW = "oip", "mlflow"
LARGE = 128 * 1024
"""Bodies beyond that many bytes are read on a thread."""
_MOST = 8
_FORMS = ("dataframe_records", "instances")


class Reader:
    """Tries its decoders, the one that was right last first. A shape that the strict reader met is compiled too.

    `found`: by the compiled finder, what is like something before.
    """

    def __init__(self, signature: Signature, family: str, *, found: bool = finder.COMPILED) -> None:
        self.checks = Checks(signature)
        self._plan = Plan(signature)
        self._family = family
        self._found = found
        self._known: set[tuple[str, ...]] = set()
        self._decoders: list[Decode] = []
        self._patterns: tuple[sheaf.Pattern, ...] = ()
        """The newest first, as are the programs."""
        self._programs: tuple[bytes, ...] = ()
        self._finder: finder.Finder | None = None
        self.closed = sheaf.Sheaf(self._plan, ())
        """It takes no row."""
        self._seldom = skeleton.Seldom()
        if family == MLFLOW:
            made = [*(compiled.records(self._plan, form) for form in _FORMS), compiled.columns(self._plan)]
            self._decoders = [each for each in made if each is not None]
        self.learn([field.name for field in signature.features])

    def read(self, body: bytes) -> One | Many | Block | None:
        """The rows, or None for the strict reader, or when the body is too large to be read at once."""
        return None if len(body) > LARGE else self._read_any(body)

    def read_large(self, body: bytes) -> One | Many | Block | None:
        """The rows of a large body, or None for the strict reader; `Malformed` when nobody need look at it."""
        json_body.bounded(body)
        return self._read_any(body)

    def _read_any(self, body: bytes) -> One | Many | Block | None:
        block = None if self._finder is None else self._finder.many(body)
        return self._decode(body) if block is None else block

    def _decode(self, body: bytes) -> One | Many | None:
        decoders = self._decoders
        if not decoders:
            return None
        found = decoders[0](body)
        if found is not None:
            return found
        for at in range(1, len(decoders)):
            found = decoders[at](body)
            if found is not None:
                self._decoders = [decoders[at], *decoders[:at], *decoders[at + 1 :]]  # other threads may be reading
                return found
        return None

    def sheaf(self) -> Sheaf:
        """For the single rows of a turn, which are read together where a skeleton fits."""
        if self._finder is not None:
            return finder.Sheaf(self._finder, LARGE)
        return sheaf.Sheaf(self._plan, self._patterns)

    def unlike(self, body: bytes, *, single: bool) -> None:
        """A decoder took that body, but no skeleton fits it; one may be made of it."""
        if self._family != OIP or not (single or self._found) or not self._seldom.now():
            return
        made = skeleton.of(self._plan, body)
        if made is None:
            return
        program = finder.program(made) if self._found else None
        pattern = None if self._found else sheaf.pattern(made)
        if program is not None:
            self._programs = skeleton.newest(program, self._programs)
            self._finder = finder.Finder(self._plan, self._programs)
        elif pattern is not None:
            self._patterns = skeleton.newest(pattern, self._patterns)

    def learn(self, columns: Iterable[str]) -> None:
        """Compile a decoder for columns in that order, unless there are enough."""
        names = tuple(columns)
        if names in self._known or len(self._known) >= _MOST:
            return
        self._known.add(names)
        make = compiled.tensors if self._family == OIP else compiled.split
        made = make(self._plan, names)
        if made is not None:
            self._decoders = [*self._decoders, made]
