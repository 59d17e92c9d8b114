"""PMML documents: evaluated by JPMML in a process of its own, whose environment Podium locks."""

import shutil
import sys
from pathlib import Path

from podium.bundle import read
from podium.bundle.engines import place
from podium.bundle.engines.python import environment
from podium.bundle.engines.python import model as python
from podium.bundle.engines.worker import host, process
from podium.core import bundle, engine
from podium.core.errors import Invalid, Unavailable

HERE = Path(__file__).parent
_BESIDE_HEAP_MB = 320
"""Memory of the process besides Java's heap: the interpreter, NumPy, code, threads."""


def prepare(folder: Path, where: place.Place) -> None:
    """Make the environment of JPMML."""
    _interpreter(where)


def _interpreter(where: place.Place) -> Path:
    version = ".".join(map(str, sys.version_info[:2]))
    return environment.ensure(where.folder, version, (HERE / "requirements.txt").read_bytes())


def load(folder: Path, manifest: bundle.Manifest, where: place.Place) -> host.Model:
    """The model of a verified bundle, in its process. `Unavailable` where Java is not installed."""
    spec = engine.decode((folder / bundle.ENGINE).read_bytes())
    if not isinstance(spec, engine.Pmml):
        raise Invalid("The bundle's engine.json is of another engine.", field="engine")
    java = shutil.which("java")
    if java is None:
        raise Unavailable("Java is not installed here.", field="engine", fix="Install it: apt-get install default-jre")
    interpreter = _interpreter(where)
    described = {
        "folder": str(folder.resolve()),
        "features": [[field.name, field.type.value] for field in manifest.signature.features],
        "names": [field.name for field in manifest.signature.features],
        "task": manifest.signature.task.value,
        "classes": list(manifest.signature.labels),
        "code": str(HERE),
        "open": "evaluate:open_model",
        "model": read.check_path(spec.model),
        "output": spec.output,
        "rows": "dicts",
        "rows_at_once": spec.rows_at_once,
        "heap_mb": max(spec.limits.memory_mb - _BESIDE_HEAP_MB, 64),
    }
    home = str(Path(java).resolve().parent.parent)

    def begin(scratch: Path) -> process.Start:
        return python.start(scratch, interpreter, described, spec.limits, {"JAVA_HOME": home})

    return host.load(manifest, spec.limits, begin)
