"""The first recipe for models of several classes: a probability for each, in double precision from end to end."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn import calibration, ensemble, frozen, linear_model, pipeline

from podium.bundle import layout
from podium.bundle.export import exact, preprocessing, trees
from podium.bundle.export.graph import Graph, Unsupported, Value

_MOST_NODES = 4_000_000
"""Of all trees, each counted once for every class."""
_LINEAR = (linear_model.LogisticRegression, linear_model.LogisticRegressionCV)
_BOOSTED = (ensemble.GradientBoostingClassifier,)
_HISTOGRAMS = (ensemble.HistGradientBoostingClassifier,)


class Sums(NamedTuple):
    """What an estimator sums up for each class [n, classes], and what makes probabilities of it (empty: it is them)."""

    tensor: str
    link: str


def build(estimator: Any, inputs: layout.Layout, names: Sequence[str], places: Sequence[int]) -> Any:
    """The ONNX model of a fitted estimator over a table with those columns; `Unsupported` if a step is not known.

    `places`: where each class of the project stands among the estimator's.
    """
    graph = Graph(inputs)
    found = _chances(graph, _sums(graph, estimator, graph.start(names), len(places)), len(places))
    if list(places) != list(range(len(places))):
        found = graph.add("Gather", found, graph.constant(np.array(places, dtype=np.int64)), axis=1)
    return graph.model(found, len(places))


def _chances(graph: Graph, sums: Sums, width: int) -> str:
    if sums.link == "softmax":
        return graph.softmax(sums.tensor, width)
    if sums.link == "sigmoid":  # one class against the rest, each by itself
        return _shared(graph, _each(graph, "Sigmoid", sums.tensor, width), width)
    return sums.tensor


def _sums(graph: Graph, model: Any, value: Value, width: int) -> Sums:
    if isinstance(model, exact.SEARCHES):
        return _sums(graph, model.best_estimator_, value, width)
    if isinstance(model, frozen.FrozenEstimator):
        return _sums(graph, model.estimator, value, width)
    if isinstance(model, pipeline.Pipeline):
        for _, step in model.steps[:-1]:
            value = preprocessing.convert(graph, step, value)
        return _sums(graph, model.steps[-1][1], value, width)
    if len(getattr(model, "classes_", ())) != width:
        raise Unsupported("a part that knows other classes than the whole")
    return _last(model)(graph, model, value, width)


_Last = Callable[[Graph, Any, Value, int], Sums]


def _last(model: Any) -> _Last:
    for kinds, converter in _CONVERTERS:
        if type(model) in kinds:
            return converter
    if type(model).__module__.split(".")[0] == "lightgbm" and hasattr(model, "booster_"):
        return _lightgbm
    raise Unsupported(f"the estimator {type(model).__name__} over several classes")


def _linear(graph: Graph, model: Any, value: Value, width: int) -> Sums:
    weights = np.asarray(model.coef_, dtype=np.float64)
    starts = np.asarray(model.intercept_, dtype=np.float64)
    if weights.shape != (width, len(value)):
        raise Unsupported("a linear model with other weights than one a class and column")
    matrix = graph.matrix(value)
    totals = [
        graph.add("Add", graph.weighed(matrix, line), graph.constant(np.array([start])))
        for line, start in zip(weights, starts, strict=True)
    ]
    apart = getattr(model, "multi_class", "auto") == "ovr" or model.solver == "liblinear"
    return Sums(graph.add("Concat", *totals, axis=1), "sigmoid" if apart else "softmax")


def _forest(graph: Graph, model: Any, value: Value, width: int) -> Sums:
    if model.n_outputs_ != 1:
        raise Unsupported("several targets")
    members = model.estimators_ if isinstance(model, ensemble.BaseEnsemble) else [model]
    if sum(one.tree_.node_count for one in members) * width > _MOST_NODES:
        raise Unsupported("so many trees over so many classes")
    pairs = [(one, at) for one in members for at in range(width)]
    grown = [trees.of_sklearn(one, trees.probabilities(one, at)) for one, at in pairs]
    total = trees.add(graph, grown, graph.rounded(graph.matrix(value)), [at for _, at in pairs], width)
    return Sums(graph.add("Div", total, graph.constant(np.array([float(len(members))]))), "")


def _boosting(graph: Graph, model: Any, value: Value, width: int) -> Sums:
    if (model.init is not None and model.init != "zero") or model.loss != "log_loss":
        raise Unsupported("boosting from an estimator of your own, or by another loss than log_loss")
    pairs = [(stage[at], at) for stage in model.estimators_ for at in range(width)]
    grown = [trees.of_sklearn(one, one.tree_.value[:, 0, 0] * model.learning_rate) for one, _ in pairs]
    total = trees.add(graph, grown, graph.rounded(graph.matrix(value)), [at for _, at in pairs], width)
    none = np.zeros((1, model.n_features_in_), dtype=np.float32)
    start = np.asarray(model._raw_predict_init(none), dtype=np.float64).reshape(1, width)  # noqa: SLF001
    return Sums(graph.add("Add", total, graph.constant(start)), "softmax")


def _histogram(graph: Graph, model: Any, value: Value, width: int) -> Sums:
    if model._preprocessor is not None:  # noqa: SLF001
        value = exact.own_preprocessing(graph, model._preprocessor, value)  # noqa: SLF001
    pairs = [(stage[at], at) for stage in model._predictors for at in range(width)]  # noqa: SLF001
    grown = [trees.of_histogram(one) for one, _ in pairs]
    total = trees.add(graph, grown, graph.matrix(value), [at for _, at in pairs], width)
    start = np.asarray(model._baseline_prediction, dtype=np.float64).reshape(1, width)  # noqa: SLF001
    return Sums(graph.add("Add", total, graph.constant(start)), "softmax")


def _lightgbm(graph: Graph, model: Any, value: Value, width: int) -> Sums:
    dump = model.booster_.dump_model()
    objective = str(dump.get("objective", "")).split(" ")[0]
    linear = any("leaf_coeff" in str(one)[:2000] for one in dump["tree_info"][:1])
    if dump.get("num_tree_per_iteration") != width or objective != "multiclass" or linear:
        raise Unsupported("LightGBM with another objective than multiclass, or with linear trees")
    grown = [trees.of_lightgbm(one["tree_structure"]) for one in dump["tree_info"]]
    total = trees.add(graph, grown, graph.matrix(value), [at % width for at in range(len(grown))], width)
    if dump.get("average_output"):
        total = graph.add("Div", total, graph.constant(np.array([float(len(grown) // width)])))
    return Sums(total, "softmax")


def _vote(graph: Graph, model: Any, value: Value, width: int) -> Sums:
    if model.voting != "soft":
        raise Unsupported("a vote without probabilities")
    votes = [_chances(graph, _sums(graph, one, value, width), width) for one in model.estimators_]
    weights = model.weights or [1.0] * len(model.estimators)
    shares = [weight for weight, (_, one) in zip(weights, model.estimators, strict=True) if one != "drop"]
    return Sums(exact.mean(graph, votes, shares), "")


def _calibrated(graph: Graph, model: Any, value: Value, width: int) -> Sums:
    """Each class against the rest by a line of its own, then divided by their sum."""
    if model.method not in {"sigmoid", "isotonic"}:
        raise Unsupported("a calibration other than sigmoid or isotonic")
    line = exact.sigmoid if model.method == "sigmoid" else exact.isotonic
    votes = []
    for one in model.calibrated_classifiers_:
        sums = _sums(graph, one.estimator, value, width)
        raw = sums.tensor if hasattr(one.estimator, "decision_function") else _chances(graph, sums, width)
        columns = [
            line(graph, graph.add("Gather", raw, graph.constant(np.array([at], dtype=np.int64)), axis=1), fitted)
            for at, fitted in enumerate(one.calibrators)
        ]
        if len(columns) != width:
            raise Unsupported("a calibration of some classes only")
        votes.append(_shared(graph, graph.add("Concat", *columns, axis=1), width))
    return Sums(exact.mean(graph, votes, [1.0] * len(votes)), "")


def _each(graph: Graph, operator: str, tensor: str, width: int) -> str:
    """Apply an operator to every column by itself, so that a row's result does not depend on the rows beside it."""
    columns = [
        graph.each(operator, graph.add("Gather", tensor, graph.constant(np.array([at], dtype=np.int64)), axis=1))
        for at in range(width)
    ]
    return graph.add("Concat", *columns, axis=1)


def _shared(graph: Graph, chances: str, width: int) -> str:
    """Each row divided by its sum; equal shares where that is 0."""
    total = graph.weighed(chances, np.ones(width))
    none = graph.add("Equal", total, graph.constant(np.array([0.0])))
    safe = graph.add("Where", none, graph.constant(np.array([1.0])), total)
    equal = graph.constant(np.array([1.0 / width]))
    return graph.add("Where", none, equal, graph.add("Div", chances, safe))


_CONVERTERS: tuple[tuple[tuple[type, ...], _Last], ...] = (
    (exact.FORESTS, _forest),
    ((ensemble.VotingClassifier,), _vote),
    ((calibration.CalibratedClassifierCV,), _calibrated),
    (_BOOSTED, _boosting),
    (_HISTOGRAMS, _histogram),
    (_LINEAR, _linear),
)
