"""Reads `engine.toml`: how a person writes how an engine runs a model."""

import tomllib

import msgspec

from podium.core import digest, engine
from podium.core.errors import Invalid

NAME = "engine.toml"


def parse(text: str) -> engine.Spec:
    """The spec that the text describes. Raises `Invalid` naming what is wrong."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise Invalid("This is not TOML.", field=NAME) from None
    kinds = sorted(each.value for each in engine.OF)
    if raw.get("engine") not in kinds:
        raise Invalid("This does not say which engine.", field=f"{NAME}: engine", fix=f"One of: {', '.join(kinds)}.")
    try:
        described: engine.Spec = msgspec.convert(raw, engine.Spec)
    except msgspec.ValidationError as problem:
        raise Invalid(f"{_plain(str(problem))}.", field=NAME, fix="The guide's page shows how.") from None
    return engine.decode(digest.canonical(described))


def _plain(said: str) -> str:
    """The library's words, which name keys and types and no values."""
    return said.replace("Object ", "The file ").replace("`$.", "`").replace(" - at `$`", "")
