"""The process that scores for shadows, below all others in priority. It ends with its standard input.

Run as a module. Other than in a thread of the scorer, nothing that a shadow does can keep answers waiting or take the
scorer with it: not its time, not its memory, not its end.
"""

import contextlib
import gc
import os
import signal
from pathlib import Path

import msgspec

from podium.bundle import arrow_alone
from podium.scoring import pipe
from podium.scoring.shadow import frames
from podium.scoring.shadow.listening import Listening

_NICE = 19
_READ = 64 * 1024
_YOUNG = 20_000
"""Objects that may wait to be looked through for rings: rows make none, and some thousand are alive at once."""


def main(asked: int, told: int) -> None:
    """Score until there is nothing more to read; then all is on disk. `asked`, `told`: file descriptors."""
    for number in (signal.SIGINT, signal.SIGTERM):  # also sent to whole groups: the scorer says when to end
        signal.signal(number, signal.SIG_IGN)
    arrow_alone.without_pandas()
    gc.set_threshold(_YOUNG)
    listening = None
    begin = msgspec.msgpack.Decoder(frames.Begin)
    decoder = msgspec.msgpack.Decoder(frames.Asked)
    data = b""
    while part := os.read(asked, _READ):
        messages, data = pipe.split(data + part)
        if listening is None and messages:
            listening = Listening(begin.decode(messages.pop(0)), lambda done: _tell(told, done))
            _rest_below()  # started above that, or it would take long where all processors are busy
        if listening is not None:
            listening.hear([decoder.decode(message) for message in messages])
    if listening is not None:
        listening.close()


def _rest_below() -> None:
    os.nice(_NICE)
    tasks = Path("/proc/self/task")
    for each in tasks.iterdir() if tasks.exists() else ():  # those, too, that libraries have started
        os.setpriority(os.PRIO_PROCESS, int(each.name), _NICE)


def _tell(told: int, done: frames.Done) -> None:
    left = memoryview(pipe.pack(done))
    with contextlib.suppress(BrokenPipeError):  # the scorer has died: what it handed on is logged all the same
        while left:
            left = left[os.write(told, left) :]


if __name__ == "__main__":
    out = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not stand among the messages
    main(0, out)
