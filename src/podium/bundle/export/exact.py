"""The first recipe: the whole pipeline written by us, in double precision from end to end."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import ensemble, linear_model, model_selection, pipeline, tree

from podium.bundle import layout
from podium.bundle.export import preprocessing, trees
from podium.bundle.export.graph import Graph, Unsupported, Value

RECIPE = "double-preprocessing+double-model"
_SEARCHES = (model_selection.GridSearchCV, model_selection.RandomizedSearchCV)


def build(estimator: Any, inputs: layout.Layout, names: Sequence[str], *, binary: bool) -> Any:
    """The ONNX model of a fitted estimator over a table with those columns; `Unsupported` if a step is not known."""
    graph = Graph(inputs)
    return graph.model(_score(graph, estimator, graph.start(names), binary=binary))


def _score(graph: Graph, model: Any, value: Value, *, binary: bool) -> str:
    if isinstance(model, _SEARCHES):
        return _score(graph, model.best_estimator_, value, binary=binary)
    if isinstance(model, pipeline.Pipeline):
        for _, step in model.steps[:-1]:
            value = preprocessing.convert(graph, step, value)
        return _score(graph, model.steps[-1][1], value, binary=binary)
    if binary and list(np.asarray(model.classes_).astype(np.float64)) != [0.0, 1.0]:
        raise Unsupported("classes other than 0 and 1")
    return _last(model)(graph, model, value, binary)


_Last = Callable[[Graph, Any, Value, bool], str]


def _last(model: Any) -> _Last:
    for kinds, converter in _CONVERTERS:
        if type(model) in kinds:
            return converter
    module = type(model).__module__.split(".")[0]
    if module == "lightgbm" and hasattr(model, "booster_"):
        return _lightgbm
    raise Unsupported(f"the estimator {type(model).__name__}")


def _forest(graph: Graph, model: Any, value: Value, binary: bool) -> str:  # noqa: FBT001
    if model.n_outputs_ != 1:
        raise Unsupported("several targets")
    return trees.forest(graph, model, graph.matrix(value), binary=binary)


def _boosting(graph: Graph, model: Any, value: Value, binary: bool) -> str:  # noqa: FBT001
    if model.init is not None and model.init != "zero":
        raise Unsupported("boosting from an estimator of your own")
    if binary and model.loss != "log_loss":
        raise Unsupported("a loss other than log_loss")
    start = float(model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))[0, 0])  # noqa: SLF001
    grown = [trees.of_sklearn(one, one.tree_.value[:, 0, 0] * model.learning_rate) for one in model.estimators_[:, 0]]
    raw = _plus(graph, trees.add(graph, grown, graph.rounded(graph.matrix(value))), start)
    return graph.each("Sigmoid", raw) if binary else raw


def _histogram(graph: Graph, model: Any, value: Value, binary: bool) -> str:  # noqa: FBT001
    if model._preprocessor is not None:  # noqa: SLF001
        value = _own_preprocessing(graph, model._preprocessor, value)  # noqa: SLF001
    grown = [trees.of_histogram(stage[0]) for stage in model._predictors]  # noqa: SLF001
    start = float(np.ravel(model._baseline_prediction)[0])  # noqa: SLF001
    raw = _plus(graph, trees.add(graph, grown, graph.matrix(value)), start)
    link = type(model._loss.link).__name__  # noqa: SLF001
    return _linked(graph, raw, {"LogitLink": "Sigmoid", "LogLink": "Exp", "IdentityLink": ""}, link)


def _own_preprocessing(graph: Graph, step: Any, value: Value) -> Value:
    """The estimator's own encoding of its categorical columns; the others only pass a check."""
    result: Value = []
    for name, inner, _ in step.transformers_:
        chosen = [value[index] for index in step._transformer_to_input_indices[name]]  # noqa: SLF001
        result += preprocessing.convert(graph, inner, chosen) if name == "encoder" else chosen
    return result


def _lightgbm(graph: Graph, model: Any, value: Value, binary: bool) -> str:  # noqa: FBT001
    dump = model.booster_.dump_model()
    if dump.get("num_tree_per_iteration") != 1 or any("leaf_coeff" in str(one)[:2000] for one in dump["tree_info"][:1]):
        raise Unsupported("LightGBM over many classes or with linear trees")
    grown = [trees.of_lightgbm(one["tree_structure"]) for one in dump["tree_info"]]
    raw = trees.add(graph, grown, graph.matrix(value))
    if dump.get("average_output"):
        raw = graph.add("Div", raw, graph.constant(np.array([float(len(grown))])))
    objective, *options = str(dump.get("objective", "")).split(" ")
    if objective == "binary":
        steepness = next((float(one.split(":")[1]) for one in options if one.startswith("sigmoid:")), 1.0)
        raw = graph.add("Mul", raw, graph.constant(np.array([steepness]))) if steepness != 1.0 else raw
    if "sqrt" in options:
        raise Unsupported("LightGBM with the root of the target")
    links = {"binary": "Sigmoid", "poisson": "Exp", "gamma": "Exp", "tweedie": "Exp"}
    links |= dict.fromkeys(("regression", "regression_l1", "huber", "fair", "quantile", "mape"), "")
    return _linked(graph, raw, links, objective)


def _linear(graph: Graph, model: Any, value: Value, binary: bool) -> str:  # noqa: FBT001
    weights = np.asarray(model.coef_, dtype=np.float64)
    if weights.size != len(value):
        raise Unsupported("several targets")
    total = graph.weighed(graph.matrix(value), weights.ravel())
    raw = _plus(graph, total, float(np.ravel(model.intercept_)[0]))
    return graph.each("Sigmoid", raw) if binary else raw


def _plus(graph: Graph, tensor: str, number: float) -> str:
    return graph.add("Add", tensor, graph.constant(np.array([number])))


def _linked(graph: Graph, raw: str, links: dict[str, str], link: str) -> str:
    if link not in links:
        raise Unsupported("a loss that this recipe does not know")
    return graph.each(links[link], raw) if links[link] else raw


_CONVERTERS: tuple[tuple[tuple[type, ...], _Last], ...] = (
    (
        (
            tree.DecisionTreeClassifier,
            tree.DecisionTreeRegressor,
            tree.ExtraTreeClassifier,
            tree.ExtraTreeRegressor,
            ensemble.RandomForestClassifier,
            ensemble.RandomForestRegressor,
            ensemble.ExtraTreesClassifier,
            ensemble.ExtraTreesRegressor,
        ),
        _forest,
    ),
    ((ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor), _boosting),
    ((ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor), _histogram),
    (
        (
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
        ),
        _linear,
    ),
)
