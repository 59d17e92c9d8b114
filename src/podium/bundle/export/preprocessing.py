"""Preprocessing steps of scikit-learn, written in double precision as they compute it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import numpy_helper
from skl2onnx import sklapi
from sklearn import compose, feature_selection, impute, pipeline, preprocessing

from podium.bundle import columns
from podium.bundle.export.graph import ML, Column, Graph, Unsupported, Value

UNKNOWN = -1


def convert(graph: Graph, step: Any, value: Value) -> Value:
    """The columns that a fitted transformer makes of those columns; `Unsupported` if this recipe does not know it."""
    if step == "drop":
        return []
    if step is None or step == "passthrough":
        return value
    for kind, converter in _CONVERTERS.items():
        if type(step) is kind:
            return converter(graph, step, value)
    if isinstance(step, feature_selection.SelectorMixin):
        return [value[index] for index in step.get_support(indices=True)]
    raise Unsupported(f"the step {type(step).__name__}")


def _pipeline(graph: Graph, step: Any, value: Value) -> Value:
    for _, inner in step.steps:
        value = convert(graph, inner, value)
    return value


def _columns(graph: Graph, step: Any, value: Value) -> Value:
    result: Value = []
    for name, inner, _ in step.transformers_:
        indexes = step._transformer_to_input_indices[name]  # noqa: SLF001
        if len(indexes):
            result += convert(graph, inner, [value[index] for index in indexes])
    return result


def _union(graph: Graph, step: Any, value: Value) -> Value:
    if step.transformer_weights:
        raise Unsupported("a union with weights")
    return [column for _, inner in step.transformer_list for column in convert(graph, inner, value)]


def _impute(graph: Graph, step: Any, value: Value) -> Value:
    if step.add_indicator and len(step.indicator_.features_):
        missing = graph.matrix([value[index] for index in step.indicator_.features_])
        flag = graph.number(_is_missing(graph, step, missing, text=value[0].text))
        flags = graph.value(flag, len(step.indicator_.features_))
    else:
        flags = []
    kept = [index for index, fill in enumerate(step.statistics_) if not _is_null(fill)]
    if len(kept) < len(value) and step.keep_empty_features:
        raise Unsupported("an imputer that keeps empty features")
    if not kept:
        return flags
    chosen = [value[index] for index in kept]
    text = chosen[0].text
    source = graph.matrix(chosen)
    fills = [step.statistics_[index] for index in kept]
    fill = graph.constant(np.array([fills], dtype=object if text else np.float64))
    filled = graph.add("Where", _is_missing(graph, step, source, text=text), fill, source)
    return graph.value(filled, len(kept), text=text) + flags


def _is_missing(graph: Graph, step: Any, tensor: str, *, text: bool) -> str:
    if text:
        marker = columns.NULL_TEXT if _is_null(step.missing_values) else step.missing_values
        return graph.add("Equal", tensor, graph.constant(np.array([marker], dtype=object)))
    if _is_null(step.missing_values):
        return graph.add("IsNaN", tensor)
    return graph.add("Equal", tensor, graph.constant(np.array([step.missing_values], dtype=np.float64)))


def _standardise(graph: Graph, step: Any, value: Value) -> Value:
    centre = step.mean_ if isinstance(step, preprocessing.StandardScaler) else step.center_
    return _shift(graph, value, ("Sub", centre), ("Div", step.scale_))


def _minimum_maximum(graph: Graph, step: Any, value: Value) -> Value:
    if step.clip:
        raise Unsupported("a scaler that clips")
    return _shift(graph, value, ("Mul", step.scale_), ("Add", step.min_))


def _largest(graph: Graph, step: Any, value: Value) -> Value:
    if getattr(step, "clip", False):
        raise Unsupported("a scaler that clips")
    return _shift(graph, value, ("Div", step.scale_))


def _shift(graph: Graph, value: Value, *operations: tuple[str, npt.NDArray[np.float64] | None]) -> Value:
    tensor = graph.matrix(value)
    for operator, numbers in operations:
        if numbers is not None:
            tensor = graph.add(operator, tensor, graph.constant(np.asarray(numbers, dtype=np.float64).reshape(1, -1)))
    return graph.value(tensor, len(value))


def _one_hot(graph: Graph, step: Any, value: Value) -> Value:
    """One column for each category, in the encoder's order; a category never seen gives zeros."""
    rare = getattr(step, "infrequent_categories_", None)
    if rare is not None and any(found is not None for found in rare):
        return [column for place, each in enumerate(value) for column in _grouped(graph, step, place, each)]
    result: Value = []
    for text, start, stop in _runs(value):
        pairs = [
            (index - start, category)
            for index in range(start, stop)
            for place, category in enumerate(step.categories_[index])
            if step.drop_idx_ is None or step.drop_idx_[index] != place
        ]
        if pairs:
            source = graph.matrix(value[start:stop])
            hits = _text_hits(graph, source, pairs) if text else _number_hits(graph, source, pairs)
            result += graph.value(graph.number(hits), len(pairs))
    return result


