"""A scorer that starts on what it kept takes what was released meanwhile before it answers, if that comes soon."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import scoring_kit as kit
from tests.patience import until

SECOND = kit.bundle_digest(-2.0)


@pytest.fixture
def plane() -> Iterator[kit.ControlPlane]:
    """It has a newer version than the folder that `kit.prepare` makes, and one endpoint more."""
    made = kit.ControlPlane()
    made.publish(kit.sign(kit.document(2, kit.route("champion", 2, SECOND))), -2.0)
    made.publish(kit.sign(kit.document(1, kit.route("champion", 1, SECOND), endpoint="early")))
    yield made
    made.close()


def test_the_first_answers_are_of_what_is_in_force(tmp_path: Path, plane: kit.ControlPlane) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path, url=plane.url) as process:
        assert process.infer(kit.tensors()).json()["model_version"] == "2"
        assert process.infer(kit.tensors(), "early").status_code == 200


@pytest.mark.parametrize("silent", ["rollouts", "bundles"])
def test_who_is_not_answered_serves_what_was_kept(tmp_path: Path, plane: kit.ControlPlane, silent: str) -> None:
    kit.prepare(tmp_path)
    go_on = threading.Event()

    def hang(_: str, path: list[str]) -> None:
        if silent in path:
            go_on.wait(60.0)

    plane.instead = hang
    try:
        with kit.Process(tmp_path, url=plane.url) as process:
            assert process.infer(kit.tensors()).json()["model_version"] == "1"
            assert process.infer(kit.tensors(), "early").status_code != 200
            assert not go_on.is_set()
            go_on.set()
            until(lambda: process.infer(kit.tensors()).json()["model_version"] == "2")
            until(lambda: process.infer(kit.tensors(), "early").status_code == 200)
    finally:
        go_on.set()


def test_what_is_new_is_asked_for_before_what_was_kept(tmp_path: Path) -> None:
    (first,) = kit.prepare(tmp_path)
    plane = kit.ControlPlane()
    for endpoint in (kit.ENDPOINT, "early"):
        plane.publish(kit.sign(kit.document(1, kit.route("champion", 1, first), endpoint=endpoint)))
    asked: list[str] = []

    def note(_: str, path: list[str]) -> None:
        if path[2:3] == ["endpoints"]:
            asked.append(path[3])

    plane.instead = note
    try:
        with kit.Process(tmp_path, url=plane.url) as process:
            assert process.infer(kit.tensors(), "early").status_code == 200
            until(lambda: len(asked) > 1)
    finally:
        plane.close()
    assert asked[:2] == ["early", kit.ENDPOINT]
