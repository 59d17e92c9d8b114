"""Models: the inventory."""

from collections.abc import Sequence

from podium.client.part import Part
from podium.client.transport import Transport
from podium.core import model, project


class Models(Part):
    """Inventory entries."""

    def __init__(self, transport: Transport, project: str) -> None:
        super().__init__(transport, project)
        self._sources = f"{self._base}/sources"

    def apply(self, spec: project.Project, source: bytes) -> model.Model:
        """Make the entry that a project file describes, or bring it up to date.

        `source`: the training code, as `podium.build.archive.pack` gives it.
        """
        kept = self._transport.upload("POST", self._sources, dict[str, object], source, "application/gzip")
        body = {"spec": spec, "source_digest": kept["digest"]}
        return self._transport.put(f"{self._base}/models", model.Model, body)

    def list(self) -> Sequence[model.Model]:
        """Models by name."""
        return self._transport.get(f"{self._base}/models", list[model.Model])

    def get(self, name: str) -> model.Model:
        """One model."""
        return self._transport.get(f"{self._base}/models/{name}", model.Model)

    def retire(self, name: str) -> model.Model:
        """Take a model out of use; `restore` undoes it."""
        return self._transport.post(f"{self._base}/models/{name}/retire", model.Model)

    def restore(self, name: str) -> model.Model:
        """Bring a retired model back."""
        return self._transport.post(f"{self._base}/models/{name}/restore", model.Model)
