"""Endpoints: what serves, and how far scorers have come."""

from collections.abc import Sequence

from podium.client.part import Part
from podium.core import endpoint, release, rollout


class Endpoints(Part):
    """Named addresses that applications score against."""

    def list(self) -> Sequence[endpoint.Endpoint]:
        """Endpoints by name."""
        return self._transport.get(f"{self._base}/endpoints", list[endpoint.Endpoint])

    def create(self, name: str, *, model: str, environment: str = "production") -> endpoint.Endpoint:
        """Make an endpoint for a model."""
        body = {"name": name, "model": model, "environment": environment}
        return self._transport.post(f"{self._base}/endpoints", endpoint.Endpoint, body)

    def status(self, name: str) -> endpoint.Status:
        """An endpoint, the rollout in force, and which scorers serve it."""
        return self._transport.get(f"{self._base}/endpoints/{name}", endpoint.Status)

    def rollouts(self, name: str) -> Sequence[rollout.Rollout]:
        """Every rollout document, newest first."""
        return self._transport.get(f"{self._base}/endpoints/{name}/rollouts", list[rollout.Rollout], limit=1000)

    def scorers(self) -> Sequence[endpoint.Scorer]:
        """What each scorer last said of itself."""
        return self._transport.get(f"{self._base}/scorers", list[endpoint.Scorer])

    def rollback(self, name: str, reason: str) -> release.Release:
        """Withdraw the canary, or let the version before the champion decide again."""
        return self._transport.post(f"{self._base}/endpoints/{name}/rollback", release.Release, {"reason": reason})

    def delete(self, name: str) -> None:
        """Delete an endpoint where nothing decides."""
        self._transport.delete(f"{self._base}/endpoints/{name}")
