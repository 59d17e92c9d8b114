"""What the benchmark makes of figures: whole answers, bars, cliffs, ratios."""

from typing import Any

import msgspec
import pytest

from podium.cli.bench import bars, growth, load, measure, runs, tables, workers


def _figures(rps: float) -> measure.Figures:
    return measure.Figures(
        rps=rps,
        rows_per_s=rps,
        p50_us=10.0,
        p99_us=2000.0,
        max_us=3000.0,
        cpu_us=5.0,
        busy=0.5,
        answers=100,
        histogram=[],
    )


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 41),
        (b"HTTP/1.1 200 OK\r\ncontent-length:3\r\n\r\nab", 40),
        (b"HTTP/1.1 200 OK\r\nContent-Le", -1),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 27),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", -1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 60),
    ],
)
def test_the_size_of_an_answer_is_known_as_soon_as_it_can_be(data: bytes, size: int) -> None:
    assert load.whole(data) == size


def test_a_bar_passes_or_misses_by_a_factor() -> None:
    least = bars.Bar(name="least", wanted=0.5, value=0.25)
    most = bars.Bar(name="most", wanted=150.0, value=100.0, most=True)
    assert (least.passed, least.factor) == (False, 0.5)
    assert (most.passed, most.factor) == (True, 1.5)
    assert bars.Bar(name="none", wanted=1.0, value=None).passed is None


def test_the_median_counts_and_the_spread_is_told() -> None:
    found = runs.figures(runs.Series(runs=[_figures(100.0), _figures(130.0), _figures(110.0)]), "c64")
    assert found["c64_rps"] == 110.0
    assert found["c64_p99_ms"] == 2.0
    assert found["c64_spread"] == pytest.approx(30 / 110, rel=1e-3)
    assert runs.figures(runs.Series(reason="no"), "c64") == {"c64_rps": None, "c64_reason": "no"}


def test_code_by_hand_is_not_the_best_server_with_the_same_model() -> None:
    side = {"c64_rps": 1000.0, "c1_p50_us": 50.0, "c64_cpu_us": 1000.0}
    form = {"rows_per_s": 50.0, "cpu_us_per_request": 4.0}
    report: dict[str, Any] = {
        "limit": side | {"c64_rps": 2000.0, "c64_cpu_us": 500.0},
        "podium": {"durable": side, "queued": side | {"c64_rps": 1500.0}}
        | {f"{name}_100": form for name in bars.FORMS},
        "onnxruntime_100": {"rows_per_s": 100.0, "cpu_us_per_request": 1.0},
        "peers": {
            "mlflow": {"model": "sklearn", "by_hand": False, "c64_rps": 10.0},
            "litserve_onnx": {"model": "onnx", "by_hand": False, "c64_rps": 50.0},
            "ray_onnx": {"model": "onnx", "by_hand": False, "c64_rps": None},
            "mlflow_onnx": {"model": "onnx", "by_hand": False, "c64_rps": 40.0},
            "fastapi": {"model": "sklearn", "by_hand": True, "c64_rps": 30.0},
            "fastapi_onnx": {"model": "onnx", "by_hand": True, "c64_rps": 500.0},
        },
    }
    found = bars.ratios(report)
    assert found["durable_of_limit"] == 0.5
    assert found["durable_of_limit_by_cpu"] == 0.5
    assert found["queued_of_limit"] == 0.75
    assert found["durable_of_mlflow"] == 100.0
    assert found["of_best_onnx"] == 20.0
    assert found["durable_of_mlflow_onnx"] == 25.0
    assert found["of_best_by_hand"] == 2.0
    report["limit"]["c64_rps"] = 1100.0  # the client was at its own limit
    assert bars.ratios(report)["durable_of_limit"] == 0.5
    assert found["json_100"] == 0.5
    assert found["json_100_by_cpu"] == 0.25
    judged = {bar.name: bar.passed for bar in bars.judge(report | {"ratios": found})}
    assert judged["durable, of the limit"] is True
    assert judged["durable, times the best server with the same ONNX model"] is False
    assert judged["idle with one small model, MB"] is None
    told = tables.bars_of([], found).said
    assert told == (
        "No bars, but to be known beside them: durable, Podium does 25 times MLflow with the same ONNX model and "
        "2 times the fastest code written by hand."
    )
    assert tables.bars_of([], found | dict.fromkeys(bars.PLAIN)).said == ""


