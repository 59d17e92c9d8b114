"""Bodies in many small chunks: read a part in each turn of the loop, and the same whatever the parts and pieces are."""

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.scoring.http import limits
from tests import served

HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nhost: a\r\n\r\n"
LEAST_TURNS = 20


def chunked(sizes: list[int]) -> tuple[bytes, bytes]:
    """A body, and how it is sent."""
    body = bytes(index % 251 for index in range(sum(sizes)))
    ends = [0, *itertools.accumulate(sizes)]
    sent = b"".join(b"%x\r\n%b\r\n" % (end - start, body[start:end]) for start, end in itertools.pairwise(ends))
    return body, sent + b"0\r\n\r\n"


@pytest.mark.parametrize("loop", served.LOOPS)
def test_small_chunks_leave_turns_to_others(loop: served.Loops) -> None:
    body, sent = chunked([1] * 30_000)

    async def test() -> None:
        front = served.Front()
        async with served.serving(front, limits.Limits()) as server:
            await server.client()
            await served.until(lambda: server.shared.connections)
            (one,) = server.shared.connections
            one.data_received(HEAD + sent + NEXT)
            turns = 0
            while not front.asked:
                await asyncio.sleep(0)
                turns += 1
            assert turns >= LEAST_TURNS
            assert [(head.target, content) for _, _, head, content in front.asked] == [("/", body), ("/next", b"")]

    served.run(test, loop)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=2000),
    st.integers(1, 3),
    st.lists(st.integers(0, 20_000), max_size=4),
)
def test_where_the_bytes_are_cut_changes_nothing_for_many_chunks(sizes: list[int], times: int, cuts: list[int]) -> None:
    body, sent = chunked(sizes * times)
    data = HEAD + sent + NEXT

    async def test() -> None:
        front = served.Front()
        async with served.serving(front, limits.Limits()) as server:
            client = await server.client()
            places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
            for start, end in itertools.pairwise(places):
                await asyncio.get_running_loop().sock_sendall(client, data[start:end])
                await asyncio.sleep(0.001)
            await served.until(lambda: len(front.asked) == 2)
            assert [(head.target, content) for _, _, head, content in front.asked] == [("/", body), ("/next", b"")]
            assert not front.refusals

    served.run(test, served.LOOPS[-1])
