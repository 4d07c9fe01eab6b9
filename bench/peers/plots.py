"""What is drawn; matplotlib is needed only here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .match import Match, Row
from .report import threads_in_words
from .session import Result
from .widths import FIRST_JUDGED, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(results: Sequence[Result], folder: Path) -> Iterator[Path]:
    """Draw what there is to draw, and yield the names of the files.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    for result in results:
        if result.matches:
            path = folder / f"peers-{result.threads}.png"
            bars(result.matches, path)
            yield path
    sweeps = [result.widths for result in results if result.widths]
    if sweeps:
        path = folder / "widths.png"
        widths(sweeps, path)
        yield path


def bars(matches: Sequence[Match], path: Path) -> None:
    """Draw medians as bars with minimum and maximum, one panel for each case."""
    from matplotlib.figure import Figure

    lengths = [len(match.rows) for match in matches]
    figure = Figure(figsize=(8.0, 0.8 * len(matches) + 0.32 * sum(lengths)), layout="constrained")
    panels = figure.subplots(len(matches), 1, squeeze=False, height_ratios=lengths)[:, 0]
    for match, axes in zip(matches, panels, strict=True):
        _bars(match.rows, axes)
    threads = threads_in_words(matches[0].mgres["threads"])
    panels[-1].set_xlabel(f"ms for one gradient on {threads}")
    figure.savefig(path, dpi=150)


def _bars(rows: Sequence[Row], axes: Axes) -> None:
    milliseconds = [1e3 * row["median"] for row in rows]
    spread = [
        [1e3 * (row["median"] - row["min"]) for row in rows],
        [1e3 * (row["max"] - row["median"]) for row in rows],
    ]
    titles = [row["title"] for row in rows]
    labels = [f"{1e3 * row['median']:.1f} ms ({row['ratio']:.1f} x)" for row in rows]
    colours = ["tab:blue"] + ["tab:gray"] * (len(rows) - 1)
    drawn = axes.barh(titles, milliseconds, xerr=spread, color=colours)
    axes.bar_label(drawn, labels, padding=3)
    axes.margins(x=0.35)
    axes.invert_yaxis()
    row = rows[0]
    axes.set_title(
        f"{row['case']}: width {row['width']}, depth {row['depth']}, {row['samples']} samples, "
        f"{row['dtype']}, {row['activation']}",
        loc="left",
        fontsize="medium",
    )


def widths(sweeps: Sequence[Sequence[Point]], path: Path) -> None:
    """Draw GFLOP/s over the width, a line for each number of threads, with the peak dashed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.5), layout="constrained")
    axes = figure.subplots()
    for points in sweeps:
        where = [point["width"] for point in points]
        label = threads_in_words(points[0]["threads"])
        (line,) = axes.plot(where, [point["gflops"] for point in points], ".-", label=label)
        axes.axhline(
            points[0]["peak"], color=line.get_color(), linestyle="--", label=f"peak, {label}"
        )
    axes.axvspan(min(where), FIRST_JUDGED - 0.5, color="0.92", label="reported only")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("width")
    axes.set_ylabel("GFLOP/s of useful work, 6 v² n K")
    axes.legend()
    figure.savefig(path, dpi=150)
