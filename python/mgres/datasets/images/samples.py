"""From arrays of images to samples: rows of numbers in [0, 1], channels first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...memory import check_memory

Shape = tuple[int, int, int]
"""Channels, height and width: feature (c*H + i)*W + j is channel c of the pixel in row i, column j,
as in :class:`mgres.blocks.Filters`."""

GREY, COLOUR = 1, 3
CHANNELS = (GREY, COLOUR)

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""What red, green and blue count in grey (ITU-R BT.601), as in Pillow."""

_CHUNK = 1 << 22
"""Numbers converted at a time."""


def check_channels(channels: int | None) -> None:
    """Raise a ValueError unless `channels` is 1, 3 or None."""
    if channels is not None and (isinstance(channels, bool) or channels not in CHANNELS):
        raise ValueError(f"channels: expected 1 (grey), 3 (RGB) or None, got {channels!r}")


def to_samples(
    name: str, images: NDArray[Any], channels: int | None = None, shape: Shape | None = None
) -> tuple[NDArray[np.float32], Shape]:
    """Return samples, shape (n, channels * height * width), and the shape of an image.

    Parameters
    ----------
    name : str
        Begins messages.
    images : ndarray
        Of shape (n, H, W), (n, H, W, C) or (n, C, H, W), where C is 1 or 3: integers from 0 to 255,
        of 16 bits without sign up to 65535, truth values, or floating-point numbers from 0 to 1.
    channels : int, optional
        1 for grey, 3 for RGB; by default as they are.
    shape : tuple of int, optional
        What an image must have, its channels aside.

    Raises
    ------
    ValueError
        If they are no images; the message says what was expected.
    MemoryError
        If the samples would not fit.
    """
    check_channels(channels)
    pixels = _channels_last(name, images, shape)
    n, height, width, found = pixels.shape
    if pixels.size == 0:
        raise ValueError(f"{name}: expected images, got shape {images.shape}")
    if shape is not None and (height, width) != shape[1:]:
        raise ValueError(
            f"{name}: expected images of {shape[1]} x {shape[2]} pixels, got {height} x {width}"
        )
    highest = _highest(name, images)
    wanted = found if channels is None else channels
    check_memory(f"{name}: {n} images", 4 * n * wanted * height * width)
    samples = np.empty((n, wanted, height, width), np.float32)
    rows = max(1, _CHUNK // (height * width * found))
    for start in range(0, n, rows):
        part = pixels[start : start + rows].astype(np.float32)
        if highest != 1:
            part /= np.float32(highest)
        if found == COLOUR and wanted == GREY:
            samples[start : start + rows, 0] = np.minimum(part @ _LUMA, 1)
        else:  # grey goes to all three channels
            samples[start : start + rows] = np.moveaxis(part, -1, 1)
    return samples.reshape(n, -1), (wanted, height, width)


def is_images(ndim: int) -> bool:
    """Return whether an array of so many dimensions holds images rather than rows of features."""
    return ndim > 2


def _channels_last(name: str, images: NDArray[Any], shape: Shape | None) -> NDArray[Any]:
    if images.ndim == 3:
        return images[..., None]
    last = images.ndim == 4 and images.shape[3] in CHANNELS
    first = images.ndim == 4 and images.shape[1] in CHANNELS
    if last and first and shape is not None:  # the one that fits
        last = images.shape[1:3] == shape[1:]
        first = not last
    if last == first:
        why = "; both could be meant" if last else ""
        raise ValueError(
            f"{name}: expected images of shape (n, H, W), (n, H, W, C) or (n, C, H, W) with 1 or 3 "
            f"channels C, got {images.shape}{why}"
        )
    return images if last else np.moveaxis(images, 1, -1)


def _highest(name: str, images: NDArray[Any]) -> int:
    """Return the number that stands for white, by the dtype, if all numbers lie below it."""
    if images.dtype.kind == "b":
        return 1
    if images.dtype.kind not in "iuf":
        raise ValueError(f"{name}: expected images of numbers, got dtype {images.dtype}")
    if images.dtype == np.uint8:
        return 255
    if images.dtype == np.uint16:
        return 65535
    least, most = images.min(), images.max()
    highest = 1 if images.dtype.kind == "f" else 255
    if not (least >= 0 and most <= highest):  # NaN is neither
        raise ValueError(
            f"{name}: expected {images.dtype} from 0 to {highest}, got numbers from {least} to "
            f"{most}; scale them before they are stored"
        )
    return highest
