"""What all processes on one port have counted, told by whichever is asked; and draining them all.

Each process writes its metrics once a second to memory that all of them share: made before they are forked, without a
name, so that no disk can refuse it, no other scorer's processes find it, and nothing is left of it. What a process that
died had counted stays in the sums, as a sum that falls would look like a restart of them all.
"""

import logging
import mmap
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

_LOG = logging.getLogger("podium.scorer")
_PLACE_BYTES = 32 * 1024 * 1024
"""Address space for one telling: what is not written to takes no memory."""
_HEAD = struct.Struct("<QII")
"""Which telling of its process this is, how many bytes follow, and the checksum of all that."""
_TURN = struct.Struct("<Q")
_LOOK_SECONDS = 0.1
"""So often a process looks whether it is to drain."""
_SUMMED = ("counter", "histogram")
_SUMMED_GAUGES = frozenset(
    {
        "http_server_active_requests",
        "podium_explanations_waiting",
        "podium_log_rows_waiting",
        "podium_shadow_rows_waiting",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
    }
)
"""Gauges that add up over processes; of the others the largest is told."""
_LEAST_GAUGES = frozenset({"podium_model_up"})
"""But of these the least: what one process lacks is not hidden by another."""


class Told(NamedTuple):
    """What a process told last. `turn`: how often it had told something, 0: never."""

    turn: int = 0
    ended: bytes = b""
    """The counts of those that had this process's number before."""
    living: bytes = b""


