"""Users, their roles, and tokens."""

from collections.abc import Sequence

from podium.client.transport import Transport
from podium.core import access


class Users:
    """People and processes that can hold roles. They belong to no project; their roles may."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Sequence[access.User]:
        """Users by name."""
        return self._transport.get("/api/v1/users", list[access.User])

    def create(self, name: str, full_name: str = "") -> access.User:
        """Make a user, without any role."""
        return self._transport.post("/api/v1/users", access.User, {"name": name, "full_name": full_name})

    def grants(self, name: str) -> Sequence[access.Grant]:
        """A user's roles, in every project."""
        return self._transport.get(f"/api/v1/users/{name}/grants", list[access.Grant])

    def grant(self, name: str, role: str, project: str = access.EVERYWHERE) -> access.Grant:
        """Give a role; everywhere when `project` is `*`."""
        body = {"role": role, "project": project}
        return self._transport.post(f"/api/v1/users/{name}/grants", access.Grant, body)

    def ungrant(self, name: str, role: str, project: str = access.EVERYWHERE) -> None:
        """Take a role back."""
        self._transport.delete(f"/api/v1/users/{name}/grants", role=role, within=project)

    def deactivate(self, name: str) -> access.User:
        """Keep a user out, with all tokens; `activate` undoes it."""
        return self._transport.post(f"/api/v1/users/{name}/deactivate", access.User)

    def activate(self, name: str) -> access.User:
        """Let a user in again."""
        return self._transport.post(f"/api/v1/users/{name}/activate", access.User)


class Tokens:
    """Secrets that stand for a user."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Sequence[access.Token]:
        """One's own tokens; an administrator's answer holds everybody's. Never their secrets."""
        return self._transport.get("/api/v1/tokens", list[access.Token])

    def create(self, user: str = "", *, note: str = "", valid_for: str = "") -> access.NewToken:
        """Make a token (for oneself when `user` is empty). The secret is seen once, in this answer."""
        body = {"user": user, "note": note, "valid_for": valid_for}
        return self._transport.post("/api/v1/tokens", access.NewToken, body)

    def revoke(self, identifier: str) -> access.Token:
        """Make a token useless, at once."""
        return self._transport.post(f"/api/v1/tokens/{identifier}/revoke", access.Token)
