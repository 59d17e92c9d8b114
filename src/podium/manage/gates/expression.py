"""Checks and evaluates a gate's expression. Only a literal true passes; whatever goes wrong does not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from podium.core import evidence, project
from podium.core.errors import Invalid
from podium.manage.gates import names, words

_FAILURES = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


def check_expression(text: str, spec: project.Project | None = None, field: str = "expression") -> None:
    """Raise `Invalid` unless the text is a gate: its size, grammar, functions and names are right, and it answers
    true or false.
    """
    found = words.tokens(text, field)
    program = _compile(words.with_doubles(text, found), field)
    paths = words.paths(found)
    names.check(paths, names.known(spec), field)
    _try(program, paths, field)


def check_gates(spec: project.Project) -> None:
    """Check all gates of a project: their names differ and each expression is one."""
    seen: set[str] = set()
    for index, gate in enumerate(spec.gates):
        if gate.name in seen:
            raise Invalid("Two gates have the same name.", field=f"gates[{index}].name", fix="Name each differently.")
        seen.add(gate.name)
        check_expression(gate.expression, spec, f"gates[{index}].expression")


def evaluate(gate: project.GatePart, content: Mapping[str, Any]) -> evidence.GateResult:
    """A gate's outcome over evidence: content by evidence name, as it was attached."""
    passed, problem = _evaluate(gate.expression, content)
    return evidence.GateResult(name=gate.name, expression=gate.expression, passed=passed, problem=problem)


def _evaluate(text: str, content: Mapping[str, Any]) -> tuple[bool, str | None]:
    try:
        found = words.tokens(text, "expression")
        program = _compile(words.with_doubles(text, found), "expression")
    except Invalid as wrong:
        return False, str(wrong)
    context = visible(content)
    paths = words.paths(found)
    problems: list[str] = []
    missing = _missing(paths, context)
    if missing is not None:
        return False, missing
    try:
        answer = _execute(program, context, _functions(problems))
    except _FAILURES:
        return False, _explain(problems, paths, context)
    if answer is True:
        return True, None
    return False, None if answer is False else "The expression gives a value that is neither true nor false."


def visible(content: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a gate: every kind of evidence (empty when not attached), people's own under `reports`."""
    context = {name: _doubles(content.get(name, {})) for name in names.BUILT_IN}
    reports = {name: _doubles(value) for name, value in content.items() if name not in names.BUILT_IN}
    return context | {names.REPORTS: reports}


def _doubles(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _doubles(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_doubles(part) for part in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _compile(text: str, field: str) -> Any:
    import cel  # noqa: PLC0415 - it loads its own command line, too: a third of a second of every start

    try:
        return cel.compile(text)
    except ValueError as wrong:
        raise Invalid(
            f"This is not an expression: {_reason(str(wrong))}", field=field, fix="For example parity.rows >= 100."
        ) from None


def _execute(program: Any, context: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> Any:
    import cel  # noqa: PLC0415

    return program.execute(cel.Context(dict(context), dict(functions)))


def _reason(message: str) -> str:
    start = message.find("ERROR: <input>:")
    line = message[start:].splitlines()[0] if start >= 0 else "it cannot be read"
    return line.removeprefix("ERROR: <input>:").split(" expecting ")[0].replace("'<EOF>'", "its end")[:120] + "."


def _missing(paths: Sequence[words.Path], context: Mapping[str, Any]) -> str | None:
    """The first name without a value. One that the expression asks for with `has()`, and that is absent, may be."""
    excused = [path.parts for path in paths if path.asked and names.problem_of(path, context)]
    for path in paths:
        if path.asked or any(path.parts[: len(parts)] == parts for parts in excused):
            continue
        problem = names.problem_of(path, context)
        if problem is not None:
            return problem
    return None


def _explain(problems: list[str], paths: Sequence[words.Path], context: Mapping[str, Any]) -> str:
    odd = problems or [
        f"{path} is {_type(value)}" for path in paths if not isinstance(value := _value(path, context), float)
    ]
    return f"It cannot be computed: {'; '.join(odd) or 'the types do not fit'}."


def _value(path: words.Path, context: Mapping[str, Any]) -> Any:
    here: Any = context
    for part in path.parts:
        here = here.get(part) if isinstance(here, Mapping) else None
    return here


def _type(value: Any) -> str:
    if value is None:
        return "empty"
    return {bool: "true or false", str: "text", dict: "a group of values", list: "a list"}.get(type(value), "a value")


def _try(program: Any, paths: Sequence[words.Path], field: str) -> None:
    """Evaluate once with a number under each name: what can never be true or false is found before any training."""
    context: dict[str, Any] = {name: {} for name in (*names.BUILT_IN, names.REPORTS)}
    for path in paths:
        here = context
        for part in path.parts[:-1]:
            inner = here.setdefault(part, {})
            here = inner if isinstance(inner, dict) else {}
        here.setdefault(path.parts[-1], 0.5)
    typed = all(path.parts[0] != names.REPORTS and path.parts[-1] != "recipe" for path in paths)
    try:
        answer = _execute(program, context, _TRIAL)
    except _FAILURES:
        answer = True if not typed or any(path.asked for path in paths) else None
    if typed and not isinstance(answer, bool):
        raise Invalid("The expression is not true or false.", field=field, fix="Compare: metrics.test.auc.value > 0.7.")


def _functions(problems: list[str]) -> dict[str, Callable[..., Any]]:
    """The functions of a gate. They answer null, and say why in `problems`, when they cannot be computed."""

    def over_slices(choose: Callable[[list[float]], float]) -> Callable[[Any, Any], float | None]:
        def function(group: Any, metric: Any) -> float | None:
            parts = list(group.values()) if isinstance(group, Mapping) else []
            values = [part.get(metric, {}).get("value") for part in parts if isinstance(part, Mapping)]
            if not values or not all(isinstance(value, float) for value in values):
                problems.append("lowest() and highest() need a slice column and a metric that each of its slices has")
                return None
            return choose(values)

        return function

    return {"abs": abs, "lowest": over_slices(min), "highest": over_slices(max)}


def _any_number(*_: Any) -> float:
    return 0.5


_TRIAL: dict[str, Callable[..., Any]] = {"abs": _any_number, "lowest": _any_number, "highest": _any_number}
