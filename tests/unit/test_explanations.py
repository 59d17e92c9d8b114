import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from skl2onnx.sklapi import CastTransformer
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from podium.bundle import columns
from podium.bundle.explain import estimate, explainer, paths, shapley, table
from podium.bundle.export import explanation, frame, onnx, parts, trees
from podium.core.errors import Invalid, Refused
from podium.core.signature import Field, FieldType, Signature, Task

NUMBERS = ("amount", "age", "hour", "rate")
FIELDS = (*(Field(name=name, type=FieldType.NUMBER) for name in NUMBERS), Field(name="kind", type=FieldType.TEXT))


def signature(task: Task) -> Signature:
    return Signature(features=FIELDS, task=task, key="id", target="y")


def rows(count: int = 400, seed: int = 3) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    made = pd.DataFrame({name: random.normal(size=count).round(2) for name in NUMBERS})
    made.loc[random.random(count) < 0.1, "age"] = np.nan
    made["kind"] = random.choice(["red", "green", "blue"], count)
    return made


def target(made: pd.DataFrame, task: Task) -> Any:
    value = 2 * made["amount"] + made["age"].fillna(1.0) * made["hour"] + (made["kind"] == "red") * 1.5
    return (value > 0.3).astype(np.int64) if task is Task.BINARY else value


def prepared(last: Any, *steps: Any, imputer: bool = True) -> Pipeline:
    numbers = SimpleImputer() if imputer else "passthrough"
    prepare = ColumnTransformer(
        [
            ("numbers", numbers, list(NUMBERS)),
            ("kinds", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["kind"]),
        ]
    )
    return make_pipeline(prepare, *steps, last)


def written(estimator: Any, task: Task, made: pd.DataFrame) -> explanation.Written:
    fitted = estimator.fit(made, target(made, task))
    exported = onnx.export(fitted, signature(task), made)
    return rewritten(fitted, task, made, exported.expected, exported.parity.tolerance)


def rewritten(fitted: Any, task: Task, made: pd.DataFrame, expected: Any, tolerance: float) -> explanation.Written:
    canonical = frame.table(signature(task), made)
    return explanation.write(fitted, signature(task), canonical, explanation.Rows(canonical, expected, tolerance))


def native(found: explanation.Written) -> explainer.Native:
    assert found.files, found.reason
    return explainer.Native(found.files[table.ENCODER], found.files[table.FILE], (*NUMBERS, "kind"))


def worth(nodes: table.Nodes, row: Any, known: frozenset[int], at: int) -> float:
    """The game by its definition: follow the row where the feature is known, else both ways by the covers."""
    if nodes.left[at] < 0:
        return float(nodes.value[at])
    left, right = int(nodes.left[at]), int(nodes.right[at])
    feature = int(nodes.feature[at])
    if feature in known:
        goes = bool(shapley.goes_left(nodes, row[None, :])[0, at])
        return worth(nodes, row, known, left if goes else right)
    shares = (nodes.cover[left] / nodes.cover[at], nodes.cover[right] / nodes.cover[at])
    return float(shares[0] * worth(nodes, row, known, left) + shares[1] * worth(nodes, row, known, right))


def brute_force(nodes: table.Nodes, row: Any) -> list[float]:
    """Shapley's own formula over every set of columns."""
    width = len(row)

    def value(known: Sequence[int]) -> float:
        return sum(worth(nodes, row, frozenset(known), int(root)) for root in nodes.roots)

    result = []
    for feature in range(width):
        others = [each for each in range(width) if each != feature]
        total = 0.0
        for size in range(width):
            weight = math.factorial(size) * math.factorial(width - size - 1) / math.factorial(width)
            for chosen in itertools.combinations(others, size):
                total += weight * (value([*chosen, feature]) - value(chosen))
        result.append(total)
    return result


