"""Pictures out of files, by Pillow."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...memory import check_memory
from .samples import COLOUR, GREY, Shape

T = TypeVar("T")

FORMATS = {
    "PNG": ".png .apng",
    "JPEG": ".jpg .jpeg .jpe .jfif",
    "BMP": ".bmp .dib",
    "GIF": ".gif",
    "TIFF": ".tif .tiff",
    "WEBP": ".webp",
    "PPM": ".ppm .pgm .pbm .pnm",
    "TGA": ".tga",
    "AVIF": ".avif",
    "JPEG2000": ".jp2 .j2k",
}
"""Pillow's names of formats, and suffixes.  Others are not tried: some start other programs."""

SUFFIXES = frozenset(" ".join(FORMATS.values()).split())

MOST_PIXELS = 1 << 27
"""Of one file."""

FEW_PIXELS = 1 << 24
MOST_PER_BYTE = 8 * 1032
"""A small file can claim to hold any number of pixels, and some decoders fill in what is not there:
more than a few pixels have to be so many for each byte at most, which deflate can pack, of a bit
each."""

_LARGE = 1 << 20
_GREY = ("1", "L", "LA", "La")
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
_WIDE = ("PNG", "PPM")
"""Formats whose mode I has 16 bits; in others it has 32, and no number that stands for white."""
_TURNED = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE"} | {
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""What sets a picture upright, by the number that cameras leave in it (EXIF, tag 274)."""
_ORIENTATION = 274


MODEL = "those of the model"


class PictureError(ValueError):
    """A file that is no picture that can be read."""


@dataclass(frozen=True)
class Header:
    """What a file says of its picture: pixels as it is looked at, channels, and more frames."""

    height: int
    width: int
    channels: int
    is_animated: bool


@dataclass(frozen=True)
class Wanted:
    """What pictures shall become.

    Attributes
    ----------
    channels : int or None
        1 for grey, 3 for RGB; None for what the files are, RGB if some are.
    size : tuple of int or None
        Height and width; None for those of the first file.
    is_resized : bool
        Whether pictures of another size are resized, or refused.
    whose : str
        Whose size it is, for messages.
    """

    channels: int | None = None
    size: tuple[int, int] | None = None
    is_resized: bool = False
    whose: str = ""


def is_picture(name: str) -> bool:
    """Return whether a name is that of a picture, by its suffix."""
    return Path(name).suffix.lower() in SUFFIXES


def read_pictures(
    files: Sequence[Path], wanted: Wanted, what: str
) -> tuple[NDArray[np.float32], Shape, tuple[str, ...]]:
    """Return samples of pictures, the shape of an image, and what should be known of them.

    All headers are read first, so that pictures that do not fit, in size or into memory, are told
    at once.

    Parameters
    ----------
    files : sequence of Path
        One or more.
    wanted : Wanted
        What they shall become.
    what : str
        Begins messages that are about all of them.

    Raises
    ------
    ImportError
        If Pillow is missing.
    ValueError
        If a file is no picture or damaged, or of another size.
    OSError
        If a file cannot be read.
    MemoryError
        If the samples would not fit.
    """
    with warnings.catch_warnings():  # of odd metadata, which nobody here needs
        warnings.simplefilter("ignore")
        headers = [look(file) for file in files]
        colourful = sum(header.channels == COLOUR for header in headers)
        channels = wanted.channels or (COLOUR if colourful else GREY)
        size = wanted.size or (headers[0].height, headers[0].width)
        if not wanted.is_resized:
            _check_sizes(files, headers, size, wanted)
        shape = (channels, *size)
        n = len(files)
        check_memory(f"{what}: {n} pictures of {shape}", 4 * n * math.prod(shape))
        X = np.empty((n, *shape), np.float32)
        for i, file in enumerate(files):
            X[i] = decode(file, channels, size)
    said = []
    if wanted.channels is None and 0 < colourful < len(files):
        said.append(f"{colourful} of {len(files)} pictures have colours: all are read as RGB")
    if animated := sum(header.is_animated for header in headers):
        said.append(f"{animated} of {len(files)} files hold several pictures: the first is read")
    return X.reshape(len(files), -1), shape, tuple(said)


def look(file: Path) -> Header:
    """Return what the header of a file says; pixels are not decoded."""

    def header(image: Any) -> Header:
        width, height = image.size
        size = file.stat().st_size
        most = min(MOST_PIXELS, max(FEW_PIXELS, MOST_PER_BYTE * size))
        if width * height > most:
            raise PictureError(
                f"{file}: expected at most {most} pixels in {size} bytes, got {width} x {height}"
            )
        if image.format == "TIFF" and not _is_covered(image):
            raise PictureError(
                f"{file}: expected a picture, whole, got {width} x {height} in parts"
            )
        if width * height > _LARGE:  # to ask for each small one would take longer than to read it
            check_memory(f"{file}: decoding it", 4 * width * height)
        if _orientation(image) >= 5:
            width, height = height, width
        is_grey = image.mode in _GREY or _is_wide(image) or _has_greys(image)
        # cameras put a second, smaller picture into their JPEG files
        is_animated = image.format != "MPO" and getattr(image, "is_animated", False)
        return Header(height, width, GREY if is_grey else COLOUR, is_animated)

    return _read(file, header)


def decode(file: Path, channels: int, size: tuple[int, int]) -> NDArray[Any]:
    """Return a picture in [0, 1], shape (channels, *size), resized if it has another size.

    What is transparent is laid on white.
    """

    def pixels(image: Any) -> NDArray[Any]:
        height, width = size
        orientation = _orientation(image)
        if image.format == "JPEG":  # decodes a large one at 1/2, 1/4 or 1/8 of its size
            image.draft(None, (width, height) if orientation < 5 else (height, width))
        image.load()
        image = _wide(image) if _is_wide(image) else _plain(image, channels)
        if orientation > 1:
            image = image.transpose(getattr(_pillow(file).Transpose, _TURNED[orientation]))
        if image.size != (width, height):
            image = image.resize((width, height), _pillow(file).Resampling.BILINEAR)
        array = np.asarray(image, np.float32)
        if image.mode != "F":
            array = array / np.float32(255)
        return array[None] if array.ndim == 2 else np.moveaxis(array, 2, 0)

    return _read(file, pixels)


def _plain(image: Any, channels: int) -> Any:
    """Return a picture with 8 bits for each channel, and nothing transparent."""
    mode = "L" if channels == GREY else "RGB"
    if image.has_transparency_data:
        top = image.convert("RGBA")
        image = _pillow(None).new("RGBA", top.size, "white")
        image.alpha_composite(top)
    if image.mode in ("F", "I"):
        raise ValueError(f"it has 32 bits for each pixel, mode {image.mode}: 8 or 16 are read")
    return image if image.mode == mode else image.convert(mode)


def _wide(image: Any) -> Any:
    """Return a grey picture of 16 bits as numbers in [0, 1]."""
    values = np.asarray(image).astype(np.float32)
    return _pillow(None).fromarray(np.clip(values / np.float32(65535), 0, 1))


def _is_wide(image: Any) -> bool:
    return image.mode in _SIXTEEN_BITS or (image.mode == "I" and image.format in _WIDE)


def _has_greys(image: Any) -> bool:
    """Return whether all colours of a palette are grey: programs that save space make such ones."""
    order = image.mode == "P" and (image.palette.rawmode or image.palette.mode)
    if order not in ("RGB", "BGR", "RGBX", "BGRX", "RGB;L"):
        return False
    data = np.frombuffer(bytes(image.palette.palette), np.uint8)
    each = 3 if order == "RGB;L" else len(order)  # that one has all reds first
    data = data[: len(data) // each * each]
    entries = data.reshape(each, -1).T if order == "RGB;L" else data.reshape(-1, each)
    return bool((entries[:, :3] == entries[:, :1]).all())


def _is_covered(image: Any) -> bool:
    """Return whether the parts of a TIFF file are all there: Pillow makes the rest black."""
    ends = [part[1][2:] for part in image.tile]  # of columns and rows, before it is turned
    far = sorted(max(end) for end in zip(*ends, strict=True))
    return all(a >= b for a, b in zip(far, sorted(image.size), strict=True))


def _orientation(image: Any) -> int:
    """Return how a camera was held, from 1 to 8, by what stands before the pixels."""
    if image.format == "TIFF":
        return 1  # Pillow sets these upright itself
    try:
        # of the class, as PNG's own looks behind the pixels and decodes them for it
        found = _pillow(None).Image.getexif(image).get(_ORIENTATION, 1)
    except Exception:  # whatever is wrong with metadata, the pixels can be read without
        return 1
    return found if found in _TURNED else 1


def _read(file: Path, take: Callable[[Any], T]) -> T:
    """Return what `take` finds in a picture; what a damaged one raises becomes one message."""
    pillow = _pillow(file)
    with file.open("rb") as stream:
        try:
            with _opened(pillow, stream) as image:
                return take(image)
        except (PictureError, MemoryError, ImportError):
            raise
        except Exception as error:  # a decoder of foreign data may raise anything
            reason = " ".join(str(error).replace(repr(stream), "it").split())
            raise PictureError(
                f"{file}: expected a picture, whole and of the formats {', '.join(FORMATS)} "
                f"({reason or type(error).__name__})"
            ) from None


@contextmanager
def _opened(pillow: Any, stream: Any) -> Iterator[Any]:
    with pillow.open(stream, formats=_formats(pillow)) as image:
        yield image


@functools.cache
def _formats(pillow: Any) -> tuple[str, ...]:
    """Return those of our formats that this Pillow reads."""
    pillow.init()
    return tuple(name for name in FORMATS if name in pillow.OPEN)


def _pillow(file: Path | None) -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            f'{file}: reading pictures needs Pillow: pip install "mgres[images]"'
        ) from error
    return Image


def _check_sizes(
    files: Sequence[Path], headers: Sequence[Header], size: tuple[int, int], wanted: Wanted
) -> None:
    other = [i for i, header in enumerate(headers) if (header.height, header.width) != size]
    if not other:
        return
    header = headers[other[0]]
    count = f"; {len(other)} of {len(files)} files have another size" if len(other) > 1 else ""
    whose = f"as {wanted.whose} have" if wanted.size else f"as {files[0]} has"
    remedy = f"--size {size[0]}x{size[1]} (in Python size={size}) resizes all"
    if wanted.whose == MODEL:
        remedy = "a model that was trained with --size resizes what it is given"
    raise PictureError(
        f"{files[other[0]]}: expected {size[0]} x {size[1]} pixels, {whose}, got {header.height} x "
        f"{header.width}{count}; {remedy}"
    )
