"""`podium check` as a person or a CI job runs it: exit codes, one screen, JSON, a page in a real browser, odd data."""

import json
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest

from tests import browser

PODIUM = Path(sys.executable).with_name("podium")
WIDTH, HEIGHT = 80, 24
ROWS = 4_000


def run(folder: Path, *arguments: str, code: int) -> str:
    """What the command prints on a terminal of 80 by 24; fails when it ends otherwise than expected."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")}
    done = subprocess.run(
        [PODIUM, "check", *arguments],
        cwd=folder,
        env={**kept, "COLUMNS": str(WIDTH), "LINES": str(HEIGHT), "FORCE_COLOR": "1", "TERM": "xterm"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", done.stdout if code != 2 else done.stderr)


def on_terminal(folder: Path, *arguments: str) -> list[str]:
    """The lines that a person sees on a real terminal of 80 by 24."""
    mine, its = pty.openpty()
    termios.tcsetwinsize(its, (HEIGHT, WIDTH))
    process = subprocess.Popen([PODIUM, "check", *arguments], cwd=folder, stdout=its, stderr=subprocess.DEVNULL)
    os.close(its)
    said = b""
    while True:
        try:
            piece = os.read(mine, 65_536)
        except OSError:  # the other end is closed
            break
        said += piece
    os.close(mine)
    process.wait(timeout=60)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.decode()).replace("\r", "").rstrip("\n").split("\n")


def ask(folder: Path, *arguments: str, code: int) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run(folder, *arguments, "--json", code=code))
    return answer


def column(answer: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in answer["columns"] if each["column"] == name)


def alarming(answer: dict[str, Any]) -> dict[str, set[str]]:
    """The measures that alarm, by column."""
    found: dict[str, set[str]] = {}
    for each in answer["columns"]:
        for finding, state in zip(each["findings"], each["states"], strict=True):
            if state == "alarm":
                found.setdefault(each["column"], set()).add(finding["measure"])
    return found


def table(seed: int, rows: int = ROWS) -> dict[str, Any]:
    random = numpy.random.default_rng(seed)
    return {
        "id": [f"row {seed} {number}" for number in range(rows)],
        "amount": random.lognormal(3.0, 1.0, rows),
        "age": random.integers(18, 90, rows),
        "height": random.normal(170.0, 10.0, rows),
        "kind": random.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1]),
        "level": [f"level {number}" for number in random.integers(0, 200, rows)],
        "member": random.random(rows) < 0.4,
        "empty": pyarrow.nulls(rows, pyarrow.float64()),
        "constant": numpy.full(rows, 7.0),
        "at": pyarrow.array(1_700_000_000_000_000 + random.integers(0, 10**12, rows), pyarrow.timestamp("us")),
        **{f"more {number:02}": random.normal(size=rows) for number in range(20)},
    }


def write(folder: Path, name: str, columns: dict[str, Any]) -> None:
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / name, row_group_size=1_500)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A reference, the same kind of data, and data in which five things went wrong."""
    write(tmp_path, "reference.parquet", table(1))
    write(tmp_path, "same.parquet", table(2))
    wrong = table(3)
    random = numpy.random.default_rng(4)
    wrong["amount"] = wrong["amount"] * 1000.0
    wrong["height"] = pyarrow.array(wrong["height"], mask=random.random(ROWS) < 0.2)
    wrong["kind"] = random.choice(["a", "b", "z"], ROWS, p=[0.5, 0.3, 0.2])
    wrong["age"] = [str(each) for each in wrong["age"]]
    del wrong["member"]
    write(tmp_path, "wrong.parquet", wrong)
    return tmp_path


def test_data_that_did_not_move_raises_nothing(folder: Path) -> None:
    printed = run(folder, "reference.parquet", "same.parquet", code=0)
    assert "No alarm in 30 columns" in printed
    answer = ask(folder, "reference.parquet", "same.parquet", "--key", "id", "--time", "at", code=0)
    assert answer["state"] == "ok"
    assert alarming(answer) == {}
    assert column(answer, "empty")["state"] == "not-enough-data"
    assert column(answer, "constant")["state"] == "ok"


