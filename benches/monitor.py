"""The monitoring benchmark: speed and memory beside the floor and the peers, accuracy, false alarms, growth."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy

from benches.check import accuracy, alarms, child, contest, data, environments, floor, page
from podium.cli.bench import machine

SIZES = {"1m": 1_000_000, "10m": 10_000_000}
PARTS = ("speed", "peers", "accuracy", "alarms", "peers-alarms", "growth")
HISTORIES = (1, 30, 365)
_LIMIT_S = 900.0


def main(arguments: Sequence[str]) -> int:
    """Run the parts that were asked for, and write what was found; other parts keep what was found before."""
    asked = _asked(arguments)
    out: Path = asked.out
    out.mkdir(parents=True, exist_ok=True)
    report = out / "monitor.json"
    found: dict[str, Any] = msgspec.json.decode(report.read_bytes()) if report.exists() else {}
    failed = []
    for part in asked.only or PARTS:
        _say(f"== {part}")
        found["machine"] = machine.describe()
        found.setdefault("load", {})[part] = found["machine"].busy_before
        try:
            _RUN[part](found, asked)
        except (OSError, RuntimeError) as problem:  # one part's trouble must not cost the others' figures
            _say(f"{part} has no figures: {problem}")
            failed.append(part)
        _keep(found, asked)
    _say(text := table(found))
    (out / "monitor.txt").write_text(text + "\n")
    _draw(found, out / "monitor.svg")
    if asked.page is not None:
        page.write(found, asked.page)
    return 1 if failed else 0


def _keep(found: dict[str, Any], asked: argparse.Namespace) -> None:
    report: Path = asked.out / "monitor.json"
    report.write_bytes(msgspec.json.format(msgspec.json.encode(found, order="sorted"), indent=2))


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("benches monitor", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, help="only these parts")
    parser.add_argument("--sizes", nargs="+", choices=tuple(SIZES), default=list(SIZES))
    parser.add_argument("--repeats", type=int, default=3, help="of each timing; the median counts")
    parser.add_argument("--repetitions", type=int, default=300, help="of each kind of window")
    parser.add_argument("--seed", type=int, default=7, help="of the windows")
    parser.add_argument("--peer-repetitions", type=int, default=20)
    parser.add_argument("--limit", type=float, default=150.0, help="seconds of processor time that a peer may take")
    parser.add_argument("--alarms-limit", type=float, default=100.0, help="the same for all its quiet windows together")
    parser.add_argument("--page", type=Path, help="write the figures into this page")
    parser.add_argument("--peers", nargs="*", default=[each.name for each in environments.PEERS])
    parser.add_argument("--out", type=Path, default=child.ROOT / ".podium" / "bench")
    return parser.parse_args(list(arguments))


def _speed(found: dict[str, Any], asked: argparse.Namespace) -> None:
    for name in asked.sizes:
        found.setdefault(name, {}).update(_timed(asked, SIZES[name]))


def _timed(asked: argparse.Namespace, rows: int) -> dict[str, Any]:
    """Floor and Podium in turn, so that what else the machine does meets all alike; medians."""
    before, now = data.write(asked.out / "data", rows)
    stored = asked.out / "data" / f"reference-{rows}.json"
    commands = {
        **{f"both_{way}": child.python("-m", "benches.check.floor", way, str(before), str(now)) for way in floor.WAYS},
        **{f"now_{way}": child.python("-m", "benches.check.floor", way, str(now)) for way in floor.WAYS},
        "reader": child.python("-m", "benches.check.floor", "reader", str(now)),
        "podium": child.podium("check", str(before), str(now), "--save-reference", str(stored), "--json"),
        "podium_cached": child.podium("check", str(stored), str(now), "--json"),
    }
    if rows > SIZES["1m"]:
        del commands["both_table"], commands["now_table"]
    runs: dict[str, list[child.Measured]] = {name: [] for name in commands}
    for _ in range(asked.repeats):
        for name, command in commands.items():
            done = child.run(command, limit_s=_LIMIT_S)
            if done.code not in (0, 1) or not done.ended:
                raise RuntimeError(f"{name} ended with {done.code}: {done.said}")
            runs[name].append(done)
            _say(f"{name:<16} {done.wall_s:7.2f} s  {done.cpu_s:7.2f} s cpu  {done.peak_mb:7.0f} MB")
    middle = {name: _middle(each) for name, each in runs.items()}
    both, alone = _floor(middle, "both_"), _floor(middle, "now_")
    cached = middle["podium_cached"]
    return {
        "rows": rows,
        "floor_s": both["s"],
        "floor_cpu_s": both["cpu_s"],
        "floor_peak_mb": both["peak_mb"],
        "floor_now_s": alone["s"],
        "floor_now_cpu_s": alone["cpu_s"],
        "ways": {name: each for name, each in middle.items() if not name.startswith("podium")},
        "reader_s": middle["reader"]["s"],
        "reader_cpu_s": middle["reader"]["cpu_s"],
        "podium_s": middle["podium"]["s"],
        "podium_cpu_s": middle["podium"]["cpu_s"],
        "podium_peak_mb": max(each["peak_mb"] for name, each in middle.items() if name.startswith("podium")),
        "podium_cached_s": cached["s"],
        "podium_cached_cpu_s": cached["cpu_s"],
        "podium_cached_peak_mb": cached["peak_mb"],
        "cached_over_floor": cached["s"] / both["s"],
        "cached_over_floor_cpu": cached["cpu_s"] / both["cpu_s"],
        "cached_over_floor_now": cached["s"] / alone["s"],
        "cached_over_floor_now_cpu": cached["cpu_s"] / alone["cpu_s"],
    }


def _floor(middle: dict[str, dict[str, float]], prefix: str) -> dict[str, float]:
    """The fastest of pyarrow's ways, by the clock, and the least processor time of any."""
    ways = [each for name, each in middle.items() if name.startswith(prefix)]
    return min(ways, key=lambda each: each["s"]) | {"cpu_s": min(each["cpu_s"] for each in ways)}


