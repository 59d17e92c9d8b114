"""The demo proves its promises on itself: each check could fail, and says so when it does."""

import tempfile
from pathlib import Path

import httpx
import msgspec

from podium.bundle import read, signing
from podium.cli.demo import cast
from podium.cli.demo.platform import Platform
from podium.client.client import Client
from podium.core import bundle, digest, rollout
from podium.core.errors import Refused
from podium.scoring import trust

SAMPLE = 200


class Proofs(msgspec.Struct, frozen=True, kw_only=True):
    """What was proved. `details`: in words, what was done and what was seen."""

    audit_verified: bool
    audit_events: int
    replayed: int
    replay_identical: int
    tampered_refused: bool
    unapproved_refused: bool
    details: dict[str, str]


def fetch_bundle(client: Client, model: str, number: int, folder: Path) -> str:
    """Write a version's bundle into a folder, as it is registered; its digest."""
    folder.mkdir(parents=True, exist_ok=True)
    version = client.versions.get(model, number)
    manifest_bytes = client.versions.file(model, number, bundle.MANIFEST)
    (folder / bundle.MANIFEST).write_bytes(manifest_bytes)
    for file in read.parse_manifest(manifest_bytes).files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(client.versions.file(model, number, file.path))
    return version.digest


def prove(platform: Platform, model: str, endpoint: str, champion: int, seed: int) -> Proofs:
    """Verify the chain of events, replay predictions, and try to serve what must not serve."""
    details: dict[str, str] = {}
    verified = platform.client(cast.AUDITOR).audit.verify()
    details["audit"] = f"{verified.events} events, head {verified.head[:12]}" + (
        "" if verified.broken_at is None else f"; broken at {verified.broken_at}: {verified.problem}"
    )
    replays = platform.client(cast.ENGINEER).predictions.replay_sample(endpoint, SAMPLE, seed=seed)
    details["replay"] = f"{replays.identical} of {replays.replayed} random predictions gave the identical score"
    with tempfile.TemporaryDirectory(prefix="podium-proof-") as folder:
        tampered = _tampered_refused(platform.client(cast.ENGINEER), model, champion, Path(folder), details)
    unapproved = _unapproved_refused(platform, endpoint, details)
    return Proofs(
        audit_verified=verified.broken_at is None,
        audit_events=verified.events,
        replayed=replays.replayed,
        replay_identical=replays.identical,
        tampered_refused=tampered,
        unapproved_refused=unapproved,
        details=details,
    )


def _tampered_refused(client: Client, model: str, number: int, folder: Path, details: dict[str, str]) -> bool:
    address = fetch_bundle(client, model, number, folder)
    read.verify(folder, address)
    path = folder / bundle.MODEL
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    try:
        read.verify(folder, address)
    except Refused as refusal:
        details["tampered"] = f"one bit changed in {bundle.MODEL} of version {number}: {refusal.message}"
        return True
    details["tampered"] = "a changed bundle was accepted"
    return False


def _unapproved_refused(platform: Platform, endpoint: str, details: dict[str, str]) -> bool:
    """Give the scorer's own check a rollout whose champion nobody approved, truly signed; then a forged one."""
    signed, public = _rollout_in_force(platform, endpoint)
    truth = signed.rollout()
    trust.check(signed, {signed.key_id: public}, truth.environment, _now(platform))
    champion = next(route for route in truth.routes if route.role is rollout.RouteRole.CHAMPION)
    route = msgspec.structs.replace(champion, weight=1.0, digest=digest.of_bytes(b"a bundle that nobody approved"))
    body = digest.canonical(msgspec.structs.replace(truth, number=truth.number + 1, routes=(route,)))
    key = signing.load(Path(platform.config.home) / "keys" / "control-plane.key")
    attempts = {
        "signed by the true key, approvals of another digest": signing.sign(key, body),
        "signed by another key": signing.sign(signing.make(), body),
    }
    refusals = []
    for what, signature in attempts.items():
        forged = rollout.Signed(body=body, signature=signature, key_id=signed.key_id)
        try:
            trust.check(forged, {signed.key_id: public}, truth.environment, _now(platform))
        except Refused as refusal:
            refusals.append(f"{what}: {refusal.message}")
    details["unapproved"] = "; ".join(refusals) or "an unapproved digest was accepted"
    return len(refusals) == len(attempts)


def _rollout_in_force(platform: Platform, endpoint: str) -> tuple[rollout.Signed, bytes]:
    headers = {"Authorization": f"Bearer {platform.tokens[cast.DESK.name]}"}
    path = f"{platform.url}/api/v1/projects/{platform.project}/endpoints/{endpoint}/rollout"
    signed = msgspec.json.decode(httpx.get(path, headers=headers).content, type=rollout.Signed)
    key = msgspec.json.decode(httpx.get(f"{platform.url}/api/v1/keys").content, type=rollout.Key)
    return signed, key.public_key


def _now(platform: Platform) -> int:
    return int(platform.clock_file.read_text())
