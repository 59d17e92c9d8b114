"""Work on threads: where the system lets no more of them start, that is an answer like any other."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import ParamSpec, TypeVar

from podium.core.errors import Unavailable

_Given = ParamSpec("_Given")
_Said = TypeVar("_Said")


def run(
    loop: asyncio.AbstractEventLoop,
    executor: Executor,
    function: Callable[_Given, _Said],
    *given: _Given.args,
    **more: _Given.kwargs,
) -> "asyncio.Future[_Said]":
    """Call it on one of the executor's threads; `Unavailable` in the future where that cannot be."""
    try:
        return asyncio.wrap_future(executor.submit(function, *given, **more), loop=loop)
    except RuntimeError as problem:
        failed: asyncio.Future[_Said] = loop.create_future()
        failed.set_exception(Unavailable(f"The scorer cannot work on this now: {problem}.", fix="Send it again later."))
        return failed