def test_what_went_wrong_is_found_and_said_on_one_screen_the_worst_first(folder: Path) -> None:
    lines = on_terminal(folder, "reference.parquet", "wrong.parquet")
    assert len(lines) < HEIGHT
    assert max(len(line.rstrip()) for line in lines) <= WIDTH
    assert "5 of 30 columns with an alarm" in "".join(lines)
    marks = [line.split()[0] for line in lines if line.split()[:1] in (["✗"], ["✓"], ["?"])][1:]
    assert marks == sorted(marks, key="✗✓?".index)
    assert "another unit? a thousand times larger" in run(folder, "reference.parquet", "wrong.parquet", "--all", code=1)
    answer = ask(folder, "reference.parquet", "wrong.parquet", code=1)
    assert alarming(answer) == {
        "amount": {"drift", "out-of-range"},
        "height": {"missing"},
        "kind": {"drift", "new-categories"},
        "age": {"type"},
        "member": {"absent"},
    }
    assert column(answer, "kind")["note"].startswith("gone: c")


def test_a_stored_reference_answers_as_the_file_does(folder: Path) -> None:
    run(folder, "reference.parquet", "--save-reference", "stored.json", code=0)
    by_file = ask(folder, "reference.parquet", "wrong.parquet", code=1)
    stored = ask(folder, "stored.json", "wrong.parquet", code=1)
    assert stored["columns"] == by_file["columns"]


def test_csv_a_folder_and_a_pattern_are_the_same_table(folder: Path) -> None:
    pieces = folder / "pieces"
    pieces.mkdir()
    whole = pyarrow.parquet.read_table(folder / "wrong.parquet").drop_columns(["empty", "at"])
    pyarrow.csv.write_csv(whole, folder / "wrong.csv")
    for number, start in enumerate(range(0, ROWS, 1_000)):
        pyarrow.parquet.write_table(whole.slice(start, 1_000), pieces / f"{number}.parquet")
    options = ("--ignore", "empty,at,age,id")
    one = ask(folder, "reference.parquet", "wrong.parquet", *options, code=1)
    for other in ("wrong.csv", "pieces", "pieces/*.parquet"):
        answer = ask(folder, "reference.parquet", other, *options, code=1)
        assert alarming(answer) == alarming(one)
        assert column(answer, "amount")["measures"]["ks"] == column(one, "amount")["measures"]["ks"]


def test_a_type_that_changes_in_the_middle_of_a_csv_file_is_widened(tmp_path: Path) -> None:
    numbers = [str(number) for number in range(1_200_000)]
    (tmp_path / "whole.csv").write_text("x,y\n" + "\n".join(f"{each},1" for each in numbers) + "\n")
    (tmp_path / "mixed.csv").write_text("x,y\n" + "\n".join(f"{each},1" for each in [*numbers[:-1], "0.5"]) + "\n")
    answer = ask(tmp_path, "whole.csv", "mixed.csv", code=0)
    assert answer["rows_now"] == 1_200_000
    assert column(answer, "x")["measures"]["ks"] < 1e-5


def test_keys_and_age_alarm_when_asked(folder: Path) -> None:
    twice = table(2)
    twice["id"] = [twice["id"][number % 3_000] for number in range(ROWS)]
    write(folder, "twice.parquet", twice)
    answer = ask(folder, "reference.parquet", "twice.parquet", "--key", "id", code=1)
    assert answer["whole"][0]["measure"] == "duplicate-keys"
    assert answer["whole"][0]["effect"] == 0.25
    answer = ask(folder, "reference.parquet", "same.parquet", "--time", "at", "--max-age", "2d", code=1)
    assert answer["whole"][0]["measure"] == "age"


