"""The small handwritten digits that ship with scikit-learn: 8x8 pixels, ten classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..checks import check_integer
from .circles import Seed, Split, check_float_dtype

_COUNT = 1797


def digits(seed: Seed = 0, n_val: int = 360, dtype: npt.DTypeLike = np.float32) -> Split:
    """Load scikit-learn's digits, shuffled, scaled and centred.

    The set needs no download, which makes it a stand-in for `mnist` in tests and examples; it
    does need scikit-learn, an optional dependency.

    Parameters
    ----------
    seed : int or anything `numpy.random.default_rng` takes, default 0
        Seed of the shuffle, which decides who is in which set. Equal seeds give equal bits.
    n_val : int, default 360
        Number of images kept for validation, 1 to 1796. The others of the 1797 are for training.
    dtype : dtype_like, default float32
        float32 or float64, of the images. The float32 set is the float64 set, rounded once.

    Returns
    -------
    X_train : ndarray, shape (1797 - n_val, 64)
        C-contiguous training images, a row each, pixels row by row. Grey levels, scaled to
        [0, 1], less the mean training image.
    y_train : ndarray of int64, shape (1797 - n_val,)
        Training labels, 0 to 9.
    X_val, y_val : ndarray
        The same for validation, shapes (n_val, 64) and (n_val,), less the same mean.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    TypeError
        If `dtype` is not a dtype, or `numpy.random.default_rng` does not take `seed`.
    ValueError
        If `n_val` is not an integer from 1 to 1796, if `dtype` is a dtype other than float32 and
        float64, or if `seed` is negative.

    References
    ----------
    E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository, 1998; the test part, as `sklearn.datasets.load_digits` returns it.
    """
    n_val = check_integer("n_val", n_val, most=_COUNT - 1)
    dtype = check_float_dtype(dtype)
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            'mgres.datasets.digits needs scikit-learn: pip install "mgres[sklearn]"'
        ) from error

    levels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(_COUNT)
    images = levels[order] / 16.0
    labels = labels[order].astype(np.int64)
    n_train = _COUNT - n_val
    images -= images[:n_train].mean(axis=0)
    X = images.astype(dtype, order="C")
    return X[:n_train], labels[:n_train], X[n_train:], labels[n_train:]


def digits_pca(
    seed: Seed = 0,
    components: int = 10,
    n_train: int = 1000,
    dtype: npt.DTypeLike = np.float32,
) -> Split:
    """Load scikit-learn's digits in whitened principal components.

    Few inputs, uncorrelated and of unit variance on the training images, which leave all work of
    telling ten classes apart to the layers of a narrow network.

    Parameters
    ----------
    seed : int or anything `numpy.random.default_rng` takes, default 0
        Seed of the shuffle, which decides who is in which set.
    components : int, default 10
        Number of inputs, 1 to 61 (three of the 64 pixels are always blank).
    n_train : int, default 1000
        Number of training images, 100 to 1796; the others of the 1797 are for validation.
    dtype : dtype_like, default float32
        float32 or float64.

    Returns
    -------
    X_train : ndarray, shape (n_train, components)
        Inputs: the largest principal components of the training images first, divided by their
        standard deviations.  The sign of a component is such that its largest weight is positive.
    y_train : ndarray of int64, shape (n_train,)
        Training labels, 0 to 9.
    X_val, y_val : ndarray
        The same for the other images, by the transformation of the training images.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    TypeError
        If `dtype` is not a dtype, or `numpy.random.default_rng` does not take `seed`.
    ValueError
        If a number is out of its range, or `dtype` is a dtype other than float32 and float64.
    """
    components = check_integer("components", components, most=61)
    n_train = check_integer("n_train", n_train, 100, _COUNT - 1)
    dtype = check_float_dtype(dtype)
    X_train, y_train, X_val, y_val = digits(seed, _COUNT - n_train, np.float64)
    _, values, axes = np.linalg.svd(X_train, full_matrices=False)
    axes = axes[:components]
    largest = np.argmax(np.abs(axes), axis=1)
    signs = np.sign(axes[np.arange(components), largest])
    deviations = values[:components] / np.sqrt(n_train)
    transform = (axes * (signs / deviations)[:, None]).T
    X_train, X_val = ((X @ transform).astype(dtype, order="C") for X in (X_train, X_val))
    return X_train, y_train, X_val, y_val
