"""The project file's reader: what it takes, and what it says about every way of getting it wrong."""

import pytest

from podium.core import class_rules, project, project_file, project_rules, toml_lines
from podium.core.errors import Invalid
from podium.core.signature import Task

RIGHT = """\
project = "flights"
train = "flight_delay:fit"
seed = 7

[model]
name = "flight-delay"
purpose = "Probability of a late arrival."
owner = "Operations"
decision = "Warn the passengers."
risk_tier = "medium"
kpi = "Cost per flight"

[data]
source = "flights.parquet"
key = "flight_id"
time = "scheduled_at"
target = "late"

[features]
numeric = ["distance", "temperature"]
integer = ["hour"]
categorical = [
    "carrier",  # a comment with ] in it
    "origin",
]

[params]
trees = 200
rate = 0.1
fast = true

[split]
key = "day"

[costs]
false_positive = 1
false_negative = 4

[[gates]]
name = "ranks"
expression = "metrics.test.auc.value > 0.7"

[[gates]]
name = "exact"
expression = \"\"\"
parity.max_abs_error <= 0.000001
\"\"\"

[release]
endpoint = "flight-delay"
shadow = { min_duration = "3d" }

[release.canary]
weight = 0.1

[[triggers]]
on = "schedule"
cron = "0 6 1 * *"
"""


def refusal(old: str, new: str) -> str:
    assert old in RIGHT
    with pytest.raises(Invalid) as caught:
        project_file.parse(RIGHT.replace(old, new, 1))
    assert caught.value.field == "podium.toml"
    return str(caught.value)


def test_a_right_file_is_read_with_its_defaults() -> None:
    spec = project_file.parse(RIGHT)
    assert spec.features.names() == ("distance", "temperature", "hour", "carrier", "origin")
    assert spec.costs == project.CostsPart(false_positive=1.0, false_negative=4.0)
    assert spec.release.shadow == project.ShadowPart(min_duration="3d")
    assert spec.release.canary.weight == 0.1
    assert spec.split == project.SplitPart(key="day")
    assert spec.params == {"trees": 200, "rate": 0.1, "fast": True}
    assert spec.triggers[0].cool_down == "14d"
    assert spec.model.task is Task.BINARY
    assert spec.approvals.required == ("validator", "owner")


def test_the_digest_is_of_what_is_said_not_of_how() -> None:
    spaced = RIGHT.replace("seed = 7", "# chosen by dice\nseed    =   7").replace("1\nfalse_n", "1.0\nfalse_n")
    assert project_file.digest_of(project_file.parse(RIGHT)) == project_file.digest_of(project_file.parse(spaced))
    changed = project_file.parse(RIGHT.replace("seed = 7", "seed = 8"))
    assert project_file.digest_of(project_file.parse(RIGHT)) != project_file.digest_of(changed)


def test_the_template_is_a_right_file_and_its_module_is_python() -> None:
    spec = project_file.parse(project_file.template("churn"))
    assert (spec.project, spec.model.name, spec.release.endpoint) == ("churn", "churn", "churn")
    compile(project_file.template_module(), "train.py", "exec")
    with pytest.raises(Invalid, match="lower-case"):
        project_file.template("No Name")


def test_a_template_uses_every_part() -> None:
    text = project_file.template("churn")
    for part in project.Project.__struct_fields__:
        assert f"[{part}]" in text or f"\n{part} = " in text or f"[[{part}]]" in text


