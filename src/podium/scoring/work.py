"""What a request's head asks for when its body holds rows; found once for each head, and kept with it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

from podium.bundle.grid import Grid
from podium.core.errors import PodiumError
from podium.core.rollout import Durability
from podium.core.signature import Signature
from podium.core.trace import Trace
from podium.scoring import codec, codecs, engine, metrics, request, routes, template, turns
from podium.scoring.call import Answer
from podium.scoring.protocols.plan import One, Singles
from podium.scoring.protocols.reader import Reader, Sheaf

Told: TypeAlias = Callable[[request.Scored | Exception], None]
"""Called once on the loop: with the answer when its rows are logged, or with why there is none."""

Said: TypeAlias = Callable[[request.Scored | PodiumError], None]
"""The same, for those who know only errors of Podium's."""


class Exchange(Protocol):
    """Where the answer to a request goes; `number` is its place there."""

    def answer(self, number: int, answer: Answer, head: Any) -> None:
        """An answer of any kind."""

    def ready(self, number: int, sized: bytes) -> None:
        """A good answer in JSON behind its length, see `call.sized`."""


Item: TypeAlias = tuple[Exchange, int, Any, bytes]
"""A request: where its answer goes, its head (whose `work` is a `Work`), its body."""


class Entry(NamedTuple):
    """The rows of one request that did not come the fast way."""

    request_id: str
    keys: list[str]
    grid: Grid
    again: Callable[[Signature], Grid]
    wanted: Any
    told: Told
    size: int
    """Bytes of its body."""


class Group:
    """The requests of one turn that one loaded rollout answers: single rows side by side, and others."""

    def __init__(self, endpoint: str, loaded: engine.Loaded, deciding: engine.Deciding, started: float) -> None:
        self.endpoint = endpoint
        self.loaded = loaded
        self.deciding = deciding
        self.started = started
        self.level = 0
        """How many bytes were under way when they came in."""
        self.waited = 0.0
        """Seconds that they waited for a model that takes long."""
        self.items: list[Item] = []
        self.rows: list[One] = []
        """One for each of the first items, until they are read."""
        self.blocks: list[Singles] = []
        """One row for each of the other items."""
        self.sheaves: dict[Reader, Sheaf] = {}
        """Rows that are read together, before they become blocks."""
        self.entries: list[Entry] = []
        self.traces: list[Trace] = []
        """Of the requests that belong to one."""
        self.lanes: dict[Work, Lane] = {}
        """Of the items, by what their heads ask for."""
        self.large = False
        """Whether it is one large request."""
        self.begun = turns.nothing
        """To be called when scoring begins: then the next large body may be read."""
        self.back = turns.nothing
        """To be called when it waits no longer among the large ones."""
        self.ended = turns.nothing
        """To be called when all are answered: then the next large request may be scored."""

    def over(self) -> None:
        """It is answered, or will not be scored: what it keeps others from is theirs."""
        self.begun()
        self.back()
        self.ended()

    @property
    def requests(self) -> int:
        """How many."""
        return len(self.items) + len(self.entries)

    def bodies(self) -> list[int]:
        """How many bytes each of their bodies has."""
        return [len(item[3]) for item in self.items] + [entry.size for entry in self.entries]

    def sizes(self) -> tuple[int, int]:
        """How many bytes the items' bodies have together, and the entries'."""
        return sum([len(item[3]) for item in self.items]), sum([entry.size for entry in self.entries])

    def sheaf(self, reader: Reader) -> Sheaf:
        """Where the single rows of requests that this reader reads gather."""
        found = self.sheaves.get(reader)
        if found is None:
            found = self.sheaves[reader] = reader.sheaf()
        return found

    def alone(self, entry: Entry) -> "Group":
        """A group with that entry only."""
        made = Group(self.endpoint, self.loaded, self.deciding, self.started)
        made.level, made.waited, made.large = self.level, self.waited, self.large
        made.entries.append(entry)
        return made


class Lane:
    """What requests of one head need while a rollout is in force. It holds neither its models nor any request."""

    __slots__ = ("asked", "durable", "good", "plans", "read", "reader", "referring", "rollout")

    def __init__(self, loaded: engine.Loaded, asked: codec.Asked, work: "Work") -> None:
        self.rollout = loaded.id
        self.referring = loaded.referring
        self.durable = loaded.document.durability is Durability.DURABLE
        self.asked = asked
        self.good = work.asked._replace(endpoint=asked.endpoint, status="200")
        """What their good answers are counted as."""
        reader = loaded.readers.get(work.family)
        if reader is None:
            reader = loaded.readers[work.family] = Reader(asked.signature, work.family)
        self.reader = reader
        self.read = reader.read if work.fast else _for_the_strict
        self.plans: dict[Any, template.Plan] = loaded.plans.setdefault((work.codec, asked.endpoint), {})

    def plan(self, chosen: codec.Codec, version: int, decision: bool | None) -> template.Plan:  # noqa: FBT001
        """Of the answer to one row."""
        gone = (decision is None and version in self.referring) if self.referring else None
        found = self.plans[version, decision] = template.plan(chosen, self.asked, version, decision, gone)
        return found


def _for_the_strict(_body: bytes) -> None:
    """No compiled reader may look at such requests."""


class Work:
    """A path, a codec, and whether the fast way is open to such requests."""

    __slots__ = ("codec", "family", "fast", "headers", "lane", "place", "request_id", "watched")

    def __init__(self, family: str, place: routes.Place, chosen: codec.Codec, headers: Mapping[str, str]) -> None:
        self.family = family
        self.place = place
        self.codec = chosen
        self.headers = headers
        self.lane: Lane | None = None
        self.watched = False
        """Whether such requests may be followed: by a trace, or into the access log."""
        given = headers.get("x-request-id") if family == codecs.MLFLOW else None
        self.request_id = given or ""
        good = given is None or (1 <= len(given) <= request.LONGEST_ID and given.isprintable())
        self.fast = good and codecs.plain(family, chosen, headers)

    @property
    def endpoint(self) -> str:
        """Which one it came to be, where the path names none."""
        lane = self.lane
        return self.place.endpoint if lane is None else lane.asked.endpoint

    @property
    def asked(self) -> metrics.Asked:
        """What such requests are counted as, once their status is known."""
        return metrics.Asked(self.endpoint, self.place.route, "POST", infers=True)
