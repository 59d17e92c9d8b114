"""A model in production without its scorer: versions, an endpoint, rollouts, and segments as a scorer sends them."""

import functools
import io
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import pyarrow as pa

from podium.build.runs.training import importance
from podium.bundle import columns, layout, write
from podium.bundle.engines.onnx import session
from podium.core import access, approval, bundle, digest, endpoint, project, reference, rollout, run, version
from podium.core.review import Band
from podium.core.signature import Task
from podium.deploy.endpoints import actions as endpoint_actions
from podium.deploy.endpoints import store as endpoint_rows
from podium.manage.registry import actions as versions
from podium.manage.registry import store as registry
from podium.measures.drift import reconstruction, told_apart
from podium.measures.drift import reference as references
from podium.measures.performance import log_loss
from podium.monitor.intake import actions as intake
from podium.monitor.intake import segments
from podium.monitor.intake import store as intake_rows
from podium.store.store import Store
from tests import artifacts

DAY_US = 86_400_000_000
START_US = 1_362_096_000_000_000  # 2013-03-01
SYSTEM = access.system("flights")
THRESHOLD = 0.4


def spec(**parts: Any) -> project.Project:
    """The project file, with some parts replaced."""
    base: dict[str, Any] = {
        "project": "flights",
        "train": "train:fit",
        "model": {
            "name": "delay",
            "purpose": "Says whether a flight will be late.",
            "owner": "operations",
            "decision": "Warn the passengers.",
            "risk_tier": "low",
            "kpi": "missed connections",
        },
        "data": {"source": "flights.parquet", "key": "flight", "time": "at", "target": "late"},
        "features": {"numeric": ["distance"], "integer": ["hour"]},
        "release": {"endpoint": "delay", "shadow": {"min_rows": 200, "min_duration": "1d"}},
        "metrics": {"primary": "log_loss", "report": ["log_loss"]},
        "costs": {"false_positive": 1.0, "false_negative": 4.0},
        "monitor": {"min_rows": 100},
        "approvals": {"required": []},
    }
    return msgspec.convert(base | parts, project.Project)


def features(rows: int, seed: int | list[int], shift: float = 0.0) -> columns.Columns:
    """Rows of the two features; a `shift` moves the distances (in km)."""
    random = np.random.default_rng(seed)
    return {
        "distance": random.gamma(2.0, 400.0, rows) + shift,
        "hour": random.integers(5, 23, rows).astype(np.float64),
    }


@functools.cache
def bundle_files(bias: float = -1.0) -> dict[str, bytes]:
    """A bundle's files, whose reference is that of the features above and of the model's own calibrated scores."""
    files = dict(artifacts.files(bias))
    model = onnx.load_from_string(files[bundle.MODEL])
    one_by_one = msgspec.structs.replace(layout.of(artifacts.SIGNATURE), rows_at_once=1)
    onnx.helper.set_model_props(model, {layout.KEY: msgspec.json.encode(one_by_one).decode()})
    files[bundle.MODEL] = bytes(model.SerializeToString())
    seen, added = features(20_000, seed=1), artifacts.explanation(bias)
    score = session.Scorer(files[bundle.MODEL]).predict(seen)
    late = (np.random.default_rng(2).random(20_000) < truth(seen)).astype(np.float64)
    act = score >= THRESHOLD
    backwards = tuple(reversed(list(seen)))  # a project file's order is not that in which a reference is stored
    known = reference.Reference(
        rows=20_000,
        numeric={name: references.detailed(column) for name, column in seen.items()},
        categorical={},
        score=references.detailed(score),
        target=references.detailed(late),
        pattern=reconstruction.pattern(backwards, np.column_stack([seen[name] for name in backwards])),
        apart=told_apart.keep(backwards, np.column_stack([seen[name] for name in backwards])),
        metrics={"log_loss": log_loss.log_loss(late, score) or 0.0},
        calibration=reference.Calibration(),
        importance={"distance": 0.7, "hour": 0.3},
        contributions=importance.of(session.Scorer(files[bundle.MODEL]).predict, added, seen).contributions,
        cost_per_row=float(np.where(act, np.where(late == 1, 0.0, 1.0), np.where(late == 1, 4.0, 0.0)).mean()),
    )
    return files | added | {bundle.REFERENCE: digest.canonical(known)}


