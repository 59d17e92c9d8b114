"""Rows of the review queue: one for each prediction that was referred to a person."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    select,
    update,
)

from podium.core import review
from podium.core.errors import NotFound
from podium.store import schema

reviews = Table(
    "reviews",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("endpoint", String(64), nullable=False),
    Column("model", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", String(80), nullable=False),
    Column("prediction_id", String(256), nullable=False),
    Column("key", Text, nullable=False),
    Column("at_us", schema.Instant, nullable=False),
    Column("score", Float(53), nullable=False),
    Column("threshold", Float(53), nullable=False),
    Column("features", schema.Struct(dict[str, bool | int | float | str | None]), nullable=False),
    Column("received_us", schema.Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("decision", Boolean),
    Column("decided_by", String(128)),
    Column("decided_us", schema.Instant),
    Column("reason", Text, nullable=False),
    Column("earlier", schema.Struct(tuple[review.Decided, ...]), nullable=False, server_default="[]"),
    UniqueConstraint("project", "prediction_id"),
)
Index("reviews_waiting", reviews.c.project, reviews.c.endpoint, reviews.c.state, reviews.c.id)
_AT_ONCE = 500


def known(connection: Connection, project: str, predictions: Sequence[str]) -> set[str]:
    """Those of the prediction ids that are in the queue, decided or not."""
    found: set[str] = set()
    for part in _parts(predictions):
        query = select(reviews.c.prediction_id).where(reviews.c.project == project, reviews.c.prediction_id.in_(part))
        found |= {row.prediction_id for row in connection.execute(query)}
    return found


def add(connection: Connection, made: Iterable[review.Review]) -> None:
    """Insert referred predictions."""
    values = [msgspec.structs.asdict(each) for each in made]
    if values:
        connection.execute(insert(reviews), values)


def get(connection: Connection, project: str, identifier: str, *, lock: bool = False) -> review.Review:
    """The review of that id, or `NotFound`."""
    query = select(reviews).where(reviews.c.project == project, reviews.c.id == identifier)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFound("There is no review of that id in this project.", field="review")
    return schema.to_struct(row, review.Review)


def change(connection: Connection, changed: review.Review) -> None:
    """Write what was decided."""
    connection.execute(update(reviews).where(reviews.c.id == changed.id).values(msgspec.structs.asdict(changed)))


def list_all(
    connection: Connection,
    project: str,
    *,
    endpoint: str | None = None,
    state: review.ReviewState | None = None,
    after: str = "",
    limit: int = 100,
) -> list[review.Review]:
    """Reviews, those referred first coming first, after an id."""
    query = select(reviews).where(reviews.c.project == project, reviews.c.id > after)
    if endpoint is not None:
        query = query.where(reviews.c.endpoint == endpoint)
    if state is not None:
        query = query.where(reviews.c.state == state.value)
    found = connection.execute(query.order_by(reviews.c.id).limit(limit))
    return [schema.to_struct(row, review.Review) for row in found]


def waiting(connection: Connection, project: str) -> int:
    """How many wait for a person."""
    query = select(func.count()).select_from(reviews)
    query = query.where(reviews.c.project == project, reviews.c.state == review.ReviewState.WAITING.value)
    return int(connection.execute(query).scalar_one())


def decided(connection: Connection, project: str, predictions: Sequence[str], by_us: int) -> dict[str, bool]:
    """What people had decided by an instant, by prediction id: of what was corrected later, what held then."""
    found: dict[str, bool] = {}
    for part in _parts(predictions):
        query = select(reviews).where(
            reviews.c.project == project,
            reviews.c.prediction_id.in_(part),
            reviews.c.state == review.ReviewState.DECIDED.value,
        )
        for row in connection.execute(query):
            item = schema.to_struct(row, review.Review)
            said = item.decided_at(by_us)
            if said is not None:
                found[item.prediction_id] = said
    return found


def _parts(predictions: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(predictions), _AT_ONCE):
        yield predictions[start : start + _AT_ONCE]
