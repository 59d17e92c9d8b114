"""A project file of several classes: what it must say, and what cannot be asked of more than two."""

import msgspec
import pytest

from podium.core import project_file, project_rules
from podium.core.errors import Invalid
from podium.core.signature import Signature, Task

RIGHT = """\
project = "flights"
train = "fate:fit"

[model]
name = "fate"
purpose = "What becomes of a flight."
owner = "Operations"
decision = "Plan the gates."
risk_tier = "low"
kpi = "Cost per flight"
task = "multiclass"
classes = ["on time", "late", "cancelled"]

[data]
source = "flights.parquet"
key = "flight_id"
time = "scheduled_at"
target = "fate"

[features]
numeric = ["distance"]
categorical = ["carrier"]

[metrics]
primary = "log_loss"
report = ["accuracy", "macro_f1", "log_loss"]

[monitor]
estimated_drop = 0.1

[release]
endpoint = "fate"
"""


def refusal(old: str, new: str) -> str:
    assert old in RIGHT
    with pytest.raises(Invalid) as caught:
        project_file.parse(RIGHT.replace(old, new))
    return str(caught.value)


def test_a_file_of_several_classes_is_read() -> None:
    found = project_file.parse(RIGHT)
    assert found.model.task is Task.MULTICLASS
    assert found.model.classes == ("on time", "late", "cancelled")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('classes = ["on time", "late", "cancelled"]\n', "", "has 3 to 100 classes"),
        ('"on time", "late", "cancelled"', '"on time", "late"', 'of two classes, task = "binary"'),
        ('"on time", "late", "cancelled"', '"late", "late", "cancelled"', "listed twice"),
        ('"on time", "late", "cancelled"', '"", "late", "cancelled"', "1 to 64 printable characters"),
        ('"on time", "late", "cancelled"', '" on time", "late", "cancelled"', "no space around it"),
        ('task = "multiclass"\n', "", 'Write task = "multiclass"'),
        ('report = ["accuracy", "macro_f1", "log_loss"]\n', "", "needs its own report"),
        ('"macro_f1"', '"auc"', "no such metric for a multiclass model"),
        ("[monitor]", "[costs]\nfalse_negative = 4.0\n[monitor]", "Leave [costs] out"),
        ("[monitor]", "[review]\nlow = 0.3\nhigh = 0.5\n[monitor]", "Leave [review] out"),
        ("[monitor]", '[baseline]\nfeature = "distance"\nat_least = 5.0\n[monitor]', "Leave [baseline] out"),
        ("estimated_drop = 0.1", 'fairness = ["calibration"]\ngroups = ["carrier"]', "Fairness is measured of binary"),
        ("estimated_drop = 0.1", "contribution_moved = 0.1", "not told of several classes"),
        ('numeric = ["distance"]', 'numeric = ["distance", "class"]', "a name that monitoring needs"),
        ('numeric = ["distance"]', 'numeric = ["p.late"]', "a name that monitoring needs"),
        (
            "[release]",
            '[[release.guardrails]]\nmetric = "accuracy"\nmargin = 0.1\n[release]',
            "No guardrail can watch this",
        ),
    ],
)
def test_what_cannot_hold_of_several_classes_is_refused(old: str, new: str, said: str) -> None:
    assert said in refusal(old, new)


def test_a_part_that_is_not_for_several_classes_is_told_once() -> None:
    said = refusal("[monitor]", "[costs]\nfalse_negative = 4.0\n[review]\ncost = 0.5\n[monitor]")
    assert said.count("Leave [review] out") == 1
    assert "Write a [costs] part" not in said


def test_a_model_of_two_classes_keeps_its_bytes() -> None:
    """The field of the classes is not there where there are none: digests of older bundles stay what they are."""
    made = Signature(features=(), task=Task.BINARY, key="id", target="y")
    assert b"classes" not in msgspec.json.encode(made)
    assert made.labels == ()


def test_names_of_features_are_free_where_there_are_no_classes() -> None:
    text = RIGHT.replace('classes = ["on time", "late", "cancelled"]\n', "").replace("multiclass", "binary")
    text = text.replace('"accuracy", "macro_f1", "log_loss"', '"log_loss"').replace('["distance"]', '["class", "p.x"]')
    assert project_file.parse(text).features.numeric == ("class", "p.x")
    assert "macro_f1" not in project_rules.BINARY_METRICS
