"""Work on threads that the system does not give."""

import asyncio
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from podium.core.errors import Unavailable
from podium.scoring import threads


def test_where_no_thread_is_to_be_had_that_is_an_answer() -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as executor:
            assert await threads.run(loop, executor, divmod, 7, 2) == (3, 1)
            with pytest.raises(ZeroDivisionError):
                await threads.run(loop, executor, divmod, 7, 0)
        heard: list[BaseException | None] = []
        threads.run(loop, executor, divmod, 7, 2).add_done_callback(lambda said: heard.append(said.exception()))
        await asyncio.sleep(0.01)
        assert len(heard) == 1
        assert isinstance(heard[0], Unavailable)

    asyncio.run(test())


def refused_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a system that gives no more threads."""

    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)


class Given:
    """What a call is given."""


def test_what_was_refused_is_never_done_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        done: list[object] = []
        pool = threads.Pool(2)
        given = Given()
        kept = weakref.ref(given)
        with monkeypatch.context() as short:
            refused_starts(short)
            with pytest.raises(Unavailable):
                await threads.run(asyncio.get_running_loop(), pool, done.append, given)
        del given
        gc.collect()
        assert kept() is None
        await threads.run(asyncio.get_running_loop(), pool, done.append, "later")
        pool.shutdown()
        assert done == ["later"]

    asyncio.run(test())


def test_the_threads_that_are_there_do_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        pool = threads.Pool(2)
        free = threading.Event()
        first = threads.run(loop, pool, free.wait, 30)
        with monkeypatch.context() as short:
            refused_starts(short)
            second = threads.run(loop, pool, divmod, 7, 2)
            third = threads.run(loop, pool, divmod, 7, 3)
        free.set()
        assert (await first, await second, await third) == (True, (3, 1), (2, 1))
        pool.shutdown()

    asyncio.run(test())
