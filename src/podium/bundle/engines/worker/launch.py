"""Run as a script, by the standard library alone: gives up what a model may not have, says so, becomes the model.

`launch.py <answer descriptor> <memory in MB, or 0> <network: 0, 1 or 2> <argv …>`. With 0 it exits with 3 when the
network cannot be taken away: a model that declares none never starts with one. With 1 it is left; with 2 it is taken
away where the system can, for training.
"""

import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 1, 38, 22, 2
_PR_CAPBSET_DROP, _CAPABILITY_VERSION = 24, 0x20080522
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_ALLOW, _KILL, _DENY = 0x7FFF0000, 0x80000000, 0x00050000 | 13  # EACCES
_ARCHITECTURES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""By machine: the audit architecture, and the number of `socket`."""
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
"""On every machine."""
_LANDLOCK_VERSION, _LANDLOCK_WITH_SIGNALS, _LANDLOCK_SCOPE_SIGNAL = 1, 6, 2
_IO_URING_SETUP, _X32 = 425, 0x40000000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _memory(megabytes: int) -> bool:
    """Limit private writable memory (Linux 4.7 and later count it so; elsewhere nothing is claimed)."""
    if sys.platform != "linux" or not megabytes:
        return False
    resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
    return True


def _namespace(libc: ctypes.CDLL) -> bool:
    """A network namespace of its own, where not even the loopback interface is up."""
    if libc.unshare(_CLONE_NEWNET) == 0:
        return True
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    for path, text in (
        ("/proc/self/setgroups", "deny"),
        ("/proc/self/uid_map", f"{user} {user} 1"),
        ("/proc/self/gid_map", f"{group} {group} 1"),
    ):
        try:
            with open(path, "w") as file:  # noqa: PTH123 - a script of few imports
                file.write(text)
        except OSError:
            break  # then it has no name there; what it may do with files is the same
    return True


def _no_privileges(libc: ctypes.CDLL) -> bool:
    """Give up every capability for good: a root's model cannot enter other namespaces or trace other processes."""
    for capability in range(64):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = struct.pack("=II", _CAPABILITY_VERSION, 0)
    return bool(libc.capset(ctypes.create_string_buffer(header), ctypes.create_string_buffer(24)) == 0)


def _no_signals(libc: ctypes.CDLL) -> bool:
    """Let it signal and trace only itself and what it starts: the scorer is its user's, too, who might end it.

    https://docs.kernel.org/userspace-api/landlock.html#ipc-scoping (Linux 6.12)
    """
    if libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION) < _LANDLOCK_WITH_SIGNALS:
        return False
    handled = struct.pack("=QQQ", 0, 0, _LANDLOCK_SCOPE_SIGNAL)  # no files, no ports
    rules = libc.syscall(_LANDLOCK_CREATE_RULESET, ctypes.create_string_buffer(handled), len(handled), 0)
    if rules < 0:
        return False
    kept = bool(libc.syscall(_LANDLOCK_RESTRICT_SELF, rules, 0) == 0)
    os.close(rules)
    return kept


def _no_sockets(libc: ctypes.CDLL) -> bool:
    """A filter that refuses every new socket (and io_uring, which could make one); for the process and its children."""
    if platform.machine() not in _ARCHITECTURES:
        return False
    architecture, call = _ARCHITECTURES[platform.machine()]
    steps = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
        (_EQUAL, 1, 0, call),
        (_EQUAL, 0, 1, _IO_URING_SETUP),
        (_RETURN, 0, 0, _DENY),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.cast(code, ctypes.c_void_p))
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def main() -> None:
    answer, megabytes, network, argv = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1", sys.argv[4:]
    enforced: dict[str, object] = {"memory": _memory(megabytes), "network": [], "privileges": False, "signals": False}
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        apart = not network and _namespace(libc)
        enforced["privileges"] = _no_privileges(libc)
        enforced["signals"] = _no_signals(libc)
        enforced["network"] = [
            *(["namespace"] if apart else []),
            *(["seccomp"] if not network and _no_sockets(libc) else []),
        ]
    body = b"I" + json.dumps(enforced).encode()
    os.write(answer, struct.pack(">I", len(body)) + body)
    if sys.argv[3] == "0" and not enforced["network"]:
        sys.exit(3)
    os.execv(argv[0], argv)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