BROKEN = [
    # old, new, line, words
    ("seed = 7", "seeds = 7", 3, "'seeds' is not known in the file's top. Did you mean 'seed'?"),
    ("numeric = [", "numerics = [", 20, "Did you mean 'numeric'?"),
    ("[split]", "[spilt]", 32, "Did you mean 'split'?"),
    ('key = "day"', 'kye = "day"', 33, "'kye' is not known in [split]. Did you mean 'key'?"),
    ("cron = ", "corn = ", 58, "'corn' is not known in [[triggers]]. Did you mean 'cron'?"),
    ("weight = 0.1", "wieght = 0.1", 54, "'wieght' is not known in [release.canary]. Did you mean 'weight'?"),
    ("shadow = { min_duration", "shadow = { min_durations", 51, "Did you mean 'min_duration'?"),
    ("seed = 7", 'seed = "7"', 3, "seed must be a whole number, not text."),
    ("seed = 7", "seed = 7.5", 3, "seed must be a whole number, not a number with a point."),
    ("seed = 7", "seed = true", 3, "seed must be a whole number, not true or false."),
    ("seed = 7", "seed = -1", 3, "seed is between 0 and 4294967295."),
    ("seed = 7", f"seed = {2**70}", 3, "seed does not fit in 64 bits."),
    ("rate = 0.1", "rate = nan", 29, "params.rate must be a finite number."),
    ("rate = 0.1", "rate = 2013-01-01", 29, "not a date or time; put it in quotes."),
    ("rate = 0.1", "rate = [0.1]", 29, "params.rate must be true or false, a number or text in quotes, not a list."),
    ("rate = 0.1", '"a b" = 0.1', 29, "A name here has 1 to 64"),
    ('owner = "Operations"\n', "", 5, "[model] lacks 'owner'. Add owner = … (text in quotes)."),
    ('train = "flight_delay:fit"\n', "", 1, "The file's top lacks 'train'."),
    ('"medium"', '"middling"', 10, 'model.risk_tier must be "low" or "medium" or "high", not text.'),
    ('kpi = "Cost', 'task = "binari"\nkpi = "Cost', 11, "Did you mean 'binary'?"),
    ('"Operations"', '"Opera\\u0000tions"', 8, "model.owner holds a control character."),
    ('"Operations"', '" "', 8, "owner is empty."),
    ('"flight-delay"\npurpose', '"Flight Delay"\npurpose', 6, "A name has 1 to 64 lower-case letters"),
    ('endpoint = "flight-delay"', 'endpoint = "../x"', 50, "A name has 1 to 64 lower-case letters"),
    ('"flight_delay:fit"', '"flight_delay.fit"', 2, "train names a function as module:function."),
    ('"flight_delay:fit"', '"os:system(1)"', 2, "train names a function as module:function."),
    ("[features]", '[[features]]', 19, "features is a table, not a list."),
    ('numeric = ["distance", "temperature"]', 'numeric = "distance"', 20, "features.numeric is a list in brackets"),
    ('"distance", "temp', '3, "temp', 20, "features.numeric must be text in quotes, not a whole number."),
    ('"distance", "temp', '"late", "temp', 20, "The target column 'late' cannot be a feature."),
    ('"distance", "temp', '"flight_id", "temp', 20, "The key column 'flight_id' cannot be a feature."),
    ('integer = ["hour"]', 'integer = ["distance"]', 21, "The column 'distance' is listed twice."),
    ('target = "late"', 'target = "flight_id"', 17, "The target is the same column as the key."),
    ('key = "day"', "test = 0", 33, "test is a share between 0 and 1."),
    ('key = "day"', "test = 0.5\nvalidation = 0.45", 32, "Too little is left to train on"),
    ('key = "day"', 'by = "time"\nkey = "day"', 34, "A split by time has no key."),
    ('key = "day"', 'by = "tme"', 33, "Did you mean 'time'?"),
    ("false_negative = 4", "false_negative = 0", 37, "false_negative must cost more than true_positive"),
    ("false_negative = 4", "true_negative = 1.5", 36, "false_positive must cost more than true_negative"),
    ('name = "exact"', 'name = "ranks"', 44, "Two gates have the same name."),
    ('name = "exact"', 'name = "Exact!"', 44, "A name has 1 to 64"),
    ('"metrics.test.auc.value > 0.7"', '" "', 41, "An expression has 1 to 2000 characters."),
    ('"metrics.test.auc.value > 0.7"', "true", 41, "gates.expression must be text in quotes, not true or false."),
    ('"3d"', '"3 days"', 51, "This is not a duration. Write a number and s, m, h, d or w"),
    ('"3d"', '"30d"', 51, "max_duration is shorter than min_duration."),
    ("weight = 0.1", "weight = 1.0", 54, "weight is a share between 0 and 1."),
    ("weight = 0.1", 'min_duration = "soon"', 54, "This is not a duration."),
    ('"0 6 1 * *"', '"0 6 1 *"', 58, "This is not a cron line."),
    ('"0 6 1 * *"', '"0 6 31 2 *"', 58, "This is not a cron line."),
    ('"0 6 1 * *"', '"99 6 1 * *"', 58, "This is not a cron line."),
    ('cron = "0 6 1 * *"', 'cool_down = "1y"', 56, "A trigger by schedule needs cron."),
    ('on = "schedule"', 'on = "new_data"', 58, 'cron belongs to a trigger on = "schedule".'),
    ('on = "schedule"\ncron = "0 6 1 * *"', 'on = "new_data"', 56, "needs rows, at least 1."),
    ('on = "schedule"\ncron = "0 6 1 * *"', 'on = "alert"\nkinds = ["preformance"]', 58, "Did you mean 'performance'?"),
    ('on = "schedule"', 'on = "monday"', 57, 'triggers.on must be "alert" or "schedule" or "new_data"'),
    ("[[triggers]]", "[triggers]", 56, "triggers is [[triggers]] tables, not a table."),
    ("[params]", '[metrics]\nprimary = "aux"\n[params]', 28, "no such metric for a binary model. Did you mean 'auc'?"),
    ("[params]", "[metrics]\nconfidence = 95\n[params]", 28, "confidence is at least 0.5 and below 1."),
    ("[params]", '[metrics]\nslices = ["a", "a"]\n[params]', 28, "A slice column is listed twice."),
    ("[params]", "[monitor]\ndrift_psi = -1\n[params]", 28, "drift_psi is at least 0."),
    ("[params]", '[monitor]\nwindow = "0d"\n[params]', 28, "window is longer than nothing."),
    ("[params]", '[approvals]\nrequired = ["owner", "owner"]\n[params]', 28, "A role is listed twice."),
    ("[params]", '[approvals]\nrequired = ["boss"]\n[params]', 28, 'must be "validator" or "owner"'),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "words"), BROKEN, ids=[new[:40] for _, new, _, _ in BROKEN])
