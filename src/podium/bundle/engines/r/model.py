"""R models: an object that `readRDS` reads and a script, in a process of Rscript."""

import shutil
from pathlib import Path

from podium.bundle import read
from podium.bundle.engines import place
from podium.bundle.engines.worker import host, process
from podium.core import bundle, engine
from podium.core.errors import Invalid, Unavailable
from podium.core.signature import Signature

GUEST = Path(__file__).parent / "guest.R"


def load(folder: Path, manifest: bundle.Manifest, where: place.Place) -> host.Model:
    """The model of a verified bundle, in its process. `Unavailable` where R is not installed."""
    spec = engine.decode((folder / bundle.ENGINE).read_bytes())
    if not isinstance(spec, engine.R):
        raise Invalid("The bundle's engine.json is of another engine.", field="engine")
    found = shutil.which("Rscript")
    if found is None:
        raise Unavailable("R is not installed here.", field="engine", fix="Install it: apt-get install r-base-core")
    described = _describe(folder.resolve(), manifest.signature, spec)

    def prepare(scratch: Path) -> process.Start:
        path = scratch / "model.txt"
        path.write_text(described, encoding="utf-8")
        argv = (found, "--vanilla", str(GUEST), "{ask}", "{answer}", str(path))
        return process.Start(argv=argv, folder=scratch, limits=spec.limits)

    return host.load(manifest, spec.limits, prepare)


def _describe(folder: Path, signature: Signature, spec: engine.R) -> str:
    for field in signature.features:
        if any(not letter.isprintable() for letter in field.name):
            raise Invalid("R takes no feature of this name.", field=field.name)
    paths = [str(folder / read.check_path(name)) if name else "" for name in (spec.model, spec.script)]
    fields = [f"{field.type.value}\t{field.name}" for field in signature.features]
    return "\n".join([*paths, str(spec.rows_at_once), *fields]) + "\n"
