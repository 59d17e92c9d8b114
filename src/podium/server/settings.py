"""Settings are read here, once: from the environment, then from `podium.server.toml`, then the defaults."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from podium.core import name
from podium.core import trace as traces
from podium.core.config import Config
from podium.core.errors import Invalid

FILE = "podium.server.toml"
PREFIX = "PODIUM_"
_WRONG = re.compile(r"Expected `(?P<type>\w+)`, got `\w+` - at `\$\.(?P<name>\w+)`")
_OBJECT_STORE = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST",
)


def load(environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Config:
    """The settings in force. Raises `Invalid` that names an unknown or ill-typed setting."""
    given = dict(os.environ if environment is None else environment)  # noqa: TID251 - the one home of the environment
    known = {field.name for field in msgspec.structs.fields(Config)}
    values: dict[str, object] = _from_file((folder or Path.cwd()) / FILE, known)
    for key in known:
        if f"{PREFIX}{key.upper()}" in given:
            values[key] = given[f"{PREFIX}{key.upper()}"]
    try:
        return msgspec.convert(values, Config, strict=False)
    except msgspec.ValidationError as problem:
        raise _wrong(str(problem)) from None


def unknown(environment: Mapping[str, str] | None = None) -> list[str]:
    """Variables that look like settings and are none."""
    given = dict(os.environ if environment is None else environment)  # noqa: TID251 - the one home of the environment
    known = {f"{PREFIX}{field.name.upper()}" for field in msgspec.structs.fields(Config)}
    return sorted(key for key in given if key.startswith(PREFIX) and key not in known)


def _wrong(said: str) -> Invalid:
    """Say which setting is wrong, and how it is given."""
    found = _WRONG.fullmatch(said)
    if found is None:
        return Invalid(f"A setting is wrong: {said}.", field="settings", fix="See docs/reference/settings.md.")
    wanted = {"int": "a whole number", "float": "a number"}.get(found["type"], f"of the type {found['type']}")
    named = found["name"]
    fix = f"It is given by {PREFIX}{named.upper()}, or in {FILE}; see docs/reference/settings.md."
    return Invalid(f"This setting must be {wanted}.", field=named, fix=fix)


def object_store_options(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The object store's credentials and address, as its own tools name them (`AWS_…`)."""
    given = dict(os.environ if environment is None else environment)  # noqa: TID251 - the one home of the environment
    options = {key: given[key] for key in _OBJECT_STORE if given.get(key)}
    if options.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        options["AWS_ALLOW_HTTP"] = "true"
    return options


def trace(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The headers of the trace in which this process was started, as OpenTelemetry's programs hand it to a child.

    https://opentelemetry.io/docs/specs/otel/context/env-carriers/
    """
    given = dict(os.environ if environment is None else environment)  # noqa: TID251 - the one home of the environment
    headers = {name: given[name.upper()] for name in (traces.TRACEPARENT, traces.TRACESTATE) if name.upper() in given}
    return traces.begin(headers, bytes(traces.RANDOM_BYTES)).passed_on()


def as_environment(config: Config) -> dict[str, str]:
    """The environment that gives a child process these settings; inherits the rest."""
    values = msgspec.structs.asdict(config)
    inherited = dict(os.environ)  # noqa: TID251 - the one home of the environment
    return inherited | {f"{PREFIX}{key.upper()}": str(value) for key, value in values.items()}


def database_url(config: Config) -> str:
    """The database's URL, or the file in `home`."""
    return config.database or f"sqlite:///{Path(config.home).resolve() / 'podium.db'}"


def _from_file(path: Path, known: set[str]) -> dict[str, object]:
    if not path.is_file():
        return {}
    try:
        values = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as problem:
        raise Invalid(f"{FILE} is not TOML: {problem}.", field=FILE) from None
    for key in values:
        if key not in known:
            raise Invalid(f"{FILE} has no setting of that name.", field=key, fix=name.nearest(key, known))
    return values
