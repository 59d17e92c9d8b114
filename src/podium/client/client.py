"""The SDK: one object, a part for each noun; what the command line does goes through the same routes."""

from types import TracebackType
from typing import Self

import msgspec

from podium.client.alerts import Alerts
from podium.client.approvals import Approvals
from podium.client.audit import Audit
from podium.client.channels import Channels
from podium.client.checks import Checks
from podium.client.datasets import Datasets
from podium.client.endpoints import Endpoints
from podium.client.jobs import Jobs
from podium.client.lineage import Lineage
from podium.client.models import Models
from podium.client.outcomes import Outcomes
from podium.client.people import Tokens, Users
from podium.client.predictions import Predictions
from podium.client.releases import Releases
from podium.client.reviews import Reviews
from podium.client.runs import Runs
from podium.client.transport import Transport
from podium.client.versions import Versions
from podium.core import access


class Health(msgspec.Struct, frozen=True):
    """That the control plane answers, and which version it is."""

    status: str
    version: str


class Client:
    """A connection to a control plane in one project. Close it, or use it in a `with` block."""

    def __init__(self, transport: Transport, project: str) -> None:
        self.transport = transport
        self.project = project
        self.datasets = Datasets(transport, project)
        self.runs = Runs(transport, project)
        self.models = Models(transport, project)
        self.versions = Versions(transport, project)
        self.approvals = Approvals(transport, project)
        self.endpoints = Endpoints(transport, project)
        self.releases = Releases(transport, project)
        self.predictions = Predictions(transport, project)
        self.outcomes = Outcomes(transport, project)
        self.checks = Checks(transport, project)
        self.alerts = Alerts(transport, project)
        self.channels = Channels(transport, project)
        self.reviews = Reviews(transport, project)
        self.jobs = Jobs(transport, project)
        self.lineage = Lineage(transport, project)
        self.audit = Audit(transport, project)
        self.users = Users(transport)
        self.tokens = Tokens(transport)

    def whoami(self) -> access.Caller:
        """Who the token stands for, with the roles held everywhere."""
        return self.transport.get("/api/v1/whoami", access.Caller)

    def health(self) -> Health:
        """Ask the control plane whether it is there. Raises `Unavailable` when it is not."""
        return self.transport.get("/healthz", Health)

    def in_project(self, project: str) -> "Client":
        """The same connection, in another project."""
        return Client(self.transport, project)

    def close(self) -> None:
        """Let go of the connection (and, for `podium.local`, of the platform in this process)."""
        self.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
