"""The pages, in process: what each shows, to whom, and what is refused."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from litestar import post
from litestar.testing import TestClient
from sqlalchemy import update

from podium.core import access, run, version
from podium.core.access import Role
from podium.deploy.endpoints import actions as endpoints
from podium.manage.access import actions as people
from podium.manage.registry import store as registry
from podium.server import app, routes
from podium.server.web import login, page, sparkline
from podium.store.store import Store
from tests import cycle, web_project

CallerOf = Callable[..., access.Caller]
Client = TestClient[Any]
SignIn = Callable[..., Client]
HOSTILE = '<script>alert("x")</script><img src=//evil.example/x onerror=alert(1)>'
HTML = {"Accept": "text/html"}


@pytest.fixture
def client(store: Store) -> Iterator[Client]:
    with TestClient(app.build(store, routes.ALL)) as made:
        made.follow_redirects = False
        made.headers.update(HTML)
        yield made


@pytest.fixture
def sign_in(store: Store, client: Client) -> SignIn:
    people.bootstrap(store, "root")
    admin = access.Caller(name="root", roles=frozenset({Role.ADMIN}), project=access.EVERYWHERE)

    def enter(*roles: str, name: str = "rita", project: str = "flights") -> Client:
        people.create_user(store, admin, name)
        for role in roles:
            people.grant(store, admin, name, Role(role), project)
        client.cookies.clear()
        answer = client.post("/login", data={"token": people.make_token(store, admin, name).secret, "next": "/"})
        assert answer.status_code == 303, answer.text
        return client

    return enter


def run_of(store: Store) -> str:
    with store.read() as connection:
        return registry.version(connection, "flights", "delay", 1).run


def dataset_of(store: Store) -> str:
    with store.read() as connection:
        return registry.version(connection, "flights", "delay", 1).dataset


def every_page(store: Store) -> dict[str, tuple[str, ...]]:
    """The address of every page of a full project, and what must stand on it."""
    return {
        "/p/flights": ("late", "version 2", "shadow", "1 of 2 checks broken", "Features moved away", "Recent activity"),
        "/p/flights/models": ("delay", "Says whether a flight will be late.", "operations"),
        "/p/flights/models/delay": ("missed connections", "Warn the passengers.", "low", "delay 2", "validator, owner"),
        "/p/flights/models/delay/versions/1": (
            "holds",
            "vera",
            "olaf",
            "[0.7, 0.8]",
            "metrics.test.auc.value &gt; 0.7",
            "1e-09",
            "Came from",
            "JFK",
            "dataset",
        ),
        "/p/flights/models/delay/versions/2": ("Waits for: validator, then owner", "champion 1, test"),
        f"/p/flights/endpoints/late/windows/{web_project.START_US + 14 * web_project.DAY_US}": (
            "32.1",
            "0.777",
            "1\xa0% → 2\xa0%",
            "25\xa0% → 62.5\xa0%",
            "another unit? &lt;ten&gt; times larger",
            "distance: It keeps ten bins.",
        ),
        "/p/flights/endpoints/late": ("hour", "psi", "0.456", "scorer-1", "in force", "listens", "<svg", "awaiting"),
        "/p/flights/alerts": ("Features moved away", "open"),
        "/p/flights/alerts/alert-1": ("Features moved away", "History", "no channel", "Drift on late", "0.456"),
        "/p/flights/alerts?show=resolved": ("There is none that is resolved",),
        "/p/flights/activity": ("version.approved", "olaf", "owner"),
        "/p/flights/activity?kind=role.": ("Nothing of that kind",),
        "/p/flights/runs": ("delay 1", "log_loss 0.5"),
        f"/p/flights/runs/{run_of(store)}": ("ada", "printed", "Python 3.11", "version 1"),
        "/p/flights/data": ("flights 1", "made by a test"),
        f"/p/flights/data?digest={dataset_of(store)}": ("distance", "double", "delay 1", "1970-01-03T01:59:00Z"),
    }


def test_every_page_shows_what_it_is_for(store: Store, caller: CallerOf, sign_in: SignIn) -> None:
    web_project.fill(store, caller)
    client = sign_in("viewer")
    for address, parts in every_page(store).items():
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.text)
        assert answer.headers["Content-Type"].startswith("text/html")
        for part in parts:
            assert part in answer.text, (address, part)
        check_safe(answer.text, answer.headers)


def check_safe(text: str, headers: Any) -> None:
    """Nothing from elsewhere, nothing inline, small, and told to the browser so."""
    assert headers["Content-Security-Policy"] == page.HEADERS["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert re.search(r"""(?:https?:)?//[a-z]|\sstyle=|\son[a-z]+=|<style|javascript:""", text) is None
    assert re.findall(r"<script(?![^>]*\ssrc=\"/static/)", text) == []
    assert len(text.encode()) < 100_000
    for table in re.findall(r"<table>(.{0,20})", text, re.DOTALL):
        assert "<caption>" in table


