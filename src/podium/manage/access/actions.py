"""Who somebody is, and what administrators change: users, grants, tokens."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

import msgspec

from podium.core import access, event, time
from podium.core import name as names
from podium.core.access import Permission, Role
from podium.core.errors import Conflict, Invalid, NotFound, Refused
from podium.manage.access import store as rows
from podium.store.store import Store
from podium.store.transaction import Transaction

_RANDOM_BYTES = 32
_SEPARATOR = "_"
_LONGEST_SECRET = 200
_LONGEST_NOTE = 200
_LOCAL_ROLES = (Role.SCIENTIST, Role.ENGINEER, Role.AUDITOR, Role.ADMIN)
_DECIDING = frozenset({Role.VALIDATOR, Role.OWNER})

RandomBytes = Callable[[int], bytes]


def authenticate(store: Store, secret: str, project: str) -> access.Caller | None:
    """The caller that a secret stands for, with the roles held in the project; None when it is not in force."""
    parts = secret.split(_SEPARATOR, 2)
    if len(secret) > _LONGEST_SECRET or len(parts) != 3 or parts[0] != "pod" or not _plain(secret):
        return None
    with store.read() as connection:
        holder = rows.holder(connection, parts[1], _hash(secret), time.to_us(store.clock()))
        user = None if holder is None else rows.find_user(connection, holder)
        if user is None or not user.active:
            return None
        return access.Caller(
            name=user.name, roles=roles_in(rows.list_grants(connection, user=user.name), project), project=project
        )


def _plain(secret: str) -> bool:
    return secret.isascii() and secret.isprintable()


def roles_in(grants: Iterable[access.Grant], project: str) -> frozenset[Role]:
    """The roles that grants give in a project, those that hold everywhere included."""
    return frozenset(grant.role for grant in grants if grant.project in (project, access.EVERYWHERE))


def bootstrap(store: Store, name: str, *, random: RandomBytes = secrets.token_bytes) -> access.NewToken:
    """Make the first user, an administrator of everything, and a token. Raises `Conflict` when there is any user."""
    with store.write(access.system(access.EVERYWHERE)) as tx:
        if rows.lock_users(tx.connection):
            raise Conflict("There are users already.", fix="Ask an administrator for a token.")
        _add_user(tx, access.User(name=names.check(name, "user")))
        _add_grant(tx, access.Grant(user=name, project=access.EVERYWHERE, role=Role.ADMIN))
        return _add_token(tx, name, "the first token", None, random)


def personal_token(
    store: Store,
    user: str,
    roles: Sequence[Role] = _LOCAL_ROLES,
    *,
    note: str = "",
    random: RandomBytes = secrets.token_bytes,
) -> str:
    """A new secret for a user of this machine, who is made if missing and holds the roles in every project."""
    with store.write(access.system(access.EVERYWHERE)) as tx:
        if rows.find_user(tx.connection, names.check(user, "user"), lock=True) is None:
            _add_user(tx, access.User(name=user))
        held = rows.list_grants(tx.connection, user=user, project=access.EVERYWHERE)
        for role in sorted(set(roles) - {grant.role for grant in held}):
            _add_grant(tx, access.Grant(user=user, project=access.EVERYWHERE, role=role))
        return _add_token(tx, user, note, None, random).secret


def create_user(store: Store, caller: access.Caller, name: str, full_name: str = "") -> access.User:
    """Make a user without any role. Raises `Conflict` when the name is taken."""
    if len(full_name) > _LONGEST_NOTE:
        raise Invalid("The name is too long.", field="full_name", fix=f"At most {_LONGEST_NOTE} characters.")
    with store.write(caller) as tx:
        if rows.find_user(tx.connection, names.check(name, "user")) is not None:
            raise Conflict("There is a user of that name.", field="name", fix="Choose another name.")
        return tx.done(_add_user(tx, access.User(name=name, full_name=full_name)))


def set_active(store: Store, caller: access.Caller, name: str, *, active: bool) -> access.User:
    """Let a user in, or keep the user out with all tokens. The last administrator stays."""
    with store.write(caller) as tx:
        rows.lock_users(tx.connection)
        user = rows.user(tx.connection, name)
        if user.active == active:
            raise Conflict(f"{user.name} is {'active' if active else 'inactive'} already.", field="user")
        if not active:
            _keep_an_administrator(tx, user.name)
        changed = msgspec.structs.replace(user, active=active)
        rows.set_user(tx.connection, changed)
        kind = "user.activated" if active else "user.deactivated"
        tx.record(kind, event.Subject("user", user.name), permission=Permission.ADMIN)
        return tx.done(changed)


def grant(store: Store, caller: access.Caller, user: str, role: Role, project: str) -> access.Grant:
    """Give a role in a project. Nobody gives oneself a role that decides (validator, owner)."""
    _check_scope(caller, project)
    if role is Role.SYSTEM:
        raise Refused("Podium's own role is never given.", field="role", fix="Choose another role.")
    if user == caller.name and role in _DECIDING:
        raise Refused("Nobody makes oneself a validator or an owner.", field="role", fix="Ask another administrator.")
    with store.write(caller) as tx:
        rows.user(tx.connection, user, lock=True)
        item = access.Grant(user=user, project=project, role=role)
        if item in rows.list_grants(tx.connection, user=user, project=project):
            raise Conflict(f"{user} has the role {role} already.", field="role")
        return tx.done(_add_grant(tx, item))


def ungrant(store: Store, caller: access.Caller, user: str, role: Role, project: str) -> access.Grant:
    """Take a role back. Raises `NotFound` when it was not given; the last administrator stays."""
    _check_scope(caller, project)
    with store.write(caller) as tx:
        rows.lock_users(tx.connection)
        item = access.Grant(user=user, project=project, role=role)
        if item not in rows.list_grants(tx.connection, user=user, project=project):
            raise NotFound("The user does not have this role there.", field="role", fix="Look at the user's roles.")
        if role is Role.ADMIN and project == access.EVERYWHERE:
            _keep_an_administrator(tx, user)
        rows.remove_grant(tx.connection, item)
        tx.record(
            "role.taken",
            event.Subject("user", user),
            permission=Permission.ADMIN,
            detail={"role": role, "project": project},
        )
        return tx.done(item)


def make_token(
    store: Store,
    caller: access.Caller,
    user: str,
    *,
    note: str = "",
    valid_for: timedelta | None = None,
    random: RandomBytes = secrets.token_bytes,
) -> access.NewToken:
    """Make a token for a user. The secret is in this answer only: it is not remembered for a repeated request."""
    if len(note) > _LONGEST_NOTE:
        raise Invalid("The note is too long.", field="note", fix=f"At most {_LONGEST_NOTE} characters.")
    with store.write(caller) as tx:
        found = rows.user(tx.connection, user)
        if not found.active:
            raise Refused(f"{found.name} is inactive.", field="user", fix="Activate the user first.")
        return _add_token(tx, user, note, valid_for, random)


def revoke_token(store: Store, caller: access.Caller, token_id: str) -> access.Token:
    """Make a token useless, at once. People revoke their own; administrators everybody's."""
    with store.write(caller) as tx:
        token = rows.token(tx.connection, token_id)
        if token.user != caller.name and not caller.may(Permission.ADMIN):
            raise NotFound("There is no token of that id.", field="token", fix="Look at the list of tokens.")
        if token.revoked:
            raise Conflict("The token is revoked already.", field="token")
        rows.revoke(tx.connection, token.id)
        permission = Permission.ADMIN if caller.may(Permission.ADMIN) else Permission.READ
        tx.record(
            "token.revoked",
            event.Subject("token", token.id),
            permission=permission,
            parents=(event.Subject("user", token.user),),
        )
        return tx.done(msgspec.structs.replace(token, revoked=True))


