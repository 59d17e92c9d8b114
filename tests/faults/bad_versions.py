"""Bad new versions of every kind: made badly, harmed on the way, or not allowed."""

import base64
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from podium.bundle import golden, layout, signing
from podium.core import approval, bundle, digest, rollout
from podium.core.access import Role
from podium.core.rollout import RouteRole
from podium.core.signature import Field, FieldType
from podium.scoring import trust
from podium.store.store import Store
from tests import artifacts
from tests.faults import platform

Files = dict[str, bytes]
LARGEST = 1_000_000
SLOWEST_ROW = 0.5
LONGEST_LOAD = 25.0
_LATER = 4_000_000_000_000_000


class Kind(NamedTuple):
    """A kind: how the files are made, what is different in the manifest, who tampers, and what the reason says."""

    name: str
    why: str
    files: Callable[[], Files] = lambda: artifacts.files(-1.5)
    changes: Mapping[str, Any] = MappingProxyType({})
    tamper: Callable[[Store], platform.Tamper] | None = None


def _with(**changes: bytes) -> Callable[[], Files]:
    return lambda: {**artifacts.files(-1.5), **{name.replace("_", "."): data for name, data in changes.items()}}


def _without(name: str) -> Callable[[], Files]:
    return lambda: {path: data for path, data in artifacts.files(-1.5).items() if path != name}


