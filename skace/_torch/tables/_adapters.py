"""Adapters: tables that are made of other tables."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from skace._torch.tables._base import ItemModule
from skace._torch.tables._trainable import TrainableItems

__all__ = ["HeadItems", "OffsetItems"]


class HeadItems(ItemModule):
    """Vectors of a frozen table through a trained head.

    With several views, the columns are cut into as many equal parts; each passes the same
    head, and the results are summed.
    """

    def __init__(self, source: ItemModule, head: nn.Sequential, *, views: int = 1) -> None:
        super().__init__()
        self.source = source
        self.head = head
        self.views = views

    def forward(self) -> torch.Tensor:
        """Table of shape (n_items, D)."""
        return self.adapt(self.source())

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Vectors of shape (n, D) of items that the table does not hold."""
        return self.adapt(self.source.embed(features))

    def adapt(self, x: torch.Tensor) -> torch.Tensor:
        """Map vectors of the source to vectors of shape (n, D)."""
        views = x.reshape(len(x), self.views, -1)  # (n, G * d) -> (n, G, d)
        adapted: torch.Tensor = self.head(views).sum(dim=1)
        return adapted

    @torch.no_grad()
    def rescale(self, spread: float) -> None:
        """Scale the last layer such that the table's entries have this standard deviation.

        For a fresh head, whose biases are 0.
        """
        found = self().std(unbiased=False)
        if found > 0:  # features of zeros stand for those that a state will bring
            cast(nn.Linear, self.head[-1]).weight.mul_(spread / found)


class OffsetItems(ItemModule):
    """Vectors of another table plus trainable ones in the last columns.

    With ``covers`` the trainable ones stand in place of these columns.
    """

    def __init__(self, source: ItemModule, own: TrainableItems, *, covers: bool = False) -> None:
        super().__init__()
        self.source = source
        self.own = own
        self.covers = covers

    def forward(self) -> torch.Tensor:
        """Table of shape (n_items, D)."""
        return self._join(self.source(), self.own())

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Vectors of shape (n, D) of items that the table does not hold: nothing is added."""
        source = self.source.embed(features)
        return self._join(source, source.new_zeros(len(source), self.own.weight.shape[1]))

    def penalty(self, items: torch.Tensor) -> torch.Tensor | None:
        """What the frozen or shared part adds to the loss."""
        return self.source.penalty(items)

    def _join(self, source: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """Both parts in one matrix of shape (n, D)."""
        n_kept = source.shape[1] - own.shape[1]
        if self.covers:
            return torch.cat([source[:, :n_kept], own], dim=1)
        return source + F.pad(own, (n_kept, 0))
