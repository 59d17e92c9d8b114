"""What the scorer believes: signatures, roles, persons, environments, dates."""

from typing import Any

import msgspec
import pytest

from podium.core import approval, rollout
from podium.core.access import Role
from podium.core.errors import Refused
from podium.scoring import router, trust
from tests import scoring_kit as kit

NAMED = "sha256:" + "ab" * 32
SHORT = "ab" * 6


def check(plain: rollout.Rollout, environment: str = "production", now_us: int = kit.NOW) -> rollout.Rollout:
    return trust.check(kit.sign(plain), kit.PUBLIC, environment, now_us)


def test_an_approved_rollout_is_believed() -> None:
    plain = kit.document(1, kit.route("champion", 1, NAMED), kit.route("shadow", 2, NAMED, 0.0))
    assert check(plain) == plain
    assert check(plain, environment="") == plain


def test_a_changed_byte_a_foreign_key_or_no_key_is_refused() -> None:
    signed = kit.sign(kit.document(1, kit.route("champion", 1, NAMED)))
    for wrong in (
        msgspec.structs.replace(signed, body=signed.body.replace(b'"number":1', b'"number":2')),
        msgspec.structs.replace(signed, signature=bytes(64)),
        kit.sign(signed.rollout(), kit.OTHER_KEY),
        msgspec.structs.replace(kit.sign(signed.rollout(), kit.OTHER_KEY), key_id=signed.key_id),
    ):
        with pytest.raises(Refused):
            trust.check(wrong, kit.PUBLIC, "production", kit.NOW)
    with pytest.raises(Refused, match="not trusted"):
        trust.check(signed, {}, "production", kit.NOW)


@pytest.mark.parametrize("changes", [{"format": 3}, {"format": 0}, {"environment": "staging"}])
def test_another_format_or_environment_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        check(kit.document(1, kit.route("champion", 1, NAMED), **changes))


VALIDATOR = kit.approve(NAMED, 1, Role.VALIDATOR, "vera")
WRONG: dict[str, tuple[approval.Approval, ...]] = {
    "none": (),
    "one role": (VALIDATOR,),
    "one person": (VALIDATOR, kit.approve(NAMED, 1, Role.OWNER, "vera")),
    "no": (VALIDATOR, kit.approve(NAMED, 1, Role.OWNER, "omar", decision=approval.Decision.NO)),
    "void": (VALIDATOR, kit.approve(NAMED, 1, Role.OWNER, "omar", void="withdrawn")),
    "expired": (VALIDATOR, kit.approve(NAMED, 1, Role.OWNER, "omar", expires_us=kit.NOW)),
    "environment": (VALIDATOR, kit.approve(NAMED, 1, Role.OWNER, "omar", environment="staging")),
    "digest": (VALIDATOR, kit.approve("sha256:" + "cd" * 32, 1, Role.OWNER, "omar")),
    "version": (VALIDATOR, kit.approve(NAMED, 2, Role.OWNER, "omar")),
    "model": (VALIDATOR, kit.approve(NAMED, 1, Role.OWNER, "omar", model="other")),
    "project": (VALIDATOR, kit.approve(NAMED, 1, Role.OWNER, "omar", project="other")),
    "foreign key": (VALIDATOR, kit.approve(NAMED, 1, Role.OWNER, "omar", key=kit.OTHER_KEY)),
    "unsigned": (VALIDATOR, msgspec.structs.replace(VALIDATOR, role=Role.OWNER, person="omar", signature="")),
    "changed": (VALIDATOR, msgspec.structs.replace(VALIDATOR, role=Role.OWNER, person="omar")),
    "garbage": (VALIDATOR, msgspec.structs.replace(VALIDATOR, role=Role.OWNER, person="omar", signature="é~")),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("role", ["champion", "canary"])
def test_a_deciding_route_needs_every_role_by_another_person(name: str, role: str) -> None:
    wrong = kit.route(role, 1, NAMED, 0.5, WRONG[name])
    other = kit.route("canary" if role == "champion" else "champion", 3, "sha256:" + "ef" * 32, 0.5)
    with pytest.raises(Refused, match=SHORT):
        check(kit.document(1, wrong, other))


@pytest.mark.parametrize(
    "routes",
    [
        [("champion", 0.5)],
        [("champion", 0.7), ("canary", 0.4)],
        [("champion", 1.5), ("canary", -0.5)],
        [("canary", 1.0)],
        [("champion", 0.5), ("champion", 0.5)],
        [("champion", float("inf"))],
        [("champion", 1.0), ("shadow", 0.1)],
    ],
)
def test_weights_make_one(routes: list[tuple[str, float]]) -> None:
    with pytest.raises(Refused):
        check(kit.document(1, *(kit.route(role, 1, NAMED, weight) for role, weight in routes)))


def test_it_says_until_when_a_route_holds() -> None:
    early, late = kit.NOW + 5, kit.NOW + 9
    given = (
        kit.approve(NAMED, 1, Role.VALIDATOR, "vera", expires_us=late),
        kit.approve(NAMED, 1, Role.OWNER, "omar", expires_us=early),
        kit.approve(NAMED, 1, Role.OWNER, "olga", expires_us=late),
    )
    route = kit.route("champion", 1, NAMED, 1.0, given)
    assert trust.holds_until(kit.document(1, route), route, kit.PUBLIC, kit.NOW) == late
    with pytest.raises(Refused):
        trust.holds_until(kit.document(1, route), route, kit.PUBLIC, late)


def test_routing_is_sticky_and_by_the_published_hash() -> None:
    assert router.fraction("", "UA1545") == pytest.approx(0.6837175474048367, abs=1e-15)
    first = router.to_canary("s", 0.2, ["a", "b", ""], ["r/0", "r/1", "r/2"])
    again = router.to_canary("s", 0.2, ["a", "b", ""], ["q/0", "q/1", "q/2"])
    assert (first[:2] == again[:2]).all()
