"""The scorer's benchmark, as `podium bench scorer` runs it."""

from collections.abc import Sequence

from podium.cli.bench import command


def main(arguments: Sequence[str]) -> int:
    """Run it with these options; 0 is success."""
    return int(command.app(["scorer", *arguments], standalone_mode=False) or 0)
