"""Reading the requests of one turn into groups, each of which one call of the engine scores.

Nearly all are single rows like others before: a skeleton finds their values, which are decoded together. Others are
read one by one, by a compiled decoder or else by the strict reader; large ones on a thread.
"""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from podium.bundle.grid import Grid
from podium.core.errors import Conflict
from podium.core.signature import Signature
from podium.core.trace import Trace
from podium.scoring import admission, codec, engine, operate, request, routes, settle
from podium.scoring.large import Large
from podium.scoring.operate import Parts
from podium.scoring.protocols import plan, reader
from podium.scoring.watch import Followed
from podium.scoring.work import Entry, Group, Item, Lane, Told, Work

_ALONE = 1024 * 1024
"""No two bodies beyond that many bytes are decoded at once: meanwhile a decoder lets no other thread run."""


class Reading:
    """Reads requests. `score` takes the groups of large ones, later."""

    def __init__(
        self,
        parts: Parts,
        desk: settle.Desk,
        gate: admission.Gate,
        large: Large,
        score: Callable[[Group], None],
    ) -> None:
        self._parts = parts
        self._desk = desk
        self._gate = gate
        self._large = large
        self._score = score
        self._started = 0.0

    def gather(self, items: list[Item], started: float) -> list[Group]:
        """Read the requests into groups; whoever sent a wrong one is told. `started`: when they came."""
        self._started = started
        groups: list[Group] = []
        alike: dict[Work, list[Item]] = {}
        for item in items:
            alike.setdefault(item[2].work, []).append(item)
        for work, some in alike.items():
            try:
                lane, group = self._lane(work, groups)
            except Exception as error:  # noqa: BLE001 - what is asked for is not to be had
                for item in some:
                    self._desk.refuse(item, started, error)
                continue
            if work.watched:
                group.traces += [trace for item in some for trace in _traces(item)]
            sheaf = group.sheaf(lane.reader) if work.fast else lane.reader.closed
            self._one_by_one(sheaf.add(some), group)
        for group in groups:
            self._read_sheaves(group)
        return groups

    def _one_by_one(self, items: Sequence[Item], group: Group) -> None:
        """Read requests that are like none before; whoever sent a wrong one is told."""
        for item in items:
            try:
                self._one(item, group)
            except Exception as error:  # noqa: BLE001 - one request's fault is not another's
                leaves(item, group)
                self._desk.refuse(item, group.started, error)

    def _one(self, item: Item, group: Group) -> None:
        """Read a request that is like none before."""
        lane = group.lanes[item[2].work]
        found = lane.read(item[3])
        if found is None or isinstance(found, plan.Block):
            self._read(item, group, found)
            return
        lane.reader.unlike(item[3], single=isinstance(found, tuple))
        if isinstance(found, plan.Many):
            self._read(item, group, plan.block(found))
            return
        given = item[2].work.request_id
        group.items.append(item)
        group.rows.append((*found[:3], given) if given else found)

    def _read_sheaves(self, group: Group) -> None:
        """Read the single rows that wait for that; those that cannot be read together one by one."""
        good = []
        for sheaf in group.sheaves.values():
            items, rows, others = sheaf.read()
            if rows is not None:
                good.append((items, rows))
            self._one_by_one(others, group)
        for items, rows in good:
            group.items += items
            group.blocks.append(rows)

    def _read(self, item: Item, group: Group, found: plan.Block | None) -> None:
        """Put a request that is not one plain row into its group."""
        if len(item[3]) > reader.LARGE:
            self._aside(item, group)
            return
        made = None if found is None else self._many(item, group, found)
        group.entries.append(self.strict(item, group) if made is None else made)

    def _lane(self, work: Work, groups: list[Group]) -> tuple[Lane, Group]:
        """The lane of a head for this turn, and the group of the rollout in force."""
        place = self.named(work.place)
        loaded, deciding = self.deciding(place)
        lane = work.lane
        if lane is None or lane.rollout != loaded.id or lane.asked.endpoint != place.endpoint:
            lane = work.lane = Lane(loaded, self.asked(place, deciding, work.headers), work)
        group = next((each for each in groups if each.loaded is loaded), None)
        if group is None:
            group = Group(place.endpoint, loaded, deciding, self._started)
            group.level = self._gate.bytes
            groups.append(group)
        group.lanes[work] = lane
        return lane, group

    def named(self, place: routes.Place) -> routes.Place:
        """The place with the endpoint that is meant."""
        return place if place.endpoint else place._replace(endpoint=operate.only_endpoint(self._parts.board))

    def deciding(self, place: routes.Place) -> tuple[engine.Loaded, engine.Deciding]:
        """The rollout in force, and the versions that decide; it raises why none does."""
        loaded = operate.loaded(self._parts.board, place)
        deciding = loaded.deciding(self._parts.now())
        if place.version and (deciding.canary is not None or place.version != str(deciding.champion.route.version)):
            raise Conflict(
                "The rollout chooses the version of each row.",
                field="version",
                fix="Leave the version out of the path.",
            )
        return loaded, deciding

    def asked(self, place: routes.Place, deciding: engine.Deciding, headers: Any) -> codec.Asked:
        """What codecs are told of a request."""
        signature = deciding.champion.runtime.manifest.signature
        return codec.Asked(place.endpoint, signature, headers, self._parts.new_id)

    def strict(self, item: Item, group: Group) -> Entry:
        """The rows as the strict reader gives them; it raises what is wrong with them."""
        work: Work = item[2].work
        lane = group.lanes[work]
        rows = work.codec.read(item[3], lane.asked)
        made = entry(rows, lane.asked.signature, partial(self._desk.tell, item, lane, group.started), len(item[3]))
        if work.fast:
            lane.reader.learn(rows.columns)
        return made

    def _many(self, item: Item, group: Group, found: plan.Block) -> Entry | None:
        """The rows as a compiled reader gave them; None when the strict one must have a look."""
        work: Work = item[2].work
        lane = group.lanes[work]
        if not found.certain and lane.reader.checks.doubtful(found.grid.numbers) is not None:
            return None
        request_id = found.request_id or work.request_id or self._parts.new_id("req")

        def again(other: Signature) -> Grid:
            return work.codec.read(item[3], lane.asked).grid(other)

        told = partial(self._desk.tell, item, lane, group.started)
        return Entry(request_id, found.keys, found.grid, again, None, told, len(item[3]))

    def _aside(self, item: Item, group: Group) -> None:
        """Read and score a large body on a thread; its rows are logged like all others."""
        lane = group.lanes[item[2].work]
        leaves(item, group)
        alone = Group(group.endpoint, group.loaded, group.deciding, group.started)
        alone.level = group.level
        alone.lanes[item[2].work] = lane
        alone.traces = _traces(item)

        large = len(item[3]) > _ALONE

        def read() -> Entry:
            with self._large.turn() if large else contextlib.nullcontext():
                found = lane.reader.read_large(item[3]) if item[2].work.fast else None
                if isinstance(found, plan.Many):
                    lane.reader.unlike(item[3], single=False)
                    found = plan.block(found)
                made = self._many(item, alone, found) if isinstance(found, plan.Block) else None
                if made is not None:
                    return made
                return self._large.in_turn(lambda: self.strict(item, alone), len(item[3]))

        def then(error: BaseException | None) -> None:
            if error is None:
                self._score(alone)
            else:
                self._desk.refuse(item, alone.started, error)

        self._large.read(read, alone, then, len(item[3]), very=large)


def _traces(item: Item) -> list[Trace]:
    """That which a request belongs to, if it is followed."""
    return [item[0].trace] if isinstance(item[0], Followed) else []


def leaves(item: Item, group: Group) -> None:
    """A request is scored apart from the group, or not at all."""
    gone = _traces(item)
    group.traces = [each for each in group.traces if not any(each is trace for trace in gone)]


def entry(rows: request.Rows, signature: Signature, told: Told, size: int) -> Entry:
    """An entry of rows as a codec gives them, from so many bytes; `Invalid` when they do not fit the signature."""
    return Entry(rows.request_id, rows.keys(signature.key), rows.grid(signature), rows.grid, rows.wanted, told, size)