def _middle(runs: Sequence[child.Measured]) -> dict[str, float]:
    return {
        "s": median(each.wall_s for each in runs),
        "cpu_s": median(each.cpu_s for each in runs),
        "peak_mb": max(each.peak_mb for each in runs),
    }


def _peers(found: dict[str, Any], asked: argparse.Namespace) -> None:
    files = data.write(asked.out / "data", SIZES["1m"])
    place = found.setdefault("1m", {}).setdefault("peers", {})
    for peer in _chosen(asked):
        place[peer.name] = contest.timed(peer, asked.out / "peers", files, asked.limit)
        _keep(found, asked)
        _say(f"{peer.name:<16} {place[peer.name]}")


def _chosen(asked: argparse.Namespace) -> list[environments.Peer]:
    return [each for each in environments.PEERS if each.name in asked.peers]


def _accuracy(found: dict[str, Any], asked: argparse.Namespace) -> None:
    found["accuracy"] = accuracy.measure(*data.write(asked.out / "data", SIZES["1m"]))
    _say(str(found["accuracy"]))


def _alarms(found: dict[str, Any], asked: argparse.Namespace) -> None:
    by: dict[str, dict[str, float]] = {}
    for cell in alarms.quiet(asked.repetitions, asked.seed):
        by.setdefault(cell.kind, {})[str(cell.size)] = cell.share
        _say(f"{cell.kind:<16} {cell.size:>8,} rows: {cell.alarms} of {cell.windows} windows alarm {cell.by or ''}")
    found.setdefault("false_alarms", {})["podium"] = _mean(by)
    found.setdefault("false_alarms_by", {})["podium"] = by
    found["detected"] = alarms.shifted(asked.repetitions, asked.seed)
    found["alarms_of"] = {"repetitions": asked.repetitions, "seed": asked.seed}
    _say(str(found["detected"]))


def _mean(by: dict[str, dict[str, float]]) -> float:
    return float(numpy.mean([share for sizes in by.values() for share in sizes.values()]))


def _peers_alarms(found: dict[str, Any], asked: argparse.Namespace) -> None:
    """The same kinds of windows, fewer of them, for each peer: the share with any alarm under its defaults."""
    folder = asked.out / "pairs"
    shutil.rmtree(folder, ignore_errors=True)
    places = contest.write_pairs(folder, asked.peer_repetitions, asked.seed)
    for peer in _chosen(asked):
        counts = contest.alarmed(peer, asked.out / "peers", places, asked.alarms_limit)
        by = {kind: {size: wrong / all_ for size, (wrong, all_) in sizes.items()} for kind, sizes in counts.items()}
        for part in ("false_alarms", "false_alarms_by", "false_alarms_of"):
            found.setdefault(part, {}).pop(peer.name, None)
        if by:
            found["false_alarms"][peer.name] = _mean(by)
            found["false_alarms_by"][peer.name] = by
            found["false_alarms_of"][peer.name] = sum(all_ for sizes in counts.values() for _, all_ in sizes.values())
        _keep(found, asked)
        _say(f"{peer.name}: {by}")
    shutil.rmtree(folder, ignore_errors=True)