class Memory:
    """Two places for each process, which it writes to in turn: one is whole, even if it dies while it writes."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._turns = 2 * count * _PLACE_BYTES
        """Behind the places: the last drain that each process has done, and the last that it asked all to do."""
        self._memory = mmap.mmap(-1, self._turns + 2 * count * _TURN.size)

    def write(self, number: int, told: Told) -> bool:
        """Tell the others; whether it had room."""
        body = msgspec.msgpack.encode((told.ended, told.living))
        if len(body) > _PLACE_BYTES - _HEAD.size:
            return False
        at = self._place(number, told.turn)
        self._memory[at + _HEAD.size : at + _HEAD.size + len(body)] = body
        self._memory[at : at + _HEAD.size] = _HEAD.pack(told.turn, len(body), _checksum(told.turn, body))
        return True

    def read(self, number: int) -> Told:
        """What the process with that number told last."""
        return max((self._whole(self._place(number, turn)) for turn in (0, 1)), key=lambda told: told.turn)

    def drained(self, number: int) -> int:
        """The last drain that the process with that number has done; drains are counted from 1."""
        return self._turn(number)

    def set_drained(self, number: int, turn: int) -> None:
        """Tell that."""
        self._set_turn(number, turn)

    @property
    def asked(self) -> int:
        """The last drain that all were asked to do."""
        return max(self._turn(self.count + number) for number in range(self.count))

    def ask(self, number: int, turn: int) -> None:
        """The process with that number asks all for that drain.

        Each process writes to its own place, so that a late one takes back nothing that others have asked.
        """
        self._set_turn(self.count + number, turn)

    def _turn(self, at: int) -> int:
        found: int = _TURN.unpack_from(self._memory, self._turns + at * _TURN.size)[0]
        return found

    def _set_turn(self, at: int, turn: int) -> None:
        _TURN.pack_into(self._memory, self._turns + at * _TURN.size, turn)

    @staticmethod
    def _place(number: int, turn: int) -> int:
        return (2 * number + turn % 2) * _PLACE_BYTES

    def _whole(self, at: int) -> Told:
        """What stands there; nothing where it is being written, or never was."""
        turn, length, checksum = _HEAD.unpack(self._memory[at : at + _HEAD.size])
        if not turn or length > _PLACE_BYTES - _HEAD.size:
            return Told()
        body = self._memory[at + _HEAD.size : at + _HEAD.size + length]
        return Told(turn, *msgspec.msgpack.decode(body)) if _checksum(turn, body) == checksum else Told()


class Siblings:
    """The processes as one of them sees them. `number`: which of them it is; it goes on where one died that had it."""

    def __init__(self, memory: Memory, number: int) -> None:
        self._memory = memory
        self._number = number
        last = memory.read(number)
        self._turn = last.turn
        self._ended = merge([last.living], [last.ended]) if last.turn else b""
        self._room = True
        self._asking = threading.Lock()
        self._draining = threading.Lock()
        self.write(b"")

    @property
    def count(self) -> int:
        """How many there are."""
        return self._memory.count

    def write(self, own: bytes) -> None:
        """Tell the others."""
        self._turn += 1
        room = self._memory.write(self._number, Told(self._turn, self._ended, own))
        if self._room and not room:
            _LOG.error("too many metrics to tell the other processes: what they say of this one stays as it was")
        self._room = room

    def follow(self, drain: Callable[[], bool]) -> None:
        """From now on, `drain` when another process asks for it, or asked one that died before it did."""

        def look() -> None:
            while True:
                time.sleep(_LOOK_SECONDS)
                try:
                    self._drain(self._memory.asked, drain)
                except Exception:  # noqa: BLE001 - the thread's edge: whoever asked hears that it took too long
                    _LOG.exception("a drain that another process asked for failed")

        threading.Thread(target=look, name="podium-drain", daemon=True).start()

    def drain(self, drain: Callable[[], bool], seconds: float) -> bool:
        """Have all drain what they had when this was called; whether they did in time."""
        ends = time.monotonic() + seconds
        with self._asking:
            turn = self._memory.asked + 1  # two may ask for the same, which nobody began before both were called
            self._memory.ask(self._number, turn)
        while not self._drain(turn, drain) or any(self._memory.drained(each) < turn for each in range(self.count)):
            if time.monotonic() > ends:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def _drain(self, turn: int, drain: Callable[[], bool]) -> bool:
        """Whether this process has drained so often; it does what is lacking."""
        with self._draining:
            if self._memory.drained(self._number) < turn and drain():
                self._memory.set_drained(self._number, turn)
            return self._memory.drained(self._number) >= turn

    def together(self, own: bytes) -> bytes:
        """The metrics of all."""
        others = [self._memory.read(number) for number in range(self._memory.count) if number != self._number]
        living = [told.living for told in others]
        return merge([own, *living], [self._ended, *(told.ended for told in others)])


def _checksum(turn: int, body: bytes) -> int:
    return zlib.crc32(body, turn & 0xFFFFFFFF)


def merge(living: Iterable[bytes], ended: Iterable[bytes] = ()) -> bytes:
    """One text of many. Of `ended` processes only what adds up over time counts."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, dict[str, float]] = {}
    for texts, alive in ((living, True), (ended, False)):
        for text in texts:
            _add(text, heads, samples, alive=alive)
    lines = []
    for name, head in heads.items():
        lines += head
        lines += [f"{sample} {_number(value)}" for sample, value in samples[name].items()]
    return ("\n".join(lines) + "\n").encode()


def _add(text: bytes, heads: dict[str, list[str]], samples: dict[str, dict[str, float]], *, alive: bool) -> None:
    name = kind = ""
    for line in text.decode().split("\n"):
        if line.startswith("#"):
            _, what, name, rest = (*line.split(" ", 3), "")[:4]
            kind = rest if what == "TYPE" else kind
            head = heads.setdefault(name, [])
            if line not in head and len(head) < 2:
                head.append(line)
            samples.setdefault(name, {})
        elif line and (alive or kind in _SUMMED):
            sample, _, value = line.rpartition(" ")
            known = samples[name].get(sample)
            if known is None:
                samples[name][sample] = float(value)
            elif kind in _SUMMED or name in _SUMMED_GAUGES:
                samples[name][sample] = known + float(value)
            else:
                chosen = min if name in _LEAST_GAUGES else max
                samples[name][sample] = chosen(known, float(value))


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
