"""The recommended recipe: which networks, what they cost, how much L-BFGS may remember."""

import numpy as np
import pytest

import mgres
from mgres.recipes.recommend import coarse_depths

X, Y = np.ones((4, 2), np.float32), np.array([0, 1, 0, 1])


def objective(depth, width=3, **options):
    return mgres.ResNetObjective(mgres.ResNet(2, width, 2, depth, **options), X, Y)


@pytest.mark.parametrize("scheme", ["euler", "rk4", "verlet"])
@pytest.mark.parametrize("batches", [False, True])
def test_a_level_costs_its_evaluations_of_the_field(scheme, batches):
    evaluations = {"euler": 1, "verlet": 1, "matched": 2, "rk4": 4}
    f = objective(128, width=4, scheme=scheme)
    recipe = mgres.recommended(f, batches=batches)
    costs = [level.cost * 128 * evaluations[scheme] for level in recipe.hierarchy]
    nets = [recipe.hierarchy.coarser(l).finest.net for l in range(len(recipe.hierarchy))]
    assert costs == [net.depth * evaluations[net.scheme.name] for net in nets]
    assert len(costs) > 1


@pytest.mark.parametrize(
    ("depth", "final_time", "expected"),
    [
        (512, 1.0, [512, 256, 128, 64, 32, 16]),
        (512, 40.0, [512, 256, 128, 64]),  # 40 / 64 <= 0.64 < 40 / 32
        (96, 1.0, [96, 48, 24]),
        (100, 1.0, [100, 50, 25]),
        (17, 1.0, [17]),
    ],
)
def test_coarse_networks(depth, final_time, expected):
    assert coarse_depths(objective(depth, final_time=final_time), batches=False) == expected


@pytest.mark.parametrize(("width", "depth"), [(3, 64), (64, 256), (64, 1024)])
def test_pairs_take_no_more_memory_than_they_may(width, depth):
    """At most 100 pairs, and 256 MiB of them, but never fewer than ten."""
    f = objective(depth, width)
    finest = mgres.recommended(f).hierarchy[0].optimizer
    fit = 2**28 // (2 * f.size * 4)
    assert finest.memory == min(max(fit, 10), 100)
