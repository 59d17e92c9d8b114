"""What `podium doctor` examines, one function a matter."""

import contextlib
import email.utils
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal

import httpx
import msgspec
import sqlalchemy

from podium import version
from podium.client import credentials
from podium.core import native
from podium.core.config import Config
from podium.core.errors import PodiumError
from podium.core.name import nearest
from podium.server import settings
from podium.store import clock, migrate
from podium.store.blobs import Blobs
from podium.store.database import Database

PYTHON = (3, 11)
_REQUIREMENT = re.compile(r"^(?P<package>[A-Za-z0-9._-]+)(?P<rest>.*extra == ['\"](?P<extra>[\w-]+)['\"].*)$")
_LOW_SPACE = 1024**3
_NO_SPACE = 64 * 1024**2
_SKEW = timedelta(seconds=5)
_TIMEOUT_S = 2.0
State = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the examination."""

    name: str
    state: State
    said: str
    fix: str = ""


def examine(config: Config) -> list[Finding]:
    """Everything, in the order in which it is best put right."""
    return [
        python(),
        compiled_parts(),
        *extras(),
        *variables(),
        home(config),
        database(config),
        blobs(config),
        *ports(config),
        *platform_here(config),
        *keys(config),
    ]


def python() -> Finding:
    """The interpreter, and this Podium."""
    said = f"{platform.python_version()} at {sys.executable}, Podium {version.VERSION}"
    if sys.version_info[:2] < PYTHON:
        wanted = ".".join(str(part) for part in PYTHON)
        return Finding(name="python", state="fail", said=said, fix=f"Podium needs Python {wanted} or newer.")
    if sys.dont_write_bytecode and not Path(importlib.util.cache_from_source(str(msgspec.__file__))).exists():
        said += "; it compiles every module at every start, which takes twice as long"
        fix = "Unset PYTHONDONTWRITEBYTECODE, or compile once: python -m compileall, uv with --compile-bytecode."
        return Finding(name="python", state="warn", said=said, fix=fix)
    return Finding(name="python", state="ok", said=said)


def compiled_parts() -> Finding:
    """What is faster in C."""
    if missing := native.missing():
        fix = "Install a C compiler and Python's headers (Debian: gcc libc6-dev python3-dev), then Podium again."
        said = f"not compiled: {', '.join(missing)}; Python does the same, slower"
        return Finding(name="compiled parts", state="warn", said=said, fix=fix)
    return Finding(name="compiled parts", state="ok", said="the scorer's reader, log and models; counting")


def extras() -> Iterator[Finding]:
    """Each extra: whether its packages are installed."""
    wanted: dict[str, list[str]] = {}
    for requirement in importlib.metadata.requires("podium") or []:
        match = _REQUIREMENT.match(requirement)
        if match is not None and not ("sys_platform != 'win32'" in match["rest"] and sys.platform == "win32"):
            wanted.setdefault(match["extra"], []).append(match["package"])
    for extra in sorted(wanted):
        missing = [package for package in wanted[extra] if not _installed(package)]
        if missing:
            said = f"not installed: {', '.join(missing)}"
            yield Finding(name=f"extra {extra}", state="warn", said=said, fix=f"pip install 'podium[{extra}]'")
        else:
            yield Finding(name=f"extra {extra}", state="ok", said=", ".join(wanted[extra]))


def variables() -> Iterator[Finding]:
    """Variables that were meant as settings."""
    for name in settings.unknown():
        near = nearest(name, [f"{settings.PREFIX}{field.upper()}" for field in Config.__struct_fields__])
        fix = near if near.startswith("Did") else "See docs/reference/settings.md."
        yield Finding(name="settings", state="warn", said=f"{name} is no setting and changes nothing", fix=fix)


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def home(config: Config) -> Finding:
    """The folder for what this machine keeps: writable, with space left."""
    folder = Path(config.home).resolve()
    standing = next(path for path in (folder, *folder.parents) if path.exists())
    fix = "Make room, change its permissions, or choose another folder: PODIUM_HOME."
    try:
        with tempfile.TemporaryFile(dir=standing) as file:
            file.write(b"podium")
    except OSError as problem:
        said = f"{folder} cannot be written ({problem.strerror})"
        return Finding(name="home", state="fail", said=said, fix=fix)
    free = shutil.disk_usage(standing).free
    said = f"{folder} can be written, {free / 1024**3:.1f} GiB free" + ("" if folder.exists() else " (not made yet)")
    if free < _LOW_SPACE:
        state: State = "fail" if free < _NO_SPACE else "warn"
        return Finding(name="home", state=state, said=said, fix="Make space, or choose another folder: PODIUM_HOME.")
    return Finding(name="home", state="ok", said=said)


def database(config: Config) -> Finding:
    """Reachable, and at this Podium's schema. Nothing is made or changed."""
    url = settings.database_url(config)
    shown = _shown(url)
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return Finding(name="database", state="ok", said=f"{shown} is not made yet; podium up makes it")
    try:
        store = Database(url)
    except PodiumError as problem:
        return _failed("database", problem)
    try:
        current, newest = migrate.revisions(store)
    except PodiumError as problem:
        return Finding(name="database", state="fail", said=f"{shown}: {problem.message}", fix=problem.fix or "")
    finally:
        store.close()
    if current == newest:
        return Finding(name="database", state="ok", said=f"{shown} answers, at {current}")
    said = f"{shown} answers, at {current or 'nothing yet'}; this Podium's schema is {newest}"
    return Finding(name="database", state="warn", said=said, fix="podium up and podium server migrate it at start.")


