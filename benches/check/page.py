"""The report as a part of a Markdown page: between two marks, so that a new run replaces the figures of the last."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from podium.cli.bench import page

_SIZES = {"1m": "1 million rows × 50 columns", "10m": "10 million rows × 50 columns"}
_NONE = ""


def write(found: Mapping[str, Any], path: Path) -> None:
    """Put the figures into a page."""
    path.write_text(replaced(path.read_text(encoding="utf-8"), found), encoding="utf-8")


def replaced(text: str, found: Mapping[str, Any]) -> str:
    """The page's text with other figures between the marks; `Invalid` when it has none."""
    return page.replaced(text, "monitor", markdown(found))


def markdown(found: Mapping[str, Any]) -> str:
    """The machine, and all tables for which there are figures."""
    plain = msgspec.to_builtins(found)
    parts = [_machine(plain), *(_speed(plain, name) for name in _SIZES), _accuracy(plain), _alarms(plain)]
    parts += [_detected(plain), _growth(plain), _bars(plain)]
    return "\n".join(part for part in parts if part)


def _machine(found: Mapping[str, Any]) -> str:
    known = found.get("machine", {})
    if "processor" not in known:
        return ""
    packages = ", ".join(
        f"{name} {known['packages'][name]}" for name in ("numpy", "pyarrow") if name in known["packages"]
    )
    load = ", ".join(f"{part} {value:.1f}" for part, value in found.get("load", {}).items())
    return (
        f"{known['processor']}, {known['cores']} cores, {known['memory_gb']} GB, {known['system']}, "
        f"Python {known['python']}; {packages}. Load average of the machine before each part: {load}.\n"
    )


def _speed(found: Mapping[str, Any], name: str) -> str:
    part = found.get(name, {})
    if "floor_s" not in part:
        return ""
    rows = [
        ("pyarrow decodes both files", part["floor_s"], part["floor_cpu_s"], part["floor_peak_mb"]),
        ("pyarrow decodes the second file", part["floor_now_s"], part["floor_now_cpu_s"], None),
        ("`podium check`, two files", part["podium_s"], part["podium_cpu_s"], part["podium_peak_mb"]),
        (
            "`podium check`, stored reference",
            part["podium_cached_s"],
            part["podium_cached_cpu_s"],
            part["podium_cached_peak_mb"],
        ),
    ]
    lines: list[tuple[str, ...]] = [
        (said, _number(wall), _number(cpu), _number(peak)) for said, wall, cpu, peak in rows
    ]
    peers = sorted(part.get("peers", {}).items(), key=lambda each: (not each[1].get("ended"), each[1]["s"] or 1e9))
    lines += [_peer(peer, each) for peer, each in peers]
    return _table(_SIZES[name], ("", "wall s", "CPU s", "peak MB"), lines)


def _peer(name: str, each: Mapping[str, Any]) -> tuple[str, ...]:
    said = name if each.get("ended") else f"{name}: {(each.get('said') or 'stopped').splitlines()[-1][:120]}"
    over = "" if each.get("ended") or each["s"] is None else "> "
    return said, *(
        over + _number(each.get(key)) if each.get(key) is not None else _NONE for key in ("s", "cpu_s", "peak_mb")
    )


def _accuracy(found: Mapping[str, Any]) -> str:
    if "accuracy" not in found:
        return ""
    rows = [(name, f"{value:.1e}") for name, value in found["accuracy"].items()]
    return _table("Largest error against SciPy over all columns, 1 million rows", ("", "error"), rows)


def _alarms(found: Mapping[str, Any]) -> str:
    by = found.get("false_alarms_by", {})
    if not by:
        return ""
    cells = list(
        dict.fromkeys((kind, size) for kinds in by.values() for kind, sizes in kinds.items() for size in sizes)
    )
    names = sorted(by, key=lambda each: (each != "podium", each))
    rows = [
        (f"{kind}, {int(size):,} rows", *(_percent(by[name].get(kind, {}).get(size)) for name in names))
        for kind, size in sorted(cells, key=lambda each: (each[0], int(each[1])))
    ]
    rows.append(("mean of all that were looked at", *(_percent(found["false_alarms"].get(name)) for name in names)))
    of = found.get("false_alarms_of", {})
    windows = found.get("alarms_of", {}).get("repetitions")
    said = f"Podium: {windows} windows a cell, seed {found['alarms_of']['seed']}. " if windows else ""
    said += "; ".join(f"{name}: {count} windows in all" for name, count in sorted(of.items()))
    title = "Windows with any alarm where nothing moved, 50 columns, by the defaults of each"
    return _table(title, ("", *names), rows) + (f"{said}.\n" if said else "")


