"""The page about what a scorer measures of itself."""

from tools import markdown

from podium.scoring import metrics

_PAGE = """\
# Metrics

A scorer answers `GET /metrics` in [Prometheus' text form]({form}). Names that others have mean what they mean there:
`http_server_…` is [OpenTelemetry's]({otel}), `model_infer_…` is MLServer's, `process_…` and `python_info` are those
of Prometheus' own clients. What only Podium has begins with `podium_`. Of several processes on one port, whichever is
asked tells the sums of all.

{table}
Dashboards made for others work where they need no more than this:

- `{duration}` has OpenTelemetry's method, status and route (the path's pattern, such as
  `/v2/models/{{endpoint}}/infer`), and beside them the endpoint, of requests to score. All routes are in it, also those
  of probes, which have no endpoint. It has no `url_scheme`, which is always http here, and no
  times of requests that were refused before they were read. A call to score over gRPC has its path as the route, and
  the status that it would have had over HTTP; other calls are not counted.
- `http_server_active_requests` has none of OpenTelemetry's labels.
- `model_infer_…` counts requests to score only: no probe, no metadata, no explanation. MLServer's label `version` is
  not there, as one request's rows may be decided by two versions: `podium_predictions_total` has it, by row. A filter
  by `version` must go.

The edges of `{duration}` are {edges} seconds. A label's value is the name of an endpoint that this scorer serves, or
a version, a role, a status, a route or a method of HTTP (`_OTHER` for one that is none): nothing that a caller sends
becomes one.
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