def _shown(url: str) -> str:
    with contextlib.suppress(sqlalchemy.exc.ArgumentError):
        return sqlalchemy.make_url(url).render_as_string(hide_password=True)
    return "the database"


def blobs(config: Config) -> Finding:
    """Where bytes are kept: one small blob is written and read back."""
    where = config.blobs or str(Path(config.home).resolve() / "blobs")
    if "://" not in where and not Path(where).exists():
        return Finding(name="blobs", state="ok", said=f"{where} is not made yet; podium up makes it")
    try:
        store = Blobs(where, settings.object_store_options())
        store.get(store.put(b"podium doctor\n"))
    except PodiumError as problem:
        why = str(problem.__cause__ or problem.message).partition("\n")[0][:200]
        look = "the address and credentials (AWS_…)" if "://" in where else "its room and permissions"
        return Finding(name="blobs", state="fail", said=f"{where}: {why}", fix=f"Check {look}.")
    except Exception as problem:  # noqa: BLE001 - whatever an object store's driver says is the finding
        return Finding(name="blobs", state="fail", said=f"{where}: {str(problem)[:200]}")
    return Finding(name="blobs", state="ok", said=f"{where} can be written and read")


def ports(config: Config) -> Iterator[Finding]:
    """The two ports: free, held by Podium, or by something else."""
    for name, port, path in (("server", config.port, "/healthz"), ("scorer", config.scorer_port, "/v2")):
        url = f"http://{config.host}:{port}"
        if _free(config.host, port):
            said = f"{port} is free: no {name} runs here"
            yield Finding(name=f"port of the {name}", state="ok", said=said)
        elif _is_podium(url + path):
            yield Finding(name=f"port of the {name}", state="ok", said=f"{port} is held by Podium, which answers")
        else:
            setting = "PODIUM_PORT" if name == "server" else "PODIUM_SCORER_PORT"
            said = f"{port} is held by something that does not answer as Podium"
            fix = f"Stop it, or choose another port with {setting}."
            yield Finding(name=f"port of the {name}", state="fail", said=said, fix=fix)


def _free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _is_podium(url: str) -> bool:
    try:
        answer = httpx.get(url, timeout=_TIMEOUT_S)
        said = answer.json()
    except (httpx.HTTPError, ValueError):
        return False
    return isinstance(said, dict) and (said.get("name") == "podium" or {"status", "version"} <= said.keys())


def platform_here(config: Config) -> Iterator[Finding]:
    """The control plane that commands would talk to: whether it answers, its version, and its clock."""
    try:
        left = credentials.load(Path(config.home))
    except PodiumError as problem:
        yield _failed("server", problem)
        return
    url = config.url or (left.url if left else "")
    if not url:
        said = "none is set or left here: commands open the folder themselves"
        yield Finding(name="server", state="ok", said=said)
        return
    try:
        answer = httpx.get(f"{url}/healthz", timeout=_TIMEOUT_S)
        theirs = str(answer.raise_for_status().json()["version"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        state: State = "fail" if config.url else "warn"
        yield Finding(name="server", state=state, said=f"{url} does not answer", fix="Start it: podium up.")
        return
    yield _versions(url, theirs)
    yield from _skew(answer.headers.get("date", ""))


def _versions(url: str, theirs: str) -> Finding:
    if theirs == version.VERSION:
        return Finding(name="server", state="ok", said=f"{url} answers, Podium {theirs}")
    said = f"{url} answers, Podium {theirs}; here is {version.VERSION}"
    return Finding(name="server", state="warn", said=said, fix="Install the same version on both sides.")


def _skew(date: str) -> Iterator[Finding]:
    if not date:
        return
    skew = abs(email.utils.parsedate_to_datetime(date) - clock.system()())
    said = f"{skew.total_seconds():.0f} s from the server's"
    if skew > _SKEW:
        yield Finding(name="clock", state="warn", said=said, fix="Set the time by NTP on both machines.")
    else:
        yield Finding(name="clock", state="ok", said="within seconds of the server's")


def keys(config: Config) -> Sequence[Finding]:
    """Keys and tokens in the home folder: only their owner may read them."""
    folder = Path(config.home).resolve()
    held = [
        *sorted((folder / "keys").glob("*.key")),
        *sorted((folder / "tokens").glob("*.token")),
        folder / credentials.FILE,
    ]
    there = [path for path in held if path.exists()]
    if not there:
        return [Finding(name="keys", state="ok", said="none made yet")]
    if os.name != "posix":
        return [Finding(name="keys", state="ok", said=f"{len(there)} files")]
    open_ones = [path for path in there if path.stat().st_mode & 0o077]
    if not open_ones:
        return [Finding(name="keys", state="ok", said=f"{len(there)} files, each readable by its owner only")]
    return [
        Finding(name="keys", state="fail", said=f"{path} can be read by others", fix=f"chmod 600 {path}")
        for path in open_ones
    ]


def _failed(name: str, problem: PodiumError) -> Finding:
    return Finding(name=name, state="fail", said=problem.message, fix=problem.fix or "")
