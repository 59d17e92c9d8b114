"""`score`, `outcomes` and `replay`: send rows and their truth from files, and compute predictions again."""

import collections
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from podium.cli import console
from podium.cli.options import Json, Project
from podium.cli.session import session
from podium.core.errors import Invalid

if TYPE_CHECKING:
    from podium.core import prediction

Endpoint = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's name.")]
_SHOWN = 20


def score(
    endpoint: Endpoint,
    data: Annotated[str, typer.Option("--data", "-d", help="A file (csv, parquet, feather, jsonl, json), or JSON.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the scores here: .csv or .json.")] = None,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Rows in one request.")] = 1000,
    url: Annotated[str, typer.Option(help="The scorer's address; by default the one on this machine.")] = "",
    explain: Annotated[bool, typer.Option("--explain", help="Say what each feature added; nothing is logged.")] = False,
    json: Json = False,
) -> None:
    """Score rows at an endpoint, by the Open Inference Protocol.

    Example: podium score churn --data customers.csv --out scores.csv
    """
    from podium.cli import rows as files
    from podium.cli import scorer_client, why
    from podium.server import settings

    if out is not None and out.suffix not in (".csv", ".json"):
        raise Invalid("Scores are written as .csv or .json.", field="--out", fix="For example --out scores.csv.")
    config, table = settings.load(), files.read(data)
    asked = scorer_client.ScorerClient(url or f"http://{config.host}:{config.scorer_port}", settings.trace())
    if explain:
        with asked as scorer:
            why.show(scorer.explain(endpoint, table, batch=min(batch, why.MOST_ROWS)), out)
        return
    with (
        asked as scorer,
        console.progress(f"Scoring {table.num_rows:,} rows") as bar,
    ):
        found = scorer.score(endpoint, table, batch=batch, on_progress=bar.at)
    if out is not None:
        files.write(out, found)
        deciding = sum(1 for row in found if row.get("decision"))
        report = {"file": str(out), "rows": len(found), "positive": deciding}
        if found and "class" in found[0]:
            said = collections.Counter(row["class"] for row in found)
            pairs = [("file", out), *((name, f"{count:,}") for name, count in said.most_common())]
            console.details({"file": str(out), "rows": len(found), "classes": dict(said)}, pairs)
            return
        console.details(report, [("file", out), ("rows", f"{len(found):,}"), ("positive", f"{deciding:,}")])
        return
    heads = tuple(found[0]) if found else ()
    console.table(found, heads, [tuple(row.values()) for row in found[:_SHOWN]], empty="No rows.")
    if len(found) > _SHOWN:
        console.say(Text(f"… {len(found) - _SHOWN:,} more; --out FILE writes all of them.", style="dim"))


def outcomes(
    endpoint: Endpoint,
    data: Annotated[str, typer.Option("--data", "-d", help="A file (csv, parquet, feather, jsonl, json), or JSON.")],
    value: Annotated[str, typer.Option(help="The column with the truth.")],
    key: Annotated[str, typer.Option(help="The column with the rows' keys.")] = "",
    prediction_id: Annotated[str, typer.Option(help="Instead of keys: the column with prediction ids.")] = "",
    at: Annotated[str, typer.Option(help="The column that says when the truth became known; now by default.")] = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Send the truth of scored rows. Sending a file again changes nothing; a later value corrects an earlier one.

    Example: podium outcomes churn --data left.csv --key customer --value left --at left_on
    """
    from podium.cli import rows as files
    from podium.core import digest, time
    from podium.server import settings
    from podium.store import clock

    if bool(key) == bool(prediction_id):
        raise Invalid("Name the rows by one column.", field="--key", fix="Give --key or --prediction-id.")
    table = files.read(data)
    now_us = time.to_us(clock.choose(settings.load().clock)())
    given = files.outcomes(table, key=key, prediction_id=prediction_id, value=value, at=at, now_us=now_us)
    sent = []
    with session(project) as client, console.progress(f"Sending {len(given):,} outcomes") as bar:
        for first in range(0, len(given), files.BATCH):
            part = given[first : first + files.BATCH]
            once = digest.of_value(part).removeprefix(digest.PREFIX)
            sent.append(client.outcomes.send(endpoint, part, key=once))
            bar.at((first + len(part)) / len(given))
    total = sum(item.rows for item in sent)
    console.details({"rows": total, "batches": sent}, [("sent", f"{total:,} outcomes"), ("to", endpoint)])


def replay(
    what: Annotated[
        str, typer.Argument(metavar="PREDICTION|ENDPOINT", help="A prediction's id; with --sample: where.")
    ],
    sample: Annotated[int, typer.Option(min=0, max=100_000, help="Replay so many random ones of an endpoint.")] = 0,
    seed: Annotated[int, typer.Option(help="Chooses which.")] = 0,
    project: Project = "",
    json: Json = False,
) -> None:
    """Compute a prediction again from its stored features and bundle; exit code 1 unless it is identical.

    Example: podium replay churn --sample 200
    """
    with session(project) as client:
        if sample:
            many = client.predictions.replay_sample(what, sample, seed=seed)
            same, different = many.identical == many.replayed, many.different
            pairs = [("replayed", f"{many.replayed:,}"), ("identical", f"{many.identical:,}")]
            pairs += [(item.prediction_id, _difference(item)) for item in different[:_SHOWN]]
            console.details(many, pairs, title=what)
        else:
            one = client.predictions.replay(what)
            same = one.identical
            pairs = [("version", str(one.version)), ("bundle", console.short(one.digest)), ("score", _difference(one))]
            console.details(one, pairs, title=one.prediction_id)
    if not same:
        raise typer.Exit(1)


def explain(
    identifier: Annotated[str, typer.Argument(metavar="PREDICTION", help="A prediction's id.")],
    project: Project = "",
    json: Json = False,
) -> None:
    """Say what each feature added to a logged prediction's score. For rows not yet scored: podium score --explain.

    Example: podium explain req-018f2c/0
    """
    from podium.cli import why

    with session(project) as client:
        why.show_one(client.predictions.explain(identifier))


def _difference(item: "prediction.Replay") -> Any:
    if item.identical:
        return f"{item.logged!r}, and again identical"
    return f"{item.logged!r} in the log, {item.replayed!r} now"
