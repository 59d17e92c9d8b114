"""Runs: ask for training, watch it, compare."""

from collections.abc import Mapping, Sequence

import msgspec

from podium.client.part import Part
from podium.core import digest, model, run


class _Kept(msgspec.Struct):
    digest: str


class Runs(Part):
    """Executions of a training pipeline."""

    def request(
        self,
        applied: model.Model,
        *,
        dataset: str,
        reason: str,
        commit: str | None = None,
        diff: bytes | None = None,
    ) -> run.Run:
        """Ask for a run of a model's training code on a dataset version. A worker trains it.

        `dataset`: its digest. `commit`, `diff`: the git state of the code, if it has one.
        """
        diff_digest = None if diff is None else self.keep(diff)
        wanted = run.RunRequest(
            model=applied.name,
            spec=applied.spec,
            dataset=dataset,
            code=run.Code(source_digest=applied.source_digest, commit=commit, diff_digest=diff_digest),
            reason=reason,
        )
        return self._transport.post(f"{self._base}/runs", run.Run, wanted)

    def adopt(
        self, applied: model.Model, taken: run.Imported, files: Mapping[str, bytes], *, dataset: str, reason: str
    ) -> run.Run:
        """Ask for a run that takes over a model made elsewhere: measured on a dataset version, proven, registered.

        `taken`: its engine, the dataset's column with its own answers, and by how much one may differ here; its files
        are filled in from `files`, the bundle's by path: `engine.json` among them, except for ONNX.
        """
        kept = {path: self.keep(data) for path, data in sorted(files.items())}
        imported = msgspec.structs.replace(taken, files=kept)
        wanted = run.RunRequest(
            model=applied.name,
            spec=applied.spec,
            dataset=dataset,
            code=run.Code(source_digest=self.keep(digest.canonical(imported)), imported=imported),
            reason=reason,
        )
        return self._transport.post(f"{self._base}/runs", run.Run, wanted)

    def keep(self, data: bytes) -> str:
        """Store some bytes; their digest."""
        path = f"{self._base}/sources"
        return self._transport.upload("POST", path, _Kept, data, "application/octet-stream").digest

    def list(self, *, model: str | None = None, state: str | None = None, limit: int = 100) -> Sequence[run.Run]:
        """Runs, newest first."""
        return self._transport.get(f"{self._base}/runs", list[run.Run], model=model, state=state, limit=limit)

    def get(self, identifier: str) -> run.Run:
        """One run."""
        return self._transport.get(f"{self._base}/runs/{identifier}", run.Run)

    def log(self, identifier: str) -> str:
        """The last of what the training code printed."""
        return self._transport.send("GET", f"{self._base}/runs/{identifier}/log").text

    def file(self, identifier: str, name: str) -> bytes:
        """One artifact's bytes."""
        return self._transport.send("GET", f"{self._base}/runs/{identifier}/files/{name}").content

    def compare(self, identifier: str, other: str) -> run.Comparison:
        """Two runs side by side."""
        return self._transport.get(f"{self._base}/runs/{identifier}/compare/{other}", run.Comparison)
