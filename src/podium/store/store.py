"""The store: a database, blobs, and what every action needs from outside, given once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection

from podium.core import access, ids, time
from podium.store.blobs import Blobs
from podium.store.database import Database
from podium.store.transaction import Hook, Transaction

Signer = Callable[[bytes], bytes]


class Store:
    """What actions work on. `clock` is the business clock; `lease_clock` is always the system's."""

    def __init__(  # noqa: PLR0913 - the composition root names each part
        self,
        *,
        database: Database,
        blobs: Blobs,
        clock: time.Clock,
        lease_clock: time.Clock,
        new_id: ids.NewId,
        signer: Signer,
        public_key: bytes,
        key_id: str,
        hooks: Mapping[str, Sequence[Hook]] | None = None,
    ) -> None:
        self.database = database
        self.blobs = blobs
        self.clock = clock
        self.lease_clock = lease_clock
        self.new_id = new_id
        self.signer = signer
        self.public_key = public_key
        self.key_id = key_id
        self.hooks: Mapping[str, Sequence[Hook]] = hooks or {}

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot to read from."""
        with self.database.read() as connection:
            yield connection

    @contextmanager
    def write(self, caller: access.Caller) -> Iterator[Transaction]:
        """One action: what it changes and the event that it records are kept together, or neither is.

        Raises `AssertionError` when the body ends without having recorded an event.
        """
        with self.database.write() as connection:
            transaction = Transaction(connection, caller, self.clock(), self.new_id, self.hooks)
            yield transaction
            transaction.finish()

    @contextmanager
    def plumbing(self) -> Iterator[Connection]:
        """A write that is no action of anybody: leases, heartbeats, summaries, caches."""
        with self.database.write() as connection:
            yield connection
