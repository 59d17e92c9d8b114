"""kill -9 of a real worker process in the middle of a job: another takes it over, and its effect is there once."""

import os
import signal
import subprocess
import sys
import time as real
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.core import access, event
from podium.core.job import JobState
from podium.jobs import queue
from podium.jobs import store as rows
from podium.jobs.context import JobContext
from podium.jobs.worker import Worker
from podium.store import events
from podium.store.store import Store

_PROGRAM = """
import os, sys, threading, time
from pathlib import Path
from podium.bundle import signing
from podium.core import access, event, ids
from podium.jobs.worker import Worker
from podium.store import clock as clocks
from podium.store.blobs import Blobs
from podium.store.database import Database
from podium.store.store import Store

url, folder, where = sys.argv[1:]
system, key = clocks.system(), signing.make()
store = Store(
    database=Database(url), blobs=Blobs(folder + "/blobs"), clock=system, lease_clock=system,
    new_id=lambda prefix: ids.make(prefix, system(), os.urandom(8)), signer=lambda body: signing.sign(key, body),
    public_key=signing.public(key), key_id=signing.key_id(signing.public(key)),
)

def handle(context):
    if where == "before":
        context.progress(0.5, "working")
        Path(folder, "ready").touch()
        time.sleep(600)
    with context.finishing() as tx:
        subject = event.Subject("thing", context.job.id)
        tx.record("thing.done", subject, permission=access.Permission.DEPLOY)
        Path(folder, "ready").touch()
        time.sleep(600)

Worker(store=store, handlers={"work": handle}, name="victim", lease_seconds=1.0).run(threading.Event())
"""


@pytest.mark.parametrize("where", ["before", "inside"])
def test_a_killed_workers_job_is_taken_over_and_finishes_once(
    database_url: str, make_store: Callable[[str], Store], tmp_path: Path, where: str
) -> None:
    """`inside`: in the last transaction, after the effect was written and before it was committed."""
    store = make_store(database_url)
    with store.write(access.system("flights")) as tx:
        tx.record("thing.asked", event.Subject("thing", "t"), permission=access.Permission.DEPLOY)
        job_id = queue.enqueue(tx, "work", {}, project="flights")
    victim = subprocess.Popen([sys.executable, "-c", _PROGRAM, database_url, str(tmp_path), where])
    try:
        end = real.monotonic() + 60
        while not (tmp_path / "ready").exists():
            assert victim.poll() is None
            assert real.monotonic() < end
            real.sleep(0.02)
        # Longer than the lease: the heart of a living worker keeps it (or its open transaction holds the row).
        real.sleep(1.5)
    finally:
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
    killed_at = real.monotonic()

    def act(context: JobContext) -> None:
        with context.finishing() as tx:
            tx.record("thing.done", event.Subject("thing", context.job.id), permission=access.Permission.DEPLOY)

    heir = Worker(store=store, handlers={"work": act}, name="heir", lease_seconds=1.0)
    heir.run_until_idle()
    assert real.monotonic() - killed_at < 30
    with store.read() as connection:
        done = rows.get(connection, "flights", job_id)
        effects = events.read(connection, project="flights", kind="thing.done")
    assert (done.state, done.worker, done.attempt, done.fence) == (JobState.DONE, "heir", 2, 2)
    assert len(effects) == 1
