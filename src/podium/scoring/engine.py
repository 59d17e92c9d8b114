"""A loaded rollout, and scoring rows with it: each row by the version that decides it, each version once."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from podium.bundle import grid
from podium.bundle.grid import Grid
from podium.bundle.runtime import Runtime
from podium.core import rollout
from podium.core.errors import Invalid, Refused, Unavailable
from podium.core.rollout import RouteRole
from podium.core.signature import Signature
from podium.scoring import router, several, trust, views
from podium.scoring.log import rows
from podium.scoring.protocols.reader import Reader

_PIECE = 4096
"""Rows that an engine is given in one call, at most."""
_LEARNED = 0.2
"""The share that the newest group has in what is known of the time of a row."""
_NUMBERS = itertools.count(1)


class Live(NamedTuple):
    """A route whose bundle is verified, loaded and checked against its golden rows."""

    route: rollout.Route
    runtime: Runtime
    source: rows.Source


class Batch(NamedTuple):
    """Rows of one request or many, one entry each, as the champion's signature sees them."""

    request_ids: list[str]
    prediction_ids: list[str]
    keys: list[str]
    grid: Grid
    again: Callable[[Signature], Grid]
    """The same rows as another signature sees them; `Invalid` where they do not fit it."""
    at_us: int

    def seen_by(self, champion: Signature, other: Signature) -> Grid:
        """The grid for another version's signature."""
        return self.grid if other.features == champion.features else self.again(other)

    def first(self, rows: int, again: Callable[[Signature], Grid]) -> "Batch":
        """The first so many rows."""
        some = slice(rows)
        return self._replace(
            request_ids=self.request_ids[some],
            prediction_ids=self.prediction_ids[some],
            keys=self.keys[some],
            grid=grid.take(self.grid, some),
            again=again,
        )


class Outcome(NamedTuple):
    """What was decided of each row of a batch, and what is to be logged."""

    scores: npt.NDArray[np.float64]
    decisions: list[bool | None]
    versions: list[int]
    parts: list[rows.Rows]
    referred: list[bool] | None = None
    """Which rows a person decides; None where no version refers any."""
    classed: several.Classed | None = None
    """Of several classes: the probability of each."""


class Deciding(NamedTuple):
    """The versions that may decide now."""

    champion: Live
    canary: Live | None

    @property
    def blocking(self) -> bool:
        """Whether one of them waits for another process or machine."""
        return self.champion.runtime.blocking or (self.canary is not None and self.canary.runtime.blocking)

    @property
    def patience(self) -> float:
        """Seconds that rows may wait for their turn with one of them."""
        both = (self.champion, self.canary) if self.canary is not None else (self.champion,)
        return min(each.runtime.patience for each in both)


def as_they_are(_: Signature) -> Grid:
    """Of a batch whose request is gone."""
    raise LookupError("these rows can be seen in one way only")


class NoAnswer(Exception):
    """The model gave no number for these rows [n]."""

    def __init__(self, wrong: npt.NDArray[np.bool_]) -> None:
        super().__init__()
        self.wrong = wrong


