"""Dependencies between models and data, read from versions and from what events came from."""

import msgspec
from sqlalchemy import Connection, select

from podium.core import event
from podium.manage.registry import store as rows
from podium.store import events

_DEEPEST = 20


class Dependencies(msgspec.Struct, frozen=True, kw_only=True):
    """A model's place among data: digests of the data that it was trained on, and subjects that its output feeds."""

    model: str
    trained_on: tuple[str, ...]
    feeds: tuple[event.Subject, ...]
    """Dataset versions made, directly or not, from what its versions did."""
    models: tuple[str, ...]
    """Models with a version trained on data that this one feeds (itself included, when it learns from its own)."""


def of_model(connection: Connection, project: str, name: str) -> Dependencies:
    """What a model depends on and what depends on it. Raises `NotFound`."""
    model = rows.model(connection, project, name)
    own = rows.list_versions(connection, project, model=model.name, limit=1000)
    fed = _fed(connection, project, {event.Subject("version", item.digest) for item in own})
    data = sorted((item for item in fed if item.noun == "dataset"), key=lambda item: item.id)
    dependent = {
        item.model for part in data for item in rows.list_versions(connection, project, dataset=part.id, limit=1000)
    }
    return Dependencies(
        model=model.name,
        trained_on=tuple(dict.fromkeys(item.dataset for item in own)),
        feeds=tuple(data),
        models=tuple(sorted(dependent)),
    )


def _fed(connection: Connection, project: str, start: set[event.Subject]) -> set[event.Subject]:
    """Everything downstream, up to but not through other versions."""
    seen: set[event.Subject] = set()
    front = start
    for _ in range(_DEEPEST):
        if not front:
            break
        edges = events.edges.c
        query = select(edges.from_noun, edges.from_id, edges.to_noun, edges.to_id).where(
            edges.project == project, edges.from_id.in_({item.id for item in front})
        )
        found = {
            event.Subject(row.to_noun, row.to_id)
            for row in connection.execute(query)
            if event.Subject(row.from_noun, row.from_id) in front
        }
        front = {item for item in found - seen if item.noun not in ("version", "run", "model")}
        seen |= front
    return seen
