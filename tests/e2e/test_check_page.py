"""The page of `podium check` on screens of 1,200 and 800 pixels and on paper: nothing is cut off at the right."""

import base64
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet
import pytest

from tests import browser
from tests.e2e import test_check

PAPER = 703
"""Pixels of an A4 page between margins of 12 mm."""
CUT = """[...document.querySelectorAll('.wide, .pictures, ul, p, h1')]
    .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.innerText.slice(0, 60)).join(' | ')"""


def table(rows: int, *, moved: bool) -> pyarrow.Table:
    """Long names, long words, large numbers, gaps; predictions that turn round."""
    random = numpy.random.default_rng(1)
    words = [f"a long word for category {each}" for each in range(8)]
    columns = {
        f"a_rather_long_name_of_a_feature_{each}": random.lognormal(10, 2, rows) * (2.54 if moved and each < 3 else 1)
        for each in range(8)
    }
    columns["kind"] = random.choice([*words, "something entirely new"] if moved else words, rows)
    columns["gaps"] = numpy.where(random.random(rows) < (0.3 if moved else 0.01), numpy.nan, random.normal(size=rows))
    score = random.random(rows)
    columns["score"] = score
    columns["bought"] = (random.random(rows) < (1 - score if moved else score)).astype(int)
    return pyarrow.table(columns)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    for name, moved in (("before", False), ("now", True)):
        pyarrow.parquet.write_table(table(4_000, moved=moved), folder / f"{name}.parquet")
    asked = ["--target", "bought", "--prediction", "score", "--groups", "kind", "--slices", "kind"]
    asked += ["--slices", "a_rather_long_name_of_a_feature_3", "--html", "report.html"]
    test_check.run(folder, "before.parquet", "now.parquet", *asked, code=1)
    return folder / "report.html"


@pytest.fixture
def tab(report: Path, tmp_path: Path) -> Iterator[browser.Tab]:
    chromium = browser.installed()
    if chromium is None:
        pytest.fail("no Chromium") if os.environ.get("CI") else pytest.skip("no Chromium")
    with browser.tab(str(chromium), tmp_path / "profile") as opened:
        opened.open(report.as_uri())
        yield opened


@pytest.mark.parametrize(("width", "media"), [(1200, ""), (800, ""), (PAPER, "print")])
def test_nothing_is_cut_off(tab: browser.Tab, width: int, media: str) -> None:
    tab.call("Emulation.setEmulatedMedia", media=media)
    tab.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    assert tab.value("document.querySelectorAll('.wide').length") >= 4
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert tab.value(CUT) == ""
    assert tab.errors == []


def test_on_paper_small_words_are_small_and_heads_come_again(tab: browser.Tab) -> None:
    tab.call("Emulation.setEmulatedMedia", media="print")
    size = "parseFloat(getComputedStyle(document.querySelector('{}')).fontSize)"
    assert tab.value(size.format("td small")) <= tab.value(size.format("td.said"))
    assert tab.value("getComputedStyle(document.querySelector('thead')).display") == "table-header-group"
    paper = base64.b64decode(tab.call("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert paper.startswith(b"%PDF")
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", paper + _inflated(paper))
    assert box is not None
    assert [round(float(each)) for each in box.groups()] == [595, 842], "A4 as it stands"


def test_on_a_telephone_tables_scroll_and_the_page_does_not(tab: browser.Tab) -> None:
    tab.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=False)
    assert tab.value("document.documentElement.scrollWidth") <= 390


def _inflated(paper: bytes) -> bytes:
    """The compressed parts of a PDF, where it is an objects' stream."""
    found = b""
    for part in re.findall(rb"stream\r?\n(.*?)endstream", paper, re.DOTALL):
        try:
            found += zlib.decompress(part)
        except zlib.error:
            continue
    return found
