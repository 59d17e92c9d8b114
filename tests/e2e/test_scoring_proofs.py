"""Versions prove themselves one after the other in one process, and a bad one harms no other."""

import os
import resource
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from podium.bundle import write
from podium.core import digest
from podium.core.errors import Refused
from podium.scoring.proof import Limits, Proofs
from tests import scoring_kit as kit
from tests.faults import bad_versions


@pytest.fixture
def proofs() -> Iterator[Proofs]:
    made = Proofs()
    yield made
    made.rest()


def good(folder: Path, bias: float) -> str:
    named = kit.write_bundle(folder, bias)
    (folder / "proven" / named.removeprefix(digest.PREFIX)).unlink()
    return named


def bad(folder: Path, kind: str) -> str:
    files: Mapping[str, bytes] = next(each for each in bad_versions.KINDS if each.name == kind).files()
    named = write.seal(kit.manifest(), files)[0]
    write.write(folder / "bundles" / named.removeprefix(digest.PREFIX), kit.manifest(), files)
    return named


def provers() -> list[int]:
    """The processes that prove for this one."""
    return [each.pid for each in psutil.Process().children() if "podium.scoring.proving" in each.cmdline()]


def where(folder: Path, named: str) -> Path:
    return folder / "bundles" / named.removeprefix(digest.PREFIX)


def test_many_prove_themselves_in_one_process_which_ends_when_no_more_come(tmp_path: Path, proofs: Proofs) -> None:
    limits = Limits(proven=tmp_path / "proven")
    processes = set()
    for bias in (-1.0, -1.5, -2.0):
        named = good(tmp_path, bias)
        proofs.prove(where(tmp_path, named), named, limits)
        assert (tmp_path / "proven" / named.removeprefix(digest.PREFIX)).exists()
        processes |= set(provers())
    assert len(processes) == 1
    proofs.rest()
    assert not provers()
    proofs.prove(where(tmp_path, named), named, limits)
    assert not provers(), "it is noted, so nobody is asked"


def test_who_breaks_the_process_is_found_and_the_next_one_is_taken(tmp_path: Path, proofs: Proofs) -> None:
    limits = Limits()
    first, second, broken = good(tmp_path, -1.0), good(tmp_path, -2.0), bad(tmp_path, "an engine that crashes")
    proofs.prove(where(tmp_path, first), first, limits)
    with pytest.raises(Refused, match="its process ended by signal") as refused:
        proofs.prove(where(tmp_path, broken), broken, limits)
    assert refused.value.field == "engine"
    proofs.prove(where(tmp_path, second), second, limits)


def test_each_has_its_own_time_and_is_blamed_for_itself_only(tmp_path: Path, proofs: Proofs) -> None:
    first, second = good(tmp_path, -1.0), good(tmp_path, -2.0)
    hanging, wrong = bad(tmp_path, "an engine that never ends"), bad(tmp_path, "golden rows answered differently")
    proofs.prove(where(tmp_path, first), first, Limits())
    with pytest.raises(Refused, match="too slow: it does not load"):
        proofs.prove(where(tmp_path, hanging), hanging, Limits(load_seconds=3.0))
    with pytest.raises(Refused, match="answers its golden rows differently"):
        proofs.prove(where(tmp_path, wrong), wrong, Limits())
    proofs.prove(where(tmp_path, second), second, Limits())


def test_a_process_that_was_ended_by_somebody_is_replaced(tmp_path: Path, proofs: Proofs) -> None:
    first, second = good(tmp_path, -1.0), good(tmp_path, -2.0)
    proofs.prove(where(tmp_path, first), first, Limits())
    (process,) = provers()
    os.kill(process, signal.SIGKILL)
    proofs.prove(where(tmp_path, second), second, Limits())
    assert provers() != [process]


def test_a_version_proves_itself_while_thousands_of_connections_are_open(tmp_path: Path, proofs: Proofs) -> None:
    """The pipes to its process have numbers beyond what `select` takes."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, before[1]), before[1]))
    opened = []
    try:
        opened += [os.open(os.devnull, os.O_RDONLY) for _ in range(1500)]
        named = good(tmp_path, -1.0)
        proofs.prove(where(tmp_path, named), named, Limits())
    finally:
        for each in opened:
            os.close(each)
        proofs.rest()
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
