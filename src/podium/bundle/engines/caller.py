"""On whose behalf a model is asked: what an engine that asks others hands on."""

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

TRACE: ContextVar[Mapping[str, str]] = ContextVar("trace", default=MappingProxyType({}))
"""Headers of the trace to which the rows belong (W3C Trace Context); none where they are of several."""
