"""FrozenItems: vectors that stay as the features are."""
# SPDX-License-Identifier: BSD-3-Clause

import torch

from skace._torch.tables._base import ItemModule

__all__ = ["FrozenItems"]


class FrozenItems(ItemModule):
    """A table that training does not touch."""

    weight: torch.Tensor

    def __init__(self, vectors: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", vectors)

    def forward(self) -> torch.Tensor:
        """Table of shape (n_items, D)."""
        return self.weight