@pytest.mark.parametrize("seed", range(6))
def test_contributions_are_shapley_values_of_the_path_dependent_game(seed: int) -> None:
    random = np.random.default_rng(seed)
    width = int(random.integers(1, 6))
    grown = [_random_tree(random, width) for _ in range(3)]
    nodes = parts.gather(grown)
    matrix = random.normal(size=(5, width)).round(1)
    matrix[random.random(matrix.shape) < 0.15] = np.nan
    found = shapley.contributions(nodes, paths.of(nodes), matrix)
    for row, mine in zip(matrix, found, strict=True):
        assert mine == pytest.approx(brute_force(nodes, row), abs=1e-12)
    assert found.sum(axis=1) + paths.expected(nodes) == pytest.approx(shapley.sums(nodes, matrix), abs=1e-12)


def _random_tree(random: np.random.Generator, width: int) -> parts.Grown:
    """Up to depth 5, with features that come again on a path and splits by category."""
    nodes: trees.Tree = []
    cover: list[float] = []

    def grow(depth: int, size: float) -> int:
        at = len(nodes)
        nodes.append(trees.Node(value=float(random.normal())))
        cover.append(size)
        if depth == 5 or random.random() < 0.2:
            return at
        share = float(random.uniform(0.05, 0.95))
        members = (0.0, 1.0, 0.5, -0.5) if random.random() < 0.2 else None
        left, right = grow(depth + 1, size * share), grow(depth + 1, size * (1 - share))
        nodes[at] = trees.Node(
            left=left,
            right=right,
            feature=int(random.integers(width)),
            threshold=float(random.normal()),
            members=members,
            null_left=bool(random.random() < 0.5),
        )
        return at

    grow(0, 1000.0)
    return parts.Grown(nodes, cover)


@pytest.mark.parametrize("kind", [LGBMClassifier, LGBMRegressor])
@pytest.mark.parametrize("imputer", [True, False])
def test_the_same_as_lightgbm_itself(kind: Any, imputer: bool) -> None:
    task = Task.BINARY if kind is LGBMClassifier else Task.REGRESSION
    made = rows()
    estimator = prepared(
        kind(n_estimators=30, num_leaves=15, verbose=-1, n_jobs=1, random_state=0), CastTransformer(), imputer=imputer
    )
    mine = native(written(estimator, task, made))
    matrix = estimator[:-1].transform(made)
    oracle = estimator[-1].booster_.predict(matrix, pred_contrib=True)
    canonical = frame.table(signature(task), made)
    assert mine.matrix(canonical) == pytest.approx(matrix, nan_ok=True)
    found = mine.explain(canonical)
    assert found.base == pytest.approx(oracle[:, -1], abs=1e-9)
    assert found.values[:, :4] == pytest.approx(oracle[:, :4], abs=1e-9)
    assert found.values[:, 4] == pytest.approx(oracle[:, 4:7].sum(axis=1), abs=1e-9)
    assert np.abs(found.values[:, 4]).max() > 0.01


def test_lightgbm_with_its_own_categories_is_the_same_too() -> None:
    random = np.random.default_rng(1)
    matrix = np.column_stack([random.normal(size=600), random.integers(0, 12, 600)])
    labels = ((matrix[:, 1] % 3 == 0) ^ (matrix[:, 0] > 0)).astype(np.int64)
    fitted = LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1, random_state=0, min_child_samples=5)
    fitted.fit(matrix, labels, categorical_feature=[1])
    found = parts.of(fitted, lambda: np.zeros(2), binary=True)
    assert isinstance(found.numbers, table.Nodes)
    assert found.numbers.sets
    oracle = fitted.booster_.predict(matrix, pred_contrib=True)
    mine = shapley.contributions(found.numbers, paths.of(found.numbers), matrix)
    assert mine == pytest.approx(oracle[:, :-1], abs=1e-9)


FORESTS = [
    (RandomForestClassifier(n_estimators=20, max_depth=6, random_state=0), Task.BINARY),
    (RandomForestRegressor(n_estimators=10, max_depth=5, random_state=0), Task.REGRESSION),
    (GradientBoostingClassifier(n_estimators=25, random_state=0), Task.BINARY),
    (HistGradientBoostingClassifier(max_iter=25, random_state=0), Task.BINARY),
    (HistGradientBoostingRegressor(max_iter=25, loss="squared_error", random_state=0), Task.REGRESSION),
]


