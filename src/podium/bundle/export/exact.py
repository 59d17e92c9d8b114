"""The first recipe: the whole pipeline written by us, in double precision from end to end."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import calibration, ensemble, frozen, linear_model, model_selection, pipeline, tree

from podium.bundle import layout
from podium.bundle.export import preprocessing, trees
from podium.bundle.export.graph import Graph, Unsupported, Value

RECIPE = "double-preprocessing+double-model"
Answer = tuple[str, str]
"""A column of sums, and the operator that makes scores of them (none: they are the scores)."""
SEARCHES = (model_selection.GridSearchCV, model_selection.RandomizedSearchCV)
FORESTS = (
    tree.DecisionTreeClassifier,
    tree.DecisionTreeRegressor,
    tree.ExtraTreeClassifier,
    tree.ExtraTreeRegressor,
    ensemble.RandomForestClassifier,
    ensemble.RandomForestRegressor,
    ensemble.ExtraTreesClassifier,
    ensemble.ExtraTreesRegressor,
)
BOOSTED = (ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor)
HISTOGRAMS = (ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor)
LINEAR = (
    linear_model.LogisticRegression,
    linear_model.LogisticRegressionCV,
    linear_model.LinearRegression,
    linear_model.Ridge,
    linear_model.RidgeCV,
    linear_model.Lasso,
    linear_model.LassoCV,
    linear_model.ElasticNet,
    linear_model.ElasticNetCV,
    linear_model.BayesianRidge,
    linear_model.HuberRegressor,
)


def build(estimator: Any, inputs: layout.Layout, names: Sequence[str], *, binary: bool) -> Any:
    """The ONNX model of a fitted estimator over a table with those columns; `Unsupported` if a step is not known."""
    graph = Graph(inputs)
    return graph.model(_score(graph, estimator, graph.start(names), binary=binary))


def _score(graph: Graph, model: Any, value: Value, *, binary: bool) -> str:
    raw, link = _answer(graph, model, value, binary=binary)
    return graph.each(link, raw) if link else raw


def _answer(graph: Graph, model: Any, value: Value, *, binary: bool) -> Answer:
    """What the estimator sums up, and the function that makes a score of it."""
    if isinstance(model, SEARCHES):
        return _answer(graph, model.best_estimator_, value, binary=binary)
    if isinstance(model, frozen.FrozenEstimator):
        return _answer(graph, model.estimator, value, binary=binary)
    if isinstance(model, pipeline.Pipeline):
        for _, step in model.steps[:-1]:
            value = preprocessing.convert(graph, step, value)
        return _answer(graph, model.steps[-1][1], value, binary=binary)
    if binary and list(np.asarray(model.classes_).astype(np.float64)) != [0.0, 1.0]:
        raise Unsupported("classes other than 0 and 1")
    return _last(model)(graph, model, value, binary)


_Last = Callable[[Graph, Any, Value, bool], Answer]


def _last(model: Any) -> _Last:
    for kinds, converter in _CONVERTERS:
        if type(model) in kinds:
            return converter
    module = type(model).__module__.split(".")[0]
    if module == "lightgbm" and hasattr(model, "booster_"):
        return _lightgbm
    raise Unsupported(f"the estimator {type(model).__name__}")


def _forest(graph: Graph, model: Any, value: Value, binary: bool) -> Answer:  # noqa: FBT001
    if model.n_outputs_ != 1:
        raise Unsupported("several targets")
    return trees.forest(graph, model, graph.matrix(value), binary=binary), ""


def boosting_start(model: Any) -> float:
    """What gradient boosting adds its trees to."""
    return float(model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))[0, 0])  # noqa: SLF001


def _boosting(graph: Graph, model: Any, value: Value, binary: bool) -> Answer:  # noqa: FBT001
    if model.init is not None and model.init != "zero":
        raise Unsupported("boosting from an estimator of your own")
    if binary and model.loss != "log_loss":
        raise Unsupported("a loss other than log_loss")
    grown = [trees.of_sklearn(one, one.tree_.value[:, 0, 0] * model.learning_rate) for one in model.estimators_[:, 0]]
    raw = _plus(graph, trees.add(graph, grown, graph.rounded(graph.matrix(value))), boosting_start(model))
    return raw, "Sigmoid" if binary else ""


def _histogram(graph: Graph, model: Any, value: Value, binary: bool) -> Answer:  # noqa: FBT001
    if model._preprocessor is not None:  # noqa: SLF001
        value = own_preprocessing(graph, model._preprocessor, value)  # noqa: SLF001
    grown = [trees.of_histogram(stage[0]) for stage in model._predictors]  # noqa: SLF001
    start = float(np.ravel(model._baseline_prediction)[0])  # noqa: SLF001
    raw = _plus(graph, trees.add(graph, grown, graph.matrix(value)), start)
    return raw, histogram_link(model)


def histogram_link(model: Any) -> str:
    """The operator that makes scores of histogram boosting's sums."""
    link = type(model._loss.link).__name__  # noqa: SLF001
    return link_of({"LogitLink": "Sigmoid", "LogLink": "Exp", "IdentityLink": ""}, link)


def own_preprocessing(graph: Graph, step: Any, value: Value) -> Value:
    """What histogram boosting makes of its columns first: categories are encoded, the others only pass a check."""
    result: Value = []
    for name, inner, _ in step.transformers_:
        chosen = [value[index] for index in step._transformer_to_input_indices[name]]  # noqa: SLF001
        result += preprocessing.convert(graph, inner, chosen) if name == "encoder" else chosen
    return result