def test_features_that_differ_between_training_and_serving_are_named(folder: Path) -> None:
    served = table(1)
    order = numpy.random.default_rng(6).permutation(ROWS)[:1_000]
    served = {name: pyarrow.array(values).take(pyarrow.array(order)) for name, values in served.items()}
    write(folder, "served.parquet", served)
    answer = ask(folder, "reference.parquet", "served.parquet", "--key", "id", "--skew", code=0)
    assert answer["whole"][0]["said"] == "the 1,000 rows that are on both sides have the same values"
    height = numpy.array(served["height"].to_pylist())
    height[:30] += 0.001  # no drift that any distribution shows
    served["height"] = pyarrow.array(height, mask=numpy.arange(1_000) >= 995)
    served["kind"] = pyarrow.array(["a"] * 2 + served["kind"].to_pylist()[2:])
    write(folder, "served.parquet", served)
    assert alarming(ask(folder, "reference.parquet", "served.parquet", code=0)) == {}
    answer = ask(folder, "reference.parquet", "served.parquet", "--key", "id", "--skew", code=1)
    said = [each["said"] for each in answer["whole"] if each["measure"] == "serving-skew"]
    assert said[0].startswith("height: 35 of 1,000 same rows differ (3.50%)")
    assert said[0].endswith("; 5 lost")
    changed = sum(each != "a" for each in pyarrow.array(table(1)["kind"]).take(pyarrow.array(order[:2])).to_pylist())
    assert len(said) == 1 + (changed > 0)


def scored(seed: int, rows: int = 6_000, *, wrong: bool = False) -> dict[str, Any]:
    """Probabilities that are right, or (`wrong`) upside down for one kind; a tenth of the outcomes is not known yet."""
    random = numpy.random.default_rng(seed)
    logit, kind = random.normal(size=rows), random.choice(["a", "b", "c"], rows)
    chance = 1 / (1 + numpy.exp(numpy.where((kind == "c") & wrong, logit, -logit)))
    happened = (random.random(rows) < chance).astype(numpy.int64)
    return {
        "logit": logit,
        "kind": kind,
        "sex": random.choice(["f", "m"], rows),
        "rare": numpy.where(numpy.arange(rows) < 40, "few", "many"),
        "score": 1 / (1 + numpy.exp(-logit)),
        "happened": pyarrow.array(happened, mask=random.random(rows) < 0.1),
        "cost": 3 * logit + random.normal(size=rows) * (3 if wrong else 1),
        "guess": 3 * logit,
        "said": numpy.where(random.random(rows) < (0.5 if wrong else 0.8), kind, "a"),
    }


@pytest.fixture
def outcomes(tmp_path: Path) -> Path:
    for name, seed, wrong in (("before", 1, False), ("alike", 2, False), ("worse", 3, True)):
        write(tmp_path, f"{name}.parquet", scored(seed, wrong=wrong))
    return tmp_path


PROBABILITY = ("--target", "happened", "--prediction", "score", "--columns", "logit,kind,sex,rare")


def test_performance_that_fell_is_told_with_where_and_for_whom(outcomes: Path) -> None:
    more = (*PROBABILITY, "--groups", "kind,sex,rare")
    quiet = ask(outcomes, "before.parquet", "alike.parquet", *more, code=0)
    assert quiet["performance"]["task"] == "binary"
    assert quiet["performance"]["rows"] + quiet["performance"]["unknown"] == 6_000
    wider = [each for each in quiet["performance"]["gaps"] if each["difference"] and each["difference"]["low"] > 0]
    assert wider == []
    assert {each["difference"] for each in quiet["performance"]["gaps"] if each["column"] == "rare"} == {None}
    found = ask(outcomes, "before.parquet", "worse.parquet", *more, code=1)
    alarms = [each["measure"] for each, at in zip(found["whole"], found["whole_states"], strict=True) if at == "alarm"]
    assert alarms == ["performance", "performance"]
    assert alarming(found) == {}
    assert found["performance"]["segments"][0]["said"] == "kind = c"
    assert found["performance"]["features"][0]["column"] == "kind"
    gaps = {(each["measure"], each["column"]): each["difference"]["low"] for each in found["performance"]["gaps"][:4]}
    assert gaps["equal_opportunity", "kind"] > 0.2
    said = run(outcomes, "before.parquet", "worse.parquet", *more, "--html", "report.html", code=1)
    assert re.search(r"✗ AUC 0\.7\d+ → 0\.5\d+ \(0\.5", said)
    assert "worst where kind = c: log loss" in said
    assert "equal opportunity by kind" in said
    page = (outcomes / "report.html").read_text(encoding="utf-8")
    assert "Where it does worst now" in page
    assert "groups under 100 rows do not count" in page