def _model(nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray[Any, Any]], props: bool = True) -> bytes:
    graph = helper.make_graph(
        nodes,
        "bad",
        [helper.make_tensor_value_info(layout.NUMBERS, TensorProto.DOUBLE, [None, 2])],
        [helper.make_tensor_value_info(layout.SCORE, TensorProto.DOUBLE, [None, None])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if props:
        helper.set_model_props(model, {layout.KEY: msgspec.json.encode(layout.of(artifacts.SIGNATURE)).decode()})
    return bytes(model.SerializeToString())


def _crashing() -> Files:
    """The least whole number divided by −1: the processor raises a signal that no engine catches."""
    least = np.array([np.iinfo(np.int64).min])
    nodes = [
        helper.make_node("ReduceSum", [layout.NUMBERS, "axis"], ["sum"], keepdims=1),
        helper.make_node("Cast", ["sum"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Sub", ["whole", "whole"], ["zero"]),
        helper.make_node("Sub", ["zero", "one"], ["minus"]),
        helper.make_node("Div", ["least", "minus"], ["boom"]),
        helper.make_node("Cast", ["boom"], [layout.SCORE], to=TensorProto.DOUBLE),
    ]
    constants = {"axis": np.array([1]), "one": np.array([1]), "least": least}
    return {**artifacts.files(-1.5), bundle.MODEL: _model(nodes, constants)}


def _turning(turns: int) -> Callable[[], Files]:
    """A model that multiplies a large matrix by itself so many times."""
    nodes = [
        helper.make_node("ReduceSum", [layout.NUMBERS, "axis"], ["sum"], keepdims=1),
        helper.make_node("MatMul", ["sum", "wide"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["columns"], perm=[1, 0]),
        helper.make_node("MatMul", ["columns", "rows"], ["turned0"]),
        *(helper.make_node("MatMul", [f"turned{at}"] * 2, [f"turned{at + 1}"]) for at in range(turns)),
        helper.make_node("MatMul", ["rows", f"turned{turns}"], ["last"]),
        helper.make_node("ReduceSum", ["last", "axis"], [layout.SCORE], keepdims=1),
    ]
    constants = {"axis": np.array([1]), "wide": np.full((1, 1500), 1e-9)}
    return lambda: {**artifacts.files(-1.5), bundle.MODEL: _model(nodes, constants)}


def _looping() -> Files:
    """A model that takes a root as often as a row says."""
    inside = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["on2"]), helper.make_node("Sqrt", ["value"], ["value2"])],
        "turn",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", TensorProto.DOUBLE, None),
        ],
        [
            helper.make_tensor_value_info("on2", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value2", TensorProto.DOUBLE, None),
        ],
    )
    nodes = [
        helper.make_node("ReduceMax", [layout.NUMBERS], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["turns"], to=TensorProto.INT64),
        helper.make_node("Loop", ["turns", "yes", layout.NUMBERS], ["rooted"], body=inside),
        helper.make_node("ReduceSum", ["rooted", "axis"], [layout.SCORE], keepdims=1),
    ]
    return {
        **artifacts.files(-1.5),
        bundle.MODEL: _model(nodes, {"yes": np.array(True), "axis": np.array([1])}),
    }


def _answering(value: float) -> Callable[[], Files]:
    """A model that says the same of everything."""
    nodes = [
        helper.make_node("ReduceSum", [layout.NUMBERS, "axis"], ["sum"], keepdims=1),
        helper.make_node("Sub", ["sum", "sum"], ["zero"]),
        helper.make_node("Add", ["zero", "same"], [layout.SCORE]),
    ]
    constants = {"axis": np.array([1]), "same": np.array([value])}
    return lambda: {**artifacts.files(-1.5), bundle.MODEL: _model(nodes, constants)}


def _unlaid() -> Files:
    nodes = [helper.make_node("Identity", [layout.NUMBERS], [layout.SCORE])]
    return {**artifacts.files(-1.5), bundle.MODEL: _model(nodes, {}, props=False)}


def _wrong_golden() -> Files:
    table = {"distance": np.linspace(100.0, 2000.0, 20), "hour": np.arange(20, dtype=np.float64)}
    return {**artifacts.files(-1.5), bundle.GOLDEN: golden.encode(artifacts.SIGNATURE, table, np.full(20, 0.25))}


_OTHER = msgspec.structs.replace(
    artifacts.SIGNATURE, features=(*artifacts.SIGNATURE.features, Field(name="wind", type=FieldType.NUMBER))
)


def _file(path: str, change: Callable[[bytes], bytes | None]) -> Callable[[Store], platform.Tamper]:
    """Tamper with one file of every bundle that is fetched."""

    def tamper(where: str, body: bytes) -> bytes | None:
        return change(body) if where.endswith(f"/files/{path}") else body

    return lambda _: tamper


def _flipped(body: bytes) -> bytes:
    return body[:-20] + bytes([body[-20] ^ 4]) + body[-19:]


def _document(change: Callable[[Store, rollout.Signed], rollout.Signed]) -> Callable[[Store], platform.Tamper]:
    """Tamper with the rollout document."""

    def of(store: Store) -> platform.Tamper:
        def tamper(where: str, body: bytes) -> bytes:
            if not where.endswith("/rollout"):
                return body
            return msgspec.json.encode(change(store, msgspec.json.decode(body, type=rollout.Signed)))

        return tamper

    return of


def _signed(change: Callable[[rollout.Rollout, Store], Any]) -> Callable[[Store], platform.Tamper]:
    """Another document, genuinely signed: as if the control plane itself were wrong."""

    def again(store: Store, signed: rollout.Signed) -> rollout.Signed:
        changed = change(signed.rollout(), store)
        body = changed if isinstance(changed, bytes) else digest.canonical(changed)
        return rollout.Signed(body=body, signature=store.signer(body), key_id=store.key_id)

    return _document(again)


def _fields(**changes: Any) -> Callable[[Store], platform.Tamper]:
    return _signed(lambda document, _: msgspec.structs.replace(document, **changes))


def _deciding(
    document: rollout.Rollout, approvals: Callable[[rollout.Route], tuple[approval.Approval, ...]]
) -> rollout.Rollout:
    """The newcomer decides a fifth, under a project file that asks for two people's yes."""
    old, new = document.routes
    routes = (
        msgspec.structs.replace(old, weight=0.8, approvals=approvals(old)),
        msgspec.structs.replace(new, role=RouteRole.CANARY, weight=0.2, approvals=approvals(new)),
    )
    return msgspec.structs.replace(document, routes=routes, required=("validator", "owner"))


def _approved(
    document: rollout.Rollout, store: Store, people: tuple[str, str] = ("vera", "omar"), **changes: Any
) -> rollout.Rollout:
    def yes(route: rollout.Route) -> tuple[approval.Approval, ...]:
        given = []
        for role, person in zip((Role.VALIDATOR, Role.OWNER), people, strict=True):
            plain = approval.Approval(
                id=f"approval-{role}",
                project=document.project,
                model=document.model,
                version=route.version,
                digest=route.digest,
                evidence=route.digest,
                environment=document.environment,
                role=role,
                person=person,
                decision=approval.Decision.YES,
                comment="",
                created_us=1,
                expires_us=_LATER,
            )
            plain = msgspec.structs.replace(plain, **changes)
            made = base64.b64encode(store.signer(trust.signed_bytes(plain))).decode()
            given.append(msgspec.structs.replace(plain, signature=made))
        return tuple(given)

    return _deciding(document, yes)


def _by_another_key(_: Store, signed: rollout.Signed) -> rollout.Signed:
    key = signing.make(bytes(32))
    return rollout.Signed(
        body=signed.body,
        signature=signing.sign(key, signed.body),
        key_id=signing.key_id(signing.public(key)),
    )


def _forged(_: Store, signed: rollout.Signed) -> rollout.Signed:
    return msgspec.structs.replace(signed, body=signed.body.replace(b'"weight":1.0', b'"weight":0.9'))


def _backwards(document: rollout.Rollout, _: Store) -> rollout.Rollout:
    return msgspec.structs.replace(document, number=1, created_us=1)


def _heavier(document: rollout.Rollout, _: Store) -> rollout.Rollout:
    first, *others = document.routes
    return msgspec.structs.replace(document, routes=(msgspec.structs.replace(first, weight=0.7), *others))


def _two_champions(document: rollout.Rollout, _: Store) -> rollout.Rollout:
    routes = [msgspec.structs.replace(route, role=RouteRole.CHAMPION, weight=0.5) for route in document.routes]
    return msgspec.structs.replace(document, routes=tuple(routes))


KINDS = (
    Kind(
        "a byte of the model changed on the way", "is not what its manifest says", tamper=_file("model.onnx", _flipped)
    ),
    Kind("an engine that crashes", "ended by signal", _crashing),
    Kind(
        "not approved",
        "no valid approval",
        tamper=_signed(lambda document, _: _deciding(document, lambda _route: ())),
    ),
    Kind("golden rows answered differently", "answers its golden rows differently", _wrong_golden),
    Kind("not ONNX", "cannot load", _with(model_onnx=b"this is no model")),
    Kind("a model cut short", "cannot load", lambda: _with(model_onnx=artifacts.files(-1.5)[bundle.MODEL][:200])()),
    Kind("a model without its layout", "laid out", _unlaid),
    Kind("a signature that the model does not have", "", changes={"signature": _OTHER}),
    Kind("answers that are no numbers", "answers its golden rows differently", _answering(float("nan"))),
    Kind("an engine that never ends", "too slow", _turning(10_000)),
    Kind("a row that takes too long", "too slow: one row", _turning(8)),
    Kind("an engine that a row could keep going", "could keep going for ever", _looping),
    Kind("too big", "too big", _with(reference_json=b'{"padding":"' + b"x" * LARGEST + b'"}')),
    Kind("no model in the bundle", "", _without(bundle.MODEL)),
    Kind("no golden rows in the bundle", "", _without(bundle.GOLDEN)),
    Kind("golden rows that are none", "golden", _with(golden_arrow=b"these are no rows")),
    Kind("a file missing on the way", "does not know this", tamper=_file("model.onnx", lambda _: None)),
    Kind("a manifest changed on the way", "", tamper=_file("manifest.json", _flipped)),
    Kind(
        "a model cut short on the way", "is not what its manifest says", tamper=_file("model.onnx", lambda b: b[:100])
    ),
    Kind("a forged document", "signature", tamper=_document(_forged)),
    Kind("signed by another key", "key that is not trusted", tamper=_document(_by_another_key)),
    Kind(
        "an approval that ran out",
        "no valid approval",
        tamper=_signed(lambda document, store: _approved(document, store, expires_us=2)),
    ),
    Kind(
        "approved by one person in both roles",
        "one and the same person",
        tamper=_signed(lambda document, store: _approved(document, store, ("vera", "vera"))),
    ),
    Kind(
        "approved for another environment",
        "no valid approval",
        tamper=_signed(lambda document, store: _approved(document, store, environment="staging")),
    ),
    Kind("for another environment", "another environment", tamper=_fields(environment="staging")),
    Kind("of another project", "another endpoint or project", tamper=_fields(project="trains")),
    Kind("of another model", "another model", tamper=_fields(model="price")),
    Kind("a number that goes back", "not newer", tamper=_signed(_backwards)),
    Kind("weights that do not make 1", "weights", tamper=_signed(_heavier)),
    Kind("two champions", "one champion", tamper=_signed(_two_champions)),
    Kind("a document that is none", "cannot be read", tamper=_signed(lambda *_: b'{"number":"five"}')),
    Kind("an unknown format", "format", tamper=_fields(format=9)),
)
