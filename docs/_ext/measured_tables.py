"""Tables of measured figures: ``scores``, ``gains``, ``members``, ``made-by``, of docs/figures.

::

    .. scores:: beauty_file
       :history: kept

"""
# SPDX-License-Identifier: BSD-3-Clause

from docutils.parsers.rst import directives
from measured import MISSING, number, read, span
from sphinx.util.docutils import SphinxDirective

__all__ = ["setup"]

COLUMNS = ("R@10", "R@20", "N@10")


def table(head, rows):
    """A list-table of strings."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for first, *others in [head, *rows]:
        lines += [f"   * - {first}", *(f"     - {cell}".rstrip() for cell in others)]
    return lines


class _OfFile(SphinxDirective):
    """What a file gives, as reStructuredText."""

    required_arguments = 1

    def run(self):
        """Nodes of the text."""
        lines = self.lines(read(self.env, self.arguments[0]))
        return self.parse_text_to_nodes("\n".join(lines))


def _history(word):
    """What becomes of the items of the history, as an option."""
    return directives.choice(word, ("masked", "kept"))


class Scores(_OfFile):
    """All rows, the best first."""

    option_spec = {"history": _history}  # noqa: RUF012 (docutils' way)

    def lines(self, record):
        """The table, and what its marks mean."""
        history = self.options.get("history", "masked")
        rows = sorted(record["rows"], key=lambda row: -row[history]["R@20"])
        best = {name: max(number(row[history][name]) for row in rows) for name in COLUMNS}
        head = ["method", "R@10", "R@20", "R@20, 95 %", "N@10", "epochs", "fit, s", "seeds"]
        lines = table(head, [_line(row, row[history], best) for row in rows])
        if any(row["ended at last epoch"] for row in rows):
            lines += ["", "\\* A fit ended at the last epoch it was allowed: more may find more."]
        if record["missing"]:
            lines += ["", f"{MISSING.capitalize()}: {'; '.join(record['missing'])}."]
        return lines


def _line(row, scores, best):
    """Cells of a row; the best of a column is bold."""
    shown = {name: number(scores[name]) for name in COLUMNS}
    bold = {name: f"**{text}**" if text == best[name] else text for name, text in shown.items()}
    epochs = f"{row['epochs']:.0f}" if row["epochs"] else ""
    return [
        row["method"],
        bold["R@10"],
        bold["R@20"],
        span(scores["R@20 interval"]),
        bold["N@10"],
        epochs + ("\\*" if row["ended at last epoch"] else ""),
        f"{row['seconds']:,.0f}",
        str(len(row["seeds"])) if row["seeds"] else "",
    ]


class Gains(_OfFile):
    """All paired differences."""

    def lines(self, record):
        """The table."""
        head = ["method", "minus", "R@20", "95 %", "p", "p, all pairs (Holm)"]
        rows = [
            [
                test["method"],
                test["minus"],
                number(test["difference"], "+"),
                span(test, "+"),
                number(test["p"]),
                number(test["p Holm"]),
            ]
            for test in record["paired"]
        ]
        return table(head, rows) if rows else [f"{MISSING.capitalize()}."]


class Members(_OfFile):
    """Members of each blend alone, the best first, and the leads of the blend over each."""

    option_spec = {"history": _history}  # noqa: RUF012 (docutils' way)

    def lines(self, record):
        """The table."""
        history = self.options.get("history", "masked")
        found = sorted(record["members"], key=lambda one: -one[history]["R@20"])
        if not found:
            return [f"{MISSING.capitalize()}."]
        # Files of earlier commits have no lead in N@10.
        leads = {"lead": "lead of the blend, R@20", "lead in N@10": "N@10"}
        leads = {key: words for key, words in leads.items() if key in found[0][history]}
        head = ["blend", "member alone", *COLUMNS]
        head += [cell for words in leads.values() for cell in (words, "95 %")]
        rows = []
        for one in found:
            rows.append([one["method"], one["member"]])
            rows[-1] += [number(one[history][name]) for name in COLUMNS]
            for key in leads:
                rows[-1] += [number(one[history][key]["difference"], "+")]
                rows[-1] += [span(one[history][key], "+")]
        return table(head, rows)


class MadeBy(_OfFile):
    """Command and machine."""

    def lines(self, record):
        """A block and two sentences."""
        versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
        gpu = "a GPU" if record["cuda"] else "no GPU"
        return [
            *("::", "", "    " + record["command"].replace(" --", " \\\n        --"), ""),
            f"Machine: {record['machine']}, {record['threads']} thread(s), {gpu}. {versions}.",
        ]


def setup(app):
    """Add the directives."""
    app.add_directive("scores", Scores)
    app.add_directive("gains", Gains)
    app.add_directive("members", Members)
    app.add_directive("made-by", MadeBy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