def test_every_figure_is_there_for_every_slice_and_small_ones_are_greyed(outcomes: Path) -> None:
    more = (*PROBABILITY, "--slices", "kind,rare,logit")
    parts = ask(outcomes, "before.parquet", "worse.parquet", *more, code=1)["performance"]["parts"]
    by = {each["said"]: each for each in parts}
    assert len(by) == 3 + 2 + 4
    assert by["kind = c"]["figures"]["auc"]["high"] < 0.4 < 0.6 < by["kind = a"]["figures"]["auc"]["low"]
    assert by["kind = a"]["figures"].keys() >= {"average_precision", "log_loss", "brier", "ece", "accuracy", "f1"}
    assert [said for said, each in by.items() if each["greyed"]] == ["rare = few"]
    assert "where kind = c (" in run(outcomes, "before.parquet", "worse.parquet", *more, "--html", "s.html", code=1)
    assert '<tr class="soft"><td class="word name">rare = few' in (outcomes / "s.html").read_text(encoding="utf-8")


def test_a_stored_reference_knows_how_good_predictions_were(outcomes: Path) -> None:
    ask(outcomes, "before.parquet", "--save-reference", "before.json", *PROBABILITY, code=0)
    fresh = ask(outcomes, "before.parquet", "worse.parquet", *PROBABILITY, code=1)
    stored = ask(outcomes, "before.json", "worse.parquet", *PROBABILITY, code=1)
    assert stored["performance"] == fresh["performance"]


@pytest.mark.parametrize(
    ("target", "prediction", "task", "figure"),
    [("cost", "guess", "regression", "MAE"), ("kind", "said", "classes", "accuracy")],
)
def test_numbers_and_classes_have_their_own_figures(
    outcomes: Path, target: str, prediction: str, task: str, figure: str
) -> None:
    more = ("--target", target, "--prediction", prediction, "--columns", "logit,sex")
    assert ask(outcomes, "before.parquet", "alike.parquet", *more, code=0)["performance"]["task"] == task
    assert f"✗ {figure} " in run(outcomes, "before.parquet", "worse.parquet", *more, code=1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--target", "kind", "--prediction", "score"), "both be numbers or both be text"),
        (("--groups", "sex"), "compared by outcomes"),
        (("--slices", "sex"), "compared by outcomes"),
        ((*PROBABILITY, "--slices", "nothing"), "no such column"),
        ((*PROBABILITY, "--groups", "nothing"), "no such column"),
    ],
)
def test_what_performance_needs_is_said(outcomes: Path, more: tuple[str, ...], said: str) -> None:
    assert said in " ".join(run(outcomes, "before.parquet", "worse.parquet", *more, code=2).split())


def test_a_few_rows_are_not_enough_for_rows_as_wholes_either(tmp_path: Path) -> None:
    """Fifty rows that moved far: nothing is said of columns, and nothing of how they move together."""
    random = numpy.random.default_rng(3)
    for name, rows, moved in (("before", 2_000, 0.0), ("few", 50, 3.0), ("enough", 150, 3.0)):
        write(tmp_path, f"{name}.parquet", {each: random.normal(size=rows) + moved for each in "abc"})
    assert "Not enough data" in run(tmp_path, "before.parquet", "few.parquet", code=0)
    assert "telling rows of both apart" in run(tmp_path, "before.parquet", "enough.parquet", code=1)


def test_a_feature_that_matters_less_is_named(tmp_path: Path) -> None:
    """Contributions change size, not place: their distributions stay centred."""
    random = numpy.random.default_rng(1)
    for name, sizes in (("before", (3.0, 1.0, 0.5)), ("alike", (3.0, 1.0, 0.5)), ("now", (1.0, 1.0, 0.5))):
        columns = dict(zip("abc", sizes, strict=True))
        write(tmp_path, f"{name}.parquet", {each: size * random.normal(size=2_000) for each, size in columns.items()})
    assert ask(tmp_path, "before.parquet", "alike.parquet", "--explanations", code=0)["whole"][0]["effect"] < 0.03
    said = run(tmp_path, "before.parquet", "now.parquet", "--explanations", code=1)
    assert "✗ a matters less for the scores: 67% → 40%" in said
    ask(tmp_path, "before.parquet", "--save-reference", "before.json", code=0)
    assert "in two tables" in run(tmp_path, "before.json", "now.parquet", "--explanations", code=2)


