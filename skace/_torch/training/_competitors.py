"""Competitors: the items that compete in the loss, and how their vectors are looked up."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from skace._typing import BoolArray, IntArray

__all__ = ["Competitors", "Table", "TableRows", "all_vectors", "vectors_at"]


class TableRows(NamedTuple):
    """Rows of an item table that compete, without a copy of their vectors."""

    table: torch.Tensor  # (n_items, D)
    rows: torch.Tensor | None = None  # (V,) of the table; None for all of them in order
    is_sparse: bool = False  # whether gradients name the rows that were looked up

    @property
    def shape(self) -> tuple[int, int]:
        """Of their vectors: (V, D)."""
        n_items, width = self.table.shape
        return n_items if self.rows is None else self.rows.numel(), width

    @property
    def device(self) -> torch.device:
        """Where the vectors are."""
        return self.table.device


Table = torch.Tensor | TableRows


def vectors_at(table: Table, places: torch.Tensor) -> torch.Tensor:
    """Vectors of some items of a table.

    Parameters
    ----------
    table : torch.Tensor or TableRows of shape (V, D)
        The competing items, as passed to a loss.
    places : torch.Tensor of shape (...,), dtype int64
        Rows of the table, from 0 to V - 1.

    Returns
    -------
    vectors : torch.Tensor of shape (..., D)
        With gradients.

    Notes
    -----
    Stability: experimental.
    """
    if isinstance(table, torch.Tensor):
        return F.embedding(places, table)
    rows = places if table.rows is None else table.rows[places]
    return F.embedding(rows, table.table, sparse=table.is_sparse)


def all_vectors(table: Table) -> torch.Tensor:
    """Vectors of all items of a table.

    Parameters
    ----------
    table : torch.Tensor or TableRows of shape (V, D)
        The competing items, as passed to a loss.

    Returns
    -------
    vectors : torch.Tensor of shape (V, D)
        With gradients.

    Notes
    -----
    Stability: experimental.
    """
    if isinstance(table, torch.Tensor):
        return table
    return table.table if table.rows is None else table.table.index_select(0, table.rows)


class Competitors:
    """The items that compete in the loss, and their places among each other."""

    def __init__(
        self, takes_part: BoolArray, device: torch.device, *, is_sparse: bool = False
    ) -> None:
        self.is_sparse = is_sparse
        self.is_all = bool(takes_part.all())
        self.rows = torch.as_tensor(np.flatnonzero(takes_part)).to(device)
        self.places = torch.as_tensor(np.cumsum(takes_part) - 1).to(device)

    def of(self, table: torch.Tensor, targets: torch.Tensor) -> tuple[TableRows, torch.Tensor]:
        """Those of a table, and the targets as places among them."""
        if self.is_all:
            return TableRows(table, None, self.is_sparse), targets
        return TableRows(table, self.rows, self.is_sparse), self.places[targets]

    def among(self, values: IntArray) -> torch.Tensor:
        """Those of the values (n_items,) that belong to them, float32 on their device."""
        return torch.as_tensor(values, dtype=torch.float32).to(self.rows.device)[self.rows]
