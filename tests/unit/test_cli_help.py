"""Every command says what it does, gives an example of itself, and can answer in JSON; the command line starts fast."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from podium.cli import commands

RUNNING = {"up", "server", "worker", "scorer"}
"""They run until they are stopped: there is no answer to print."""
HEAVY = ("pyarrow", "pandas", "numpy", "onnxruntime", "sqlalchemy", "litestar", "httpx", "sklearn")


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        here = (*path, name)
        if hasattr(command, "commands"):
            yield " ".join(here), command
            yield from _commands(command, here)
        else:
            yield " ".join(here), command


ALL = dict(_commands(typer.main.get_command(commands.app)))
LEAVES = {name: command for name, command in ALL.items() if not hasattr(command, "commands")}


@pytest.mark.parametrize("name", ALL)
def test_a_command_says_what_it_does(name: str) -> None:
    said = (ALL[name].help or "").splitlines()[0]
    assert said.endswith(".")
    assert said[0].isupper()


@pytest.mark.parametrize("name", LEAVES)
def test_a_command_gives_one_example_of_itself(name: str) -> None:
    examples = [line.strip() for line in LEAVES[name].help.splitlines() if line.strip().startswith("Example:")]
    assert len(examples) == 1
    assert examples[0].startswith(f"Example: podium {name}")


@pytest.mark.parametrize("name", sorted(set(LEAVES) - RUNNING))
def test_a_command_can_answer_in_json(name: str) -> None:
    options = {option for parameter in LEAVES[name].params for option in parameter.opts}
    assert "--json" in options


@pytest.mark.parametrize("name", LEAVES)
def test_an_option_says_what_it_is(name: str) -> None:
    options = [parameter for parameter in LEAVES[name].params if parameter.opts[0].startswith("--")]
    assert [option.opts[0] for option in options if not option.help] == []


@pytest.mark.parametrize("name", LEAVES)
def test_an_argument_says_what_it_is_and_stands_in_capitals(name: str) -> None:
    arguments = [parameter for parameter in LEAVES[name].params if parameter.param_type_name == "argument"]
    assert [argument.name for argument in arguments if not (argument.metavar or "").isupper()] == []
    assert [argument.name for argument in arguments if not argument.help] == []


def test_no_two_panels_hold_the_same_command() -> None:
    groups = [name for name in ALL if " " not in name]
    assert len(groups) == len(set(groups))
    assert {"init", "train", "approve", "release", "checks", "status", "doctor", "users"} <= set(groups)


def test_the_command_line_imports_nothing_heavy() -> None:
    asked = f"import sys, podium.cli.commands; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
