"""TokenTrie: the ids of all items, token by token."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from skace._typing import IntArray

__all__ = ["TokenTrie"]


@dataclass(frozen=True, slots=True, eq=False)
class TokenTrie:
    """What may follow each beginning of an id.

    Node 0 is the root. The edges of a node stand side by side; one that ends an id leads to the
    item i, which has the number ``-1 - i``.
    """

    tokens: torch.Tensor  # (E,) long, token of each edge
    targets: torch.Tensor  # (E,) long, node behind it, or minus one minus an item
    first: torch.Tensor  # (G,) long, first edge of each node
    n_edges: torch.Tensor  # (G,) long
    order: torch.Tensor  # (n_items,) long, items so that those below a node stand side by side
    begins: torch.Tensor  # (E,) long, where those below an edge begin in that order
    ends: torch.Tensor  # (E,) long

    @classmethod
    def of_paths(cls, paths: IntArray, end: int, device: torch.device) -> "TokenTrie":
        """Trie of ids.

        Parameters
        ----------
        paths : ndarray of shape (n_items, P)
            Tokens of each id, all ids different; -1 behind the end.
        end : int
            Token that ends an id.
        device : torch.device
            Where to keep it.
        """
        n_items = len(paths)
        order = np.lexsort(paths.T[::-1])
        full = np.concatenate([paths, np.full((n_items, 1), -1)], axis=1)[order]
        nodes, n_nodes = np.zeros(n_items, dtype=np.int64), 1
        rows, edges = np.arange(n_items), list[Any]()
        for column in full.T:
            token = column[rows]
            ended = token < 0
            done = rows[ended]
            edges += zip(
                nodes[done], [end] * done.size, -1 - order[done], done, done + 1, strict=True
            )
            rows, token = rows[~ended], token[~ended]
            pairs = np.stack([nodes[rows], token], axis=1)
            found, inverse, counts = np.unique(
                pairs, axis=0, return_inverse=True, return_counts=True
            )
            inverse = inverse.ravel()
            begins = np.full(len(found), n_items)
            np.minimum.at(begins, inverse, rows)
            new = n_nodes + np.arange(len(found))
            edges += zip(found[:, 0], found[:, 1], new, begins, begins + counts, strict=True)
            nodes[rows] = new[inverse]
            n_nodes += len(found)
        table = np.array(sorted(edges), dtype=np.int64)  # by node, then by token
        n_edges = np.bincount(table[:, 0], minlength=n_nodes)
        columns = (*table.T[1:3], np.cumsum(n_edges) - n_edges, n_edges, order, *table.T[3:])
        return cls(*(torch.from_numpy(np.ascontiguousarray(c)).to(device) for c in columns))

    @property
    def n_items(self) -> int:
        """Number of ids."""
        return len(self.order)

    def is_open(self, allowed: torch.Tensor) -> torch.Tensor:
        """Whether an allowed item is below each edge.

        Parameters
        ----------
        allowed : Tensor of shape (R, n_items), bool
            Items that each row may be given.

        Returns
        -------
        is_open : Tensor of shape (R, E), bool
            By edge.
        """
        counts = allowed[:, self.order].cumsum(dim=1)
        counts = torch.nn.functional.pad(counts, (1, 0))
        return counts[:, self.ends] > counts[:, self.begins]
