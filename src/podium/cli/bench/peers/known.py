"""The peers that are known, and the ways in which each serves the model."""

from collections.abc import Callable

import msgspec

from podium.cli.bench import work
from podium.cli.bench.peers import protocols
from podium.core.errors import Invalid


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A way in which a peer serves the model."""

    name: str
    title: str
    packages: tuple[str, ...]
    script: str
    model: str = "sklearn"
    """`sklearn`, or `onnx`: the same file that Podium serves."""
    write: Callable[[work.Values], work.Body] = protocols.records
    read: work.Reader = protocols.read_scores
    path: str = "/predict"
    batching: bool = False
    by_hand: bool = False
    """Code that people write themselves rather than a model server."""

    @property
    def product(self) -> str:
        """Whose environment it uses: what its name begins with."""
        return self.name.partition("_")[0]


_SHOWN = {"sklearn": "scikit-learn", "onnx": "ONNX"}


def _ways(first: Peer, *, batching: bool) -> list[Peer]:
    """Of a peer: either model, by itself and, where it can, with batching."""
    return [
        msgspec.structs.replace(
            first,
            name="_".join([first.name, *(["onnx"] if model == "onnx" else []), *(["batching"] if joined else [])]),
            title=f"{first.title}{', batching' if joined else ''}, {_SHOWN[model]}",
            model=model,
            batching=joined,
        )
        for model in ("sklearn", "onnx")
        for joined in ((False, True) if batching else (False,))
    ]


def _mlserver(peer: Peer) -> Peer:
    """Its scikit-learn runtime wants one table; ours over ONNX Runtime wants the tensors."""
    write = protocols.oip_pd if peer.model == "sklearn" else protocols.oip_plain
    return msgspec.structs.replace(peer, write=write)


def _mlflow(peer: Peer) -> Peer:
    write = protocols.split if peer.model == "sklearn" else protocols.tensors
    return msgspec.structs.replace(peer, write=write)


_MLFLOW = Peer(
    name="mlflow",
    title="MLflow models serve",
    packages=("mlflow", "onnx"),
    script="mlflow_server.py",
    read=protocols.read_mlflow,
    path="/invocations",
)
_BENTOML = Peer(name="bentoml", title="BentoML", packages=("bentoml",), script="bentoml_server.py")
_RAY = Peer(name="ray", title="Ray Serve", packages=("ray[serve]",), script="ray_server.py")
_LITSERVE = Peer(name="litserve", title="LitServe", packages=("litserve",), script="litserve_server.py")
_MLSERVER = Peer(
    name="mlserver",
    title="MLServer",
    packages=("mlserver", "mlserver-sklearn", "uvloop<0.22"),  # its workers do not start with a later uvloop
    script="mlserver_server.py",
    read=protocols.read_oip,
    path="/v2/models/bench/infer",
)
_BY_HAND = Peer(
    name="fastapi",
    title="FastAPI by hand",
    packages=("fastapi", "uvicorn", "uvloop", "httptools"),
    script="by_hand.py",
    by_hand=True,
)

ALL: tuple[Peer, ...] = (
    *map(_mlflow, _ways(_MLFLOW, batching=False)),
    *_ways(_BENTOML, batching=True),
    *_ways(_RAY, batching=True),
    *_ways(_LITSERVE, batching=True),
    *map(_mlserver, _ways(_MLSERVER, batching=True)),
    *_ways(_BY_HAND, batching=False),
)


def choose(wanted: str) -> tuple[Peer, ...]:
    """Peers by name, `all` or `none`; a name stands for all its ways."""
    if wanted in ("all", "none"):
        return ALL if wanted == "all" else ()
    names = [name.strip() for name in wanted.split(",")]
    known = {peer.name for peer in ALL} | {peer.product for peer in ALL}
    if not set(names) <= known:
        raise Invalid("There is no peer of that name.", field="peers", fix=f"Choose of: {', '.join(sorted(known))}.")
    return tuple(peer for peer in ALL if peer.name in names or peer.product in names)
