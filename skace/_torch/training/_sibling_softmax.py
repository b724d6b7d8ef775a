"""Cross-entropy of each step down a tree among the children of the node where it is made."""
# SPDX-License-Identifier: BSD-3-Clause

import torch
import torch.nn.functional as F

from skace._torch._runtime import autocast
from skace._torch.encoders._gram import GRAMEncoder
from skace._torch.training._competitors import TableRows

__all__ = ["SiblingSoftmax"]

_ROWS = 32  # steps from one node that are multiplied together; more are divided


class SiblingSoftmax:
    """Loss of the next item as the sum of those of the steps to it.

    Parameters
    ----------
    encoder : GRAMEncoder
        Holds the tree, the vectors of its nodes and the decoder.

    Notes
    -----
    Steps from one node share its children, so they are gathered in groups of `_ROWS`, and all
    groups of nodes with about as many children are multiplied in one product, with padding.
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
            return -(weights * self.log_probabilities(hidden, table.table, items)).sum()

    def log_probabilities(
        self, hidden: torch.Tensor, table: torch.Tensor, items: torch.Tensor
    ) -> torch.Tensor:
        """Logarithm of the probability of one warm item, (N,), after each state (N, D)."""
        encoder, decoder = self.encoder, self.encoder.decoder
        nodes = encoder.tree_path_nodes[items]  # (N, K)
        rows, steps = torch.nonzero(nodes >= 0, as_tuple=True)
        nodes, places = nodes[rows, steps], encoder.tree_path_places[items[rows], steps]
        read = decoder.of_nodes(encoder.node_vectors, encoder.tree_levels)
        queries = decoder(
            decoder.straight(hidden).index_select(0, rows),
            decoder.read_state(hidden).index_select(0, rows),
            read.index_select(0, nodes),
        )
        tokens = torch.cat([encoder.node_vectors, table])
        log_p = self._of_steps(queries, nodes, places, tokens)
        return log_p.new_zeros(len(hidden)).index_add(0, rows, log_p)

    def _of_steps(
        self,
        queries: torch.Tensor,
        nodes: torch.Tensor,
        places: torch.Tensor,
        tokens: torch.Tensor,
    ) -> torch.Tensor:
        """Logarithm of the probability of each step, (M,), by its query, node and place."""
        encoder = self.encoder
        # Nodes of few children first, so that neighbours among the groups are of like size.
        by_size = encoder.tree_n_warm.argsort(stable=True)
        ranks = torch.empty_like(by_size)
        ranks[by_size] = torch.arange(len(by_size), device=nodes.device)
        ranked, order = ranks[nodes].sort(stable=True)
        counts = torch.bincount(ranked, minlength=len(by_size))
        place = torch.arange(len(ranked), device=nodes.device)
        place = place - (counts.cumsum(0) - counts)[ranked]  # of each step among those of its node
        n_groups = (counts + _ROWS - 1) // _ROWS  # of each node
        groups = (n_groups.cumsum(0) - n_groups)[ranked] + place // _ROWS
        slots = torch.empty_like(order)
        slots[order] = groups * _ROWS + place % _ROWS
        of_groups = by_size.repeat_interleave(n_groups)
        n_slots, width = len(of_groups) * _ROWS, queries.shape[1]
        padded = queries.new_zeros(n_slots, width).index_copy(0, slots, queries)
        targets = places.new_zeros(n_slots).index_copy(0, slots, places)
        padded, targets = padded.view(-1, _ROWS, width), targets.view(-1, _ROWS)
        found = [
            self._of_groups(padded[run], targets[run], of_groups[run], size, tokens)
            for run, size in _runs(encoder.tree_n_warm[of_groups])
        ]
        return torch.cat(found).index_select(0, slots)

    def _of_groups(
        self,
        queries: torch.Tensor,
        targets: torch.Tensor,
        nodes: torch.Tensor,
        size: int,
        tokens: torch.Tensor,
    ) -> torch.Tensor:
        """The same of groups of steps (g, P), each from one node of at most ``size`` children."""
        encoder = self.encoder
        places = torch.arange(size, device=nodes.device)
        is_child = places < encoder.tree_n_warm[nodes, None]  # (g, C)
        children = encoder.tree_first[nodes, None] + torch.where(is_child, places, 0)
        vectors = F.embedding(encoder.tree_children[children], tokens)  # (g, C, D)
        logits = torch.bmm(queries, vectors.transpose(1, 2)).float()  # (g, P, C)
        logits = logits.masked_fill(~is_child[:, None], -torch.inf)
        log_p = F.log_softmax(logits, dim=2).gather(2, targets[:, :, None])
        return log_p.flatten()


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
