"""`estimates` and `maturity`: what was said before outcomes came, and how long they take."""

from podium.cli import console
from podium.cli.monitor import Endpoint
from podium.cli.options import Json, Project
from podium.cli.session import session


def estimates(endpoint: Endpoint, project: Project = "", json: Json = False) -> None:
    """Show how good estimates without outcomes turned out to be, once the outcomes were there.

    Example: podium estimates churn
    """
    with session(project) as client:
        found = client.checks.estimates(endpoint)
    rows = [
        (
            item.version,
            item.measure,
            item.windows,
            f"{item.bias:+.4g}",
            f"{item.error:.4g}",
            f"{item.constant:.4g}",
            f"{item.held:.0%}",
            "yes" if item.error < item.constant else "no",
        )
        for item in found
    ]
    heads = ("version", "measure", "windows", "bias", "error", "of no change", "held", "useful")
    console.table(found, heads, rows, empty="No estimate has met its outcomes yet: estimated_drop in [monitor] asks.")


def maturity(endpoint: Endpoint, project: Project = "", json: Json = False) -> None:
    """Show what share of predictions has an outcome at which age: choose label_window by it.

    Example: podium maturity churn
    """
    with session(project) as client:
        found = client.checks.maturity(endpoint)
    rows = [
        (_age(item.age_hours), f"{item.share:.1%}", f"[{item.low:.1%}, {item.high:.1%}]", f"{item.rows:,}")
        for item in found
    ]
    console.table(
        found, ("age", "with an outcome", "interval", "older, without"), rows, empty="No prediction is an hour old yet."
    )


def _age(hours: int) -> str:
    return f"{hours} h" if hours < 24 else f"{hours // 24} d"
