"""`models`, `versions` and `gates`: the inventory, and what was found of each version."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from podium.cli import console
from podium.cli.options import Json, Project
from podium.cli.session import session

if TYPE_CHECKING:
    from podium.core import evidence, model, version

models = typer.Typer(help="The inventory: what each model is for, and who answers for it.", no_args_is_help=True)
versions = typer.Typer(help="Versions: what they are, and what was found of them.", no_args_is_help=True)
gates = typer.Typer(help="Gates: what must hold of a version before people are asked.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.")]
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The version's number.")]
_STATES = {"approved": "green", "validated": "cyan", "candidate": "yellow", "rejected": "red", "retired": "dim"}


@models.command("list")
def models_list(project: Project = "", json: Json = False) -> None:
    """List the models of the project.

    Example: podium models list
    """
    with session(project) as client:
        found = client.models.list()
        latest = {item.model: item for item in reversed(client.versions.list())}
    rows = [
        (
            item.name,
            item.spec.model.risk_tier,
            item.spec.model.owner,
            _latest(latest.get(item.name)),
            item.spec.release.endpoint,
            "retired" if item.retired else "",
            item.spec.model.purpose,
        )
        for item in found
    ]
    heads = ("model", "risk", "owner", "newest version", "endpoint", "", "purpose")
    console.table(found, heads, rows, empty="No models yet. Next: podium init NAME, then podium train.")


@models.command("show")
def models_show(model: Model, project: Project = "", json: Json = False) -> None:
    """Show a model: purpose, owner, decision, the rules that it lives under, and its versions.

    Example: podium models show churn
    """
    with session(project) as client:
        item = client.models.get(model)
        held = client.versions.list(model)
    _show_model(item)
    if not json and held:
        console.table(held, _VERSION_HEADS, [_version_row(each) for each in held[:10]], title="Versions")


@models.command("retire")
def models_retire(model: Model, project: Project = "", json: Json = False) -> None:
    """Take a model out of use; `podium models restore` undoes it.

    Example: podium models retire churn
    """
    with session(project) as client:
        item = client.models.retire(model)
    _show_model(item)


@models.command("restore")
def models_restore(model: Model, project: Project = "", json: Json = False) -> None:
    """Bring a retired model back.

    Example: podium models restore churn
    """
    with session(project) as client:
        item = client.models.restore(model)
    _show_model(item)


@versions.command("list")
def versions_list(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Only this model's.")] = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """List versions, newest first.

    Example: podium versions list churn
    """
    with session(project) as client:
        found = client.versions.list(model or None)
    console.table(
        found, _VERSION_HEADS, [_version_row(item) for item in found], empty="No versions yet. Next: podium train."
    )


@versions.command("show")
def versions_show(model: Model, number: Number, project: Project = "", json: Json = False) -> None:
    """Show a version: state, digest, metrics, parity, gates and approvals.

    Example: podium versions show churn 3
    """
    with session(project) as client:
        item = client.versions.get(model, number)
        found = {each.name: each.content for each in client.versions.evidence(model, number)}
        results = client.versions.gates(model, number)
        said = client.approvals.of(model, number)
    pairs: list[tuple[str, Any]] = [
        ("state", Text(item.state, style=_STATES[item.state])),
        ("digest", item.digest),
        ("made", f"{console.when(item.created_us)} by {item.created_by}"),
        ("run", item.run),
        ("data", console.short(item.dataset)),
        *_metrics(found.get("metrics", {})),
        *_parity(found.get("parity", {})),
        *((f"gate {result.name}", _passed(result)) for result in results),
        *((f"{each.decision} as {each.role}", _said(each.person, each.comment, each.void)) for each in said),
        *([("note", item.note)] if item.note else []),
    ]
    whole = {"version": item, "evidence": found, "gates": results, "approvals": said}
    console.details(whole, pairs, title=f"{item.model} {item.number}")


@versions.command("evidence")
def versions_evidence(model: Model, number: Number, project: Project = "", json: Json = False) -> None:
    """List the evidence attached to a version; `--json` prints its content.

    Example: podium versions evidence churn 3 --json
    """
    with session(project) as client:
        found = client.versions.evidence(model, number)
    rows = [
        (item.name, console.short(item.digest), item.created_by, console.when(item.created_us), _brief(item.content))
        for item in found
    ]
    console.table(found, ("evidence", "digest", "by", "when", "content"), rows, empty="No evidence yet.")


@versions.command("note")
def versions_note(
    model: Model,
    number: Number,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What people should know; empty removes it.")],
    project: Project = "",
    json: Json = False,
) -> None:
    """Write what people should know of a version.

    Example: podium versions note churn 3 "trained before the price change"
    """
    with session(project) as client:
        item = client.versions.note(model, number, text)
    console.details(item, [("note", item.note)], title=f"{item.model} {item.number}")


@gates.command("show")
def gates_show(model: Model, number: Number, project: Project = "", json: Json = False) -> None:
    """Show the results of a version's gates.

    Example: podium gates show churn 3
    """
    with session(project) as client:
        found = client.versions.gates(model, number)
    _show_gates(found)


@gates.command("run")
def gates_run(model: Model, number: Number, project: Project = "", json: Json = False) -> None:
    """Evaluate a version's gates again, over its evidence in force.

    Example: podium gates run churn 3
    """
    with session(project) as client:
        found = client.versions.evaluate(model, number)
    _show_gates(found)


@gates.command("check")
def gates_check(
    expression: Annotated[str, typer.Argument(metavar="EXPRESSION", help="What must hold, in CEL.")],
    json: Json = False,
) -> None:
    """Check whether an expression is a gate, here, without a server.

    Example: podium gates check "metrics.test.auc.value > 0.7"
    """
    from podium.manage.gates import expression as language

    language.check_expression(expression, _spec_here())
    if json:
        console.print_json({"valid": True, "expression": expression})
    else:
        console.say(Text.assemble(("✓", "green"), " This is a gate."))


def _spec_here() -> Any:
    from pathlib import Path

    from podium.cli.session import PROJECT_FILE
    from podium.core import project_file

    path = Path(PROJECT_FILE)
    return project_file.parse(path.read_text(), str(path)) if path.is_file() else None


_VERSION_HEADS = ("model", "version", "state", "gates", "digest", "made", "by", "note")


def _version_row(item: "version.Version") -> tuple[Any, ...]:
    gates_said = {None: "not yet", True: Text("✓", style="green"), False: Text("✗", style="red")}[item.gates_passed]
    return (
        item.model,
        item.number,
        Text(item.state, style=_STATES[item.state]),
        gates_said,
        console.short(item.digest),
        console.when(item.created_us),
        item.created_by,
        item.note,
    )


def _latest(item: "version.Version | None") -> str:
    return "" if item is None else f"{item.number} {item.state}"


def _show_model(item: "model.Model") -> None:
    spec = item.spec
    pairs: list[tuple[str, Any]] = [
        ("purpose", spec.model.purpose),
        ("owner", spec.model.owner),
        ("decision", spec.model.decision),
        ("moves", spec.model.kpi),
        ("risk", spec.model.risk_tier),
        ("endpoint", f"{spec.release.endpoint} in {spec.release.environment}"),
        ("features", ", ".join(spec.features.names())),
        ("primary", spec.metrics.primary),
        *((f"gate {gate.name}", gate.expression) for gate in spec.gates),
        ("approvals", f"{' and '.join(spec.approvals.required)}, for {spec.approvals.valid_for}"),
        ("changed", console.when(item.updated_us)),
    ]
    if item.retired:
        pairs.insert(0, ("state", Text("retired", style="red")))
    console.details(item, pairs, title=item.name)


def _show_gates(found: "Sequence[evidence.GateResult]") -> None:
    rows = [(item.name, _passed(item), item.expression, item.problem) for item in found]
    console.table(found, ("gate", "", "expression", "problem"), rows, empty="No gates were evaluated.")


def _passed(item: "evidence.GateResult") -> Text:
    return Text("✓ passed", style="green") if item.passed else Text("✗ failed", style="red")


def _said(person: str, comment: str, void: str | None) -> str:
    return f"{person}{f': {comment}' if comment else ''}{f'  (void: {void})' if void else ''}"


def _metrics(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    test: Mapping[str, Mapping[str, float]] = content.get("test", {})
    return [
        (f"test {name}", f"{each['value']:.5g}  [{each['low']:.5g}, {each['high']:.5g}]")
        for name, each in test.items()
        if each.get("value") is not None
    ]


def _parity(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    if not content:
        return []
    said = f"largest difference {content.get('max_abs_error'):.2g} on {content.get('rows'):,} rows"
    return [("parity", f"{said} ({content.get('recipe')})")]


def _brief(content: Mapping[str, Any]) -> str:
    said = ", ".join(f"{key}={_scalar(value)}" for key, value in list(content.items())[:4])
    return said if len(said) <= 80 else said[:79] + "…"


def _scalar(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{…}"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