def test_a_versions_page_shows_how_far_apart_groups_lie(store: Store, caller: CallerOf, sign_in: SignIn) -> None:
    cycle.begin(store, caller)
    gap = run.Interval(value=0.0731, low=0.04, high=0.11, rows=900)
    cycle.finish_run(store, caller, -1.0, fairness={"equalised_odds": {"sex": gap}})
    cycle.work(store)
    text = sign_in("viewer").get("/p/flights/models/delay/versions/1").text
    assert "equalised_odds" in text
    assert "0.0731" in text
    cycle.make_version(store, caller, -1.1)
    assert "equalised_odds" not in sign_in("viewer", name="vic").get("/p/flights/models/delay/versions/2").text


def test_worst_checks_come_first(store: Store, caller: CallerOf, sign_in: SignIn) -> None:
    web_project.fill(store, caller)
    text = sign_in("viewer").get("/p/flights/endpoints/late").text
    assert text.index("0.456") < text.index("0.0123")
    assert 'class="broken"' in text
    assert "drift, 41\u00a0% of the scores<br>mean 12.1 → 15.3</small>" in text
    assert "mean 1,040" not in text, "of what is well, no words"


def test_the_endpoints_page_tells_false_alarms_and_delay_of_each_check(
    store: Store, caller: CallerOf, sign_in: SignIn
) -> None:
    web_project.fill(store, caller)
    client = sign_in("viewer")
    address = "/p/flights/endpoints/late"
    before = client.get(address).text
    assert "Not rehearsed yet" in before
    assert "podium drill late" in before
    web_project.rehearse(store)
    shown = client.get(address)
    check_safe(shown.text, shown.headers)
    assert "Not rehearsed yet" not in shown.text
    assert "within budget" in shown.text
    assert "Expected false alarms: 0.08 in 30 days, of at most 1" in shown.text
    hour, distance = (
        re.search(rf"<th scope=\"row\">{name} .*?</tr>", shown.text, re.DOTALL) for name in ("hour", "distance")
    )
    assert hour is not None
    assert distance is not None
    assert 'title="3 in the quiet windows">0.08</td>' in hour[0]
    assert 'title="1 standard deviation higher: found in 17 of 20 runs">1.5 <small>17/20</small></td>' in hour[0]
    assert hour[0].count("title=") == 2
    assert distance[0].count("title=") == 0
    assert "label flip" in shown.text
    assert "Another version decides now" not in shown.text


def test_a_rehearsal_over_budget_or_of_another_version_says_so(store: Store, caller: CallerOf, sign_in: SignIn) -> None:
    web_project.fill(store, caller)
    web_project.rehearse(store, version_number=7, alarms=80)
    shown = sign_in("viewer").get("/p/flights/endpoints/late").text
    assert "over budget" in shown
    assert "Another version decides now: run <code>podium drill late</code> again" in shown


def test_an_empty_project_has_pages_too(store: Store, caller: CallerOf, sign_in: SignIn) -> None:
    cycle.begin(store, caller)
    client = sign_in("viewer")
    for part in ("", "/models", "/models/delay", "/alerts", "/activity", "/runs", "/data"):
        assert client.get(f"/p/flights{part}").status_code == 200, part


def test_who_is_not_signed_in_is_asked_to(client: Client, store: Store) -> None:
    people.bootstrap(store, "root")
    for address in ("/", "/p/flights", "/p/flights/models/delay/versions/1"):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/login?next={address}")
    shown = client.get("/login?next=/p/flights")
    assert 'value="/p/flights"' in shown.text
    check_safe(shown.text, shown.headers)
    refused = client.post("/login", data={"token": "pod_nobody_x", "next": "/"})
    assert refused.status_code == 401
    assert "unknown, expired or revoked" in refused.text
    assert "set-cookie" not in refused.headers


def test_the_cookie_is_kept_from_scripts_and_other_sites(store: Store, caller: CallerOf, sign_in: SignIn) -> None:
    cycle.begin(store, caller)
    client = sign_in("viewer")
    secret = client.cookies["podium"]
    answer = client.post("/login", data={"token": f" {secret} ", "next": "/p/flights"})
    told = answer.headers["set-cookie"].lower()
    assert "httponly" in told
    assert "samesite=strict" in told
    assert answer.headers["Location"] == "/p/flights"
    client.post("/logout")
    assert client.get("/p/flights").status_code == 303


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil", "/p/../../x\n", "/api/v1/x"])
def test_signing_in_leads_to_our_own_pages_only(wanted: str) -> None:
    assert login.own_page(wanted) == "/"


