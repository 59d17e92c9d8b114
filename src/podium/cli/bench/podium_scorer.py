"""Podium's own scorer under measurement: a real `podium scorer` process that serves from a folder alone."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from podium.cli.bench import folder as folders
from podium.cli.bench import process
from podium.cli.bench.model import Model
from podium.core.config import Config
from podium.core.rollout import Durability
from podium.server import settings


@contextmanager
def serving(
    place: Path,
    models: Sequence[Model],
    durability: Durability,
    *,
    more: Sequence[str] = (),
    on: Sequence[int] = (),
    home: Path | None = None,
) -> Iterator[process.Process]:
    """A scorer of these models, ready. `more`: further options of the command; `on`: its cores; `home`: its user's."""
    folders.prepare(place / "scorer", models, durability)
    command = [sys.executable, "-m", "podium.cli.main", "scorer", "--project", folders.PROJECT]
    command += ["--folder", str((place / "scorer").resolve()), "--port", "0", *more]
    environment = settings.as_environment(Config(home=str(place.resolve())))
    environment |= {"HOME": str(home)} if home else {}
    with process.serving(command, log=place / "scorer.log", environment=environment, folder=place, on=on) as made:
        made.listening()
        yield made


def path(name: str = folders.ENDPOINT) -> str:
    return f"/v2/models/{name}/infer"


def arrow_path(name: str = folders.ENDPOINT) -> str:
    return f"/endpoints/{name}/invocations"
