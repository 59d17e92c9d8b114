"""What commands print is what was said: brackets in people's own words are no markup, and figures can be read."""

import re
from pathlib import Path

import pytest
from rich.text import Text

from podium.cli import console, provenance, runs


def test_brackets_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("It takes [costs]; see [/nowhere] and data[1].csv")
    console.table([], ("a",), [], empty="estimated_drop in [monitor] asks.")
    console.table([1], ("a",), [("[bold]",)])
    console.say(Text("[dim]", style="dim"))
    assert capsys.readouterr().out.splitlines() == [
        "It takes [costs]; see [/nowhere] and data[1].csv",
        "estimated_drop in [monitor] asks.",
        "a     ",
        "[bold]",
        "[dim]",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"value": 0.7922166590805644, "low": 0.6396, "high": 0.8365331, "rows": 338}, "0.79222  [0.6396, 0.83653]"),
        ("sha256:e0063383cdbae6a36b2543dcb6d78fb4d7c9f98ee303422b7b3dfff2c7c4b96c", "e0063383cdba"),
        (0.1 + 0.2, "0.3"),
        (40, "40"),
        ("1.7.2", "1.7.2"),
        (None, ""),
    ],
)
def test_what_differs_between_runs_is_short(value: object, shown: str) -> None:
    assert runs._cell(value) == shown


def test_lineage_knows_every_noun_of_the_record() -> None:
    source = Path(provenance.__file__).parents[1]
    nouns = {noun for path in source.rglob("*.py") for noun in re.findall(r'Subject\("([a-z-]+)"', path.read_text())}
    assert len(nouns) > 15
    assert nouns - {"user", "token"} == set(provenance._KNOWN)
