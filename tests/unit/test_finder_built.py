"""Where a compiler is at hand, installing Podium compiles the finder; it keeps no memory of what it read or refused."""

import gc
import shutil
import sysconfig
from pathlib import Path

import psutil
import pytest

from podium.core.signature import Field, FieldType, Signature, Task
from podium.scoring.protocols import finder, plan, reader

SIGNATURE = Signature(
    features=(Field(name="n", type=FieldType.NUMBER), Field(name="t", type=FieldType.TEXT)),
    task=Task.BINARY,
    key="k",
    target="y",
)
ROW = (
    b'{"id":"%s","inputs":[{"name":"n","shape":[%d],"datatype":"FP64","data":[%s]},'
    b'{"name":"t","shape":[%d],"datatype":"BYTES","data":[%s]},'
    b'{"name":"k","shape":[%d],"datatype":"BYTES","data":[%s]}]}'
)


def test_a_machine_with_a_compiler_has_the_finder() -> None:
    headers = Path(sysconfig.get_path("include"), "Python.h").is_file()
    if shutil.which(sysconfig.get_config_var("CC").split()[0]) is None or not headers:
        pytest.skip("there is no C compiler, or Python's headers are missing")
    assert finder.COMPILED


def body(name: bytes, rows: int, number: bytes = b"1.5", text: bytes = b'"abc"', key: bytes = b'"k"') -> bytes:
    """A body of so many equal rows."""
    return ROW % (name, rows, b",".join([number] * rows), rows, b",".join([text] * rows), rows, b",".join([key] * rows))


@pytest.mark.skipif(not finder.COMPILED, reason="no C compiler was at hand when Podium was installed")
def test_reading_and_refusing_keep_no_memory() -> None:
    made = reader.Reader(SIGNATURE, reader.OIP)
    made.learn(["n", "t", "k"])
    first = body(b"a", 1)
    assert made.read(first) is not None
    made.unlike(first, single=True)
    good = [body(b"request-%d" % at, 1, b"%d.25" % at, b'"text-%d"' % at, b'"key-%d"' % at) for at in range(50)]
    bad = [
        body(b"b", 1, text=b'"\xff"'),
        body(b"", 1),
        body(b"c", 1, key=b"1.5"),
        body(b"d", 1, key=b'"key"')[:-1],
        body(b"e", 2),
        body(b"f", 1, number=b"1e999"),
    ]
    many = [body(b"g", 300), body(b"h", 300)[:-1], body(b"i", 300, key=b"true")]

    def rounds(count: int) -> int:
        for _ in range(count):
            sheaf = made.sheaf()
            assert sheaf.add([(each,) for each in good + bad]) == []
            items, rows, others = sheaf.read()
            assert (items, others) == ([(each,) for each in good], [(each,) for each in bad])
            assert rows is not None
            assert [isinstance(made.read(each), plan.Block) for each in many] == [True, False, False]
        gc.collect()
        return psutil.Process().memory_info().rss

    before = rounds(300)
    assert rounds(1500) - before < 4_000_000


def test_a_wrong_program_or_call_is_an_error_and_no_crash() -> None:
    if not finder.COMPILED:
        pytest.skip("no C compiler was at hand when Podium was installed")
    known = plan.Plan(SIGNATURE)
    for program in (b"", b"r", b"\x00" * 9, b"e" + b"\xff" * 8, b"n" + b"\xff" * 4 + b"\x00" * 4):
        assert finder.Finder(known, [program]).many(b'{"inputs":[]}') is None
    with pytest.raises(ValueError, match="programs"):
        finder.Finder(known, [None])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        finder.Finder(known, [b""])._find.single((b"",))
    with pytest.raises(TypeError):
        finder.Finder(known, [b""])._find.many("text")
