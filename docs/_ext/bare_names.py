"""Links for bare public names: ``Memo`` leads to ``mgres.mgopt.Memo``, wherever it is written.

Docstrings name types as code does, without packages. Of several objects of one name the one nearest
to the top is meant. A word in the place of a type that is no class of ours, such as "optional", is
left as text; a role in running text that leads nowhere is a warning, and so fails the build.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform

TYPES = {"class", "exception", "data", "type"}


def find(objects: Mapping[str, Any], target: str, types: set[str] | None = None) -> str | None:
    """Return the full name of the documented object that `target` means, None if that is unclear.

    Objects of the domain are tried by their end; then, for a name that is reached by another
    path, such as ``mgres.mgopt.LBFGS``, by their last part.
    """
    name = target.lstrip("~.")
    suitable = {
        full: entry for full, entry in objects.items() if types is None or entry.objtype in types
    }
    if name in suitable:
        return name
    for end in (name, name.rpartition(".")[2]):
        found = sorted(
            (
                full
                for full, entry in suitable.items()
                if full.endswith(f".{end}") and not entry.aliased
            ),
            key=lambda full: full.count("."),
        )
        if len(found) == 1 or (found and found[0].count(".") < found[1].count(".")):
            return found[0]
    return None


def link(app: Sphinx, node: pending_xref, content: nodes.Node, full: str) -> nodes.reference:
    """Return the reference to a documented object."""
    entry = app.env.domaindata["py"]["objects"][full]
    page = app.builder.get_relative_uri(node.get("refdoc", app.env.docname), entry.docname)
    reference = nodes.reference("", "", content, internal=True, reftitle=full)
    reference["refuri"] = f"{page}#{entry.node_id}"
    return reference


class LinkTypes(SphinxPostTransform):
    """Link the types in signatures and lists of parameters, before Sphinx tries."""

    default_priority = 5

    def run(self, **kwargs: Any) -> None:
        """Replace every such reference by a link or by its text."""
        objects = self.env.domaindata["py"]["objects"]
        for node in list(self.document.findall(pending_xref)):
            content = node.children[-1] if node.children else nodes.Text(node["reftarget"])
            if node.get("refdomain") != "py" or isinstance(content, nodes.literal):
                continue
            full = find(objects, node["reftarget"], TYPES)
            shown = list(node.children) if full is None else [link(self.app, node, content, full)]
            node.replace_self(shown)


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Node | None:
    """Resolve a role of the Python domain that Sphinx could not."""
    if node.get("refdomain") != "py":
        return None
    objects = env.domaindata["py"]["objects"]
    full = find(objects, node["reftarget"])
    if full is None and node["reftype"] == "attr":
        # the fields of a class are described in its docstring, which is where the link leads
        owner, _, name = node["reftarget"].rpartition(".")
        full = find(objects, owner or node.get("py:class") or "?")
        module, _, last = (full or "").rpartition(".")
        described = getattr(sys.modules.get(module), last, None).__doc__ or ""
        full = full if re.search(rf"^ *{name} :", described, re.MULTILINE) else None
    return None if full is None else link(app, node, content, full)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both."""
    app.add_post_transform(LinkTypes)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