def test_a_broken_file_says_where_and_what_to_write(old: str, new: str, line: int, words: str) -> None:
    said = refusal(old, new)
    assert f"line {line}: " in said
    assert words in said


def test_every_problem_is_listed_in_the_order_of_the_file() -> None:
    text = RIGHT.replace("seed = 7", "seed = -7").replace("weight = 0.1", "weight = 2").replace('"medium"', '"high!"')
    with pytest.raises(Invalid) as caught:
        project_file.parse(text, "other.toml")
    said = str(caught.value)
    assert said.startswith("other.toml: 3 things to correct.")
    assert said.index("line 3:") < said.index("line 10:") < said.index("line 54:")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("seed = ", "the end of the file"),
        ("seed = 7\nseed = 8\n", "line 2"),
        ("[model\n", "line 1"),
        ('a = "x', "the end of the file"),
        ("a = 1979-99-99", "line 1"),
    ],
)
def test_text_that_is_not_toml_says_from_where(text: str, line: str) -> None:
    with pytest.raises(Invalid, match="This is not TOML") as caught:
        project_file.parse(text)
    assert line in str(caught.value)


def test_an_empty_file_says_all_that_is_lacking() -> None:
    with pytest.raises(Invalid) as caught:
        project_file.parse("")
    for part in ("project", "train", "model", "data", "features", "release"):
        assert f"lacks '{part}'" in str(caught.value)