def _check_scope(caller: access.Caller, project: str) -> None:
    if project != access.EVERYWHERE:
        names.check(project, "project")
    if caller.project not in (project, access.EVERYWHERE):
        raise Refused("Roles are given in the project where one administers.", field="project")


def _keep_an_administrator(tx: Transaction, leaving: str) -> None:
    if list(rows.administrators(tx.connection)) == [leaving]:
        raise Refused("This is the last administrator.", field="user", fix="Make another administrator first.")


def _add_user(tx: Transaction, item: access.User) -> access.User:
    rows.add_user(tx.connection, item)
    tx.record("user.created", event.Subject("user", item.name), permission=Permission.ADMIN)
    return item


def _add_grant(tx: Transaction, item: access.Grant) -> access.Grant:
    rows.add_grant(tx.connection, item)
    tx.record(
        "role.given",
        event.Subject("user", item.user),
        permission=Permission.ADMIN,
        detail={"role": item.role, "project": item.project},
    )
    return item


def _add_token(
    tx: Transaction, user: str, note: str, valid_for: timedelta | None, random: RandomBytes
) -> access.NewToken:
    token = access.Token(
        id=tx.new_id("token"),
        user=user,
        note=note,
        created_us=tx.now_us,
        expires_us=None if valid_for is None else time.to_us(tx.now + valid_for),
    )
    secret = _SEPARATOR.join(("pod", token.id, _text(random(_RANDOM_BYTES))))
    rows.add_token(tx.connection, token, _hash(secret))
    tx.record(
        "token.made",
        event.Subject("token", token.id),
        permission=Permission.ADMIN,
        parents=(event.Subject("user", user),),
        detail={"note": note, "expires_us": token.expires_us},
    )
    return access.NewToken(token=token, secret=secret)


def _text(data: bytes) -> str:
    """Bytes as URL-safe text without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