class Loaded:
    """Everything that an endpoint serves from, made whole before it is switched to."""

    def __init__(self, document: rollout.Rollout, live: Sequence[Live], keys: trust.Keys) -> None:
        self.document = document
        self.id = next(_NUMBERS)
        """Of no other in this process."""
        self.live = tuple(live)
        self.champion = self._find(RouteRole.CHAMPION)
        self.canary = self._find(RouteRole.CANARY)
        self.shadows = tuple(each for each in self.live if each.route.role is RouteRole.SHADOW)
        self.views = views.of(
            [each.runtime.manifest.signature for each in self.shadows],
            None if self.champion is None else self.champion.runtime.manifest.signature,
        )
        self._keys = keys
        self._until: dict[str, int] = {}
        self.referring = frozenset(each.route.version for each in self.live if each.route.review is not None)
        """Versions that refer some scores to people."""
        self.labels = () if self.champion is None else self.champion.runtime.manifest.signature.labels
        """Of several classes: theirs, which all versions share."""
        self.readers: dict[str, Reader] = {}
        """Compiled readers of the champion's rows, by family."""
        self.plans: dict[Any, dict[Any, Any]] = {}
        """Of answers to one row, by codec and endpoint, then by what they say; for `work` only."""
        self.row_seconds = max([each.runtime.row_seconds for each in (self.champion, self.canary) if each], default=0.0)
        """About what a row takes, learned from each group that is scored."""

    def _find(self, role: RouteRole) -> Live | None:
        return next((each for each in self.live if each.route.role is role), None)

    def deciding(self, now_us: int) -> Deciding:
        """Champion and canary that may decide now; `Unavailable` with the reason when the champion may not."""
        if self.champion is None:
            raise Unavailable(
                "This endpoint has no champion yet.", field="endpoint", fix="Approve and release a version."
            )
        try:
            self._check(self.champion, now_us)
        except Refused as problem:
            raise Unavailable(problem.message, field=problem.field, fix=problem.fix) from None
        if self.canary is None:
            return Deciding(self.champion, None)
        try:
            self._check(self.canary, now_us)
        except Refused:
            return Deciding(self.champion, None)
        return Deciding(self.champion, self.canary)

    def _check(self, live: Live, now_us: int) -> None:
        """Approvals expire while we serve: check again once the instant has come that the last check named."""
        if now_us >= self._until.get(live.route.digest, 0):
            self._until[live.route.digest] = trust.holds_until(self.document, live.route, self._keys, now_us)

    def score(self, batch: Batch, deciding: Deciding) -> Outcome:
        """Score rows, each by the version that decides it, each version once. Raises `NoAnswer`, or as `predict`."""
        champion, canary = deciding
        if self.labels:
            return self._score_classes(batch, deciding)
        if canary is None:
            scores = _predict(champion, batch.grid)
            _check(scores)
            part = _rows(champion, batch, scores, batch.grid)
            count = len(scores)
            chosen = rows.decided(scores, champion.route.threshold)
            made = Outcome(scores, chosen, [champion.route.version] * count, [part])
            return _referring(made, [champion.source] * count) if self.referring else made
        found = np.empty(len(batch.keys), dtype=np.float64)
        sources = [champion.source] * len(batch.keys)
        parts = []
        for live, index, taken in self._shares(batch, deciding):
            found[index] = _predict(live, taken)
            parts.append(_rows(live, _pick(batch, index), found[index], taken))
            for at in index.tolist():
                sources[at] = live.source
        _check(found)
        chosen = rows.decisions(found.tolist(), [source.threshold for source in sources])
        made = Outcome(found, chosen, [source.version for source in sources], parts)
        return _referring(made, sources) if self.referring else made

    def learn(self, rows: int, seconds: float) -> None:
        """So many rows were scored together in that time."""
        self.row_seconds += _LEARNED * (seconds / max(rows, 1) - self.row_seconds)

    def _shares(self, batch: Batch, deciding: Deciding) -> Iterator[tuple[Live, npt.NDArray[np.int64], Grid]]:
        """Each version that decides some of the rows, which ones, and what it sees of them."""
        champion, canary = deciding
        mask = np.zeros(len(batch.keys), dtype=np.bool_)
        if canary is not None:
            mask = router.to_canary(self.document.salt, canary.route.weight, batch.keys, batch.prediction_ids)
        for live, flag in ((champion, False), (canary, True)):
            index = np.flatnonzero(mask == flag)
            if live is not None and len(index):
                seen = batch.seen_by(champion.runtime.manifest.signature, live.runtime.manifest.signature)
                yield live, index, grid.take(seen, index)

    def _score_classes(self, batch: Batch, deciding: Deciding) -> Outcome:
        """As `score`, where a row has a probability for each of several classes, and nothing is acted on by one."""
        count = len(batch.keys)
        found = np.empty((count, len(self.labels)), dtype=np.float64)
        versions = np.empty(count, dtype=np.int64)
        parts = []
        for live, index, taken in self._shares(batch, deciding):
            found[index] = _predict(live, taken)
            versions[index] = live.route.version
            parts.append(_rows(live, _pick(batch, index), found[index], taken))
        wrong = np.asarray(~np.isfinite(found).all(axis=1))
        if wrong.any():
            raise NoAnswer(wrong)
        none: list[bool | None] = [None] * count
        return Outcome(several.top(found), none, versions.tolist(), parts, None, several.Classed(self.labels, found))


def listen(live: Live, batches: Sequence[Batch], seen: Grid) -> list[rows.Rows]:
    """What a shadow says, in one call, to rows as it sees them, batch by batch. `seen`: the rows of all."""
    scores = _predict(live, seen)
    if not np.isfinite(scores).all():
        raise Invalid("The shadow has no answer for some row.", field="score")
    parts, start = [], 0
    for batch in batches:
        end = start + len(batch.keys)
        parts.append(_rows(live, batch, scores[start:end], batch.grid))
        start = end
    return parts


def _referring(made: Outcome, sources: Sequence[rows.Source]) -> Outcome:
    """What some versions decide, and some leave to people."""
    gone = rows.referred(made.scores.tolist(), [source.review for source in sources])
    return made._replace(decisions=rows.without(made.decisions, gone), referred=gone)


def _predict(live: Live, seen: Grid) -> npt.NDArray[np.float64]:
    """Scores of the rows; of very many in pieces, so that what the engine needs beside them does not grow with them."""
    predict = live.runtime.predict_grid
    if len(seen) <= _PIECE or live.runtime.blocking:
        return predict(seen)
    size = math.ceil(len(seen) / math.ceil(len(seen) / _PIECE))  # a last piece of one row could differ in its last bit
    return np.concatenate([predict(grid.take(seen, slice(at, at + size))) for at in range(0, len(seen), size)])


def _check(scores: npt.NDArray[np.float64]) -> None:
    if math.isfinite(np.add.reduce(scores)):  # then all are; the sum of finite ones may be infinite
        return
    good = np.isfinite(scores)
    if not good.all():
        raise NoAnswer(~good)


def _pick(batch: Batch, index: npt.NDArray[np.int64]) -> Batch:
    places = index.tolist()
    return batch._replace(
        request_ids=[batch.request_ids[row] for row in places],
        prediction_ids=[batch.prediction_ids[row] for row in places],
        keys=[batch.keys[row] for row in places],
    )


def _rows(live: Live, batch: Batch, scores: npt.NDArray[np.float64], seen: Grid) -> rows.Rows:
    if scores.ndim > 1:
        seen, scores = several.widened(seen, scores), several.top(scores)
    return rows.Rows(
        source=live.source,
        at_us=batch.at_us,
        request_ids=batch.request_ids,
        prediction_ids=batch.prediction_ids,
        keys=batch.keys,
        scores=scores,
        grid=seen,
    )
