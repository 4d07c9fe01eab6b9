"""States become JSON and arrays, and states again."""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import pkgutil
from collections import deque

import numpy as np
import pytest

from mgres.mgopt import Diagonal, Euclidean, Memo
from mgres.mgopt.cycles.stopping import Count
from mgres.mgopt.optimizers.lbfgs import Pair
from mgres.testing import Quadratic
from mgres.training.checkpoints import registry  # noqa: F401  (registers the classes of the engine)
from mgres.training.checkpoints.storage import _NAMES, Decoder, Encoder


def through_json(value, references=()):
    encoder = Encoder(dict(references))
    text = json.dumps(encoder.encode(value), allow_nan=False)
    return Decoder(encoder.arrays, dict(references)).decode(json.loads(text))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -3,
        2**127 + 1,  # the state of a random generator
        0.1,
        -0.0,
        5e-324,
        math.inf,
        -math.inf,
        "ü",
        [],
        [1, [None]],
        (),
        (1, (2.5,)),
        {},
        {"a": 1, 2: {"b": (3,)}},
        deque([1.0, math.inf], maxlen=4),
        deque(),
        Count(3),
        Euclidean(),
        [Count(1), (Count(2),)],
    ],
    ids=repr,
)
def test_value_comes_back(value):
    back = through_json(value)
    assert type(back) is type(value)
    assert repr(back) == repr(value)


def test_nan_comes_back():
    assert math.isnan(through_json(math.nan))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_arrays_and_numpy_scalars_keep_their_dtype(dtype):
    array = np.array([0, 1, 1], dtype)
    back = through_json({"array": array, "scalar": array[1]})
    np.testing.assert_array_equal(back["array"], array)
    assert back["array"].dtype == array.dtype
    assert back["scalar"].dtype == array.dtype
    assert back["scalar"].shape == ()
    assert back["scalar"] == array[1]


@pytest.mark.parametrize("value", [np.float32(0.1), np.float64(np.nan), np.int64(2**62 + 1)])
def test_numpy_scalars_need_no_array(value):
    # records, which have no arrays, may hold some: from a line search of one's own, for example
    encoder = Encoder({})
    back = Decoder({}, {}).decode(encoder.encode(value))
    assert encoder.arrays == {}
    assert type(back) is type(value)
    np.testing.assert_array_equal(back, value)


def test_one_array_in_two_places_stays_one():
    shared = np.zeros(2)
    back = through_json([shared, {"again": shared}, np.zeros(2)])
    assert back[0] is back[1]["again"]
    assert back[0] is not back[2]


def test_snapshot_is_not_touched_by_later_changes():
    array, window = np.zeros(2), deque([1.0])
    encoder = Encoder({})
    data = encoder.encode([array, window])
    array += 1
    window.append(2.0)
    back = Decoder(encoder.arrays, {}).decode(data)
    np.testing.assert_array_equal(back[0], [0, 0])
    assert list(back[1]) == [1.0]


def test_arrays_of_frozen_classes_are_not_copied():
    pair = Pair(np.ones(3), np.ones(3), 3.0)
    encoder = Encoder({})
    encoder.encode(deque([pair]))
    assert any(array is pair.s for array in encoder.arrays.values())
    assert any(array is pair.y for array in encoder.arrays.values())


def test_references_are_not_stored_but_found():
    metric = Diagonal(np.array([1.0, 2.0]))
    assert through_json([metric, metric], {"metric.0": metric}) == [metric, metric]
    assert Encoder({"metric.0": metric}).encode(metric) == {"reference": "metric.0"}
    alone = through_json(metric)
    np.testing.assert_array_equal(alone.weights, metric.weights)


class Changing(Quadratic):
    revision = 5


@pytest.mark.parametrize("change", [0, 1, 3])
def test_memo_knows_afterwards_what_it_knew_before(change):
    f = Changing([1.0, 2.0])
    memo, x, g = Memo(f), np.array([3.0, 4.0]), np.empty(2)
    value = memo.value_and_grad(x, g)
    f.revision += change
    encoder = Encoder({"objective.0": f})
    data = encoder.encode(memo)
    other = Changing([1.0, 2.0])
    other.revision = 100
    back = Decoder(encoder.arrays, {"objective.0": other}).decode(data)
    assert back.objective is other
    assert back.knows(x) == memo.knows(x) == (change == 0)
    assert back.gradient_norm(Euclidean()) == memo.gradient_norm(Euclidean())
    assert (back.value(x), value) == (f.value(x), f.value(x))


def test_memo_that_knows_nothing_stays_so():
    f = Quadratic([1.0])
    back = through_json(Memo(f), {"objective.0": f})
    assert math.isnan(back.gradient_norm(Euclidean()))


def test_every_state_of_the_engine_may_be_stored():
    from mgres import mgopt, training

    states = {
        item
        for package in (mgopt, training)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        for item in vars(importlib.import_module(module.name)).values()
        if isinstance(item, type) and dataclasses.is_dataclass(item) and "State" in item.__name__
    }
    # a coupling, which is a part of the method
    assert {state.__name__ for state in states - set(_NAMES)} == {"StateDefect"}
    assert len(states) > 12


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        Quadratic([1.0]),
        np.random.default_rng(0),
        lambda: 0,
        1j,
        b"",
        np.complex64(1),
    ],
)
def test_other_classes_are_refused(value):
    with pytest.raises(TypeError, match="cannot store a"):
        Encoder({}).encode(value)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"novelty": 1},
        {"float": "1"},
        {"float": "nan", "more": 1},
        {"array": "none"},
        {"array": ["x"]},
        {"scalar": 1},
        {"scalar": 1, "dtype": "none"},
        {"scalar": 1, "dtype": "object"},
        {"scalar": [1], "dtype": "float32"},
        {"scalar": 300, "dtype": "int8"},
        {"scalar": -1, "dtype": "uint64"},
        {"scalar": 1.5, "dtype": "int64"},
        {"scalar": 1e300, "dtype": "float32"},
        {"scalar": 1, "dtype": "bool"},
        {"reference": "none"},
        {"tuple": 3},
        {"deque": [], "maxlen": -1},
        {"deque": []},
        {"dict": [[1]]},
        {"dict": [[[], 1]]},
        {"object": "Popen", "attributes": {}},
        {"object": "Count", "attributes": {}},
        {"object": "Count", "attributes": {"steps": 1, "more": 2}},
        {"object": "Count", "attributes": []},
        {"object": ["Count"], "attributes": {}},
        {"memo": {}},
        {"memo": 3},
        {"memo": {"objective": 1, "age": 0, "value": 0.0, "point": None, "gradient": None}},
    ],
    ids=str,
)
def test_what_no_encoder_makes_is_refused(data):
    with pytest.raises(ValueError):
        Decoder({}, {}).decode([data])
