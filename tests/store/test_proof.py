"""A bundle is proven in this process before it may be registered."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from podium.bundle import golden
from podium.bundle.explain import table
from podium.core import bundle, digest, run
from podium.core.errors import Refused
from podium.core.review import Band
from podium.deploy.packaging import evidence, proof
from tests import artifacts


def finished(**changes: object) -> run.Run:
    item = run.Run(
        id="run-1",
        project="flights",
        model="delay",
        number=1,
        state=run.RunState.FINISHED,
        dataset=digest.of_bytes(b"data"),
        spec_digest=digest.of_bytes(b"spec"),
        params={},
        seed=0,
        code=run.Code(source_digest=digest.of_bytes(b"code")),
        reason="first",
        created_us=1,
        created_by="ada",
        finished_us=2,
        result=artifacts.result({}),
    )
    return msgspec.structs.replace(item, **changes)


def test_the_same_run_gives_the_same_bundle(tmp_path: Path) -> None:
    manifest = proof.describe(finished(), artifacts.result({}))
    first = proof.prove(tmp_path / "a", manifest, artifacts.files())
    second = proof.prove(tmp_path / "b", manifest, artifacts.files())
    assert first.digest == second.digest
    assert first.refusal is None
    assert first.difference <= 1e-12
    assert {file.path for file in first.manifest.files} == {bundle.MODEL, bundle.GOLDEN, bundle.REFERENCE}
    assert first.manifest.threshold == 0.4


def test_a_form_that_answers_differently_is_refused_with_its_difference(tmp_path: Path) -> None:
    rows, expected = golden.decode(artifacts.SIGNATURE, artifacts.files()[bundle.GOLDEN])
    wrong = golden.encode(artifacts.SIGNATURE, rows, expected + np.where(np.arange(len(expected)) == 3, 0.01, 0.0))
    files = artifacts.files() | {bundle.GOLDEN: wrong}
    proven = proof.prove(tmp_path / "bundle", proof.describe(finished(), artifacts.result({})), files)
    assert proven.refusal is not None
    assert "0.01" in proven.refusal
    assert proven.difference == pytest.approx(0.01)


def test_a_form_over_the_tolerance_in_training_is_refused(tmp_path: Path) -> None:
    worse = msgspec.structs.replace(
        artifacts.result({}), parity=msgspec.to_builtins(artifacts.parity(max_abs_error=0.02))
    )
    proven = proof.prove(tmp_path / "bundle", proof.describe(finished(), worse), artifacts.files())
    assert proven.refusal is not None
    assert "Training measured" in proven.refusal


def test_an_explanation_that_adds_up_goes_into_the_bundle_as_evidence(tmp_path: Path) -> None:
    manifest = proof.describe(finished(), artifacts.result({}))
    proven = proof.prove(tmp_path / "a", manifest, artifacts.files() | artifacts.explanation())
    assert proven.refusal is None
    assert {table.ENCODER, table.FILE} <= {file.path for file in proven.manifest.files}
    assert proven.explanation is not None
    assert proven.explanation < 1e-12
    assert evidence.explained(proven) == {"explanation": {"exact": True, "max_abs_error": proven.explanation}}
    without = proof.prove(tmp_path / "b", manifest, artifacts.files())
    assert evidence.explained(without) == {}


def test_an_explanation_of_another_score_is_refused(tmp_path: Path) -> None:
    manifest = proof.describe(finished(), artifacts.result({}))
    wrong = artifacts.files() | artifacts.explanation(bias=-1.01)
    refusal = proof.prove(tmp_path / "a", manifest, wrong).refusal
    assert refusal is not None
    assert "add up to other scores" in refusal


def test_the_band_for_people_is_part_of_what_is_approved(tmp_path: Path) -> None:
    plain = artifacts.result({})
    banded = [msgspec.structs.replace(plain, review=Band(low=low, high=0.6), referred=0.1) for low in (0.3, 0.35)]
    made = [
        proof.prove(tmp_path / str(at), proof.describe(finished(), each), artifacts.files())
        for at, each in enumerate((plain, *banded))
    ]
    assert len({one.digest for one in made}) == 3
    assert [one.manifest.band for one in made] == [None, Band(low=0.3, high=0.6), Band(low=0.35, high=0.6)]
    assert b"review" not in digest.canonical(made[0].manifest)  # bundles from before keep their digests
    assert evidence.contents(banded[0], artifacts.parity())["review"] == {"low": 0.3, "high": 0.6, "share": 0.1}


def test_a_run_without_parity_cannot_be_packaged() -> None:
    without = msgspec.structs.replace(artifacts.result({}), parity={})
    with pytest.raises(Refused, match="no proof"):
        proof.describe(finished(), without)


def test_evidence_stands_under_the_names_that_gates_see() -> None:
    found = evidence.contents(artifacts.result({}), artifacts.parity())
    assert found["metrics"]["test"]["auc"]["value"] == 0.75
    assert found["parity"]["max_abs_error"] == 1e-9
    assert found["latency"]["one_row_us"] == 45.0
    assert found["cost"] == {"model": 0.2, "never": 0.5, "always": 0.6}
    assert found["rows"] == {"train": 700, "validation": 150, "test": 150}
    assert found["slices"]["origin"]["JFK"]["auc"]["low"] == 0.7
    assert evidence.of_champion(3, found)["metrics"] == found["metrics"]
