"""Folders of classes: which files there are, and what each of them is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..columns import listing, suggestion
from .pictures import is_picture

TRAIN = ("train", "training")
VALIDATION = ("val", "valid", "validation")
TEST = ("test", "testing")

_CLUTTER = {"thumbs.db", "desktop.ini", "__macosx"}
"""What systems leave behind beside names that begin with a point, in small letters."""


def shown(path: Path) -> str:
    """Return a path as text that can be printed: names of files need be no text."""
    return os.fsencode(path).decode(errors="backslashreplace")


@dataclass
class Passed:
    """What is passed over, to be told: a user may believe that it takes part."""

    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)

    def told(self) -> tuple[str, ...]:
        """Return a line for files and one for folders."""
        lines = []
        for what, paths in (
            ("files are no pictures by their names", self.files),
            ("folders are not looked into", self.folders),
        ):
            if paths:
                lines.append(f"passed over: {len(paths)} {what}, the first is {shown(paths[0])}")
        return tuple(lines)


@dataclass(frozen=True)
class Part:
    """The files of one folder of classes, class by class.

    Attributes
    ----------
    folder : Path
        Which it is.
    classes : tuple of str
        Names of its sub-folders, in the order of their numbers.
    files : tuple of Path
        The pictures.
    labels : tuple of int
        The number of the class of each.
    """

    folder: Path
    classes: tuple[str, ...]
    files: tuple[Path, ...]
    labels: tuple[int, ...]


def find_parts(folder: Path, passed: Passed) -> tuple[Path, Path | None, Path | None]:
    """Return the folders of classes for training, for validation, and one that is left for a test.

    A folder of classes may lie in one called train, beside val or test; the validation is on val
    where there are both.  A class may be called train: then there are pictures in it.
    """
    inner = {path.name.lower(): path for path in _entries(folder)[1]}
    train, validation, test = (_one_of(inner, names) for names in (TRAIN, VALIDATION, TEST))
    if train is None or any(is_picture(path.name) for path in _entries(train)[0]):
        return folder, None, None
    passed.folders += [path for path in inner.values() if path not in (train, validation, test)]
    return train, validation or test, test if validation is not None else None


def read_part(
    folder: Path, passed: Passed, classes: Sequence[object] | None = None, whose: str = ""
) -> Part:
    """Return the files in a folder of classes.

    Parameters
    ----------
    folder : Path
        With a sub-folder for each class.
    passed : Passed
        Gets what is passed over.
    classes : sequence, optional
        Those that are known, in the order of their numbers; not all need be there.  By default
        those of the folder, of which each has to have a picture.
    whose : str
        Whose they are, for messages.

    Raises
    ------
    ValueError
        If it has no classes, a class has no picture, or there are others than known.
    """
    loose, folders = _entries(folder)
    pictures = [path for path in loose if is_picture(path.name)]
    if not folders:
        came = f"{len(pictures)} pictures" if pictures else "none"
        raise ValueError(
            f"{folder}: expected a sub-folder with pictures for each class, got {came}"
        )
    passed.files += loose
    known = _sorted(path.name for path in folders) if classes is None else tuple(map(str, classes))
    number = {name: i for i, name in enumerate(known)}
    files: list[Path] = []
    labels: list[int] = []
    for path in sorted(folders, key=lambda path: number.get(path.name, -1)):
        if path.name not in number:
            raise ValueError(
                f"{path}: there is no class {path.name!r} in {whose}; its classes are "
                f"{listing(known)}{suggestion(path.name, known)}"
            )
        _check_name(path)
        others, inner = _entries(path)
        found = [file for file in others if is_picture(file.name)]
        passed.files += [file for file in others if not is_picture(file.name)]
        passed.folders += inner
        if not found and classes is None:
            came = f"{len(inner)} folders" if inner else f"{len(others)} other files"
            raise ValueError(
                f"{path}: expected pictures of the class {path.name!r}, got {came}; remove the "
                "folder if it is no class"
            )
        files += found
        labels += [number[path.name]] * len(found)
    if not files:
        raise ValueError(f"{folder}: expected pictures, got none")
    if classes is None and len(known) < 2:
        raise ValueError(
            f"{folder}: expected a sub-folder for each of at least two classes, got one, "
            f"{known[0]!r}"
        )
    return Part(folder, known, tuple(files), tuple(labels))


def find_pictures(path: Path) -> list[Path]:
    """Return all pictures below a folder, or the picture itself.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If there is no picture.
    """
    if not path.is_dir():
        if not path.exists():
            raise FileNotFoundError(f"{path}: there is no such file or folder")
        return [path]
    found = []
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not _is_clutter(name))
        found += [Path(folder, name) for name in sorted(files) if not _is_clutter(name)]
    pictures = [file for file in found if is_picture(file.name) and file.is_file()]
    if not pictures:
        raise ValueError(f"{path}: expected pictures, got {len(found)} other files")
    return pictures


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return files and folders in a folder, sorted; links are followed, pipes passed over."""
    files, folders = [], []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not _is_clutter(entry.name):
                path = Path(entry.path)
                if entry.is_dir():
                    folders.append(path)
                elif entry.is_file() or not path.exists():
                    files.append(path)  # a link that leads nowhere is told when it is opened
    return files, folders


def _is_clutter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _CLUTTER


def _one_of(folders: dict[str, Path], names: Iterable[str]) -> Path | None:
    return next((folders[name] for name in names if name in folders), None)


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    """Return names in the order of the alphabet, or of numbers if all are: 10 after 9."""
    found = sorted(names)
    if all(name.isascii() and name.isdecimal() for name in found):
        found.sort(key=int)
    return tuple(found)


def _check_name(path: Path) -> None:
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{os.fsencode(path)!r}: expected the name of a class in UTF-8") from None