def truth(seen: columns.Columns) -> npt.NDArray[np.float64]:
    """The true probability of being late: the model with bias −1 is right."""
    logit = seen["distance"] * 0.001 + seen["hour"] * 0.05 - 1.0
    answer: npt.NDArray[np.float64] = 1 / (1 + np.exp(-logit))
    return answer


def register_model(store: Store, wanted: project.Project | None = None) -> None:
    """The model with its project file and code."""
    source = store.blobs.put(b"the code")
    versions.apply(store, SYSTEM, wanted or spec(), source)


def register_version(store: Store, bias: float = -1.0, review: Band | None = None) -> version.Version:
    """The next version: a real bundle of the logistic model with that bias."""
    plain = described(review=review or msgspec.UNSET, created_us=int(-bias * 1000))
    return register(store, plain, bundle_files(bias))


def described(**parts: Any) -> bundle.Manifest:
    """A manifest of the model, with some parts replaced; its files are still missing."""
    plain = bundle.Manifest(
        project="flights",
        model="delay",
        engine=bundle.Engine.ONNX,
        signature=msgspec.structs.replace(artifacts.SIGNATURE, task=Task.BINARY),
        threshold=THRESHOLD,
        files=(),
        parity=artifacts.parity(),
        run="run-1",
        dataset=digest.of_bytes(b"data"),
        source=digest.of_bytes(b"code"),
        created_us=1,
    )
    return msgspec.structs.replace(plain, **parts)


def register(store: Store, manifest: bundle.Manifest, files: Mapping[str, bytes]) -> version.Version:
    """The next version of the manifest's model, with those files."""
    address, sealed, written = write.seal(manifest, files)
    for data in (*files.values(), written):
        store.blobs.put(data)
    number = int(manifest.run.removeprefix("run-"))
    item = run.Run(
        id=manifest.run,
        project=manifest.project,
        model=manifest.model,
        number=number,
        state=run.RunState.FINISHED,
        dataset=manifest.dataset,
        spec_digest=model_of(store, manifest.model).spec_digest,
        params={},
        seed=0,
        code=run.Code(source_digest=manifest.source),
        reason="first",
        created_us=number,
        created_by="ada",
    )
    with store.write(SYSTEM) as tx:
        return tx.done(versions.register_in(tx, item, sealed, address))


def make_endpoint(store: Store, name: str = "delay") -> endpoint.Endpoint:
    """The endpoint of the model of that name."""
    wanted = endpoint_actions.NewEndpoint(name=name, environment="production", model=name)
    return endpoint_actions.create(store, SYSTEM, wanted)


def serve(store: Store, champion: version.Version, shadow: version.Version | None = None) -> rollout.Rollout:
    """Have champion and shadow served at their model's endpoint."""
    routes = [_route(store, rollout.RouteRole.CHAMPION, champion, 1.0)]
    routes += [] if shadow is None else [_route(store, rollout.RouteRole.SHADOW, shadow, 0.0)]
    return put_in_force(store, champion.model, routes)


def put_in_force(store: Store, name: str, routes: Sequence[rollout.Route]) -> rollout.Rollout:
    """A rollout as the control plane signs it, without asking for approvals; the first route is the champion's."""
    with store.plumbing() as connection:
        place = endpoint_rows.get(connection, "flights", name)
        number = endpoint_rows.serve(connection, place, routes[0].version)
        document = rollout.Rollout(
            project="flights",
            endpoint=name,
            environment="production",
            model=place.model,
            number=number,
            routes=tuple(routes),
            required=(),
            created_us=START_US,
        )
        body = digest.canonical(document)
        signed = rollout.Signed(body=body, signature=store.signer(body), key_id=store.key_id)
        endpoint_rows.keep(connection, document, signed)
        return document


