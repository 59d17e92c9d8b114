"""A model of several classes on the pages and over HTTP: its classes, what was taken for what, and what is refused."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from podium.build.runs.training import export
from podium.core import access, mistakes, prediction, time
from podium.core.access import Role
from podium.manage.access import actions as people
from podium.monitor.checks import closing
from podium.monitor.intake import compaction
from podium.server import app, routes
from podium.store.store import Store
from tests import class_production as made

END_US = made.START_US + made.DAY_US


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> export.Exported:
    return made.make(tmp_path_factory.mktemp("made"), made.spec())


@pytest.fixture
def viewer(store: Store, clock: Any, exported: export.Exported) -> Iterator[TestClient[Any]]:
    document = made.start(store, exported, made.spec())
    made.day(store, document, 0)
    clock.now = time.from_us(END_US)
    compaction.compact(store, "flights", "fate")
    closing.close(store, made.SYSTEM, made.place_of(store), made.model_of(store), END_US)
    people.bootstrap(store, "root")
    admin = access.Caller(name="root", roles=frozenset({Role.ADMIN}), project=access.EVERYWHERE)
    people.create_user(store, admin, "omar")
    people.grant(store, admin, "omar", Role.ENGINEER, "flights")
    secret = people.make_token(store, admin, "omar").secret
    with TestClient(app.build(store, routes.ALL)) as client:
        client.post("/login", data={"token": secret, "next": "/"})
        client.headers["Authorization"] = f"Bearer {secret}"
        client.headers["Accept"] = "text/html"
        yield client


def test_pages_tell_the_classes(viewer: TestClient[Any]) -> None:
    assert "multiclass: on time, late, cancelled" in viewer.get("/p/flights/models/fate").text
    version = viewer.get("/p/flights/models/fate/versions/1").text
    assert "on time, late, cancelled; the most probable one is said" in version
    assert "by estimates, of the most probable class" in version
    endpoint = viewer.get("/p/flights/endpoints/fate").text
    for name in ("macro f1", "macro auc", "p.cancelled", "outcome psi"):
        assert name in endpoint
    window = viewer.get(f"/p/flights/endpoints/fate/windows/{END_US}").text
    for column in (">class <", ">p.late <", ">fate <"):
        assert column in window
    erred = viewer.get(f"/p/flights/endpoints/fate/windows/{END_US}/mistakes").text
    table = erred.partition('id="confusion"')[2].partition("</section>")[0]
    assert "said cancelled" in table
    assert table.count("<strong>") == 3, "those that were right"
    assert "Precision" in table


def test_programs_read_them(viewer: TestClient[Any]) -> None:
    base = "/api/v1/projects/flights"
    found = msgspec.convert(viewer.get(f"{base}/endpoints/fate/mistakes").json(), mistakes.Mistakes)
    assert found.confusion is not None
    assert found.confusion.labels == made.LABELS
    assert sum(map(sum, found.confusion.counts)) == found.rows == 600
    worst = found.worst[0]
    told = msgspec.convert(viewer.get(f"{base}/predictions/{worst.prediction_id}").json(), list[prediction.Prediction])
    assert told[0].label == worst.label
    assert told[0].outcome == worst.outcome
    assert sum(told[0].probabilities.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("value", "status"),
    [("late", 200), ("diverted", 422), (1, 422), (None, 422)],
    ids=["label", "other", "number", "none"],
)
def test_an_outcome_is_a_label(viewer: TestClient[Any], value: Any, status: int) -> None:
    sent = [{"value": value, "at_us": END_US, "prediction_id": "p-0-1"}]
    answer = viewer.post("/api/v1/projects/flights/endpoints/fate/outcomes", json=sent)
    assert answer.status_code == status, answer.text
    if value == "diverted":
        assert answer.json()["fix"] == "Send one of on time, late, cancelled."
