"""MNIST, the handwritten digits of LeCun, Cortes and Burges: 28x28 pixels, ten classes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .circles import Split, check_float_dtype
from .download import SHA256, cache_folder, find_file
from .idx import read_idx

_SIDE = 28
_BLOCK = 4096  # images converted at a time: their float64 copy stays at 26 MB


def mnist(
    path: str | os.PathLike[str] | None = None,
    dtype: npt.DTypeLike = np.float32,
    center: Literal["pixel", "global"] | None = "pixel",
) -> Split:
    """Load MNIST from the disk, scaled and centred.

    The folder of the files is `path`; else what the environment variable ``MGRES_DATA`` names, or
    the subfolder ``mnist`` of that; else the per-user cache folder, where `download_mnist` puts
    them. The files are ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
    ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, each with or without ``.gz``; the
    ``.gz`` is read if there are both. Subsets in the same format are welcome.

    Parameters
    ----------
    path : str or path-like, optional
        The folder; no other is searched then.
    dtype : dtype_like, default float32
        float32 or float64, of the images. The float32 set is the float64 set, rounded once.
    center : {"pixel", "global", None}, default "pixel"
        What to subtract from both sets once pixels are scaled to [0, 1]: the mean training image,
        the mean of all pixels of all training images, or nothing.

    Returns
    -------
    X_train : ndarray, shape (n_train, 784)
        C-contiguous training images, a row each, pixels row by row; n_train is 60,000 for the
        complete set. Grey levels: before centring 0 is background and 1 is ink.
    y_train : ndarray of int64, shape (n_train,)
        Training labels, 0 to 9.
    X_val, y_val : ndarray
        The same for the files ``t10k-*``, shapes (n_val, 784) and (n_val,); 10,000 when complete.

    Raises
    ------
    FileNotFoundError
        If files are missing. The message says which, where they were looked for, and how to
        get them.
    TypeError
        If `dtype` is not a dtype.
    ValueError
        If `dtype` is a dtype other than float32 and float64, `center` is unknown, or a file does
        not hold what it should: intact idx, images of 28x28 uint8, labels 0 to 9, as many labels
        as images, and at least one.

    See Also
    --------
    download_mnist : Fetch the files.
    """
    dtype = check_float_dtype(dtype)
    if center not in ("pixel", "global", None):
        raise ValueError(f"center: expected 'pixel', 'global' or None, got {center!r}")
    folder = _folder(path)
    train_images, y_train = _read_set(folder, "train")
    val_images, y_val = _read_set(folder, "t10k")

    # sums of bytes are exact in float64, so that the means depend on no summation order
    mean: Any = 0.0
    if center is not None:
        axis = 0 if center == "pixel" else None
        mean = train_images.mean(axis=axis, dtype=np.float64) / 255.0
    return _scale(train_images, mean, dtype), y_train, _scale(val_images, mean, dtype), y_val


def _folder(path: str | os.PathLike[str] | None) -> Path:
    """Return the folder that holds all four files."""
    if path is not None:
        candidates = [Path(path).expanduser()]
    elif data := os.environ.get("MGRES_DATA"):
        candidates = [Path(data).expanduser(), Path(data).expanduser() / "mnist"]
    else:
        candidates = [cache_folder()]

    missing = {
        folder: [name for name in SHA256 if find_file(folder, name) is None]
        for folder in candidates
    }
    for folder, names in missing.items():
        if not names:
            return folder

    hint = "When online, mgres.datasets.download_mnist() fetches them"
    if candidates[0] != cache_folder():
        hint += f"; with folder={str(candidates[0])!r} it puts them there"
    raise FileNotFoundError(
        "\n".join(
            ["MNIST: expected these four files, each with or without .gz, in one folder"]
            + [f"  {name}" for name in SHA256]
            + [f"but {folder} lacks {', '.join(names)}." for folder, names in missing.items()]
            + ["Point path= or the environment variable MGRES_DATA to a folder that has them."]
            + [f"{hint}."]
        )
    )


def _read_set(folder: Path, prefix: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the images, shape (n, 784), and the labels, shape (n,), of one of the two sets."""
    images_path, images = _read(folder, f"{prefix}-images-idx3-ubyte")
    labels_path, labels = _read(folder, f"{prefix}-labels-idx1-ubyte")
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (_SIDE, _SIDE):
        raise ValueError(
            f"{images_path}: expected images of shape (n, {_SIDE}, {_SIDE}) and dtype uint8, "
            f"got shape {images.shape} and dtype {images.dtype}"
        )
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise ValueError(
            f"{labels_path}: expected labels of shape (n,) and dtype uint8, "
            f"got shape {labels.shape} and dtype {labels.dtype}"
        )
    if len(images) == 0:
        raise ValueError(f"{images_path}: expected at least one image, got none")
    if len(images) != len(labels):
        raise ValueError(
            f"{labels_path}: expected {len(images)} labels, as many as images, got {len(labels)}"
        )
    if labels.max() > 9:
        raise ValueError(f"{labels_path}: expected labels from 0 to 9, got {labels.max()}")
    return images.reshape(len(images), _SIDE * _SIDE), labels.astype(np.int64)


def _read(folder: Path, name: str) -> tuple[Path, npt.NDArray[Any]]:
    path = find_file(folder, name) or folder / name
    return path, read_idx(path)


def _scale(
    images: npt.NDArray[np.uint8], mean: Any, dtype: np.dtype[np.floating[Any]]
) -> npt.NDArray[np.floating[Any]]:
    """Return ``images / 255 - mean``, computed in float64 and rounded once to `dtype`."""
    scaled = np.empty(images.shape, dtype)
    for start in range(0, len(images), _BLOCK):
        rows = slice(start, start + _BLOCK)
        scaled[rows] = np.divide(images[rows], 255.0, dtype=np.float64) - mean
    return scaled
