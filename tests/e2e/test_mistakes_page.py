"""The page of a window's errors, of a model with thirty features: short on the screen, whole on paper."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar, Response, get

from podium.core import mistakes, run, window
from podium.server import serve
from podium.server.web import page, static
from tests import browser
from tests.e2e import test_check_page

DAY_US = 86_400_000_000
NAMES = tuple(f"a_feature_with_a_name_{at}" for at in range(30))
TELLING = NAMES[17]


def found(features: dict[str, bool | float | str | None] | None) -> mistakes.Mistakes:
    span = window.Window(0, 7 * DAY_US)
    excess = run.Interval(value=0.25, low=0.2, high=0.3, rows=700)
    worst = [
        mistakes.Mistake(
            prediction_id=f"p-{at}", at_us=at, score=0.9, decision=True, outcome=0.0, loss=2.5, features=features
        )
        for at in range(20)
    ]
    return mistakes.Mistakes(
        endpoint="delay",
        version=2,
        window=span,
        of=span,
        measure="log_loss",
        rows=2_800,
        waiting=0,
        searched=2_800,
        loss=0.7,
        worst=tuple(worst),
        features=(mistakes.Teller(feature=TELLING, share=0.1, worst="high", loss=1.0, rows=600, p_value=1e-9),),
        quiet=29,
        segments=(
            mistakes.Segment(
                where="high", rows=700, loss=0.9, elsewhere=0.65, excess=excess, p_value=1e-9, expected=0.6
            ),
        ),
    )


@get("/many", sync_to_thread=False)
def many(request: page.WebRequest) -> Response[str]:
    return page.render(request, "mistakes.html", found=found({name: 12.345678 for name in NAMES}))


@get("/few", sync_to_thread=False)
def few(request: page.WebRequest) -> Response[str]:
    return page.render(request, "mistakes.html", found=found({"wind": 3.0, "carrier": None, "late": True}))


@get("/none", sync_to_thread=False)
def none(request: page.WebRequest) -> Response[str]:
    return page.render(request, "mistakes.html", found=found(None))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    listener = serve.bind("127.0.0.1", 0)
    server = serve.server(Litestar([many, few, none, static.static_file]), "warning")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[browser.Tab]:
    chromium = browser.installed()
    if chromium is None:
        pytest.fail("no Chromium") if os.environ.get("CI") else pytest.skip("no Chromium")
    with browser.tab(str(chromium), tmp_path / "profile") as opened:
        yield opened


def shown(tab: browser.Tab, width: int, media: str = "") -> Any:
    tab.call("Emulation.setEmulatedMedia", media=media)
    tab.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert tab.value(test_check_page.CUT) == ""
    return tab.value("document.documentElement.scrollHeight")


@pytest.mark.parametrize("width", [800, 1280])
def test_twenty_rows_of_thirty_features_are_no_long_way_down(address: str, tab: browser.Tab, width: int) -> None:
    """They were 14,500 pixels at 800."""
    tab.open(f"{address}/many")
    assert shown(tab, width) < 2_800
    first = tab.value("document.querySelector('.cell summary').innerText")
    assert first.startswith(f"{TELLING} 12.35, {NAMES[0]} 12.35,")
    assert first.endswith("and 27 more")
    hidden = "document.querySelector('.cell').innerText.includes('{}')"
    assert tab.value(hidden.format(NAMES[29])) is False
    tab.value("document.querySelector('.cell summary').click()")
    assert tab.value(hidden.format(NAMES[29])) is True
    assert tab.errors == []


def test_paper_has_every_feature(address: str, tab: browser.Tab) -> None:
    tab.open(f"{address}/many")
    closed = shown(tab, test_check_page.PAPER)
    assert shown(tab, test_check_page.PAPER, "print") > closed + 20 * 30
    assert tab.value("getComputedStyle(document.querySelector('.cell .rest')).display") == "none"


def test_few_features_are_all_there(address: str, tab: browser.Tab) -> None:
    tab.open(f"{address}/few")
    assert tab.value("document.querySelectorAll('details').length") == 0
    assert tab.value("document.querySelector('.under').innerText") == "wind 3, carrier missing, late true"
    tab.open(f"{address}/none")
    assert tab.value("document.querySelectorAll('.under').length") == 0
