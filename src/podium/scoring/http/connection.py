"""One client's connection: bytes in, requests to the service, answers out in the order of the requests.

A request whose head was seen before and whose body came whole in one piece (nearly all of them) costs one search, one
look-up and one slice. Everything else takes the careful way, which gives the same requests.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from podium.scoring import answers, call
from podium.scoring.call import Answer
from podium.scoring.http import body, packed, unread, writing
from podium.scoring.http import head as heads
from podium.scoring.http.head import Head
from podium.scoring.http.limits import Limits
from podium.scoring.http.refusals import Refusal

_KEPT = 2048
_LONGEST_KEPT = 2048
_DRAIN_SECONDS = 1.0
_LIGHT = 64 * 1024
"""Connections that hold no more than that may go on, however much the others hold."""
_PLAIN = Head("POST", "/", ())


def _nowhere(_data: bytes) -> None:
    """Write to a client that has gone away."""


class Front(Protocol):
    """The service, as a connection sees it."""

    def take(self, exchange: "Connection", number: int, head: Head, body: bytes) -> None:
        """Answer the request now or later, once."""

    def refused(self, status: int) -> None:
        """Hear of a request that was refused before it came so far."""


class Shared:
    """What the connections of a process have in common."""

    def __init__(self, front: Front, limits: Limits, out: writing.Heads) -> None:
        self.front = front
        self.limits = limits
        self.out = out
        self.known: dict[bytes, Head] = {}
        """Heads by their bytes. Emptied when full: most clients send few different ones."""
        self.connections: set[Connection] = set()
        self.draining = False
        self.refused = 0
        self.arriving = 0
        """Bytes that connections hold of requests that are not whole."""
        self.held = 0
        """Bytes of answers that wait behind those to earlier requests of their connections."""
        self.packed = packed.Packed(limits.body)
        self.renew()

    def renew(self) -> None:
        """Make what all answers of a second share."""
        self.ok = self.out.start(200, call.JSON).encode("latin-1")
        self.too_many = self.out.whole(answers.TOO_MANY, close=False, bare=False)

    def sweep(self) -> None:
        """A second has gone by. What fails for one connection is raised when all others were looked at."""
        self.out.renew()
        self.renew()
        failed: Exception | None = None
        for connection in list(self.connections):
            try:
                connection.sweep()
            except Exception as problem:  # noqa: BLE001 - whatever it is, the clients behind it have limits, too
                failed = problem
        unread.make_room(self.connections, self.limits)
        if failed is not None:
            raise failed

    def head(self, block: bytes) -> Head:
        """The head in those bytes; raises `Refusal`."""
        found = self.known.get(block)
        if found is None:
            found = heads.parse(block, self.limits.fields)
            if len(block) <= _LONGEST_KEPT and "authorization" not in found.headers:
                if len(self.known) >= _KEPT:
                    self.known.clear()
                self.known[block] = found
        return found


class Connection(asyncio.Protocol):
    """A connection. `seconds` counts sweeps since it last got on.

    It begins so many requests in one turn of the loop and no more, and none while its client does not read.
    """

    __slots__ = (
        "_arriving",
        "_body",
        "_buffer",
        "_chunks",
        "_closing",
        "_deferred",
        "_expecting",
        "_front",
        "_going",
        "_head",
        "_held",
        "_held_bytes",
        "_known",
        "_lingering",
        "_next",
        "_paused",
        "_searched",
        "_shared",
        "_taken",
        "_transport",
        "_unread",
        "_write",
        "seconds",
    )

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._known = shared.known
        self._front = shared.front.take
        self._transport: asyncio.Transport
        self._write: Callable[[bytes], None]
        self._buffer = bytearray()
        self._searched = 0
        self._head: Head | None = None
        self._chunks: body.Chunks | None = None
        self._taken = 0
        self._next = 0
        self._held: dict[int, bytes] = {}
        self._held_bytes = 0
        self._closing = False
        self._deferred = False
        self._expecting = False
        """The next request's client waits to be told to go on, behind answers that are not sent."""
        self._going = False
        self._lingering = False
        self._paused = False
        self._unread: unread.Unread | None = None
        """What the client has left lying, while that keeps it from being answered more."""
        self._arriving = 0
        self.seconds = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._write = self._transport.write
        shared = self._shared
        shared.connections.add(self)
        if len(shared.connections) > shared.limits.connections:
            shared.refused += 1
            self._refuse(answers.too_many_connections())

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        self._weigh(0)
        self._shared.connections.discard(self)

    def _forget(self) -> None:
        """The client gets no more answers: the loop would raise, and whoever was answered behind it would wait."""
        self._closing = True
        self._write = _nowhere
        self._held.clear()
        self._keep(-self._held_bytes)

    def eof_received(self) -> bool:
        """The client sends no more. What it has asked is answered still."""
        if self._lingering or self._taken == self._next:
            return False
        self._closing = True
        return True

    def pause_writing(self) -> None:
        self._unread = unread.Unread(self._transport)
        self.seconds = 0
        self._pause()

    def resume_writing(self) -> None:
        self._unread = None
        self.seconds = 0
        if not self._closing:
            self._go_on()
        self._resume()

    def data_received(self, data: bytes) -> None:
        if self._buffer or self._head is not None or self._closing:
            self._piece(data)
            return
        end = data.find(b"\r\n\r\n") + 4
        head = self._known.get(data[:end])
        if head is None or head.length != len(data) - end or head.coding or self._taken - self._next > 32:
            self._piece(data)
            return
        self.seconds = 0
        number = self._taken
        self._taken = number + 1
        if head.close or self._shared.draining:
            self._closing = True
        self._front(self, number, head, data[end:])

    def _piece(self, data: bytes) -> None:
        if self._closing:
            return
        if not self._buffer and self._head is None:
            self.seconds = 0
        self._buffer += data
        self._go_on()

    def _go_on(self) -> None:
        """Take all requests that are whole, up to as many as may be under way, and as may be begun in one turn."""
        if self._going or self._deferred:
            return  # an answer came while its request was being taken: the loop below goes on by itself
        self._going = True
        most = self._shared.limits.pipelined
        last = self._taken + most
        try:
            while not self._closing and self._unread is None and self._taken - self._next < most:
                if self._taken == last:
                    self._defer()
                    break
                if not self._one():
                    break
            else:
                if not self._closing:
                    self._pause()
        except Refusal as refusal:
            self._refuse(refusal.answer)
        except body.TooLarge:
            self._refuse(answers.too_large(self._shared.limits.body))
        finally:
            self._going = False
        self._weigh(len(self._buffer) + (0 if self._chunks is None else len(self._chunks.body)))

    def _weigh(self, size: int) -> None:
        """This connection holds so many bytes now; refuse what makes it too much for all together."""
        shared = self._shared
        shared.arriving += size - self._arriving
        self._arriving = size
        if size > _LIGHT and shared.arriving > shared.limits.arriving and not self._closing:
            self._refuse(answers.TOO_MANY)

    def _one(self) -> bool:
        """Whether one more request was whole."""
        head = self._head
        if head is None:
            head = self._find_head()
            if head is None:
                return False
            self._head = head
            self._begin(head)
        coded = head.coding in body.CODINGS
        if coded and self._shared.packed.enough:
            self._defer()
            return False
        content = self._content(head)
        if content is None:
            if self._chunks is not None and self._chunks.enough:
                self._defer()
            return False
        self._head, self._chunks = None, None
        self.seconds = 0
        self._take(head, self._shared.packed.unpack(content, head.coding) if coded else content)
        return True

    def _defer(self) -> None:
        """Go on in the loop's next turn, and read nothing until then."""
        if not self._deferred:
            self._deferred = True
            self._pause()
            asyncio.get_running_loop().call_soon(self._again)

    def _again(self) -> None:
        self._deferred = False
        if not self._closing:
            self._go_on()
        self._resume()

    def _take(self, head: Head, content: bytes) -> None:
        number = self._taken
        self._taken = number + 1
        if head.close or self._shared.draining:
            self._closing = True
        self._front(self, number, head, content)

    def _find_head(self) -> Head | None:
        buffer, limit = self._buffer, self._shared.limits.head
        end = buffer.find(call.END, max(0, self._searched - 3), limit)
        if end < 0:
            heads.check_beginning(buffer, max(0, self._searched - 1), limit)
            self._searched = len(buffer)
            if len(buffer) >= limit:
                raise Refusal.of(431, f"The head is longer than {limit} bytes.")
            return None
        self._searched = 0
        block = bytes(buffer[: end + 4])
        del buffer[: end + 4]
        self.seconds = 0
        return self._shared.head(block)

    def _begin(self, head: Head) -> None:
        """Before the body: refuse what would be read in vain; tell a client that waits to go on."""
        problem = heads.unsupported(head)
        if problem is not None:
            raise Refusal(problem)
        if head.length > self._shared.limits.body:
            raise body.TooLarge
        if head.length == heads.CHUNKED:
            self._chunks = body.Chunks(self._shared.limits.body)
        if head.expects and head.length and not self._buffer:
            self._expecting = True
            self._pause()
            self._tell_to_go_on()

    def _tell_to_go_on(self) -> None:
        """Where a client waits for that, and has all answers before."""
        if self._expecting and self._taken == self._next:
            self._expecting = False
            self._write(writing.CONTINUE)
            self._resume()

    def _content(self, head: Head) -> bytes | None:
        buffer = self._buffer
        if self._chunks is not None:
            return bytes(self._chunks.body) if self._chunks.feed(buffer) else None
        if len(buffer) < head.length:
            return None
        content = bytes(memoryview(buffer)[: head.length])
        del buffer[: head.length]
        return content

    def answer(self, number: int, answer: Answer, head: Head) -> None:
        """Send an answer once those before it are sent."""
        if answer is answers.TOO_MANY and not self._closing:  # rows come by POST, so the body is wanted
            self.send(number, self._shared.too_many)
            return
        close = self._closing and number == self._taken - 1
        self.send(number, self._shared.out.whole(answer, close=close, bare=head.method == "HEAD"))

    def ready(self, number: int, sized: bytes) -> None:
        """Send a good answer in JSON once those before it are sent. `sized`: see `call.sized`."""
        if self._closing:
            self.answer(number, Answer(200, call.body_of(sized)), _PLAIN)
            return
        data = self._shared.ok + sized
        if number != self._next or self._held or self._paused or self._buffer:
            self.send(number, data)
            return
        self._next = number + 1  # nearly always: nobody waits for this answer but its client
        self._write(data)

    def send(self, number: int, data: bytes) -> None:
        """Send the bytes of an answer once those before it are sent."""
        if number != self._next:
            self._hold(number, data)
            return
        self._next = number + 1
        if self._unread is not None:
            self._unread.left += len(data)
        self._write(data)
        if self._held or self._closing or self._paused or self._buffer:
            self._after()

    def _hold(self, number: int, data: bytes) -> None:
        """Keep an answer until those before it are sent; where too much is kept, its client gets none of them."""
        if self._write is _nowhere:
            return
        self._held[number] = data
        self._keep(len(data))
        if self._held_bytes > _LIGHT and self._shared.held > self._shared.limits.held:
            self._forget()
            self.cut()

    def _keep(self, size: int) -> None:
        """So many bytes more are held, or fewer."""
        self._held_bytes += size
        self._shared.held += size

    def _after(self) -> None:
        """An answer left: those that waited for it follow; then read on, or end."""
        while self._next in self._held:
            data = self._held.pop(self._next)
            self._keep(-len(data))
            if self._unread is not None:
                self._unread.left += len(data)
            self._write(data)
            self._next += 1
        if self._closing:
            if self._next == self._taken and not self._transport.is_closing():
                self._end()
            return
        if self._buffer:
            self._go_on()
        self._tell_to_go_on()
        self._resume()

    def _pause(self) -> None:
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        """Read on, if there is room; of a refused client to forget it."""
        room = self._taken - self._next < self._shared.limits.pipelined
        held = self._unread is not None or self._deferred or self._expecting
        if self._paused and (self._lingering or (room and not held)) and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def _refuse(self, answer: Answer) -> None:
        """Answer after all others, and end. What still comes is forgotten, else it would reset the answer away."""
        number = self._taken
        self._taken = number + 1
        self._closing = self._lingering = True
        self._buffer.clear()
        self._head, self._chunks = None, None
        self._weigh(0)
        self.seconds = 0
        self._resume()
        self._shared.front.refused(answer.status)
        self.send(number, self._shared.out.whole(answer, close=True, bare=False))

    def _end(self) -> None:
        self.seconds = 0
        if self._lingering:
            self._transport.write_eof()
        else:
            self._transport.close()

    def drain(self) -> None:
        """The answers under way are the last, or the next one; an idle connection ends at the second sweep."""
        self.seconds = 0
        if self._taken != self._next and not self._closing:
            self._closing = True
            last = self._held.get(self._taken - 1)
            if last is not None:
                self._keep(-len(last))
                self._hold(self._taken - 1, writing.closing(last))

    def sweep(self) -> None:
        """A second has gone by."""
        self.seconds += 1
        if self._unread is not None or self._transport.is_closing():
            self._look_at_reader()
            return
        if self._taken != self._next:
            self.seconds = 0  # we are to blame, not the client
            return
        allowed, cut = self._allowed()
        if self.seconds <= allowed:
            return
        if cut:
            self._transport.abort()
        elif self._head is not None or self._buffer:
            self._refuse(answers.too_slow())
        else:
            self.seconds = 0
            self._transport.close()

    @property
    def waiting(self) -> int:
        """Bytes of answers that are kept here for a client that does not read."""
        return 0 if self._unread is None else self._transport.get_write_buffer_size()

    def cut(self) -> None:
        """End at once."""
        self._transport.abort()

    def _look_at_reader(self) -> None:
        """Cut off a client that leaves its answers lying; one that reads them, however slowly, gets them all."""
        limits = self._shared.limits
        if self._unread is None:
            self._unread = unread.Unread(self._transport)
        if self._unread.reads(limits.write_bytes):
            self.seconds = 0
        elif self.seconds > limits.write_seconds:
            self._transport.abort()

    def _allowed(self) -> tuple[float, bool]:
        """How many seconds the connection may stay as it is, and whether it is cut off then."""
        limits = self._shared.limits
        if self._lingering:
            return limits.linger_seconds, True
        if self._head is not None:
            return limits.body_seconds, False
        if self._buffer:
            return limits.head_seconds, False
        return _DRAIN_SECONDS if self._shared.draining else limits.idle_seconds, False
