"""Rows of ``result.json``, the printed table, and what it comes to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .contest import Choice
from .trial import TrialResult

Row = dict[str, Any]

RECOMMENDED = "recommended"


def make_row(
    problem: str,
    target: str,
    method: str,
    choice: Choice | None,
    results: Sequence[TrialResult],
    seeds: Sequence[int],
    **more: Any,
) -> Row:
    """Return the row of a method; without a `choice` it could do nothing, and failed always."""
    reached = [r.reached[target] for r in results] or [None] * len(seeds)
    settings: dict[str, Any] = {"chosen": None if choice is None else choice.settings}
    if choice is not None and choice.grid:
        settings |= {"grid": choice.grid, "tuning_seeds": list(choice.tuning_seeds)}
    settings |= {"judged_seeds": list(seeds)} | more
    return {
        "problem": problem,
        "target": target,
        "method": method,
        "settings": settings,
        "work_units": spread([None if cost is None else cost[0] for cost in reached]),
        "seconds": spread([None if cost is None else cost[1] for cost in reached]),
        "failures": sum(cost is None for cost in reached),
        "validation": {
            "evaluations": [r.validations for r in results],
            "seconds": [round(r.validation_seconds, 4) for r in results],
        },
        "stopped": [r.stopped for r in results],
        "best": [r.best for r in results],
    }


def spread(values: Sequence[float | None]) -> dict[str, Any]:
    """Return median, minimum, maximum and all values, None standing for a miss.

    A miss is larger than any number.  The median is None if more than half missed; if just half
    did, it is the largest number.
    """
    numbers = sorted(v for v in values if v is not None)
    n = len(values)
    median = None
    if 2 * len(numbers) >= n and numbers:
        last = len(numbers) - 1
        median = (numbers[(n - 1) // 2] + numbers[min(n // 2, last)]) / 2
    return {
        "median": median,
        "min": numbers[0] if numbers else None,
        "max": numbers[-1] if numbers else None,
        "per_seed": list(values),
    }


# ---- in words ------------------------------------------------------------------------------------


def verdict(rows: Sequence[Row]) -> str:
    """Say in one line whether what is recommended wins, given the rows of a problem and target."""
    head = f"{rows[0]['problem']}, {rows[0]['target']}: " if rows else ""
    ours = next((row for row in rows if row["method"] == RECOMMENDED), None)
    singles = [row for row in rows if row["method"].startswith("single/")]
    if ours is None:
        return head + "recommended was not run"
    if not singles:
        return head + "no single-level method was run to compare with"
    best = min(singles, key=_order)
    name = best["method"].removeprefix("single/")
    theirs = best["work_units"]["median"]
    work = ours["work_units"]["median"]
    if theirs is None and work is None:
        return head + "neither recommended nor any single level reached it in half of the seeds"
    if work is None:
        return (
            head + f"recommended does not win here: it missed {_of(ours)}, the best single level "
            f"({name}) needs {_number(theirs)} WU"
        )
    if theirs is None:
        text = f"recommended needs {_number(work)} WU, no single level reached it in half of the "
        text += f"seeds (the best, {name}, missed {_of(best)})"
    elif work < theirs:
        text = (
            f"recommended needs {_number(work)} WU, the best single level ({name}) "
            f"{_number(theirs)}: {_number(theirs / work)} x less"
        )
        faster = min(singles, key=lambda row: _order(row)[::2])
        if _order(faster)[::2] < _order(best)[::2]:
            text += (
                f" ({faster['method'].removeprefix('single/')} needs "
                f"{_number(faster['work_units']['median'])}, but missed {_of(faster)})"
            )
        if not (ours["failures"] or best["failures"]) and _worse(ours, best):
            text += (
                f"; its worst seed ({_number(ours['work_units']['max'])} WU) is worse than the "
                f"single level's ({_number(best['work_units']['max'])} WU)"
            )
    else:
        text = (
            f"recommended does not win here: it needs {_number(work)} WU, the best single level "
            f"({name}) {_number(theirs)}"
        )
    if ours["failures"]:
        text += f"; it missed {_of(ours)}"
    others = [row for row in rows if not row["method"].startswith(("single/", "torch/", "jax/"))]
    leader = min(others, key=_order)
    if leader is not ours and _order(leader) < _order(ours):
        text += f"; {leader['method']} needs less, {_number(leader['work_units']['median'])} WU"
    return head + text


def best_single(rows: Sequence[Row]) -> str | None:
    """Return the name of the best single-level method, or None if there is none."""
    singles = [row for row in rows if row["method"].startswith("single/")]
    return min(singles, key=_order)["method"] if singles else None


def _order(row: Row) -> tuple[bool, int, float]:
    median = row["work_units"]["median"]
    return median is None, row["failures"], math.inf if median is None else median


def _worse(ours: Row, best: Row) -> bool:
    mine, theirs = ours["work_units"]["max"], best["work_units"]["max"]
    return mine is not None and theirs is not None and bool(mine > theirs)


def _of(row: Row) -> str:
    return f"{row['failures']} of {len(row['work_units']['per_seed'])} seeds"


def _number(value: float) -> str:
    """Return three significant digits, without an exponent; more if the integer part has more."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# ---- as a table ----------------------------------------------------------------------------------

HEADER = ("method", "setting", "WU", "[min, max]", "failures", "seconds")
LEFT = {"method", "setting"}


def table(rows: Sequence[Row]) -> str:
    """Return the rows of one problem and target as text, in the given order."""
    columns = list(zip(HEADER, *map(_cells, rows), strict=True))
    padded = []
    for cells in columns:
        width = max(map(len, cells))
        padded.append([c.ljust(width) if cells[0] in LEFT else c.rjust(width) for c in cells])
    lines = ["  ".join(line).rstrip() for line in zip(*padded, strict=True)]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    work, seconds = row["work_units"], row["seconds"]
    several = len(work["per_seed"]) > 1
    bounds = f"[{_number(work['min'])}, {_number(work['max'])}]" if work["min"] is not None else ""
    return (
        row["method"],
        describe(row["settings"]["chosen"]),
        "missed" if work["median"] is None else _number(work["median"]),
        bounds if several else "",
        f"{row['failures']}/{len(work['per_seed'])}",
        "-" if seconds["median"] is None else _number(seconds["median"]),
    )


def describe(settings: dict[str, Any] | None) -> str:
    """Return a setting in few words."""
    if settings is None:
        return "-"
    words = []
    for name, value in settings.items():
        text = f"{value:g}" if isinstance(value, float) else str(value).split("(")[0]
        words.append(text if name in PLAIN else f"{SHORT.get(name, name)} {text}")
    return ", ".join(words)


PLAIN = ("method", "optimizer", "metric", "start")
"""Settings whose values say what they are."""

SHORT = {"learning_rate": "rate", "levels": "L"}
