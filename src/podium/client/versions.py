"""Versions: what they are, what was found of them, and what people decided."""

from collections.abc import Sequence
from typing import Any

from podium.client.part import Part
from podium.core import approval, bundle, version
from podium.core import evidence as findings


class Versions(Part):
    """Numbered bundles of a model."""

    def list(self, model: str | None = None) -> Sequence[version.Version]:
        """Versions, newest first."""
        path = f"{self._base}/versions" if model is None else f"{self._base}/models/{model}/versions"
        return self._transport.get(path, list[version.Version], limit=1000)

    def get(self, model: str, number: int) -> version.Version:
        """One version."""
        return self._transport.get(self._path(model, number), version.Version)

    def manifest(self, model: str, number: int) -> bundle.Manifest:
        """What its bundle is: engine, signature, files, parity."""
        return self._transport.get(f"{self._path(model, number)}/manifest", bundle.Manifest)

    def file(self, model: str, number: int, path: str) -> bytes:
        """A file of its bundle."""
        return self._transport.send("GET", f"{self._path(model, number)}/files/{path}").content

    def evidence(self, model: str, number: int) -> Sequence[findings.Evidence]:
        """The evidence in force."""
        return self._transport.get(f"{self._path(model, number)}/evidence", list[findings.Evidence])

    def attach(self, model: str, number: int, name: str, content: dict[str, Any]) -> findings.Evidence:
        """Attach a report; approvals given before are void."""
        body = {"name": name, "content": content}
        return self._transport.post(f"{self._path(model, number)}/evidence", findings.Evidence, body)

    def gates(self, model: str, number: int) -> Sequence[findings.GateResult]:
        """The results of its gates."""
        return self._transport.get(f"{self._path(model, number)}/gates", list[findings.GateResult])

    def evaluate(self, model: str, number: int) -> Sequence[findings.GateResult]:
        """Evaluate its gates again."""
        return self._transport.post(f"{self._path(model, number)}/gates", list[findings.GateResult])

    def validate(self, model: str, number: int, *, comment: str, yes: bool = True) -> approval.Approval:
        """A validator's yes, or no: then the version can never serve."""
        return self._decide(model, number, "validate", comment, yes=yes)

    def approve(self, model: str, number: int, *, comment: str, yes: bool = True) -> approval.Approval:
        """A business owner's yes, or no: then the version can never serve."""
        return self._decide(model, number, "approve", comment, yes=yes)

    def withdraw(self, model: str, number: int, role: str, why: str) -> Sequence[approval.Approval]:
        """Take back every yes given in a role (`validator` or `owner`); what served by it stops deciding."""
        verb = "validate" if role == "validator" else "approve"
        path = f"{self._path(model, number)}/{verb}/withdraw"
        return self._transport.post(path, list[approval.Approval], {"why": why})

    def note(self, model: str, number: int, note: str) -> version.Version:
        """Write what people should know of it."""
        return self._transport.put(f"{self._path(model, number)}/note", version.Version, {"note": note})

    def retire(self, model: str, number: int, why: str) -> version.Version:
        """Retire a version."""
        return self._transport.post(f"{self._path(model, number)}/retire", version.Version, {"why": why})

    def _decide(self, model: str, number: int, verb: str, comment: str, *, yes: bool) -> approval.Approval:
        body = {"decision": "yes" if yes else "no", "comment": comment}
        return self._transport.post(f"{self._path(model, number)}/{verb}", approval.Approval, body)

    def _path(self, model: str, number: int) -> str:
        return f"{self._base}/models/{model}/versions/{number}"
