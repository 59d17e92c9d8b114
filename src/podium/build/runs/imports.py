"""Runs that train nothing: a model from elsewhere is taken over, measured and proven."""

from podium.bundle import losses, read
from podium.core import bundle, digest, engine, project, run
from podium.core.errors import Invalid, NotFound, Refused
from podium.core.signature import Task
from podium.store.store import Store

_MOST_FILES = 1000
_LARGEST_SPEC = 64 * 1024


def check(store: Store, asked: run.RunRequest) -> None:
    """Raise `Refused` when the project does not allow such a model, `Invalid` when its parts do not fit together,
    `NotFound` for a file that was never sent; and `Invalid` for a training run where nothing is trained."""
    imported = asked.code.imported
    if imported is None:
        if asked.spec.train == project.NO_TRAINING:
            raise Invalid(
                "The project file says that nothing is trained here.",
                field="train",
                fix="Import a version: podium versions add.",
            )
        return
    check_allowed(asked.spec, imported.engine)
    if asked.spec.model.task is Task.MULTICLASS:
        raise Refused(
            "A model of several classes is trained here, not taken over from elsewhere.",
            field="model.task",
            fix="Name a training function in train, which may load the model that it returns.",
        )
    _check_files(store, imported)
    if digest.of_value(imported) != asked.code.source_digest:
        raise Invalid("The source of an import is the list of its files.", field="code.source_digest")
    if not 0 < imported.tolerance <= 1:
        raise Invalid("A tolerance lies between 0 and 1.", field="code.imported.tolerance")
    if imported.expected in (*asked.spec.features.names(), asked.spec.data.target):
        raise Invalid("The expected answers cannot be a feature or the target.", field="code.imported.expected")


def check_allowed(spec: project.Project, kind: bundle.Engine) -> None:
    """Raise `Refused` unless the project file allows that kind of model."""
    if kind is not bundle.Engine.ONNX and kind.value not in spec.bundle.allow:
        raise Refused(
            f"The project does not allow {kind} models.",
            field="bundle.allow",
            fix=f'Write allow = ["{kind}"] under [bundle] in podium.toml, and apply it.',
        )


def _check_files(store: Store, imported: run.Imported) -> None:
    files = imported.files
    if not files or len(files) > _MOST_FILES:
        raise Invalid(f"A model has from 1 to {_MOST_FILES} files.", field="code.imported.files")
    for path, address in files.items():
        if read.check_path(path) in (bundle.GOLDEN, bundle.REFERENCE, losses.FILE):
            raise Invalid("Golden rows, reference and models of loss are made here.", field="code.imported.files")
        if not store.blobs.exists(digest.check(address, "code.imported.files")):
            raise NotFound("A file of the model was never sent.", field="code.imported.files")
    if imported.engine is bundle.Engine.ONNX:
        _check_has(files, bundle.MODEL)
        return
    _check_has(files, bundle.ENGINE)
    data = store.blobs.get(files[bundle.ENGINE])
    spec = engine.decode(data[:_LARGEST_SPEC])
    if not isinstance(spec, engine.OF[imported.engine]):
        raise Invalid("engine.json is of another engine.", field="code.imported.engine")
    for named in engine.files(spec):
        _check_has(files, named)


def _check_has(files: dict[str, str], name: str) -> None:
    if name not in files:
        raise Invalid(f"The model's files lack {name}.", field="code.imported.files")
