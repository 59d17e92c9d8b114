"""Values that are of their option's type already need no coercion, nor the seconds' tenth that loading it takes."""

from collections.abc import Iterator
from typing import Any

_AS_IT_IS = (bool, float, int, str)


class _Unless:
    """Gives back what is of the option's type, as text and defaults are; the rest is typer's."""

    def __init__(self, parameter: Any) -> None:
        self._type = parameter.type_descriptor.annotation
        self._otherwise = parameter.get_runtime_param

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        return (
            value
            if value is None or type(value) is self._type
            else self._otherwise().coerce(value, param=param, ctx=ctx)
        )


def spare(command: Any) -> Any:
    """The command, and those within it, told to load pydantic only for values that are not of their type yet."""
    for parameter in _parameters(command):
        known = getattr(parameter, "type_descriptor", None)
        if known is None or known.annotation not in _AS_IT_IS or parameter.multiple or parameter.nargs != 1:
            continue
        asked = known.parameter_info
        if all(getattr(asked, limit, None) is None for limit in ("parser", "click_type", "min", "max")):
            quick = _Unless(parameter)
            parameter.get_runtime_param = lambda quick=quick: quick
    return command


def _parameters(command: Any) -> Iterator[Any]:
    yield from command.get_params(command.context_class(command))
    for inner in getattr(command, "commands", {}).values():
        yield from _parameters(inner)
