import sys

import numpy as np
import pytest

from mgres.datasets import digits


@pytest.fixture
def original():
    return pytest.importorskip("sklearn.datasets").load_digits()


@pytest.mark.parametrize("dtype", [np.float32, "float64"])
def test_shapes_dtypes_and_layout(original, dtype):
    X_train, y_train, X_val, y_val = digits(n_val=97, dtype=dtype)
    assert (X_train.shape, y_train.shape) == ((1700, 64), (1700,))
    assert (X_val.shape, y_val.shape) == ((97, 64), (97,))
    for X, y in ((X_train, y_train), (X_val, y_val)):
        assert X.dtype == np.dtype(dtype)
        assert X.flags.c_contiguous
        assert y.dtype == np.int64


def test_defaults(original):
    X_train, _, X_val, _ = digits()
    assert X_train.shape == (1437, 64)
    assert X_val.shape == (360, 64)
    assert X_train.dtype == np.float32
    np.testing.assert_array_equal(X_train, digits(seed=0)[0])


def test_sets_are_a_shuffled_centred_partition_of_the_original(original):
    X_train, y_train, X_val, y_val = digits(seed=7, dtype="f8")
    assert np.abs(X_train.mean(axis=0)).max() < 1e-14
    assert np.abs(X_val.mean(axis=0)).max() > 1e-3

    # undo the centring, which moved the least level of each pixel along with the others
    least = original.data.min(axis=0) / 16
    X = np.concatenate([X_train, X_val])
    levels = np.rint(16 * (X - X.min(axis=0) + least))
    came = np.column_stack([levels, np.concatenate([y_train, y_val])])
    expected = np.column_stack([original.data, original.target])
    assert not np.array_equal(came, expected)  # shuffled
    np.testing.assert_array_equal(came[np.lexsort(came.T)], expected[np.lexsort(expected.T)])


def test_seed(original):
    single, again, double, other = digits(3), digits(3), digits(3, dtype="f8"), digits(4)
    for a, b, c, d in zip(single, again, double, other, strict=True):
        assert a.tobytes() == b.tobytes()
        assert a.tobytes() == c.astype(a.dtype).tobytes()
        assert a.tobytes() != d.tobytes()


@pytest.mark.parametrize("n_val", [1, 1796])
def test_smallest_and_largest_validation_set(original, n_val):
    X_train, y_train, X_val, y_val = digits(n_val=n_val)
    assert len(X_val) == len(y_val) == n_val
    assert len(X_train) == len(y_train) == 1797 - n_val


@pytest.mark.parametrize("n_val", [0, -1, 1797, 36.0, "360", True, None])
def test_bad_size(n_val):
    with pytest.raises(ValueError) as caught:
        digits(n_val=n_val)
    assert str(caught.value) == f"n_val: expected an integer from 1 to 1796, got {n_val!r}"


def test_bad_dtype():
    with pytest.raises(ValueError, match="dtype: expected float32 or float64"):
        digits(dtype=np.float16)


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "mgres\[sklearn\]"'):
        digits()
