"""Figures of a page come from a JSON file in docs/figures: another file, and the page tells others.

``make leaderboard`` writes such files. A sentence gives a figure, or a difference of R@20 with its
interval; ``measured_tables`` and ``measured_chart`` show whole files::

    :figure:`beauty_file; SASRec, ACE; masked; R@20`    :figure:`beauty_file; items`
    :gain:`beauty_file; SASRec, ACE; SASRec, ids`    :lead:`one_line; one line, balanced`

The lead is that of a blend over its best member alone.
A row that the file names as missing is "not measured yet"; any other name is a fault.
"""
# SPDX-License-Identifier: BSD-3-Clause

import json
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxRole

__all__ = ["MISSING", "difference", "gain", "lead", "look_up", "number", "read", "setup", "span"]

MISSING = "not measured yet"


def read(env, name):
    """The record of a file; the page is built anew when it changes."""
    path = Path(env.srcdir) / "figures" / f"{name}.json"
    env.note_dependency(str(path))
    return json.loads(path.read_text(encoding="utf-8"))


def number(value, sign=""):
    """A share as all pages write it: .0564, +.0018."""
    return f"{value:{sign}.4f}".replace("0.", ".", 1)


def span(found, sign=""):
    """Both ends of an interval."""
    return f"{number(found['low'], sign)} to {number(found['high'], sign)}"


def look_up(record, keys):
    """Text of what stands below the name of a row, or a key of the file, and further keys."""
    if keys[0] in record["missing"]:
        return MISSING
    rows = {row["method"]: row for row in record["rows"]}
    found = rows[keys[0]] if keys[0] in rows else record[keys[0]]
    for key in keys[1:]:
        found = found[key]
    if isinstance(found, dict):
        return span(found)
    if isinstance(found, float):
        return f"{found:,.0f}" if keys[-1] in {"seconds", "epochs"} else number(found)
    return f"{found:,}" if isinstance(found, int) else str(found)


def difference(record, method, minus):
    """R@20 of one row minus that of another with its interval, whichever way the file has it."""
    pairs = {(test["method"], test["minus"]): test for test in record["paired"]}
    if (method, minus) in pairs:
        return pairs[method, minus]
    other, turned = pairs[minus, method], {"low": "high", "high": "low", "difference": "difference"}
    return {name: -other[of_other] for name, of_other in turned.items()}


def gain(record, method, minus):
    """Text of a difference."""
    if {method, minus} & set(record["missing"]):
        return MISSING
    found = difference(record, method, minus)
    return f"{number(found['difference'], '+')} (95 % interval {span(found, '+')})"


def lead(record, method, history="masked"):
    """Text of how far a blend is above its best member in R@20."""
    if method in record["missing"]:
        return MISSING
    members = [one for one in record["members"] if one["method"] == method]
    if not members:
        raise LookupError(f"{method} has no members")
    best = max(members, key=lambda one: one[history]["R@20"])
    found = best[history]["lead"]
    ends = f"95 % interval {span(found, '+')}"
    return f"{number(found['difference'], '+')} over {best['member']} ({ends})"


class _Measured(SphinxRole):
    """Text from a file; ``find`` gets the record and the parts of what stands in the role."""

    def __init__(self, find):
        super().__init__()
        self.find = find

    def run(self):
        """Text node, or a fault that names the role."""
        name, *parts = (part.strip() for part in self.text.split(";"))
        try:
            return [nodes.Text(self.find(read(self.env, name), parts))], []
        except (OSError, LookupError, TypeError) as fault:
            words = f"{self.rawtext}: docs/figures has no such figure ({fault!r})"
            message = self.inliner.reporter.error(words, line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]


def setup(app):
    """Add the roles."""
    app.add_role("figure", _Measured(look_up))
    app.add_role("gain", _Measured(lambda record, parts: gain(record, *parts)))
    app.add_role("lead", _Measured(lambda record, parts: lead(record, *parts)))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
