"""NDCG@10 is a figure, no address: take back the mail links that docutils makes of such names."""
# SPDX-License-Identifier: BSD-3-Clause

import re

from docutils import nodes

__all__ = ["setup"]

_METRIC = re.compile(r"mailto:\w+@\d+")


def unlink_metrics(app, doctree):  # noqa: ARG001 (signature of the event)
    """Put the text in place of the link."""
    for link in list(doctree.findall(nodes.reference)):
        if _METRIC.fullmatch(link.get("refuri", "")):
            link.replace_self(nodes.Text(link.astext()))


def setup(app):
    """Connect it."""
    app.connect("doctree-read", unlink_metrics)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