def _detected(found: Mapping[str, Any]) -> str:
    rows = [(how.replace("_", " "), _percent(share)) for how, share in found.get("detected", {}).items()]
    return _table("A shift of 0.25 σ at 1,000 rows", ("moved", "found"), rows) if rows else ""


def _growth(found: Mapping[str, Any]) -> str:
    rows = [
        (f"{days} days", f"{1e3 * each['hour_cpu_s']:.0f}", f"{each.get('hour_read_kb', 0):.0f}")
        for days, each in sorted(found.get("growth", {}).items(), key=lambda item: int(item[0]))
    ]
    said = "A month of 50 columns from its stored hours and days: {merge_ms:.0f} ms, {merge_cpu_ms:.0f} of them CPU.\n"
    month = said.format(**found["month"]) if "month" in found else ""
    return (_table("Closing one more hour of traffic", ("after", "CPU ms", "kB read"), rows) if rows else "") + month


def _bars(found: Mapping[str, Any]) -> str:
    rows = [(said, wanted, value, "pass" if good else "miss") for said, wanted, value, good in bars(found)]
    return _table("Bars of the monitor", ("", "wanted", "found", "judged"), rows) if rows else ""


def bars(found: Mapping[str, Any]) -> Iterable[tuple[str, str, str, bool]]:
    """What must hold, what was found, and whether it holds; what was not measured is left out."""
    for name, said in _SIZES.items():
        part = found.get(name, {})
        if "floor_now_s" in part:
            over = part["podium_cached_s"] / part["floor_now_s"]
            yield f"stored reference over decoding what it reads, {said}", "≤ 2", f"{over:.2f}", over <= 2.0
    if "podium_peak_mb" in found.get("10m", {}):
        peak = found["10m"]["podium_peak_mb"]
        yield "peak at 10 million rows, MB", "≤ 700", f"{peak:.0f}", peak <= 700
    exact = [each for each in found.get("1m", {}).get("peers", {}).values() if each.get("exact") and each.get("ended")]
    if exact and "podium_s" in found["1m"]:
        for how, key in (("faster", "s"), ("less CPU", "cpu_s")):
            fastest = min(each[key] for each in exact)
            for said, ours in (("two files", f"podium_{key}"), ("stored reference", f"podium_cached_{key}")):
                times = fastest / found["1m"][ours]
                yield f"times {how} than the fastest exact peer, {said}", "≥ 10", f"{times:.1f}", times >= 10
    for name, most in (("ks", 5e-4), ("wasserstein", 5e-4), ("psi", 1e-12), ("chi2", 1e-9)):
        if name in found.get("accuracy", {}):
            error = found["accuracy"][name]
            yield f"largest error of {name}", f"≤ {most:.0e}", f"{error:.1e}", error <= most
    if "podium" in found.get("false_alarms", {}):
        share = found["false_alarms"]["podium"]
        most = max(each for sizes in found["false_alarms_by"]["podium"].values() for each in sizes.values())
        said = f"{_percent(share)} (of any one kind and size, at most {_percent(most)})"
        yield "windows with a false alarm", "≤ 1 %", said, share <= 0.01
    for how, share in found.get("detected", {}).items():
        yield f"0.25 σ at 1,000 rows found, {how.replace('_', ' ')}", "≥ 95 %", _percent(share), share >= 0.95


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"### {title}", "", _row(columns), f"|---|{'---:|' * (len(columns) - 1)}", *(_row(row) for row in rows)]
    return "\n".join([*lines, "", ""])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _number(value: float | None) -> str:
    if value is None:
        return _NONE
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _percent(share: float | None) -> str:
    return _NONE if share is None else f"{100 * share:.1f} %"
