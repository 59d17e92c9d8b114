"""All that is known of a version, for the people who decide about it, and their answers."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from litestar import Response, post
from litestar.enums import RequestEncodingType
from litestar.handlers import HTTPRouteHandler
from litestar.params import Body
from sqlalchemy import Connection

from podium.build.runs import store as runs
from podium.core import access, approval, event, lineage, time
from podium.core.access import Permission, Role
from podium.core.errors import NotFound, PodiumError
from podium.core.project import Project
from podium.core.run import Confusion
from podium.core.version import Version
from podium.deploy.endpoints import store as endpoints
from podium.manage.approvals import actions as deciding
from podium.manage.approvals import rules
from podium.manage.approvals import store as approvals
from podium.manage.lineage import graph
from podium.manage.policies import store as policies
from podium.manage.registry import store as registry
from podium.server.web import page, show, words
from podium.store.store import Store

_VERSION = "/p/{project:str}/models/{name:str}/versions/{number:int}"
_FORM_BYTES = 64 * 1024
_NODES = 40
_ROLES = {Role.VALIDATOR: "validate", Role.OWNER: "approve"}


class Say(msgspec.Struct, frozen=True, kw_only=True):
    """A yes or a no, from the form."""

    decision: approval.Decision
    comment: str = ""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller may say in a role: where the form goes, or what stands in the way of a yes."""

    role: Role
    path: str
    obstacle: str | None


