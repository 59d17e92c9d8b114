"""The one set of tables, and the column types that every slice uses."""

from typing import Any, TypeVar

import msgspec
import sqlalchemy
from sqlalchemy import BigInteger, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

T = TypeVar("T")

metadata = sqlalchemy.MetaData()
Instant = BigInteger
"""Microseconds since 1970 UTC; the columns' names end in `_us`."""


class Struct(TypeDecorator[Any]):
    """A msgspec value kept as JSON text: the same on every database."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value, type=self.kind)


def to_struct(row: sqlalchemy.Row[Any], kind: type[T]) -> T:
    """A row whose columns are named as the type's fields, as that type."""
    return msgspec.convert({str(name): value for name, value in row._asdict().items()}, kind)