def test_a_hostile_file_is_refused_without_an_echo() -> None:
    for text in ("a = " + "[" * 100_000, "x" * 300_000, '"\\u202e<script>" = 1'):
        with pytest.raises(Invalid) as caught:
            project_file.parse(text)
        assert "<script>" not in str(caught.value)


def test_a_regression_names_its_own_metrics_and_has_no_costs() -> None:
    said = refusal('kpi = "Cost', 'task = "regression"\nkpi = "Cost')
    assert 'primary = "rmse"' in said
    assert "Costs are of decisions" in said
    text = RIGHT.replace('kpi = "Cost', 'task = "regression"\nkpi = "Cost')
    text = text.replace("[costs]\nfalse_positive = 1\nfalse_negative = 4", '[metrics]\nprimary="rmse"\nreport=["mae"]')
    assert project_file.parse(text).model.task is Task.REGRESSION


def test_no_features_at_all_is_a_problem() -> None:
    assert "There are no features." in refusal('[features]\nnumeric = ["distance", "temperature"]', "[features]\n[x]")


@pytest.mark.parametrize("part", ["cost = 0.5", "low = 0.3\nhigh = 0.5"])
def test_a_band_for_people_is_given_by_cost_or_by_its_ends(part: str) -> None:
    found = project_file.parse(f"{RIGHT}\n[review]\n{part}\n").review
    assert found is not None
    assert (found.cost, found.low, found.high) == ((0.5, None, None) if "cost" in part else (None, 0.3, 0.5))
    assert project_file.parse(RIGHT).review is None


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("", "by cost, or by low and high"),
        ("low = 0.3", "by cost, or by low and high"),
        ("low = 0.3\nhigh = 0.4\ncost = 1", "by cost, or by low and high"),
        ("cost = 0.0", "costs something"),
        ("low = 0.5\nhigh = 0.3", "low lies below high"),
        ("low = -0.1\nhigh = 0.3", "low lies below high"),
    ],
)
def test_a_wrong_band_says_what_is_wrong(part: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        project_file.parse(f"{RIGHT}\n[review]\n{part}\n")


def test_a_review_needs_costs() -> None:
    text = RIGHT.replace("[costs]\nfalse_positive = 1\nfalse_negative = 4", "[review]\ncost = 0.5")
    with pytest.raises(Invalid, match=r"\[costs\] part"):
        project_file.parse(text)


def test_cost_per_row_needs_costs() -> None:
    text = RIGHT.replace("[costs]\nfalse_positive = 1\nfalse_negative = 4", '[metrics]\nprimary = "cost_per_row"')
    with pytest.raises(Invalid, match="needs costs"):
        project_file.parse(text)


def test_lines_follow_strings_comments_and_arrays_of_tables() -> None:
    found = toml_lines.lines(
        'a = "#["\n\n[b.c] # x = 1\nd.e = """\n[z]\n"""\n[[f]]\n"g h" = 1\n[[f]]\n[f.i]\nj = {k = 1}\n'
    )
    assert found == {
        ("a",): 1, ("b", "c"): 3, ("b", "c", "d", "e"): 4, ("f",): 7, ("f", 0): 7, ("f", 0, "g h"): 8, ("f", 1): 9,
        ("f", 1, "i"): 10, ("f", 1, "i", "j"): 11,
    }  # fmt: skip
    assert toml_lines.line_of(found, ("f", 1, "i", "j", "k")) == 11
    assert toml_lines.line_of(found, ("nowhere",)) == 1


def test_the_metrics_that_may_be_named_are_those_that_are_measured() -> None:
    from podium.measures.performance import by_name  # noqa: PLC0415
    from podium.measures.performance.multiclass import named  # noqa: PLC0415

    known = {*project_rules.BINARY_METRICS, *project_rules.REGRESSION_METRICS}
    assert known == set(by_name.MEASURES)
    assert set(class_rules.METRICS) == set(named.MEASURES)
