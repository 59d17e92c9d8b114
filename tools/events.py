"""The page about events: every kind that the code records, found by reading the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec
from tools import markdown
from tools.event_kinds import MEANING

_SOURCE = Path(__file__).parents[1] / "src" / "podium"
_HOOKS = _SOURCE / "server" / "hooks.py"
_FLOORS = ("jobs", "build", "manage", "deploy", "monitor")
_INTRODUCTION = """\
# Events

One event is one fact about one action: id, instant, actor, the role in which the actor acted, project, kind, subject,
parents, detail. It is kept in the transaction of the change itself, and chained: the hash of an event is SHA-256 over
the hash before it (32 bytes; zeros before the first) and the event's exact stored bytes. `podium audit verify`
recomputes the chain. Subjects and parents are the edges of the lineage graph.

A name with `<state>` stands for one kind a state: the state that the subject entered.
"""
_FOLLOW = """\
## What follows

These kinds have consequences that are part of the same transaction: a job is queued, or a rule is applied.
"""


class Kind(msgspec.Struct, frozen=True, order=True):
    """A kind of event, and the module that records it."""

    name: str
    module: str


def found() -> list[Kind]:
    """Every kind, by name; one that several modules record comes several times."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in _files()}
    recorders = {"record"} | {name for tree in trees.values() for name in _wrappers(tree)}
    return sorted({Kind(name, _module(path)) for path, tree in trees.items() for name in _recorded(tree, recorders)})


def _files() -> list[Path]:
    return [path for floor in _FLOORS for path in sorted((_SOURCE / floor).rglob("*.py"))]


def _module(path: Path) -> str:
    return ".".join(path.relative_to(_SOURCE).with_suffix("").parts)


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _calls(function: ast.FunctionDef) -> Iterator[ast.Call]:
    return (node for node in ast.walk(function) if isinstance(node, ast.Call))


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _wrappers(tree: ast.Module) -> Iterator[str]:
    """Functions that are given a kind and record it."""
    for function in _functions(tree):
        if "kind" in [one.arg for one in function.args.args] and any(
            _called(one) == "record" for one in _calls(function)
        ):
            yield function.name


def _recorded(tree: ast.Module, recorders: set[str]) -> Iterator[str]:
    for function in _functions(tree):
        assigned = {
            target.id: node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in _calls(function):
            for argument in call.args if _called(call) in recorders else ():
                value = assigned.get(argument.id, argument) if isinstance(argument, ast.Name) else argument
                yield from (name for name in _texts(value) if "." in name and " " not in name)


def _texts(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be; what is filled in shows as `<state>`."""
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "<state>" for part in node.values)


def follow() -> dict[str, str]:
    """By kind, the jobs and functions that `server/hooks.py` joins to it."""
    for node in ast.parse(_HOOKS.read_text(encoding="utf-8")).body:
        if (
            isinstance(node, ast.AnnAssign)
            and ast.unparse(node.target) == "FOLLOW"
            and isinstance(node.value, ast.Dict)
        ):
            return {
                ast.literal_eval(key): ", ".join(f"`{name}`" for name in _joined(value))
                for key, value in zip(node.value.keys, node.value.values, strict=True)
                if key is not None
            }
    return {}


def _joined(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and "." in part.value:
            yield part.value
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            yield ast.unparse(part)


def page() -> str:
    """Every kind with its meaning and where it is recorded, and what follows each in the same transaction."""
    modules: dict[str, list[str]] = {}
    for kind in found():
        modules.setdefault(kind.name, []).append(markdown.code(kind.module))
    rows = [(markdown.code(name), MEANING.get(name, ""), ", ".join(where)) for name, where in modules.items()]
    following = [(markdown.code(name), what) for name, what in sorted(follow().items())]
    return "\n".join(
        [
            _INTRODUCTION,
            markdown.table(("kind", "meaning", "recorded in"), rows),
            _FOLLOW,
            markdown.table(("kind", "what follows"), following),
        ]
    )
