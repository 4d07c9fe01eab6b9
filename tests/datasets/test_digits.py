import sys

import numpy as np
import pytest

from mgres.datasets import digits, digits_pca


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


def test_pca_inputs_are_white_on_the_training_images(original):
    X, y, X_val, y_val = digits_pca(seed=3, dtype=np.float64)
    assert [a.shape for a in (X, y, X_val, y_val)] == [(1000, 10), (1000,), (797, 10), (797,)]
    assert np.max(np.abs(X.mean(axis=0))) < 1e-10
    assert np.max(np.abs(X.T @ X / 1000 - np.eye(10))) < 1e-10


def test_pca_inputs_are_projections_on_the_leading_axes(original):
    X, y, X_val, y_val = digits_pca(seed=3, components=4, dtype=np.float64)
    images, labels, others, other_labels = digits(3, 797, np.float64)
    assert np.array_equal(y, labels)
    assert np.array_equal(y_val, other_labels)
    # whitened components are what a linear map makes of the images, with the leading variances
    A = np.linalg.lstsq(images, X, rcond=None)[0]
    assert np.max(np.abs(others @ A - X_val)) < 1e-8
    variances = np.linalg.eigvalsh(images.T @ images / 1000)[::-1][:4]
    assert np.linalg.norm(A, axis=0) ** -2 == pytest.approx(variances)
    assert np.all(A[np.argmax(np.abs(A), axis=0), range(4)] > 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"components": 62}, "components: expected an integer from 1 to 61, got 62"),
        ({"n_train": 99}, "n_train: expected an integer from 100 to 1796, got 99"),
        ({"n_train": 1797}, "n_train: expected an integer from 100 to 1796, got 1797"),
    ],
)
def test_pca_refuses_numbers_out_of_range(changes, message):
    with pytest.raises(ValueError, match=message):
        digits_pca(**changes)
