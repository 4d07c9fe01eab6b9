"""A short run of `mgres train`, and what the tests of this folder ask of folders."""

import os
from pathlib import Path

import pytest

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")

RUN = "train circles --method V --levels 2 --depth 16 --no-plots --quiet --out run".split()  # noqa: SIM905


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())
