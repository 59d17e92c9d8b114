"""How an engine other than ONNX Runtime runs a bundle's model: `engine.json` in the bundle."""

from typing import Literal

import msgspec

from podium.core.bundle import Engine
from podium.core.errors import Invalid


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model's process may take."""

    seconds: float = 5.0
    """A call, with waiting for the calls before it."""
    start_seconds: float = 60.0
    """From its start until it answers."""
    memory_mb: int = 2048
    """Memory of its own (data, stack and heap)."""
    network: bool = False
    """Whether it may open sockets. Declared here, it is part of what people approve."""


class Python(msgspec.Struct, frozen=True, kw_only=True, tag="python", tag_field="engine", forbid_unknown_fields=True):
    """A Python object or function, in an environment of its own."""

    python: str
    """The version of Python, as `3.11`."""
    lock: str = "requirements.txt"
    """The bundle's file with every package pinned by `==`."""
    model: str = ""
    """The bundle's file with the object; empty: `call` is all there is."""
    format: Literal["pickle", "joblib", "cloudpickle"] = "pickle"
    """What reads `model`."""
    call: str = ""
    """`module:function` in the bundle's folder `code`, called with the rows, after the object if there is one; empty:
    the object's `predict_proba` (the probability of class 1) or `predict`."""
    rows: Literal["frame", "columns", "dicts"] = "frame"
    """What it is called with: a pandas table (numbers float64, text `str`, null NaN), NumPy arrays by name, or a list
    of dictionaries."""
    rows_at_once: int = 0
    """Rows a call: 0 any number, 1 one at a time (where the model's sums would depend on the batch)."""
    limits: Limits = Limits()


class R(msgspec.Struct, frozen=True, kw_only=True, tag="r", tag_field="engine", forbid_unknown_fields=True):
    """An R object and a script that defines `score(model, rows)`."""

    model: str = "model.rds"
    """The bundle's file, read by `readRDS`; empty: the script gets NULL."""
    script: str = "score.R"
    """The bundle's file that defines `score`: a data frame in, numbers out."""
    rows_at_once: int = 0
    """Rows a call: 0 any number, 1 one at a time."""
    limits: Limits = Limits()


class Pmml(msgspec.Struct, frozen=True, kw_only=True, tag="pmml", tag_field="engine", forbid_unknown_fields=True):
    """A PMML document, evaluated by JPMML in a Java process."""

    model: str = "model.pmml"
    """The bundle's file."""
    output: str = ""
    """The output field that is the score; empty: `probability(1)`, or the predicted value."""
    rows_at_once: int = 0
    """Rows a call: 0 any number, 1 one at a time."""
    limits: Limits = Limits(seconds=10.0)


class External(
    msgspec.Struct, frozen=True, kw_only=True, tag="external", tag_field="engine", forbid_unknown_fields=True
):
    """A model that somebody else serves over HTTP."""

    url: str
    """The address to which rows are sent: `…/v2/models/<name>/infer` or `…/invocations`."""
    protocol: Literal["oip", "mlflow"] = "oip"
    """Open Inference Protocol v2, or MLflow's `/invocations`."""
    output: str = ""
    """With `oip`: the output that is the score; empty: the first."""
    attempts: int = 3
    """Tries within the time limit, when the vendor does not answer or says 429, 502, 503 or 504."""
    seconds: float = 5.0
    """A call, with all its tries."""
    rows_at_once: int = 0
    """Rows a call: 0 any number, 1 one at a time."""


class Treelite(
    msgspec.Struct, frozen=True, kw_only=True, tag="treelite", tag_field="engine", forbid_unknown_fields=True
):
    """Trees evaluated as trained, where ONNX does not answer the same; the preprocessing in double in ONNX."""

    model: str = "model.treelite"
    """The bundle's file with the trees."""
    format: Literal["treelite", "xgboost-json", "xgboost-ubjson", "lightgbm"] = "treelite"
    """What wrote `model`."""
    preprocessing: str = ""
    """The bundle's ONNX file that turns columns into the trees' features; empty: they are the signature's numbers."""


Spec = Python | R | Pmml | External | Treelite
OF: dict[Engine, type[msgspec.Struct]] = {
    Engine.PYTHON: Python,
    Engine.R: R,
    Engine.PMML: Pmml,
    Engine.EXTERNAL: External,
    Engine.TREELITE: Treelite,
}


def decode(data: bytes) -> Spec:
    """The content of `engine.json`; `Invalid` naming what is wrong with it."""
    try:
        spec: Spec = msgspec.json.decode(data, type=Spec)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise Invalid("This does not say how an engine runs its model.", field="engine") from problem
    limits = getattr(spec, "limits", None)
    if limits is not None and not (0 < limits.seconds <= 600 and 0 < limits.start_seconds <= 3600):
        raise Invalid("Time limits lie between 0 and 600 s, for the start 3600 s.", field="engine.limits")
    if limits is not None and not 16 <= limits.memory_mb <= 1024 * 1024:
        raise Invalid("A memory limit lies between 16 MB and 1 TB.", field="engine.limits")
    if isinstance(spec, External) and not (0 < spec.seconds <= 600 and 1 <= spec.attempts <= 10):
        raise Invalid("A call takes at most 600 s and 10 attempts.", field="engine.seconds")
    if getattr(spec, "rows_at_once", 0) < 0:
        raise Invalid("Rows at once are 0 or more.", field="engine.rows_at_once")
    return spec


def one_by_one(spec: Python | R | Pmml | External) -> Spec:
    """The same, asked for one row a call."""
    return msgspec.structs.replace(spec, rows_at_once=1)


def files(spec: Spec) -> tuple[str, ...]:
    """The files of the bundle that a spec names."""
    match spec:
        case Python():
            named: tuple[str, ...] = (spec.lock, spec.model)
        case R():
            named = (spec.model, spec.script)
        case Treelite():
            named = (spec.model, spec.preprocessing)
        case Pmml():
            named = (spec.model,)
        case External():
            named = ()
    return tuple(name for name in named if name)
