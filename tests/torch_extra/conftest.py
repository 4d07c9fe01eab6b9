"""One thread each for PyTorch and the core, and PyTorch's random numbers put back."""

import pytest

import mgres


@pytest.fixture(autouse=True)
def one_thread():
    """The threads of both would wait for each other."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    mgres.set_num_threads(1)


@pytest.fixture(autouse=True)
def own_random_numbers(one_thread):
    torch = pytest.importorskip("torch")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
