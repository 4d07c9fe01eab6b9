"""Images as the data of a run, and for a model that was trained on images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.columns import listing
from ..datasets.images.images import Images, read_images, read_labelled, read_unlabelled
from ..datasets.images.pictures import is_picture
from ..datasets.images.stored import holds_images, read_labelled_arrays, read_unlabelled_arrays
from ..datasets.table import is_array, is_table
from ..training import Augmented
from . import values
from .scaling import CHUNK, Scaling, pixel_names

Array = NDArray[Any]
Shape = tuple[int, int, int]

TARGET = "class"
"""What names the target of images."""

BATCH = 200
"""Samples of an augmented batch, unless its size is given."""

OPTIONS = ("channels", "size")
"""Those that are for images alone."""


def is_folder(name: str) -> bool:
    """Return whether a name is that of a folder, which is one of classes if it is data."""
    return Path(name).is_dir() and not is_table(name)


def are_images(name: str, given: Mapping[str, Any]) -> bool:
    """Return whether data by this name are images with classes."""
    if given.get("task") == "regression" and not is_folder(name):
        return False  # every pixel is a feature then
    return is_folder(name) or (is_array(name) and holds_images(Path(name)))


def load_images(name: str, given: Mapping[str, Any]) -> Images:
    """Return the images that options name.

    Raises
    ------
    ValueError, OSError, ImportError
        If there are none, or an option is not for images.
    """
    for option in ("ignore", "delimiter"):
        if given.get(option):
            raise ValueError(f"--{option}: is for tables, and {name} holds images")
    if given.get("task") == "regression":
        raise ValueError(f"--task regression: the folders in {name} are classes")
    if is_folder(name) and given.get("target"):
        raise ValueError(f"--target: the folders in {name} name the classes")
    size = given.get("size")
    images = read_images(
        name,
        given.get("target"),
        channels=given.get("channels"),
        size=None if size is None else tuple(size),
    )
    if len(images.X_val) and "validation_fraction" in given:
        raise ValueError(f"--validation-fraction: {name} has images for the validation")
    return images


def told(images: Images) -> tuple[str, ...]:
    """Return what images are, so that a wrong guess is noticed."""
    channels, height, width = images.shape
    kind = "grey" if channels == 1 else "RGB"
    classes = f"{len(images.classes)} classes: {listing(map(str, images.classes), 10)}"
    n = len(images.X) + len(images.X_val)
    return (f"{n} images, {height} x {width} pixels, {kind}; {classes}", *images.said)


def scaling_of(images: Images, X: Array, *, is_resized: bool) -> Scaling:
    """Return the scaling of images by mean and deviation of each channel of training samples.

    It is the same for all pixels of a channel, so that it does not matter whether an image is
    shifted before or after.
    """
    channels, height, width = images.shape
    each = height * width
    pixels = X.reshape(len(X), channels, each)
    mean = pixels.mean(axis=(0, 2), dtype=np.float64)
    square = np.zeros(channels)
    rows = max(1, CHUNK // X.shape[1])
    for start in range(0, len(X), rows):
        square += ((pixels[start : start + rows] - mean[:, None]) ** 2).sum(axis=(0, 2))
    deviation = np.sqrt(square / (len(X) * each))
    scale = np.where(deviation > 0, deviation, 1.0)
    return Scaling(
        pixel_names(images.shape),
        False,
        TARGET,
        images.classes,
        np.repeat(mean, each),
        np.repeat(scale, each),
        shape=images.shape,
        is_resized=is_resized,
    )


def augmented(
    augment: str, batch_size: int | None, name: str, shape: Shape | None, background: Array | None
) -> Augmented:
    """Return the batches that ``--augment`` stands for.

    Raises
    ------
    ValueError
        If the data are no images, or smaller than a shift.
    """
    if shape is None or background is None:
        raise ValueError(f"--augment: is for images, and {name} holds none")
    try:
        return Augmented(batch_size, shape, **values.moves(augment), background=background)
    except ValueError as error:
        raise ValueError(f"--augment {augment}: {error}") from None


# ---- for a model ---------------------------------------------------------------------------------


def labelled_images(
    scaling: Scaling, name: str, target: str | None
) -> tuple[Array, Array, tuple[str, ...]] | None:
    """Return features, numbers of classes, and what should be known; None if there are no images.

    Raises
    ------
    ValueError, OSError, ImportError
        If they are not as the model needs them.
    """
    if is_picture(name):
        raise ValueError(f"{name}: expected a folder with a sub-folder for each class, got a file")
    if not is_folder(name) and not _are_stored(scaling, name):
        return None
    shape = _shape(scaling, name)
    if is_folder(name):
        if target is not None:
            raise ValueError(f"--target: the folders in {name} name the classes")
        return read_labelled(Path(name), scaling.classes, shape, is_resized=scaling.is_resized)
    return *read_labelled_arrays(Path(name), target, scaling.classes, shape), ()


def images_in(scaling: Scaling, name: str) -> Array | None:
    """Return features of a file of arrays, None if it holds no images for the model."""
    if not _are_stored(scaling, name):
        return None
    return read_unlabelled_arrays(Path(name), _shape(scaling, name))


def pictures_in(scaling: Scaling, names: Sequence[str]) -> tuple[Array, list[Path]] | None:
    """Return features of pictures and the file of each, None if the first name is of no picture.

    Raises
    ------
    ValueError, OSError, ImportError
        If they are not as the model needs them.
    """
    if not is_folder(names[0]) and not is_picture(names[0]):
        return None
    shape = _shape(scaling, names[0])
    return read_unlabelled([Path(n) for n in names], shape, is_resized=scaling.is_resized)


def _are_stored(scaling: Scaling, name: str) -> bool:
    """Return whether a file holds images; for a model of single features they are a table."""
    return scaling.shape is not None and is_array(name) and holds_images(Path(name))


def _shape(scaling: Scaling, name: str) -> Shape:
    if scaling.shape is None:
        raise ValueError(f"{name}: the model was not trained on images of one's own")
    return scaling.shape
