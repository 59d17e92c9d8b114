"""When a rollout counts as refused: not by one scorer that is out of order, but by all that answer."""

from collections.abc import Mapping, Sequence

import msgspec

from podium.core import endpoint, rollout

QUIET_US = 60_000_000
"""A scorer that said nothing for a minute is not waited for."""
_CONDEMNED = "condemned"


def taken(item: endpoint.Scorer, before: endpoint.Scorer | None) -> endpoint.Scorer:
    """A report, with what the control plane remembers of the scorer's earlier ones."""
    old = {} if before is None else before.status
    status = {key: value for key, value in item.status.items() if key not in ("taken", _CONDEMNED)}
    rollouts = status.get("rollouts")
    served = rollouts if isinstance(rollouts, dict) else {}
    numbers = {
        named: max(number, 0 if before is None else before.took(named))
        for named, number in served.items()
        if isinstance(number, int)
    }
    remembered = {key: old[key] for key in (_CONDEMNED,) if key in old}
    return msgspec.structs.replace(
        item, status={**status, "taken": {**_mapping(old.get("taken")), **numbers}, **remembered}
    )


def condemned(
    scorers: Sequence[endpoint.Scorer], in_force: Sequence[rollout.InForce]
) -> Mapping[str, list[endpoint.Refusal]]:
    """By endpoint, the refusals of a rollout in force which all scorers refuse; the one who reports comes first.

    A scorer counts for an endpoint when it serves or refuses it and spoke within the last minute. A rollout that any
    scorer ever served is not condemned, nor is one that was condemned before.
    """
    now_us = scorers[0].at_us
    found: dict[str, list[endpoint.Refusal]] = {}
    for place in in_force:
        refused = _refusals(scorers, place)
        if scorers[0].name not in {each.scorer for each in refused}:
            continue
        awake = [item for item in scorers if now_us - item.at_us <= QUIET_US and _concerned(item, place.endpoint)]
        known = any(_mapping(item.status.get(_CONDEMNED)).get(place.endpoint) == place.number for item in scorers)
        served = any(item.took(place.endpoint) == place.number for item in scorers)
        if not known and not served and {item.name for item in awake} <= {each.scorer for each in refused}:
            found[place.endpoint] = refused
    return found


def remembered(item: endpoint.Scorer, found: Mapping[str, Sequence[endpoint.Refusal]]) -> endpoint.Scorer:
    """The report with a note of what was condemned, so that it is told once."""
    numbers = {named: refused[0].number for named, refused in found.items()}
    return msgspec.structs.replace(
        item, status={**item.status, _CONDEMNED: {**_mapping(item.status.get(_CONDEMNED)), **numbers}}
    )


def _refusals(scorers: Sequence[endpoint.Scorer], place: rollout.InForce) -> list[endpoint.Refusal]:
    said = (item.refuses(place.endpoint) for item in scorers)
    return [each for each in said if each is not None and each.number == place.number]


def _concerned(item: endpoint.Scorer, named: str) -> bool:
    return item.serves(named) is not None or item.refuses(named) is not None


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
