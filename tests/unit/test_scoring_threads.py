"""Work on threads that the system does not give."""

import asyncio
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
