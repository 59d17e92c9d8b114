"""Predictions that no model decides: those that wait, one with its features and reasons, and the form that decides."""

from typing import Annotated, Any

import msgspec
from litestar import Response, post
from litestar.enums import RequestEncodingType
from litestar.params import Body

from podium.core import access, explanation, review
from podium.core.errors import PodiumError
from podium.monitor.reviews import actions, why
from podium.monitor.reviews import store as rows
from podium.server.web import page, show
from podium.store.store import Store

_LIMIT = 50
_REVIEW = "/p/{project:str}/reviews/{review_id:str}"
_FORM_BYTES = 64 * 1024
_DECIDES = frozenset({access.Role.REVIEWER, access.Role.OWNER})


class Say(msgspec.Struct, frozen=True, kw_only=True):
    """A person's decision, from the form: `act` or `leave`; `correct` is not empty where it corrects another."""

    do: str
    reason: str = ""
    correct: str = ""


@page.view("/p/{project:str}/reviews")
def reviews(
    request: page.WebRequest,
    store: Store,
    caller: access.Caller,
    show: review.ReviewState = review.ReviewState.WAITING,
    after: str = "",
) -> Response[str]:
    """The queue, those first that have waited longest; or what was decided."""
    with store.read() as connection:
        found = rows.list_all(connection, caller.project, state=show, after=after, limit=_LIMIT)
        waiting = rows.waiting(connection, caller.project)
    return page.render(
        request,
        "reviews.html",
        reviews=found,
        states=list(review.ReviewState),
        chosen=show,
        waiting=waiting,
        more=found[-1].id if len(found) == _LIMIT else None,
    )


@page.view(_REVIEW)
def one_review(request: page.WebRequest, store: Store, caller: access.Caller, review_id: str) -> Response[str]:
    """A referred prediction: what is known of it, what moved its score, and the form."""
    with store.read() as connection:
        item = rows.get(connection, caller.project, review_id)
    found, problem = _explained(store, item)
    return page.render(
        request,
        "review.html",
        item=item,
        lines=_lines(item, found),
        explained=found,
        problem=problem,
        may=bool(_DECIDES & caller.roles),
    )


@post(
    f"{_REVIEW}/decide",
    opt={"permission": access.Permission.REVIEW, "form": True},
    request_max_body_size=_FORM_BYTES,
    sync_to_thread=True,
    include_in_schema=False,
)
def decide_review(
    store: Store,
    caller: access.Caller,
    review_id: str,
    data: Annotated[Say, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[str]:
    """Decide it, then show the next that waits, or the queue; what was corrected is shown again."""
    answer = actions.Answer(decision=data.do == "act", reason=data.reason, correct=bool(data.correct))
    actions.decide(store, caller, review_id, answer)
    if answer.correct:
        return page.go(show.address(caller.project, "reviews", review_id))
    with store.read() as connection:
        waits = rows.list_all(connection, caller.project, state=review.ReviewState.WAITING, limit=1)
    return page.go(show.address(caller.project, "reviews", *([waits[0].id] if waits else [])))


def _explained(store: Store, item: review.Review) -> tuple[explanation.Explanation | None, str]:
    try:
        return why.explain(store, item), ""
    except PodiumError as problem:
        return None, problem.message


def _lines(item: review.Review, found: explanation.Explanation | None) -> list[tuple[str, Any, float | None, float]]:
    """Feature, value, contribution and its error, the largest contribution first."""
    added = {} if found is None else found.contributions
    errors = {} if found is None or found.errors is None else found.errors
    names = sorted(item.features, key=lambda name: -abs(added.get(name, 0.0)))
    return [(name, item.features[name], added.get(name), errors.get(name, 0.0)) for name in names]
