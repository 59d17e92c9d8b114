"""The review queue: referred predictions come in from segments; people decide them, and correct what was decided."""

import msgspec
import pyarrow

from podium.bundle import columns
from podium.core import access, event, review, time
from podium.core.errors import Conflict, Invalid, Refused
from podium.core.review import ReviewState
from podium.core.signature import Signature
from podium.deploy.packaging import manifest
from podium.monitor.intake import segments
from podium.monitor.reviews import store as rows
from podium.store.store import Store
from podium.store.transaction import Transaction

_REVIEW = access.Permission.REVIEW
_LONGEST_REASON = 4000


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person decides about a prediction: whether to act, and why."""

    decision: bool
    reason: str = ""
    correct: bool = False
    """It is to take the place of what was decided before, which stays on record."""


def read(store: Store, segment: str) -> list[review.Review]:
    """The predictions of a received segment (by digest) that wait for a person; without ids yet."""
    waiting = segments.waiting(segments.parse(store.blobs.get(segment)).table)
    signatures: dict[str, Signature] = {}
    found = []
    for at, row in enumerate(waiting.select([*segments.CORE.names]).to_pylist()):
        digest = row["digest"]
        if digest not in signatures:
            signatures[digest] = manifest.read(store.blobs, digest).signature
        found.append(_review(row, _features(signatures[digest], waiting.slice(at, 1))))
    return found


def keep(tx: Transaction, found: list[review.Review]) -> int:
    """Put predictions into the queue that are not in it; how many were new. The same one is never asked twice."""
    project = tx.caller.project
    known = rows.known(tx.connection, project, [each.prediction_id for each in found])
    fresh = {each.prediction_id: each for each in found if each.prediction_id not in known}
    made = [
        msgspec.structs.replace(each, id=tx.new_id("review"), project=project, received_us=tx.now_us)
        for each in fresh.values()
    ]
    rows.add(tx.connection, made)
    by_endpoint: dict[str, int] = {}
    for each in made:
        by_endpoint[each.endpoint] = by_endpoint.get(each.endpoint, 0) + 1
    for endpoint, count in sorted(by_endpoint.items()):
        tx.record(
            "review.asked",
            event.Subject("endpoint", endpoint),
            permission=access.Permission.MONITOR,
            detail={"endpoint": endpoint, "rows": count},
        )
    return len(made)


def decide(store: Store, caller: access.Caller, identifier: str, answer: Answer) -> review.Review:
    """A person's decision about a referred prediction; from then on it is the prediction's decision in monitoring.

    With `correct` it takes the place of an earlier one, which is kept with its instant: windows that were closed before
    counted it rightly. Raises `Refused` for who does not hold the role, `Invalid` without a reason, `Conflict` when
    somebody decided it before, or with `correct` when nobody did. The same person may say the same again.
    """
    if not {access.Role.REVIEWER, access.Role.OWNER} & caller.roles:
        raise Refused("Only a reviewer or an owner decides this.", field="role", fix="Ask one of the project.")
    reason = answer.reason.strip()
    if not 1 <= len(reason) <= _LONGEST_REASON:
        raise Invalid(f"A decision has a reason of 1 to {_LONGEST_REASON} characters.", field="reason")
    with store.read() as connection:
        before = rows.get(connection, caller.project, identifier)
    if (before.decided_by, before.decision, before.reason) == (caller.name, answer.decision, reason):
        return before
    with store.write(caller) as tx:
        before = rows.get(tx.connection, caller.project, identifier, lock=True)
        _check_state(before, correct=answer.correct)
        made = msgspec.structs.replace(
            before,
            state=ReviewState.DECIDED,
            decision=answer.decision,
            decided_by=caller.name,
            decided_us=tx.now_us,
            reason=reason,
            earlier=(*before.earlier, *_decided(before)),
        )
        rows.change(tx.connection, made)
        _record(tx, "review.corrected" if answer.correct else "review.decided", made)
        return tx.done(made)


def _check_state(before: review.Review, *, correct: bool) -> None:
    if before.state is ReviewState.DECIDED and not correct:
        raise Conflict(
            f"{before.decided_by} decided this before.",
            field="review",
            fix="If that was wrong, correct it with a reason (podium reviews decide --correct).",
        )
    if before.state is not ReviewState.DECIDED and correct:
        raise Conflict("Nobody has decided this yet.", field="review", fix="Decide it.")


def _decided(item: review.Review) -> tuple[review.Decided, ...]:
    if item.decision is None or item.decided_by is None or item.decided_us is None:
        return ()
    said = review.Decided(
        decision=item.decision, decided_by=item.decided_by, decided_us=item.decided_us, reason=item.reason
    )
    return (said,)


def _record(tx: Transaction, kind: str, made: review.Review) -> None:
    last = made.earlier[-1] if made.earlier else None
    tx.record(
        kind,
        event.Subject("review", made.id),
        permission=_REVIEW,
        parents=[event.Subject("version", made.digest), event.Subject("endpoint", made.endpoint)],
        detail={
            "endpoint": made.endpoint,
            "model": made.model,
            "version": made.version,
            "prediction_id": made.prediction_id,
            "score": made.score,
            "decision": made.decision,
            "reason": made.reason,
            **({} if last is None else {"instead_of": msgspec.to_builtins(last)}),
        },
    )


def _review(row: dict[str, object], features: dict[str, bool | int | float | str | None]) -> review.Review:
    wanted = ("endpoint", "model", "version", "digest", "prediction_id", "key", "score", "threshold")
    return msgspec.convert(
        {
            **{name: row[name] for name in wanted},
            "id": "",
            "project": "",
            "received_us": 0,
            "at_us": time.to_us(row["at"]),  # type: ignore[arg-type]
            "features": features,
        },
        review.Review,
    )


def _features(signature: Signature, row: pyarrow.Table) -> dict[str, bool | int | float | str | None]:
    return columns.row(signature, columns.from_log(signature, row), 0)
