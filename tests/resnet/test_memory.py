"""The memory of a gradient: what is promised is held, and it does not grow with the batch."""

from __future__ import annotations

import numpy as np
import pytest

import mgres


def held(net: mgres.ResNet, n: int) -> int:
    """Return the bytes that an evaluator holds after one gradient."""
    evaluator = net.evaluator()
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, net.n_inputs)).astype(net.dtype)
    y = rng.integers(0, net.n_outputs, n)
    theta = np.zeros(net.size, net.dtype)
    evaluator.value_and_grad(theta, X, y, np.empty_like(theta))
    return evaluator.workspace_bytes


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("width", "depth", "n", "activation"),
    [
        (3, 2048, 700, "relu"),
        (10, 64, 1, "relu"),
        (10, 3000, 200, "tanh"),
        (40, 300, 300, "relu"),
        (5, 17, 6001, "logistic"),
    ],
)
def test_the_estimate_is_what_is_held(
    width: int, depth: int, n: int, activation: str, dtype: str, threads: int
) -> None:
    net = mgres.ResNet(
        n_inputs=7, width=width, n_outputs=3, depth=depth, activation=activation, dtype=dtype
    )
    before = mgres.get_num_threads()
    mgres.set_num_threads(threads)
    try:
        assert held(net, n) == mgres.estimate_memory(net, n)
    finally:
        mgres.set_num_threads(before)


def test_memory_does_not_grow_with_the_batch() -> None:
    net = mgres.ResNet(n_inputs=784, width=10, n_outputs=10, depth=2048)
    bytes_of = [mgres.estimate_memory(net, n) for n in (10_000, 60_000, 1_000_000)]
    assert bytes_of[0] <= bytes_of[1] <= bytes_of[2]
    assert bytes_of[2] - bytes_of[0] < 1e6  # a loss per chunk
    states = 60_000 * 2048 * 10 * 4
    assert bytes_of[1] < 100e6 < states / 40


def test_a_wrong_number_of_samples_is_named() -> None:
    net = mgres.ResNet(n_inputs=2, width=3, n_outputs=2, depth=4)
    for wrong in (0, 1.5, True, "5", 10**400):
        with pytest.raises(ValueError, match=r"n_samples: expected an integer from 1 to \d+, got"):
            mgres.estimate_memory(net, wrong)  # type: ignore[arg-type]
