"""Every argument that `fit` refuses, before it has done anything."""

from __future__ import annotations

import re

import numpy as np
import pytest

import mgres
from mgres.resnet import ResNetObjective

NAN = float("nan")


def schedule(levels):
    return mgres.VCycle(mgres.Schedule.paper(levels))


BAD = [
    ({"levels": 0}, ValueError, "levels: expected an integer from 1, got 0"),
    ({"levels": 2.0}, ValueError, "levels: expected an integer from 1, got 2.0"),
    ({"levels": "2"}, ValueError, "levels: expected an integer from 1, got '2'"),
    ({"levels": True}, ValueError, "levels: expected an integer from 1, got True"),
    ({"levels": 6}, ValueError, "depth divisible by 32, got 16; at most 5 possible"),
    ({"levels": 3, "cycle": schedule(2)}, ValueError, "schedule: expected 3 levels, got 2"),
    ({"cycle": "fmg"}, TypeError, "mgres.VCycle(schedule) or mgres.Cascade(), got 'fmg'"),
    ({"cycle": mgres.Schedule.paper(2)}, TypeError, "cycle: expected an object such as"),
    ({"hierarchy": 3}, TypeError, "hierarchy: expected a Hierarchy, got 3"),
    ({"batch_size": 0}, ValueError, "batch_size: expected an integer from 1, got 0"),
    ({"batch_size": 1.5}, ValueError, "batch_size: expected an integer from 1, got 1.5"),
    ({"batch_size": True}, ValueError, "batch_size: expected an integer from 1, got True"),
    ({"batch_size": 61}, ValueError, "batch_size: expected 1 to 60 (all samples), got 61"),
    ({"validate_every": 0}, ValueError, "validate_every: expected an integer from 1, got 0"),
    ({"validate_every": 0.5}, ValueError, "validate_every: expected an integer from 1"),
    ({"max_cycles": -1}, ValueError, "max_cycles: expected an integer from 0, got -1"),
    ({"max_cycles": None}, ValueError, "max_cycles: expected an integer from 0, got None"),
    ({"max_cycles": 1e3}, ValueError, "max_cycles: expected an integer from 0, got 1000.0"),
    ({"target_accuracy": 0.9}, ValueError, "target_accuracy: needs validation=(X, y)"),
    ({"target_accuracy": 93}, ValueError, "target_accuracy: expected a share from 0 to 1, got 93"),
    ({"target_accuracy": -0.1}, ValueError, "target_accuracy: expected a share from 0 to 1"),
    ({"target_accuracy": NAN}, ValueError, "target_accuracy: expected a number or None, got nan"),
    ({"target_loss": NAN}, ValueError, "target_loss: expected a number or None, got nan"),
    ({"target_loss": "0.1"}, ValueError, "target_loss: expected a number or None, got '0.1'"),
    ({"max_work_units": NAN}, ValueError, "max_work_units: expected a number or None, got nan"),
    ({"max_seconds": [3]}, ValueError, "max_seconds: expected a number or None, got [3]"),
    ({"callbacks": print}, TypeError, "callbacks: expected a sequence of callables"),
    ({"callbacks": [3]}, TypeError, "callbacks: expected a sequence of callables, got [3]"),
    ({"callbacks": None}, TypeError, "callbacks: expected a sequence of callables, got None"),
    ({"seed": -1}, ValueError, "non-negative"),
]


def ids(case):
    return ", ".join(case[0]) + "-" + case[2][-12:]


@pytest.mark.parametrize("case", BAD, ids=ids)
def test_bad_argument(problem, evaluations, case):
    arguments, error, message = case
    with pytest.raises(error, match=re.escape(message)):
        mgres.fit(problem.f, **arguments)
    assert "value_and_grad" not in [e.kind for e in evaluations]


