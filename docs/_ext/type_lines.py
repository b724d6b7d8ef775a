"""Shapes in docstrings: the `n_components_` of a type is a name, not a link in reStructuredText."""
# SPDX-License-Identifier: BSD-3-Clause

import re

__all__ = ["setup"]

_TYPE_LINE = re.compile(r"^\s*[\w, *]+ : ")
_FITTED_NAME = re.compile(r"(?<!`)\b(\w+)_(?=[,) +*-]|$)")


def escape_fitted_names(app, what, name, thing, options, lines):  # noqa: ARG001
    """Escape the last underscore of names in lines such as ``x : ndarray of shape (n_,)``."""
    for number, line in enumerate(lines):
        match = _TYPE_LINE.match(line)
        if match:
            kind = _FITTED_NAME.sub(r"\1\\_", line[match.end() :])
            lines[number] = line[: match.end()] + kind


def setup(app):
    """Come before numpydoc."""
    app.connect("autodoc-process-docstring", escape_fitted_names, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
