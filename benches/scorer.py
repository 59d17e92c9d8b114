"""The scorer's benchmark, as `podium bench scorer` runs it."""

from collections.abc import Sequence

from podium.cli import console
from podium.cli.bench import command
from podium.core.errors import PodiumError


def main(arguments: Sequence[str]) -> int:
    """Run it with these options; 0 is success."""
    try:
        return int(command.app(["scorer", *arguments], standalone_mode=False) or 0)
    except PodiumError as problem:
        console.fail(problem)
        return 1
