"""One action: the change and its event, together or not at all."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection

from podium.core import access, event, ids, time
from podium.store import answers, events

T = TypeVar("T")


class Transaction:
    """A write in progress. Actions read and change rows through `connection`, and `record` what they did."""

    def __init__(
        self,
        connection: Connection,
        caller: access.Caller,
        now: datetime,
        new_id: ids.NewId,
        hooks: "Mapping[str, Sequence[Hook]]",
    ) -> None:
        self.connection = connection
        self.caller = caller
        self.now = now
        self.now_us = time.to_us(now)
        self.new_id = new_id
        self.recorded: list[event.Event] = []
        self._hooks = hooks

    def record(
        self,
        kind: str,
        subject: event.Subject,
        *,
        permission: access.Permission,
        parents: Sequence[event.Subject] = (),
        detail: Mapping[str, Any] | None = None,
    ) -> event.Event:
        """Say what was done; whatever the composition root hooked to that kind happens in this transaction too."""
        made = event.Event(
            id=self.new_id("event"),
            at=self.now,
            actor=self.caller.name,
            role=self.caller.role_for(permission),
            project=self.caller.project,
            kind=kind,
            subject=subject,
            parents=tuple(parents),
            detail=dict(detail or {}),
        )
        self.recorded.append(made)
        for hook in self._hooks.get(kind, ()):
            hook(self, made)
        return made

    def done(self, result: T) -> T:
        """Return the result, remembered as the answer to the caller's idempotency key if there is one."""
        if self.caller.idempotency_key is not None:
            answers.remember(self.connection, self.caller, msgspec.json.encode(result), self.now_us)
        return result

    def finish(self) -> None:
        """Append the events to the chain; called once, last, by the store."""
        if not self.recorded:
            raise AssertionError("an action recorded no event")
        events.append(self.connection, self.recorded)


Hook = Callable[[Transaction, event.Event], None]
"""What follows an event, in its transaction: usually, to enqueue a job."""
