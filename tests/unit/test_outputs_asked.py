"""An output that the model has not is refused before anything is scored, in every form of a request."""

import json
from typing import Any

import msgspec
import pytest

from podium.core.errors import Invalid
from podium.core.signature import Signature, Task
from podium.scoring import codec
from podium.scoring.protocols import binary, oip, outputs
from podium.scoring.protocols.grpc import infer, messages
from tests import artifacts
from tests import scoring_kit as kit

BINARY = artifacts.SIGNATURE
CLASSES = msgspec.structs.replace(BINARY, task=Task.MULTICLASS, classes=("a", "b", ""))
ABSENT = [(BINARY, "class"), (BINARY, "p.x"), (BINARY, "p."), (CLASSES, "p.nothere"), (CLASSES, "p"), (CLASSES, "")]
THERE = [(BINARY, "decision"), (BINARY, "referred"), (CLASSES, "class"), (CLASSES, "p.a"), (CLASSES, "p.")]


def asked(signature: Signature) -> codec.Asked:
    return codec.Asked("delay", signature, {}, lambda prefix: f"{prefix}-new")


def in_json(signature: Signature, names: list[str]) -> Any:
    body = kit.tensors(outputs=[{"name": name} for name in names])
    return oip.read(body, lambda prefix: prefix, signature).wanted


def in_binary(signature: Signature, names: list[str]) -> Any:
    header = json.dumps(kit.tensors(outputs=[{"name": name, "parameters": {"binary_data": True}} for name in names]))
    given = codec.Asked("delay", signature, {binary.HEADER: str(len(header))}, lambda prefix: prefix)
    return binary.read(header.encode(), given).wanted


def in_grpc(signature: Signature, names: list[str]) -> Any:
    made = messages.ModelInferRequest(model_name="delay")
    for name, values in kit.ROWS.items():
        kind = "fp64_contents" if name == "distance" else "int64_contents"
        tensor = made.inputs.add(name=name, datatype="FP64" if name == "distance" else "INT64", shape=[len(values)])
        getattr(tensor.contents, kind).extend(values)
    for name in names:
        made.outputs.add(name=name)
    return infer.Heads().read(made, asked(signature)).wanted


FORMS = (in_json, in_binary, in_grpc)


@pytest.mark.parametrize(("signature", "name"), ABSENT)
@pytest.mark.parametrize("form", FORMS)
def test_one_that_is_not_there_is_refused_and_those_there_are_told(form: Any, signature: Signature, name: str) -> None:
    with pytest.raises(Invalid, match="no such output") as caught:
        form(signature, ["score", name])
    assert caught.value.field == "outputs[1].name"
    told = "Ask for score, decision, prediction_id, version, referred"
    assert caught.value.fix == told + (", class or p.<class>: p.a, p.b, p.." if signature is CLASSES else ".")


@pytest.mark.parametrize(("signature", "name"), THERE)
@pytest.mark.parametrize("form", FORMS)
def test_one_that_may_be_there_is_taken(form: Any, signature: Signature, name: str) -> None:
    """A version that decides may follow one that does not: who asks for a decision need not know."""
    assert [each for each, _ in form(signature, [name]).names] == [name]


def test_of_very_many_classes_some_are_told() -> None:
    labels = [f"class {at}" * 50 for at in range(1000)]
    with pytest.raises(Invalid) as caught:
        outputs.check(["nothing"], [False], labels)
    assert str(caught.value.fix).endswith(" and 980 more.")
    assert len(str(caught.value.fix)) < 3000
