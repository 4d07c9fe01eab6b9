"""Rows of the result file, and the table that is printed."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from .methods import METHODS

Row = dict[str, Any]


def _spread(values: Sequence[float | None]) -> Row:
    """Return median, minimum and maximum; a seed that missed the goal counts as infinite."""
    reached = sorted(v for v in values if v is not None)
    middle = median([*reached, *[float("inf")] * (len(values) - len(reached))])
    return {
        "median": middle if middle < float("inf") else None,
        "min": reached[0] if reached else None,
        "max": reached[-1] if reached else None,
        "per_seed": list(values),
    }


def phase_row(name: str, outcomes: Sequence[Row]) -> Row:
    """Return the row of a method, from its outcome on each seed."""
    columns = ("work_units", "seconds", "objective")
    row = {column: _spread([o[column] for o in outcomes]) for column in columns}
    misses = sum(o["work_units"] is None for o in outcomes)
    about = {"failures": misses, "settings": METHODS[name].settings()}
    return {"kind": "phase", "method": name, **row, **about}


def coupling_row(key: tuple[str, str, int], ratios: Sequence[Row]) -> Row:
    """Return the row of a point, a coarse scheme and a factor, from the ratios on each seed."""
    point, scheme, factor = key
    row = {f"{name}_defect": _spread([r[name] for r in ratios]) for name in ("without", "with")}
    return {"kind": "coupling", "point": point, "coarse": scheme, "factor": factor, **row}


def table(rows: Sequence[Row]) -> str:
    """Return both kinds of rows as text."""
    lines = [f"{'method':27}{'WU to the goal':>16}{'[min, max]':>15}{'missed':>8}{'objective':>11}"]
    for row in (r for r in rows if r["kind"] == "phase"):
        work = row["work_units"]
        lines.append(
            f"{row['method']:27}{_number(work['median'], '.1f'):>16}"
            f"{_range(work, '.1f'):>15}{row['failures']:>8}{row['objective']['median']:>11.4e}"
        )
    lines += ["", f"{'|v| / |R g|':27}{'factor':>7}{'without defect':>16}{'with':>10}{'max':>10}"]
    for row in (r for r in rows if r["kind"] == "coupling"):
        name = f"{row['point']}, {row['coarse']}"
        without, shifted = row["without_defect"], row["with_defect"]
        lines.append(
            f"{name:27}{row['factor']:>7}{without['median']:>16.3g}{shifted['median']:>10.3g}"
            f"{shifted['max']:>10.3g}"
        )
    return "\n".join(lines)


def _number(value: float | None, spec: str) -> str:
    return "missed" if value is None else format(value, spec)


def _range(values: Row, spec: str) -> str:
    if values["min"] is None:
        return ""
    return f"[{values['min']:{spec}}, {values['max']:{spec}}]"
