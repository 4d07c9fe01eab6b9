"""From runs over seeds to a row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .runs import RunResult, RunSpec, median

Row = dict[str, Any]

COUNTS = ("v_cycles", "work_units", "seconds")


def make_row(
    specs: Sequence[RunSpec],
    results: Sequence[RunResult],
    *,
    paper: tuple[int, float, int] | None = None,
    method: str | None = None,
    curves: bool = False,
    **more: Any,
) -> Row:
    """Return a row for runs that differ in their seeds only.

    A row of kind "paper" has `levels`; a row of kind "extra" has `method` and no levels.
    """
    spec = specs[0]
    row: Row = {
        "kind": "paper" if method is None else "extra",
        "levels": spec.levels if method is None else None,
        "setup": spec.schedule,
        "depth": spec.depth,
        "optimizer": spec.optimizer,
        "learning_rate": spec.learning_rate,
        "beta": spec.beta,
        "work_units_per_cycle": spec.work_units_per_cycle,
    }
    if method is not None:
        row["method"] = method
    per_seed = {name: [getattr(r, name) for r in results] for name in COUNTS}
    row |= {name: median(per_seed[name]) for name in COUNTS}
    row["spread"] = {name: _spread(per_seed[name]) for name in COUNTS}
    row["reached"] = sum(r.work_units is not None for r in results)
    row["seeds"] = [s.seed for s in specs]
    row["per_seed"] = per_seed
    row["stopped"] = [r.stopped for r in results]
    row["best_accuracy"] = [max(a for a in r.accuracy if a is not None) for r in results]
    row["rejected_corrections"] = [r.rejected for r in results]
    if paper is not None:
        cycles, per_cycle, total = paper
        row["paper"] = {
            "v_cycles": cycles,
            "work_units_per_cycle": per_cycle,
            "work_units": total,
        }
    elif method is None:
        row["paper"] = None
    if curves:
        row["curves"] = [{"loss": r.loss, "accuracy": r.accuracy} for r in results]
    return row | more


def ratios(one: Row, other: Row) -> dict[str, Any]:
    """Return the ratios of two rows' work units, seed by seed, and their median."""
    pairs = zip(one["per_seed"]["work_units"], other["per_seed"]["work_units"], strict=True)
    per_seed = [a / b if a is not None and b is not None else None for a, b in pairs]
    reached = [r for r in per_seed if r is not None]
    return {"per_seed": per_seed, "median": median(reached) if reached else None}


def _spread(values: Sequence[float | None]) -> list[float | None]:
    """Return minimum and maximum over the seeds that reached the target."""
    reached = [v for v in values if v is not None]
    return [min(reached), max(reached)] if reached else [None, None]


def print_table(rows: Sequence[Row], columns: Sequence[str] = ()) -> str:
    """Return the rows as text, the paper's figures beside ours; empty columns are left out."""
    header = ["", *columns, "set-up", "V-cycles", "U_c", "U (WU)", "[min, max]", "seconds", "paper"]
    left = {"", "set-up"}
    filled = [
        [name, *cells]
        for name, *cells in zip(header, *(_cells(row, columns) for row in rows), strict=True)
        if any(cells)
    ]
    padded = []
    for cells in filled:
        width = max(map(len, cells))
        padded.append([c.ljust(width) if cells[0] in left else c.rjust(width) for c in cells])
    lines = ["  ".join(line).rstrip() for line in zip(*padded, strict=True)]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def _cells(row: Row, columns: Sequence[str]) -> list[str]:
    name = f"L = {row['levels']}" if row["kind"] == "paper" else str(row["method"])
    low, high = row["spread"]["work_units"]
    paper = row.get("paper")
    missed = len(row["seeds"]) - row["reached"]
    several = len(row["seeds"]) > 1
    return [
        name,
        *(f"{row[column]:g}" for column in columns),
        row["setup"] if row["kind"] == "paper" else f"{row['optimizer']} {row['learning_rate']:g}",
        _number(row["v_cycles"], "g"),
        f"{row['work_units_per_cycle']:.2f}",
        _number(row["work_units"], ".1f"),
        (f"[{low:.1f}, {high:.1f}]" if low is not None and several else "")
        + (f" {missed} missed" if missed and several else ""),
        _number(row["seconds"], ".2f"),
        f"{paper['v_cycles']} / {paper['work_units_per_cycle']:.2f} / {paper['work_units']}"
        if paper
        else "",
    ]


def _number(value: float | None, spec: str) -> str:
    return "missed" if value is None else format(value, spec)
