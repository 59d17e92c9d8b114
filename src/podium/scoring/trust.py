"""What the scorer believes: rollouts signed by a trusted key, and approvals that still hold.

The scorer checks this itself, so that nothing unapproved can decide, whatever the control plane's state.
"""

import base64
import binascii
import itertools
from collections.abc import Mapping, Sequence

import msgspec

from podium.bundle import signing
from podium.core import approval, digest, rollout
from podium.core.errors import Refused
from podium.core.rollout import RouteRole

FORMATS = (1, 2)
_EXACT = 1e-9
_LARGEST = 2**63 - 1
"""What the log's columns take."""
_DECIDING = (RouteRole.CHAMPION, RouteRole.CANARY)

Keys = Mapping[str, bytes]
"""Trusted Ed25519 public keys (32 bytes) by key id."""


def check(signed: rollout.Signed, public_keys: Keys, environment: str, now_us: int) -> rollout.Rollout:
    """The rollout in a signed document if it may be served now, else `Refused`.

    `environment`: the one that this scorer is for; empty: whichever the document names.
    """
    document = read(signed, public_keys)
    if environment and document.environment != environment:
        raise Refused("The rollout is for another environment than this scorer.", field="environment")
    _check_routes(document.routes)
    _check_numbers(document)
    for route in document.routes:
        if route.role in _DECIDING:
            holds_until(document, route, public_keys, now_us)
    return document


def read(signed: rollout.Signed, public_keys: Keys) -> rollout.Rollout:
    """The document, after its signature and format are checked; approvals are not."""
    public = public_keys.get(signed.key_id)
    if public is None:
        raise Refused("The rollout is signed by a key that is not trusted here.", field="key_id")
    signing.verify(public, signed.body, signed.signature)
    try:
        document = signed.rollout()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("The signed rollout cannot be read.", field="body", fix="Upgrade the scorer.") from None
    if document.format not in FORMATS:
        raise Refused("This scorer does not know that format of rollout.", field="format", fix="Upgrade the scorer.")
    return document


def holds_until(document: rollout.Rollout, route: rollout.Route, public_keys: Keys, now_us: int) -> int:
    """The instant at which something has to be checked again; `Refused` when the route may not decide now."""
    held = [item for item in route.approvals if _speaks_for(item, document, route) and item.holds(now_us)]
    genuine = [item for item in held if _genuine(item, public_keys)]
    short = route.digest.removeprefix(digest.PREFIX)[:12]
    by_role = [[item for item in genuine if item.role == role] for role in document.required]
    lacking = [role for role, items in zip(document.required, by_role, strict=True) if not items]
    if lacking:
        raise Refused(
            f"Version {route.version} ({short}) may not decide: no valid approval in the role {' and '.join(lacking)}.",
            field="approvals",
            fix="Have it approved, then publish the rollout again.",
        )
    ends = [
        min((item.expires_us for item in chosen), default=2**63 - 1)
        for chosen in itertools.product(*by_role)
        if len({item.person for item in chosen}) == len(chosen)
    ]
    if not ends:
        raise Refused(
            f"Version {route.version} ({short}) may not decide: its roles were approved by one and the same person.",
            field="approvals",
            fix="Have each role approve by a different person.",
        )
    return max(ends)


def _speaks_for(item: approval.Approval, document: rollout.Rollout, route: rollout.Route) -> bool:
    return (item.digest, item.version, item.model, item.project, item.environment) == (
        route.digest,
        route.version,
        document.model,
        document.project,
        document.environment,
    )


def signed_bytes(item: approval.Approval) -> bytes:
    """The bytes over which an approval's signature is made: its canonical form with `signature` and `void` empty."""
    return digest.canonical(msgspec.structs.replace(item, signature="", void=None))


def _genuine(item: approval.Approval, public_keys: Keys) -> bool:
    body = signed_bytes(item)
    signature = _signature(item.signature)
    for public in public_keys.values():
        try:
            signing.verify(public, body, signature)
        except Refused:
            continue
        return True
    return False


def _signature(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _check_numbers(document: rollout.Rollout) -> None:
    given = [item for route in document.routes for item in route.approvals]
    versions = [route.version for route in document.routes] + [item.version for item in given]
    instants = [instant for item in given for instant in (item.created_us, item.expires_us)]
    if any(abs(number) > _LARGEST for number in (document.number, document.created_us, *versions, *instants)):
        raise Refused("A number of the rollout is larger than any log takes.", field="number")


def _check_routes(routes: Sequence[rollout.Route]) -> None:
    roles = [route.role for route in routes]
    deciding = [route.weight for route in routes if route.role in _DECIDING]
    if roles.count(RouteRole.CHAMPION) > 1 or roles.count(RouteRole.CANARY) > 1:
        raise Refused("A rollout has one champion and one canary at most.", field="routes")
    if RouteRole.CANARY in roles and RouteRole.CHAMPION not in roles:
        raise Refused("A canary needs a champion beside it.", field="routes")
    if not all(0 <= weight <= 1 for weight in deciding) or (deciding and abs(sum(deciding) - 1) > _EXACT):
        raise Refused("The weights of champion and canary do not make 1.", field="routes")
    if any(route.weight for route in routes if route.role is RouteRole.SHADOW):
        raise Refused("A shadow decides nothing: its weight is 0.", field="routes")
