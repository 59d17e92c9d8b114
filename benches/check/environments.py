"""The peers, each in an environment of its own under the bench's folder, with the versions that work together."""

import subprocess
import sys
from pathlib import Path

import msgspec

_OLD = ("numpy<2", "pyarrow<21", "pandas<3")


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A peer: what to install, and whether it computes drift of numbers and of categories exactly, on all rows."""

    name: str
    install: tuple[str, ...]
    exact: bool

    @property
    def script(self) -> Path:
        return Path(__file__).parent / "peers" / f"{self.name.replace('-', '_')}.py"


PEERS = (
    Peer(name="evidently", install=("evidently==0.7.23", "pandas<3", "pyarrow"), exact=True),
    Peer(name="whylogs", install=("whylogs[viz]==1.6.4", *_OLD), exact=False),
    Peer(name="nannyml", install=("nannyml==0.13.1", "statsmodels", "pandas<3", "pyarrow"), exact=True),
    Peer(name="alibi-detect", install=("alibi-detect==0.13.0", *_OLD), exact=True),
    Peer(
        name="deepchecks",
        install=("deepchecks==0.19.1", "setuptools<80", "scikit-learn<1.6", "category_encoders<2.7", *_OLD),
        exact=False,
    ),
    Peer(name="frouros", install=("frouros==0.9.0", "pandas<3", "pyarrow"), exact=True),
)


def python_of(peer: Peer, folder: Path) -> Path | None:
    """The interpreter of a peer's environment, made when it is not there; None when it cannot be installed."""
    home = folder / peer.name
    python, done = home / "bin" / "python", home / "ready"
    wanted = "\n".join(peer.install)
    if done.exists() and done.read_text() == wanted:
        return python
    uv = Path(sys.executable).with_name("uv")
    steps = (
        [str(uv), "venv", "-q", "--clear", "--python", sys.executable, str(home)],
        [str(uv), "pip", "install", "-q", "--python", str(python), *peer.install],
    )
    for step in steps:
        made = subprocess.run(step, capture_output=True, text=True, check=False)
        if made.returncode:
            sys.stderr.write(f"{peer.name} cannot be installed: {made.stderr.strip()[-300:]}\n")
            return None
    done.write_text(wanted)
    return python
