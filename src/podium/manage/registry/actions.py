"""What happens to models and versions."""

import msgspec

from podium.core import access, bundle, digest, event, project, run
from podium.core import name as names
from podium.core import version as versions
from podium.core.access import Permission
from podium.core.errors import Conflict, Invalid, Refused
from podium.core.model import Model
from podium.core.signature import Task
from podium.core.version import Version, VersionState
from podium.manage.gates import expression
from podium.manage.registry import store as rows
from podium.store.store import Store
from podium.store.transaction import Transaction

_LONGEST_NOTE = 10_000


def subject(item: Version) -> event.Subject:
    """A version in events: its digest is its identity."""
    return event.Subject("version", item.digest)


def apply(store: Store, caller: access.Caller, spec: project.Project, source_digest: str) -> Model:
    """Register a model from its project file and code, or change it. Applying the same again changes nothing.

    Raises `Invalid` when the file is for another project, a gate is wrong, or the code was not uploaded; `Refused` when
    it takes away a required approval and the caller neither owns nor administers.
    """
    _check(store, caller, spec, source_digest)
    spec_digest = digest.of_value(spec)
    with store.read() as connection:
        known = rows.find_model(connection, caller.project, spec.model.name)
    if known is not None and (known.spec_digest, known.source_digest) == (spec_digest, source_digest):
        return known
    with store.write(caller) as tx:
        known = rows.find_model(tx.connection, caller.project, spec.model.name, lock=True)
        if known is not None:
            _check_approvals(caller, known.spec, spec)
            _check_classes(known.spec.model, spec.model)
        rows.add_spec(tx.connection, caller.project, spec_digest, spec, now_us=tx.now_us, by=caller.name)
        item = Model(
            id=tx.new_id("model") if known is None else known.id,
            project=caller.project,
            name=spec.model.name,
            spec=spec,
            spec_digest=spec_digest,
            source_digest=source_digest,
            created_us=tx.now_us if known is None else known.created_us,
            updated_us=tx.now_us,
            retired=False if known is None else known.retired,
        )
        (rows.add_model if known is None else rows.set_model)(tx.connection, item)
        _record_model(tx, "model.registered" if known is None else "model.changed", item, known)
        return tx.done(item)


def _check(store: Store, caller: access.Caller, spec: project.Project, source_digest: str) -> None:
    names.check(spec.model.name, "model.name")
    if spec.project != caller.project:
        raise Invalid(
            "The file is for another project.", field="project", fix=f"Write project = {caller.project!r} in it."
        )
    expression.check_gates(spec)
    if not store.blobs.exists(digest.check(source_digest, "source_digest")):
        raise Invalid("The code was not uploaded.", field="source_digest", fix="Upload it to sources first.")


def _check_approvals(caller: access.Caller, before: project.Project, after: project.Project) -> None:
    taken = set(before.approvals.required) - set(after.approvals.required)
    if taken and not (caller.may(Permission.APPROVE) or caller.may(Permission.ADMIN)):
        raise Refused(
            f"Only an owner or an administrator takes away a required approval ({', '.join(sorted(taken))}).",
            field="approvals.required",
            fix="Keep it, or ask an owner to apply the file.",
        )


def _check_classes(before: project.ModelPart, after: project.ModelPart) -> None:
    """Predictions and outcomes are kept by class: a model whose classes changed would be compared with another."""
    if Task.MULTICLASS not in (before.task, after.task) or (before.task, before.classes) == (after.task, after.classes):
        return
    raise Refused(
        "The classes of a model are its own for good, and their order too.",
        field="model.classes",
        fix="Leave task and classes as they are, or give the model another name.",
    )


def _record_model(tx: Transaction, kind: str, item: Model, before: Model | None) -> None:
    changed = [] if before is None else _changed(before, item)
    tx.record(
        kind,
        event.Subject("model", item.name),
        permission=Permission.BUILD if tx.caller.may(Permission.BUILD) else Permission.READ,
        parents=(event.Subject("source", item.source_digest),),
        detail={"spec_digest": item.spec_digest, "source_digest": item.source_digest, "changed": changed},
    )


def _changed(before: Model, after: Model) -> list[str]:
    old, new = msgspec.to_builtins(before.spec), msgspec.to_builtins(after.spec)
    parts = [part for part in new if new[part] != old[part]]
    return [*parts, *(["source"] if before.source_digest != after.source_digest else [])]


def retire_model(store: Store, caller: access.Caller, name: str) -> Model:
    """Take a model out of use: its versions stay, nothing new starts."""
    return _set_retired(store, caller, name, retired=True)


def restore_model(store: Store, caller: access.Caller, name: str) -> Model:
    """Undo the retirement of a model."""
    return _set_retired(store, caller, name, retired=False)


