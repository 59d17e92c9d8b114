"""Rows of closed windows, their checks, and the summaries of hours and days that windows are merged from."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)

from podium.core import check, window
from podium.store import schema

_AT_ONCE = 500
"""Rows named in one statement."""


summaries = Table(
    "summary_parts",
    schema.metadata,
    Column("project", String(64), primary_key=True),
    Column("endpoint", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("hours", Integer, primary_key=True, autoincrement=False),
    Column("start_us", schema.Instant, primary_key=True, autoincrement=False),
    Column("rows", Integer, nullable=False),
    Column("stamp", BigInteger),
    Column("body", LargeBinary, nullable=False),
)
"""`hours`: 1 or 24. `stamp`: of the outcomes that are in it; none where a summary is older than stamps."""
windows = Table(
    "windows",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("endpoint", String(64), nullable=False),
    Column("model", String(64), nullable=False),
    Column("version", Integer),
    Column("start_us", schema.Instant, nullable=False),
    Column("end_us", schema.Instant, nullable=False),
    Column("closed_us", schema.Instant, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("matured", Integer, nullable=False),
    Column("checks", Integer, nullable=False),
    Column("broken", Integer, nullable=False),
    Column("judged", Boolean, nullable=False),
    UniqueConstraint("project", "endpoint", "end_us"),
)
checks = Table(
    "checks",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("endpoint", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("start_us", schema.Instant, nullable=False),
    Column("end_us", schema.Instant, nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("measure", String(64), nullable=False),
    Column("feature", String(256)),
    Column("value", Float),
    Column("reference", Float),
    Column("bound", Float, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("state", String(32), nullable=False),
    Column("low", Float),
    Column("high", Float),
    Column("weight", Float),
    Column("said", Text, nullable=False, server_default=""),
)
Index("checks_by_window", checks.c.project, checks.c.endpoint, checks.c.end_us)


HOUR, DAY = 1, 24
"""The lengths of summaries, in hours."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A stored summary without its content: of the hour or day that starts then, how many rows and which outcomes."""

    hours: int
    start_us: int
    rows: int
    stamp: int | None


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Whose summaries: a version's at an endpoint."""

    project: str
    endpoint: str
    version: int


_KEPT = [summaries.c[name] for name in Kept.__struct_fields__]


def find_summaries(connection: Connection, whose: Address, hours: int, span: window.Window) -> list[Kept]:
    """What is stored of the hours (or days) that start in a time, by time."""
    query = select(*_KEPT).where(
        *_of(whose, hours), summaries.c.start_us >= span.start_us, summaries.c.start_us < span.end_us
    )
    return [schema.to_struct(row, Kept) for row in connection.execute(query.order_by(summaries.c.start_us))]


def read_summaries(connection: Connection, whose: Address, hours: int, span: window.Window) -> list[tuple[int, bytes]]:
    """The start and content of the hours (or days) that start in a time, by time."""
    query = select(summaries.c.start_us, summaries.c.body).where(
        *_of(whose, hours), summaries.c.start_us >= span.start_us, summaries.c.start_us < span.end_us
    )
    return [(row.start_us, row.body) for row in connection.execute(query.order_by(summaries.c.start_us))]


def list_days(
    connection: Connection, project: str, endpoint: str, *, version: int | None = None, span: window.Window
) -> list[tuple[int, int, bytes]]:
    """Version, start and content of the days that start in a time, by day, then version."""
    query = select(summaries.c.version, summaries.c.start_us, summaries.c.body).where(
        summaries.c.project == project,
        summaries.c.endpoint == endpoint,
        summaries.c.hours == DAY,
        summaries.c.start_us >= span.start_us,
        summaries.c.start_us < span.end_us,
    )
    if version is not None:
        query = query.where(summaries.c.version == version)
    rows = connection.execute(query.order_by(summaries.c.start_us, summaries.c.version))
    return [(row.version, row.start_us, row.body) for row in rows]


def keep_summaries(connection: Connection, whose: Address, made: Sequence[tuple[Kept, bytes]]) -> None:
    """Write summaries in place of those before."""
    for hours in (HOUR, DAY):
        mine = [each for each, _ in made if each.hours == hours]
        for at in range(0, len(mine), _AT_ONCE):
            starts = [each.start_us for each in mine[at : at + _AT_ONCE]]
            connection.execute(delete(summaries).where(*_of(whose, hours), summaries.c.start_us.in_(starts)))
    fixed = msgspec.structs.asdict(whose)
    if made:
        connection.execute(
            insert(summaries), [{**fixed, **msgspec.structs.asdict(each), "body": body} for each, body in made]
        )


def forget_hours(connection: Connection, whose: Address, before_us: int) -> None:
    """Delete the hours that start before an instant; their days stay."""
    connection.execute(delete(summaries).where(*_of(whose, HOUR), summaries.c.start_us < before_us))


