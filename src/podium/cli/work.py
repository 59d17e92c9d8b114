"""`jobs`, `users` and `tokens`."""

from typing import Annotated

import typer

from podium.cli import console
from podium.cli.options import Json, Project
from podium.cli.session import session
from podium.core import access, job

jobs = typer.Typer(help="Background work: look, cancel, try again.", no_args_is_help=True)
users = typer.Typer(help="People and processes, and their roles.", no_args_is_help=True)
tokens = typer.Typer(help="Secrets that stand for a user.", no_args_is_help=True)
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
UserName = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
_ROLES = ", ".join(role for role in access.Role if role is not access.Role.SYSTEM)
RoleName = Annotated[access.Role, typer.Argument(metavar="ROLE", help=f"One of {_ROLES}.")]


@jobs.command("list")
def jobs_list(
    active: Annotated[bool, typer.Option("--active", help="Only those running, or waiting and due.")] = False,
    kind: Annotated[str, typer.Option(help="Only this kind, for example build.train.")] = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """List jobs, newest first.

    Example: podium jobs list --active
    """
    with session(project) as client:
        found = client.jobs.list(active=active, kind=kind or None)
    rows = [
        (
            item.id,
            item.kind,
            item.state,
            f"{item.progress:.0%}",
            f"{item.attempt}/{item.max_attempts}",
            _what(item),
            item.error,
        )
        for item in found
    ]
    console.table(found, ("id", "kind", "state", "done", "attempt", "what", "error"), rows)


def _what(item: job.Job) -> str:
    waits = item.state is job.JobState.QUEUED and item.due_us > item.created_us
    return f"due {console.when(item.due_us)}" if waits else item.message


@jobs.command("show")
def jobs_show(identifier: JobId, project: Project = "", json: Json = False) -> None:
    """Show one job.

    Example: podium jobs show job-018f…
    """
    with session(project) as client:
        item = client.jobs.get(identifier)
    pairs = [
        ("kind", item.kind),
        ("state", item.state),
        ("arguments", item.args),
        ("progress", f"{item.progress:.0%} {item.message}"),
        ("attempt", f"{item.attempt} of {item.max_attempts}"),
        ("worker", item.worker),
        ("error", item.error),
        ("result", item.result),
    ]
    console.details(item, pairs, title=item.id)


@jobs.command("cancel")
def jobs_cancel(identifier: JobId, project: Project = "", json: Json = False) -> None:
    """Ask a job to stop; `podium jobs retry` undoes it.

    Example: podium jobs cancel job-018f…
    """
    with session(project) as client:
        item = client.jobs.cancel(identifier)
    console.details(item, [("state", item.state)], title=item.id)


@jobs.command("retry")
def jobs_retry(identifier: JobId, project: Project = "", json: Json = False) -> None:
    """Queue a failed or cancelled job again.

    Example: podium jobs retry job-018f…
    """
    with session(project) as client:
        item = client.jobs.retry(identifier)
    console.details(item, [("state", item.state)], title=item.id)


@users.command("list")
def users_list(json: Json = False) -> None:
    """List users.

    Example: podium users list
    """
    with session() as client:
        found = client.users.list()
        roles = {item.name: client.users.grants(item.name) for item in found}
    rows = [
        (
            item.name,
            item.full_name,
            "yes" if item.active else "no",
            ", ".join(_grant(held) for held in roles[item.name]),
        )
        for item in found
    ]
    console.table(found, ("user", "name", "active", "roles"), rows)


@users.command("add")
def users_add(
    name: UserName,
    role: Annotated[list[access.Role], typer.Option(metavar="ROLE", help=f"One of {_ROLES}; again for another.")],
    full_name: Annotated[str, typer.Option(help="The person's name.")] = "",
    project: Annotated[str, typer.Option("--project", "-p", help="Where the roles hold; everywhere by default.")] = "*",
    json: Json = False,
) -> None:
    """Make a user with roles, and a token, shown once.

    Example: podium users add vera --role validator
    """
    with session() as client:
        user = client.users.create(name, full_name)
        for held in role:
            client.users.grant(name, held, project)
        made = client.tokens.create(name, note="made with the user")
    console.details(
        made, [("user", user.name), ("roles", ", ".join(role)), ("token", made.secret)], title="Keep the token"
    )


@users.command("grant")
def users_grant(
    name: UserName,
    role: RoleName,
    project: Annotated[str, typer.Option("--project", "-p", help="Where the role holds.")] = "*",
    json: Json = False,
) -> None:
    """Give a role; `podium users ungrant` undoes it.

    Example: podium users grant vera validator
    """
    with session() as client:
        made = client.users.grant(name, role, project)
    console.details(made, [("user", made.user), ("role", made.role), ("project", made.project)])


@users.command("ungrant")
def users_ungrant(
    name: UserName,
    role: RoleName,
    project: Annotated[str, typer.Option("--project", "-p", help="Where the role held.")] = "*",
    json: Json = False,
) -> None:
    """Take a role back.

    Example: podium users ungrant vera validator
    """
    with session() as client:
        client.users.ungrant(name, role, project)
    console.details({"user": name, "role": role}, [("taken", role), ("from", name)])


@users.command("deactivate")
def users_deactivate(name: UserName, json: Json = False) -> None:
    """Keep a user out, with all tokens; `podium users activate` undoes it.

    Example: podium users deactivate vera
    """
    with session() as client:
        user = client.users.deactivate(name)
    console.details(user, [("user", user.name), ("active", user.active)])


@users.command("activate")
def users_activate(name: UserName, json: Json = False) -> None:
    """Let a user in again.

    Example: podium users activate vera
    """
    with session() as client:
        user = client.users.activate(name)
    console.details(user, [("user", user.name), ("active", user.active)])


@tokens.command("list")
def tokens_list(json: Json = False) -> None:
    """List your tokens; never their secrets.

    Example: podium tokens list
    """
    with session() as client:
        found = client.tokens.list()
    rows = [
        (
            item.id,
            item.user,
            item.note,
            console.when(item.created_us),
            console.when(item.expires_us),
            "revoked" * item.revoked,
        )
        for item in found
    ]
    console.table(found, ("id", "user", "note", "made", "until", ""), rows)


@tokens.command("create")
def tokens_create(
    user: Annotated[str, typer.Option(help="For whom; yourself by default.")] = "",
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    valid_for: Annotated[str, typer.Option(help="For how long, for example 90d; until revoked by default.")] = "",
    json: Json = False,
) -> None:
    """Make a token; its secret is shown once.

    Example: podium tokens create --user ci --valid-for 90d
    """
    with session() as client:
        made = client.tokens.create(user, note=note, valid_for=valid_for)
    console.details(made, [("user", made.token.user), ("token", made.secret)], title="Keep it: it is shown once")


@tokens.command("revoke")
def tokens_revoke(
    identifier: Annotated[str, typer.Argument(metavar="TOKEN", help="The token's id, not its secret.")],
    json: Json = False,
) -> None:
    """Make a token useless, at once.

    Example: podium tokens revoke token-018f…
    """
    with session() as client:
        item = client.tokens.revoke(identifier)
    console.details(item, [("revoked", item.id), ("user", item.user)])


def _grant(held: access.Grant) -> str:
    return held.role if held.project == access.EVERYWHERE else f"{held.role} in {held.project}"
