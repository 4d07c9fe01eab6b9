"""A run is not continued as another one, whatever its settings are made of."""

import functools

import pytest

import mgres
from mgres import FullMultigrid, Schedule, VCycle
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