class Ancestor(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the version came from, or that came of it."""

    noun: str
    id: str
    steps: int
    link: str | None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An approval, and whether it holds now."""

    approval: approval.Approval
    state: str


@page.view(_VERSION)
def version(request: page.WebRequest, store: Store, caller: access.Caller, name: str, number: int) -> Response[str]:
    """A version: gates, proof, metrics beside the champion's, approvals, lineage, evidence."""
    now_us = time.to_us(store.clock())
    with store.read() as connection:
        item = registry.version(connection, caller.project, name, number)
        spec = registry.spec(connection, item.project, item.spec_digest)
        current = registry.model(connection, item.project, name).spec
        evidence = policies.list_evidence(connection, item.project, item.digest)
        content = {found.name: found.content for found in evidence}
        environment = current.release.environment
        held = approvals.holding(
            connection, project=item.project, digest=item.digest, environment=environment, now_us=now_us
        )
        champion = _champion(connection, current, item)
        author = registry.spec_author(connection, item.project, item.spec_digest)
        return page.render(
            request,
            "version.html",
            item=item,
            spec=spec,
            environment=environment,
            manifest=registry.manifest(connection, item.project, item.digest),
            gates=policies.results(connection, item.project, item.digest),
            evidence=evidence,
            metrics=_parts(content.get("metrics", {})),
            rows=content.get("rows", {}),
            slices=_slices(content.get("slices", {}), spec.metrics.primary),
            fairness={measure: _intervals(by) for measure, by in content.get("fairness", {}).items()},
            cost=content.get("cost", {}),
            latency=content.get("latency", {}).get("one_row_us"),
            explained="explanation" in content,
            confusion=_confusion(connection, item),
            champion=champion,
            champion_metrics={} if champion is None else _metrics(connection, champion),
            approvals=_standing(approvals.of_version(connection, item.project, item.digest), held, now_us),
            lacks=rules.lacking(current.approvals.required, held),
            choices=_choices(caller, item, current, (held, rules.lasting(held, current.approvals, now_us)), author),
            up=_lineage(connection, item, "up"),
            down=_lineage(connection, item, "down"),
        )


def _confusion(connection: Connection, item: Version) -> Confusion | None:
    """How its run's test split was confused, of several classes."""
    try:
        result = runs.get(connection, item.project, item.run).result
    except NotFound:  # made without a run that is kept here
        return None
    return None if result is None else result.confusion


def _champion(connection: Connection, spec: Project, item: Version) -> Version | None:
    """The version that decides where this one would serve, when it is another one."""
    place = endpoints.find(connection, item.project, spec.release.endpoint)
    if place is None or place.champion is None or (place.model, place.champion) == (item.model, item.number):
        return None
    return registry.version(connection, item.project, place.model, place.champion)


def _metrics(connection: Connection, item: Version) -> dict[str, Any]:
    found = policies.list_evidence(connection, item.project, item.digest)
    content: dict[str, Any] = next((one.content for one in found if one.name == "metrics"), {})
    return _parts(content).get("test", {})


def _parts(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Metrics by part of the split, the test first; each with at least `value`."""
    order = {"test": 0, "validation": 1, "train": 2}
    parts = sorted(content.items(), key=lambda item: (order.get(item[0], 3), item[0]))
    return {part: _intervals(found) for part, found in parts if isinstance(found, dict)}


def _intervals(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        metric: {key: one.get(key) for key in ("value", "low", "high", "rows")}
        for metric, one in found.items()
        if isinstance(one, dict)
    }


def _slices(content: dict[str, Any], primary: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Column, value and the primary metric of each slice (or its first metric)."""
    return [
        (column, value, _intervals({primary: found.get(primary) or next(iter(found.values()))})[primary])
        for column, values in content.items()
        for value, found in values.items()
        if found
    ][:_NODES]


def _standing(given: list[approval.Approval], held: list[approval.Approval], now_us: int) -> list[Standing]:
    holding = {one.id for one in held}

    def state(one: approval.Approval) -> str:
        if one.decision is approval.Decision.NO:
            return "no"
        if one.void is not None:
            return "void"
        if one.expires_us <= now_us:
            return "expired"
        return "holds" if one.id in holding else "other evidence or environment"

    return [Standing(approval=one, state=state(one)) for one in reversed(given)]


def _choices(
    caller: access.Caller,
    item: Version,
    spec: Project,
    given: tuple[list[approval.Approval], list[approval.Approval]],
    author: str | None,
) -> list[Choice]:
    """By role what the caller may say; `given`: each yes that holds, and those of them that do not end soon."""
    held, lasting = given
    said = {one.role for one in lasting if one.person == caller.name}
    return [
        Choice(
            role=role,
            path=show.address(item.project, "models", item.model, "versions", item.number, verb),
            obstacle="You said yes; it holds." if role in said else _obstacle(caller, item, role, spec, held, author),
        )
        for role, verb in _ROLES.items()
        if role in caller.roles
    ]


def _obstacle(
    caller: access.Caller,
    item: Version,
    role: Role,
    spec: Project,
    held: list[approval.Approval],
    author: str | None,
) -> str | None:
    """Why this caller cannot say yes in this role now, if so."""
    try:
        rules.check_ready(item, role, spec.approvals.required, held)
        rules.check_four_eyes(caller, item, author)
        rules.check_one_role(caller, role, held)
    except PodiumError as refused:
        return f"{refused.message} {refused.fix or ''}".strip()
    return None


def _lineage(connection: Connection, item: Version, direction: graph.Direction) -> list[Ancestor]:
    start = event.Subject("version", item.digest)
    found = graph.trace(connection, item.project, start, direction=direction, depth=4)
    nodes = sorted((node for node in found.nodes if node.depth), key=lambda node: (abs(node.depth), node.noun, node.id))
    return [_ancestor(connection, item.project, node) for node in nodes if node.noun != "evidence"][:_NODES]


def _ancestor(connection: Connection, project: str, node: lineage.Node) -> Ancestor:
    detail: dict[str, object] = {}
    name = node.id
    if node.noun == "version":
        other = registry.find_digest(connection, project, node.id)
        if other is not None:
            detail, name = {"model": other.model, "number": other.number}, f"{other.number} of {other.model}"
    target = words.link(project, event.Subject(node.noun, node.id), detail)
    return Ancestor(noun=node.noun, id=name, steps=abs(node.depth), link=target)


Saying = Callable[[Store, access.Caller, str, int, deciding.Answer], approval.Approval]


def _form(verb: str, permission: Permission, say: Saying) -> HTTPRouteHandler:
    """The route of a form by which a person says yes or no."""

    @post(
        f"{_VERSION}/{verb}",
        name=f"web-{verb}",
        opt={"permission": permission, "form": True},
        request_max_body_size=_FORM_BYTES,
        sync_to_thread=True,
        include_in_schema=False,
    )
    def decide(
        store: Store,
        caller: access.Caller,
        name: str,
        number: int,
        data: Annotated[Say, Body(media_type=RequestEncodingType.URL_ENCODED)],
    ) -> Response[str]:
        say(store, caller, name, number, deciding.Answer(decision=data.decision, comment=data.comment))
        return page.go(show.address(caller.project, "models", name, "versions", number))

    return decide


validate = _form("validate", Permission.VALIDATE, deciding.validate)
approve = _form("approve", Permission.APPROVE, deciding.approve)
