"""Every command that the README and the guides show is run, in their order, in one empty folder."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import msgspec
import pytest
from tools import commands

from tests import ports

ROOT = Path(__file__).parents[2]
GUIDES = (
    "data-scientist",
    "validator",
    "business-owner",
    "modelops-engineer",
    "auditor",
    "integrator",
    "check",
    "other-models",
    "several-classes",
)
"""In the order in which one goes on from the other."""
PAGES = (ROOT / "README.md", *(ROOT / "docs" / "guide" / f"{name}.md" for name in GUIDES))
MOST_NOT_RUN = 2
_BLOCK = re.compile(r"(?:<!-- (?P<mark>[^\n]*?) -->\n)?```console\n(?P<text>.*?)```", re.DOTALL)
_INLINE = re.compile(r"`(podium [a-z][^`\n]*)`")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
_END = "the-command-has-ended"
_UP_S = 120.0


class Block(msgspec.Struct, frozen=True):
    """A block of commands, and the mark before it."""

    page: str
    mark: str
    commands: tuple[str, ...]


def blocks(page: Path) -> Iterator[Block]:
    """A page's blocks. A command begins with `$ ` and goes on in lines that begin with `> `."""
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        found: list[str] = []
        for line in match["text"].splitlines():
            if line.startswith("$ "):
                found.append(line[2:])
            elif line.startswith(">"):
                found[-1] += "\n" + line[2:]
        yield Block(page.name, match["mark"] or "", tuple(found))


class Shell:
    """One bash for all pages, as a reader would have it open."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> tuple[int, str]:
        """The exit code and what was printed."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f'{command}\nprintf "\\n%s %s\\n" {_END} $?\n')
        self._bash.stdin.flush()
        printed: list[str] = []
        for line in self._bash.stdout:
            if line.startswith(_END):
                return int(line.split()[1]), "".join(printed)
            printed.append(line)
        return self._bash.wait(), "".join(printed)

    def close(self) -> None:
        self._bash.communicate(timeout=30)


class Background:
    """What stays running: `podium up`, until the end of the test."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, command: str) -> None:
        with (self._folder / "up.log").open("wb") as log:
            self._process = subprocess.Popen(
                shlex.split(command), cwd=self._folder, env=dict(self._environment), stdout=log, stderr=log
            )
        deadline = time.monotonic() + _UP_S
        paths = {"PODIUM_PORT": "/healthz", "PODIUM_SCORER_PORT": "/v2/health/live"}
        for port, path in paths.items():
            while not _answers(f"http://127.0.0.1:{self._environment[port]}{path}"):
                assert time.monotonic() < deadline, (self._folder / "up.log").read_text()
                time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=40)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1.0).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    port, scorer_port, grpc_port = ports.free(3)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PODIUM_PORT": str(port),
        "PODIUM_SCORER_PORT": str(scorer_port),
        "PODIUM_GRPC_PORT": str(grpc_port),
        "COLUMNS": "160",
        "PWD": str(tmp_path),
    }


@pytest.mark.timeout(900)
def test_every_command_of_the_pages_works_in_order(tmp_path: Path, environment: dict[str, str]) -> None:
    shell, background = Shell(tmp_path, environment), Background(tmp_path, environment)
    try:
        for block in (block for page in PAGES for block in blocks(page)):
            if block.mark.startswith("not run: "):
                continue
            for command in block.commands:
                if block.mark == "stays running":
                    background.start(command)
                    continue
                code, printed = shell.run(command)
                assert code == 0, f"{block.page}: $ {command}\n{printed}"
                assert "Traceback" not in printed, f"{block.page}: $ {command}\n{printed}"
    finally:
        shell.close()
        background.stop()


def test_few_blocks_are_not_run() -> None:
    marks = [block.mark for page in PAGES for block in blocks(page)]
    assert sum(mark.startswith("not run: ") for mark in marks) <= MOST_NOT_RUN
    assert [mark for mark in marks if mark and not mark.startswith("not run: ") and mark != "stays running"] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    known = dict(commands.tree())
    text = page.read_text(encoding="utf-8")
    shown = [
        line for block in blocks(page) for one in block.commands for line in re.findall(r"podium [a-z][^|)]*", one)
    ]
    assert [line for line in (*_INLINE.findall(text), *shown) if _problem(line, known)] == []


def _problem(line: str, known: Mapping[tuple[str, ...], object]) -> bool:
    """Whether a line names a command or an option that does not exist."""
    words = line.split()[1:]
    path = next((tuple(words[:size]) for size in (2, 1) if tuple(words[:size]) in known), ())
    if not path or (commands.is_group(known[path]) and len(words) > 1):
        return True
    return any(word not in commands.options(known[path]) for word in words if word.startswith("--"))


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    images = {"docs/images/report.png"}
    assert [link for link in links if link not in images and not (page.parent / link).exists()] == []
