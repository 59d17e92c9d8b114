"""Where a hook may point: out into the world by https, or to what the operator has named; nowhere else.

A hook's address comes from a person who may not know, or may want to know, what runs inside the network: so its name
is resolved here, every address it has is judged, and the one that was judged is the one that is connected to.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from podium.core.errors import Invalid, Refused, Unavailable

IP: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve: TypeAlias = Callable[[str, int], list[str]]
_LONGEST = 2000
_TRANSLATED = ipaddress.ip_network("64:ff9b::/32")
"""Addresses that a NAT64 turns into IPv4 ones (RFC 6052, RFC 8215): they may lead anywhere."""


class Allowed(NamedTuple):
    """Hosts and networks that hooks may reach although they are inside, or without https."""

    names: frozenset[str]
    networks: tuple[Network, ...]

    def name(self, host: str) -> bool:
        return host in self.names

    def address(self, ip: IP) -> bool:
        return any(ip.version == network.version and ip in network for network in self.networks)


class Target(NamedTuple):
    """An address that may be connected to: `ip` is where, `host` is who it must be."""

    url: str
    host: str
    port: int
    ip: str


def allowed(text: str) -> Allowed:
    """Names and networks from a list with commas, as the setting `hook_hosts` has them. `Invalid` on a wrong network.

    >>> allowed("hooks.internal, 10.0.0.0/8").names
    frozenset({'hooks.internal'})
    """
    names, networks = set(), []
    for part in filter(None, (piece.strip().lower() for piece in text.split(","))):
        try:
            networks.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            if "/" in part:
                raise Invalid(
                    "This is not a network.", field="hook_hosts", fix="Write for example 10.1.0.0/16."
                ) from None
            names.add(part)
    return Allowed(frozenset(names), tuple(networks))


def check(url: str) -> str:
    """The address if it is well-formed: http or https, a host, no user name, no fragment. Else `Invalid`."""
    wrong = Invalid(
        "This is not the address of a hook.", field="to", fix="Write https://host/path, without user name or #."
    )
    if len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        raise wrong
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment or port == 0:
        raise wrong
    return url


def resolve(url: str, known: Allowed, lookup: Resolve | None = None) -> Target:
    """The one address to connect to. `Refused` when the hook points inside or lacks https and nobody allowed that.

    Raises `Unavailable` when the name cannot be resolved now.
    """
    parts = urlsplit(check(url))
    host = str(parts.hostname).lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    addresses = [ipaddress.ip_address(each) for each in _addresses(host, port, lookup or _lookup)]
    by_name = known.name(host)
    if parts.scheme != "https" and not by_name and not all(known.address(ip) for ip in addresses):
        raise _refused("A hook is reached by https only.")
    for ip in addresses:
        if not by_name and not known.address(ip) and not _outside(ip):
            raise _refused("The hook points inside this network, or to this machine.")
    return Target(url, host, port, str(addresses[0]))


def _addresses(host: str, port: int, lookup: Resolve) -> Iterable[str]:
    try:
        return [str(ipaddress.ip_address(host.strip("[]")))]
    except ValueError:
        pass
    try:
        found = lookup(host, port)
    except OSError:
        found = []
    if not found:
        raise Unavailable("The hook's host has no address now.", field="to", fix="Check its name and the network.")
    return found


def _lookup(host: str, port: int) -> list[str]:
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def _outside(ip: IP) -> bool:
    if ip.version == _TRANSLATED.version and ip in _TRANSLATED:
        return False
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    return ip.is_global and not ip.is_multicast and (inner is None or inner.is_global)


def _refused(words: str) -> Refused:
    return Refused(words, field="to", fix="Name its host in the setting hook_hosts if that is meant.")
