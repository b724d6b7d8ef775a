"""Scores of items by a beam that stays within the ids that exist."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import torch

from skace._torch.generation._fusion import DecoderSteps, FusionNetwork
from skace._torch.generation._trie import TokenTrie

__all__ = ["Beam"]

_LOGITS = 2**24  # held at once


@dataclass(frozen=True, slots=True, eq=False)
class Beam:
    """How the items of a trie are searched and scored.

    Parameters
    ----------
    trie : TokenTrie
        All ids.
    width : int
        Beginnings of ids that are followed in each row. With as many as there are items, all are,
        and scores are exact.
    length_penalty : float
        Scores are divided by the number of tokens, the last one included, to this power.
    is_among_ids : bool
        Whether probabilities are among the tokens that may follow; else among all tokens.
    """

    trie: TokenTrie
    width: int
    length_penalty: float = 0.0
    is_among_ids: bool = False

    @torch.no_grad()
    def scores(
        self,
        network: FusionNetwork,
        memory: torch.Tensor,
        is_read: torch.Tensor,
        allowed: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Scores of shape (R, n_items), float32, ``-inf`` for items that were not reached.

        Parameters
        ----------
        network : FusionNetwork
            In evaluation mode.
        memory, is_read : Tensor of shape (R, M, D) and (R, M)
            What was read for each row.
        allowed : Tensor of shape (R, n_items), bool, or None, default=None
            Items that each row may be given; the others are not searched.
        """
        n_rows, device = len(memory), memory.device
        scores = torch.full((n_rows, self.trie.n_items), -torch.inf, device=device)
        is_open = None if allowed is None else self.trie.is_open(allowed)
        steps = DecoderSteps(network, memory, is_read)
        nodes = torch.zeros((n_rows, 1), dtype=torch.long, device=device)
        sums = torch.zeros((n_rows, 1), device=device)
        tokens = torch.full((n_rows, 1), network.start, device=device)
        n_tokens = 0
        while True:
            n_tokens += 1
            hidden = steps.step(tokens).flatten(0, 1)
            places, edges = self._edges_of(nodes.flatten())
            values = sums.flatten()[places] + self._log_p(network, hidden, places, edges)
            rows = places // nodes.shape[1]
            if is_open is not None:
                keep = is_open[rows, edges]
                places, edges, values, rows = (x[keep] for x in (places, edges, values, rows))
            targets = self.trie.targets[edges]
            ends = targets < 0
            scores[rows[ends], -1 - targets[ends]] = values[ends] / n_tokens**self.length_penalty
            places, edges, values, rows = (x[~ends] for x in (places, edges, values, rows))
            if len(rows) == 0:
                return scores
            chosen = _best_of_rows(values, rows, n_rows, self.width)  # (R, W)
            is_real, chosen = chosen >= 0, chosen.clamp(min=0)
            steps.keep(places[chosen] % nodes.shape[1])
            sums = values[chosen]
            tokens = self.trie.tokens[edges[chosen]]
            nodes = self.trie.targets[edges[chosen]].masked_fill(~is_real, -1)

    def _edges_of(self, nodes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Place of the node and number of each edge of nodes, (N,), of which -1 has none."""
        counts = torch.where(nodes >= 0, self.trie.n_edges[nodes.clamp(min=0)], 0)
        places = torch.repeat_interleave(counts)
        within = (
            torch.arange(len(places), device=nodes.device) - (counts.cumsum(0) - counts)[places]
        )
        return places, self.trie.first[nodes[places]] + within

    def _log_p(
        self,
        network: FusionNetwork,
        hidden: torch.Tensor,
        places: torch.Tensor,
        edges: torch.Tensor,
    ) -> torch.Tensor:
        """Logarithm of the probability of edges, by the states of their nodes, (N, D)."""
        found = []
        step = max(1, _LOGITS // network.t5.config.vocab_size)
        for begin in range(0, len(hidden), step):
            logits = network.logits(hidden[begin : begin + step])
            mine = (places >= begin) & (places < begin + step)
            local = places[mine] - begin
            wanted = logits[local, self.trie.tokens[edges[mine]]]
            if self.is_among_ids:
                totals = _logsumexp_of_groups(wanted, local, len(logits))
            else:
                totals = logits.logsumexp(dim=1)
            found.append(wanted - totals[local])
        return torch.cat(found)


def _logsumexp_of_groups(values: torch.Tensor, groups: torch.Tensor, n: int) -> torch.Tensor:
    """Logarithm of the sum of the exponentials of each group, (n,)."""
    largest = values.new_full((n,), -torch.inf).scatter_reduce(0, groups, values, "amax")
    shifted = (values - largest[groups]).exp()
    return largest + values.new_zeros(n).index_add(0, groups, shifted).log()


def _best_of_rows(values: torch.Tensor, rows: torch.Tensor, n_rows: int, most: int) -> torch.Tensor:
    """Numbers of the best values of each row, (n_rows, W), best first; -1 where there are fewer.

    Rows are ascending; among equal values the first counts.
    """
    counts = torch.bincount(rows, minlength=n_rows)
    within = torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[rows]
    width = int(counts.max())
    table = values.new_full((n_rows, width), -torch.inf)
    table[rows, within] = values
    best = table.sort(dim=1, descending=True, stable=True).indices[:, :most]
    firsts = (counts.cumsum(0) - counts)[:, None]
    return torch.where(best < counts[:, None], firsts + best, -1)
