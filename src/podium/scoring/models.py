"""What the metrics say of the models that decide: whether each can answer, how often its process was started again."""

from collections import Counter
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from podium.bundle.runtime import Runtime
from podium.scoring.board import Board
from podium.scoring.metrics import Metrics, Values

_Labels = tuple[tuple[str, str], ...]


def watch(counts: Metrics, board: Board) -> None:
    """Have that read when somebody asks."""
    models = _Models(board)
    counts.watch("podium_model_up", models.up)
    counts.watch("podium_model_restarts_total", models.restarts)


class _Models:
    """Those of the rollouts in force. A shadow's scores in another process."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._restarts: Counter[_Labels] = Counter()
        """So that the sum goes on where a version's process is replaced with its rollout."""
        self._known: WeakKeyDictionary[Runtime, int] = WeakKeyDictionary()

    def up(self) -> Values:
        return {labels: float(runtime.ready) for labels, runtime in self._deciding()}

    def restarts(self) -> Values:
        for labels, runtime in self._deciding():
            if (restarts := runtime.restarts) is not None:
                self._restarts[labels] += restarts - self._known.get(runtime, 0)
                self._known[runtime] = restarts
        return {labels: float(restarts) for labels, restarts in self._restarts.items()}

    def _deciding(self) -> Iterator[tuple[_Labels, Runtime]]:
        for loaded in self._board.serving():
            for each in (loaded.champion, loaded.canary):
                if each is not None:
                    named = ("endpoint", loaded.document.endpoint), ("version", str(each.route.version))
                    yield named, each.runtime
