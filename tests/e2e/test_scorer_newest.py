"""An older rollout does not come back, whatever became of the newer one that was taken after it."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from podium.core.access import Role
from podium.core.approval import Approval
from tests import scoring_kit as kit
from tests.patience import until

FIRST, SECOND = kit.bundle_digest(-1.0), kit.bundle_digest(-0.5)
OLD = kit.sign(kit.document(1, kit.route("champion", 1, FIRST)))
ENDS = kit.NOW + 3600_000_000


def brief() -> tuple[Approval, ...]:
    """Approvals of the second version that end after an hour."""
    people = ((Role.VALIDATOR, "vera"), (Role.OWNER, "omar"))
    return tuple(kit.approve(SECOND, 2, role, person, expires_us=ENDS) for role, person in people)


NEW = kit.sign(kit.document(2, kit.route("champion", 2, SECOND, approvals=brief())))


class Street:
    """A control plane whose newer rollout a scorer took, and kept."""

    def __init__(self, folder: Path, plane: kit.ControlPlane) -> None:
        self.folder = folder
        self.plane = plane
        self.clock = folder / "clock"
        self.clock.write_text(str(kit.NOW + 1000))
        plane.publish(OLD, -1.0)
        with self.scorer() as scorer:
            until(lambda: scorer.status()["rollouts"] == {"delay": 1})
            plane.publish(NEW, -0.5)
            until(lambda: scorer.status()["rollouts"] == {"delay": 2})
            until(lambda: (folder / "newest" / "delay.json").exists())
            scorer.stop()

    def scorer(self) -> kit.Process:
        return kit.Process(self.folder, url=self.plane.url, clock_file=str(self.clock))

    def replayed(self) -> None:
        """Somebody has the control plane tell the older rollout again: it is refused."""
        self.plane.publish(OLD)
        with self.scorer() as scorer:
            until(lambda: scorer.status()["refused"].get("delay", {}).get("number") == 1)
            assert "is not newer than 2" in scorer.status()["refused"]["delay"]["reason"]
            assert scorer.status()["rollouts"] == {}


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    plane = kit.ControlPlane()
    yield Street(tmp_path, plane)
    plane.close()


def test_not_when_the_newer_ones_approvals_have_ended(street: Street) -> None:
    street.clock.write_text(str(ENDS + 1))
    street.replayed()


def test_not_when_the_newer_one_was_kept_before_this_was_remembered(street: Street) -> None:
    """Its own signature is as good as ever."""
    street.clock.write_text(str(ENDS + 1))
    (street.folder / "newest" / "delay.json").unlink()
    street.replayed()


def test_not_when_the_file_of_the_newer_one_is_harmed_or_gone(street: Street) -> None:
    kept = street.folder / "rollouts" / "delay.json"
    kept.write_text("{")
    street.replayed()
    kept.unlink()
    street.replayed()


def test_the_newest_itself_comes_back_as_does_an_endpoint_made_anew(street: Street) -> None:
    """One that counts from one again, later than all before; after it none of those before it."""
    (street.folder / "rollouts" / "delay.json").unlink()
    with street.scorer() as scorer:
        until(lambda: scorer.status()["rollouts"] == {"delay": 2})
        anew = kit.document(1, kit.route("champion", 1, FIRST), created_us=kit.NOW + 500)
        street.plane.publish(kit.sign(anew))
        until(lambda: scorer.status()["rollouts"] == {"delay": 1})
        scorer.stop()
    street.plane.down = True
    with street.scorer() as scorer:
        assert scorer.status()["rollouts"] == {"delay": 1}
        street.plane.down = False
        street.plane.publish(NEW)
        until(lambda: scorer.status()["refused"].get("delay", {}).get("number") == 2)
        assert scorer.status()["rollouts"] == {"delay": 1}


def test_of_two_scorers_on_one_folder_the_one_behind_keeps_nothing(street: Street) -> None:
    from podium.scoring.cache import Cache, read_signed  # noqa: PLC0415

    kept = Cache(street.folder)
    kept.save_rollout("delay", OLD)
    assert read_signed(street.folder / "rollouts" / "delay.json") == NEW


@pytest.mark.parametrize("number", [2**63, 10**30, -(2**64)])
def test_a_number_that_no_log_takes_is_refused(tmp_path: Path, number: int) -> None:
    first, second = kit.prepare(tmp_path, -1.0, -0.5)
    with kit.Process(tmp_path) as scorer:
        huge = kit.document(2, kit.route("champion", 2, second))
        kit.put_rollout(tmp_path, kit.sign(msgspec.structs.replace(huge, number=number)))
        until(lambda: "delay" in scorer.status()["refused"])
        assert "larger than any log takes" in scorer.status()["refused"]["delay"]["reason"]
        assert scorer.infer(kit.tensors()).json()["model_version"] == "1"
        kit.put_rollout(tmp_path, kit.sign(kit.document(3, kit.route("champion", number, first))))
        until(lambda: scorer.status()["refused"]["delay"]["number"] == 3)
        assert scorer.infer(kit.tensors()).status_code == 200
