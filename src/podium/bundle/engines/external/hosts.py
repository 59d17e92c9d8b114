"""Whom an external model may be: any public HTTPS service, and those that this machine's owner lists.

The list is a file that only its owner can read, by host or host:port:

    ["models.example.org"]
    token = "sent to that host as Authorization: Bearer"

    ["10.0.0.7:8080"]
    http = true

A bundle names an address; it cannot extend the list. So nobody who may only register models makes this machine call
services of its own network, and no token goes to another host than its own.
"""

import ipaddress
import os
import socket
import time
import tomllib
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from podium.bundle.engines.external.line import Later
from podium.core.errors import Invalid, Refused

_OTHERS = 0o077


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the owner says of a host."""

    token: str = ""
    http: bool = False
    """Whether it may be spoken to without TLS."""


class Target(NamedTuple):
    """An address that may be called."""

    host: str
    port: int
    path: str
    tls: bool
    token: str
    listed: bool


def read(path: Path) -> dict[str, Known]:
    """The owner's list; empty where there is none. `Refused` when others may read it."""
    try:
        mode, text = path.stat().st_mode, path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError):
        raise Refused("The list of external services cannot be read.", field="external") from None
    if os.name == "posix" and mode & _OTHERS:
        raise Refused(
            "The list of external services can be read by others.", field="external", fix="Run: chmod 600 on it."
        )
    try:
        return msgspec.convert(tomllib.loads(text), dict[str, Known])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError):
        raise Invalid("The list of external services is not one.", field="external") from None


def target(url: str, known: dict[str, Known]) -> Target:
    """Where to call, if that is allowed; `Refused` with the reason, `Invalid` for what is no address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # a name that cannot be looked up: a UnicodeError, which is a ValueError
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https") or parts.username or parts.fragment or not url.isprintable():
        raise Invalid("This is not the http or https address of a service.", field="engine.url")
    tls = parts.scheme == "https"
    port = port or (443 if tls else 80)
    said = known.get(f"{host}:{port}") or known.get(host)
    if not tls and not (said is not None and said.http):
        raise Refused(
            "An external model is spoken to over https.",
            field="engine.url",
            fix="Write https, or have the machine's owner list the host with http = true.",
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host, port, path, tls, said.token if said else "", said is not None)


def dial(to: Target, timeout: float) -> socket.socket:
    """A connection to that target; `Later` when there is none now, `Refused` when a host that is not listed leads into
    a private network.

    The address that was checked is the one that is connected to, whatever the name leads to a moment later. The
    time limit is for all its addresses together; how long the name is looked up is for the system's resolver to say.
    """
    deadline = time.monotonic() + timeout
    try:
        found = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
    except OSError:
        raise Later("The external model's host has no address.") from None
    for at, (family, kind, protocol, _, address) in enumerate(found):
        if not to.listed and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_global:
            raise Refused(
                "The external model's host is in a private network.",
                field="engine.url",
                fix="Have the machine's owner list it.",
            )
        left = deadline - time.monotonic()
        if left <= 0:
            break
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(left / (len(found) - at))  # so that one that is silent leaves some to the next ones
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            continue
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    raise Later("The external model does not answer.")
