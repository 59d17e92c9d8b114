"""Every command: the tree that help and the reference page show."""

import importlib.util

import typer

from podium.cli import (
    adopt,
    approve,
    build,
    channels,
    deploy,
    doctor,
    drill,
    manage,
    mistakes,
    monitor,
    outcomes,
    processes,
    provenance,
    reviews,
    runs,
    score,
    status,
    value,
    work,
)
from podium.cli.bench import command as bench
from podium.cli.check import command as check
from podium.cli.root import root

app = typer.Typer(
    name="podium",
    help="ModelOps: prove, rehearse, then approve.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    add_completion=True,
    callback=root,
)

_START = "Start here"
_BUILD = "Build"
_MANAGE = "Manage"
_DEPLOY = "Deploy"
_MONITOR = "Monitor"
_PROCESSES = "Processes"
_PEOPLE = "People"

if importlib.util.find_spec("podium.cli.demo.command") is not None:
    from podium.cli.demo import command as demo

    app.command(rich_help_panel=_START)(demo.demo)
app.command(rich_help_panel=_START)(build.init)
app.command(rich_help_panel=_START)(status.status)
app.command(rich_help_panel=_START)(doctor.doctor)

app.add_typer(build.data, name="data", rich_help_panel=_BUILD)
app.command(rich_help_panel=_BUILD)(build.train)
app.add_typer(runs.app, name="runs", rich_help_panel=_BUILD)

app.add_typer(manage.models, name="models", rich_help_panel=_MANAGE)
manage.versions.command("add")(adopt.add)
app.add_typer(manage.versions, name="versions", rich_help_panel=_MANAGE)
app.add_typer(manage.gates, name="gates", rich_help_panel=_MANAGE)
app.command(rich_help_panel=_MANAGE)(approve.validate)
app.command(rich_help_panel=_MANAGE)(approve.approve)
app.command(rich_help_panel=_MANAGE)(approve.withdraw)
app.command(rich_help_panel=_MANAGE)(provenance.lineage)
app.add_typer(provenance.audit, name="audit", rich_help_panel=_MANAGE)

app.add_typer(deploy.endpoints, name="endpoints", rich_help_panel=_DEPLOY)
app.add_typer(deploy.release, name="release", rich_help_panel=_DEPLOY)
app.command(rich_help_panel=_DEPLOY)(deploy.rollback)
app.command(rich_help_panel=_DEPLOY)(score.score)

app.command(rich_help_panel=_MONITOR)(check.check)
app.command(rich_help_panel=_MONITOR)(score.outcomes)
app.command(rich_help_panel=_MONITOR)(monitor.close)
app.command(rich_help_panel=_MONITOR)(monitor.checks)
app.command(rich_help_panel=_MONITOR)(value.value)
app.command(rich_help_panel=_MONITOR)(mistakes.mistakes)
app.command(rich_help_panel=_MONITOR)(outcomes.estimates)
app.command(rich_help_panel=_MONITOR)(outcomes.maturity)
app.add_typer(monitor.alerts, name="alerts", rich_help_panel=_MONITOR)
app.add_typer(channels.channels, name="channels", rich_help_panel=_MONITOR)
app.command(rich_help_panel=_MONITOR)(drill.drill)
app.add_typer(reviews.reviews, name="reviews", rich_help_panel=_MONITOR)
app.command(rich_help_panel=_MONITOR)(monitor.triggers)
app.command(rich_help_panel=_MONITOR)(score.replay)
app.command(rich_help_panel=_MONITOR)(score.explain)

app.command(rich_help_panel=_PROCESSES)(processes.up)
app.command(rich_help_panel=_PROCESSES)(processes.server)
app.command(rich_help_panel=_PROCESSES)(processes.worker)
app.command(rich_help_panel=_PROCESSES)(processes.scorer)
app.add_typer(work.jobs, name="jobs", rich_help_panel=_PROCESSES)
app.add_typer(bench.app, name="bench", rich_help_panel=_PROCESSES)

app.add_typer(work.users, name="users", rich_help_panel=_PEOPLE)
app.add_typer(work.tokens, name="tokens", rich_help_panel=_PEOPLE)
