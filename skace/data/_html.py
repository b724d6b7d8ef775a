"""The table as which data show themselves in a notebook."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from html import escape

__all__ = ["html_table"]


def html_table(caption: str, facts: Mapping[str, str]) -> str:
    """HTML of a table with a line for each fact."""
    lines = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table><caption>{escape(caption)}</caption>{lines}</table>"
