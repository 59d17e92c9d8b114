"""The figures as a page: for each default a table of its candidates, today's in bold, and why it is what it is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benches.limits import reasons

_INTRODUCTION = """\
# From what the defaults were chosen

Written by `python -m benches defaults --page docs/reference/defaults.md` in a checkout, with its figures beside it in
`defaults.json`. Each table shows a few candidates for one default while all others stay as they are; **bold** is what
the product does today. Limits of which only people can say what is normal (groups' fairness, the age of a feed, rules
that are off) are not here: `podium drill` rehearses them on an endpoint's own traffic.

How it is measured:

- **Flights**: the demo's model with 60 trees, trained on January and February 2013 as the platform trains. Windows of a
  week are drawn from the days of March and April, as a drill does: in each repetition half of the days make the
  reference and the others the windows. {repetitions} repetitions, each of 8 quiet windows, and of 4 windows of every
  fault after 3 quiet ones. The rules are those that `podium init` writes; every window is looked at once by the
  monitor's own code, and judged under every candidate.
- **Still**: 50 columns in which nothing ever moves (normal, lognormal, 20 and 200 categories), independent rows: every
  alarm is false.
- **Wandering**: 20 features of 1,000 rows a week that differ from week to week by themselves, each by its own, normally
  distributed with so many deviations (or points of its share of nulls), and training on 8 weeks. While quiet, any
  feature's alarm counts; where the first one moved, its own.
- *False alarms in 30 days*: alerts that open in quiet windows, by the checks of this default, and by all rules
  together. The budget is one.
- *Told after training*: how many checks of this default break in a week from March to December as it came, against
  January and February. That is no false alarm, as seasons change, but people read it.
- *A fault's cell*: in how many runs it was found by the checks of this default (for false discoveries, persistence and
  rows: by any), of all runs, and the median number of windows until then.
"""
_COMMAND = """\
## `podium check`

Pairs of tables of 50 columns: ten normal, ten lognormal, ten that move together in pairs, twenty of categories; 10,000
rows before, 1,000 now unless the table says otherwise. *Alarms*: quiet pairs in which this measure alarms, and in which
anything does; the bar is 1 % for anything at all. What is put in is put into one column unless it says all or pairs.
"""
_MACHINE = (
    "{processor}, {cores} cores, {memory_gb} GB, {system}, Python {python}; numpy {numpy}. "
    "Seed {seed}, {cpu_s} s of processor time."
)


def markdown(found: Mapping[str, Any]) -> str:
    """The whole page."""
    said = found["machine"]
    machine = _MACHINE.format(
        **{name: said[name] for name in ("processor", "cores", "memory_gb", "system", "python")},
        numpy=said["packages"]["numpy"],
        seed=found["seed"],
        cpu_s=found["cpu_s"],
    )
    tables: Sequence[Mapping[str, Any]] = found["tables"]
    rules = [each for each in tables if each["where"] != "files"]
    names = list(dict.fromkeys(each["name"] for each in rules))
    parts = [
        _INTRODUCTION.format(repetitions=found["repetitions"]),
        machine + "\n",
        "## Rules of a monitor\n",
    ]
    parts += [
        part for name in names for part in _section(name, [each for each in rules if each["name"] == name], "monitor")
    ]
    parts.append(_COMMAND)
    parts += [part for each in tables if each["where"] == "files" for part in _section(each["name"], [each], "check")]
    return "\n".join(parts)


def _section(name: str, tables: Sequence[Mapping[str, Any]], where: str) -> Iterator[str]:
    yield f"### {reasons.TITLES.get(name, f'`{name}`')}\n"
    for each in tables:
        yield from _table(each)
    yield reasons.WHY[where, name] + "\n"


def _table(each: Mapping[str, Any]) -> Iterator[str]:
    rows, files, alarms = each["rows"], each["where"] == "files", "own" in each["rows"][0]
    faults = list(dict.fromkeys(fault for row in rows for fault in row["found"]))
    after = any(row.get("after") is not None for row in rows)
    if not files:
        quiet = f", {rows[0]['windows']} quiet windows" if alarms else ", windows in which it alarms"
        yield f"{each['where'].capitalize()}{quiet}:\n"
    heads = ["alarms, by it", "by any"] if files else ["false alarms in 30 days, by it", "by all"]
    lines = [[_value(each["name"]), *(heads if alarms else []), *(["told after training"] if after else []), *faults]]
    for row in rows:
        today = row["value"] == each["present"]
        value = f"**{row['value']}**" if today else str(row["value"])
        shares = [f"{100 * row[key]:.1f} %" if files else f"{row[key]:.2f}" for key in ("own", "all") if alarms]
        told = [f"{row['after']:.1f}"] if after else []
        lines.append([value, *shares, *told, *(_cell(row["found"].get(fault)) for fault in faults)])
    yield "\n".join(_line(line) for line in [lines[0], ["---", *["---:"] * (len(lines[0]) - 1)], *lines[1:]]) + "\n"


def _value(name: str) -> str:
    return {"min_rows": "rows", "constant": "on"}.get(name, "value")


def _cell(found: Sequence[Any] | None) -> str:
    if found is None:
        return ""
    count, runs, delay = found
    return f"{count}/{runs}" + (f" · {delay:g}" if delay is not None else "")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
