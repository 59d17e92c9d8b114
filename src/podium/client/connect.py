"""Open a client."""

from collections.abc import Mapping

from podium.client.client import Client
from podium.client.transport import Transport
from podium.core.errors import Invalid


def connect(
    url: str,
    token: str,
    project: str = "default",
    *,
    patience: float = 5.0,
    trace: Mapping[str, str] | None = None,
) -> Client:
    """A client of the control plane at `url`, acting as the owner of `token`, in one project.

    `patience`: for how many seconds an unreachable control plane is tried again. `trace`: the headers of the trace
    (W3C) to which all that is asked belongs, as `{"traceparent": "00-…"}`. Raises `Invalid` for an address that is not
    http or https.
    """
    if not url.startswith(("http://", "https://")):
        raise Invalid(
            "An address begins with http:// or https://.", field="url", fix="For example http://127.0.0.1:8400."
        )
    return Client(Transport(url, token, patience=patience, trace=trace), project)
