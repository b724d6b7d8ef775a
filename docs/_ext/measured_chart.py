"""A chart of the R@20 of all rows of a file of docs/figures, drawn for light and for dark pages.

::

    .. dot-chart:: beauty_file
       :without-texts: popularity; EASE
       :alt: The best rows read the texts of the items.

       The caption.

Rows named in ``:without-texts:`` get a grey square. The figures follow the text of ``:alt:``.
"""
# SPDX-License-Identifier: BSD-3-Clause

from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from measured import number, read
from sphinx.util.docutils import SphinxDirective

__all__ = ["draw", "setup"]

# The theme's colours of text, borders, links and muted text.
LOOKS = {
    "light": {"text": "#222832", "line": "#c9c9c9", "texts": "#0a7d91", "events": "#48566b"},
    "dark": {"text": "#ced6dd", "line": "#48566b", "texts": "#3fb1c5", "events": "#9ca4af"},
}
# Below the sources, where Sphinx takes images from, in the folder that git does not see.
CHARTS = Path("_build") / "charts"


def rows_of(record):
    """Rows by what they reach, the best first."""
    return sorted(record["rows"], key=lambda row: -row["masked"]["R@20"])


def draw(record, without_texts, look, path):
    """Write one chart: a dot for each row, its interval, and the figure beside it."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows, colours = rows_of(record)[::-1], LOOKS[look]
    with mpl.rc_context({"font.size": 11, "svg.hashsalt": "skace", "text.color": colours["text"]}):
        figure = Figure(figsize=(4.6, 0.75 + 0.29 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for height, row in enumerate(rows):
            found = row["masked"]
            ends = [found["R@20 interval"][end] for end in ("low", "high")]
            kind, marker = ("events", "s") if row["method"] in without_texts else ("texts", "o")
            axes.plot([0, ends[0]], [height, height], ":", color=colours["line"], linewidth=1)
            axes.plot(ends, [height, height], color=colours[kind], linewidth=2)
            axes.plot(found["R@20"], height, marker, color=colours[kind], markersize=5.5)
            axes.annotate(number(found["R@20"]), (ends[1], height), (7, 0), va="center",
                          textcoords="offset points")  # fmt: skip
        axes.set_yticks(range(len(rows)), [row["method"] for row in rows])
        axes.set_xlim(0, 1.22 * max(row["masked"]["R@20 interval"]["high"] for row in rows))
        axes.set_xlabel("R@20 and its 95 % interval", color=colours["text"])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.2f}".lstrip("0"))
        axes.tick_params(colors=colours["text"], length=0)
        axes.spines[:].set_visible(False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, transparent=True, metadata={"Date": None})


class DotChart(SphinxDirective):
    """Two images, of which the theme shows one."""

    required_arguments = 1
    has_content = True
    option_spec = {  # noqa: RUF012 (docutils' way)
        "alt": directives.unchanged_required,
        "without-texts": directives.unchanged_required,
    }

    def run(self):
        """A figure with its caption."""
        name = self.arguments[0]
        record = read(self.env, name)
        without_texts = [row.strip() for row in self.options["without-texts"].split(";")]
        figures = (f"{row['method']} {number(row['masked']['R@20'])}" for row in rows_of(record))
        alt = f"{self.options['alt']} R@20: {'; '.join(figures)}."
        images = nodes.container()  # beside an image for one look the theme would hide the caption
        for look in LOOKS:
            path = CHARTS / f"{name}_{look}.svg"
            draw(record, without_texts, look, Path(self.env.srcdir) / path)
            images += nodes.image(uri=f"/{path.as_posix()}", alt=alt, classes=[f"only-{look}"])
        caption = nodes.caption("", "", *self.parse_inline(" ".join(self.content))[0])
        return [nodes.figure("", images, caption)]


def setup(app):
    """Add the directive."""
    app.add_directive("dot-chart", DotChart)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
