"""The launcher of models' processes: each way of taking the network away, and what follows when none works."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from podium.bundle.engines.worker import process
from tests import engine_kit

LAUNCH = Path(process.__file__).parent / "launch.py"
WAYS = """
import ctypes, os, socket, sys, types
launch = types.ModuleType("launch")
exec(sys.stdin.read(), launch.__dict__)
if sys.argv[2] == "nobody":
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
print(getattr(launch, sys.argv[1])(libc))
places = {socket.AF_INET: ("127.0.0.1", 9), socket.AF_INET6: ("::1", 9), socket.AF_UNIX: "/x"}
for kind, place in places.items():
    try:
        with socket.socket(kind, socket.SOCK_STREAM) as made:
            made.connect(place)
    except OSError as problem:
        print(problem.errno)
socket.socketpair()
if os.fork() == 0:
    try:
        socket.socket()
        os._exit(0)
    except OSError:
        os._exit(1)
print("child", os.wait()[1] >> 8)
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")


def way(name: str, user: str = "") -> list[str]:
    """What a process prints that has only this taken away."""
    argv = [sys.executable, "-c", WAYS, name, user]
    return subprocess.run(
        argv, input=LAUNCH.read_text(), capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_the_filter_alone_refuses_every_socket() -> None:
    assert way("_no_sockets") == ["True", "13", "13", "13", "child 1"]


def test_a_namespace_alone_leads_nowhere() -> None:
    found = way("_namespace")
    if found[0] == "False":
        pytest.skip("this system does not let a process make a network namespace")
    assert found[1] == "101"  # network is unreachable: not even the loopback interface is up


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests show it for everybody but root")
def test_neither_needs_a_privilege() -> None:
    assert way("_no_sockets", "nobody") == ["True", "13", "13", "13", "child 1"]
    found = way("_namespace", "nobody")
    assert found[0] == "False" or found[1] == "101"


KEPT = {"memory": True, "privileges": True, "signals": engine_kit.signals_can_be_kept()}


def launched(network: str, *broken: str) -> tuple[int, dict[str, Any]]:
    """Exit code and what the launcher says is enforced, with some of its ways made to fail."""
    read, write = os.pipe()
    code = LAUNCH.read_text()
    for name in broken:
        code = code.replace(
            f"def {name}(libc: ctypes.CDLL) -> bool:",
            f"def {name}(libc: ctypes.CDLL) -> bool:\n    return False\n\n\ndef _old{name}(libc: ctypes.CDLL) -> bool:",
        )
    argv = [sys.executable, "-c", code, str(write), "256", network, "/bin/true"]
    done = subprocess.run(argv, pass_fds=(write,), check=False)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        (length,) = struct.unpack(">I", answer.read(4))
        body = answer.read(length)
    assert body[:1] == b"I"
    said: dict[str, Any] = json.loads(body[1:])
    return done.returncode, said


def test_a_model_that_declares_no_network_never_starts_with_one() -> None:
    assert launched("0", "_namespace", "_no_sockets") == (3, KEPT | {"network": []})


def test_one_way_is_enough_and_no_more_is_claimed() -> None:
    assert launched("0", "_namespace") == (0, KEPT | {"network": ["seccomp"]})


def test_training_goes_on_where_the_network_cannot_be_taken_away_and_it_is_said() -> None:
    assert launched("2", "_namespace", "_no_sockets") == (0, KEPT | {"network": []})
    assert launched("2", "_namespace")[1]["network"] == ["seccomp"]


def test_a_declared_network_is_left() -> None:
    assert launched("1") == (0, KEPT | {"network": []})


def test_where_others_cannot_be_kept_from_signals_none_is_claimed() -> None:
    assert launched("1", "_no_signals")[1]["signals"] is False
