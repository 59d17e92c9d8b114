"""Writes docs/reference from the code, so that what it says is what runs: `python -m tools.reference`.

`python -m tools.reference --check` changes nothing and ends with 1 when a page differs from the code.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tools import commands, events, faults, metrics, routes, settings

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
_NOTE = "<!-- Written from the code by `make docs`; change the code, not this page. -->\n\n"

PAGES: Mapping[str, Callable[[], str]] = {
    "cli.md": commands.page,
    "settings.md": settings.settings,
    "project-file.md": settings.project_file,
    "errors.md": settings.errors,
    "events.md": events.page,
    "metrics.md": metrics.page,
    "permissions.md": routes.permissions,
    "api.md": routes.api,
    "faults.md": faults.page,
}


def made() -> dict[str, str]:
    """The text of every page, by file name."""
    return {name: _NOTE + page().rstrip() + "\n" for name, page in PAGES.items()}


def differing() -> list[str]:
    """The names of pages that are missing, or that do not say what the code says."""
    return [
        name
        for name, text in made().items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_text(encoding="utf-8") != text
    ]


def write() -> None:
    """Write every page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in made().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    if "--check" not in arguments:
        write()
        return 0
    stale = differing()
    if stale:
        sys.stderr.write(f"docs/reference differs from the code: {', '.join(stale)}. Run: make docs\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