def _grouped(graph: Graph, step: Any, place: int, column: Column) -> Value:
    """One feature's columns where rare categories share the last one."""
    rare = step.infrequent_categories_[place]
    often = [each for each in step.categories_[place] if rare is None or not _among(each, rare)]
    width = len(often) + (rare is not None)
    dropped = None if step.drop_idx_ is None else step.drop_idx_[place]
    if dropped is not None:
        raise Unsupported("an encoder that groups rare categories and drops one")
    codes: dict[Any, int] = {_word(each) if column.text else each: number for number, each in enumerate(often)}
    codes |= {_word(each) if column.text else each: width - 1 for each in (rare if rare is not None else ())}
    if not column.text and any(_is_null(each) for each in codes):
        raise Unsupported("an encoder that groups rare numbers, null among them")
    unknown = width - 1 if step.handle_unknown in {"infrequent_if_exist", "warn"} and rare is not None else UNKNOWN
    keys: dict[str, Any] = {"keys_strings": list(codes)} if column.text else {"keys_tensor": _tensor(list(codes))}
    found = graph.add(
        "LabelEncoder",
        graph.matrix([column]),
        domain=ML,
        values_tensor=_tensor([float(code) for code in codes.values()]),
        default_tensor=_tensor([float(unknown)]),
        **keys,
    )
    hits = graph.add("Equal", found, graph.constant(np.arange(width, dtype=np.float64)[None]))
    return graph.value(graph.number(hits), width)


def _among(category: Any, rare: Any) -> bool:
    return any(category is each or category == each or (_is_null(category) and _is_null(each)) for each in rare)


def _text_hits(graph: Graph, source: str, pairs: list[tuple[int, Any]]) -> str:
    words = [_word(category) for _, category in pairs]
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    codes = graph.add(
        "LabelEncoder",
        source,
        domain=ML,
        keys_strings=list(numbers),
        values_int64s=list(numbers.values()),
        default_int64=UNKNOWN,
    )
    spread = graph.add("Gather", codes, graph.constant(np.array([at for at, _ in pairs], dtype=np.int64)), axis=1)
    return graph.add("Equal", spread, graph.constant(np.array([[numbers[word] for word in words]], dtype=np.int64)))


def _number_hits(graph: Graph, source: str, pairs: list[tuple[int, Any]]) -> str:
    spread = graph.add("Gather", source, graph.constant(np.array([at for at, _ in pairs], dtype=np.int64)), axis=1)
    null = np.array([[_is_null(category) for _, category in pairs]])
    wanted = np.array([[np.nan if _is_null(category) else float(category) for _, category in pairs]])
    hits = graph.add("Equal", spread, graph.constant(wanted))
    if not null.any():
        return hits
    return graph.add("Or", hits, graph.add("And", graph.add("IsNaN", spread), graph.constant(null)))


