"""Routes of the review queue."""

from typing import Annotated

from litestar import get, post
from litestar.params import Parameter

from podium.core import explanation, review
from podium.core.access import Caller, Permission
from podium.monitor.reviews import actions, why
from podium.monitor.reviews import store as rows
from podium.store.store import Store

_REVIEWS = "/api/v1/projects/{project:str}/reviews"
_READ = {"permission": Permission.READ}
_REVIEW = {"permission": Permission.REVIEW}
Limit = Annotated[int, Parameter(ge=1, le=1000)]


@get(_REVIEWS, opt=_READ, sync_to_thread=True)
def list_reviews(
    store: Store,
    caller: Caller,
    endpoint: str | None = None,
    in_state: Annotated[review.ReviewState | None, Parameter(query="state")] = None,
    after: str = "",
    limit: Limit = 100,
) -> list[review.Review]:
    """Predictions that were referred to people, in the order of receipt; `after` is the last id of the page before."""
    with store.read() as connection:
        return rows.list_all(connection, caller.project, endpoint=endpoint, state=in_state, after=after, limit=limit)


@get(_REVIEWS + "/{review_id:str}", opt=_READ, sync_to_thread=True)
def get_review(store: Store, caller: Caller, review_id: str) -> review.Review:
    """One referred prediction with its features, and what was decided."""
    with store.read() as connection:
        return rows.get(connection, caller.project, review_id)


@get(_REVIEWS + "/{review_id:str}/explanation", opt=_READ, sync_to_thread=True)
def explain_review(store: Store, caller: Caller, review_id: str) -> explanation.Explanation:
    """What each feature added to its score."""
    with store.read() as connection:
        item = rows.get(connection, caller.project, review_id)
    return why.explain(store, item)


@post(_REVIEWS + "/{review_id:str}/decide", opt=_REVIEW, status_code=200, sync_to_thread=True)
def decide_review(store: Store, caller: Caller, review_id: str, data: actions.Answer) -> review.Review:
    """Decide it, or correct what was decided: whether to act, and why."""
    return actions.decide(store, caller, review_id, data)


routes = [list_reviews, get_review, explain_review, decide_review]
