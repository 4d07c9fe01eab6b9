"""A run is not continued as another one, whatever its settings are made of."""

import functools
from dataclasses import dataclass

import numpy as np
import pytest

import mgres
from mgres import FullMultigrid, Schedule, VCycle, blocks
from mgres.training.checkpoints.fingerprint import _plain

X, Y, *_ = mgres.datasets.circles(1, 100, 10)


def fit(method, folder, cycles, resume=False):
    f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, 16), X, Y)
    return mgres.fit(
        f,
        hierarchy=mgres.resnet_hierarchy(f, 3),
        cycle=method,
        max_cycles=cycles,
        checkpoint=mgres.Checkpoint(folder, every_cycles=1),
        resume=folder if resume else None,
    )


def steps(n):
    return FullMultigrid(lambda levels: VCycle(Schedule.parse(str([*[n] * (levels - 1), {n}]))))


def of_paper():
    return FullMultigrid(lambda levels: VCycle(Schedule.paper(levels)))


def test_lambdas_are_told_apart(tmp_path):
    fit(of_paper(), tmp_path, 2)
    for other in (steps(5), FullMultigrid()):
        with pytest.raises(ValueError, match="belongs to another run, by its cycle"):
            fit(other, tmp_path, 3, resume=True)
    assert fit(of_paper(), tmp_path, 3, resume=True).history.cycles == 3


def test_values_that_a_lambda_holds_are_told_apart(tmp_path):
    fit(steps(1), tmp_path, 2)
    with pytest.raises(ValueError, match="belongs to another run, by its cycle"):
        fit(steps(2), tmp_path, 3, resume=True)
    assert fit(steps(1), tmp_path, 3, resume=True).history.cycles == 3


def test_kinds_of_functions():
    def power(n):
        def recursive(x):
            return x if n == 0 else recursive(x) * n

        return recursive

    default = [lambda x, n=n: x * n for n in (1, 2)]
    partial = [functools.partial(lambda x, n: x * n, n=n) for n in (1, 2)]
    inner = [lambda x: (lambda y: y + 1)(x), lambda x: (lambda y: y + 2)(x)]
    for a, b in (default, partial, inner, [power(1), power(2)]):
        assert _plain(a) != _plain(b)
        assert _plain(a) == _plain(a)
    assert _plain(power(3)) == _plain(power(3))
    assert _plain(mgres.mgopt.MaxSteps(3)) == "MaxSteps(steps=3)"


def own_block(function, slope):
    """Return a block of a class that is called the same whatever it does."""

    @dataclass(frozen=True)
    class Own(blocks.Custom):
        def parameters(self, width):
            return {"b": (width,)}

        def field(self, p, y):
            value = function(y + p["b"])

            def pull(r):
                s = slope(value) * r
                return s, {"b": s.sum(axis=0)}

            return value, pull

    return Own()


def test_blocks_of_the_same_name_are_told_apart(tmp_path):
    def fit_block(block, cycles, resume):
        f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, 16, block=block), X, Y)
        place = mgres.Checkpoint(tmp_path, every_cycles=1)
        return mgres.fit(
            f, levels=2, max_cycles=cycles, checkpoint=place, resume=tmp_path if resume else None
        )

    fit_block(own_block(np.tanh, lambda v: 1 - v**2), 2, False)
    with pytest.raises(ValueError, match="belongs to another run, by its network"):
        fit_block(own_block(lambda z: z, lambda v: 1 + 0 * v), 3, True)
    assert fit_block(own_block(np.tanh, lambda v: 1 - v**2), 3, True).history.cycles == 3


def scaled(n, power):
    """Return an object that shows neither what it holds nor what it does."""

    class Scaled:
        def __init__(self):
            self.n = n
            self.me = self

        def __call__(self, x):
            return self.n * x**power

    return Scaled()


def test_a_representation_that_is_inherited_says_enough():
    class Named:
        def __init__(self, name, seen):
            self.name, self.seen = name, seen

        def __repr__(self):
            return self.name

    class Further(Named):
        pass

    assert _plain(Further("a", 1)) == _plain(Further("a", 2)) != _plain(Further("b", 1))


@pytest.mark.parametrize(
    "within",
    [
        lambda thing: thing,
        lambda thing: [thing],
        lambda thing: thing.__call__,
        lambda thing: functools.partial(thing, 1),
    ],
)
def test_objects_without_a_representation_are_told_apart(within):
    one = _plain(within(scaled(1, 2)))
    assert one == _plain(within(scaled(1, 2)))
    assert one != _plain(within(scaled(2, 2)))


def test_classes_of_the_same_name_are_told_apart():
    assert _plain(type(scaled(1, 2))) == _plain(type(scaled(1, 2)))
    assert _plain(type(scaled(1, 2))) != _plain(type(scaled(1, 3)))


def test_long_arrays_are_told_apart():
    start = np.zeros((500, 20))
    other = start.copy()
    other[250, 10] = 1e-12
    decays = [mgres.resnet.DecayToStart(1.0, a) for a in (start, other, start.copy())]
    assert _plain(decays[0]) != _plain(decays[1])
    assert _plain(decays[0]) == _plain(decays[2])
