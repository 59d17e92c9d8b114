"""The page about what a scorer measures of itself."""

from tools import markdown

from podium.scoring import metrics

_PAGE = """\
# Metrics

A scorer answers `GET /metrics` in [Prometheus' text form]({form}). Names that others have are used as they have them,
so that dashboards made for them work: `http_server_…` is [OpenTelemetry's]({otel}), `model_infer_…` is MLServer's,
`process_…` and `python_info` are those of Prometheus' own clients. What only Podium has begins with `podium_`. Of
several processes on one port, whichever is asked tells the sums of all.

{table}
The edges of `{duration}` are {edges} seconds. A label's value is the name of an endpoint that this scorer serves, or a
version, a role or a status: nothing that a caller sends becomes one.
"""
_FORM = "https://prometheus.io/docs/instrumenting/exposition_formats/"
_OTEL = "https://opentelemetry.io/docs/specs/semconv/http/http-metrics/"


def page() -> str:
    """docs/reference/metrics.md."""
    rows = [
        (f"`{name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.help)
        for name, metric in metrics.METRICS.items()
    ]
    return _PAGE.format(
        form=_FORM,
        otel=_OTEL,
        table=markdown.table(("Name", "Kind", "Labels", "Meaning"), rows),
        duration=metrics.DURATION,
        edges=", ".join(f"{edge:g}" for edge in metrics.BUCKETS),
    )
