"""Merging and ordering of samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgres.sklearn.samples import WeightedSamples, merged, positive


def weights_by_sample(samples):
    total = {}
    for x, y, w in zip(samples.X, samples.y, samples.weights, strict=True):
        key = (tuple(x.tolist()), y.tolist())
        total[key] = total.get(key, 0) + w
    return total


@given(
    rows=st.lists(
        st.tuples(st.sampled_from([-1.0, -0.0, 0.0, 2.5]), st.integers(0, 1), st.integers(1, 3)),
        min_size=1,
    ),
    seed=st.integers(0, 99),
)
def test_merging_keeps_the_weight_of_every_sample_and_forgets_the_order(rows, seed):
    x, y, w = (np.array(column) for column in zip(*rows, strict=True))
    samples = WeightedSamples(x.reshape(-1, 1), y, w.astype(float))
    once = merged(samples)
    assert weights_by_sample(once) == weights_by_sample(samples)
    assert len(once) == len(weights_by_sample(samples))
    order = np.random.default_rng(seed).permutation(len(rows))
    again = merged(samples[order])
    np.testing.assert_array_equal(again.X, once.X)
    np.testing.assert_array_equal(again.y, once.y)
    np.testing.assert_array_equal(again.weights, once.weights)


def test_a_weight_is_as_good_as_repetition(rng):
    X, y = rng.standard_normal((5, 2)).astype(np.float32), rng.standard_normal((5, 2))
    w = np.array([1, 3, 2, 1, 4])
    weighted = merged(WeightedSamples(X, y, w.astype(float)))
    repeated = merged(WeightedSamples(X.repeat(w, 0), y.repeat(w, 0), np.ones(w.sum())))
    np.testing.assert_array_equal(weighted.X, repeated.X)
    np.testing.assert_array_equal(weighted.weights, repeated.weights)


def test_samples_of_weight_zero_are_left_out():
    X, y = np.arange(3.0).reshape(3, 1), np.array(["a", "b", "a"])
    samples = positive(X, y, np.array([1.0, 0.0, 2.0]))
    assert samples.X[:, 0].tolist() == [0, 2]
    assert samples.y.tolist() == ["a", "a"]
    assert samples.sample_weight.tolist() == [1, 2]
    assert positive(X, y, np.full(3, 0.5)).sample_weight is None


@pytest.mark.parametrize("weights", [[1.0, -1.0], [0.0, 0.0]])
def test_wrong_weights_are_refused(weights):
    with pytest.raises(ValueError, match="sample_weight: expected"):
        positive(np.ones((2, 1)), np.ones(2), np.array(weights))
