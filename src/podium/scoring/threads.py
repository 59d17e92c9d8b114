"""Work on threads: where the system lets no more of them start, that is an answer like any other."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from podium.core.errors import Unavailable

_Given = ParamSpec("_Given")
_Said = TypeVar("_Said")


class Pool(ThreadPoolExecutor):
    """An executor that makes do with the threads that it has, where the system gives no more."""

    def _adjust_thread_count(self) -> None:
        try:
            super()._adjust_thread_count()
        except RuntimeError:
            if not self._threads:
                raise


def run(
    loop: asyncio.AbstractEventLoop,
    executor: Executor,
    function: Callable[_Given, _Said],
    *given: _Given.args,
    **more: _Given.kwargs,
) -> "asyncio.Future[_Said]":
    """Call it on one of the executor's threads; `Unavailable` in the future where that cannot be, and then never."""
    jobs = [partial(function, *given, **more)]
    try:
        return asyncio.wrap_future(executor.submit(lambda: jobs.pop()()), loop=loop)
    except RuntimeError as problem:
        jobs.clear()  # an executor without threads keeps what it was given, for the day when it has one
        failed: asyncio.Future[_Said] = loop.create_future()
        failed.set_exception(Unavailable(f"The scorer cannot work on this now: {problem}.", fix="Send it again later."))
        return failed
