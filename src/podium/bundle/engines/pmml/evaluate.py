"""Run in the environment of PMML models, where Podium is not: opens a document with JPMML in a Java machine."""

from __future__ import annotations

import importlib
from typing import Any


def open_model(path: str, said: dict[str, Any]) -> Any:
    """The function that scores dictionaries of rows; raises with what is wrong with the document."""
    jpype: Any = importlib.import_module("jpype")
    jpmml: Any = importlib.import_module("jpmml_evaluator")
    options = [f"-Xmx{said['heap_mb']}m", "-Xss1m", "-XX:+UseSerialGC", "-XX:ReservedCodeCacheSize=48m"]
    jpype.startJVM(*options, classpath=jpmml._classpath(user_classpath=[]))  # noqa: SLF001 - it has no other name
    backend = importlib.import_module("jpmml_evaluator.jpype").JPypeBackend()
    evaluator = jpmml.make_evaluator(path, backend).verify()
    output = output_of(said, evaluator)
    names = list(said["names"])

    def score(rows: list[dict[str, Any]]) -> list[float]:
        given = {"columns": names, "data": [[row[name] for row in rows] for name in names]}
        try:
            found = jpmml.PythonEvaluatorUtil.evaluateAll(backend, evaluator.javaEvaluator, given, None, 1)
        except jpmml.JavaError as problem:
            if str(problem.className) == "java.lang.OutOfMemoryError":
                raise MemoryError(str(problem)) from None  # as with any model: it answers again in a new process
            raise
        values = found["data"][found["columns"].index(output)]
        return [float("nan") if value is None else float(value) for value in values]

    return score


def output_of(said: dict[str, Any], evaluator: Any) -> str:
    """The field that is the score."""
    known = [field.getName() for field in (*evaluator.getOutputFields(), *evaluator.getTargetFields())]
    if said["output"]:
        wanted = [said["output"]]
    elif said["task"] == "binary":
        wanted = ["probability(1)", "probability(1.0)", "probability(true)"]
    else:
        wanted = [field.getName() for field in evaluator.getTargetFields()]
    for name in wanted:
        if name in known:
            return str(name)
    raise ValueError(f"the document gives {', '.join(known)}, and none of it is the score: name it as output")
