"""The report as one page: no script, nothing loaded from elsewhere, good on paper."""

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import jinja2

from podium.cli.demo import chart
from podium.cli.demo.report import Month

_TEMPLATE = resources.files("podium.cli.demo") / "report.html.jinja"


def render(
    months: Sequence[Month],
    marks: Sequence[chart.Mark],
    facts: Mapping[str, Any],
) -> str:
    """The whole page. `facts`: `cards`, `honest`, `proofs` and `releases`, in words and numbers."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(_TEMPLATE.read_text()).render(
        months=months,
        saved=chart.saved_by_month(months),
        auc=chart.by_month(months, "auc", "AUC"),
        log_loss=chart.by_month(months, "log_loss", "log loss"),
        timeline=chart.timeline(marks),
        **facts,
    )
