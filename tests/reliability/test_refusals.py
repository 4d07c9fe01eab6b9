"""What cannot fit is refused before anything is done, with the bytes."""

import re

import pytest

import mgres
from mgres import memory


@pytest.fixture
def little(monkeypatch):
    """So little memory that a network of 100,000 layers does not fit."""
    monkeypatch.setattr(memory, "available_memory", lambda: 10_000_000)


def test_training_is_refused(little):
    X, y, *_ = mgres.datasets.circles(1, 100, 10)
    net = mgres.ResNet(2, 10, 2, 100_000)
    f = mgres.ResNetObjective(net, X, y)
    with pytest.raises(MemoryError) as caught:
        mgres.fit(f)
    found = re.fullmatch(
        r"fit: training needs at least (\d+) MB of memory, 10 MB are available", str(caught.value)
    )
    assert int(found[1]) == pytest.approx(5 * net.size * 4 / 1e6, abs=1)


def test_a_start_is_refused(little):
    with pytest.raises(MemoryError, match="theta: a start needs at least 124 MB of memory, 10 MB"):
        mgres.ResNet(2, 10, 2, 100_000).init(0)
    assert mgres.ResNet(2, 10, 2, 100).init(0).size == 11042


def test_what_is_available():
    available = memory.available_memory()
    if available is None:
        pytest.skip("this system does not tell")
    assert 1e6 < available < 1e15


def test_a_limited_address_space(run_python):
    """`ulimit -v`: the refusal comes instead of a failure of NumPy's somewhere on the way."""
    if memory.available_memory() is None:
        pytest.skip("this system does not tell")
    run_python("""
        import resource
        import numpy as np
        import mgres
        mgres.ResNet(2, 3, 2, 4).init(0)
        limit = 3_000_000_000
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        net = mgres.ResNet(10, 100, 2, 20_000)  # 808 MB of parameters
        f = mgres.ResNetObjective(net, np.zeros((10, 10), "f4"), np.zeros(10, int))
        try:
            mgres.fit(f)
        except MemoryError as error:
            assert str(error).startswith("fit: training needs at least 4.0 GB of memory, "), error
        else:
            raise SystemExit("it was not refused")
        lines = open("/proc/self/status").read().splitlines()
        peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
        assert peak < 300_000
    """)


def test_numpy_may_raise_in_the_callers_program():
    """numpy.seterr(all="raise") is the caller's affair; the tests of this project run with it."""
    import numpy as np

    X, y, *_ = mgres.datasets.circles(1, 100, 10)
    f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, 16), X, y)
    with np.errstate(all="raise"):
        assert mgres.fit(f, max_cycles=5).history.cycles == 5
        with pytest.raises(mgres.DivergenceError):
            mgres.fit(f, method="single", optimizer=mgres.GradientDescent(1e30), max_cycles=50)
