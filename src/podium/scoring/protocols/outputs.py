"""The tensors that answer an infer request, and which of them the caller wants, in which form."""

import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from podium.core.errors import Invalid
from podium.scoring import request, several
from podium.scoring.protocols import tensors

NAMES = ("score", "decision", "prediction_id", "version", "referred")
_LONGEST_SAID, _MOST_SAID = 80, 20
"""Characters of a name, and classes, that a problem tells."""
_MOST = 4096
"""Outputs that may be asked for: those of the most classes, and some."""
_REFUSED = ("classification", "shared_memory_region")


class Wanted(NamedTuple):
    """`names`: the outputs in the order asked for, each with whether it goes in binary; None: all, as `binary` says."""

    names: tuple[tuple[str, bool], ...] | None = None
    binary: bool = False


class Output(NamedTuple):
    """A tensor of the answer: a value a row."""

    name: str
    datatype: str
    values: Sequence[Any]

    @property
    def nulls(self) -> bool:
        """Whether some row has no value."""
        return self.name == "decision" and None in self.values

    def raw(self) -> bytes:
        """Its bytes, little-endian."""
        if self.datatype == tensors.BYTES:
            return tensors.raw_texts(self.values)
        if self.datatype == "BOOL":
            return bytes(self.values)
        made = array({"FP64": "d", "INT64": "q"}[self.datatype], self.values)
        if sys.byteorder == "big":
            made.byteswap()
        return made.tobytes()


def wanted(body: Mapping[str, Any], labels: Sequence[str] = ()) -> Wanted:
    """What the `outputs` and `parameters` of an infer request ask for; `Invalid` naming the place.

    `labels`: the classes that the model tells, if it tells several.
    """
    parameters = parameters_of(body, "")
    binary = _flag(parameters, "binary_data_output", "parameters")
    asked = body.get("outputs")
    if asked is None or asked == []:
        return Wanted(None, binary)
    if not isinstance(asked, list):
        raise Invalid("It is a list of outputs.", field="outputs", fix="Send a list, or leave it out for all outputs.")
    found = [_one(each, f"outputs[{position}]", binary=binary) for position, each in enumerate(asked)]
    return Wanted(check([name for name, _ in found], [flag for _, flag in found], labels), binary)


def check(names: Sequence[str], binary: Sequence[bool], labels: Sequence[str] = ()) -> tuple[tuple[str, bool], ...]:
    """Names and forms together, once each is known to exist and to come once."""
    if len(names) > _MOST:
        raise Invalid("More outputs are asked for than any model has.", field="outputs", fix="Leave it out for all.")
    seen: set[str] = set()
    known = {name for name, _ in described(decides=True, refers=True, labels=labels)}
    for position, name in enumerate(names):
        if name not in known:
            fix = f"Ask for {_told(labels)}."
            raise Invalid("There is no such output.", field=f"outputs[{position}].name", fix=fix)
        if name in seen:
            raise Invalid(
                "An output is asked for twice.", field=f"outputs[{position}].name", fix="Ask for each output once."
            )
        seen.add(name)
    return tuple(zip(names, binary, strict=True))


def _told(labels: Sequence[str]) -> str:
    """The outputs that there are, for people."""
    if not labels:
        return ", ".join(NAMES)
    classes = [several.PROBABILITY + label[:_LONGEST_SAID] for label in labels[:_MOST_SAID]]
    more = f" and {len(labels) - _MOST_SAID} more" if len(labels) > _MOST_SAID else ""
    return f"{', '.join(NAMES)}, {several.PREDICTED} or {several.PROBABILITY}<class>: {', '.join(classes)}{more}"


def _one(asked: Any, where: str, *, binary: bool) -> tuple[str, bool]:
    tensors.check_object(asked, where, "An output")
    if not isinstance(asked.get("name"), str):
        raise Invalid("An output needs a name.", field=f"{where}.name", fix=f"Ask for {', '.join(NAMES)}.")
    parameters = parameters_of(asked, f"{where}.")
    check_parameters(parameters, where)
    own = "binary_data" in parameters
    return asked["name"], _flag(parameters, "binary_data", f"{where}.parameters") if own else binary


def check_parameters(parameters: Mapping[str, Any], where: str) -> None:
    """`Invalid` when a tensor asks for an extension that is not spoken here."""
    for name in _REFUSED:
        if name in parameters:
            raise Invalid(
                "This extension is not spoken here.",
                field=f"{where}.parameters.{name}",
                fix="Leave it out; send the values in the request itself.",
            )


def parameters_of(of: Mapping[str, Any], before: str) -> dict[str, Any]:
    """The parameters of a request, tensor or output; `Invalid` when they are no object. `before`: where it stands."""
    parameters = of.get("parameters", {})
    if not isinstance(parameters, dict):
        raise Invalid("The parameters are not an object.", field=f"{before}parameters", fix="Leave them out.")
    return parameters


def _flag(parameters: Mapping[str, Any], name: str, where: str) -> bool:
    given = parameters.get(name, False)
    if not isinstance(given, bool):
        raise Invalid("It is true or false.", field=f"{where}.{name}", fix="Send true or false.")
    return given


def described(*, decides: bool, refers: bool = False, labels: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Name and datatype of each output of a model, which `decides` or only scores, and `refers` some rows to people.

    Of several classes: the most probable one, and the probability of each of the `labels`.
    """
    kinds = dict(zip(NAMES, ("FP64", "BOOL", tensors.BYTES, "INT64", "BOOL"), strict=True))
    given = {"decision": decides, "referred": refers}
    found = [(name, kind) for name, kind in kinds.items() if given.get(name, True)]
    if labels:
        found += [(several.PREDICTED, tensors.BYTES), *((several.PROBABILITY + label, "FP64") for label in labels)]
    return found


def of(scored: request.Scored) -> list[Output]:
    """All outputs; a decision only where some row has one, or is referred to a person."""
    decides = scored.referred is not None or any(decision is not None for decision in scored.decisions)
    decided = [Output("decision", "BOOL", scored.decisions)] if decides else []
    referred = [] if scored.referred is None else [Output("referred", "BOOL", scored.referred)]
    return [
        Output("score", "FP64", scored.scores),
        *decided,
        Output("prediction_id", tensors.BYTES, scored.prediction_ids),
        Output("version", "INT64", scored.versions),
        *referred,
        *([] if scored.classed is None else _of_classes(scored.classed)),
    ]


def _of_classes(classed: several.Classed) -> list[Output]:
    chances = [Output(name, "FP64", values) for name, values in classed.columns()]
    return [Output(several.PREDICTED, tensors.BYTES, classed.predicted()), *chances]


def chosen(scored: request.Scored, asked: Wanted) -> list[tuple[Output, bool]]:
    """The outputs that go back, each with whether it goes in binary: not if it holds nulls, which only JSON knows."""
    made = of(scored)
    names = [(output.name, asked.binary) for output in made] if asked.names is None else asked.names
    by_name = {output.name: output for output in made}
    return [(by_name[name], binary and not by_name[name].nulls) for name, binary in names if name in by_name]


def version(scored: request.Scored) -> str:
    """The version that decided all rows; empty when there were two."""
    return str(scored.versions[0]) if len(set(scored.versions)) == 1 else ""
