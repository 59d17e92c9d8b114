"""Rows of models, project files and versions."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKeyConstraint,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    select,
    update,
)

from podium.core import bundle
from podium.core import name as names
from podium.core import project as projects
from podium.core.errors import NotFound
from podium.core.model import Model
from podium.core.version import Version
from podium.store import schema

specs = Table(
    "specs",
    schema.metadata,
    Column("project", String(64), primary_key=True),
    Column("digest", String(71), primary_key=True),
    Column("spec", schema.Struct(projects.Project), nullable=False),
    Column("created_us", schema.Instant, nullable=False),
    Column("created_by", String(128), nullable=False),
)
models = Table(
    "models",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("spec_digest", String(71), nullable=False),
    Column("source_digest", String(71), nullable=False),
    Column("created_us", schema.Instant, nullable=False),
    Column("updated_us", schema.Instant, nullable=False),
    Column("retired", Boolean, nullable=False),
    UniqueConstraint("project", "name", name="models_name"),
    ForeignKeyConstraint(["project", "spec_digest"], ["specs.project", "specs.digest"], name="models_spec"),
)
versions = Table(
    "versions",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("model", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", String(71), nullable=False),
    Column("state", String(16), nullable=False),
    Column("run", String(64), nullable=False),
    Column("dataset", String(71), nullable=False),
    Column("spec_digest", String(71), nullable=False),
    Column("manifest", schema.Struct(bundle.Manifest), nullable=False),
    Column("created_us", schema.Instant, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("gates_passed", Boolean),
    Column("note", Text, nullable=False),
    UniqueConstraint("project", "model", "number", name="versions_number"),
    UniqueConstraint("project", "digest", name="versions_digest"),
    ForeignKeyConstraint(["project", "model"], ["models.project", "models.name"], name="versions_model"),
    ForeignKeyConstraint(["project", "spec_digest"], ["specs.project", "specs.digest"], name="versions_spec"),
    Index("versions_by_dataset", "project", "dataset"),
)
_VERSION = [column for column in versions.c if column.name != "manifest"]


def _models() -> Select[Any]:
    return select(*models.c, specs.c.spec).join(
        specs, (specs.c.project == models.c.project) & (specs.c.digest == models.c.spec_digest)
    )


def _model(row: Row[Any]) -> Model:
    return Model(**row._asdict())


def find_model(connection: Connection, project: str, name: str, *, lock: bool = False) -> Model | None:
    """The model of that name, if any; `lock` holds its row until the transaction ends."""
    query = _models().where(models.c.project == project, models.c.name == name)
    row = connection.execute(query.with_for_update(of=models) if lock else query).first()
    return None if row is None else _model(row)


def model(connection: Connection, project: str, name: str, *, lock: bool = False) -> Model:
    """The model of that name. Raises `NotFound`."""
    found = find_model(connection, project, name, lock=lock)
    if found is None:
        known = connection.scalars(select(models.c.name).where(models.c.project == project)).all()
        fix = names.nearest(name, known) if known else "This project has no model yet."
        raise NotFound("There is no model of that name.", field="model", fix=fix)
    return found


def list_models(
    connection: Connection, project: str, *, retired: bool | None = None, after: str = "", limit: int = 100
) -> list[Model]:
    """Models by name; `after` is the last name of the page before."""
    query = _models().where(models.c.project == project, models.c.name > after).order_by(models.c.name).limit(limit)
    if retired is not None:
        query = query.where(models.c.retired == retired)
    return [_model(row) for row in connection.execute(query)]


def list_projects(connection: Connection) -> list[str]:
    """Names of the projects that have a model."""
    return list(connection.execute(select(models.c.project).distinct().order_by(models.c.project)).scalars())


def add_model(connection: Connection, item: Model) -> None:
    connection.execute(
        insert(models).values(
            id=item.id,
            project=item.project,
            name=item.name,
            spec_digest=item.spec_digest,
            source_digest=item.source_digest,
            created_us=item.created_us,
            updated_us=item.updated_us,
            retired=item.retired,
        )
    )


def set_model(connection: Connection, item: Model) -> None:
    connection.execute(
        update(models)
        .where(models.c.id == item.id)
        .values(
            spec_digest=item.spec_digest,
            source_digest=item.source_digest,
            updated_us=item.updated_us,
            retired=item.retired,
        )
    )


def add_spec(
    connection: Connection, project: str, digest: str, spec: projects.Project, *, now_us: int, by: str
) -> None:
    """Keep a project file under its digest; one that is there already stays its first author's."""
    if find_spec(connection, project, digest) is None:
        connection.execute(
            insert(specs).values(project=project, digest=digest, spec=spec, created_us=now_us, created_by=by)
        )


