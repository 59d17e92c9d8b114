"""Python objects and functions: loaded by a process in the version's own environment, never by this one."""

from pathlib import Path

import msgspec

from podium.bundle import read
from podium.bundle.engines import place
from podium.bundle.engines.python import environment
from podium.bundle.engines.worker import host, process
from podium.core import bundle, engine
from podium.core.errors import Invalid
from podium.core.signature import Signature

GUEST = Path(__file__).parent / "guest.py"


def prepare(folder: Path, where: place.Place) -> None:
    """Make the environment of a model in a folder."""
    _interpreter(folder, _spec(folder), where)


def _spec(folder: Path) -> engine.Python:
    spec = engine.decode((folder / bundle.ENGINE).read_bytes())
    if not isinstance(spec, engine.Python):
        raise Invalid("The bundle's engine.json is of another engine.", field="engine")
    return spec


def _interpreter(folder: Path, spec: engine.Python, where: place.Place) -> Path:
    lock = (folder / read.check_path(spec.lock)).read_bytes()
    return environment.ensure(where.folder, spec.python, lock)


def load(folder: Path, manifest: bundle.Manifest, where: place.Place) -> host.Model:
    """The model of a verified bundle, in its process."""
    spec = _spec(folder)
    return run(folder, manifest, spec, _interpreter(folder, spec, where))


def run(folder: Path, manifest: bundle.Manifest, spec: engine.Python, interpreter: Path) -> host.Model:
    """The model in a process of an interpreter that has its packages."""
    described = describe(folder, manifest.signature, spec)

    def begin(scratch: Path) -> process.Start:
        return start(scratch, interpreter, described, spec.limits)

    return host.load(manifest, spec.limits, begin)


def describe(folder: Path, signature: Signature, spec: engine.Python) -> dict[str, object]:
    """What the guest is told."""
    if spec.model:
        read.check_path(spec.model)
    return {
        "folder": str(folder.resolve()),
        "code": str(folder.resolve() / "code"),
        "open": "",
        "features": [[field.name, field.type.value] for field in signature.features],
        "task": signature.task.value,
        "classes": list(signature.labels),
        "model": spec.model,
        "format": spec.format,
        "call": spec.call,
        "rows": spec.rows,
        "rows_at_once": spec.rows_at_once,
    }


def start(
    scratch: Path,
    interpreter: Path,
    described: dict[str, object],
    limits: engine.Limits,
    variables: dict[str, str] | None = None,
) -> process.Start:
    """How to start the guest in an environment."""
    path = scratch / "model.json"
    path.write_bytes(msgspec.json.encode(described))
    argv = (str(interpreter), "-I", "-B", str(GUEST), "{ask}", "{answer}", str(path))
    return process.Start(argv=argv, folder=scratch, limits=limits, environment=variables or {})
