"""Why a referred prediction has its score, for the person who decides it: before it is in the log, from its queue."""

from podium.bundle import columns
from podium.core import explanation, review
from podium.monitor.intake import bundles, replay
from podium.store.store import Store


def explain(store: Store, item: review.Review) -> explanation.Explanation:
    """What each feature added to its score, by its version's bundle."""
    with bundles.cache(store) as cache:
        wanted = cache.get(item.digest).manifest.signature
        made = cache.explainer(item.digest).explain(columns.from_rows(wanted, [item.features]))
    return replay.explained(item, made)
