"""Parts of the engines without their processes: locks, specs, frames."""

import struct

import numpy
import pytest

from podium.bundle.engines.python import environment, guest
from podium.bundle.engines.worker import wire
from podium.core import engine, engine_file
from podium.core.errors import Invalid
from podium.core.signature import Field, FieldType, Signature, Task

SIGNATURE = Signature(
    features=(
        Field(name="amount", type=FieldType.NUMBER),
        Field(name="kind", type=FieldType.TEXT),
        Field(name="open", type=FieldType.BOOLEAN),
    ),
    task=Task.REGRESSION,
    key="id",
    target="y",
)


@pytest.mark.parametrize(
    "lock",
    [
        "",
        "# nothing\n",
        "numpy==2.4.6\n",
        "numpy==2.4.6 \\\n    --hash=sha256:" + "0" * 64 + " \\\n    --hash=sha256:" + "1" * 64 + "\n    # via me\n",
        "# from \\\nnumpy==2.4.6 # for what \\\nscipy==1.17.1\n",
        'uvloop[dev]==0.23.0 ; sys_platform != "win32"\n',
    ],
)
def test_pinned_packages_are_a_lock(lock: str) -> None:
    found = environment.pins(lock.encode())
    assert "".join(found).count("==") == lock.count("==")
    assert "".join(found).count("--hash") == lock.count("--hash")
    assert "#" not in "".join(found)


@pytest.mark.parametrize(
    "lock",
    [
        "numpy",
        "numpy>=2",
        "numpy==2.*",
        "numpy===2",
        "-e .",
        "-r other.txt",
        "--index-url https://evil.example/",
        "git+https://example.org/a.git",
        "numpy @ https://example.org/numpy.whl",
        "./numpy.whl",
        "numpy==2.4.6 --config-settings x=y",
        "# a comment \\\n--index-url https://evil.example/${TOKEN}/simple\nnumpy==2.4.6",
        "numpy==2.4.6 # a comment \\\n-r other.txt",
        "numpy==2.4.6 \\\n--hash=sha256:" + "0" * 64 + "--index-url=https://evil.example/",
        "numpy==2.4.6\r--index-url https://evil.example/",
        "numpy==2.4.6 ; python_version > '3' \\\n--index-url https://evil.example/",
        "\xff",
    ],
)
def test_everything_else_is_not(lock: str) -> None:
    with pytest.raises(Invalid):
        environment.pins(lock.encode("latin-1"))


def test_a_question_is_read_as_it_was_asked() -> None:
    table = {
        "amount": numpy.array([1.5, numpy.nan, -0.0]),
        "kind": numpy.array(["jet", "\x1a", "zeppelin ✈"], dtype=object),
        "open": numpy.array([1.0, 0.0, numpy.nan]),
    }
    frame = wire.question(7, SIGNATURE, table)
    assert struct.unpack(">I", frame[:4]) == (len(frame) - 4,)
    found = guest.read(frame[4:], {field.name: field.type.value for field in SIGNATURE.features})
    assert guest.as_dicts(found) == [
        {"amount": 1.5, "kind": "jet", "open": True},
        {"amount": None, "kind": None, "open": False},
        {"amount": -0.0, "kind": "zeppelin ✈", "open": None},
    ]
    assert guest.as_dicts(found.part(1, 2)) == [{"amount": None, "kind": None, "open": False}]
    frame_of_pandas = guest.as_frame(found)
    assert frame_of_pandas["kind"].tolist()[::2] == ["jet", "zeppelin ✈"]
    assert frame_of_pandas["kind"].isna().tolist() == [False, True, False]


def test_an_answer_is_taken_for_its_own_question_only() -> None:
    body = b"S" + struct.pack("<II", 7, 2) + struct.pack("<dd", 0.5, 1.0)
    scores = wire.scores(body, 7, 2)
    assert scores is not None
    assert scores.tolist() == [0.5, 1.0]
    for changed, number, rows in ((body, 8, 2), (body, 7, 1), (body[:-1], 7, 2), (body + b"\0", 7, 2)):
        assert wire.scores(changed, number, rows) is None
    assert wire.failure(b"E" + struct.pack("<I", 7) + "schön".encode(), 7) == "schön"
    assert wire.failure(b"E" + struct.pack("<I", 6), 7) is None
    assert wire.failure(b"E", 7) is None


def test_engine_toml_says_what_it_takes() -> None:
    spec = engine_file.parse('engine = "python"\npython = "3.12"\nmodel = "a.pkl"\n[limits]\nseconds = 1\n')
    assert spec == engine.Python(python="3.12", model="a.pkl", limits=engine.Limits(seconds=1.0))
    assert engine.files(spec) == ("requirements.txt", "a.pkl")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("engine =", "TOML"),
        ("", "which engine"),
        ('engine = "cobol"', "which engine"),
        ('engine = "python"', "python"),
        ('engine = "r"\nsecret = 1', "secret"),
        ('engine = "r"\n[limits]\nseconds = 0', "Time limits"),
        ('engine = "r"\n[limits]\nmemory_mb = 1', "memory limit"),
        ('engine = "external"\nurl = "https://a.example"\nattempts = 99', "attempts"),
        ('engine = "treelite"\nformat = "csv"', "enum"),
    ],
)
def test_a_mistake_in_engine_toml_is_named(text: str, said: str) -> None:
    with pytest.raises(Invalid) as problem:
        engine_file.parse(text)
    assert said in problem.value.message
