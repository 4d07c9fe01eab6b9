"""What is printed and written."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mgres
from mgres import _core

from .cases import Case, Contestant
from .timing import Times

PACKAGES = ("mgres", "numpy", "torch", "jax", "jaxlib")
BUSY = 0.9

Row = dict[str, Any]


def make_row(
    name: str, case: Case, contestant: Contestant, times: Times, mgres_times: Times, error: float
) -> Row:
    """Return all numbers of one contestant; `error` is its distance from mgres's answer."""
    ratio = times.median / mgres_times.median
    has_target = case.target is not None and contestant.key.startswith("torch")
    target = case.target if has_target and "compile" not in contestant.key else None
    return {
        "case": name,
        **{k: v for k, v in asdict(case).items() if k != "target"},
        "peer": contestant.key,
        "title": contestant.title,
        "seconds": times.seconds,
        "min": min(times.seconds),
        "median": times.median,
        "max": max(times.seconds),
        "gflops": case.flops / times.median / 1e9,
        "cores": statistics.median(times.cores),
        "error": error,
        "ratio": ratio,
        "ratio_of_minima": min(times.seconds) / min(mgres_times.seconds),
        "target": target,
        "reached": None if target is None else ratio >= target,
    }


def threads_in_words(threads: int) -> str:
    """Return "1 thread", "2 threads" and so on."""
    return "1 thread" if threads == 1 else f"{threads} threads"


def table(rows: list[Row]) -> str:
    """Return one line for each contestant: times in ms, and the ratio of medians to mgres."""
    width = max(len(row["title"]) for row in rows)
    heads = ("min ms", "median ms", "max ms", "GFLOP/s", "cores", "error", "ratio")
    lines = [" " * width + "".join(f"{head:>11}" for head in heads)]
    for row in rows:
        times = (f"{1e3 * row[key]:11.2f}" for key in ("min", "median", "max"))
        lines.append(
            f"{row['title']:{width}}{''.join(times)}{row['gflops']:11.1f}{row['cores']:11.2f}"
            f"{row['error']:11.1e}{row['ratio']:11.2f}"
        )
    return "\n".join(lines)


def verdict(row: Row, threads: int) -> str:
    """Return one plain sentence about one peer."""
    ratio = f"{row['ratio']:.1f}" if row["ratio"] >= 1 else f"{row['ratio']:.2g}"
    text = f"mgres is {ratio} x as fast as {row['title']} on {threads_in_words(threads)}"
    if row["target"] is None:
        return text
    return f"{text} (target {row['target']:g} x): {'reached' if row['reached'] else 'missed'}"


def busy(rows: list[Row], threads: int) -> str | None:
    """Return a warning if mgres, which keeps its threads busy, did not get its cores."""
    cores = rows[0]["cores"]
    expected = min(threads, os.cpu_count() or threads)
    if cores >= BUSY * expected:
        return None
    return (
        f"note: mgres got {cores:.2f} of {expected} cores; other programs run on this machine, "
        "do not trust these numbers"
    )


def environment(threads: int) -> dict[str, Any]:
    """Return what a reader must know to judge the numbers."""
    return {
        **{package: _version(package) for package in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "isa": _core.isa,
        "compiler": _core.compiler,
        "eigen": _core.eigen_version,
        "threads": threads,
        "mgres_threads": mgres.get_num_threads(),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor()


def plot(rows: list[Row], threads: int, path: Path) -> None:
    """Draw medians as bars with minimum and maximum, one panel for each case.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cases = list(dict.fromkeys(row["case"] for row in rows))
    lengths = [sum(row["case"] == case for row in rows) for case in cases]
    figure = Figure(figsize=(8.0, 0.8 * len(cases) + 0.32 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(cases), 1, squeeze=False, height_ratios=lengths)[:, 0]
    for case, axes in zip(cases, panels, strict=True):
        group = [row for row in rows if row["case"] == case]
        medians = [1e3 * row["median"] for row in group]
        spread = [
            [1e3 * (row["median"] - row["min"]) for row in group],
            [1e3 * (row["max"] - row["median"]) for row in group],
        ]
        titles = [row["title"] for row in group]
        labels = [f"{1e3 * row['median']:.1f} ms ({row['ratio']:.1f} x)" for row in group]
        colours = ["tab:blue"] + ["tab:gray"] * (len(group) - 1)
        bars = axes.barh(titles, medians, xerr=spread, color=colours)
        axes.bar_label(bars, labels, padding=3)
        axes.margins(x=0.35)
        axes.invert_yaxis()
        row = group[0]
        axes.set_title(
            f"{case}: width {row['width']}, depth {row['depth']}, {row['samples']} samples, "
            f"{row['dtype']}, {row['activation']}",
            loc="left",
            fontsize="medium",
        )
    panels[-1].set_xlabel(f"ms for one gradient on {threads_in_words(threads)}")
    figure.savefig(path, dpi=150)
