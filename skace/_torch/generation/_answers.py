"""Scores of all items for pasts, by a trained network."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Sequence

import numpy as np
import torch

from skace._torch._network import groups_of_similar_length, in_halves
from skace._torch.generation._beam import Beam
from skace._torch.generation._fusion import FusionNetwork, gathered
from skace._torch.generation._passages import Passages, trimmed
from skace._typing import BoolArray, FloatArray, IntArray

__all__ = ["Answers"]

_MEMORY_BYTES = 2**30  # of passages on items that are kept encoded
_BEGINNINGS = 2048  # of ids that are followed at once
_TOKENS = 2**15  # that are read for the rows of a block, padding included


class Answers:
    """A network in evaluation mode, with what it has read of the items.

    Parameters
    ----------
    network : FusionNetwork
        On its device.
    passages : Passages
        What there is to read.
    """

    def __init__(self, network: FusionNetwork, passages: Passages) -> None:
        self.network = network
        self.passages = passages
        self._known: dict[int, torch.Tensor] = {}
        self._n_bytes = 0

    def forget(self) -> None:
        """Forget what was read, because the weights have changed."""
        self._known, self._n_bytes = {}, 0

    @torch.no_grad()
    def scores(
        self, pasts: Sequence[IntArray], beam: Beam, allowed: BoolArray | None = None
    ) -> FloatArray:
        """Scores of shape (n_rows, n_items), float32, ``-inf`` where the beam did not come.

        Parameters
        ----------
        pasts : list of ndarray of shape (n_events,)
            Items of each row, oldest first, none of them empty.
        beam : Beam
            How items are searched.
        allowed : ndarray of shape (n_rows, n_items), bool, or None, default=None
            Items that each row may be given.
        """
        self.network.eval()
        scores = np.empty((len(pasts), beam.trie.n_items), dtype=np.float32)
        for rows in self._blocks(pasts, beam):
            scores[rows] = in_halves(
                lambda part: self._scores_of_block([pasts[i] for i in part], beam, allowed, part),
                rows,
            )
        return scores

    def _blocks(self, pasts: Sequence[IntArray], beam: Beam) -> list[IntArray]:
        """Row numbers, in groups that are answered together, of similar length."""
        lengths = np.array([len(past) for past in pasts], dtype=np.int64)
        order = np.argsort(-lengths, kind="stable")
        width = min(beam.width, beam.trie.n_items)
        blocks, begin = [], 0
        while begin < len(order):
            read = self.passages.length * (int(lengths[order[begin]]) + 1)
            n_rows = max(1, min(_BEGINNINGS // width, _TOKENS // read))
            blocks.append(order[begin : begin + n_rows])
            begin += n_rows
        return blocks

    def _scores_of_block(
        self, pasts: list[IntArray], beam: Beam, allowed: BoolArray | None, rows: IntArray
    ) -> FloatArray:
        """Scores of rows that are answered together."""
        memory, is_read = self._memory(pasts)
        masks = None if allowed is None else torch.from_numpy(allowed[rows]).to(memory.device)
        scores: FloatArray = beam.scores(self.network, memory, is_read, masks).cpu().numpy()
        return scores

    def _memory(self, pasts: list[IntArray]) -> tuple[torch.Tensor, torch.Tensor]:
        """What is read for each row, (R, M, D), and which of it is real, (R, M)."""
        users = self._read(self.passages.of_users(pasts))
        items = self._items(np.unique(np.concatenate(pasts)))
        states: list[torch.Tensor] = []
        rows: list[int] = []
        places: list[int] = []
        for row, past in enumerate(pasts):
            passages = [users[row], *(items[item] for item in past[::-1].tolist())]
            states += passages
            rows += [row] * len(passages)
            places += range(len(passages))
        counts = torch.tensor([len(part) for part in states])
        device = self.network.device
        by_token = [
            torch.repeat_interleave(torch.tensor(x), counts).to(device) for x in (rows, places)
        ]
        placed = self.network.placed(torch.cat(states), by_token[1])
        return gathered(placed, by_token[0], len(pasts))

    def _items(self, items: IntArray) -> dict[int, torch.Tensor]:
        """States of the tokens of the passage on each item, (n_tokens, D)."""
        new = [item for item in items.tolist() if item not in self._known]
        found = dict(zip(new, self._read(self.passages.items[new]), strict=True))
        known = {item: self._known[item] for item in items.tolist() if item in self._known}
        n_bytes = sum(states.nbytes for states in found.values())
        if self._n_bytes + n_bytes > _MEMORY_BYTES:
            self.forget()
        self._known |= found
        self._n_bytes += n_bytes
        return known | found

    def _read(self, tokens: IntArray) -> list[torch.Tensor]:
        """States of the real tokens of each passage, without its place."""
        lengths = (tokens >= 0).sum(axis=1)
        found: dict[int, torch.Tensor] = {}
        for rows in groups_of_similar_length(lengths):
            part = torch.from_numpy(trimmed(tokens[rows])).to(self.network.device)
            states = self.network.read(part)
            found |= {
                row: states[place, : lengths[row]].clone()
                for place, row in enumerate(rows.tolist())
            }
        return [found[row] for row in range(len(tokens))]
