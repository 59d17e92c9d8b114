"""Answers that a client does not read, or reads slowly: what is kept for it, and how long."""

import asyncio
import contextlib
from functools import partial

import pytest

from podium.scoring.call import Answer
from podium.scoring.http import connection, limits
from tests import served

ASK = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
LAST = ASK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
LARGE = 2_000_000
both = pytest.mark.parametrize("loop", served.LOOPS)


@both
def test_requests_of_a_client_that_does_not_read_wait(loop: served.Loops) -> None:
    """They were begun one after another as long as their bytes were there, and all answers kept."""
    count, size = 5000, 10_000

    async def test() -> None:
        front = served.Front(size)
        async with served.serving(front, limits.Limits()) as server:
            client = await server.client(ASK * (count - 1) + LAST)
            await served.until(lambda: front.asked)
            await server.seconds(20)
            assert len(front.asked) * size < 2_000_000
            assert (await served.read(client, 2 * count * size)).count(b"HTTP/1.1 200") == count
            assert len(front.asked) == count

    served.run(test, loop)


@both
def test_many_requests_at_once_leave_a_turn_to_others(loop: served.Loops) -> None:
    count = 3000
    seen: list[int] = []

    class Noting(served.Front):
        def take(self, *asked: object) -> None:
            super().take(*asked)  # type: ignore[arg-type]
            if len(self.asked) == 1:
                asyncio.get_running_loop().call_soon(lambda: seen.append(len(self.asked)))

    async def test() -> None:
        front = Noting(0)
        async with served.serving(front, limits.Limits()) as server:
            client = await server.client(ASK * (count - 1) + LAST)
            assert (await served.read(client, 1000 * count)).count(b"HTTP/1.1 200") == count
        assert seen[0] <= limits.Limits().pipelined

    served.run(test, loop)


@both
def test_a_client_that_reads_slowly_gets_all(loop: served.Loops) -> None:
    async def test() -> None:
        front = served.Front(LARGE)
        async with served.serving(front, limits.Limits(write_seconds=3)) as server:
            client = await server.client(ASK + LAST)
            await served.until(lambda: front.asked)
            got = 0
            while got < 2 * LARGE:
                piece = await served.read(client, 100_000)
                assert piece, f"it was cut off after {got} bytes"
                got += len(piece)
                await server.seconds(1)

    served.run(test, loop)


@both
@pytest.mark.parametrize("sip", [0, 100])
def test_a_client_that_does_not_read_is_cut_off(loop: served.Loops, sip: int) -> None:
    async def test() -> None:
        front = served.Front(LARGE)
        async with served.serving(front, limits.Limits(write_seconds=3)) as server:
            client = await server.client(ASK)
            await served.until(lambda: front.asked)
            await server.seconds(3)
            assert server.shared.connections
            for _ in range(3):
                await served.read(client, sip)
                await server.seconds(1)
            assert not server.shared.connections

    served.run(test, loop)


@both
def test_an_answer_that_is_not_read_to_its_end_does_not_keep_a_closed_connection(loop: served.Loops) -> None:
    async def test() -> None:
        front = served.Front(50_000)
        async with served.serving(front, limits.Limits(idle_seconds=2, write_seconds=3)) as server:
            await server.client(ASK)
            await served.until(lambda: front.asked)
            await server.seconds(10)
            assert not server.shared.connections

    served.run(test, loop)


@both
def test_all_together_have_a_limit_that_first_meets_who_reads_nothing(loop: served.Loops) -> None:
    async def test() -> None:
        front = served.Front(LARGE)
        allowed = limits.Limits(write_seconds=1000, unread=2 * LARGE, unread_seconds=3)
        async with served.serving(front, allowed) as server:
            reader = await server.client(LAST)
            await served.until(lambda: len(front.asked) == 1)
            for _ in range(4):
                await server.client(ASK)
            await served.until(lambda: len(front.asked) == 5)
            got = 0
            while piece := await served.read(reader, 100_000):
                got += len(piece)
                await server.seconds(1)
            assert got > LARGE
            assert 1 <= len(server.shared.connections) <= 2

    served.run(test, loop)


