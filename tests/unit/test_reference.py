"""The reference says what the code says, and leaves nothing out."""

import msgspec
import pytest
from tools import commands, event_kinds, events, markdown, reference, routes, settings

from podium.core import config, project

TABLES = [project.Project, *(kind for _, kind in settings.tables(project.Project))]
COMMANDS = [(words, command) for words, command in commands.tree() if not commands.is_group(command)]


def test_every_page_is_as_the_code_makes_it() -> None:
    assert reference.differing() == [], "run: make docs"


@pytest.mark.parametrize("kind", [config.Config, *TABLES], ids=lambda kind: kind.__name__)
def test_every_setting_and_key_says_what_it_means(kind: type[msgspec.Struct]) -> None:
    documented = markdown.of_fields(kind)
    assert [field.name for field in msgspec.structs.fields(kind) if field.name not in documented] == []


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
def test_every_command_has_help_an_example_and_options_that_say_what_they_do(
    words: tuple[str, ...], command: object
) -> None:
    text, example = commands.help_of(command)
    assert text
    assert example.startswith(f"podium {' '.join(words)}")
    assert commands.silent_options(command) == []


def test_every_kind_of_event_has_a_meaning_and_is_recorded() -> None:
    assert {kind.name for kind in events.found()} == set(event_kinds.MEANING)


def test_every_consequence_follows_a_kind_that_is_recorded() -> None:
    recorded = {kind.name for kind in events.found()}
    states = {name.partition(".")[0] for name in recorded if name.endswith("<state>")}
    assert [kind for kind in events.follow() if kind not in recorded and kind.partition(".")[0] not in states] == []
    assert events.follow()


def test_every_route_says_what_it_does() -> None:
    found = routes.every()
    assert len(found) > 50
    assert [
        (one.method, one.path) for one in found if one.path.startswith("/api/") and not markdown.first(one.handler)
    ] == []
