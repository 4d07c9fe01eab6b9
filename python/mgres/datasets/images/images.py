"""Images of one's own: pictures in folders, or arrays of pixels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..targets import Label
from .folder import Part, Passed, find_parts, find_pictures, read_part, shown
from .pictures import MODEL, Wanted, read_pictures
from .samples import Shape, check_channels
from .stored import is_stored, read_stored

Samples = NDArray[np.float32]
Labels = NDArray[np.int64]

HELD_BACK = "{}: is left for `mgres evaluate`; the validation is on {}"


@dataclass(frozen=True)
class Images:
    """Images with classes.

    Attributes
    ----------
    X : ndarray, shape (n, channels * height * width)
        Training images, a row each, float32 in [0, 1]: feature (c*H + i)*W + j is channel c of the
        pixel in row i and column j, as in :class:`mgres.blocks.Filters`.
    y : ndarray, shape (n,)
        Their classes by number, int64.
    X_val, y_val : ndarray
        The same of the images that are for validation; without rows if there are none.
    shape : tuple of int
        Channels, height and width of an image.
    classes : tuple of str or int
        Names of the classes by number.
    files, files_val : tuple of Path
        Where each row comes from; empty for arrays.
    said : tuple of str
        What should be known: a line each about what was passed over, and what was made equal.
    """

    X: Samples
    y: Labels
    X_val: Samples
    y_val: Labels
    shape: Shape
    classes: tuple[Label, ...]
    files: tuple[Path, ...] = ()
    files_val: tuple[Path, ...] = ()
    said: tuple[str, ...] = ()


def read_images(
    path: str | os.PathLike[str],
    target: str | None = None,
    *,
    channels: int | None = None,
    size: int | tuple[int, int] | None = None,
) -> Images:
    r"""Read images out of a folder of classes, an archive of arrays or idx files.

    ==========================  ====================================================================
    path                        what it holds
    ==========================  ====================================================================
    a folder                    a sub-folder for each class, with pictures in it: PNG, JPEG, BMP,
                                GIF, TIFF, WebP and others that Pillow reads (extra ``images``).
                                They may be in a folder ``train`` beside one for validation, ``val``
                                or ``test``.
    ``*.npz``                   arrays ``x_train``, ``y_train`` and perhaps ``x_test``, ``y_test``,
                                or ``X`` and ``y``
    ``*-idx3-ubyte``,           images; `target` is the file of their labels
    ``*.idx``
    ==========================  ====================================================================

    Arrays have the shape (n, H, W), (n, H, W, C) or (n, C, H, W), where C is 1 or 3.

    Pictures are set upright as cameras ask for it, what is transparent is laid on white, 16 bits
    are kept where they are grey, and of files with several pictures the first is read.  Hidden
    files are passed over, and what is no picture by its name is counted in :attr:`Images.said`.

    Parameters
    ----------
    path : str or path-like
        The folder or file.
    target : str, optional
        Of an archive, the array of labels instead of ``y``; of idx files, the file of labels.
    channels : int, optional
        1 makes all images grey, 3 gives all three colours; by default what they are, and three
        colours for all if some have them.
    size : int or tuple of int, optional
        Height and width to which pictures are resized, whatever their proportions; a number is
        both.  By default all must have the size of the first.

    Returns
    -------
    Images

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    ImportError
        If Pillow is missing, and needed.
    ValueError
        If there are no such images: the message names the file, what was expected and what came.
    MemoryError
        If they would not fit.  They take 4 bytes for each number, and beside them one picture at a
        time is decoded.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "lines.npz"
    >>> upright = np.zeros((3, 5, 4), np.uint8)
    >>> upright[:, :, 2] = 255
    >>> level = np.zeros((3, 5, 4), np.uint8)
    >>> level[:, 1] = 255
    >>> np.savez(path, X=np.concatenate([upright, level]), y=["upright"] * 3 + ["level"] * 3)
    >>> images = read_images(path)
    >>> images.X.shape, images.shape, images.classes, images.y.tolist()
    ((6, 20), (1, 5, 4), ('level', 'upright'), [1, 1, 1, 0, 0, 0])
    """
    check_channels(channels)
    wanted = Wanted(channels, _size(size), size is not None)
    path = Path(path)
    if path.is_dir():
        if target is not None:
            raise ValueError(f"target: in {path} the folders name the classes, got {target!r}")
        return _read_folder(path, wanted)
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file or folder")
    if not is_stored(path):
        raise ValueError(
            f"{path}: expected a folder with a sub-folder for each class, *.npz or *-idx3-ubyte"
        )
    if size is not None:
        raise ValueError(f"size: is for pictures in a folder, and {path} holds arrays")
    stored, validation = read_stored(path, target, channels)
    X_val, y_val = _none(stored.X.shape[1]) if validation is None else validation
    return Images(stored.X, stored.y, X_val, y_val, stored.shape, stored.classes)


def read_labelled(
    path: Path, classes: Sequence[Label], shape: Shape, *, is_resized: bool
) -> tuple[Samples, Labels, tuple[str, ...]]:
    """Return samples and labels of a folder for a model, and what should be known.

    Of parts, those that were left for a test are read, or else those of the validation.
    """
    passed = Passed()
    train, validation, test = find_parts(path, passed)
    chosen = test or validation or train
    said = () if chosen == path else (f"read from {shown(chosen)}",)
    part = read_part(chosen, passed, classes, "the model")
    wanted = Wanted(shape[0], shape[1:], is_resized, MODEL)
    X, _, more = read_pictures(part.files, wanted, str(chosen))
    return X, np.array(part.labels, np.int64), (*said, *passed.told(), *more)


def read_unlabelled(
    paths: Sequence[Path], shape: Shape, *, is_resized: bool
) -> tuple[Samples, list[Path]]:
    """Return samples of pictures for a model, and the file of each; of a folder all below it."""
    files = [file for path in paths for file in find_pictures(path)]
    wanted = Wanted(shape[0], shape[1:], is_resized, MODEL)
    X, _, _ = read_pictures(files, wanted, str(paths[0]))
    return X, files


def _read_folder(path: Path, wanted: Wanted) -> Images:
    passed = Passed()
    folder, validation, test = find_parts(path, passed)
    part = read_part(folder, passed)
    held = None
    if validation is not None:
        held = read_part(validation, passed, part.classes, str(folder))
    X, shape, said = read_pictures(part.files, wanted, str(folder))
    if held is None:
        X_val, y_val = _none(X.shape[1])
    else:
        as_those = Wanted(shape[0], shape[1:], wanted.is_resized, f"those in {folder}")
        X_val, _, _ = read_pictures(held.files, as_those, str(held.folder))
        y_val = np.array(held.labels, np.int64)
    if test is not None and validation is not None:
        said = (*said, HELD_BACK.format(shown(test), shown(validation)))
    return Images(
        X,
        np.array(part.labels, np.int64),
        X_val,
        y_val,
        shape,
        part.classes,
        part.files,
        _files(held),
        (*passed.told(), *said),
    )


def _files(part: Part | None) -> tuple[Path, ...]:
    return () if part is None else part.files


def _none(features: int) -> tuple[Samples, Labels]:
    return np.empty((0, features), np.float32), np.empty(0, np.int64)


def _size(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Return height and width.

    Raises
    ------
    ValueError
        If `size` is not one or two positive integers.
    """
    if size is None:
        return None
    both = (size, size) if isinstance(size, int) else size
    if not (
        isinstance(both, Sequence)
        and len(both) == 2
        and all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in both)
    ):
        raise ValueError(f"size: expected an integer from 1, or height and width, got {size!r}")
    return (both[0], both[1])
