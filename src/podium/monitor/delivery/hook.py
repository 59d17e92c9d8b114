"""Posts a message to a hook: signed where that is agreed, only where that is allowed, never followed elsewhere."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from podium.core.errors import Refused, Unavailable
from podium.monitor.delivery import address

_SECONDS = 10.0
_ANSWER_BYTES = 64 * 1024
_AGAIN = frozenset({408, 409, 425, 429})
PREFIX = "whsec_"


def secret_text(key: bytes) -> str:
    """A signing key as its holder writes it (Standard Webhooks 1.0, "Signature scheme")."""
    return PREFIX + base64.b64encode(key).decode()


def signature(key: bytes, identifier: str, at_s: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body` (Standard Webhooks 1.0, "Signature scheme")."""
    made = hmac.new(key, f"{identifier}.{at_s}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(made).decode()


def signed_headers(key: bytes, identifier: str, at_s: int, body: bytes) -> dict[str, str]:
    """The headers by which the receiver knows sender, message and time."""
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(at_s),
        "webhook-signature": signature(key, identifier, at_s, body),
    }


def post(url: str, body: bytes, headers: Mapping[str, str], allowed: address.Allowed) -> None:
    """Post once. Raises `Refused` when trying again is of no use, `Unavailable` when it may be."""
    target = address.resolve(url, allowed)
    parts = urlsplit(url)
    host = f"[{target.ip}]" if ":" in target.ip else target.ip
    path = parts.path or "/"
    pinned = f"{parts.scheme}://{host}:{target.port}{path}" + (f"?{parts.query}" if parts.query else "")
    asked = {**headers, "Host": parts.netloc, "User-Agent": "podium"}
    try:
        with (
            httpx.Client(timeout=_SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST", pinned, content=body, headers=asked, extensions={"sni_hostname": target.host}
            ) as answer,
        ):
            status = answer.status_code
            _drain(answer)
    except httpx.HTTPError as problem:
        raise Unavailable(f"The hook did not answer ({type(problem).__name__}).", field="to") from None
    if 200 <= status < 300:
        return
    if status in _AGAIN or status >= 500:
        raise Unavailable(f"The hook answered {status}.", field="to")
    raise Refused(f"The hook answered {status}.", field="to", fix="Check its address with podium channels test.")


def _drain(answer: httpx.Response) -> None:
    taken = 0
    for piece in answer.iter_raw():
        taken += len(piece)
        if taken > _ANSWER_BYTES:
            return