def _growth(found: dict[str, Any], _: argparse.Namespace) -> None:
    from benches.check import growth, merging  # noqa: PLC0415 - they need what the platform needs

    found["growth"] = {}
    for days in HISTORIES:
        found["growth"][str(days)] = growth.after(days)
        _say(f"after {days} days: {found['growth'][str(days)]}")
    found["month"] = merging.month()
    _say(f"a month of 50 columns: {found['month']}")


_RUN = {
    "speed": _speed,
    "peers": _peers,
    "accuracy": _accuracy,
    "alarms": _alarms,
    "peers-alarms": _peers_alarms,
    "growth": _growth,
}


def table(found: dict[str, Any]) -> str:
    """What was found, for people."""
    lines = []
    for name in SIZES:
        part = found.get(name, {})
        if "floor_s" not in part:
            continue
        lines += [
            f"{name} rows × 50 columns          wall s    cpu s   peak MB",
            _line("floor: read and decode both", part["floor_s"], part["floor_cpu_s"], part["floor_peak_mb"]),
            _line("floor: the second file alone", part["floor_now_s"], part["floor_now_cpu_s"], None),
            _line("Podium's reader alone", part["reader_s"], part["reader_cpu_s"], None),
            _line("podium check, two files", part["podium_s"], part["podium_cpu_s"], part["podium_peak_mb"]),
            _line(
                "podium check, stored reference",
                part["podium_cached_s"],
                part["podium_cached_cpu_s"],
                part["podium_cached_peak_mb"],
            ),
            f"stored over floor: {part['cached_over_floor']:.2f} wall, {part['cached_over_floor_cpu']:.2f} cpu",
            f"… over the second file's: {part['cached_over_floor_now']:.2f} wall, "
            f"{part['cached_over_floor_now_cpu']:.2f} cpu",
        ]
        lines += [
            _line(peer if each.get("ended") else f"{peer} (stopped)", each["s"], each.get("cpu_s"), each["peak_mb"])
            for peer, each in sorted(part.get("peers", {}).items(), key=lambda item: item[1]["s"] or 1e9)
        ]
        lines.append("")
    if "accuracy" in found:
        lines.append("largest error against SciPy: " + ", ".join(f"{k} {v:.1e}" for k, v in found["accuracy"].items()))
    for name, by in found.get("false_alarms_by", {}).items():
        cells = ", ".join(f"{kind} {size}: {share:.1%}" for kind, sizes in by.items() for size, share in sizes.items())
        lines.append(f"windows with a false alarm, {name}: {cells}")
    lines += [f"detected, 0.25 σ at 1,000 rows, {how}: {share:.1%}" for how, share in found.get("detected", {}).items()]
    lines += [
        f"closing an hour after {days} days: {each['hour_cpu_s']:.3f} s cpu"
        for days, each in found.get("growth", {}).items()
    ]
    if "month" in found:
        lines.append("a month of 50 columns from its stored hours and days: {merge_ms:.0f} ms".format(**found["month"]))
    return "\n".join(lines)


def _line(name: str, wall: float | None, cpu: float | None, peak: float | None) -> str:
    return (
        f"{name:<32}"
        + "".join(" " * 9 if value is None else f"{value:9.2f}" for value in (wall, cpu))
        + ("" if peak is None else f"{peak:9.0f}")
    )


def _draw(found: dict[str, Any], path: Path) -> None:
    """Wall time beside the peers', on a logarithmic scale."""
    part = found.get("1m", {})
    if "floor_s" not in part:
        return
    import vl_convert  # noqa: PLC0415 - an extra

    values = [
        {"tool": "floor", "s": part["floor_s"]},
        {"tool": "podium, stored reference", "s": part["podium_cached_s"]},
        {"tool": "podium, two files", "s": part["podium_s"]},
        *({"tool": name, "s": each["s"]} for name, each in part.get("peers", {}).items() if each["s"]),
    ]
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 560,
        "data": {"values": values},
        "mark": {"type": "point", "filled": True, "size": 90},
        "encoding": {
            "y": {"field": "tool", "type": "nominal", "sort": "x", "title": None},
            "x": {"field": "s", "type": "quantitative", "scale": {"type": "log"}, "title": "seconds, 1M × 50 columns"},
        },
    }
    path.write_text(vl_convert.vegalite_to_svg(msgspec.json.encode(spec).decode(), vl_version="5.20"))


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
