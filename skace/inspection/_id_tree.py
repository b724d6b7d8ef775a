"""IdTreeDisplay: the tree of semantic ids, with the sizes and the words of its nodes."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy.typing as npt

from skace.inspection._drawing import axes_for, categorical_colors, import_pyplot
from skace.inspection._node_words import check_codes, node_sizes, node_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["IdTreeDisplay"]

_LINE, _CHARACTERS = 0.16, 12  # inches that a label is high, and characters of an inch
_SHADES = 0.45, 0.65  # how far colours of siblings, who take turns, are mixed with white
_N_COLORS = 6  # without black, on which nothing could be read

Prefix = tuple[int, ...]


class IdTreeDisplay:
    """Tree of ids as columns: the height of a node is its number of items.

    Levels go from left to right; children are at the right of their node. Within a level the
    largest nodes come first, from top to bottom. Nodes that are high enough show their words, or
    their codes. Use `from_codes`.

    Parameters
    ----------
    sizes : dict of tuple of int to int
        Number of items of each node. A node is the first codes of an id.

    words : dict of tuple of int to tuple of str, default=None
        Words of each node (`node_words`). None shows codes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the tree.

    figure_ : matplotlib Figure
        Figure of the axes.

    bars_ : dict of tuple of int to matplotlib Rectangle
        Bar of each node.

    labels_ : dict of tuple of int to matplotlib Text
        Labels of the nodes that are high enough.

    See Also
    --------
    skace.inspection.node_words : Finds the words.
    skace.embeddings.SemanticIdEncoder : Makes the codes.

    Notes
    -----
    Stability: experimental.

    Examples
    --------
    >>> from skace.inspection import IdTreeDisplay
    >>> display = IdTreeDisplay.from_codes([[0, 0], [0, 1], [0, 1], [1, 0]])
    >>> display.sizes
    {(0,): 3, (1,): 1, (0, 0): 1, (0, 1): 2, (1, 0): 1}
    """

    def __init__(
        self, sizes: Mapping[Prefix, int], words: Mapping[Prefix, Sequence[str]] | None = None
    ) -> None:
        self.sizes = sizes
        self.words = words

    @classmethod
    def from_codes(
        cls,
        codes: npt.ArrayLike,
        texts: Sequence[str] | None = None,
        *,
        n_words: int = 3,
        ax: "Axes | None" = None,
        **bar_kw: Any,
    ) -> Self:
        """Count the items of each node, find words for them, and draw.

        Parameters
        ----------
        codes : array-like of shape (n_items, n_levels)
            Codes of each item: the result of `SemanticIdEncoder.transform`, or
            ``GRAMEstimator.item_codes_``.

        texts : sequence of str of length n_items or None, default=None
            Texts of the items. None shows codes instead of words.

        n_words : int, default=3
            Most words of a node.

        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **bar_kw : dict
            Passed to ``Axes.bar``.

        Returns
        -------
        display : IdTreeDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If codes are not integers, or the number of texts differs.

        TypeError
            If a text is not a str.
        """
        import_pyplot(cls)
        checked = check_codes(codes)
        words = None if texts is None else node_words(checked, texts, n_words)
        return cls(node_sizes(checked), words).plot(ax, **bar_kw)

    def plot(self, ax: "Axes | None" = None, **bar_kw: Any) -> Self:
        """Draw the tree.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **bar_kw : dict
            Passed to ``Axes.bar``.

        Returns
        -------
        display : IdTreeDisplay
            The display itself.
        """
        n_levels = max(map(len, self.sizes))
        ax = axes_for(self, ax, figsize=(7.6, 6.4))
        total = sum(size for prefix, size in self.sizes.items() if len(prefix) == 1)
        self.bars_ = dict[Prefix, Any]()
        self.labels_ = dict[Prefix, Any]()
        extent, dpi = ax.get_window_extent(), ax.figure.dpi
        least = total * _LINE / (extent.height / dpi)  # items of a node in which a label has room
        room = int(extent.width / dpi / n_levels * _CHARACTERS)
        self._draw_below((), 0, "", self._children(), bar_kw)
        for prefix, bar in self.bars_.items():
            if self.sizes[prefix] >= least:
                self.labels_[prefix] = ax.text(
                    bar.get_x() + bar.get_width() / 2, bar.get_y() + bar.get_height() / 2,
                    self._label(prefix, room), ha="center", va="center", fontsize="small",
                    color="#111111",  # blocks are pale, whatever the style
                )  # fmt: skip
        ax.set_xlim(-0.5, n_levels - 0.5)
        ax.set_ylim(total, 0)
        ax.set_xticks(range(n_levels), [f"code {level}" for level in range(n_levels)])
        ax.set_xlabel("level, coarse first")
        ax.set_ylabel("items, one node below the other")
        return self

    def _draw_below(self, parent, top, color, families, bar_kw):
        """Draw the children of a node from ``top`` down, and what is below them."""
        palette = categorical_colors(_N_COLORS)
        for number, prefix in enumerate(families.get(parent, ())):
            size = self.sizes[prefix]
            branch = color or palette[number % _N_COLORS]
            style = {"width": 1.0, "edgecolor": "white", "linewidth": 0.5}
            style["color"] = _paled(branch, _SHADES[number % 2])
            (bar,) = self.ax_.bar(len(prefix) - 1, size, bottom=top, **(style | bar_kw))
            self.bars_[prefix] = bar
            self._draw_below(prefix, top, branch, families, bar_kw)
            top += size

    def _children(self):
        """Children of each node, the largest first."""
        children = {}
        for prefix in sorted(self.sizes, key=lambda prefix: (-self.sizes[prefix], prefix)):
            children.setdefault(prefix[:-1], []).append(prefix)
        return children

    def _label(self, prefix, room):
        """Words of a node as far as they fit, with the number of its items."""
        size = f"({self.sizes[prefix]:,})"
        words = (self.words or {}).get(prefix) or (".".join(map(str, prefix)),)
        room -= len(size) + 1
        n_shown = len(words)
        while n_shown > 1 and len(", ".join(words[:n_shown])) > room:
            n_shown -= 1
        text = ", ".join(words[:n_shown])
        return f"{text if len(text) <= room else text[: room - 1] + '…'} {size}"


def _paled(color, share):
    """A colour of the form "#RRGGBB" mixed with white."""
    parts = [int(color[place : place + 2], 16) for place in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - (255 - part) * (1 - share)):02x}" for part in parts)
