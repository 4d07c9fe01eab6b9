"""Coarse levels: which schemes they have, what they cost, what they agree with."""

import numpy as np
import pytest

import mgres
from mgres.mgopt import WorkUnits

from .problems import random_problem


def objective(depth=48, **options):
    net = mgres.ResNet(2, 4, 2, depth, 2.0, "tanh", np.float64, **options)
    _, X, _, y = random_problem(net, 30)
    return mgres.ResNetObjective(net, X, y)


@pytest.mark.parametrize(
    ("options", "scheme", "expected"),
    [
        ({}, None, ("euler", 1)),
        ({}, "euler", ("euler", 1)),
        ({}, "matched", ("matched", 4)),
        ({"scheme": "matched", "substeps": 2}, None, ("matched", 8)),
        ({"scheme": "matched", "substeps": 1.5}, "matched", ("matched", 6)),
        ({"scheme": "rk4"}, None, ("rk4", 1)),
        ({"scheme": "verlet"}, "verlet", ("verlet", 1)),
        ({"weights": "antisymmetric", "damping": 0.1}, "matched", ("matched", 4)),
    ],
)
def test_scheme_of_the_coarse_network(options, scheme, expected):
    fine = objective(**options)
    coarse = fine.coarsen(4, scheme)
    assert (coarse.net.scheme.name, coarse.net.substeps) == expected
    assert coarse.net.depth == 12
    assert coarse.net.final_time == fine.net.final_time
    assert coarse.net.weights == fine.net.weights
    assert coarse.samples is fine.samples


@pytest.mark.parametrize(
    ("fine", "coarse", "message"),
    [
        ("euler", "rk4", "scheme: expected euler or matched below euler, got 'rk4'"),
        ("rk4", "matched", "scheme: expected rk4 below rk4, got 'matched'"),
        ("matched", "euler", "scheme: expected matched below matched, got 'euler'"),
        ("euler", "heun", "scheme: expected euler or matched below euler, got 'heun'"),
    ],
)
def test_schemes_that_do_not_fit(fine, coarse, message):
    with pytest.raises(ValueError, match=message):
        objective(scheme=fine).coarsen(2, coarse)


def test_coarsening_twice_is_coarsening_by_the_product():
    f = objective()
    assert f.coarsen(2, "matched").coarsen(4).net == f.coarsen(8, "matched").net


def test_matched_coarse_output_is_closer_by_an_order():
    """With parameters that are constant in t: the error by the step size."""
    errors = {None: [], "matched": []}
    for depth in (64, 128, 256):
        f = objective(depth)
        theta = f.net.init(1, "constant")
        for scheme, found in errors.items():
            coarse = f.coarsen(4, scheme).net
            z = coarse.logits(coarse.init(1, "constant"), f.samples.X)
            found.append(np.linalg.norm(z - f.net.logits(theta, f.samples.X)))
    for scheme, order in ((None, 1), ("matched", 2)):
        slope = np.polyfit(np.log([4, 2, 1]), np.log(errors[scheme]), 1)[0]
        assert slope == pytest.approx(order, abs=0.25), scheme


# ---- hierarchies ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "levels", "depths"),
    [(2, 4, [48, 24, 12, 6]), (4, 2, [48, 12]), ([2, 8], 3, [48, 24, 3]), ((3,), 2, [48, 16])],
)
@pytest.mark.parametrize("scheme", [None, "matched"])
def test_hierarchy_of_factors(factor, levels, depths, scheme):
    h = mgres.resnet_hierarchy(objective(), levels, factor=factor, coarse_scheme=scheme)
    nets = [level.objective.objective.net for level in h]
    assert [net.depth for net in nets] == depths
    share = 2 if scheme == "matched" else 1
    assert [level.cost for level in h] == [1, *(share * depth / 48 for depth in depths[1:])]
    if scheme == "matched":
        assert [net.substeps for net in nets] == [48 / depth for depth in depths]


def test_costs_are_relative_to_the_finest_stages():
    h = mgres.resnet_hierarchy(objective(scheme="rk4"), 2)
    assert [level.cost for level in h] == [1, 0.5]
    h = mgres.resnet_hierarchy(objective(scheme="matched", substeps=2), 2, factor=4)
    assert [level.cost for level in h] == [1, 0.25]


def test_work_units_count_two_stages():
    h = mgres.resnet_hierarchy(objective(), 2, factor=4, coarse_scheme="matched")
    x = np.zeros(h[1].objective.size)
    h[1].objective.value_and_grad(x, np.empty_like(x))
    assert isinstance(h.work, WorkUnits)
    assert h.work.total == 0.5


def test_table_names_the_scheme_where_it_is_not_euler():
    f = objective()
    assert "scheme" not in str(mgres.resnet_hierarchy(f, 2))
    table = str(mgres.resnet_hierarchy(f, 3, coarse_scheme="matched"))
    assert [line.split()[3] for line in table.splitlines()] == [
        "scheme",
        "euler",
        "matched(2)",
        "matched(4)",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"levels": 3, "factor": [2]}, r"factor: expected 2, one for each level but the coarsest"),
        ({"levels": 3, "factor": [2, 1]}, "factor: expected an integer from 2, got 1"),
        ({"levels": 1, "factor": 1}, "factor: expected an integer from 2, got 1"),
        ({"levels": 3, "factor": [8, 4]}, "need a depth divisible by 32, got 48"),
        ({"levels": 2, "coarse_scheme": "rk4"}, "scheme: expected euler or matched below euler"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        mgres.resnet_hierarchy(objective(), **arguments)


def test_a_cycle_runs_on_matched_levels():
    f = objective()
    h = mgres.resnet_hierarchy(f, 3, metric="time", coarse_scheme="matched")
    theta = f.net.init(0)
    result = mgres.fit(f, theta, hierarchy=h, max_cycles=5)
    assert f.value(result.theta) < f.value(theta)
