"""What is said about the rows: medians, the table, and who wins."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from mgres.experiments.comparison import command, figures
from mgres.experiments.comparison.contest import Choice
from mgres.experiments.comparison.report import make_row, spread, table, verdict
from mgres.experiments.comparison.trial import TrialResult

SEEDS = (100, 101, 102)


def row(method, *work, target="loss 0.01", problem="p"):
    """Return a row whose runs cost `work`, None for a miss, and a tenth of it in seconds."""
    results = [
        TrialResult({target: None if w is None else [w, w / 10]}, "?", w or 99, 1.0, 2, 0.1)
        for w in work
    ]
    choice = Choice({"learning_rate": 0.3, "start": "smooth"}, [], ())
    return make_row(problem, target, method, choice, results, SEEDS[: len(work)])


@pytest.mark.parametrize(
    ("values", "median", "low", "high"),
    [
        ([3.0], 3, 3, 3),
        ([3.0, 1.0, 2.0], 2, 1, 3),
        ([4.0, 1.0, 3.0, 2.0], 2.5, 1, 4),
        ([None, 1.0, 3.0], 3, 1, 3),
        ([None, 1.0], 1, 1, 1),  # just half: a number
        ([None, None, 1.0, 2.0], 2, 1, 2),
        ([None, None, 1.0], None, 1, 1),  # more than half
        ([None, None], None, None, None),
    ],
)
def test_median_counts_misses_as_larger_than_any_number(values, median, low, high):
    found = spread(values)
    assert found == {"median": median, "min": low, "max": high, "per_seed": values}


WIN = "p, loss 0.01: recommended needs 12 WU, the best single level (lbfgs) 66: 5.5 x less"
LOSE = "p, loss 0.01: recommended does not win here: "


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([row("single/gd", 80), row("single/lbfgs", 66), row("recommended", 12)], WIN),
        ([row("single/lbfgs", 66), row("recommended", 12), row("torch/adam", 1)], WIN),
        (
            [row("single/lbfgs", 66), row("recommended", 12), row("cascade", 3.25)],
            WIN + "; cascade needs less, 3.25 WU",
        ),
        ([row("single/lbfgs", 66), row("recommended", 12), row("cascade", 12)], WIN),
        (
            [row("single/gd", 10), row("single/adam", 9), row("recommended", 12)],
            LOSE + "it needs 12 WU, the best single level (adam) 9",
        ),
        (
            [row("single/gd", 12), row("recommended", 12)],
            LOSE + "it needs 12 WU, the best single level (gd) 12",
        ),
        (
            [row("single/gd", 200), row("recommended", None)],
            LOSE + "it missed 1 of 1 seeds, the best single level (gd) needs 200 WU",
        ),
        (
            [row("single/gd", None), row("recommended", 12)],
            "p, loss 0.01: recommended needs 12 WU, no single level reached it in half of the "
            "seeds (the best, gd, missed 1 of 1 seeds)",
        ),
        (
            [row("single/gd", None), row("recommended", None)],
            "p, loss 0.01: neither recommended nor any single level reached it in half of the "
            "seeds",
        ),
        (
            [row("single/gd", 66, 66, 66), row("recommended", 12, 12, None)],
            "p, loss 0.01: recommended needs 12 WU, the best single level (gd) 66: 5.5 x less; "
            "it missed 1 of 3 seeds",
        ),
        (
            [row("single/gd", 66, 66, 70), row("recommended", 12, 12, 222)],
            "p, loss 0.01: recommended needs 12 WU, the best single level (gd) 66: 5.5 x less; "
            "its worst seed (222 WU) is worse than the single level's (70 WU)",
        ),
        ([row("single/gd", 66)], "p, loss 0.01: recommended was not run"),
        (
            [row("recommended", 12)],
            "p, loss 0.01: no single-level method was run to compare with",
        ),
    ],
)
def test_verdict(rows, text):
    assert verdict(rows) == text


def test_best_single_level_is_the_one_with_the_lowest_median_and_no_luck():
    """What misses the target more often is worse, however fast it is otherwise."""
    for lucky in ((5, None, None), (5, 5, None)):
        rows = [row("single/gd", *lucky), row("single/adam", 30, 31, 32), row("recommended", 3)]
        assert "(adam) 31" in verdict(rows)
    assert verdict(rows).endswith("10.3 x less (gd needs 5, but missed 1 of 3 seeds)")


def test_table():
    text = table([row("single/gd", 66, 70.26, None), row("recommended", None, None, 0.0784)])
    assert [" ".join(line.split()) for line in text.splitlines()] == [
        "method setting WU [min, max] failures seconds",
        "-" * max(map(len, text.splitlines())),
        "single/gd rate 0.3, smooth 70.3 [66, 70.3] 1/3 7.03",
        "recommended rate 0.3, smooth missed [0.0784, 0.0784] 2/3 -",
    ]
    assert not any(line.endswith(" ") for line in text.splitlines())


# ---- plots --------------------------------------------------------------------------------------


def test_band_is_the_median_of_the_best_so_far():
    seeds = [
        [[1, 10, 4.0, None], [2, 20, 5.0, None], [4, 40, 1.0, None]],
        [[1, 10, 8.0, None], [4, 40, 2.0, None]],
        [[1, 10, 6.0, None], [4, 40, 3.0, None]],
    ]
    x, middle, low, high = figures.band(seeds, figures.WORK, figures.LOSS)
    assert (x[0], x[-1]) == (1, 4)
    assert (low[0], middle[0], high[0]) == (4, 6, 8)
    assert (low[-1], middle[-1], high[-1]) == (1, 2, 3)
    assert low[np.argmin(np.abs(x - 2))] == pytest.approx(4, rel=0.02)  # 5 is no improvement
    x, *_ = figures.band(seeds, figures.SECONDS, figures.LOSS)
    assert (x[0], x[-1]) == (10, 40)
    assert figures.band(seeds, figures.WORK, figures.ACCURACY)[0].size == 0


def example(reached=True):
    methods = [
        "single/gd", "single/lbfgs", "frozen", "mgopt", "cascade", "fmg", "recommended",
        "torch/adam", "jax/adam",
    ]  # fmt: skip
    rows, curves = [], {}
    for i, method in enumerate(methods):
        for target in ("loss 0.1", "loss 0.01"):
            work = (3.0 + i, 4.0 + i, None if i % 3 else 9.0 + i) if reached else (None,) * 3
            rows.append(row(method, *work, target=target, problem="p"))
        curves[method] = [
            [
                [w, w / 50, 2.0 * np.exp(-w / (9 - i + s)), 1 - 0.5 * np.exp(-w / 9)]
                for w in np.geomspace(0.1, 60, 40)
            ]
            for s in range(3)
        ]
    return {"rows": rows}, {"p": curves if reached else {m: [[]] for m in methods}}


@pytest.mark.parametrize("reached", [True, False])
def test_plots_show_something(tmp_path, reached):
    pytest.importorskip("matplotlib", reason="NOT TESTED: plots need matplotlib")
    from matplotlib.image import imread

    paths = figures.save(*example(reached), tmp_path)
    assert [p.name for p in paths] == ["compare-p.png", "compare.png"]
    for path in paths:
        contents = path.read_bytes()
        assert contents[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">I", contents[16:20])[0] >= 800
        image = imread(path)
        colour = image[..., :3].max(axis=2) - image[..., :3].min(axis=2)
        assert np.mean(colour > 0.2) > 0.0004
        assert np.mean(image[..., :3] < 0.5) > 0.003


def test_without_matplotlib_one_line_says_so(tmp_path, monkeypatch, capsys, bend):
    def missing(*arguments):
        raise ImportError("No module named 'matplotlib'")

    monkeypatch.setattr(figures, "save", missing)
    command.compare([bend], 1, tmp_path, version="1", methods=["recommended"])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "plot" in line] == [
        'plots skipped: matplotlib is missing (pip install "mgres[plot]")'
    ]
    assert {p.name for p in tmp_path.iterdir()} == {"result.json", "curves.json"}
