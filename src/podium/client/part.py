"""What every part of the SDK has: the connection and the project's paths."""

from podium.client.transport import Transport


class Part:
    """A part of the SDK, in one project."""

    def __init__(self, transport: Transport, project: str) -> None:
        self._transport = transport
        self._base = f"/api/v1/projects/{project}"
