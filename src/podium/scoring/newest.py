"""The newest rollout of an endpoint that was ever taken: an older one, though it is signed, must not come back.

It is remembered apart from what is served, as what is served can be lost: its approvals end, its file is damaged.
"""

import msgspec

from podium.core import digest, rollout
from podium.core.errors import Refused


class Newest(msgspec.Struct, frozen=True, kw_only=True):
    """The highest number and the latest instant of all rollouts taken; an endpoint made anew may count from one."""

    number: int
    created_us: int
    body: str
    """The digest of the document that was taken last."""


def of(signed: rollout.Signed, document: rollout.Rollout) -> Newest:
    """What is to be remembered of a rollout by itself."""
    return Newest(number=document.number, created_us=document.created_us, body=digest.of_bytes(signed.body))


def both(one: Newest, other: Newest | None) -> Newest:
    """What is to be remembered once the first was taken, after the other."""
    if other is None:
        return one
    return Newest(number=max(one.number, other.number), created_us=max(one.created_us, other.created_us), body=one.body)


def older(one: Newest, known: Newest | None) -> bool:
    """Whether a rollout is older than what is known; the one that was taken last is not."""
    if known is None or one.body == known.body:
        return False
    return one.number <= known.number and one.created_us <= known.created_us


def check(one: Newest, known: Newest | None) -> None:
    """`Refused` when a rollout is older than what is known."""
    if known is not None and older(one, known):
        raise Refused(
            f"Rollout {one.number} is not newer than {known.number}, which was taken before.",
            field="number",
            fix="Publish it again under a new number.",
        )
