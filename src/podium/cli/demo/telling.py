"""Tells at the end what happened: on the terminal, as JSON, as a page."""

import io
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from rich.text import Text

from podium.bundle import read
from podium.bundle.runtime import Runtime
from podium.cli import console
from podium.cli.demo import cast, chart, page, proofs, report, story
from podium.cli.demo.stage import Stage
from podium.core import project, release, run
from podium.core import time as instants
from podium.measures.performance import interval

SEED = 20130301


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The whole story in numbers."""

    predictions: int
    outcomes: int
    alerts: int
    releases: int
    approvals: int
    runs: int
    champions: int
    cost_loop: float
    cost_static: float
    saved: float
    saved_share: float
    saved_per_flight: run.Interval | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`report.json`. Everything but `seconds`, the rates and the memory is the same each time."""

    months: list[report.Month]
    totals: Totals
    timeline: list[dict[str, str]]
    releases: list[dict[str, Any]]
    honest: str
    proofs: proofs.Proofs
    seconds: float
    rate_scored_per_s: float
    requests: int
    peak_rss_mb: float
    restarts: dict[str, int]


def finish(stage: Stage, end: datetime, started: float) -> Report:
    """Measure the story, prove the promises, and write `report.json` and `report.html`."""
    platform = stage.platform
    engineer = platform.client(cast.ENGINEER)
    with console.progress("Measuring the year and proving the promises") as bar:
        months, saved = _months(stage, end)
        bar.at(0.6)
        champion = engineer.endpoints.status(story.ENDPOINT).endpoint.champion or 1
        proved = proofs.prove(platform, story.MODEL, story.ENDPOINT, champion, SEED)
        bar.at(0.9)
        releases = engineer.releases.list(story.ENDPOINT)
        approvals = engineer.approvals.list()
        marks = _marks(stage)
        cost_loop = sum(month.loop.cost for month in months)
        cost_static = sum(month.static.cost for month in months)
        made = Report(
            months=months,
            totals=Totals(
                predictions=stage.traffic.scored,
                outcomes=stage.traffic.outcomes,
                alerts=len(engineer.alerts.list()),
                releases=len(releases),
                approvals=len(approvals),
                runs=len(engineer.runs.list(limit=1000)),
                champions=sum(1 for item in releases if item.stage is release.Stage.CHAMPION),
                cost_loop=cost_loop,
                cost_static=cost_static,
                saved=cost_static - cost_loop,
                saved_share=(cost_static - cost_loop) / cost_static if cost_static else 0.0,
                saved_per_flight=interval.mean(saved) if len(saved) > 1 else None,
            ),
            timeline=[{"at": mark.at.isoformat(), "lane": mark.lane, "text": mark.text} for mark in marks],
            releases=[_release(item) for item in reversed(releases)],
            honest=_honest(months),
            proofs=proved,
            seconds=round(time.perf_counter() - started, 1),
            rate_scored_per_s=round(stage.traffic.scored / max(stage.traffic.seconds_scoring, 1e-9), 1),
            requests=stage.traffic.requests,
            peak_rss_mb=round(stage.memory.peak_mb, 1),
            restarts=dict(platform.supervisor.restarts) if platform.supervisor else {},
        )
        (platform.folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=2))
        (platform.folder / "report.html").write_text(page.render(months, marks, _facts(made)))
    return made


def _months(stage: Stage, end: datetime) -> tuple[list[report.Month], Any]:
    engineer = stage.platform.client(cast.ENGINEER)
    costs = stage.project.spec.costs or project.CostsPart()
    found: list[report.Month] = []
    saved: list[Any] = []
    with tempfile.TemporaryDirectory(prefix="podium-static-") as name:
        folder = Path(name)
        address = proofs.fetch_bundle(engineer, story.MODEL, 1, folder)
        manifest = read.verify(folder, address)
        static = report.Static(Runtime(folder, manifest), manifest.threshold or 0.5)
        columns = report.wanted_columns(static.runtime)
        for label, start, stop in report.months(story.BEGIN, end):
            stream = engineer.predictions.arrow(
                story.ENDPOINT, start=start, end=stop, columns=columns, roles=("champion", "canary")
            )
            table = pa.ipc.open_stream(io.BytesIO(stream)).read_all()
            month, each = report.month(label, table, static, costs)
            if month is not None:
                found.append(month)
                saved.append(each)
    return found, np.concatenate(saved) if saved else np.empty(0)


def _honest(months: Sequence[report.Month]) -> str:
    """Where the loop helped, and where it did not, in a sentence."""
    by_verdict: dict[str, list[str]] = {}
    for month in months:
        by_verdict.setdefault(month.verdict, []).append(month.month)
    parts = []
    for verdict, words in (
        ("helped", "The loop surely lowered the cost in"),
        ("no sure difference", "It made no sure difference in"),
        ("harmed", "It surely raised the cost in"),
    ):
        if verdict in by_verdict:
            parts.append(f"{words} {', '.join(by_verdict[verdict])}.")
    return (
        " ".join(parts) + " “Surely”: the 95 % interval of the paired difference on the same flights leaves out zero."
    )


