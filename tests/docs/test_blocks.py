"""Every python block of the documentation runs, page by page, from top to bottom."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from .pages import blocks, pages, read

NEEDS = {
    "torch": "torch",
    "sklearn": "sklearn",
    "scipy": "scipy",
    "matplotlib": "matplotlib",
    "read_images": "PIL",
}
"""Word of an import -> package, without which a page is skipped."""
ASIDE = ("jax",)
"""Packages without which only those blocks are skipped that import them."""
LANGUAGES = {"python", "sh", "text", "toml", "bibtex", "{toctree}", "{eval-rst}"}

WITH_PYTHON = [page for page in pages() if blocks(page, "python")]


def needed(page: Path) -> set[str]:
    """Return the optional packages that the page's blocks import."""
    code = "\n".join(blocks(page, "python"))
    imports = "\n".join(re.findall(r"^ *(?:import|from) .*$", code, re.MULTILINE))
    words = set(re.findall(r"\w+", imports))
    if "mgres.plot" in code:
        words.add("matplotlib")
    return {package for word, package in NEEDS.items() if word in words}


def missing_aside(block: str) -> str:
    """Return the package of `ASIDE` that a block imports and that is not there, or nothing."""
    return next(
        (p for p in ASIDE if f"import {p}" in block and importlib.util.find_spec(p) is None), ""
    )


@pytest.fixture
def jax_in_single_precision():
    """Leave JAX as it was found; pages may choose its precision."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].config.update("jax_enable_x64", False)


def test_pages_with_code_are_found():
    assert {"README.md", "docs/start.md", "docs/overview.md"} <= set(map(str, WITH_PYTHON))


@pytest.mark.parametrize("page", pages(), ids=str)
def test_languages(page):
    """A block in a language that no test knows would never be run."""
    fences = re.findall(r"^```(.*)$", read(page), re.MULTILINE)
    assert set(fences[::2]) <= LANGUAGES
    assert set(fences[1::2]) <= {""}


@pytest.mark.filterwarnings("default")  # those of other packages are not ours
@pytest.mark.parametrize("page", WITH_PYTHON, ids=str)
@pytest.mark.usefixtures("jax_in_single_precision")
def test_python_blocks(page, folder):
    for package in sorted(needed(page)):
        pytest.importorskip(package, reason=f"{package} is missing: {page} uses it")
    namespace: dict[str, object] = {"__name__": "__main__"}
    left_out = []
    with np.errstate(all="warn"):
        for i, block in enumerate(blocks(page, "python")):
            missing = missing_aside(block)
            if missing:
                left_out.append(f"block {i + 1} needs {missing}")
                continue
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(block, f"{page}, python block {i + 1}", "exec"), namespace)
            for line in re.findall(r"^# prints: (.*)$", block, re.MULTILINE):
                assert line in out.getvalue()
    if "matplotlib" in needed(page):
        import matplotlib.pyplot as plt

        plt.close("all")
    if left_out:
        pytest.skip(f"NOT TESTED of {page}: {', '.join(left_out)}; the rest is")


def test_a_text_block_after_code_is_what_it_prints(folder):
    """The overview shows a hierarchy as it prints itself."""
    page = "docs/overview.md"
    (shown,) = blocks(page, "text")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(blocks(page, "python")[0], {})
    assert out.getvalue().startswith(shown)