def test_the_first_page_leads_to_the_only_project(store: Store, caller: CallerOf, sign_in: SignIn) -> None:
    cycle.begin(store, caller)
    answer = sign_in("viewer").get("/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/p/flights")
    assert "no project that you may see" in sign_in(name="nina").get("/").text
    many = sign_in("viewer", name="max")
    people.grant(
        store,
        access.Caller(name="root", roles=frozenset({Role.ADMIN}), project=access.EVERYWHERE),
        "max",
        Role.OWNER,
        "trains",
    )
    shown = many.get("/")
    assert 'href="/p/trains"' in shown.text
    assert 'href="/p/flights"' in shown.text


def test_errors_are_pages_for_browsers_and_problems_for_programs(
    store: Store, caller: CallerOf, sign_in: SignIn
) -> None:
    cycle.begin(store, caller)
    client = sign_in("scorer")
    refused = client.get("/p/flights")
    assert refused.status_code == 403
    assert "needs the permission read" in refused.text
    check_safe(refused.text, refused.headers)
    assert client.get("/p/flights", headers={"Accept": "application/json"}).json()["status"] == 403
    api = client.get("/api/v1/projects/flights/models")
    assert api.headers["Content-Type"] == "application/problem+json"
    viewer = sign_in("viewer", name="victor")
    missing = (
        "endpoints/late/windows/7",
        "models/none",
        "models/delay/versions/9",
        "endpoints/none",
        "runs/none",
        "nothing",
        "activity/x",
    )
    for part in missing:
        answer = viewer.get(f"/p/flights/{part}")
        assert answer.status_code == 404, part
        assert "<h1>" in answer.text
    assert viewer.get("/p/flights/data?digest=x").status_code == 422
    assert viewer.get("/p/flights/alerts?show=x").status_code == 400
    assert viewer.get("/nowhere").status_code == 404


def test_what_people_wrote_is_text(store: Store, caller: CallerOf, sign_in: SignIn) -> None:
    part = {
        "name": "delay",
        "purpose": HOSTILE,
        "owner": HOSTILE,
        "decision": HOSTILE,
        "risk_tier": "low",
        "kpi": HOSTILE,
    }
    cycle.begin(store, caller, model=part)
    cycle.make_version(store, caller, -1.0)
    with store.plumbing() as connection:
        connection.execute(update(registry.versions).values(note=HOSTILE, created_by=HOSTILE))
    client = sign_in("viewer")
    for address in ("", "/models", "/models/delay", "/models/delay/versions/1"):
        text = client.get(f"/p/flights{address}").text
        assert "<script>alert" not in text, address
        assert "<img src=//" not in text, address
    assert "&lt;script&gt;alert" in client.get("/p/flights/models/delay").text
    with store.read() as connection:
        known = registry.model(connection, "flights", "delay")
    hostile = msgspec.structs.replace(known, id="m2", name=HOSTILE[:64])
    with store.plumbing() as connection:
        registry.add_model(connection, hostile)
    text = client.get("/p/flights/models").text
    assert "<script>alert" not in text
    assert "/models/%3Cscript%3Ealert%28%22x%22%29%3C%2Fscript%3E" in text


def form_of(client: Client, number: int = 1) -> dict[str, str]:
    text = client.get(f"/p/flights/models/delay/versions/{number}").text
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', text)
    assert found is not None
    return {"form_token": found[1], "decision": "yes", "comment": "123"}


def test_people_decide_on_the_page(store: Store, caller: CallerOf, sign_in: SignIn) -> None:
    cycle.begin(store, caller)
    cycle.make_version(store, caller, -1.0)
    address = "/p/flights/models/delay/versions/1"
    client = sign_in("validator", name="vera")
    assert "Your decision as owner" not in client.get(address).text
    answer = client.post(f"{address}/validate", data=form_of(client))
    assert (answer.status_code, answer.headers["Location"]) == (303, address)
    assert "You said yes; it holds." in client.get(address).text
    client = sign_in("owner", name="olaf")
    assert client.post(f"{address}/approve", data=form_of(client)).status_code == 303
    with store.read() as connection:
        assert registry.version(connection, "flights", "delay", 1).state is version.VersionState.APPROVED