def _release(item: release.Release) -> dict[str, Any]:
    compared = item.comparison
    words = "nothing served yet" if item.replaces is None else item.note
    if compared is not None:
        words = (
            f"{compared.verdict}: {compared.metric} {compared.difference:+.4f} "
            f"[{compared.low:+.4f}, {compared.high:+.4f}] on {compared.rows:,} flights"
        )
    return {
        "version": item.version,
        "replaces": item.replaces,
        "began": f"{instants.from_us(item.created_us):%Y-%m-%d}",
        "ended": f"{instants.from_us(item.stage_since_us):%Y-%m-%d}",
        "stage": item.stage,
        "reason": item.reason,
        "comparison": words,
        "note": item.note,
    }


def _marks(stage: Stage) -> list[chart.Mark]:
    engineer = stage.platform.client(cast.ENGINEER)
    marks = [
        chart.Mark(instants.from_us(item.opened_us), "alert", f"{item.kind}: {item.message}")
        for item in engineer.alerts.list()
    ]
    marks += [
        chart.Mark(instants.from_us(item.created_us), "training", f"run {item.number}: {item.reason}")
        for item in engineer.runs.list(limit=1000)
    ]
    marks += [
        chart.Mark(
            instants.from_us(item.created_us), "approval", f"version {item.version}: {item.decision} by {item.person}"
        )
        for item in engineer.approvals.list()
    ]
    marks += [
        chart.Mark(instants.from_us(item.stage_since_us), "release", f"version {item.version}: {item.stage}")
        for item in engineer.releases.list(story.ENDPOINT)
    ]
    return sorted(marks, key=lambda mark: (mark.at, mark.lane, mark.text))


def _proofs(made: proofs.Proofs) -> list[tuple[str, bool, str]]:
    return [
        ("The audit chain verifies", made.audit_verified, made.details["audit"]),
        ("Predictions replay to the same score", made.replayed == made.replay_identical > 0, made.details["replay"]),
        ("A changed bundle is refused", made.tampered_refused, made.details["tampered"]),
        ("An unapproved digest is refused", made.unapproved_refused, made.details["unapproved"]),
    ]


def _facts(made: Report) -> dict[str, Any]:
    totals = made.totals
    cards = [
        (f"{totals.saved_share:.1%}", f"of the cost saved ({totals.saved:,.0f} of {totals.cost_static:,.0f})"),
        (f"{totals.predictions:,}", f"predictions over HTTP, {made.rate_scored_per_s:,.0f} a second"),
        (f"{totals.champions}", f"champions, of {totals.runs} trainings"),
        (f"{totals.approvals}", "approvals by people"),
        (f"{totals.alerts}", "alerts"),
        (f"{made.seconds:.0f} s", f"for the year, {made.peak_rss_mb:,.0f} MB at most"),
    ]
    return {"cards": cards, "honest": made.honest, "proofs": _proofs(made.proofs), "releases": made.releases}


def failures(made: Report) -> list[str]:
    """The promises that did not hold."""
    return [f"{name.lower()} ({text})" for name, passed, text in _proofs(made.proofs) if not passed]


def show(made: Report, folder: Path) -> None:
    """The report on the terminal."""
    rows = [
        (
            month.month,
            f"{month.rows:,}",
            f"{month.loop.auc:.3f} / {month.static.auc:.3f}",
            f"{month.loop.log_loss:.4f} / {month.static.log_loss:.4f}",
            f"{month.loop.brier:.4f} / {month.static.brier:.4f}",
            f"{month.loop.cost:,.0f} / {month.static.cost:,.0f}",
            f"{1000 * month.saved.value:+.0f} [{1000 * month.saved.low:+.0f}, {1000 * month.saved.high:+.0f}]",
            month.verdict,
            month.champion,
        )
        for month in made.months
    ]
    columns = ("month", "flights", "AUC", "log loss", "Brier", "cost", "saved per 1,000", "the loop", "champion")
    console.table(made, columns, rows, title="The loop / version 1, never touched")
    totals = made.totals
    console.say("")
    console.say(
        Text.assemble(
            f"Cost {totals.cost_loop:,.0f} against {totals.cost_static:,.0f}: ",
            (f"{totals.saved_share:.1%} saved", "bold"),
            f". {totals.runs} trainings, {totals.releases} releases, {totals.champions} champions, "
            f"{totals.approvals} approvals, {totals.alerts} alerts.",
        )
    )
    console.say(made.honest)
    console.say("")
    for name, passed, text in _proofs(made.proofs):
        mark = ("✓", "green") if passed else ("✗", "red")
        console.say(Text.assemble(mark, f" {name}: ", (text, "dim")))
    console.say("")
    console.say(
        f"{totals.predictions:,} predictions over HTTP at {made.rate_scored_per_s:,.0f}/s, "
        f"{totals.outcomes:,} outcomes; {made.seconds:.0f} s in all, {made.peak_rss_mb:,.0f} MB at most."
    )
    console.say(f"Report: {folder / 'report.html'}  {folder / 'report.json'}")


def leave_running(stage: Stage) -> None:
    """Print where everything is, and wait until somebody presses Ctrl-C."""
    platform = stage.platform
    console.say("")
    console.say(f"Platform: {platform.url}   scoring: {platform.scorer_url}")
    for person in cast.ALL:
        console.say(f"  {person.full_name:<40} {platform.tokens[person.name]}")
    console.say(f"In another terminal: PODIUM_HOME={platform.config.home} podium status -p {platform.project}")
    console.say("Ctrl-C stops it.")
    try:
        if platform.supervisor is not None:
            platform.supervisor.wait()
    except KeyboardInterrupt:
        console.say("Stopping.")
