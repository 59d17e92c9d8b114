"""Versions change places while clients ask: each answer is whole, and is of the version that it names."""

import functools
import time
from pathlib import Path

import pytest

from tests import scoring_kit as kit
from tests.faults import load
from tests.faults.conftest import Record
from tests.faults.lines import trials as forms
from tests.patience import until


def serves(process: kit.Process, number: int) -> bool:
    """Whether that rollout is in force at a scorer."""
    return bool(process.status()["rollouts"] == {kit.ENDPOINT: number})


@pytest.mark.parametrize("trials", forms("swaps"))
def test_swap_and_rollback_under_load(trials: int, tmp_path: Path, record: Record) -> None:
    """Odd rollouts take a canary in or make it champion, even ones go back to the version before."""
    first, second = kit.prepare(tmp_path, -1.0, -2.0)
    alone = kit.route("champion", 1, first)
    plans = [
        (alone,),
        (kit.route("champion", 2, second),),
        (alone,),
        (kit.route("champion", 1, first, 0.5), kit.route("canary", 2, second, 0.5)),
    ]
    with kit.Process(tmp_path, poll_seconds=0.02) as process:
        expected = {1: kit.output(process.infer(kit.tensors()).json(), "score")}
        kit.put_rollout(tmp_path, kit.sign(kit.document(2, kit.route("champion", 2, second))))
        until(functools.partial(serves, process, 2))
        expected[2] = kit.output(process.infer(kit.tensors()).json(), "score")
        clients = load.Load(process.url, "swap")
        slowest = 0.0
        for trial in range(trials):
            number = trial + 3
            begun = time.monotonic()
            kit.put_rollout(tmp_path, kit.sign(kit.document(number, *plans[trial % 4])))
            until(functools.partial(serves, process, number))
            slowest = max(slowest, time.monotonic() - begun)
            clients.go_on(20)
        clients.stop()
        process.stop()
    assert expected[1] != expected[2]
    wrong = [
        identifier
        for identifier, each in clients.answered.items()
        for row, version in enumerate(each.versions)
        if abs(each.scores[row] - expected[version][row]) > 1e-12
    ]
    served = {version for each in clients.answered.values() for version in each.versions}
    assert served == {1, 2}
    assert len(clients.answered) > trials
    record(
        "swaps",
        trials,
        f"{len(clients.failed)} failed and {len(wrong)} misnamed of {len(clients.answered):,} answers; "
        f"in force after {slowest:.2f} s at most",
        held=not clients.failed and not wrong,
    )