def test_few_rows_are_not_enough(folder: Path) -> None:
    write(folder, "few.parquet", table(5, rows=50))
    assert "Not enough data" in run(folder, "reference.parquet", "few.parquet", "--ignore", "id,at", code=0)


def test_a_feed_that_stopped_is_an_alarm(folder: Path) -> None:
    write(folder, "none.parquet", {name: values[:0] for name, values in table(5, rows=10).items()})
    said = run(folder, "reference.parquet", "none.parquet", code=1)
    assert "✗ there are no rows" in said
    assert "there are no rows" in run(folder, "reference.parquet", "none.parquet", "--json", code=1)


def test_instants_and_lists_that_go_missing_are_told(folder: Path) -> None:
    before = table(1) | {"tags": [["a"]] * ROWS}
    now = table(2) | {"tags": [["a"] if row % 2 else None for row in range(ROWS)]}
    now["at"] = pyarrow.nulls(ROWS, pyarrow.timestamp("us"))
    write(folder, "before.parquet", before)
    write(folder, "now.parquet", now)
    assert alarming(ask(folder, "before.parquet", "now.parquet", code=1)) == {"at": {"missing"}, "tags": {"missing"}}
    ask(folder, "before.parquet", "--save-reference", "lists.json", code=0)
    assert "missing 0% → 50%" in run(folder, "lists.json", "now.parquet", code=1)
    quiet = ask(folder, "lists.json", "before.parquet", code=0)
    assert column(quiet, "tags")["note"].startswith("only nulls are compared: list")
    assert column(quiet, "at")["note"].startswith("newest 2023-11-")


def test_every_kind_of_column_is_read(tmp_path: Path) -> None:
    random = numpy.random.default_rng(1)
    words = pyarrow.array(random.choice(["a", "b"], 500))
    columns = {
        "view": words.cast(pyarrow.string_view()),
        "large": words.cast(pyarrow.large_string()),
        "dictionary": words.dictionary_encode(),
        "numbers as words": pyarrow.array(random.integers(0, 3, 500)).dictionary_encode(),
        "half": pyarrow.array(random.normal(size=500).astype(numpy.float16)),
        "huge": pyarrow.array(random.integers(2**63, 2**64 - 1, 500, dtype=numpy.uint64)),
        "decimal": pyarrow.array(random.integers(0, 99, 500)).cast(pyarrow.decimal128(30, 2)),
        "span": pyarrow.array(random.integers(0, 99, 500), pyarrow.duration("s")),
        "of day": pyarrow.array(random.integers(0, 99, 500), pyarrow.time64("us")),
        "date": pyarrow.array(random.integers(0, 99, 500).astype(numpy.int32)).cast(pyarrow.date32()),
        "bytes": pyarrow.array([b"x"] * 500),
        "structure": [{"a": 1}] * 500,
        "with.dot": random.normal(size=500),
        "": random.normal(size=500),
    }
    write(tmp_path, "a.parquet", columns)
    write(tmp_path, "b.parquet", {name: pyarrow.nulls(500, pyarrow.array(each).type) for name, each in columns.items()})
    assert alarming(ask(tmp_path, "a.parquet", "a.parquet", code=0)) == {}
    assert alarming(ask(tmp_path, "a.parquet", "b.parquet", code=1)).keys() == columns.keys()
    assert alarming(ask(tmp_path, "b.parquet", "b.parquet", code=0)) == {}


def test_other_programs_marks_are_no_tables_and_semicolons_part_columns(folder: Path) -> None:
    for name in ("_log/0.parquet", ".part.parquet"):
        (folder / "days" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "days" / name).write_bytes(b"no table")
    write(folder, "days/1.parquet", table(2))
    assert alarming(ask(folder, "reference.parquet", "days", code=0)) == {}
    for name, mark in (("comma.csv", ","), ("semicolon.csv", ";"), ("bar.csv", "|")):
        (folder / name).write_text(f"x{mark}y\n" + "".join(f"{row}{mark}{row * 2}\n" for row in range(300)))
        assert {each["column"] for each in ask(folder, "comma.csv", name, code=0)["columns"]} == {"x", "y"}


