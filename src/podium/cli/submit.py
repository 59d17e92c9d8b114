"""Send a project folder to the platform: its file, its code, its data; and ask for a training run."""

import subprocess
from pathlib import Path

import msgspec
import pyarrow as pa

from podium.build import archive
from podium.build.datasets import snapshot, sources
from podium.client.client import Client
from podium.core import project, project_file, run
from podium.core.errors import NotFound

FILE = "podium.toml"


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project folder that was read and checked: nothing is sent before everything is right."""

    folder: Path
    spec: project.Project
    source: bytes
    """The code, as a .tar.gz that is the same for the same files."""
    commit: str | None
    diff: bytes | None


def read(folder: Path) -> Project:
    """Read a project folder. Raises `NotFound` without a project file, `Invalid` for a wrong one."""
    path = folder / FILE
    if not path.is_file():
        raise NotFound(f"There is no {FILE} in {folder.resolve()}.", fix="Make one: podium init NAME.")
    spec = project_file.parse(path.read_text(), str(path))
    commit, diff = _git(folder)
    return Project(folder=folder, spec=spec, source=archive.pack(folder), commit=commit, diff=diff)


def data(client: Client, given: Project, table: pa.Table | None = None) -> str:
    """Upload the project's data as a snapshot; its digest. `table`: rows already read, instead of the source's."""
    spec = given.spec
    if table is None:
        source = _resolve(given.folder, spec.data.source)
        table = sources.read(source, spec.data.query)
    parquet = snapshot.to_parquet(table)
    return client.datasets.add(spec.model.name, parquet, source=sources.describe(spec.data.source)).digest


def train(client: Client, given: Project, *, reason: str, dataset: str | None = None) -> run.Run:
    """Ask for a training run: the inventory entry is made or brought up to date first."""
    applied = client.models.apply(given.spec, given.source)
    digest = dataset or data(client, given)
    return client.runs.request(applied, dataset=digest, reason=reason, commit=given.commit, diff=given.diff)


def _resolve(folder: Path, source: str) -> str:
    """A relative path in the project file is relative to that file."""
    return source if "://" in source else str(folder / source)


def _git(folder: Path) -> tuple[str | None, bytes | None]:
    """The commit and the uncommitted difference of the folder, where it is under git."""
    try:
        commit = _ask_git(folder, "rev-parse", "HEAD").decode().strip()
        return commit, _ask_git(folder, "diff", "HEAD", "--", ".") or None
    except (OSError, subprocess.CalledProcessError):
        return None, None


def _ask_git(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, timeout=30).stdout
