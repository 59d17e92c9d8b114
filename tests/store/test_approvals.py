"""Approvals: who may say yes, to what, until when; and what takes it away."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from podium.bundle import signing
from podium.core import access, errors, project, time
from podium.core.approval import Approval, Decision, Pending
from podium.core.version import Version, VersionState
from podium.manage.approvals import actions, pending
from podium.manage.approvals import store as rows
from podium.manage.policies import actions as policies
from podium.manage.registry import store as versions
from podium.store import events
from podium.store.store import Store
from tests import registered

Caller = Callable[..., access.Caller]
YES = actions.Answer()
NO = actions.Answer(decision=Decision.NO, comment="It fails at night.")


@pytest.fixture
def version(store: Store) -> Version:
    store.hooks = {"evidence.attached": (actions.void_changed,)}
    registered.apply(store)
    return registered.evaluated(store)


def now(store: Store) -> Version:
    with store.read() as connection:
        return versions.version(connection, "flights", "delay", 1)


def held(store: Store, item: Version, environment: str = "production") -> list[Approval]:
    with store.read() as connection:
        return rows.holding(
            connection,
            project="flights",
            digest=item.digest,
            environment=environment,
            now_us=time.to_us(store.clock()),
        )


def waiting(store: Store) -> list[Pending]:
    with store.read() as connection:
        return pending.pending(connection, "flights", time.to_us(store.clock()))


def both(store: Store, caller: Caller) -> None:
    actions.validate(store, caller("validator"), "delay", 1, YES)
    actions.approve(store, caller("owner"), "delay", 1, YES)


def test_two_people_in_two_roles_approve_a_version(store: Store, caller: Caller, version: Version) -> None:
    assert [(item.lacks, item.next) for item in waiting(store)] == [(("validator", "owner"), "validator")]
    first = actions.validate(store, caller("validator"), "delay", 1, YES)
    assert now(store).state is VersionState.VALIDATED
    assert [(item.lacks, item.next) for item in waiting(store)] == [(("owner",), "owner")]
    second = actions.approve(store, caller("owner"), "delay", 1, YES)
    assert now(store).state is VersionState.APPROVED
    assert held(store, version) == [first, second]
    assert held(store, version, "staging") == []
    assert waiting(store) == []
    with store.read() as connection:
        last = events.read(connection, kind="version.approved")[0].event()
    assert last.detail["environment"] == "production"
    assert last.subject.id == version.digest
    assert last.role == "owner"


def test_an_approval_is_signed_over_what_it_binds(store: Store, caller: Caller, version: Version) -> None:
    given = actions.validate(store, caller("validator"), "delay", 1, YES)
    signature = base64.b64decode(given.signature)
    assert given.digest == version.digest
    signing.verify(store.public_key, actions.signed_bytes(given), signature)
    with pytest.raises(errors.Refused):
        signing.verify(store.public_key, actions.signed_bytes(given) + b" ", signature)


def test_nobody_approves_what_they_made(store: Store, caller: Caller) -> None:
    registered.apply(store)
    registered.evaluated(store, by="ben")
    for name in ("ana", "ben"):
        with pytest.raises(errors.Refused, match="somebody else"):
            actions.validate(store, caller("validator", name), "delay", 1, YES)
    actions.validate(store, caller("validator", "eva"), "delay", 1, YES)
    with pytest.raises(errors.Refused, match="somebody else"):
        actions.approve(store, caller("owner", "ben"), "delay", 1, YES)


def test_one_person_gives_one_of_the_required_roles(store: Store, caller: Caller, version: Version) -> None:
    actions.validate(store, caller("validator", "eva"), "delay", 1, YES)
    with pytest.raises(errors.Refused, match="You said yes as validator"):
        actions.approve(store, caller("owner", "eva"), "delay", 1, YES)
    assert now(store).state is VersionState.VALIDATED


@pytest.mark.parametrize("role", ["viewer", "scientist", "engineer", "owner", "admin", "system"])
def test_only_a_validator_validates(store: Store, caller: Caller, version: Version, role: str) -> None:
    with pytest.raises(errors.Refused, match="Only a validator"):
        actions.validate(store, caller(role), "delay", 1, YES)


@pytest.mark.parametrize("role", ["validator", "admin", "system"])
def test_only_an_owner_approves(store: Store, caller: Caller, version: Version, role: str) -> None:
    with pytest.raises(errors.Refused, match="Only an owner"):
        actions.approve(store, caller(role), "delay", 1, YES)


def test_the_owner_waits_for_the_validator(store: Store, caller: Caller, version: Version) -> None:
    with pytest.raises(errors.Refused, match="not validated"):
        actions.approve(store, caller("owner"), "delay", 1, YES)


def test_gates_come_first(store: Store, caller: Caller) -> None:
    registered.apply(store)
    registered.register(store)
    with pytest.raises(errors.Refused, match="have not been evaluated"):
        actions.validate(store, caller("validator"), "delay", 1, YES)
    policies.evaluate(store, access.system("flights"), "delay", 1)
    actions.validate(store, caller("validator"), "delay", 1, YES)
    registered.evaluated(store, 2, auc=0.5)
    with pytest.raises(errors.Refused, match="did not pass"):
        actions.validate(store, caller("validator"), "delay", 2, YES)


def test_the_same_yes_again_is_the_same_approval(store: Store, caller: Caller, version: Version) -> None:
    first = actions.validate(store, caller("validator"), "delay", 1, YES)
    assert actions.validate(store, caller("validator"), "delay", 1, YES) == first
    with store.read() as connection:
        assert rows.list_all(connection, "flights") == [first]
        assert len(events.read(connection, kind="approval.given")) == 1


def test_a_no_rejects_for_good(store: Store, caller: Caller, version: Version) -> None:
    actions.validate(store, caller("validator"), "delay", 1, YES)
    actions.approve(store, caller("owner"), "delay", 1, NO)
    assert now(store).state is VersionState.REJECTED
    assert held(store, version) == []
    with pytest.raises(errors.Conflict, match="rejected"):
        actions.validate(store, caller("validator", "eva"), "delay", 1, YES)
    with pytest.raises(errors.Conflict, match="rejected"):
        actions.approve(store, caller("owner"), "delay", 1, NO)
    assert waiting(store) == []


def test_a_yes_expires_by_the_clock_and_can_be_renewed(
    store: Store, caller: Caller, clock: Any, version: Version
) -> None:
    both(store, caller)
    clock.advance(days=365, microseconds=-1)
    assert len(held(store, version)) == 2
    clock.advance(microseconds=1)
    assert held(store, version) == []
    assert [(item.lacks, item.renewal) for item in waiting(store)] == [(("validator", "owner"), True)]
    both(store, caller)
    assert len(held(store, version)) == 2
    assert now(store).state is VersionState.APPROVED


def test_new_evidence_voids_what_was_approved_before(store: Store, caller: Caller, version: Version) -> None:
    both(store, caller)
    policies.attach_report(store, caller("validator"), ("delay", 1), "stress", {"held": False})
    assert held(store, version) == []
    with store.read() as connection:
        assert all(item.void for item in rows.of_version(connection, "flights", version.digest))
        last = events.read(connection, kind="approval.voided")[0].event()
    assert last.subject.id == version.digest
    assert len(last.detail["approvals"]) == 2
    both(store, caller)
    assert len(held(store, version)) == 2


def test_changed_evidence_voids_even_when_nothing_follows_the_event(
    store: Store, caller: Caller, version: Version
) -> None:
    both(store, caller)
    store.hooks = {}
    policies.attach_report(store, caller("validator"), ("delay", 1), "stress", {"held": False})
    assert held(store, version) == []


def test_a_yes_is_taken_back_by_its_role(store: Store, caller: Caller, version: Version) -> None:
    both(store, caller)
    why = actions.Withdrawal(why="a mistake in the data")
    with pytest.raises(errors.Refused):
        actions.withdraw(store, caller("scientist"), "delay", 1, role=access.Role.OWNER, withdrawal=why)
    taken = actions.withdraw(store, caller("owner", "zoe"), "delay", 1, role=access.Role.OWNER, withdrawal=why)
    assert taken[0].void == "zoe withdrew it: a mistake in the data"
    assert [item.role for item in held(store, version)] == [access.Role.VALIDATOR]
    with pytest.raises(errors.Conflict, match="No yes"):
        actions.withdraw(store, caller("owner"), "delay", 1, role=access.Role.OWNER, withdrawal=why)


def test_each_environment_has_its_own_approvals(store: Store, caller: Caller, version: Version) -> None:
    both(store, caller)
    staging = actions.Answer(environment="staging")
    actions.validate(store, caller("validator"), "delay", 1, staging)
    assert [item.role for item in held(store, version, "staging")] == [access.Role.VALIDATOR]
    actions.approve(store, caller("owner"), "delay", 1, staging)
    with store.read() as connection:
        approved = [item.event() for item in events.read(connection, kind="version.approved")]
    assert [item.detail["environment"] for item in approved] == ["production", "staging"]
    with pytest.raises(errors.Invalid):
        actions.validate(store, caller("validator"), "delay", 1, actions.Answer(environment="No such!"))


def test_an_owner_alone_approves_where_that_is_the_rule(store: Store, caller: Caller) -> None:
    registered.apply(store, approvals=project.ApprovalsPart(required=("owner",)))
    registered.evaluated(store)
    actions.approve(store, caller("owner"), "delay", 1, YES)
    assert now(store).state is VersionState.APPROVED


def test_approvals_that_race_all_count(store: Store, caller: Caller, version: Version) -> None:
    with ThreadPoolExecutor(4) as pool:
        names = ["eva", "eva", "max", "lea"]
        given = list(pool.map(lambda name: actions.validate(store, caller("validator", name), "delay", 1, YES), names))
    assert given[0] == given[1]
    assert {item.person for item in held(store, version)} == {"eva", "max", "lea"}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: actions.approve(store, caller("owner", name), "delay", 1, YES), ["tom", "kim"]))
    assert now(store).state is VersionState.APPROVED


def test_a_yes_and_a_no_that_race_end_in_rejection(store: Store, caller: Caller, version: Version) -> None:
    actions.validate(store, caller("validator"), "delay", 1, YES)

    def say(answer: tuple[str, actions.Answer]) -> Exception | None:
        try:
            actions.approve(store, caller("owner", answer[0]), "delay", 1, answer[1])
        except errors.Conflict as problem:
            return problem
        return None

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(say, [("tom", YES), ("kim", NO)]))
    assert now(store).state is VersionState.REJECTED
    assert held(store, version) == []
