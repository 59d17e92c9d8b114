"""News of alerts: to real receivers, signed, tried again, given up; and never into the network from inside."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
import pytest

from podium.core import access, channel, check
from podium.core.channel import ChannelKind, DeliveryState, News
from podium.core.check import CheckKind, CheckState
from podium.core.errors import Conflict, Invalid, NotFound
from podium.core.window import Window
from podium.jobs.attempt import Backoff
from podium.jobs.worker import Worker
from podium.monitor.alerts import actions as alerts
from podium.monitor.delivery import actions, tasks
from podium.monitor.delivery import store as rows
from podium.server.hooks import FOLLOW
from podium.store.store import Store
from tests import mailbox

Make = Callable[..., access.Caller]
OUTSIDE = tasks.Outside(hook_hosts="127.0.0.0/8")


@pytest.fixture
def following(store: Store) -> Store:
    store.hooks = {kind: hooks for kind, hooks in FOLLOW.items() if kind.startswith(("alert.", "job."))}
    return store


@pytest.fixture
def hook() -> Iterator[mailbox.Hook]:
    with mailbox.hook() as made:
        yield made


def work(store: Store, outside: tasks.Outside = OUTSIDE) -> None:
    Worker(
        store=store,
        handlers={actions.JOB: partial(tasks.deliver, outside)},
        name="here",
        poll_seconds=0.01,
        backoff=Backoff(first_seconds=0.002, longest_seconds=0.004),
    ).run_until_idle()


def alarm(store: Store, caller: access.Caller, column: str = "wind") -> str:
    broken = check.Check(
        id="check-1",
        project="flights",
        endpoint="delay",
        version=3,
        window=Window(0, 86_400_000_000),
        kind=CheckKind.DRIFT,
        measure="psi",
        column=column,
        value=0.5,
        reference=0.0,
        limit=0.2,
        rows=900,
        state=CheckState.BROKEN,
    )
    found = alerts.Findings(
        endpoint="delay", version=3, since_us=0, broken={CheckKind.DRIFT: [broken]}, recovered=frozenset()
    )
    with store.write(caller) as tx:
        return alerts.apply(tx, found)[0].id


def make(store: Store, caller: access.Caller, kind: str, to: str, **given: Any) -> channel.NewChannel:
    wanted = channel.ChannelRequest(name=given.pop("name", "desk"), kind=ChannelKind(kind), to=to, **given)
    return actions.create(store, caller, wanted)


def sent(store: Store) -> list[channel.Delivery]:
    with store.read() as connection:
        return rows.list_deliveries(connection, "flights")


def test_a_web_hook_gets_a_signed_cloud_event(following: Store, caller: Make, hook: mailbox.Hook) -> None:
    made = make(following, caller("engineer"), "webhook", hook.url)
    assert made.channel.shown.startswith("http://127.0.0.1:")
    assert "podium" not in made.channel.shown
    opened = alarm(following, caller())
    work(following)
    (got,) = hook.requests
    assert got.path == "/podium?of=desk"
    assert got.headers["content-type"].startswith("application/cloudevents+json")
    assert made.secret is not None
    key = base64.b64decode(made.secret.removeprefix("whsec_"))
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"
    said = msgspec.json.decode(got.body)
    assert (said["specversion"], said["type"], said["subject"]) == ("1.0", "podium.alert.opened", opened)
    assert said["source"] == "/projects/flights/endpoints/delay"
    assert said["id"] == got.headers["webhook-id"]
    assert "wind psi 0.5" in said["data"]["message"]
    (delivery,) = sent(following)
    assert (delivery.state, delivery.attempts, delivery.problem) == (DeliveryState.DELIVERED, 1, None)


def test_what_fails_is_tried_again_under_the_same_id(following: Store, caller: Make, hook: mailbox.Hook) -> None:
    make(following, caller("engineer"), "webhook", hook.url)
    hook.statuses = [500, 429, 503]
    alarm(following, caller())
    work(following)
    assert len(hook.requests) == 4
    assert len({got.headers["webhook-id"] for got in hook.requests}) == 1
    assert len({got.body for got in hook.requests}) == 1
    (delivery,) = sent(following)
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 4)


def test_what_is_refused_for_good_is_given_up_and_shown(following: Store, caller: Make, hook: mailbox.Hook) -> None:
    make(following, caller("engineer"), "webhook", hook.url)
    hook.statuses = [410]
    alarm(following, caller())
    work(following)
    (delivery,) = sent(following)
    assert (delivery.state, delivery.attempts) == (DeliveryState.FAILED, 1)
    assert "410" in (delivery.problem or "")


def test_a_redirect_is_not_followed(following: Store, caller: Make, hook: mailbox.Hook) -> None:
    make(following, caller("engineer"), "webhook", hook.url)
    hook.statuses = [307]
    alarm(following, caller())
    work(following)
    assert len(hook.requests) == 1
    assert sent(following)[0].state is DeliveryState.FAILED


def test_nothing_goes_inside_unless_the_operator_says_so(following: Store, caller: Make, hook: mailbox.Hook) -> None:
    make(following, caller("engineer"), "webhook", hook.url)
    alarm(following, caller())
    work(following, tasks.Outside())
    assert hook.requests == []
    (delivery,) = sent(following)
    assert delivery.state is DeliveryState.FAILED
    assert "hook_hosts" in (delivery.problem or "")


def test_a_chat_gets_its_json_with_markup_escaped(following: Store, caller: Make, hook: mailbox.Hook) -> None:
    make(following, caller("engineer"), "slack", hook.url)
    alarm(following, caller(), column="a<b&c")
    work(following)
    (got,) = hook.requests
    said = msgspec.json.decode(got.body)
    assert "a&lt;b&amp;c psi 0.5" in said["text"]
    assert said["blocks"][0]["text"]["type"] == "mrkdwn"
    assert "webhook-signature" not in got.headers


def test_mail_goes_to_each_address(following: Store, caller: Make) -> None:
    with mailbox.mailbox() as box:
        make(following, caller("engineer"), "email", "eve@example.org, odd@example.org")
        alarm(following, caller())
        work(following, tasks.Outside(mail_server=box.url, mail_from="podium@example.org"))
        (got,) = box.mails
        assert got["To"] == "eve@example.org, odd@example.org"
        assert got["Subject"] == "Alert on delay (flights)"
        assert got["Auto-Submitted"] == "auto-generated"
        assert "wind psi 0.5" in got.get_content()
        box.refuse = 550
        actions.send_test(following, caller("engineer", "eve"), "desk")
        work(following, tasks.Outside(mail_server=box.url, mail_from="podium@example.org"))
        assert {each.news: each.state for each in sent(following)} == {
            "alert.opened": DeliveryState.DELIVERED,
            "channel.tried": DeliveryState.FAILED,
        }


def test_without_a_mail_server_it_says_what_to_set(following: Store, caller: Make) -> None:
    make(following, caller("engineer"), "email", "eve@example.org")
    alarm(following, caller())
    work(following)
    assert "mail_server" in (sent(following)[0].problem or "")


def test_a_channel_hears_what_it_asked_for(following: Store, caller: Make, hook: mailbox.Hook) -> None:
    engineer = caller("engineer", "eve")
    make(following, engineer, "webhook", hook.url, name="ends", news=(News.RESOLVED,))
    opened = alarm(following, caller())
    alerts.acknowledge(following, engineer, opened, "seen")
    work(following)
    assert hook.requests == []
    alerts.resolve(following, engineer, opened, "mended")
    work(following)
    assert [msgspec.json.decode(got.body)["data"]["note"] for got in hook.requests] == ["mended"]


def test_a_removed_channel_gets_nothing_and_its_name_is_free(
    following: Store, caller: Make, hook: mailbox.Hook
) -> None:
    engineer = caller("engineer")
    make(following, engineer, "webhook", hook.url)
    with pytest.raises(Conflict):
        make(following, engineer, "webhook", hook.url)
    alarm(following, caller())
    actions.remove(following, engineer, "desk")
    work(following)
    assert hook.requests == []
    assert sent(following)[0].state is DeliveryState.FAILED
    make(following, engineer, "webhook", hook.url)
    with pytest.raises(NotFound):
        actions.remove(following, engineer, "none")


@pytest.mark.parametrize(
    ("kind", "to"),
    [
        ("webhook", "ftp://example.org/x"),
        ("webhook", "https://user:word@example.org/x"),
        ("webhook", "https:///x"),
        ("webhook", "https://example.org:0/x"),
        ("webhook", "https://exa mple.org/x"),
        ("slack", "not an address"),
        ("email", "not an address"),
        ("email", "a@b.org\nBcc: c@d.org"),
        ("email", ""),
    ],
)
def test_a_wrong_address_is_refused_at_once(following: Store, caller: Make, kind: str, to: str) -> None:
    with pytest.raises(Invalid) as refused:
        make(following, caller("engineer"), kind, to)
    assert refused.value.field == "to"


def test_a_repeated_request_tells_no_secret(following: Store, caller: Make, hook: mailbox.Hook) -> None:
    engineer = msgspec.structs.replace(caller("engineer"), idempotency_key="once", request_digest="sha256:00")
    made = make(following, engineer, "webhook", hook.url)
    assert made.secret is not None
    with following.read() as connection:
        kept = connection.exec_driver_sql("select * from answers").all()
    assert kept
    assert made.secret not in str(kept)


def test_a_secret_is_the_same_wherever_it_is_computed(following: Store, caller: Make, hook: mailbox.Hook) -> None:
    made = make(following, caller("engineer"), "webhook", hook.url)
    other = make(following, caller("engineer"), "webhook", hook.url, name="other")
    assert actions.secret(following, made.channel.id) == actions.secret(following, made.channel.id)
    assert made.secret != other.secret


@pytest.mark.parametrize(
    "trace", [{}, {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=1"}]
)
def test_a_hook_is_called_within_the_trace_of_the_alert(
    following: Store, caller: Make, hook: mailbox.Hook, trace: dict[str, str]
) -> None:
    make(following, caller("engineer"), "webhook", hook.url)
    make(following, caller("engineer"), "slack", hook.url, name="chat")
    alarm(following, access.system("flights", trace))
    work(following)
    assert len(hook.requests) == 2
    for got in hook.requests:
        assert {name: got.headers[name] for name in ("traceparent", "tracestate") if name in got.headers} == trace