def _ordinal(graph: Graph, step: Any, value: Value) -> Value:
    if any(found is not None for found in getattr(step, "infrequent_categories_", [])):
        raise Unsupported("an encoder that groups rare categories")
    unknown = np.nan if step.unknown_value is None else float(step.unknown_value)
    result: Value = []
    for column, categories in zip(value, step.categories_, strict=True):
        codes = [
            float(step.encoded_missing_value) if _is_null(category) else float(place)
            for place, category in enumerate(categories)
        ]
        result += _coded(graph, column.text, graph.matrix([column]), list(categories), codes, unknown)
    return result


def _target(graph: Graph, step: Any, value: Value) -> Value:
    if step.target_type_ not in {"binary", "continuous"}:
        raise Unsupported("a target encoder over many classes")
    result: Value = []
    for column, categories, codes in zip(value, step.categories_, step.encodings_, strict=True):
        source = graph.matrix([column])
        result += _coded(
            graph, column.text, source, list(categories), [float(code) for code in codes], float(step.target_mean_)
        )
    return result


def _coded(graph: Graph, text: bool, source: str, categories: list[Any], codes: list[float], unknown: float) -> Value:  # noqa: FBT001
    """One column of codes: each category's own, or that of the unknown (also for null where it is no category)."""
    known = [
        (category, code) for category, code in zip(categories, codes, strict=True) if text or not _is_null(category)
    ]
    keys: dict[str, Any] = (
        {"keys_strings": [_word(category) for category, _ in known]}
        if text
        else {"keys_tensor": _tensor([float(category) for category, _ in known])}
    )
    coded = graph.add(
        "LabelEncoder",
        source,
        domain=ML,
        values_tensor=_tensor([code for _, code in known]),
        default_tensor=_tensor([unknown]),
        **keys,
    )
    null = next((code for category, code in zip(categories, codes, strict=True) if _is_null(category)), unknown)
    if not text:
        coded = graph.add("Where", graph.add("IsNaN", source), graph.constant(np.array([null])), coded)
    return graph.value(coded, 1)


def _tensor(values: list[float]) -> Any:
    return numpy_helper.from_array(np.array(values, dtype=np.float64))


def _cast(graph: Graph, step: Any, value: Value) -> Value:
    if np.dtype(step.dtype) == np.float64:
        return value
    if np.dtype(step.dtype) != np.float32:
        raise Unsupported("a cast to another type than float32 or float64")
    return graph.value(graph.rounded(graph.matrix(value)), len(value))


def _function(graph: Graph, step: Any, value: Value) -> Value:
    if step.func is not None:
        raise Unsupported("a function of your own")
    return value


def _runs(value: Value) -> list[tuple[bool, int, int]]:
    """Neighbouring columns of one kind: (text, start, stop)."""
    runs: list[tuple[bool, int, int]] = []
    for index, column in enumerate(value):
        if runs and runs[-1][0] == column.text:
            runs[-1] = (column.text, runs[-1][1], index + 1)
        else:
            runs.append((column.text, index, index + 1))
    return runs


def _is_null(value: Any) -> bool:
    return value is None or value != value


def _word(category: Any) -> str:
    return columns.NULL_TEXT if _is_null(category) else str(category)


_CONVERTERS: dict[type, Callable[[Graph, Any, Value], Value]] = {
    pipeline.Pipeline: _pipeline,
    pipeline.FeatureUnion: _union,
    compose.ColumnTransformer: _columns,
    impute.SimpleImputer: _impute,
    preprocessing.StandardScaler: _standardise,
    preprocessing.RobustScaler: _standardise,
    preprocessing.MinMaxScaler: _minimum_maximum,
    preprocessing.MaxAbsScaler: _largest,
    preprocessing.OneHotEncoder: _one_hot,
    preprocessing.OrdinalEncoder: _ordinal,
    preprocessing.TargetEncoder: _target,
    preprocessing.FunctionTransformer: _function,
    sklapi.CastTransformer: _cast,
}
