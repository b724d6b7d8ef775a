"""ItemTree: items as the leaves of a tree of codes."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from skace._typing import BoolArray, IntArray

__all__ = ["ItemTree", "Rivals"]


@dataclass(frozen=True, slots=True, eq=False)
class ItemTree:
    """Where each item hangs: below a path of nodes, with itself as the last step.

    A node is a beginning of codes at which items part ways, and the root. Beginnings that all
    go on alike need no node, and neither does one that a single item has: the item hangs
    further up. Items that have all codes in common are siblings below the last node.

    A token is what a node is followed by: node g has the number g, item i the number
    ``n_nodes + i``. The children of a node stand side by side, warm ones first.

    Notes
    -----
    Nodes keep their numbers when items join, as a node stays one where more items part ways.
    """

    prefixes: IntArray  # (G, L) codes of each node, -1 behind their end; the root comes first
    parents: IntArray  # (G,) -1 for the root
    children: IntArray  # (G - 1 + n,) tokens, by parent
    first: IntArray  # (G,) where the children of each node begin
    n_children: IntArray  # (G,)
    n_warm: IntArray  # (G,) how many of them, from the first one on, are or lead to a warm item
    path_nodes: IntArray  # (n, K) nodes from the root down, -1 behind the end
    path_places: IntArray  # (n, K) place of the step after each among the node's children

    @classmethod
    def of_codes(
        cls, codes: IntArray, is_warm: BoolArray | None = None, known: IntArray | None = None
    ) -> "ItemTree":
        """Tree of the items with these codes.

        Parameters
        ----------
        codes : ndarray of shape (n, L)
            Codes of each item, coarse first, none below 0.
        is_warm : ndarray of shape (n,), bool, or None, default=None
            Items that compete with their siblings; None for all.
        known : ndarray of shape (n_known, L) or None, default=None
            ``prefixes`` of the tree that some of these items made; its nodes come first.
        """
        is_warm = np.ones(len(codes), dtype=bool) if is_warm is None else is_warm
        at_level, prefixes = _nodes_at_levels(codes)
        if known is not None:
            prefixes, at_level = _renumbered(prefixes, at_level, known)
        path_nodes = _left_aligned(at_level)
        parents = np.full(len(prefixes), -1)
        above, below = path_nodes[:, :-1], path_nodes[:, 1:]
        parents[below[below >= 0]] = above[below >= 0]
        last = path_nodes[np.arange(len(codes)), (path_nodes >= 0).sum(axis=1) - 1]
        n_nodes = len(prefixes)
        leads_to_warm = np.zeros(n_nodes, dtype=bool)
        warm_paths = path_nodes[is_warm]
        leads_to_warm[warm_paths[warm_paths >= 0]] = True
        owners = np.concatenate([parents[1:], last])  # of the tokens 1, 2, ...
        takes_part = np.concatenate([leads_to_warm[1:], is_warm])
        order = np.lexsort((~takes_part, owners))
        places = np.empty(order.size, dtype=np.int64)
        n_children = np.bincount(owners, minlength=n_nodes)
        first = np.cumsum(n_children) - n_children
        places[order] = np.arange(order.size) - first[owners[order]]
        return cls(
            prefixes=prefixes,
            parents=parents,
            children=order + 1,
            first=first,
            n_children=n_children,
            n_warm=np.bincount(owners[takes_part], minlength=n_nodes),
            path_nodes=path_nodes,
            path_places=_places_of_steps(path_nodes, places, n_nodes),
        )

    @property
    def n_nodes(self) -> int:
        """Number of nodes G, the root among them."""
        return len(self.prefixes)

    @property
    def levels(self) -> IntArray:
        """Number of codes of each node, shape (G,); 0 for the root."""
        levels: IntArray = (self.prefixes >= 0).sum(axis=1)
        return levels

    def rivals(self, *, of_items: bool) -> "Rivals":
        """What is compared at each node: the warm ones of its children, or of the items below."""
        if not of_items:
            is_step = (self.path_nodes >= 0).astype(np.int64)
            return Rivals(self.children, self.first, self.n_warm, self.path_places, is_step)
        items = self.leaves[self.is_warm_item[self.leaves]]
        nodes = self.path_nodes[items]
        places, steps = np.nonzero(nodes >= 0)
        count = np.bincount(nodes[places, steps], minlength=self.n_nodes)
        first = np.full(self.n_nodes, items.size)
        np.minimum.at(first, nodes[places, steps], places)
        place = np.zeros(len(self.path_nodes), dtype=np.int64)
        place[items] = np.arange(items.size)
        below = np.concatenate([self.path_nodes[:, 1:], np.full((len(place), 1), -1)], axis=1)
        begin = np.where(below >= 0, first[below], place[:, None]) - first[self.path_nodes]
        size = np.where(below >= 0, count[below], 1)
        return Rivals(self.n_nodes + items, first, count, begin, size)

    def items_below(self, node: int) -> tuple[IntArray, IntArray]:
        """Items that speak for the children of a node, and the place of the child of each.

        A child is spoken for by its warm items, or by its cold ones if it has no others.
        """
        items, steps = np.nonzero(self.path_nodes == node)
        child = self.path_places[items, steps]
        is_warm = self.is_warm_item[items]
        has_warm = np.bincount(child, is_warm, minlength=self.n_children[node]) > 0
        speaks = is_warm | ~has_warm[child]
        return items[speaks], child[speaks]

    def homes_of_cold(self) -> tuple[IntArray, IntArray, IntArray]:
        """Cold items, the last node above each that has warm items, and how many these are.

        The root, below which everything is, does not count: items without another are left out.
        """
        is_warm = self.is_warm_item
        warm_paths = self.path_nodes[is_warm]
        n_warm_items = np.bincount(warm_paths[warm_paths >= 0], minlength=self.n_nodes)
        above = self.path_nodes[:, 1:]
        has_warm = (above >= 0) & (n_warm_items[above] > 0) & ~is_warm[:, None]
        depths = has_warm.sum(axis=1)  # nodes above one that has warm items have some, too
        items = np.flatnonzero(depths)
        nodes = above[items, depths[items] - 1]
        return items, nodes, n_warm_items[nodes]

    @property
    def has_items_only(self) -> BoolArray:
        """Nodes without nodes below, shape (G,)."""
        return ~np.isin(np.arange(self.n_nodes), self.parents)

    @property
    def leaves(self) -> IntArray:
        """All items, those below each node side by side."""
        order: IntArray = np.lexsort(self.path_nodes.T[::-1])
        return order

    @property
    def is_warm_item(self) -> BoolArray:
        """Items that compete with their siblings, shape (n,)."""
        last = (self.path_nodes >= 0).sum(axis=1) - 1
        rows = np.arange(len(last))
        is_warm: BoolArray = self.path_places[rows, last] < self.n_warm[self.path_nodes[rows, last]]
        return is_warm


@dataclass(frozen=True, slots=True, eq=False)
class Rivals:
    """Tokens that are compared at nodes, and those of them that a step goes to."""

    tokens: IntArray  # (R,) side by side at each node
    first: IntArray  # (G,) where those of a node begin
    count: IntArray  # (G,) how many there are
    begin: IntArray  # (n, K) of those that a step goes to, among the node's
    size: IntArray  # (n, K) how many these are


def _nodes_at_levels(codes: IntArray) -> tuple[IntArray, IntArray]:
    """Node of each item at each level, (n, L + 1), -1 for none, and the nodes' codes, (G, L)."""
    n_items, n_levels = codes.shape
    groups = [np.zeros(n_items, dtype=np.int64)]
    for level in range(n_levels):
        pairs = np.stack([groups[-1], codes[:, level]], axis=1)
        groups.append(np.unique(pairs, axis=0, return_inverse=True)[1].ravel())
    groups.append(np.arange(n_items))  # each item is its own last step
    at_level = np.full((n_items, n_levels + 1), -1)
    prefixes: list[IntArray] = []
    n_nodes = 0
    for level, (group, below) in enumerate(pairwise(groups)):
        some = np.unique(below, return_index=True)[1]  # an item of each group below
        is_node = np.bincount(group[some]) > 1
        is_node |= level == 0
        numbers = np.where(is_node, n_nodes + np.cumsum(is_node) - 1, -1)
        at_level[:, level] = numbers[group]
        some = np.unique(group, return_index=True)[1][is_node]
        ends = np.arange(n_levels) >= level
        prefixes.append(np.where(ends, -1, codes[some]))
        n_nodes += int(is_node.sum())
    return at_level, np.concatenate(prefixes)