def _of(whose: Address, hours: int) -> tuple[ColumnElement[bool], ...]:
    return (
        summaries.c.project == whose.project,
        summaries.c.endpoint == whose.endpoint,
        summaries.c.version == whose.version,
        summaries.c.hours == hours,
    )


_WINDOW = [windows.c[name] for name in check.ClosedWindow.__struct_fields__]


def find_window(connection: Connection, project: str, endpoint: str, end_us: int) -> check.ClosedWindow | None:
    """The closed window of an endpoint that ends at an instant, if any."""
    row = connection.execute(
        select(*_WINDOW).where(windows.c.project == project, windows.c.endpoint == endpoint, windows.c.end_us == end_us)
    ).first()
    return None if row is None else schema.to_struct(row, check.ClosedWindow)


def list_windows(
    connection: Connection, project: str, endpoint: str, *, before_us: int | None = None, limit: int = 100
) -> list[check.ClosedWindow]:
    """Closed windows, newest first."""
    query = select(*_WINDOW).where(windows.c.project == project, windows.c.endpoint == endpoint)
    if before_us is not None:
        query = query.where(windows.c.end_us < before_us)
    rows = connection.execute(query.order_by(windows.c.end_us.desc()).limit(limit))
    return [schema.to_struct(row, check.ClosedWindow) for row in rows]


def add_window(connection: Connection, made: check.ClosedWindow) -> None:
    """Insert a closed window."""
    connection.execute(insert(windows).values(**msgspec.structs.asdict(made), judged=False))


def is_judged(connection: Connection, identifier: str) -> bool:
    """Whether what the window says of an open release was passed on."""
    return bool(connection.execute(select(windows.c.judged).where(windows.c.id == identifier)).scalar_one())


def judged(connection: Connection, identifier: str) -> None:
    """Say that it was."""
    connection.execute(update(windows).where(windows.c.id == identifier).values(judged=True))


def add_checks(connection: Connection, made: list[check.Check]) -> None:
    """Insert the checks of a window."""
    if made:
        connection.execute(insert(checks), [{**_fields(each), "position": place} for place, each in enumerate(made)])


def list_checks(  # noqa: PLR0913 - the filters of one list
    connection: Connection,
    project: str,
    endpoint: str,
    *,
    end_us: int | None = None,
    version: int | None = None,
    kind: str | None = None,
    since_us: int | None = None,
    limit: int = 1000,
) -> list[check.Check]:
    """Checks, newest window first, in the order in which they were made."""
    query = select(checks).where(checks.c.project == project, checks.c.endpoint == endpoint)
    for column, wanted in ((checks.c.end_us, end_us), (checks.c.version, version), (checks.c.kind, kind)):
        if wanted is not None:
            query = query.where(column == wanted)
    if since_us is not None:
        query = query.where(checks.c.end_us >= since_us)
    rows = connection.execute(query.order_by(checks.c.end_us.desc(), checks.c.position).limit(limit))
    return [_check(row._asdict()) for row in rows]


def by_ids(connection: Connection, project: str, identifiers: Sequence[str]) -> list[check.Check]:
    """The checks of these ids that are kept, in the order of their window."""
    query = select(checks).where(checks.c.project == project, checks.c.id.in_(list(identifiers)))
    rows = connection.execute(query.order_by(checks.c.position))
    return [_check(row._asdict()) for row in rows]


def broken_before(
    connection: Connection, project: str, endpoint: str, version: int, end_us: int, windows_back: int
) -> list[tuple[int, set[tuple[str, str | None]]]]:
    """Of a version's windows before an instant, newest first: the start, and (measure, column) of its broken checks."""
    spans = connection.execute(
        select(windows.c.start_us, windows.c.end_us)
        .where(
            windows.c.project == project,
            windows.c.endpoint == endpoint,
            windows.c.version == version,
            windows.c.end_us < end_us,
            windows.c.checks > 0,
        )
        .order_by(windows.c.end_us.desc())
        .limit(windows_back)
    ).all()
    return [
        (
            start_us,
            {
                (each.measure, each.column)
                for each in list_checks(connection, project, endpoint, end_us=end_us, version=version)
                if each.state is check.CheckState.BROKEN
            },
        )
        for start_us, end_us in spans
    ]


def _fields(each: check.Check) -> dict[str, object]:
    fields = msgspec.structs.asdict(each)
    span: window.Window = fields.pop("window")
    fields |= {"start_us": span.start_us, "end_us": span.end_us}
    fields |= {"feature": fields.pop("column"), "bound": fields.pop("limit")}
    return fields


def _check(fields: dict[str, object]) -> check.Check:
    fields = {str(name): value for name, value in fields.items() if name != "position"}
    fields["window"] = {"start_us": fields.pop("start_us"), "end_us": fields.pop("end_us")}
    fields |= {"column": fields.pop("feature"), "limit": fields.pop("bound")}
    return msgspec.convert(fields, check.Check)