@pytest.mark.parametrize(("last", "task"), FORESTS, ids=lambda each: type(each).__name__)
def test_scikit_learn_trees_add_up_to_the_models_own_margin(last: Any, task: Task) -> None:
    made = rows()
    estimator = prepared(last, CastTransformer())
    mine = native(written(estimator, task, made))
    found = mine.explain(frame.table(signature(task), made))
    score = estimator.predict_proba(made)[:, 1] if task is Task.BINARY else estimator.predict(made)
    assert explainer.score_of(mine.about.scale, found.base + found.values.sum(axis=1)) == pytest.approx(score, abs=1e-6)
    if hasattr(last, "decision_function"):
        assert found.margin == pytest.approx(estimator.decision_function(made), abs=1e-6)


def test_a_scikit_learn_forest_against_brute_force() -> None:
    made = rows(120)
    estimator = prepared(RandomForestClassifier(n_estimators=3, max_depth=4, random_state=0), CastTransformer())
    mine = native(written(estimator, Task.BINARY, made))
    canonical = columns.take(frame.table(signature(Task.BINARY), made), slice(0, 3))
    grown = parts.of(estimator[-1], lambda: np.zeros(7), binary=True).numbers
    assert isinstance(grown, table.Nodes)
    for row, found in zip(mine.matrix(canonical), mine.explain(canonical).values, strict=True):
        alone = brute_force(grown, row)
        assert found == pytest.approx([*alone[:4], sum(alone[4:])], abs=1e-12)


@pytest.mark.parametrize(("last", "task"), [(LogisticRegression(), Task.BINARY), (Ridge(), Task.REGRESSION)])
def test_linear_models_are_weights_times_distance_from_the_mean(last: Any, task: Task) -> None:
    made = rows()
    estimator = prepared(last, StandardScaler())
    mine = native(written(estimator, task, made))
    found = mine.explain(frame.table(signature(task), made))
    matrix = estimator[:-1].transform(made)
    own = np.ravel(estimator[-1].coef_) * (matrix - matrix.mean(axis=0))
    assert found.values == pytest.approx(np.column_stack([own[:, :4], own[:, 4:].sum(axis=1)]), abs=1e-9)
    assert found.values.mean(axis=0) == pytest.approx(np.zeros(5), abs=1e-9)


def test_a_calibrated_model_has_no_native_explanation_and_says_why() -> None:
    made = rows()
    base = prepared(GradientBoostingClassifier(n_estimators=5, random_state=0), CastTransformer())
    found = written(CalibratedClassifierCV(base, cv=2), Task.BINARY, made)
    assert not found.files
    assert "CalibratedClassifierCV" in found.reason


def test_an_explanation_that_does_not_add_up_to_the_score_is_not_shipped() -> None:
    made = rows()
    estimator = prepared(LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1), CastTransformer())
    fitted = estimator.fit(made, target(made, Task.BINARY))
    wrong = np.full(len(made), 0.123)
    found = rewritten(fitted, Task.BINARY, made, wrong, 1e-6)
    assert not found.files
    assert "add up to others" in found.reason


def test_the_file_says_what_it_said_and_refuses_trees_in_circles() -> None:
    made = rows()
    estimator = prepared(LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1), CastTransformer())
    data = written(estimator, Task.BINARY, made).files[table.FILE]
    read = table.decode(data)
    assert table.encode(read) == data
    assert isinstance(read.body, table.Nodes)
    circle = read.body.left.copy()
    circle[np.flatnonzero(circle > 0)[1]] = 0
    for broken in (data[:-40], b"", table.encode(read._replace(body=read.body._replace(left=circle)))):
        with pytest.raises(Invalid):
            table.decode(broken)
    zero = read.body._replace(cover=np.zeros_like(read.body.cover))
    with pytest.raises(Invalid):
        table.decode(table.encode(read._replace(body=zero)))