def _lightgbm(graph: Graph, model: Any, value: Value, binary: bool) -> Answer:  # noqa: FBT001
    dump = model.booster_.dump_model()
    if dump.get("num_tree_per_iteration") != 1 or any("leaf_coeff" in str(one)[:2000] for one in dump["tree_info"][:1]):
        raise Unsupported("LightGBM over many classes or with linear trees")
    grown = [trees.of_lightgbm(one["tree_structure"]) for one in dump["tree_info"]]
    raw = trees.add(graph, grown, graph.matrix(value))
    if dump.get("average_output"):
        raw = graph.add("Div", raw, graph.constant(np.array([float(len(grown))])))
    link, steepness = lightgbm_link(str(dump.get("objective", "")))
    raw = graph.add("Mul", raw, graph.constant(np.array([steepness]))) if steepness != 1.0 else raw
    return raw, link


def lightgbm_link(said: str) -> tuple[str, float]:
    """The operator that makes scores of LightGBM's sums, and what they are multiplied by before."""
    objective, *options = said.split(" ")
    if "sqrt" in options:
        raise Unsupported("LightGBM with the root of the target")
    links = {"binary": "Sigmoid", "poisson": "Exp", "gamma": "Exp", "tweedie": "Exp"}
    links |= dict.fromkeys(("regression", "regression_l1", "huber", "fair", "quantile", "mape"), "")
    steepness = next((float(one.split(":")[1]) for one in options if one.startswith("sigmoid:")), 1.0)
    return link_of(links, objective), steepness if objective == "binary" else 1.0


def _linear(graph: Graph, model: Any, value: Value, binary: bool) -> Answer:  # noqa: FBT001
    weights = np.asarray(model.coef_, dtype=np.float64)
    if weights.size != len(value):
        raise Unsupported("several targets")
    total = graph.weighed(graph.matrix(value), weights.ravel())
    raw = _plus(graph, total, float(np.ravel(model.intercept_)[0]))
    return raw, "Sigmoid" if binary else ""


def _plus(graph: Graph, tensor: str, number: float) -> str:
    return graph.add("Add", tensor, graph.constant(np.array([number])))


def link_of(links: dict[str, str], link: str) -> str:
    if link not in links:
        raise Unsupported("a loss that this recipe does not know")
    return links[link]


def _vote(graph: Graph, model: Any, value: Value, binary: bool) -> Answer:  # noqa: FBT001
    if binary and model.voting != "soft":
        raise Unsupported("a vote without probabilities")
    votes = [_score(graph, one, value, binary=binary) for one in model.estimators_]
    weights = model.weights or [1.0] * len(model.estimators)
    shares = [weight for weight, (_, one) in zip(weights, model.estimators, strict=True) if one != "drop"]
    return mean(graph, votes, shares), ""


def _calibrated(graph: Graph, model: Any, value: Value, binary: bool) -> Answer:  # noqa: FBT001
    if not binary or model.method not in {"sigmoid", "isotonic"}:
        raise Unsupported("a calibration other than sigmoid or isotonic")
    votes = []
    for one in model.calibrated_classifiers_:
        raw, link = _answer(graph, one.estimator, value, binary=True)
        found = graph.each(link, raw) if link and not hasattr(one.estimator, "decision_function") else raw
        fitted = one.calibrators[0]
        votes.append(sigmoid(graph, found, fitted) if model.method == "sigmoid" else isotonic(graph, found, fitted))
    return mean(graph, votes, [1.0] * len(votes)), ""


def sigmoid(graph: Graph, found: str, fitted: Any) -> str:
    """A calibration by a line through the log odds."""
    slope = graph.constant(np.array([-float(fitted.a_)]))
    return graph.each("Sigmoid", _plus(graph, graph.add("Mul", found, slope), -float(fitted.b_)))


def isotonic(graph: Graph, found: str, fitted: Any) -> str:
    """Linear between the learned points, constant beyond them."""
    at = np.asarray(fitted.X_thresholds_, dtype=np.float64)
    to = np.asarray(fitted.y_thresholds_, dtype=np.float64)
    if len(at) < 2:
        raise Unsupported("a calibration to a constant")
    above = graph.add("Sub", found, graph.constant(at[None, :-1]))
    inside = graph.add("Min", graph.add("Max", above, graph.constant(np.zeros(1))), graph.constant(np.diff(at)[None]))
    return _plus(graph, graph.weighed(inside, np.diff(to) / np.diff(at)), float(to[0]))


def mean(graph: Graph, votes: list[str], shares: Sequence[float]) -> str:
    """The votes by their shares."""
    total = _scaled(graph, votes[0], shares[0])
    for vote, share in zip(votes[1:], shares[1:], strict=True):
        total = graph.add("Add", total, _scaled(graph, vote, share))
    return graph.add("Div", total, graph.constant(np.array([float(sum(shares))])))


def _scaled(graph: Graph, vote: str, share: float) -> str:
    return vote if share == 1.0 else graph.add("Mul", vote, graph.constant(np.array([float(share)])))


_CONVERTERS: tuple[tuple[tuple[type, ...], _Last], ...] = (
    (FORESTS, _forest),
    ((ensemble.VotingClassifier, ensemble.VotingRegressor), _vote),
    ((calibration.CalibratedClassifierCV,), _calibrated),
    (BOOSTED, _boosting),
    (HISTOGRAMS, _histogram),
    (LINEAR, _linear),
)
