"""Gallery: the order in which to read it, and pages that begin with what they are about."""
# SPDX-License-Identifier: BSD-3-Clause

from docutils import nodes

__all__ = ["in_order_of_reading", "setup"]

# What is not named here comes after these, by file name.
_FIRST = [
    "plot_first_steps.py",
    "plot_text_to_vectors.py",
    "plot_tuning_alpha.py",
    "plot_method_spectra.py",
    "plot_item_tables.py",
    "plot_generative.py",
    "plot_closed_forms.py",
    "plot_anonymous_sessions.py",
    "plot_cold_items.py",
    "plot_long_tail.py",
]


def in_order_of_reading(name):
    """Key that sorts file names of examples."""
    place = _FIRST.index(name) if name in _FIRST else len(_FIRST)
    return f"{place:03d} {name}"


def drop_licence(app, doctree):
    """Remove the block of code that holds nothing but the line on the licence."""
    if not app.env.docname.startswith("gallery/"):
        return
    for block in list(doctree.findall(nodes.literal_block)):
        lines = block.astext().strip().splitlines()
        if len(lines) == 1 and lines[0].startswith("# SPDX-License-Identifier:"):
            block.parent.remove(block)


def setup(app):
    """Connect the second; the first is named in the configuration of the gallery."""
    app.connect("doctree-read", drop_licence)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