def test_trees_of_another_model_are_refused_by_the_golden_sum() -> None:
    read = table.decode(
        written(
            prepared(LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1), CastTransformer()), Task.BINARY, rows()
        ).files[table.FILE]
    )
    assert isinstance(read.body, table.Nodes)
    steps = paths.of(read.body)
    steps[0] = steps[0]._replace(share=steps[0].share * 0.5)
    matrix = np.zeros((2, 7))
    off = shapley.contributions(read.body, steps, matrix).sum(axis=1) + paths.expected(read.body)
    assert np.abs(off - shapley.sums(read.body, matrix)).max() > 1e-6


def test_an_estimate_sums_to_the_score_and_its_error_holds() -> None:
    random = np.random.default_rng(0)
    background: columns.Columns = {name: random.normal(size=200) for name in "abc"}

    def predict(values: columns.Columns) -> Any:
        return values["a"] * 2 + values["b"] * values["c"]

    row: columns.Columns = {"a": np.array([1.0]), "b": np.array([2.0]), "c": np.array([3.0])}
    found = estimate.estimate(predict, row, background, pairs=200)
    assert found.base + found.values.sum() == pytest.approx(float(predict(row)[0]), abs=1e-9)
    exact = np.array([2 * (1 - background["a"].mean()), *_product(background)])
    assert (np.abs(found.values - exact) < 4 * found.errors + 1e-9).all()
    assert found.errors.max() < 0.5
    again = estimate.estimate(predict, row, background, pairs=200)
    assert (found.values == again.values).all()
    other = estimate.estimate(predict, row, background, pairs=200, seed=1)
    assert (found.values != other.values).any()


def _product(background: columns.Columns) -> list[float]:
    """Shapley values of b * c at b = 2, c = 3 with the pair drawn from the background."""
    none, both = float((background["b"] * background["c"]).mean()), 6.0
    only_b, only_c = 2 * float(background["c"].mean()), 3 * float(background["b"].mean())
    return [((only_b - none) + (both - only_c)) / 2, ((only_c - none) + (both - only_b)) / 2]


def test_contributions_that_do_not_sum_are_refused_when_asked_for() -> None:
    found = written(prepared(Ridge(), StandardScaler()), Task.REGRESSION, rows())
    mine = native(found)
    mine._check_sum(np.ones((2, 3)), 0.0, np.full(2, 3.0))
    with pytest.raises(Refused):
        mine._check_sum(np.ones((2, 3)), 0.0, np.full(2, 3.1))


@pytest.mark.parametrize("unknown", ["ignore", "infrequent_if_exist"])
def test_rare_categories_that_share_a_column_are_exported_and_explained(unknown: str) -> None:
    made = rows(600)
    random = np.random.default_rng(5)
    kinds = np.array(["red", "green", "blue", "pink", None], dtype=object)
    made["kind"] = random.choice(kinds, len(made), p=[0.5, 0.4, 0.04, 0.04, 0.02])
    encoder = OneHotEncoder(handle_unknown=unknown, min_frequency=40, sparse_output=False)
    prepare = ColumnTransformer([("numbers", SimpleImputer(), list(NUMBERS)), ("kinds", encoder, ["kind"])])
    estimator = make_pipeline(prepare, CastTransformer(), LGBMClassifier(n_estimators=10, verbose=-1, n_jobs=1))
    fitted = estimator.fit(made, target(made, Task.BINARY))
    made.loc[:20, "kind"] = "never seen"
    exported = onnx.export(fitted, signature(Task.BINARY), made)
    assert exported.parity.recipe.startswith("double-preprocessing")
    mine = native(rewritten(fitted, Task.BINARY, made, exported.expected, 1e-6))
    canonical = frame.table(signature(Task.BINARY), made)
    assert (mine.matrix(canonical) == estimator[:-1].transform(made)).all()
    assert mine.about.origins == (*NUMBERS, "kind", "kind", "kind")
