"""What the worker and the training process tell each other, through files in the work folder and one pipe."""

import msgspec

from podium.core import project
from podium.core.run import Environment, Imported, Result

REQUEST = "request.json"
RESULT = "result.json"
FAILURE = "failure.json"
LOG = "log.txt"
DATA = "data.parquet"
SOURCE = "source"
OUT = "out"
"""The folder with the artifacts, by name."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to train. Data, source and out are in the work folder under the names above."""

    spec: project.Project
    params: dict[str, bool | int | float | str]
    seed: int
    progress: int
    """The file descriptor to which progress is written, one JSON object a line."""
    imported: Imported | None = None
    """Instead of training: the model that is taken over; its files are in the folder `source`."""
    engines: str = ""
    """The folder with the environments of models in processes of their own; empty: the user's."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. The files of `result` are filled in by the worker."""

    result: Result
    environment: Environment


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no answer. `expected` is false for an error that is neither the user's nor the data's."""

    message: str
    field: str | None = None
    fix: str | None = None
    expected: bool = True
