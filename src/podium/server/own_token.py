"""The secrets of this machine's own users: made once, kept in the home folder, and used again by each process."""

import contextlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from podium.core import access
from podium.core import name as names
from podium.manage.access import actions as people
from podium.store.store import Store

FOLDER = "tokens"
SUFFIX = ".token"


def secret(store: Store, home: Path, user: str, roles: Sequence[access.Role], note: str) -> str:
    """The kept secret of a user of this machine, when it is in force and gives these roles everywhere; else a new one.

    It is in `<home>/tokens/<user>.token`, readable by its owner only.
    """
    path = home / FOLDER / f"{names.check(user, 'user')}{SUFFIX}"
    kept = _read(path)
    if kept:
        caller = people.authenticate(store, kept, access.EVERYWHERE)
        if caller is not None and caller.name == user and set(roles) <= caller.roles:
            return kept
    made = people.personal_token(store, user, roles, note=note)
    _write(path, made)
    return made


def _read(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
        return path.read_text(encoding="ascii").strip()
    return ""


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    new.replace(path)
