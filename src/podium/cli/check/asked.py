"""What a person asked of `podium check`, and whether it makes sense."""

import msgspec

from podium.core import name as names_of
from podium.core.errors import Invalid
from podium.measures.comparison.finding import Rule

STORED = ".json"
"""How the name of a stored reference ends."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asked for."""

    reference: str
    current: str
    target: str = ""
    prediction: str = ""
    key: str = ""
    skew: bool = False
    explanations: bool = False
    groups: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    time: str = ""
    max_age: str = ""
    columns: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    effect: float = 0.05
    min_rows: int = 100
    save_reference: str = ""
    threads: int = 0

    @property
    def rule(self) -> Rule:
        return Rule(effect=self.effect, min_rows=self.min_rows)

    @property
    def roles(self) -> dict[str, str]:
        """What some columns are, instead of their kind."""
        named = {self.target: "outcome", self.prediction: "prediction", self.key: "key", self.time: "time"}
        return {name: role for name, role in named.items() if name}

    @property
    def judged(self) -> bool:
        """Whether performance is looked at, too."""
        return bool(self.target and self.prediction)


def sensible(asked: Asked) -> None:
    """Raise `Invalid` when options do not go together."""
    if not asked.current and not asked.save_reference:
        raise Invalid("There is nothing to compare with.", field="CURRENT", fix="Name a file, or use --save-reference.")
    if not 0 < asked.effect < 1:
        raise Invalid("A share of rows lies between 0 and 1.", field="--effect")
    if asked.min_rows < 1:
        raise Invalid("At least one value is needed.", field="--min-rows")
    if asked.skew and (not asked.key or asked.reference.endswith(STORED)):
        raise Invalid(
            "The same rows are told by a key, in two tables.",
            field="--skew",
            fix="Name the column with --key, and give the reference's file rather than a stored reference.",
        )
    if asked.explanations and asked.reference.endswith(STORED):
        raise Invalid("Contributions are compared in two tables.", field="--explanations", fix="Name the file itself.")
    if (asked.groups or asked.slices) and not asked.judged:
        field = "--groups" if asked.groups else "--slices"
        raise Invalid("These are compared by outcomes and predictions.", field=field, fix="Name both columns.")
    if asked.max_age and not asked.time:
        raise Invalid("The age is that of a column.", field="--max-age", fix="Name it with --time.")


def wanted(asked: Asked, name: str) -> bool:
    """Whether a column is to be compared."""
    if name in asked.ignore or name == asked.time:
        return name not in asked.ignore
    if name == asked.key:
        return name in asked.columns
    return not asked.columns or name in asked.columns or name in (asked.target, asked.prediction)


def named(asked: Asked, known: set[str]) -> None:
    """Every column that was named must be there."""
    options = {
        "--target": (asked.target,),
        "--prediction": (asked.prediction,),
        "--time": (asked.time,),
        "--columns": asked.columns,
        "--ignore": asked.ignore,
    }
    for option, names in options.items():
        for wrong in (name for name in names if name and name not in known):
            raise Invalid("The reference has no such column.", field=option, fix=names_of.nearest(wrong, known))