def _set_retired(store: Store, caller: access.Caller, name: str, *, retired: bool) -> Model:
    with store.write(caller) as tx:
        item = rows.model(tx.connection, caller.project, name, lock=True)
        if item.retired == retired:
            raise Conflict(f"{item.name} is {'retired' if retired else 'in use'} already.", field="model")
        changed = msgspec.structs.replace(item, retired=retired, updated_us=tx.now_us)
        rows.set_model(tx.connection, changed)
        kind = "model.retired" if retired else "model.restored"
        tx.record(kind, event.Subject("model", item.name), permission=Permission.APPROVE)
        return tx.done(changed)


def register_in(tx: Transaction, item: run.Run, manifest: bundle.Manifest, address: str) -> Version:
    """Register a run's bundle, whose manifest is a blob at `address`, as the next version of its model.

    One bundle is one version: the same again gives the same version, and records nothing. Raises `Refused` when the
    run's project file was never applied to the inventory.
    """
    if digest.of_value(manifest) != address:
        raise Invalid("The digest is not this manifest's.", field="digest")
    model = rows.model(tx.connection, item.project, item.model, lock=True)
    known = rows.find_digest(tx.connection, item.project, address)
    if known is not None:
        return known
    if rows.find_spec(tx.connection, item.project, item.spec_digest) is None:
        raise Refused(
            "The run used a project file that was never applied.", field="run", fix="Apply it, then train again."
        )
    made = Version(
        id=tx.new_id("version"),
        project=item.project,
        model=model.name,
        number=rows.newest_number(tx.connection, item.project, model.name) + 1,
        digest=address,
        state=VersionState.CANDIDATE,
        run=item.id,
        dataset=item.dataset,
        spec_digest=item.spec_digest,
        created_us=tx.now_us,
        created_by=item.created_by,
    )
    rows.add_version(tx.connection, made, manifest)
    tx.record(
        "version.registered",
        subject(made),
        permission=Permission.BUILD,
        parents=(
            event.Subject("run", made.run),
            event.Subject("dataset", made.dataset),
            event.Subject("model", made.model),
        ),
        detail={"model": made.model, "number": made.number, "spec_digest": made.spec_digest},
    )
    return made


def step_in(
    tx: Transaction,
    item: Version,
    to: VersionState,
    *,
    permission: Permission,
    why: str = "",
    detail: dict[str, str] | None = None,
) -> Version:
    """Bring a version to its next state. Raises `Conflict` when its life cycle does not allow it."""
    item = rows.by_digest(tx.connection, item.project, item.digest, lock=True)
    changed = msgspec.structs.replace(item, state=versions.step(item, to))
    rows.set_version(tx.connection, changed)
    restored = item.state is VersionState.RETIRED and to is VersionState.APPROVED
    tx.record(
        "version.restored" if restored else f"version.{to}",
        subject(item),
        permission=permission,
        detail={"model": item.model, "number": item.number, "from": item.state, "why": why} | (detail or {}),
    )
    return changed


def retire_in(tx: Transaction, item: Version, why: str) -> Version:
    """Retire a version within an action."""
    return step_in(tx, item, VersionState.RETIRED, permission=_deploying(tx), why=why)


def restore_in(tx: Transaction, item: Version, why: str) -> Version:
    """Bring a retired version back, as approved, within an action; whether its approvals hold is checked there."""
    return step_in(tx, item, VersionState.APPROVED, permission=_deploying(tx), why=why)


def _deploying(tx: Transaction) -> Permission:
    usual = (Permission.DEPLOY, Permission.APPROVE)
    return next((permission for permission in usual if tx.caller.may(permission)), Permission.READ)


def retire(store: Store, caller: access.Caller, model: str, number: int, why: str = "") -> Version:
    """Retire a version."""
    with store.write(caller) as tx:
        item = rows.version(tx.connection, caller.project, model, number, lock=True)
        return tx.done(step_in(tx, item, VersionState.RETIRED, permission=Permission.APPROVE, why=why))


def set_note(store: Store, caller: access.Caller, model: str, number: int, note: str) -> Version:
    """Write what people should know of a version."""
    if len(note) > _LONGEST_NOTE:
        raise Invalid("The note is too long.", field="note", fix=f"At most {_LONGEST_NOTE} characters.")
    with store.write(caller) as tx:
        item = rows.version(tx.connection, caller.project, model, number, lock=True)
        changed = msgspec.structs.replace(item, note=note)
        rows.set_version(tx.connection, changed)
        tx.record(
            "version.noted",
            subject(item),
            permission=Permission.BUILD,
            detail={"model": item.model, "number": item.number, "note": note},
        )
        return tx.done(changed)


def store_bundle(store: Store, manifest: bundle.Manifest, files: dict[str, bytes]) -> str:
    """Keep a bundle's files and manifest as blobs; the bundle's digest. Raises `Invalid` when a file is not listed."""
    listed = {file.path: file.digest for file in manifest.files}
    if listed != {path: digest.of_bytes(data) for path, data in files.items()}:
        raise Invalid("The files are not those that the manifest lists.", field="files")
    for data in files.values():
        store.blobs.put(data)
    return store.blobs.put(digest.canonical(manifest))
