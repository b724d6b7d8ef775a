"""The network of GRAM: a causal encoder, and a decoder that walks down a tree of items."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from skace._item_tree import ItemTree
from skace._torch._products import Linear, stable_linear
from skace._torch.encoders._layers import initialise

__all__ = ["GRAMEncoder", "SiblingDecoder", "start_nodes"]

_BLOCK_BYTES = 4 * 2**20  # of what the decoder is told of some rows at some nodes


class SiblingDecoder(nn.Module):
    """What is looked for among the children of a node, given a state.

    Parameters
    ----------
    width : int
        D, of states and nodes.
    n_levels : int
        Most codes of a node.
    """

    scale: torch.Tensor

    def __init__(self, width: int, n_levels: int) -> None:
        super().__init__()
        self.straight = Linear(width, width, bias=False)
        self.read_state = Linear(width, 2 * width)
        self.read_node = Linear(width, 2 * width, bias=False)
        self.levels = nn.Embedding(n_levels + 1, width)
        self.narrow = Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)
        # Brings the vectors of nodes, which are those of items, to the size of states.
        self.register_buffer("scale", torch.ones(()))
        initialise(self)
        nn.init.eye_(self.straight.weight)

    def of_nodes(self, vectors: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        """What the decoder makes of nodes (G, D) with so many codes (G,): (G, 2D)."""
        read: torch.Tensor = self.read_node(self.scale * vectors + self.levels(levels))
        return read

    def forward(
        self, straight: torch.Tensor, state: torch.Tensor, node: torch.Tensor
    ) -> torch.Tensor:
        """Queries (..., D) of ``straight(h)`` (..., D), ``read_state(h)`` and nodes (..., 2D)."""
        queries: torch.Tensor = self.norm(straight + self.narrow(F.gelu(state + node)))
        return queries


class GRAMEncoder(nn.Module):
    """States of a causal encoder, vectors of the nodes, and the decoder that reads both.

    Parameters
    ----------
    fine : nn.Module
        Maps windows of item vectors, causally.
    tree : ItemTree
        The items as leaves.
    width : int
        D, of item vectors, nodes and states.
    coarse : nn.Module or None, default=None
        Maps windows of the sums of the nodes above each item; None to read vectors only.
    sums_items : bool, default=False
        Whether a node is as likely as the items below it are together; else it is scored by its
        vector.
    """

    tree_levels: torch.Tensor
    tree_path_nodes: torch.Tensor
    rival_tokens: torch.Tensor
    rival_first: torch.Tensor
    rival_count: torch.Tensor
    rival_begin: torch.Tensor
    rival_size: torch.Tensor

    def __init__(
        self,
        fine: nn.Module,
        tree: ItemTree,
        width: int,
        coarse: nn.Module | None = None,
        *,
        sums_items: bool = False,
    ) -> None:
        super().__init__()
        self.fine, self.coarse, self.tree = fine, coarse, tree
        self.sums_items = sums_items
        if coarse is not None:
            self.mix = Linear(width, width, bias=False)
            initialise(self.mix)
        self.decoder = SiblingDecoder(width, tree.prefixes.shape[1])
        self.node_vectors = nn.Parameter(torch.zeros(tree.n_nodes, width))
        rivals = tree.rivals(of_items=sums_items)
        buffers = {f"tree_{name}": getattr(tree, name) for name in ("levels", "path_nodes")}
        of_rivals = ("tokens", "first", "count", "begin", "size")
        buffers |= {f"rival_{name}": getattr(rivals, name) for name in of_rivals}
        for name, array in buffers.items():
            self.register_buffer(name, torch.from_numpy(array), persistent=False)

    @property
    def reads_places(self) -> bool:
        """Whether single places of windows can be asked for."""
        return bool(getattr(self.fine, "reads_places", False))

    def forward(
        self, x: torch.Tensor, items: torch.Tensor | None = None, **context: Any
    ) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D); ``items`` (B, T), read by the coarse view, are its rows."""
        states: torch.Tensor = self.fine(x, **context)
        if self.coarse is None:
            return states
        assert items is not None
        coarse: torch.Tensor = self.coarse(self.above(items), **context)
        mixed: torch.Tensor = states + self.mix(coarse)
        return mixed

    def above(self, items: torch.Tensor) -> torch.Tensor:
        """Sum of the vectors of the nodes between the root and each item (...,): (..., D).

        Items that the tree does not hold have none.
        """
        paths = self.tree_path_nodes[:, 1:]
        if paths.shape[1] == 0:
            return self.node_vectors.new_zeros(*items.shape, self.node_vectors.shape[1])
        is_known = items < len(paths)
        nodes = paths[torch.where(is_known, items, 0)]  # (..., K - 1)
        is_node = (nodes >= 0) & is_known[..., None]
        vectors = F.embedding(torch.where(is_node, nodes, 0), self.node_vectors)
        return (vectors * is_node[..., None]).sum(dim=-2)

    @torch.no_grad()
    def log_probabilities(
        self, states: torch.Tensor, table: torch.Tensor, cold_share: float = 0.0
    ) -> torch.Tensor:
        """Logarithm of the probability of each item, (R, n), after states (R, D).

        Those of the warm items of a table (n, D) add up to 1. A cold item takes nothing from
        them: it is compared with its warm siblings, or with its cold ones if it has no others, and
        gets ``cold_share`` times what warm items of its node have on average.
        """
        tree, decoder = self.tree, self.decoder
        straight, state = decoder.straight(states), decoder.read_state(states)
        node = decoder.of_nodes(self.node_vectors, self.tree_levels)[:, None]  # (G, 1, 2D)
        found = states.new_empty(len(states), tree.children.size)
        column = np.empty(tree.n_nodes + len(table), dtype=np.int64)  # of each token
        column[tree.children] = np.arange(tree.children.size)
        below = self._below(table)
        at_once = max(1, _BLOCK_BYTES // max(1, 4 * state.numel()))
        order = np.argsort(tree.levels, kind="stable")  # parents before their children
        for begin in range(0, order.size, at_once):
            some = order[begin : begin + at_once]
            queries = decoder(straight, state, node[some])  # (g, R, D)
            for query, number in zip(queries, some.tolist(), strict=True):
                start, stop = tree.first[number], tree.first[number] + tree.n_children[number]
                logits = below(query, number)
                rivals = int(tree.n_warm[number]) or stop - start
                logits -= logits[:, :rivals].logsumexp(dim=1, keepdim=True)
                if number > 0:
                    logits += found[:, column[number], None]
                found[:, start:stop] = logits
        scores = found[:, torch.from_numpy(column[tree.n_nodes :]).to(found.device)]
        if cold_share > 0:
            items, nodes, n_warm = tree.homes_of_cold()
            shares = np.log(cold_share / n_warm).astype(np.float32)
            given = found[:, column[nodes]] + torch.from_numpy(shares).to(found.device)
            scores[:, items] = torch.logaddexp(scores[:, items], given)
        return scores

    def _below(self, table: torch.Tensor) -> Callable[[torch.Tensor, int], torch.Tensor]:
        """Function of queries (R, D) and a node that gives scores of its children, (R, C)."""
        tree = self.tree
        children = torch.cat([self.node_vectors, table])[tree.children]  # by parent
        has_items_only = tree.has_items_only

        def by_vectors(query: torch.Tensor, node: int) -> torch.Tensor:
            start = tree.first[node]
            return stable_linear(query, children[start : start + tree.n_children[node]])

        def by_items(query: torch.Tensor, node: int) -> torch.Tensor:
            if has_items_only[node]:
                return by_vectors(query, node)
            items, child = tree.items_below(node)
            logits = stable_linear(query, table[torch.from_numpy(items).to(table.device)])
            owners = torch.from_numpy(child).to(table.device).expand(len(query), -1)
            top = logits.new_full((len(query), tree.n_children[node]), -torch.inf)
            top.scatter_reduce_(1, owners, logits, "amax")
            shares = (logits - top.gather(1, owners)).exp()
            return top + torch.zeros_like(top).scatter_add_(1, owners, shares).log()

        return by_items if self.sums_items else by_vectors


@torch.no_grad()
def start_nodes(encoder: GRAMEncoder, table: torch.Tensor, n_known: int) -> None:
    """Give nodes the mean vector of the items below them, of a table (n, D), but the first ones.

    Parameters
    ----------
    encoder : GRAMEncoder
        Its decoder learns the spread of the table if all nodes are new.
    table : torch.Tensor of shape (n, D)
        Item vectors.
    n_known : int
        Nodes that have been trained.
    """
    tree = encoder.tree
    items, steps = np.nonzero(tree.path_nodes >= 0)
    nodes = torch.from_numpy(tree.path_nodes[items, steps]).to(table.device)
    total = table.new_zeros(tree.n_nodes, table.shape[1])
    total.index_add_(0, nodes, table[torch.from_numpy(items).to(table.device)])
    means = total / torch.bincount(nodes, minlength=tree.n_nodes)[:, None]
    encoder.node_vectors[n_known:] = means[n_known:]
    spread = float(table.std(correction=0))
    if n_known == 0 and spread > 0:
        encoder.decoder.scale.fill_(1 / spread)
