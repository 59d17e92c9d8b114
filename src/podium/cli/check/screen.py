"""The check on one screen of the terminal: the worst columns first."""

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from podium.cli import console
from podium.cli.check.work import Done
from podium.measures.comparison import categorical, figures, numeric, together
from podium.measures.comparison.finding import Column, Finding, State

_MARKS = {State.ALARM: ("✗", "red"), State.OK: ("✓", "green"), State.NOT_ENOUGH_DATA: ("?", "dim")}
_AROUND = 8
"""Lines of the screen that are not columns: what was compared, the verdict, the head, the legend, the prompt."""
_FEWEST = 5
_FIGURES = 3
_NAME, _NUMBER = 24, 6
_STYLES = {State.ALARM: ""}


def show(done: Done, html: str, *, all_columns: bool) -> None:
    """Print the comparison, or as one JSON document with `--json`."""
    found = done.comparison
    if found is None:
        return
    if console.is_json():
        console.print_json(found)
        return
    console.out.print(Text(f"{_side(found.rows_before)} → {_side(found.rows_now)}", style="dim"))
    console.out.print(_verdict(found))
    alarms = [
        (each, state)
        for each, state in zip(found.whole, found.whole_states, strict=True)
        if all_columns or state is State.ALARM
    ]
    for finding, state in alarms:
        console.out.print(_whole(finding, state), no_wrap=True, overflow="ellipsis")
    told = {finding.said for finding, _ in alarms}
    known = _performance(found.performance, told) if found.performance is not None else []
    for line in known:
        console.out.print(line, no_wrap=True, overflow="ellipsis")
    room = max(_FEWEST, console.out.height - _AROUND - len(alarms) - len(known) - bool(html) - bool(done.extra))
    shown = found.columns if all_columns else found.columns[:room]
    console.out.print(_table(shown))
    rest = len(found.columns) - len(shown)
    if rest:
        alarming = sum(each.state is State.ALARM for each in found.columns[len(shown) :])
        and_alarms = f", {alarming} of them with an alarm" if alarming else ""
        console.out.print(
            Text(f"… {rest} more {'column' if rest == 1 else 'columns'}{and_alarms} (--all shows them)", style="dim")
        )
    if done.extra:
        names = escape(", ".join(categorical.word(each) for each in done.extra))
        console.out.print(f"[dim]Not in the reference: {names}[/dim]", no_wrap=True, overflow="ellipsis")
    if html:
        console.out.print(f"[dim]Report: {escape(html)}[/dim]", no_wrap=True, overflow="ellipsis")


def _side(rows: int) -> str:
    return f"{rows:,} rows"


def _verdict(found: together.Comparison) -> Text:
    few = sum(each.state is State.NOT_ENOUGH_DATA for each in found.columns)
    without = f", {few} with not enough data" if few else ""
    if found.state is State.ALARM:
        columns = sum(each.state is State.ALARM for each in found.columns)
        if not columns:
            return Text(
                f"✗ An alarm on the table as a whole, none in {len(found.columns)} columns{without}", style="bold red"
            )
        return Text(f"✗ {columns} of {len(found.columns)} columns with an alarm{without}", style="bold red")
    if few and few == len(found.columns):
        return Text("? Not enough data to say anything", style="bold yellow")
    return Text(f"✓ No alarm in {len(found.columns)} columns{without}", style="bold green")


def _whole(finding: Finding, state: State) -> Text:
    mark, colour = _MARKS[state]
    return Text.assemble((f"{mark} ", colour), categorical.word(finding.said, console.out.width - 2))


def _performance(known: figures.Performance, told: set[str]) -> list[Text]:
    """How good the predictions are, beyond what is told: figures, the worst segments, features, groups with a gap."""
    from podium.measures.comparison import outcomes

    without = f", {known.unknown:,} without" if known.unknown else ""
    made = [Text(f"  {known.rows:,} rows with an outcome{without}", style="dim")]
    made += [Text(f"  {said}") for each in known.figures[:_FIGURES] if (said := outcomes.said(each)) not in told]
    for each in known.segments[:_FIGURES]:
        said = f"{each.loss:.3g}, elsewhere {each.elsewhere:.3g} ({each.rows:,} rows)"
        made.append(Text(f"  worst where {categorical.word(each.said, 60)}: {known.loss} {said}", style="yellow"))
    if known.features:
        named = ", ".join(f"{categorical.word(each.column)} {numeric.share(each.share)}" for each in known.features)
        made.append(Text(f"  errors differ most by {named}", style="dim"))
    for part in known.parts:
        first = next(iter(part.figures.items()), None)
        shown = "not defined" if first is None else outcomes.shown(*first)
        few = ", few" if part.greyed else ""
        style = "dim" if part.greyed else ""
        made.append(Text(f"  where {categorical.word(part.said, 60)} ({part.rows:,} rows{few}): {shown}", style=style))
    for gap in known.gaps:
        if gap.difference is not None and gap.difference.low > 0:
            said = f"{gap.measure.replace('_', ' ')} by {categorical.word(gap.column)}: {gap.difference.value:.3f}"
            between = f"{categorical.word(gap.lowest or '')} below {categorical.word(gap.highest or '')}"
            made.append(Text(f"  {said} ({between})", style="yellow"))
    return made


def _table(columns: tuple[Column, ...]) -> Table:
    """One line a column, whatever the width: what changed is cut to the room that is left."""
    name = max(len("column"), min(_NAME, max(len(each.column) for each in columns)))
    kind = max(len("kind"), max(len(each.kind) for each in columns))
    room = max(10, console.out.width - 1 - name - kind - 2 * _NUMBER - 2 * 5 - 1)
    made = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column("", width=1)
    made.add_column("column", width=name)
    made.add_column("kind", width=kind)
    for head in ("moved", "PSI"):
        made.add_column(head, width=_NUMBER, justify="right")
    made.add_column("what changed", width=room)
    for each in columns:
        mark, colour = _MARKS[each.state]
        said = Text(each.note if each.state is State.ALARM else quiet(each), style=_STYLES.get(each.state, "dim"))
        said.truncate(room, overflow="ellipsis")
        shown = Text(categorical.word(each.column, _NAME))
        shown.truncate(name, overflow="ellipsis")
        made.add_row(Text(mark, style=colour), shown, Text(each.kind, style="dim"), moved(each), _psi(each), said)
    return made


def moved(column: Column) -> str:
    """The share of rows that moved, for people."""
    value = column.measures.get("ks", column.measures.get("moved"))
    return "" if value is None else numeric.share(value)


def _psi(column: Column) -> str:
    value = column.measures.get("psi")
    return "" if value is None else f"{max(0.0, value):.3f}"


def quiet(column: Column) -> str:
    """What to say of a column that does not alarm."""
    return "not enough data" if column.state is State.NOT_ENOUGH_DATA else column.note
