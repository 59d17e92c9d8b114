"""The table of codecs: by the route's family and the body's content type.

To add one, write `read` and `write` in `podium.scoring.protocols` and enter them here.
"""

from collections.abc import Mapping

from podium.scoring import call, request
from podium.scoring.codec import Asked, Codec, Written
from podium.scoring.protocols import arrow, binary, json_body, mlflow, oip, reader

CSV = "text/csv"
BINARY = "binary tensors"
"""Stands for any content type when the header `Inference-Header-Content-Length` is there."""
OIP, MLFLOW = reader.OIP, reader.MLFLOW
_UTF8 = ("", "utf-8", "utf8", "us-ascii")


def _oip_read(body: bytes, asked: Asked) -> request.Rows:
    return oip.read(json_body.parse(body, asked.signature), asked.new_id, asked.signature)


def _oip_write(scored: request.Scored, asked: Asked) -> Written:
    if "accept" in asked.headers and arrow.wanted(asked.headers, same=False):
        return arrow.write(scored, asked)
    if scored.wanted is None:
        return Written(oip.write(asked.endpoint, scored))
    return binary.write(scored, asked)


def _oip_arrow(scored: request.Scored, asked: Asked) -> Written:
    return arrow.write(scored, asked) if arrow.wanted(asked.headers, same=True) else _oip_write(scored, asked)


def _mlflow_read(body: bytes, asked: Asked) -> request.Rows:
    return mlflow.read(mlflow.parse(body, asked.signature), _request_id(asked), asked.signature)


def _mlflow_csv(body: bytes, asked: Asked) -> request.Rows:
    return mlflow.read_csv(body, _request_id(asked), asked.signature)


def _mlflow_write(scored: request.Scored, asked: Asked) -> Written:
    if "accept" in asked.headers and arrow.wanted(asked.headers, same=False):
        return arrow.write(scored, asked)
    return Written(mlflow.write(scored))


def _mlflow_arrow(scored: request.Scored, asked: Asked) -> Written:
    return arrow.write(scored, asked) if arrow.wanted(asked.headers, same=True) else _mlflow_write(scored, asked)


def _request_id(asked: Asked) -> str:
    given = asked.headers.get("x-request-id")
    return asked.new_id("req") if given is None else request.check_id(given, "X-Request-Id")


TABLE: dict[tuple[str, str], Codec] = {
    (OIP, call.JSON): Codec(_oip_read, _oip_write),
    (OIP, BINARY): Codec(binary.read, binary.write),
    (OIP, arrow.MEDIA): Codec(arrow.read, _oip_arrow),
    (MLFLOW, call.JSON): Codec(_mlflow_read, _mlflow_write),
    (MLFLOW, CSV): Codec(_mlflow_csv, _mlflow_write),
    (MLFLOW, arrow.MEDIA): Codec(arrow.read, _mlflow_arrow),
}


def choose(family: str, headers: Mapping[str, str]) -> Codec | None:
    """The codec for a request with those headers, or None."""
    if "inference-header-content-length" in headers:
        return TABLE.get((family, BINARY))
    unsaid = call.JSON if family == OIP else ""  # Triton's client does not say that it sends JSON
    media, _, parameters = headers.get("content-type", unsaid).lower().partition(";")
    charset = parameters.strip().partition("charset=")[2].strip('" ')
    return TABLE.get((family, media.strip())) if charset in _UTF8 else None


def plain(family: str, chosen: Codec, headers: Mapping[str, str]) -> bool:
    """Whether such a request may be read by compiled decoders and answered by a template: JSON in and out."""
    return chosen is TABLE[family, call.JSON] and not ("accept" in headers and arrow.wanted(headers, same=False))


def taken(family: str) -> str:
    """The content types that a family's routes take, for people."""
    return " or ".join(media for of, media in TABLE if of == family and media != BINARY)
