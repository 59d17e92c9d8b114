"""What a model takes and gives: typed, named fields."""

import enum

import msgspec


class FieldType(enum.StrEnum):
    """The four types that a feature may have. `number` is float64, `integer` int64."""

    NUMBER = "number"
    INTEGER = "integer"
    TEXT = "text"
    BOOLEAN = "boolean"


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One feature. `nullable`: null (or NaN) may be sent. `categories`: known values of a text feature, if closed."""

    name: str
    type: FieldType
    nullable: bool = True
    categories: tuple[str, ...] = ()


class Task(enum.StrEnum):
    """What the score means: the probability of the positive class, a number in the target's unit, or the probability of
    the most probable of several classes (beside which the probability of each is told)."""

    BINARY = "binary"
    REGRESSION = "regression"
    MULTICLASS = "multiclass"


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """The contract of a model's input and output. `key` names the column that identifies a row (not a feature)."""

    features: tuple[Field, ...]
    task: Task
    key: str
    target: str
    classes: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """Of a multiclass model: the labels, in the order of its probabilities. Absent: it has none."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes; none where the model is not multiclass."""
        return () if isinstance(self.classes, msgspec.UnsetType) else self.classes

    def feature(self, name: str) -> Field | None:
        return next((field for field in self.features if field.name == name), None)
