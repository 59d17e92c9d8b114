"""An inventory entry: what a model is for, who answers for it, and the rules it lives under."""

import msgspec

from podium.core.project import Project


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model. `spec` is the project file in force; `spec_digest` and `source_digest` say which one and which code."""

    id: str
    project: str
    name: str
    spec: Project
    spec_digest: str
    source_digest: str
    """The blob (a .tar.gz of the project folder's tracked files) with the training code."""
    created_us: int
    updated_us: int
    retired: bool = False
