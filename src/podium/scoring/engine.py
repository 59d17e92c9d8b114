"""A loaded rollout, and scoring rows with it: each row by the version that decides it, each version once."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from podium.bundle import columns, read
from podium.bundle.runtime import Runtime
from podium.core import bundle, digest, rollout
from podium.core.errors import Invalid, Refused, Unavailable
from podium.core.rollout import RouteRole
from podium.scoring import proof, request, router, trust
from podium.scoring.log import rows


class Live(NamedTuple):
    """A route whose bundle is verified, loaded and checked against its golden rows."""

    route: rollout.Route
    runtime: Runtime
    source: rows.Source


class Outcome(NamedTuple):
    """The answer to a request, what is to be logged of it, and the rows as the shadows need them."""

    scored: request.Scored
    parts: list[rows.Rows]
    sent: request.Rows
    keys: list[str]
    at_us: int


class Loaded:
    """Everything that an endpoint serves from, made whole before it is switched to."""

    def __init__(self, document: rollout.Rollout, live: Sequence[Live], keys: trust.Keys) -> None:
        self.document = document
        self.live = tuple(live)
        self.champion = self._find(RouteRole.CHAMPION)
        self.canary = self._find(RouteRole.CANARY)
        self.shadows = tuple(each for each in self.live if each.route.role is RouteRole.SHADOW)
        self._keys = keys
        self._until: dict[str, int] = {}

    def _find(self, role: RouteRole) -> Live | None:
        return next((each for each in self.live if each.route.role is role), None)

    def deciding(self, now_us: int) -> tuple[Live, Live | None]:
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
            return self.champion, None
        try:
            self._check(self.canary, now_us)
        except Refused:
            return self.champion, None
        return self.champion, self.canary

    def _check(self, live: Live, now_us: int) -> None:
        """Approvals expire while we serve: check again once the instant has come that the last check named."""
        if now_us >= self._until.get(live.route.digest, 0):
            self._until[live.route.digest] = trust.holds_until(self.document, live.route, self._keys, now_us)

    def score(self, sent: request.Rows, now_us: int) -> Outcome:
        """Score rows. `Invalid` when they do not fit the signature, `Unavailable` when no version may decide."""
        champion, canary = self.deciding(now_us)
        signature = champion.runtime.manifest.signature
        keys = sent.keys(signature.key)
        ids = request.prediction_ids(sent.request_id, sent.count)
        if canary is None:
            everything = sent.table(signature)
            part = _part(champion, sent.request_id, now_us, _Slice(ids, keys, everything))
            parts, scores, versions = [part], part.scores, [champion.route.version] * sent.count
            chosen = rows.decisions(scores.tolist(), [champion.route.threshold] * sent.count)
        else:
            mask = router.to_canary(self.document.salt, canary.route.weight, keys, ids)
            parts = [
                _part(live, sent.request_id, now_us, _pick(live, sent, (ids, keys), np.flatnonzero(mask == flag)))
                for live, flag in ((champion, False), (canary, True))
            ]
            scores, versions, chosen = _join(mask, parts)
        scored = request.Scored(
            request_id=sent.request_id,
            prediction_ids=ids,
            scores=scores.tolist(),
            decisions=chosen,
            versions=versions,
            wanted=sent.wanted,
        )
        return Outcome(scored, [part for part in parts if len(part)], sent, keys, now_us)

    def shadow(self, live: Live, outcome: Outcome) -> rows.Rows:
        """What a shadow says to the same rows, under the same prediction ids."""
        table = outcome.sent.table(live.runtime.manifest.signature)
        whole = _Slice(outcome.scored.prediction_ids, outcome.keys, table)
        return _part(live, outcome.sent.request_id, outcome.at_us, whole)


class _Slice(NamedTuple):
    ids: Sequence[str]
    keys: Sequence[str]
    columns: columns.Columns


def _pick(
    live: Live, sent: request.Rows, names: tuple[Sequence[str], Sequence[str]], index: npt.NDArray[np.int64]
) -> _Slice:
    table = sent.table(live.runtime.manifest.signature)
    ids, keys = names
    return _Slice([ids[row] for row in index], [keys[row] for row in index], columns.take(table, index))


def _part(live: Live, request_id: str, at_us: int, part: _Slice) -> rows.Rows:
    scores = live.runtime.predict(part.columns)
    wrong = ~np.isfinite(scores)
    if wrong.any():
        raise Invalid(
            f"The model has no answer for row {part.ids[int(wrong.argmax())].rpartition('/')[2]}.",
            field="score",
            fix="Send the features that are null, or less extreme ones.",
        )
    return rows.Rows(
        source=live.source,
        request_id=request_id,
        at_us=at_us,
        prediction_ids=part.ids,
        keys=part.keys,
        scores=scores,
        columns=part.columns,
    )


def _join(
    mask: npt.NDArray[np.bool_], parts: Sequence[rows.Rows]
) -> tuple[npt.NDArray[np.float64], list[int], list[bool | None]]:
    """Champion's and canary's rows in the request's order again."""
    scores = np.empty(len(mask), dtype=np.float64)
    for part, flag in zip(parts, (False, True), strict=True):
        scores[mask == flag] = part.scores
    sources = [parts[int(flag)].source for flag in mask]
    return (
        scores,
        [source.version for source in sources],
        rows.decisions(scores.tolist(), [source.threshold for source in sources]),
    )


def load(document: rollout.Rollout, folder_of: Callable[[str], Path], keys: trust.Keys, limits: proof.Limits) -> Loaded:
    """Verify, load and prove every route's bundle; `Refused` on the first that fails. `folder_of`: by digest."""
    runtimes: dict[str, Runtime] = {}
    live = []
    for route in document.routes:
        if route.digest not in runtimes:
            runtimes[route.digest] = _runtime(document, folder_of(digest.check(route.digest)), route.digest, limits)
        live.append(Live(route, runtimes[route.digest], _source(document, route, runtimes)))
    return Loaded(document, live, keys)


def _runtime(document: rollout.Rollout, folder: Path, named: str, limits: proof.Limits) -> Runtime:
    manifest = read.verify(folder, named)
    _check_manifest(document, manifest)
    proof.check_size(manifest, limits)
    proof.prove(folder, named, limits)
    runtime = Runtime(folder, manifest)
    runtime.check_golden()
    return runtime


def _check_manifest(document: rollout.Rollout, manifest: bundle.Manifest) -> None:
    if (manifest.project, manifest.model) != (document.project, document.model):
        raise Refused("The bundle is of another model than the rollout says.", field="model")


def _source(document: rollout.Rollout, route: rollout.Route, runtimes: Mapping[str, Runtime]) -> rows.Source:
    return rows.Source(
        endpoint=document.endpoint,
        model=document.model,
        version=route.version,
        digest=route.digest,
        role=route.role.value,
        rollout=document.number,
        threshold=route.threshold,
        signature=runtimes[route.digest].manifest.signature,
    )
