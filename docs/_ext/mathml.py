"""Formulas as MathML, which browsers draw by themselves: no script from another server."""
# SPDX-License-Identifier: BSD-3-Clause

from html import escape

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

__all__ = ["setup"]

_UNKNOWN_TO_DOCUTILS = {r"\dots": r"\ldots"}


def _mathml(node, *, as_block):
    """MathML of a formula; one that cannot be converted is shown as it was typed."""
    formula = node.astext()
    for command, same in _UNKNOWN_TO_DOCUTILS.items():
        formula = formula.replace(command, same)
    try:
        return tex2mathml(formula, as_block=as_block)
    except MathError as error:
        logging.getLogger(__name__).warning("formula: %s", error, location=node)
        return f"<code>{escape(formula)}</code>"


def _visit_math(writer, node):
    writer.body.append(_mathml(node, as_block=False))
    raise nodes.SkipNode


def _visit_math_block(writer, node):
    writer.body.append(f"<div class='math'>{_mathml(node, as_block=True)}</div>")
    raise nodes.SkipNode


def setup(app):
    """Add the renderer and choose it."""
    app.add_html_math_renderer("mathml", (_visit_math, None), (_visit_math_block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
