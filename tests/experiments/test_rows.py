"""From runs to rows and tables."""

from __future__ import annotations

import statistics

import pytest

from mgres.experiments.rows import make_row, print_table, ratios
from mgres.experiments.runs import RunResult, RunSpec, median
from mgres.mgopt import Schedule

HIT = {"loss": [2.0, 1.0], "accuracy": [0.5, 1.0], "stopped": "accuracy"}


def spec(levels=8, seed=0, **more) -> RunSpec:
    schedule = more.pop("schedule", str(Schedule.paper(levels)))
    return RunSpec("circles", 2048, schedule, 0.1, 1e-4, seed, **more)


def hit(cycles: int, work: float, seconds: float = 1.0) -> RunResult:
    return RunResult(cycles, work, seconds, **HIT)


MISS = RunResult(None, None, None, [2.0], [0.5], "work_units", 3)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], 3.0),
        ([1, 2, 10], 2),
        ([10, 1, 2, 3], 2.5),
        ([None], None),
        ([5, None, 3], 5),  # a miss is larger than any number
        ([None, 5, None], None),
        ([1, 2, None], 2),
        ([1, 2, 3, None], 2.5),
        ([1, 2, None, None], None),
        ([1, None], None),
        ([0, 0, None], 0),
    ],
)
def test_median(values, expected):
    assert median(values) == expected
    assert median(values[::-1]) == expected


@pytest.mark.parametrize("values", [[4.0, 1.0, 9.0], [4.0, 1.0, 9.0, 2.0]])
def test_median_without_misses_is_the_usual_one(values):
    assert median(values) == statistics.median(values)


@pytest.mark.parametrize(
    ("levels", "expected"), [(1, 1.00), (2, 3.00), (4, 5.00), (6, 5.25), (8, 5.1875)]
)
def test_cost_of_a_cycle_by_formula_10(levels, expected):
    assert spec(levels).work_units_per_cycle == expected


@pytest.mark.parametrize(
    ("setup", "expected"),
    [
        ("[1, 1, 1, 1, 1, 1, 1, {1}]", 5.96),
        ("[1, 1, 1, 1, 1, 1, 1, {2}]", 5.97),
        ("[1, 1, 1, 1, 1, 1, 1, {5}]", 5.99),
        ("[1, 1, 1, 1, 1, 1, 1, {10}]", 6.03),
        ("[1, 1, 1, 1, 2, 2, 2, {2}]", 6.19),
        ("[(1), 1, 1, 1, 2, 2, 2, {2}]", 5.19),
    ],
)
def test_cost_of_the_cycles_of_table_2(setup, expected):
    assert round(spec(schedule=setup).work_units_per_cycle, 2) == expected


def test_row_of_the_paper():
    specs = [spec(seed=s) for s in (0, 1, 2)]
    row = make_row(specs, [hit(7, 36.3, 3.0), MISS, hit(5, 26.0, 2.0)], paper=(5, 5.19, 26))
    assert row == {
        "kind": "paper",
        "levels": 8,
        "setup": "[(1), 1, 1, 1, 2, 2, 2, {2}]",
        "depth": 2048,
        "optimizer": "gd",
        "learning_rate": 0.1,
        "beta": 1e-4,
        "work_units_per_cycle": 5.1875,
        "v_cycles": 7,
        "work_units": 36.3,
        "seconds": 3.0,
        "spread": {"v_cycles": [5, 7], "work_units": [26.0, 36.3], "seconds": [2.0, 3.0]},
        "reached": 2,
        "seeds": [0, 1, 2],
        "per_seed": {
            "v_cycles": [7, None, 5],
            "work_units": [36.3, None, 26.0],
            "seconds": [3.0, None, 2.0],
        },
        "stopped": ["accuracy", "work_units", "accuracy"],
        "best_accuracy": [1.0, 0.5, 1.0],
        "rejected_corrections": [0, 3, 0],
        "paper": {"v_cycles": 5, "work_units_per_cycle": 5.19, "work_units": 26},
    }


def test_extra_row_has_a_method_and_no_levels():
    row = make_row([spec(1)], [hit(9, 9.0)], method="one level, tuned", note=3)
    assert row["kind"] == "extra"
    assert row["levels"] is None
    assert row["method"] == "one level, tuned"
    assert row["note"] == 3
    assert "paper" not in row
    assert "curves" not in row


def test_row_where_all_missed():
    row = make_row([spec(1), spec(1, 1)], [MISS, MISS], curves=True)
    assert row["v_cycles"] is row["work_units"] is row["seconds"] is None
    assert row["spread"]["work_units"] == [None, None]
    assert row["reached"] == 0
    assert row["paper"] is None
    assert row["curves"] == [{"loss": [2.0], "accuracy": [0.5]}] * 2


def test_ratios_are_taken_seed_by_seed():
    specs = [spec(1, s) for s in range(4)]
    one = make_row(specs, [hit(90, 90.0), hit(50, 50.0), hit(70, 70.0), MISS])
    eight = make_row(specs, [hit(3, 30.0), hit(5, 25.0), MISS, hit(5, 26.0)])
    assert ratios(one, eight) == {"per_seed": [3.0, 2.0, None, None], "median": 2.5}
    missed = make_row(specs, [MISS] * 4)
    assert ratios(missed, eight) == {"per_seed": [None] * 4, "median": None}


def test_table():
    seeds = [0, 1, 2]
    rows = [
        make_row(
            [spec(1, s) for s in seeds],
            [hit(95 + s, 95.0 + s, 1.5) for s in seeds],
            paper=(95, 1.0, 95),
        ),
        make_row([spec(8, s) for s in seeds], [hit(7, 36.3), MISS, MISS], paper=(5, 5.19, 26)),
        make_row(
            [spec(1, s, optimizer="adam") for s in seeds],
            [hit(9, 9.25, 0.5)] * 3,
            method="one level, tuned",
        ),
    ]
    assert print_table(rows).splitlines() == [
        "                  set-up                        V-cycles   U_c  U (WU)             "
        "[min, max]  seconds           paper",
        "-" * 118,
        "L = 1             [{1}]                               96  1.00    96.0           "
        "[95.0, 97.0]     1.50  95 / 1.00 / 95",
        "L = 8             [(1), 1, 1, 1, 2, 2, 2, {2}]    missed  5.19  missed  [36.3, 36.3] 2 "
        "missed   missed   5 / 5.19 / 26",
        "one level, tuned  adam 0.1                             9  1.00     9.2             "
        "[9.2, 9.2]     0.50",
    ]


def test_table_leaves_empty_columns_out():
    rows = [make_row([spec(1)], [hit(95, 95.0)]), make_row([spec(8)], [MISS])]
    header, line, first, second = print_table(rows, ["depth"]).splitlines()
    assert header.split() == ["depth", "set-up", "V-cycles", "U_c", "U", "(WU)", "seconds"]
    assert first.split() == ["L", "=", "1", "2048", "[{1}]", "95", "1.00", "95.0", "1.00"]
    assert second.split()[-4:] == ["missed", "5.19", "missed", "missed"]
    assert set(line) == {"-"}
    assert len(line) == max(map(len, (header, first, second)))
