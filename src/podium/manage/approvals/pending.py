"""What waits for whom: for a first yes, or for one again before it ends."""

from sqlalchemy import Connection

from podium.core.approval import Pending
from podium.core.version import VersionState
from podium.manage.approvals import rules
from podium.manage.approvals import store as rows
from podium.manage.registry import store as versions

_WAITING = (VersionState.CANDIDATE, VersionState.VALIDATED, VersionState.APPROVED)


def pending(connection: Connection, project: str, now_us: int, *, limit: int = 100) -> list[Pending]:
    """Versions that wait for a person, newest first; not those that a newer one overtook which is approved already."""
    found: list[Pending] = []
    overtaken: set[str] = set()
    specs = {model.name: model.spec for model in versions.list_models(connection, project, retired=False, limit=1000)}
    states = [state.value for state in _WAITING]
    for item in versions.list_versions(connection, project, states=states, limit=1000):
        if item.gates_passed is not True or item.model not in specs:
            continue
        if item.state is VersionState.APPROVED:
            overtaken.add(item.model)
        elif item.model in overtaken:
            continue
        spec = specs[item.model]
        environment = spec.release.environment
        held = rows.holding(connection, project=project, digest=item.digest, environment=environment, now_us=now_us)
        lacks = rules.lacking(spec.approvals.required, rules.lasting(held, spec.approvals, now_us))
        if not lacks:
            continue
        author = versions.spec_author(connection, project, item.spec_digest)
        excluded = {
            item.created_by,
            *([author] if author else []),
            *(one.person for one in held if one.role not in lacks),
        }
        found.append(
            Pending(
                model=item.model,
                version=item.number,
                digest=item.digest,
                state=item.state,
                environment=environment,
                lacks=lacks,
                next="validator" if "validator" in lacks else lacks[0],
                since_us=max([item.created_us, *(one.created_us for one in held)]),
                excluded=tuple(sorted(excluded)),
                renewal=item.state is VersionState.APPROVED,
            )
        )
        if len(found) == limit:
            break
    return found
