"""`POST /v2/models/{endpoint}/explain`: the rows of an infer request in, what each feature added to their scores out.

An explanation decides nothing and is not logged. Champion and canary explain the rows that each of them would decide.
This process only hands the request on: reading, explaining and writing are done where they keep no score waiting.
"""

from collections.abc import Callable
from pathlib import Path

from podium.scoring import answers, engine, operate, routes
from podium.scoring.call import Answer, Call
from podium.scoring.explain import frames
from podium.scoring.explain.desk import Busy, Desk
from podium.scoring.operate import Parts
from podium.scoring.routes import Action, Place

_UNAVAILABLE = 503
_HEADERS = ("content-type", "inference-header-content-length", "x-request-id")


class Explaining:
    """The route. `folder_of`: where a bundle lies, by digest."""

    def __init__(self, parts: Parts, desk: Desk, folder_of: Callable[[str], Path]) -> None:
        self._parts = parts
        self._desk = desk
        self._folder_of = folder_of
        parts.counts.watch("podium_explained_total", lambda: desk.done)
        parts.counts.watch("podium_explanations_waiting", lambda: desk.waiting)
        parts.counts.watch("podium_explanations_rejected_total", lambda: desk.refused)

    def routes(self) -> dict[str, routes.Route]:
        """By pattern; with a version: by that one, whatever decides."""
        return {
            "/v2/models/{endpoint}/explain": Action("POST", self._explain, slow=True),
            "/v2/models/{endpoint}/versions/{version}/explain": Action("POST", self._explain, slow=True),
        }

    def _explain(self, call: Call, place: Place) -> Answer:
        loaded = operate.loaded(self._parts.board, place)
        champion, canary = loaded.deciding(self._parts.now())
        if place.version:
            champion = next(live for live in loaded.live if str(live.route.version) == place.version)
            canary = None
        asked = frames.Ask(
            endpoint=place.endpoint,
            headers={name: call.headers[name] for name in _HEADERS if name in call.headers},
            body=call.body,
            request_id=self._parts.new_id("req"),
            champion=self._version(champion),
            canary=None if canary is None else self._version(canary),
            weight=0.0 if canary is None else canary.route.weight,
            salt=loaded.document.salt,
        )
        try:
            told = self._desk.ask(asked)
        except Busy:
            return answers.TOO_MANY
        later = (("retry-after", "1"),) if told.status == _UNAVAILABLE else ()
        return Answer(told.status, told.body, told.media, later)

    def _version(self, live: engine.Live) -> frames.Version:
        folder = self._folder_of(live.route.digest)
        return frames.Version(number=live.route.version, digest=live.route.digest, folder=str(folder.resolve()))
