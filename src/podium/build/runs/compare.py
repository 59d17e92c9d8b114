"""Two runs side by side."""

from collections.abc import Iterator, Mapping
from typing import Any

from podium.core.run import Comparison, Difference, Run


def compare(first: Run, second: Run) -> Comparison:
    """What went into the two runs and differs, and every metric of their test splits."""
    return Comparison(
        first=first.id,
        second=second.id,
        inputs=tuple(_different(_inputs(first), _inputs(second))),
        metrics=tuple(_together(_metrics(first), _metrics(second))),
    )


def _inputs(item: Run) -> dict[str, Any]:
    environment = item.environment
    packages = dict(package.split("==", 1) for package in environment.packages) if environment else {}
    return (
        {"dataset": item.dataset, "spec": item.spec_digest, "source": item.code.source_digest, "seed": item.seed}
        | {"commit": item.code.commit, "python": environment.python if environment else None}
        | {f"params.{name}": value for name, value in item.params.items()}
        | {f"packages.{name}": version for name, version in packages.items()}
    )


def _metrics(item: Run) -> dict[str, Any]:
    return {} if item.result is None else dict(item.result.metrics.get("test", {}))


def _together(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted(first.keys() | second.keys()):
        yield Difference(name=name, first=first.get(name), second=second.get(name))


def _different(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Difference]:
    return (item for item in _together(first, second) if item.first != item.second)
