"""What is kept of a line's measurements: of several runs the one with the most trials, and in one run every failure."""

from collections.abc import Mapping
from typing import Any

Kept = Mapping[str, Any]
TOLD = ("trials", "measured", "held")


def added(before: Kept, run: str, on: str, new: Kept) -> dict[str, Any]:
    """A line's results with one more. `on`: which of several kinds of trial it was; "" where there is one only.

    What the page is to say is that of the latest run, where no success hides a failure, or of an earlier, longer one.
    """
    same = before.get("run") == run
    parts = dict(before["parts"]) if same else {}
    earlier = before["earlier"] if same else {key: before[key] for key in TOLD if before}
    parts[on] = _worse(parts[on], new) if on in parts else dict(new)
    told = {
        "trials": min(each["trials"] for each in parts.values()),
        "measured": "; ".join(
            f"{kind}: {each['measured']}" if kind else each["measured"] for kind, each in parts.items()
        ),
        "held": all(each["held"] for each in parts.values()),
    }
    if earlier and earlier["trials"] > told["trials"]:
        told = earlier
    return {**told, "run": run, "parts": parts, "earlier": earlier}


def _worse(before: Kept, new: Kept) -> dict[str, Any]:
    """Of two measurements of the same kind in one run the first that failed, else the longer or later one."""
    if before["held"] and new["held"]:
        return dict(new if new["trials"] >= before["trials"] else before)
    return {**(new if before["held"] else before), "trials": max(before["trials"], new["trials"])}
