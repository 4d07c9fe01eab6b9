"""What is printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .findings import Finding
from .match import Match, Row
from .targets import amount

Cells = Sequence[str]


def threads_in_words(threads: int) -> str:
    """Return "1 thread", "2 threads" and so on."""
    return "1 thread" if threads == 1 else f"{threads} threads"


def aligned(lines: Iterable[Cells], left: Sequence[int]) -> str:
    """Return a table of text; the columns `left` start where the others end."""
    lines = list(lines)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def contestants(rows: Sequence[Row]) -> str:
    """Return one line for each contestant: times in ms, and the ratio of medians to mgres."""
    heads = ("", "min ms", "median ms", "max ms", "GFLOP/s", "of peak", "cores", "error", "ratio")
    lines = [
        (
            row["title"],
            *(f"{1e3 * row[key]:.2f}" for key in ("min", "median", "max")),
            f"{row['gflops']:.1f}",
            f"{100 * row['share']:.1f} %",
            f"{row['cores']:.2f}",
            f"{row['error']:.1e}",
            f"{row['ratio']:.2f}",
        )
        for row in rows
    ]
    return aligned([heads, *lines], left=[0])


def cases(matches: Sequence[Match]) -> str:
    """Return the table of issue 3: a line for each case, with a verdict on both of its numbers."""
    ours = ("", "ms", "GFLOP/s", "peak", "of peak", "target", "verdict")
    theirs = ("best peer", "ms", "of peak", "ratio", "target", "verdict", "")
    return aligned([(*ours, *theirs), *map(_case, matches)], left=[0, 6, 7, 12, 13])


def _case(match: Match) -> Cells:
    mgres, best, ratio = match.mgres, match.best_peer, match.ratio
    _, *share, _ = match.share.cells()
    speed = (f"{1e3 * mgres['median']:.2f}", f"{mgres['gflops']:.1f}", f"{mgres['peak']:.1f}")
    note = match.disturbed
    if best is None or ratio is None:
        return (mgres["case"], *speed, *share, "none measured", "", "", "", "", "", note)
    theirs = (best["title"], f"{1e3 * best['median']:.2f}", amount(best["share"], "%"))
    _, *factor, _ = ratio.cells()
    return (mgres["case"], *speed, *share, *theirs, *factor, note)


def findings(found: Sequence[Finding]) -> str:
    """Return a line for each finding."""
    heads = ("", "value", "target", "verdict", "")
    return aligned([heads, *(finding.cells() for finding in found)], left=[0, 3, 4])


def summary(matches: Sequence[Match], extras: Sequence[Finding]) -> str:
    """Return both tables, as far as there is something in them."""
    tables = [cases(matches)] if matches else []
    return "\n\n".join([*tables, *([findings(extras)] if extras else [])])
