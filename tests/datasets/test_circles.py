import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgres.datasets import circles

# the package's attribute of this name is the function
module = importlib.import_module("mgres.datasets.circles")

UNIT = st.floats(0.0, 1.0, exclude_max=True)


def in_region(X, y):
    """Whether each point is in its class's region, by norms of the points' own precision."""
    assert X.dtype in (np.float32, np.float64)
    norm = np.sqrt(X[:, 0] * X[:, 0] + X[:, 1] * X[:, 1])
    assert norm.dtype == X.dtype
    return np.where(y == 1, (norm >= 2) & (norm < 3), norm < 1)


def cdf_distance(sample):
    """Kolmogorov-Smirnov distance of a sample from the uniform distribution on [0, 1]."""
    sample = np.sort(sample)
    rank = np.arange(len(sample) + 1) / len(sample)
    return max(np.max(rank[1:] - sample), np.max(sample - rank[:-1]))


@pytest.mark.parametrize("dtype", [np.float32, "float64", "f4", np.dtype("f8"), float])
@pytest.mark.parametrize("variant", ["gap", "literal"])
def test_shapes_dtypes_and_layout(dtype, variant):
    X_train, y_train, X_val, y_val = circles(3, n_train=7, n_val=np.int64(4), dtype=dtype)
    assert (X_train.shape, y_train.shape, X_val.shape, y_val.shape) == ((7, 2), (7,), (4, 2), (4,))
    for X, y in ((X_train, y_train), (X_val, y_val)):
        assert X.dtype == np.dtype(dtype)
        assert X.flags.c_contiguous
        assert X.flags.writeable
        assert y.dtype == np.int64


def test_defaults():
    X_train, _, X_val, _ = circles(0)
    assert X_train.shape == (2000, 2)
    assert X_val.shape == (1000, 2)
    assert X_train.dtype == np.float32
    assert not np.any(np.isclose(np.linalg.norm(X_train, axis=1), 1.5, atol=0.4))  # the gap


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_gap_points_are_in_their_regions(dtype):
    X_train, y_train, X_val, y_val = circles(1, n_train=200_000, n_val=1000, dtype=dtype)
    assert in_region(X_train, y_train).all()
    assert in_region(X_val, y_val).all()


@settings(deadline=None)
@given(chance=UNIT, share=UNIT, turn=UNIT)
def test_gap_rounding_cannot_leave_a_region(chance, share, turn):
    edges = (share, 0.0, np.nextafter(1.0, 0.0), np.nextafter(0.0, 1.0))
    turns = (turn, 0.0, 0.125, 0.25, 0.5, np.nextafter(1.0, 0.0))
    uniform = np.array([[c, s, t] for c in (chance, 0.0, 0.5) for s in edges for t in turns])
    X, y = module._gap(uniform)
    assert in_region(X, y).all()
    assert in_region(X.astype(np.float32), y).all()
    # exactly, too: float64 holds the squares of float32 numbers
    assert in_region(X.astype(np.float32).astype(np.float64), y).all()


def test_gap_is_uniform_by_area():
    n = 100_000
    X, y, _, _ = circles(2, n_train=n, dtype="f8")
    ring = y == 1
    assert abs(ring.mean() - 0.5) < 4 * 0.5 / np.sqrt(n)
    square = np.sum(X**2, axis=1)
    bound = 2.0 / np.sqrt(n / 2)  # exceeded by chance once in 1,500 seeds
    assert cdf_distance(square[~ring]) < bound
    assert cdf_distance((square[ring] - 4) / 5) < bound
    turn = np.arctan2(X[:, 1], X[:, 0]) / (2 * np.pi) + 0.5
    assert cdf_distance(turn[~ring]) < bound
    assert cdf_distance(turn[ring]) < bound


def test_literal_follows_equation_11():
    n = 100_000
    X, y, _, _ = circles(2, n_train=n, dtype="f8", variant="literal")
    assert np.all(np.abs(X) <= 3)
    norm = np.linalg.norm(X, axis=1)
    np.testing.assert_array_equal(y, (norm >= 2) & (norm < 3))
    bound = 2.0 / np.sqrt(n)
    assert cdf_distance((X[:, 0] + 3) / 6) < bound
    assert cdf_distance((X[:, 1] + 3) / 6) < bound
    assert np.any((norm > 3) & (y == 0))  # corners
    assert np.any((norm > 1) & (norm < 2) & (y == 0))  # no gap


@pytest.mark.parametrize("variant", ["gap", "literal"])
def test_same_seed_same_bits_and_float32_is_rounded_float64(variant):
    single = circles(5, 300, 200, np.float32, variant)
    again = circles(5, 300, 200, np.float32, variant)
    double = circles(5, 300, 200, np.float64, variant)
    other = circles(6, 300, 200, np.float32, variant)
    for a, b, c, d in zip(single, again, double, other, strict=True):
        assert a.tobytes() == b.tobytes()
        assert a.tobytes() == c.astype(a.dtype).tobytes()
        assert a.tobytes() != d.tobytes()


@pytest.mark.parametrize("variant", ["gap", "literal"])
def test_training_and_validation_are_disjoint_draws_of_one_stream(variant):
    X_train, y_train, X_val, y_val = circles(9, 50, 30, "f8", variant)
    X_all, y_all, _, _ = circles(9, 80, 1, "f8", variant)
    np.testing.assert_array_equal(np.concatenate([X_train, X_val]), X_all)
    np.testing.assert_array_equal(np.concatenate([y_train, y_val]), y_all)
    assert len(np.unique(X_all, axis=0)) == 80


def test_seed_is_anything_default_rng_takes():
    expected = circles(4)[0]
    for seed in (np.int64(4), np.random.SeedSequence(4), np.random.default_rng(4)):
        np.testing.assert_array_equal(circles(seed)[0], expected)
    with pytest.raises(ValueError):
        circles(-1)
    with pytest.raises(TypeError):
        circles("four")


@pytest.mark.parametrize("argument", ["n_train", "n_val"])
@pytest.mark.parametrize("value", [0, -1, 2.0, 2.5, "10", None, True, float("nan")])
def test_bad_size(argument, value):
    with pytest.raises(ValueError) as caught:
        circles(0, **{argument: value})
    assert str(caught.value) == f"{argument}: expected an integer from 1, got {value!r}"


@pytest.mark.parametrize("dtype", ["nonsense", None, 3.5, object()])
def test_no_dtype(dtype):
    with pytest.raises(TypeError, match="dtype: expected float32 or float64, got"):
        circles(0, dtype=dtype)


@pytest.mark.parametrize("dtype", [np.float16, int, "c8", ">f4" if np.little_endian else "<f4"])
def test_wrong_dtype(dtype):
    with pytest.raises(ValueError, match="dtype: expected float32 or float64, got"):
        circles(0, dtype=dtype)


def test_unknown_variant():
    with pytest.raises(ValueError, match="variant: expected 'gap' or 'literal', got 'spiral'"):
        circles(0, variant="spiral")
