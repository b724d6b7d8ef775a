"""Tables of strings as reStructuredText, Markdown or LaTeX, and figures as the pages write them."""
# SPDX-License-Identifier: BSD-3-Clause

import pandas as pd


def number(value, sign=""):
    """A figure below 1 as on the other pages: .0564, +.0018."""
    return f"{value:{sign}.4f}".replace("0.", ".", 1)


def rst_table(head, rows):
    """A simple table."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    bar = "  ".join("=" * width for width in widths)
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]
    return "\n".join([bar, lines[0], bar, *lines[1:], bar, ""])


def markdown_table(head, rows):
    """A table with bars."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def latex_table(head, rows):
    """A table for booktabs."""
    return pd.DataFrame(rows, columns=head).to_latex(index=False, escape=True)


TABLES = {"rst": rst_table, "markdown": markdown_table, "latex": latex_table}
SUFFIXES = {"rst": ".rst", "markdown": ".md", "latex": ".tex"}