@both
def test_answers_behind_a_slow_one_have_a_limit_together(loop: served.Loops) -> None:
    async def test() -> None:
        front = served.Front(None)
        async with served.serving(front, limits.Limits(held=3 * LARGE)) as server:
            patient, greedy = await server.client(ASK * 2 + LAST), await server.client(ASK * 20)
            await served.until(lambda: len(front.asked) == 23)
            asked = sorted(front.asked, key=lambda each: (id(each[0]), each[1]))
            first = [each for each in asked if each[0] is front.asked[0][0]]
            second = [each for each in asked if each[0] is not front.asked[0][0]]
            few, many = (first, second) if len(first) == 3 else (second, first)
            for exchange, number, head, _ in few[1:]:
                exchange.answer(number, Answer(200, b"x" * 1000), head)
            for exchange, number, head, _ in many[1:]:
                exchange.answer(number, Answer(200, b"x" * LARGE), head)
                assert server.shared.held <= 3 * LARGE + 20_000
            with contextlib.suppress(ConnectionResetError):
                assert await served.read(greedy, 1) == b""
            await served.until(lambda: server.shared.held < LARGE)
            assert 2000 <= server.shared.held < 3000
            exchange, number, head, _ = few[0]
            exchange.answer(number, Answer(200, b"{}"), head)
            assert (await served.read(patient, 100_000)).count(b"HTTP/1.1 200") == 3
            exchange, number, head, _ = many[0]
            exchange.answer(number, Answer(200, b"{}"), head)
            assert server.shared.held == 0

    served.run(test, loop)


@both
def test_the_last_answer_says_so_though_it_was_ready_before_the_end_began(loop: served.Loops) -> None:
    async def test() -> None:
        front = served.Front(None)
        async with served.serving(front, limits.Limits()) as server:
            client = await server.client(ASK * 2)
            await served.until(lambda: len(front.asked) == 2)
            server.shared.draining = True
            for exchange, number, head, _ in reversed(front.asked):
                exchange.answer(number, Answer(200, b"{}\r\n\r\n"), head)
                if number:
                    exchange.drain()
            first, last = (await served.read(client, 100_000)).split(b"HTTP/1.1 200 OK\r\n")[1:]
        assert b"connection: close" not in first
        assert last.count(b"connection: close\r\n") == 1
        assert last.endswith(b"\r\n\r\n{}\r\n\r\n")

    served.run(test, loop)


@both
@pytest.mark.parametrize("before", [1, 63, 64, 65])
def test_what_a_refused_client_still_sends_is_read_however_many_answers_it_waits_for(
    loop: served.Loops, before: int
) -> None:
    async def test() -> None:
        front = served.Front(None)
        async with served.serving(front, limits.Limits()) as server:
            client = await server.client(ASK * before + b"BAD\r\n\r\n")
            await served.until(lambda: len(front.asked) == min(before, 64))
            answered = 0

            def there(at: int) -> bool:
                return len(front.asked) > at

            async def answer(count: int) -> None:
                nonlocal answered
                for _ in range(count):
                    await served.until(partial(there, answered))
                    exchange, number, head, _ = front.asked[answered]
                    exchange.answer(number, Answer(200, b"{}"), head)
                    answered += 1

            await answer(max(0, before - 63))  # until it is looked at
            await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(client, bytes(16_000_000)), 20)
            await answer(before - answered)
            said = await served.read(client, 10_000_000)
        assert said.count(b"HTTP/1.1 200") == before
        assert said.count(b"HTTP/1.1 400") == 1

    served.run(test, loop)


@both
def test_a_refusal_waits_for_the_answers_before_it(loop: served.Loops) -> None:
    async def test() -> None:
        front = served.Front(None)
        async with served.serving(front, limits.Limits(linger_seconds=1)) as server:
            client = await server.client(ASK + b"BAD\r\n\r\n")
            await served.until(lambda: front.refusals)
            await server.seconds(5)
            exchange, number, head, _ = front.asked[0]
            exchange.answer(number, Answer(200, b"{}"), head)
            said = await served.read(client, 100_000)
        assert said.startswith(b"HTTP/1.1 200")
        assert b"HTTP/1.1 400" in said

    served.run(test, loop)


class _Wrong(asyncio.Transport):
    """A socket that the system has taken away."""

    def get_write_buffer_size(self) -> int:
        raise OSError(9, "Bad file descriptor")

    close = pause_reading = is_closing = get_write_buffer_size  # type: ignore[assignment]


@both
def test_one_connection_that_cannot_be_looked_at_leaves_their_limits_to_the_others(loop: served.Loops) -> None:
    async def test() -> None:
        front = served.Front()
        async with served.serving(front, limits.Limits(idle_seconds=2)) as server:
            for _ in range(20):
                await server.client()
            await served.until(lambda: len(server.shared.connections) == 20)
            wrong = connection.Connection(server.shared)
            wrong.connection_made(_Wrong())
            for _ in range(3):
                with pytest.raises(OSError, match="Bad file"):
                    server.shared.sweep()
            await served.until(lambda: server.shared.connections == {wrong})
            server.shared.connections.clear()

    served.run(test, loop)
