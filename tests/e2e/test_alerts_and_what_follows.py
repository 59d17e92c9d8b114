"""Alerts and what follows, as a user has it: server, worker and scorer as processes, the terminal, and real receivers.

Days of a made-up shop pass under a set clock. Three are quiet; then one feed sends `noise` in another unit, and in
the south everything turns round. Each step is a clause of what alerts promise.
"""

import base64
import functools
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sized
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from podium.cli.demo import cast
from podium.cli.demo.platform import Platform
from podium.core import outcome
from podium.core import time as instants
from tests import mailbox
from tests.patience import until

pytestmark = pytest.mark.timeout(900)
PODIUM = Path(sys.executable).with_name("podium")
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
ROWS = 600
PROJECT = """
project = "shop"
train = "train:fit"
[model]
name = "churn"
purpose = "Says whether a customer will leave."
owner = "sales"
decision = "Send a letter."
risk_tier = "low"
kpi = "customers kept"
[data]
source = "data.parquet"
key = "id"
time = "at"
target = "gone"
[features]
numeric = ["amount", "noise"]
categorical = ["region"]
[costs]
false_positive = 1.0
false_negative = 4.0
unit = "euros"
[metrics]
primary = "log_loss"
report = ["log_loss", "auc"]
[approvals]
required = []
[release]
endpoint = "churn"
[release.shadow]
min_duration = "1d"
max_duration = "2d"
min_rows = 300
[monitor]
window = "1d"
min_rows = 200
performance_drop = 0.15
persistence = 2
of_last = 3
out_of_range = 0.01
segment_excess = 0.5
[[triggers]]
on = "alert"
kinds = ["performance"]
cool_down = "3d"
[[triggers]]
on = "new_data"
rows = 300
cool_down = "5d"
"""
TRAIN = """
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def fit(features, target, context):
    prepare = ColumnTransformer(
        [("numbers", StandardScaler(), ["amount", "noise"]), ("text", OneHotEncoder(), ["region"])]
    )
    return Pipeline([("prepare", prepare), ("model", LogisticRegression())]).fit(features, target)
"""


