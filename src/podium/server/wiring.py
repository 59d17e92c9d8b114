"""The composition root: the one place that joins the steps of the cycle, forward, by events and jobs."""

import contextlib
import os
from pathlib import Path

from podium.bundle import signing
from podium.core import ids
from podium.core.config import Config
from podium.manage.approvals import expiry
from podium.server import hooks, settings
from podium.store import clock as clocks
from podium.store import migrate
from podium.store.blobs import Blobs
from podium.store.database import Database
from podium.store.store import Store


def open_store(config: Config) -> Store:
    """The store that a configuration names, migrated, with what follows each event joined to it."""
    home = Path(config.home).resolve()
    database = Database(settings.database_url(config))
    migrate.upgrade(database)
    key = signing.load_or_make(home / "keys" / "control-plane.key")
    unversioned(home)
    system = clocks.system()
    store = Store(
        database=database,
        blobs=Blobs(config.blobs or str(home / "blobs"), settings.object_store_options()),
        clock=clocks.choose(config.clock),
        lease_clock=system,
        new_id=lambda prefix: ids.make(prefix, system(), os.urandom(8)),
        signer=lambda body: signing.sign(key, body),
        public_key=signing.public(key),
        key_id=signing.key_id(signing.public(key)),
        hooks=hooks.FOLLOW,
    )
    expiry.plan_missing(store)
    return store


def unversioned(home: Path) -> None:
    """Keep keys, tokens and data out of a repository that the home folder lies in."""
    mark = home / ".gitignore"
    with contextlib.suppress(OSError):  # where the folder is mounted to read from, nobody commits it
        if not mark.exists():
            mark.write_text("*\n")
