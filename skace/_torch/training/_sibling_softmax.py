"""Cross-entropy of each step down a tree among the rivals at the node where it is made."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import NamedTuple

import torch
import torch.nn.functional as F

from skace._torch._runtime import autocast
from skace._torch.encoders._gram import GRAMEncoder
from skace._torch.training._competitors import TableRows
from skace._torch.training._losses import full_softmax

__all__ = ["SiblingSoftmax"]

_ROWS = 32  # steps from one node that are multiplied together; more are divided
_CROWD = 1024  # rivals at a node from which on all of its steps are multiplied together


class SiblingSoftmax:
    """Loss of the next item as the sum of those of the steps to it.

    Parameters
    ----------
    encoder : GRAMEncoder
        Holds the tree, the vectors of its nodes and the decoder.

    Notes
    -----
    Steps from one node share its rivals, so they are gathered in groups of `_ROWS`, and all
    groups of nodes with about as many rivals are multiplied in one product, with padding. Where a
    node has more than `_CROWD` rivals, all of its steps are multiplied at once.
    """

    def __init__(self, encoder: GRAMEncoder) -> None:
        self.encoder = encoder

    def __call__(
        self,
        hidden: torch.Tensor,
        table: TableRows,
        targets: torch.Tensor,
        weights: torch.Tensor,
    ) -> torch.Tensor:
        items = targets if table.rows is None else table.rows[targets]
        with autocast(hidden.device, hidden.dtype):
            return self._loss(hidden, table.table, items, weights)

    def _loss(
        self, hidden: torch.Tensor, table: torch.Tensor, items: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """Weighted sum of what one warm item (N,) costs after each state (N, D)."""
        encoder, decoder = self.encoder, self.encoder.decoder
        nodes = encoder.tree_path_nodes[items]  # (N, K)
        rows, steps = torch.nonzero(nodes >= 0, as_tuple=True)
        read = decoder.of_nodes(encoder.node_vectors, encoder.tree_levels)
        nodes, items = nodes[rows, steps], items[rows]
        queries = decoder(
            decoder.straight(hidden).index_select(0, rows),
            decoder.read_state(hidden).index_select(0, rows),
            read.index_select(0, nodes),
        )
        made = _Steps(
            queries=queries.to(hidden.dtype),
            nodes=nodes,
            begin=encoder.rival_begin[items, steps],
            size=encoder.rival_size[items, steps],
            weights=weights[rows],
        )
        tokens = torch.cat([encoder.node_vectors, table])
        is_crowded = encoder.rival_count > _CROWD
        total = hidden.new_zeros((), dtype=torch.float32)
        for node in torch.unique(nodes[is_crowded[nodes]]).tolist():
            total = total + self._of_node(made.take(nodes == node), node, tokens)
        others = made.take(~is_crowded[nodes])
        if len(others.nodes):
            total = total - (others.weights * self._of_steps(others, tokens)).sum()
        return total

    def _of_node(self, made: "_Steps", node: int, tokens: torch.Tensor) -> torch.Tensor:
        """What steps from one node cost, its rivals multiplied once for all of them."""
        encoder = self.encoder
        first, count = int(encoder.rival_first[node]), int(encoder.rival_count[node])
        rivals = tokens[encoder.rival_tokens[first : first + count]]
        sizes = made.size if encoder.sums_items else None
        return full_softmax(made.queries, rivals, made.begin, made.weights, sizes=sizes)

    def _of_steps(self, made: "_Steps", tokens: torch.Tensor) -> torch.Tensor:
        """Logarithm of the probability of each of M steps, (M,)."""
        encoder = self.encoder
        # Nodes of few rivals first, so that neighbours among the groups are of like size.
        by_size = encoder.rival_count.argsort(stable=True)
        ranks = torch.empty_like(by_size)
        ranks[by_size] = torch.arange(len(by_size), device=by_size.device)
        ranked, order = ranks[made.nodes].sort(stable=True)
        counts = torch.bincount(ranked, minlength=len(by_size))
        place = torch.arange(len(ranked), device=by_size.device)
        place = place - (counts.cumsum(0) - counts)[ranked]  # of each step among those of its node
        n_groups = (counts + _ROWS - 1) // _ROWS  # of each node
        groups = (n_groups.cumsum(0) - n_groups)[ranked] + place // _ROWS
        slots = torch.empty_like(order)
        slots[order] = groups * _ROWS + place % _ROWS
        of_groups = by_size.repeat_interleave(n_groups)
        n_slots, width = len(of_groups) * _ROWS, made.queries.shape[1]
        padded = made.queries.new_zeros(n_slots, width).index_copy(0, slots, made.queries)
        begin = made.begin.new_zeros(n_slots).index_copy(0, slots, made.begin)
        size = made.size.new_ones(n_slots).index_copy(0, slots, made.size)
        padded = padded.view(-1, _ROWS, width)
        begin, size = begin.view(-1, _ROWS), size.view(-1, _ROWS)
        found = [
            self._of_groups(padded[run], begin[run], size[run], of_groups[run], n_rivals, tokens)
            for run, n_rivals in _runs(encoder.rival_count[of_groups])
        ]
        return torch.cat(found).index_select(0, slots)

    def _of_groups(
        self,
        queries: torch.Tensor,
        begin: torch.Tensor,
        size: torch.Tensor,
        nodes: torch.Tensor,
        n_rivals: int,
        tokens: torch.Tensor,
    ) -> torch.Tensor:
        """The same of groups of steps (g, P), each from one node of at most so many rivals."""
        encoder = self.encoder
        places = torch.arange(n_rivals, device=nodes.device)
        is_rival = places < encoder.rival_count[nodes, None]  # (g, C)
        at = encoder.rival_first[nodes, None] + torch.where(is_rival, places, 0)
        vectors = F.embedding(encoder.rival_tokens[at], tokens)  # (g, C, D)
        logits = torch.bmm(queries, vectors.transpose(1, 2)).float()  # (g, P, C)
        log_p = F.log_softmax(logits.masked_fill(~is_rival[:, None], -torch.inf), dim=2)
        if not encoder.sums_items:
            return log_p.gather(2, begin[:, :, None]).flatten()
        is_own = (places >= begin[:, :, None]) & (places < (begin + size)[:, :, None])
        return log_p.masked_fill(~is_own, -torch.inf).logsumexp(dim=2).flatten()


class _Steps(NamedTuple):
    """Steps down the tree, M of them."""

    queries: torch.Tensor  # (M, D)
    nodes: torch.Tensor  # (M,) where they are made
    begin: torch.Tensor  # (M,) of the rivals that are right, among those of the node
    size: torch.Tensor  # (M,) how many are right
    weights: torch.Tensor  # (M,)

    def take(self, which: torch.Tensor) -> "_Steps":
        """Those for which a mask (M,) is True."""
        return _Steps(*(part[which] for part in self))


def _runs(sizes: torch.Tensor) -> list[tuple[slice, int]]:
    """Runs of groups whose sizes, which rise, differ by no more than a factor of 2."""
    runs: list[tuple[slice, int]] = []
    found = sizes.tolist()
    begin = 0
    for end, size in enumerate([*found, 2 * found[-1] + 1]):
        if size > 2 * found[begin]:
            runs.append((slice(begin, end), found[end - 1]))
            begin = end
    return runs