def _route(store: Store, role: rollout.RouteRole, item: version.Version, weight: float) -> rollout.Route:
    known = manifest_of(store, item.digest)
    return rollout.Route(
        role=role,
        version=item.number,
        digest=item.digest,
        weight=weight,
        threshold=known.threshold,
        review=known.band,
        approvals=tuple[approval.Approval, ...](),
    )


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Predictions of one day: what a scorer logged, and what came true."""

    table: pa.Table
    late: npt.NDArray[np.float64]

    def of(self, role: str) -> pa.Table:
        return self.table.filter(pa.compute.equal(self.table.column("role"), role))


def traffic(
    store: Store,
    document: rollout.Rollout,
    rows: int,
    *,
    day: int,
    shift: float = 0.0,
    worse: float = 0.0,
    seed: int = 0,
) -> Traffic:
    """A day's predictions by every route of a rollout. `worse`: how far the truth moves away, in logits."""
    seen = features(rows, seed=[seed, day + 1000], shift=shift)
    chance = truth(seen)
    logit = np.log(chance / (1 - chance)) + worse
    late = (np.random.default_rng([seed, day + 1000, 1]).random(rows) < 1 / (1 + np.exp(-logit))).astype(np.float64)
    step = DAY_US // rows
    at = START_US + day * DAY_US + np.arange(rows) * step
    parts = []
    for route in document.routes:
        known = manifest_of(store, route.digest)
        score = predict(store, known, seen)
        core = {
            "prediction_id": [f"p-{seed}-{day}-{number}" for number in range(rows)],
            "request_id": [f"r-{seed}-{day}-{number}" for number in range(rows)],
            "at": at,
            "key": [f"f-{seed}-{day}-{number}" for number in range(rows)],
            "score": score,
            "threshold": [route.threshold] * rows,
            "decision": [
                None if route.review and route.review.refers(one) else bool(one >= THRESHOLD) for one in score
            ],
        }
        parts.append(logged(document, route, core, columns.to_arrow(known.signature, seen)))
    return Traffic(table=pa.concat_tables(parts), late=late)


def predict(store: Store, manifest: bundle.Manifest, seen: columns.Columns) -> npt.NDArray[np.float64]:
    """What a version's model answers to rows."""
    return session.Scorer(store.blobs.get(manifest.file(bundle.MODEL).digest)).predict(seen)


def logged(document: rollout.Rollout, route: rollout.Route, core: dict[str, Any], features: pa.Table) -> pa.Table:
    """What a scorer logs of rows by a route. `core`: the columns in which rows differ, `at` in microseconds."""
    rows = len(core["at"])
    same = {
        "endpoint": document.endpoint,
        "model": document.model,
        "version": route.version,
        "digest": route.digest,
        "role": route.role.value,
        "rollout": document.number,
    }
    whole = core | {name: [value] * rows for name, value in same.items()}
    whole["at"] = pa.array(core["at"], pa.timestamp("us", "UTC"))
    table = pa.table({name: whole[name] for name in segments.CORE.names}).cast(segments.CORE)
    for name in features.column_names:
        table = table.append_column(name, features.column(name))
    return table


def manifest_of(store: Store, address: str) -> bundle.Manifest:
    return msgspec.json.decode(store.blobs.get(address), type=bundle.Manifest)


def segment(table: pa.Table) -> bytes:
    """The bytes of a sealed segment."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def send(store: Store, table: pa.Table, named: str, scorer: str = "scorer-1") -> intake_rows.Segment:
    data = segment(table)
    return intake.receive_segment(store, SYSTEM, scorer, named, data, digest.of_bytes(data))


def outcomes(given: Traffic, *, by: str = "key", at_us: int | None = None) -> bytes:
    """An Arrow stream of the outcomes of a day, known a day later (or at an instant)."""
    table = given.of("champion")
    known = pa.array(table.column("at").cast(pa.int64()).to_numpy() + DAY_US, pa.int64())
    if at_us is not None:
        known = pa.array([at_us] * table.num_rows, pa.int64())
    return segment(
        pa.table(
            {
                by: table.column("key" if by == "key" else "prediction_id"),
                "value": pa.array(given.late),
                "at": known.cast(pa.timestamp("us", "UTC")),
            }
        )
    )


def start(
    store: Store,
    wanted: project.Project | None = None,
    *,
    challenger: float | None = None,
    review: Band | None = None,
) -> rollout.Rollout:
    """A model with its champion (bias −1, with that band) in force, and a challenger in shadow if its bias is given."""
    register_model(store, wanted)
    champion = register_version(store, review=review)
    shadow = None if challenger is None else register_version(store, challenger)
    make_endpoint(store)
    return serve(store, champion, shadow)


def model_of(store: Store, name: str = "delay") -> Any:
    with store.read() as connection:
        return registry.model(connection, "flights", name)


def place_of(store: Store, name: str = "delay") -> endpoint.Endpoint:
    with store.read() as connection:
        return endpoint_rows.get(connection, "flights", name)


def days(numbers: Sequence[int]) -> list[int]:
    """The instants at which days end."""
    return [START_US + (number + 1) * DAY_US for number in numbers]


def digest_of(store: Store, number: int) -> str:
    with store.read() as connection:
        return registry.version(connection, "flights", "delay", number).digest