def find_spec(connection: Connection, project: str, digest: str) -> projects.Project | None:
    """The project file of that digest, if any."""
    found: projects.Project | None = connection.execute(
        select(specs.c.spec).where(specs.c.project == project, specs.c.digest == digest)
    ).scalar()
    return found


def spec(connection: Connection, project: str, digest: str) -> projects.Project:
    """The project file of that digest. Raises `NotFound`."""
    found = find_spec(connection, project, digest)
    if found is None:
        raise NotFound("There is no project file of that digest.", field="spec_digest")
    return found


def spec_author(connection: Connection, project: str, digest: str) -> str | None:
    """Who first applied the project file of that digest."""
    found: str | None = connection.execute(
        select(specs.c.created_by).where(specs.c.project == project, specs.c.digest == digest)
    ).scalar()
    return found


def _one(connection: Connection, query: Select[Any], *, lock: bool) -> Version | None:
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else schema.to_struct(row, Version)


def _found(item: Version | None) -> Version:
    if item is None:
        raise NotFound("There is no such version.", field="version", fix="Look at the model's list of versions.")
    return item


def version(connection: Connection, project: str, model: str, number: int, *, lock: bool = False) -> Version:
    """The version of that number. Raises `NotFound`; `lock` holds its row until the transaction ends."""
    query = select(*_VERSION).where(
        versions.c.project == project, versions.c.model == model, versions.c.number == number
    )
    found = _one(connection, query, lock=lock)
    if found is None:
        raise _unknown(connection, project, model, number)
    return found


def _unknown(connection: Connection, project: str, name: str, number: int) -> NotFound:
    """Say which version there is not; or that there is no such model."""
    known = model(connection, project, name).name
    newest = connection.scalar(
        select(func.max(versions.c.number)).where(versions.c.project == project, versions.c.model == known)
    )
    fix = f"The newest is {newest}." if newest else "It has none yet: podium train."
    return NotFound(f"There is no version {number} of {known}.", field="version", fix=fix)


def find_digest(connection: Connection, project: str, digest: str, *, lock: bool = False) -> Version | None:
    """The version of that bundle, if any."""
    query = select(*_VERSION).where(versions.c.project == project, versions.c.digest == digest)
    return _one(connection, query, lock=lock)


def by_digest(connection: Connection, project: str, digest: str, *, lock: bool = False) -> Version:
    """The version of that bundle. Raises `NotFound`."""
    return _found(find_digest(connection, project, digest, lock=lock))


def manifest(connection: Connection, project: str, digest: str) -> bundle.Manifest:
    """What the bundle of a version is. Raises `NotFound`."""
    found: bundle.Manifest | None = connection.execute(
        select(versions.c.manifest).where(versions.c.project == project, versions.c.digest == digest)
    ).scalar()
    if found is None:
        raise NotFound("There is no such bundle.", field="digest", fix="Look at the model's list of versions.")
    return found


def list_versions(  # noqa: PLR0913 - each is one way to narrow the list
    connection: Connection,
    project: str,
    *,
    model: str | None = None,
    states: Sequence[str] = (),
    dataset: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Version]:
    """Versions, newest first; `before` is the last number of the page before (with one model)."""
    query = select(*_VERSION).where(versions.c.project == project)
    query = query.order_by(versions.c.created_us.desc(), versions.c.model, versions.c.number.desc()).limit(limit)
    if model is not None:
        query = query.where(versions.c.model == model)
    if states:
        query = query.where(versions.c.state.in_(states))
    if dataset is not None:
        query = query.where(versions.c.dataset == dataset)
    if before is not None:
        query = query.where(versions.c.number < before)
    return [schema.to_struct(row, Version) for row in connection.execute(query)]


def newest_number(connection: Connection, project: str, model: str) -> int:
    """The number of a model's newest version; 0 when there is none."""
    query = select(func.max(versions.c.number)).where(versions.c.project == project, versions.c.model == model)
    return connection.execute(query).scalar() or 0


def add_version(connection: Connection, item: Version, manifest: bundle.Manifest) -> None:
    fields = msgspec.structs.asdict(item) | {"state": item.state.value}
    connection.execute(insert(versions).values(**fields, manifest=manifest))


def set_version(connection: Connection, item: Version) -> None:
    """Keep the parts of a version that change: state, gates_passed, note."""
    connection.execute(
        update(versions)
        .where(versions.c.id == item.id)
        .values(state=item.state.value, gates_passed=item.gates_passed, note=item.note)
    )