def _one_of(rows: float, cores: float, cpu_us: float) -> dict[str, Any]:
    """What a number of processes did, the same with 100 rows and with one, however many connections."""
    single = {"rps": rows / 100, "cores": cores, "cpu_us": cpu_us / 100}
    named = {f"{name}_{key}": value for name in workers.ONE_ROW.values() for key, value in single.items()}
    return {"rows_per_s": rows, "cores": cores, "cpu_us_per_request": cpu_us, "memory_mb": 125.0, **named}


def test_two_processes_are_judged_by_what_they_do_with_the_cores_that_they_got() -> None:
    one, two = _one_of(100_000.0, 1.0, 1000.0), _one_of(130_000.0, 1.4, 1100.0)
    known = {"scales": 1.3, "took": 1.4, "keeps": 0.9091}
    assert workers.judged(one, two) == known | {"one_row": {"in_all": known, "each": known}}
    none = dict.fromkeys(known)
    assert workers.judged(one, {"rows_per_s": None, "reason": "no"}) == none | {
        "one_row": {"in_all": none, "each": none}
    }


def test_one_row_a_request_is_judged_with_connections_in_all_and_with_as_many_for_each_process() -> None:
    one, two = _one_of(100_000.0, 1.0, 1000.0), _one_of(130_000.0, 1.4, 1100.0)
    two |= {"c64_rps": 800.0, "c64_cpu_us": 20.0, "each64_rps": 1500.0, "each64_cpu_us": 10.5}
    table = tables.processes({"1": one, "2": two, **workers.judged(one, two)})
    assert "One row a request, 64 connections in all: two do 0.80 times as much as one" in table.said
    assert "One row a request, 64 connections for each process: two do 1.50 times as much as one" in table.said
    assert [table.said.count(f"do {keeps} times as much with each core's worth") for keeps in ("0.50", "0.95")] == [
        1,
        1,
    ]
    assert table.rows[1][6] == "1,500"
    two |= {"each64_rps": None, "each64_reason": "answers: Wrong under load: 29 times status 429."}
    table = tables.processes({"1": one, "2": two, **workers.judged(one, two)})
    assert table.rows[1][6] == two["each64_reason"]
    assert "in all: two do" in table.said
    assert "for each process" not in table.said


def test_a_cliff_is_named_and_a_slope_is_not() -> None:
    assert growth.cliffs([(1, 10.0), (10, 4.0), (100, 4.5)], "row").startswith("No cliff")
    assert "from 10 to 100: 3.00 times" in growth.cliffs([(1, 10.0), (10, 4.0), (100, 12.0)], "row")


def test_a_step_is_the_median_of_its_runs_and_tells_how_far_they_lay_apart() -> None:
    given = [msgspec.structs.replace(_figures(rps), cpu_us=cpu) for rps, cpu in ((90.0, 30.0), (40.0, 10.0), (50, 20))]
    step = growth.summed(given, 10)
    assert (step.work, step.rows_per_s, step.cpu_us, step.each_us, step.spread) == (10, 50, 20.0, 2.0, 1.0)


def test_a_spec_survives_the_way_to_the_client() -> None:
    spec = load.Spec(
        host="127.0.0.1",
        port=1,
        requests=[b"\x00"],
        needles=[b"\xff"],
        connections=1,
        seconds=1.0,
        warm_seconds=0.1,
        core=0,
    )
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(spec), type=load.Spec) == spec
