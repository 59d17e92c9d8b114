"""The routes of monitor, in process: segments and outcomes in, predictions and replays out, windows and alerts."""

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
from litestar.testing import TestClient

from podium.core import digest, time
from podium.monitor.alerts import api as alerts_api
from podium.monitor.checks import api as checks_api
from podium.monitor.intake import api as intake_api
from podium.monitor.intake import compaction
from podium.monitor.triggers import api as triggers_api
from podium.server import app
from podium.store.store import Store
from tests import production

ROUTES = [*intake_api.routes, *checks_api.routes, *alerts_api.routes, *triggers_api.routes]
P = "/api/v1/projects/flights"
Client = TestClient[Any]
Headers = Callable[..., dict[str, str]]


@pytest.fixture
def client(store: Store) -> Iterator[Client]:
    with TestClient(app.build(store, ROUTES)) as made:
        yield made


def test_from_segment_and_outcomes_to_predictions_and_replays(
    store: Store, clock: Any, client: Client, headers: Headers
) -> None:
    document = production.start(store)
    day = production.traffic(store, document, 40, day=0)
    data = production.segment(day.table)
    clock.now = time.from_us(production.days([6])[0])
    scorer, viewer = headers("scorer"), headers("viewer")
    address = f"{P}/segments/scorer-1/s1"
    assert client.put(address, content=data, headers=viewer).status_code == 403
    assert client.put(address, content=data, headers=scorer).status_code == 400
    named = scorer | {"Podium-Digest": digest.of_bytes(data)}
    first = client.put(address, content=data, headers=named)
    assert (first.status_code, first.json()["rows"]) == (200, 40)
    assert client.put(address, content=data, headers=named).json() == first.json()
    assert client.put(address, content=data[:-9], headers=named).status_code == 422

    one = [{"value": 1.0, "at_us": production.days([0])[0], "key": "f-0-0-0"}]
    sent = client.post(f"{P}/endpoints/delay/outcomes", json=one, headers=scorer)
    assert (sent.status_code, sent.json()["rows"]) == (200, 1)
    for wrong in (b"[[[", b'[{"value": NaN}]', b"{}", b"[" * 100_000):
        answer = client.post(f"{P}/endpoints/delay/outcomes", content=wrong, headers=scorer)
        assert answer.status_code == 422
    arrow = scorer | {"Content-Type": intake_api.ARROW}
    many = client.post(f"{P}/endpoints/delay/outcomes", content=production.outcomes(day), headers=arrow)
    assert many.json()["rows"] == 40

    compaction.compact(store, "flights", "delay")
    query = {"from": "2013-03-01", "to": "2013-03-02", "columns": "score,version", "limit": "10"}
    answer = client.get(f"{P}/endpoints/delay/predictions", params=query, headers=viewer)
    assert answer.headers["content-type"].startswith(intake_api.ARROW)
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.num_rows == 10
    assert "score" in table.column_names
    assert "f.hour" not in table.column_names
    assert table["outcome"].null_count == 0
    found = client.get(f"{P}/predictions/p-0-0-3", headers=viewer).json()
    assert found[0]["features"]["hour"] == day.table["f.hour"][3].as_py()
    assert client.post(f"{P}/replays/p-0-0-3", headers=viewer).json()["identical"]
    assert client.get(f"{P}/predictions/p-none", headers=viewer).status_code == 404
    sample = client.post(f"{P}/replays", json={"endpoint": "delay", "number": 30}, headers=viewer).json()
    assert sample == {"replayed": 30, "identical": 30, "different": []}


def test_windows_are_asked_for_once_and_not_before_they_end(
    store: Store, clock: Any, client: Client, headers: Headers
) -> None:
    production.start(store)
    engineer = headers("engineer")
    clock.now = time.from_us(production.days([6])[0])
    address = f"{P}/endpoints/delay/windows"
    first = client.post(address, json={"end": "2013-03-08"}, headers=engineer)
    assert first.status_code == 202
    assert client.post(address, json={"end": "2013-03-08"}, headers=engineer).json() == first.json()
    assert client.post(address, json={"end": "2013-04-08"}, headers=engineer).status_code == 422
    for path in ("windows", "checks", "days", "estimates", "maturity", "triggers", "outcomes"):
        assert client.get(f"{P}/endpoints/delay/{path}", headers=engineer).json() == []
    assert client.get(f"{P}/alerts", headers=engineer).json() == []
    assert client.post(f"{P}/alerts/alert-1/resolve", json={"note": "x"}, headers=engineer).status_code == 404
