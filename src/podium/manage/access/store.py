"""Rows of users, grants and tokens."""

import hmac
from collections.abc import Sequence

from sqlalchemy import Boolean, Column, Connection, ForeignKey, Index, String, Table, delete, insert, select, update

from podium.core import access
from podium.core.errors import NotFound
from podium.store import events, schema

users = Table(
    "users",
    schema.metadata,
    Column("name", String(64), primary_key=True),
    Column("full_name", String(200), nullable=False),
    Column("active", Boolean, nullable=False),
)
grants = Table(
    "grants",
    schema.metadata,
    Column("user", String(64), ForeignKey("users.name", name="grants_user"), primary_key=True),
    Column("project", String(64), primary_key=True),
    Column("role", String(32), primary_key=True),
)
tokens = Table(
    "tokens",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("user", String(64), ForeignKey("users.name", name="tokens_user"), nullable=False),
    Column("note", String(200), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("created_us", schema.Instant, nullable=False),
    Column("expires_us", schema.Instant),
    Column("revoked", Boolean, nullable=False),
    Index("tokens_by_user", "user", "id"),
)
_PUBLIC = [column for column in tokens.c if column.name != "hash"]


def find_user(connection: Connection, name: str, *, lock: bool = False) -> access.User | None:
    """The user of that name, if any."""
    query = select(users).where(users.c.name == name)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else schema.to_struct(row, access.User)


def user(connection: Connection, name: str, *, lock: bool = False) -> access.User:
    """The user of that name. Raises `NotFound`."""
    found = find_user(connection, name, lock=lock)
    if found is None:
        raise NotFound("There is no user of that name.", field="user", fix="Look at the list of users.")
    return found


def list_users(connection: Connection, *, after: str = "", limit: int = 100) -> list[access.User]:
    """Users by name; `after` is the last name of the page before."""
    query = select(users).where(users.c.name > after).order_by(users.c.name).limit(limit)
    return [schema.to_struct(row, access.User) for row in connection.execute(query)]


def lock_users(connection: Connection) -> bool:
    """Hold changes of users until the transaction ends; whether there are any users."""
    connection.execute(select(events.head.c.id).with_for_update())
    return connection.execute(select(users.c.name).limit(1)).first() is not None


def add_user(connection: Connection, item: access.User) -> None:
    connection.execute(insert(users).values(name=item.name, full_name=item.full_name, active=item.active))


def set_user(connection: Connection, item: access.User) -> None:
    connection.execute(
        update(users).where(users.c.name == item.name).values(full_name=item.full_name, active=item.active)
    )


def list_grants(connection: Connection, *, user: str | None = None, project: str | None = None) -> list[access.Grant]:
    """Grants of a user, or in a project, or both."""
    query = select(grants).order_by(grants.c.user, grants.c.project, grants.c.role)
    if user is not None:
        query = query.where(grants.c.user == user)
    if project is not None:
        query = query.where(grants.c.project == project)
    return [schema.to_struct(row, access.Grant) for row in connection.execute(query)]


def add_grant(connection: Connection, item: access.Grant) -> None:
    connection.execute(insert(grants).values(user=item.user, project=item.project, role=item.role.value))


def remove_grant(connection: Connection, item: access.Grant) -> None:
    connection.execute(
        delete(grants).where(
            grants.c.user == item.user, grants.c.project == item.project, grants.c.role == item.role.value
        )
    )


def administrators(connection: Connection) -> Sequence[str]:
    """Names of the active users who administer every project."""
    query = (
        select(users.c.name)
        .join(grants, grants.c.user == users.c.name)
        .where(users.c.active, grants.c.project == access.EVERYWHERE, grants.c.role == access.Role.ADMIN.value)
    )
    return connection.execute(query).scalars().all()


def add_token(connection: Connection, item: access.Token, secret_hash: str) -> None:
    connection.execute(
        insert(tokens).values(
            id=item.id,
            user=item.user,
            note=item.note,
            hash=secret_hash,
            created_us=item.created_us,
            expires_us=item.expires_us,
            revoked=item.revoked,
        )
    )


def token(connection: Connection, token_id: str) -> access.Token:
    """A token's public side. Raises `NotFound`."""
    row = connection.execute(select(*_PUBLIC).where(tokens.c.id == token_id)).first()
    if row is None:
        raise NotFound("There is no token of that id.", field="token", fix="Look at the list of tokens.")
    return schema.to_struct(row, access.Token)


def list_tokens(
    connection: Connection, *, user: str | None = None, after: str = "", limit: int = 100
) -> list[access.Token]:
    """Tokens in the order they were made, of one user or of all; `after` is the last id of the page before."""
    query = select(*_PUBLIC).where(tokens.c.id > after).order_by(tokens.c.id).limit(limit)
    if user is not None:
        query = query.where(tokens.c.user == user)
    return [schema.to_struct(row, access.Token) for row in connection.execute(query)]


def revoke(connection: Connection, token_id: str) -> None:
    connection.execute(update(tokens).where(tokens.c.id == token_id).values(revoked=True))


def holder(connection: Connection, token_id: str, secret_hash: str, now_us: int) -> str | None:
    """The user whose token this is, when the hash is its own (compared in constant time) and it is in force."""
    row = connection.execute(select(tokens).where(tokens.c.id == token_id)).first()
    expected = row.hash if row is not None else "0" * 64
    same = hmac.compare_digest(expected, secret_hash)
    if row is None or not same or row.revoked or (row.expires_us is not None and row.expires_us <= now_us):
        return None
    return str(row.user)
