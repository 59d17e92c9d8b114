"""Why a referred prediction has its score, for the person who decides it: before it is in the log, from its queue."""

from podium.bundle import columns
from podium.core import explanation, review
from podium.monitor.intake import bundles
from podium.store.store import Store


def explain(store: Store, item: review.Review) -> explanation.Explanation:
    """What each feature added to its score, by its version's bundle."""
    with bundles.cache(store) as cache:
        wanted = cache.get(item.digest).manifest.signature
        made = cache.explainer(item.digest).explain(columns.from_rows(wanted, [item.features]))
    return explanation.Explanation(
        prediction_id=item.prediction_id,
        endpoint=item.endpoint,
        model=item.model,
        version=item.version,
        digest=item.digest,
        method=made.method,
        scale=made.scale,
        score=item.score,
        base=made.base[0],
        margin=made.margin[0],
        contributions=dict(zip(made.features, made.contributions[0], strict=True)),
        errors=None if made.errors is None else dict(zip(made.features, made.errors[0], strict=True)),
        values=item.features,
    )
