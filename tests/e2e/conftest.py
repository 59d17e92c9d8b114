"""What several end-to-end tests may ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.scoring.shadow.queue import Shadows
from tests import scoring_kit as kit
from tests.shadow_kit import LIMITS, Parts, adopt


@pytest.fixture
def shadowed(tmp_path: Path) -> Parts:
    """A board whose endpoint has a shadow with the champion's signature."""
    return adopt(tmp_path, kit.write_bundle)


@pytest.fixture
def shadows(shadowed: Parts) -> Iterator[Shadows]:
    """Its shadows."""
    made = Shadows(shadowed.board.serving, shadowed.kept, LIMITS, shadowed.counts)
    yield made
    made.close()
