"""The timing of the core counts what it should, checks answers first, and refuses bad arguments."""

from __future__ import annotations

import numpy as np
import pytest

import mgres
from mgres.experiments import speed as module
from mgres.experiments.speed import Speed, speed, table


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(module, "TURN", 1e-4)
    mgres.set_num_threads(1)


def test_rows_are_what_was_asked_for(dtype):
    rows = speed((2, 5), depth=8, samples=30, dtype=dtype, repeats=2)
    assert [(r.task, r.width, r.depth, r.samples, r.dtype) for r in rows] == [
        (task, width, 8, 30, dtype.name) for width in (2, 5) for task in ("gradient", "output")
    ]
    assert all(0 < r.fastest <= r.milliseconds and r.peak > 0 for r in rows)


def test_operations_are_those_of_the_layers():
    gradient, output = speed((5,), depth=8, samples=30, repeats=1)
    for row, factor in ((gradient, 6), (output, 2)):
        operations = factor * 5**2 * 30 * 8  # 6 v^2 n K, 2 v^2 n K
        assert row.gflops * 1e9 * row.milliseconds / 1e3 == pytest.approx(operations)
        assert row.share == row.gflops / row.peak


@pytest.mark.parametrize("wrong", ["output", "gradient"])
def test_a_wrong_answer_is_not_timed(monkeypatch, wrong):
    name = {"output": "logits", "gradient": "vjp"}[wrong]
    right = getattr(module.reference, name)

    def bent(*arguments):
        found = right(*arguments)
        return found * 1.01 if wrong == "output" else (found[0] * 1.01, found[1])

    monkeypatch.setattr(module.reference, name, bent)
    with pytest.raises(ArithmeticError, match=f"the {wrong} at width 3 is wrong: relative error"):
        speed((3,), depth=4, samples=10, repeats=1)


def test_table_has_a_line_for_each_row():
    rows = [Speed("gradient", 10, 2048, 1000, "float32", 11.6111, 11.2, 105.83, 246.4)]
    head, line = table(rows).splitlines()
    assert head.split()[0] == "task"
    assert line.split() == [
        "gradient",
        "10",
        "2048",
        "1000",
        "float32",
        "11.611",
        "11.200",
        "105.8",
        "246",
        "43%",
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"widths": ()}, "widths: expected at least one"),
        ({"widths": (0,)}, "widths: expected an integer from 1, got 0"),
        ({"depth": 0}, "depth: "),
        ({"samples": 0}, "samples: expected an integer from 1, got 0"),
        ({"samples": True}, "samples: expected an integer from 1, got True"),
        ({"repeats": 1.5}, r"repeats: expected an integer from 1, got 1\.5"),
        ({"dtype": np.float16}, "dtype: "),
    ],
)
def test_bad_arguments_are_named(changed, message):
    arguments = {"widths": (2,), "depth": 2, "samples": 2, "repeats": 1} | changed
    with pytest.raises((ValueError, TypeError), match=message):
        speed(arguments.pop("widths"), **arguments)