def _renumbered(
    prefixes: IntArray, at_level: IntArray, known: IntArray
) -> tuple[IntArray, IntArray]:
    """The same nodes, those that were known first and in their order."""
    both = np.concatenate([known, prefixes])
    _, places = np.unique(both, axis=0, return_inverse=True)
    places = places.ravel()
    number = np.full(places.max() + 1, -1)
    number[places[: len(known)]] = np.arange(len(known))
    is_new = number[places[len(known) :]] < 0
    number[places[len(known) :][is_new]] = len(known) + np.arange(is_new.sum())
    renamed = number[places[len(known) :]]
    return (
        np.concatenate([known, prefixes[is_new]]),
        np.where(at_level >= 0, renamed[at_level], -1),
    )


def _left_aligned(at_level: IntArray) -> IntArray:
    """Rows without the gaps of -1 between their numbers, which go to the end."""
    order = np.argsort(at_level < 0, axis=1, kind="stable")
    rows = np.take_along_axis(at_level, order, axis=1)
    return rows[:, : int((rows >= 0).sum(axis=1).max())]


def _places_of_steps(path_nodes: IntArray, places: IntArray, n_nodes: int) -> IntArray:
    """Place of the step after each node of each path; ``places`` begin with the token 1."""
    n_items = len(path_nodes)
    steps = np.concatenate([path_nodes[:, 1:], np.full((n_items, 1), -1)], axis=1)
    last = (path_nodes >= 0).sum(axis=1) - 1
    steps[np.arange(n_items), last] = n_nodes + np.arange(n_items)
    return np.where(path_nodes >= 0, places[np.maximum(steps, 1) - 1], -1)
