"""Links lead somewhere, and pages are reached."""

from __future__ import annotations

import re

import pytest

from .pages import DOCS, ROOT, links, pages, read


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        bare = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        found.add(bare.replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", pages(), ids=str)
def test_links_lead_somewhere(page):
    missing = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        known = anchors(target.read_text(encoding="utf-8")) if anchor and target.exists() else ()
        if not target.exists() or (anchor and anchor not in known):
            missing.append(link)
    assert not missing


@pytest.mark.parametrize("page", pages(), ids=str)
def test_no_placeholder_is_left(page):
    assert not re.search(r"\b(TODO|TBD|FIXME|XXX|lorem)\b", read(page))


def test_every_page_is_in_a_table_of_contents():
    trees = "\n".join(
        block
        for page in pages()
        for block in re.findall(r"^```\{toctree\}\n(.*?)^```$", read(page), re.M | re.S)
    )
    entries = {line.rsplit("/", 1)[-1] for line in trees.split()}
    for page in pages():
        if page.parts[0] == "docs" and page.stem != "index":
            assert page.stem in entries, page


def test_images_are_used():
    text = "".join(read(page) for page in [*pages(), "bench/README.md"])
    unused = [path.name for path in (DOCS / "images").iterdir() if path.name not in text]
    assert not unused
