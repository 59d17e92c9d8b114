"""Headers of binary requests like one before, by signature: the compiled finder reads the tensors behind them."""

from collections.abc import Sequence
from typing import Any

from podium.core.signature import Signature
from podium.scoring.protocols import finder, skeleton
from podium.scoring.protocols.plan import Block, Plan

_MOST_SIGNATURES = 256


class Headers:
    """What was learned for one signature."""

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self._plan = Plan(signature)
        self._programs: dict[Any, tuple[bytes, ...]] = {}
        """By what the header asks for beside the rows; the newest first."""
        self._finders: list[tuple[Any, finder.Finder]] = []
        self._seldom = skeleton.Seldom()

    def read(self, body: bytes, size: int) -> tuple[Block, Any] | None:
        """The rows, and what was asked for; None when the header is like none before, or the rows are in doubt."""
        for asked, find in self._finders:
            block = find.binary(body, size)
            if block is not None:
                return block, asked
        return None

    def unlike(self, header: bytes, datatypes: Sequence[tuple[str, str]], asked: Any) -> None:
        """That header was read the long way; what it holds may be learned. `datatypes`: of each tensor's name."""
        if not finder.COMPILED or not self._seldom.now():
            return
        made = skeleton.of_binary(self._plan, header, datatypes)
        program = None if made is None else finder.program(made)
        if program is not None:
            self._programs[asked] = skeleton.newest(program, self._programs.get(asked, ()))
            self._finders = [(known, finder.Finder(self._plan, each)) for known, each in self._programs.items()]


class Known:
    """The headers of the signatures in use, found by identity: there is one object for each loaded bundle."""

    def __init__(self) -> None:
        self._known: dict[int, Headers] = {}

    def of(self, signature: Signature) -> Headers:
        """What was learned for that signature."""
        found = self._known.get(id(signature))
        if found is None or found.signature is not signature:
            if len(self._known) >= _MOST_SIGNATURES:
                self._known.clear()
            found = self._known[id(signature)] = Headers(signature)
        return found