def customers(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Who leaves depends on the amount, and a little on the region."""
    random = np.random.default_rng(seed)
    amount, region = random.gamma(4.0, 10.0, rows), random.choice(["north", "south"], rows)
    chance = 1 / (1 + np.exp(10.0 - 0.2 * amount - 0.5 * (region == "north")))
    gone = (random.random(rows) < chance).astype(float)
    return {"amount": amount, "noise": random.normal(size=rows), "region": region, "gone": gone}


class Shop:
    """The platform, somebody at a terminal, and the application that asks it."""

    def __init__(self, folder: Path, platform: Platform) -> None:
        self.folder = folder
        self.platform = platform
        self.day = 0

    def run(self, *arguments: str, code: int = 0) -> str:
        """A command of the engineer, as text."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")}
        settings = {"PODIUM_URL": self.platform.url, "PODIUM_TOKEN": self.platform.tokens[cast.ENGINEER.name]}
        done = subprocess.run(
            [PODIUM, *arguments], cwd=self.folder, env=kept | settings, capture_output=True, text=True, timeout=180
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def ask(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def at(self, hours: float) -> datetime:
        """An instant of the day that goes on."""
        return BEGIN + timedelta(days=self.day, hours=hours)

    def live(self, *, feed: bool = False, south: bool = False, late: float = 0.0) -> dict[str, Any]:
        """A day: rows are scored, outcomes come at six (of a share only the next day), the window closes."""
        seen = customers(ROWS, seed=100 + self.day)
        if south:
            seen["gone"] = np.where(seen["region"] == "south", 1 - seen["gone"], seen["gone"])
        sent = 10 * seen["noise"] if feed else seen["noise"]
        keys = [f"d{self.day}-{row}" for row in range(ROWS)]
        for hour in range(2, 14):
            self._score(hour, {"id": keys, "amount": seen["amount"], "noise": sent, "region": seen["region"]})
        known = round(ROWS * (1 - late))
        self._tell(keys[:known], seen["gone"][:known].tolist(), self.at(18))
        self._tell(keys[known:], seen["gone"][known:].tolist(), self.at(30))
        self.platform.set_clock(self.at(24))
        self.platform.drain()
        self.day += 1
        closed: dict[str, Any] = self.ask("close", "churn")["window"]
        assert ROWS / 2 < closed["rows"] <= ROWS, "the champion's, all but a canary's share"
        return closed

    def _score(self, hour: int, rows: dict[str, Any]) -> None:
        """A twelfth of the day's rows."""
        self.platform.set_clock(self.at(hour))
        part = slice((hour - 2) * ROWS // 12, (hour - 1) * ROWS // 12)
        count = len(rows["id"][part])
        inputs = [
            {
                "name": name,
                "datatype": "BYTES" if name in ("id", "region") else "FP64",
                "shape": [count],
                "data": list(values[part]),
            }
            for name, values in rows.items()
        ]
        body = {"id": f"day-{self.day}-{hour}", "inputs": inputs}
        answer = httpx.post(f"{self.platform.scorer_url}/v2/models/churn/infer", json=body, timeout=60)
        assert answer.status_code == 200, answer.text

    def _tell(self, keys: list[str], gone: list[float], at: datetime) -> None:
        if not keys:
            return
        at_us = instants.to_us(at)
        batch = [outcome.Outcome(value=value, at_us=at_us, key=key) for key, value in zip(keys, gone, strict=True)]
        self.platform.client(cast.DESK).outcomes.send("churn", batch)

    def alerts(self, *more: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("alerts", "list", *more)
        return found


@pytest.fixture(scope="module")
def mail() -> Iterator[mailbox.Mailbox]:
    with mailbox.mailbox() as made:
        yield made


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, mail: mailbox.Mailbox) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    platform = Platform(folder / "platform", "shop", database="", blobs="")
    platform.config = msgspec.structs.replace(
        platform.config, hook_hosts="127.0.0.0/8", mail_server=mail.url, mail_from="podium@example.org"
    )
    (folder / "podium.toml").write_text(PROJECT)
    (folder / "train.py").write_text(TRAIN)
    seen = customers(4_000, seed=1)
    at = [BEGIN - timedelta(days=1 + row % 20) for row in range(4_000)]
    ids = [f"t{row}" for row in range(4_000)]
    whole = pa.table({"id": ids, "at": pa.array(at, pa.timestamp("us", "UTC")), **seen})
    pyarrow.parquet.write_table(whole.set_column(5, "gone", whole["gone"].cast(pa.int64())), folder / "data.parquet")
    try:
        platform.start(BEGIN)
        made = Shop(folder, platform)
        made.run("train", "--reason", "the first one")
        platform.settle("churn")
        yield made
    finally:
        platform.stop()


def test_quiet_days_raise_nothing_and_say_what_decisions_are_worth(shop: Shop) -> None:
    for _ in range(3):
        assert shop.live()["broken"] == 0
    assert shop.alerts() == []
    (worth,) = shop.ask("value", "churn")
    best = next(each for each in worth["gains"] if each["over"] == "baseline")
    assert best["total"] > 0
    assert worth["unit"] == "euros"
    assert worth["rows"] == ROWS
    assert "No segment" in shop.run("mistakes", "churn") or shop.ask("mistakes", "churn")["segments"]


def test_one_bad_day_is_not_enough_two_are_and_one_cause_is_one_alert(shop: Shop, mail: mailbox.Mailbox) -> None:
    """Effect, chance, persistence; grouping; the message; delivery by hook (signed), chat and mail."""
    with mailbox.hook() as hook, mailbox.hook() as chat:
        made = shop.ask("channels", "add", "desk", "--kind", "webhook", "--to", hook.url)
        shop.run("channels", "add", "room", "--kind", "slack", "--to", chat.url)
        shop.run("channels", "add", "people", "--kind", "email", "--to", "nina@example.org")
        assert shop.live(feed=True, south=True)["broken"] >= 3
        assert shop.alerts() == [], "k of the last m windows: one is no alarm"
        shop.live(feed=True, south=True, late=0.25)
        found = {each["kind"]: each for each in shop.alerts("--state", "open")}
        assert set(found) == {"quality", "performance"}, "a feed that broke and a world that changed: two causes"
        _feed(found["quality"])
        _world(found["performance"])
        for received in (hook.requests, chat.requests, mail.mails):
            until(functools.partial(have_come, received, 2))
        _delivered(hook, made["secret"], found)
        assert {json.loads(each.body)["text"].split(":")[0] for each in chat.requests} == {"Alert on churn (shop)"}
        assert {str(each["To"]) for each in mail.mails} == {"nina@example.org"}
        assert any("noise" in str(each) for each in mail.mails)
        until(lambda: {each["state"] for each in shop.ask("channels", "deliveries")} == {"delivered"})
        for name in ("desk", "room", "people"):
            shop.run("channels", "remove", name)


def have_come(received: Sized, count: int) -> bool:
    return len(received) >= count


def _feed(item: dict[str, Any]) -> None:
    said = item["message"]
    assert set(item["kinds"]) >= {"drift", "quality"}, "what one feed moved is one alert"
    assert re.search(r"noise out_of_range (1|0\.\d+) \(limit 0\.01\)", said), "what changed, and by how much"
    assert "noise psi" in said
    assert "another unit? ten times larger" in said
    assert "since 2026-01-08" in said, "since when: the first day that broke, and not the one that was believed"
    assert "Of the features that moved, noise matters most" in said
    assert "It does worst where" in said


def _world(item: dict[str, Any]) -> None:
    said = item["message"]
    assert set(item["kinds"]) >= {"performance", "segment"}
    assert re.search(r"log_loss [\d.]+ \(limit [\d.]+, in training [\d.]+\)", said)
    assert "region = south" in said, "which segment"
    assert re.search(r"Decisions in this window cost [\d,]+ euros more than at the rate of training", said)
    assert re.search(r"They were worth [\d,]+ euros (less|more) than (never|always) acting \([-\d,]+ to [\d,]+\)", said)


def _delivered(hook: mailbox.Hook, secret: str, found: dict[str, dict[str, Any]]) -> None:
    bodies = []
    for each in hook.requests:
        signed = f"{each.headers['webhook-id']}.{each.headers['webhook-timestamp']}.".encode() + each.body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert each.headers["webhook-signature"] == expected
        bodies.append(json.loads(each.body))
    assert {each["type"] for each in bodies} == {"podium.alert.opened"}
    assert {each["specversion"] for each in bodies} == {"1.0"}
    assert {each["data"]["message"] for each in bodies} == {each["message"] for each in found.values()}


def test_the_trigger_retrains_on_what_was_known_then(shop: Shop) -> None:
    """A retraining by alert, with point-in-time data whose selection is stated; its cool-down."""
    decided = shop.ask("triggers", "churn")
    assert [each["fired"] for each in decided] == [True, False, False, False, False]
    assert "alert: performance" in decided[0]["reason"]
    data = {each["digest"]: each for each in shop.ask("data", "list")}[decided[0]["dataset"]]
    known = 4_000 + 4 * ROWS + round(0.75 * ROWS)
    assert data["rows"] == known, "the outcomes that came after the window are not in it"
    assert "Only rows with an outcome are in it" in data["source"]
    assert "say less of the others" in data["source"]
    shop.live(feed=True)
    states = {each["kind"]: each["state"] for each in shop.alerts()}
    assert states == {"quality": "open", "performance": "resolved"}, "one goes on, and is not opened again; one is over"
    latest = shop.ask("triggers", "churn")[0]
    assert not latest["fired"]
    assert re.search(r"but not now\. (Run 2 is going on|The last run was asked for less than 5d ago)", latest["reason"])


def test_people_look_after_alerts_and_let_them_sleep(shop: Shop) -> None:
    feed = next(each["id"] for each in shop.alerts() if each["kind"] == "quality")
    assert shop.ask("alerts", "ack", feed, "--note", "asked the shop")["state"] == "acknowledged"
    assert shop.ask("alerts", "snooze", feed, "--for", "12h")["state"] == "snoozed"
    shop.live(feed=True)
    assert shop.ask("alerts", "show", feed)["state"] == "open", "its time is over, and it still breaks"
    kinds = [each["kind"] for each in shop.ask("alerts", "history", feed)["events"]]
    assert kinds[:2] == ["alert.opened", "alert.updated"]
    assert kinds[-3:] == ["alert.acknowledged", "alert.snoozed", "alert.reopened"]
    assert shop.ask("alerts", "resolve", feed, "--note", "the feed is repaired")["state"] == "resolved"


def test_when_it_is_well_again_alerts_end_and_a_retrain_that_is_not_better_stops(shop: Shop) -> None:
    """It learnt from days on which the south was turned round: it says that it is not better, and ends."""
    ended: list[dict[str, Any]] = []
    for _ in range(8):
        shop.platform.settle("churn")
        shop.live()
        releases = shop.ask("release", "list", "--endpoint", "churn")
        ended = [each for each in releases if each["stage"] in ("stopped", "rolled-back")]
        if ended and {each["state"] for each in shop.alerts()} == {"resolved"}:
            break
    assert {each["state"] for each in shop.alerts()} == {"resolved"}
    assert ended, releases
    assert ended[-1]["version"] > 1
    assert ended[-1]["comparison"]["verdict"] != "better"
    assert "worse" in ended[-1]["note"] or "not proven" in ended[-1]["note"], "it says why"
    assert shop.ask("endpoints", "show", "churn")["status"]["endpoint"]["champion"] == 1