def test_a_form_needs_its_session_and_the_role(store: Store, caller: CallerOf, sign_in: SignIn) -> None:
    cycle.begin(store, caller)
    cycle.make_version(store, caller, -1.0)
    address = "/p/flights/models/delay/versions/1/validate"
    client = sign_in("validator", name="vera")
    form = form_of(client)
    for wrong in ({"form_token": "0" * 64}, {"form_token": "é"}, {"form_token": ""}):
        assert client.post(address, data=form | wrong).status_code == 403
    without = {key: value for key, value in form.items() if key != "form_token"}
    assert client.post(address, data=without).status_code == 403
    assert client.post(address, json=form).status_code == 403
    for header in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post(address, data=form, headers=header).status_code == 403
        assert client.post("/login", data={"token": "x"}, headers=header).status_code == 403
    assert client.post(address, data=form | {"decision": "perhaps"}).status_code == 400
    other = sign_in("validator", name="otto")
    assert other.post(address, data=form).status_code == 403
    viewer = sign_in("viewer", name="victor")
    assert viewer.post(address, data=form).status_code == 403
    maker = sign_in("validator", name="ada")
    assert "You started the run of this version" in maker.get(address.removesuffix("/validate")).text
    with store.read() as connection:
        assert registry.version(connection, "flights", "delay", 1).state is version.VersionState.CANDIDATE


def test_the_cookie_changes_nothing_through_the_api(store: Store, caller: CallerOf, sign_in: SignIn) -> None:
    cycle.begin(store, caller)
    cycle.make_version(store, caller, -1.0)
    client = sign_in("validator", name="vera")
    form = form_of(client)
    answer = client.post("/api/v1/projects/flights/models/delay/versions/1/validate", json=form)
    assert answer.status_code == 401


def test_people_deal_with_an_alert_on_its_page(store: Store, caller: CallerOf, sign_in: SignIn) -> None:
    web_project.fill(store, caller)
    viewer = sign_in("viewer", name="vic")
    assert "What you do about it" not in viewer.get("/p/flights/alerts/alert-1").text
    client = sign_in("engineer", name="eve")
    shown = client.get("/p/flights/alerts/alert-1").text
    token = re.search(r'name="form_token" value="([0-9a-f]{64})"', shown)
    assert token is not None
    form = {"form_token": token[1]} | {"note": "The feed is mended.", "duration": "2d"}
    for do, state in (("acknowledge", "acknowledged"), ("snooze", "snoozed"), ("resolve", "resolved")):
        answer = client.post("/p/flights/alerts/alert-1/answer", data=form | {"do": do})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/p/flights/alerts/alert-1")
        after = client.get("/p/flights/alerts/alert-1").text
        assert state in after
        assert "The feed is mended." in after
        check_safe(after, answer.headers)
    assert "What you do about it" not in after


def test_a_form_route_outside_the_pages_does_not_start(store: Store) -> None:
    @post("/api/v1/x", opt={"permission": access.Permission.READ, "form": True}, sync_to_thread=False)
    def wrong() -> None:
        """Takes the cookie where programs call."""

    with pytest.raises(RuntimeError, match="is no page"):
        app.build(store, [wrong])


def test_static_files_are_served_by_their_content(client: Client) -> None:
    text = client.get("/login").text
    for address in re.findall(r"/static/[a-z.]+\?v=[0-9a-f]{12}", text):
        answer = client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert len(answer.content) < 20_000
        assert re.search(rb"@import|https?://(?!www\.w3\.org/)", answer.content) is None
    assert client.get("/static/page.py").status_code == 404


def test_a_line_has_gaps_where_nothing_was_measured() -> None:
    drawn = sparkline.svg([0.1, 0.2, None, 0.3], 0.2)
    assert drawn.count("<polyline") == 2
    assert "0.1, 0.2, –, 0.3; limit 0.2" in drawn
    assert "<polyline" not in sparkline.svg([None], 0.0)
    assert "nothing measured" in sparkline.svg([], 1.0)


def test_the_endpoints_page_says_which_scorer_refuses_what_and_why(
    store: Store, caller: CallerOf, sign_in: SignIn
) -> None:
    web_project.fill(store, caller)
    number = endpoints.status(store, caller(), "late").endpoint.rollout
    said = {"rollouts": {"late": number}, "refused": {"late": {"number": number, "reason": f"Too big. {HOSTILE}"}}}
    endpoints.report(store, caller("scorer"), "scorer-9", said, 1)
    shown = sign_in("viewer").get("/p/flights/endpoints/late").text
    assert f"scorer-9 does not take rollout {number}: Too big." in shown
    assert HOSTILE not in shown
