"""A scorer's folder with everything that it serves from: a trusted key, bundles, and signed rollouts with approvals."""

import base64
from collections.abc import Sequence
from pathlib import Path

import msgspec

from podium.bundle import signing, write
from podium.cli.bench.model import Model
from podium.core import approval, bundle, digest, rollout
from podium.core.access import Role
from podium.core.rollout import Durability, RouteRole
from podium.scoring import cache, trust

PROJECT, MODEL, ENVIRONMENT = "bench", "bought", "production"
ENDPOINT = "bought"
_CREATED_US, _EXPIRES_US = 1_750_000_000_000_000, 4_000_000_000_000_000
_KEY = signing.make(bytes(range(32)))
"""Not secret: it signs for benchmarks alone, in folders that only a benchmark's scorer trusts."""


def prepare(path: Path, models: Sequence[Model], durability: Durability) -> list[str]:
    """Write the folder; the endpoints' names, one for each model, all of them champions."""
    kept = cache.Cache(path)
    public = signing.public(_KEY)
    kept.pin(rollout.Key(key_id=signing.key_id(public), public_key=public))
    names = [name(at) for at in range(len(models))]
    for endpoint, made in zip(names, models, strict=True):
        manifest = _manifest(made, endpoint)
        named = write.seal(manifest, made.files)[0]
        write.write(kept.bundle(named), manifest, made.files)
        kept.save_rollout(endpoint, _signed(_document(endpoint, named, durability)))
    return names


def name(at: int) -> str:
    """The name of the endpoint of a model by its position."""
    return ENDPOINT if at == 0 else f"{ENDPOINT}-{at}"


def _manifest(made: Model, source: str) -> bundle.Manifest:
    return bundle.Manifest(
        project=PROJECT,
        model=MODEL,
        engine=made.engine,
        signature=made.signature,
        threshold=0.5,
        files=(),
        parity=made.parity,
        run="bench",
        dataset=digest.of_bytes(b""),
        source=source,
        created_us=_CREATED_US,
    )


def _document(endpoint: str, named: str, durability: Durability) -> rollout.Rollout:
    yes = tuple(_approval(named, role, person) for role, person in ((Role.VALIDATOR, "vera"), (Role.OWNER, "omar")))
    route = rollout.Route(
        role=RouteRole.CHAMPION, version=1, digest=named, weight=1.0, threshold=0.5, approvals=yes
    )  # fmt: skip
    return rollout.Rollout(
        project=PROJECT,
        endpoint=endpoint,
        environment=ENVIRONMENT,
        model=MODEL,
        number=1,
        routes=(route,),
        required=("validator", "owner"),
        durability=durability,
        created_us=_CREATED_US,
    )


def _approval(named: str, role: Role, person: str) -> approval.Approval:
    plain = approval.Approval(
        id=f"approval-{role}",
        project=PROJECT,
        model=MODEL,
        version=1,
        digest=named,
        evidence=named,
        environment=ENVIRONMENT,
        role=role,
        person=person,
        decision=approval.Decision.YES,
        comment="",
        created_us=_CREATED_US,
        expires_us=_EXPIRES_US,
    )
    signature = signing.sign(_KEY, trust.signed_bytes(plain))
    return msgspec.structs.replace(plain, signature=base64.b64encode(signature).decode())


def _signed(plain: rollout.Rollout) -> rollout.Signed:
    body = digest.canonical(plain)
    return rollout.Signed(body=body, signature=signing.sign(_KEY, body), key_id=signing.key_id(signing.public(_KEY)))