def test_one_outlier_blinds_nothing_and_raises_nothing(folder: Path) -> None:
    outlier = table(2)
    outlier["height"][0] = 1e300
    outlier["amount"][0] = numpy.inf
    outlier["more 01"][0] = -1e9
    write(folder, "outlier.parquet", outlier)
    assert alarming(ask(folder, "reference.parquet", "outlier.parquet", code=0)) == {}
    assert alarming(ask(folder, "outlier.parquet", "reference.parquet", code=0)) == {}
    moved = dict(outlier)
    moved["height"] = outlier["height"] + 3.0
    write(folder, "moved.parquet", moved)
    assert alarming(ask(folder, "outlier.parquet", "moved.parquet", code=1)).keys() == {"height"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("no.parquet", "same.parquet"), "no such file"),
        (("reference.parquet", "broken.parquet"), "cannot be read as Parquet"),
        (("reference.parquet", "same.parquet", "--ignore", "nothing"), "no such column"),
        (("reference.parquet", "same.parquet", "--columns", "agee"), "Did you mean 'age'?"),
        (("reference.parquet",), "nothing to compare"),
        (("reference.parquet", "same.parquet", "--effect", "2"), "between 0 and 1"),
        (("notes.json", "same.parquet"), "not a stored reference"),
        (("reference.parquet", "same.parquet", "--skew"), "told by a key"),
        (("reference.parquet", "same.parquet", "--skew", "--key", "id"), "No row is on both sides"),
        (("reference.parquet", "same.parquet", "--skew", "--key", "age"), "A key comes twice"),
        (("reference.parquet", "notes.txt"), "neither a Parquet nor a CSV"),
        (("reference.parquet", "other.parquet"), "Not one column"),
        (("reference.parquet", "empty.csv"), "cannot be read as CSV"),
        (("reference.parquet", "latin.csv"), "not in UTF-8"),
        (("nothing.parquet", "same.parquet"), "has no rows"),
        (("reference.parquet", "same.parquet", "--key", "nothing"), "no such column"),
        (("other.parquet", "other.parquet", "--key", "list"), "is no key"),
        (("reference.parquet", "--save-reference", "no/where.json"), "cannot be written"),
        (("reference.parquet", "same.parquet", "--html", "no/where.html"), "cannot be written"),
    ],
)
def test_bad_input_is_exit_code_2_and_one_clear_message(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    (folder / "broken.parquet").write_bytes(b"PAR1 no")
    (folder / "notes.json").write_text("{}")
    (folder / "notes.txt").write_text("x")
    (folder / "empty.csv").write_text("")
    (folder / "latin.csv").write_bytes("größe,x\n1,ä\n".encode("latin-1"))
    write(folder, "nothing.parquet", {name: values[:0] for name, values in table(5, rows=10).items()})
    write(folder, "other.parquet", {"something": [1, 2, 3], "list": [[1], [2], [3]]})
    assert said in " ".join(run(folder, *arguments, code=2).split())


@pytest.mark.skipif(browser.installed() is None, reason="Chromium is not installed; .ci/run installs it")
def test_the_page_is_whole_in_a_browser(folder: Path) -> None:
    run(folder, "reference.parquet", "wrong.parquet", "--html", "report.html", code=1)
    with browser.tab(browser.installed() or "", folder / "profile") as tab:
        tab.open((folder / "report.html").as_uri())
        picture = tab.look(folder / "report.png")
        assert tab.errors == []
        assert tab.value("document.querySelectorAll('tbody tr').length") == 30
        assert tab.value("document.querySelector('h1').textContent").strip().endswith("alarms")
        assert tab.value("document.querySelectorAll('figure svg').length") > 10
        assert tab.value("document.querySelector('tbody td:nth-child(2)').firstChild.textContent") in {"age", "member"}
        assert tab.value("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert len(picture) > 50_000
