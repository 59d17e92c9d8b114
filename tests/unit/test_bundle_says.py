"""A manifest that contradicts itself is refused when a bundle is packaged or loaded."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from podium.bundle import read
from podium.core import bundle
from podium.core.errors import Refused
from podium.core.review import Band
from podium.core.signature import Task
from podium.deploy.packaging import proof
from tests import odd_models as odd

FILES = {bundle.MODEL: odd.graph(odd.SCALED, odd.SCALE)}
_CLASSES = msgspec.structs.replace(odd.SIGNATURE, task=Task.MULTICLASS, classes=("a", "b", "c"))
_TWICE = msgspec.structs.replace(_CLASSES, classes=("a", "a", "b"))
BAND = Band(low=0.2, high=0.6)
WRONG = {
    "a class twice": ({"signature": _TWICE, "threshold": None}, "a class twice"),
    "a band without a threshold": ({"review": BAND, "threshold": None}, "no threshold"),
    "a band of several classes": ({"review": BAND, "signature": _CLASSES, "threshold": None}, "several classes"),
    "a band from its end to its beginning": ({"review": Band(low=0.6, high=0.2)}, "ends below"),
}


@pytest.mark.parametrize(("changes", "why"), WRONG.values(), ids=WRONG)
def test_what_contradicts_itself_is_refused(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    described = odd.manifest(**changes)
    named = odd.write_bundle(tmp_path, FILES, described)
    with pytest.raises(Refused, match=why):
        read.verify(odd.at(tmp_path, named), named)
    with pytest.raises(Refused, match=why):
        proof.prove(tmp_path / "packaged", described, FILES)


@pytest.mark.parametrize("changes", [{}, {"review": BAND}, {"signature": _CLASSES, "threshold": None}])
def test_what_does_not_is_taken(tmp_path: Path, changes: dict[str, Any]) -> None:
    named = odd.write_bundle(tmp_path, FILES, odd.manifest(**changes))
    assert read.verify(odd.at(tmp_path, named), named).project
