"""Rows of evidence and of gates' results."""

from collections.abc import Sequence

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKeyConstraint,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
)

from podium.core import digest
from podium.core.evidence import Evidence, GateResult
from podium.store import schema

evidence = Table(
    "evidence",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("version", String(71), nullable=False),
    Column("number", Integer, nullable=False),
    Column("name", String(64), nullable=False),
    Column("content", schema.Struct(dict[str, object]), nullable=False),
    Column("digest", String(71), nullable=False),
    Column("created_us", schema.Instant, nullable=False),
    Column("created_by", String(128), nullable=False),
    UniqueConstraint("project", "version", "number", name="evidence_number"),
    ForeignKeyConstraint(["project", "version"], ["versions.project", "versions.digest"], name="evidence_version"),
)
gate_results = Table(
    "gate_results",
    schema.metadata,
    Column("project", String(64), primary_key=True),
    Column("version", String(71), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", String(64), nullable=False),
    Column("expression", Text, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("problem", Text),
    ForeignKeyConstraint(["project", "version"], ["versions.project", "versions.digest"], name="gate_results_version"),
)
_EVIDENCE = [column for column in evidence.c if column.name != "number"]


def history(connection: Connection, project: str, version: str) -> list[Evidence]:
    """All evidence ever attached to a version, in its order."""
    query = select(*_EVIDENCE).where(evidence.c.project == project, evidence.c.version == version)
    return [schema.to_struct(row, Evidence) for row in connection.execute(query.order_by(evidence.c.number))]


def list_evidence(connection: Connection, project: str, version: str) -> list[Evidence]:
    """The evidence in force for a version (its digest), by name: of each name, the newest."""
    newest = {item.name: item for item in history(connection, project, version)}
    return [newest[name] for name in sorted(newest)]


def digest_of_all(connection: Connection, project: str, version: str) -> str:
    """One digest over all evidence in force: it changes when any of it does."""
    return digest.of_value([(item.name, item.digest) for item in list_evidence(connection, project, version)])


def next_number(connection: Connection, project: str, version: str) -> int:
    query = select(func.max(evidence.c.number)).where(evidence.c.project == project, evidence.c.version == version)
    return (connection.execute(query).scalar() or 0) + 1


def add(connection: Connection, item: Evidence, number: int) -> None:
    connection.execute(
        insert(evidence).values(
            id=item.id,
            project=item.project,
            version=item.version,
            number=number,
            name=item.name,
            content=item.content,
            digest=item.digest,
            created_us=item.created_us,
            created_by=item.created_by,
        )
    )


def results(connection: Connection, project: str, version: str) -> list[GateResult]:
    """The results of a version's gates at their last evaluation, in the project file's order."""
    table = gate_results.c
    query = select(table.name, table.expression, table.passed, table.problem)
    query = query.where(table.project == project, table.version == version).order_by(table.position)
    return [GateResult(**row._asdict()) for row in connection.execute(query)]


def set_results(connection: Connection, project: str, version: str, found: Sequence[GateResult]) -> None:
    """Keep the results of an evaluation in place of those before."""
    table = gate_results.c
    connection.execute(delete(gate_results).where(table.project == project, table.version == version))
    for position, item in enumerate(found):
        connection.execute(
            insert(gate_results).values(
                project=project,
                version=version,
                position=position,
                name=item.name,
                expression=item.expression,
                passed=item.passed,
                problem=item.problem,
            )
        )