def wrong_starts(theta):
    infinite = theta.copy()
    infinite[3] = np.inf
    return [
        (theta.tolist(), TypeError, "theta: expected a numpy array, got list"),
        (theta[:-1], ValueError, r"theta: expected shape \(206,\), got \(205,\)"),
        (theta[None], ValueError, r"theta: expected shape \(206,\), got \(1, 206\)"),
        (theta.astype(np.float64), TypeError, "theta: expected dtype float32, got float64"),
        (theta.astype(">f4"), TypeError, "theta: expected dtype float32, got >f4"),
        (infinite, ValueError, "theta: expected a start with a finite loss"),
        (np.full_like(theta, np.nan), ValueError, "theta: expected a start with a finite loss"),
    ]


def test_bad_start(problem):
    for theta, error, message in wrong_starts(problem.theta):
        with pytest.raises(error, match=message):
            mgres.fit(problem.f, theta)


def test_any_layout_of_the_start_will_do(problem):
    strided = np.repeat(problem.theta, 2)[::2]
    plain = mgres.fit(problem.f, problem.theta, max_cycles=2)
    np.testing.assert_array_equal(mgres.fit(problem.f, strided, max_cycles=2).theta, plain.theta)


def wrong_validations(X, y):
    bad = X.copy()
    bad[2, 1] = np.nan
    return [
        (X, TypeError, r"validation: expected a tuple \(X, y\), got ndarray"),
        ((X,), TypeError, "validation: expected a tuple"),
        (3, TypeError, "validation: expected a tuple"),
        ((X, y, X, y), TypeError, "validation: expected a tuple"),
        ((X.tolist(), y), TypeError, r"validation\[0\]: expected a numpy array, got list"),
        ((X.astype(float), y), TypeError, r"validation\[0\]: expected dtype float32"),
        ((X[:, :1], y), ValueError, r"validation\[0\]: expected shape \(n, 2\), got \(40, 1\)"),
        ((X[:0], y[:0]), ValueError, r"validation\[0\]: expected at least one sample"),
        ((bad, y), ValueError, r"validation\[0\]: expected finite numbers, got nan in row 2"),
        ((X, y.tolist()), TypeError, r"validation\[1\]: expected a numpy array, got list"),
        ((X, y.astype(float)), TypeError, r"validation\[1\]: expected integer labels, got dtype"),
        ((X, y[:-1]), ValueError, r"validation\[1\]: expected labels of shape \(40,\), got \(39,"),
        ((X, y + 1), ValueError, r"validation\[1\]: expected labels from 0 to 1, got 2 in row"),
        ((X, np.eye(2)[y]), TypeError, r"validation\[1\]: expected integer labels"),
    ]


def test_bad_validation(problem):
    for validation, error, message in wrong_validations(*problem.validation):
        with pytest.raises(error, match=message):
            mgres.fit(problem.f, validation=validation)


def test_any_integer_labels_will_do(problem):
    X, y = problem.validation
    for dtype in (np.uint8, np.int16, np.uint64):
        result = mgres.fit(problem.f, max_cycles=0, validation=(X, y.astype(dtype)))
        assert result.history[0].accuracy == problem.net.accuracy(result.theta, X, y)


def test_bad_hierarchy(problem):
    h = mgres.resnet_hierarchy(problem.f, 3)
    with pytest.raises(ValueError, match="levels: the hierarchy has 3, got 2"):
        mgres.fit(problem.f, hierarchy=h, levels=2)
    with pytest.raises(ValueError, match=r"schedule: expected 3 levels, got 2: \[\(1\), \{2\}\]"):
        mgres.fit(problem.f, hierarchy=h, cycle=schedule(2))
    other = ResNetObjective(problem.net, problem.f.samples.X, problem.f.samples.y)
    with pytest.raises(ValueError, match="hierarchy: its finest objective must be f itself"):
        mgres.fit(other, hierarchy=h)


def test_numpy_numbers_are_numbers(problem):
    result = mgres.fit(
        problem.f,
        levels=np.int64(2),
        batch_size=np.int32(20),
        max_cycles=np.int64(2),
        target_loss=np.float32(-1),
        max_seconds=np.float64(1e9),
    )
    assert result.stopped == "cycles"
