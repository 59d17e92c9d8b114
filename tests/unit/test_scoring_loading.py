"""A bundle that changes on the disk while it is loaded is not served."""

import shutil
from pathlib import Path

import pytest

from podium.core import digest
from podium.core.errors import Refused
from podium.scoring import loading, proof
from tests import scoring_kit as kit


class Changing(proof.Proofs):
    """Another process changes the bundle's files after they were verified."""

    def __init__(self, target: Path, other: Path) -> None:
        super().__init__()
        self._target, self._other = target, other

    def prove(self, folder: Path, named: str, limits: proof.Limits) -> None:
        super().prove(folder, named, limits)
        for path in self._other.iterdir():
            if path.name != "manifest.json":
                shutil.copy(path, self._target / path.name)


def test_files_that_change_between_the_check_and_the_loading_are_refused(tmp_path: Path) -> None:
    """Model and golden rows are those of another version, which answers its own golden rows well."""
    named, other = kit.write_bundle(tmp_path, -1.0), kit.write_bundle(tmp_path, -2.0)
    folders = {each: tmp_path / "bundles" / each.removeprefix(digest.PREFIX) for each in (named, other)}
    limits = proof.Limits(proven=tmp_path / "proven")
    document = kit.document(1, kit.route("champion", 1, named))
    loading.load(document, folders.__getitem__, kit.PUBLIC, limits, proof.Proofs())
    with pytest.raises(Refused, match="not what its manifest says"):
        loading.load(document, folders.__getitem__, kit.PUBLIC, limits, Changing(folders[named], folders[other]))
