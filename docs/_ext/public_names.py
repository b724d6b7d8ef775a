"""Links from the names that users type to the pages that describe them."""
# SPDX-License-Identifier: BSD-3-Clause

import importlib
import inspect
import pkgutil
import re
from contextlib import suppress
from functools import cache

from docutils import nodes
from sphinx import addnodes

import skace

__all__ = ["setup"]

# ``SASRecEstimator``, ``Interactions.from_frame(frame)``, ``leave_last_out(X)``
_NAME = re.compile(
    r"(?:skace\.(?:\w+\.)?)?(?P<name>[A-Za-z_]\w*)(?P<member>\.\w+)?(?P<call>\(.*\))?"
)


@cache
def homes():
    """Path of each public name in the package that describes it."""
    modules = pkgutil.iter_modules(skace.__path__, "skace.")
    packages = ["skace", *(module.name for module in modules if "._" not in module.name)]
    found = {}
    for package in packages:
        for name in importlib.import_module(package).__all__:
            # The later, longer path wins: skace.data.Catalog, not skace.Catalog.
            if found.get(name) != f"skace.exceptions.{name}":
                found[name] = f"{package}.{name}"
    return found


@cache
def _ambiguous():
    """Names that are also those of a method or a parameter, such as ``target_ranks``."""
    names = set()
    for path in homes().values():
        package, _, name = path.rpartition(".")
        thing = getattr(importlib.import_module(package), name)
        if inspect.isclass(thing):
            names |= set(dir(thing))
        with suppress(TypeError, ValueError):  # no callable, or an exception
            names |= set(inspect.signature(thing).parameters)
    return names


def _path(text):
    """Where a literal leads to, or None. Plain words such as ``alignment`` do not."""
    match = _NAME.fullmatch(text)
    if match is None or match["name"] not in homes():
        return None
    name, member = match["name"], match["member"] or ""
    is_class = name[0].isupper()
    is_function = not member and "_" in name and name not in _ambiguous()
    is_call = not member and match["call"]
    return f"{homes()[name]}{member}" if is_class or is_function or is_call else None


def link_literals(app, doctree):  # noqa: ARG001 (signature of the event)
    """Turn literals that are public names into references."""
    for literal in list(doctree.findall(nodes.literal)):
        path = _path(literal.astext())
        if path is None or isinstance(literal.parent, (nodes.reference, addnodes.pending_xref)):
            continue
        link = addnodes.pending_xref(
            "", refdomain="py", reftype="obj", reftarget=path, refexplicit=True, refwarn=False
        )
        literal.replace_self(link)
        link += literal


def resolve_short_path(app, env, node, contnode):
    """Find `skace.Interactions` on the page of skace.data.Interactions."""
    if node.get("refdomain") != "py":
        return None
    first, _, rest = node["reftarget"].removeprefix("skace.").partition(".")
    path = homes().get(first)
    if path is None:
        return None
    target = f"{path}.{rest}" if rest else path
    return env.get_domain("py").resolve_xref(
        env, node["refdoc"], app.builder, "obj", target, node, contnode
    )


def skip_foreign_member(app, what, name, member, skip, options):  # noqa: ARG001
    """Leave members that skace has not written to the pages of those who have."""
    function = member.fget if isinstance(member, property) else member
    module = getattr(inspect.unwrap(function), "__module__", None) or ""
    if what == "class" and callable(function) and not module.startswith("skace"):
        return True
    return None


def setup(app):
    """Connect the three."""
    app.connect("doctree-read", link_literals)
    app.connect("missing-reference", resolve_short_path)
    app.connect("autodoc-skip-member", skip_foreign_member)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
