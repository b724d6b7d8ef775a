"""TrainableItems: vectors that are learned."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import torch
from torch import nn

from skace._torch.tables._base import ItemModule
from skace._typing import BoolArray

__all__ = ["TrainableItems"]


class TrainableItems(ItemModule):
    """A table of free parameters; cold rows stay where they started."""

    cold_rows: torch.Tensor
    cold_vectors: torch.Tensor

    def __init__(
        self, vectors: torch.Tensor, is_cold: BoolArray, *, is_sparse: bool = False
    ) -> None:
        super().__init__()
        self.is_sparse = is_sparse
        self.weight = nn.Parameter(vectors)
        self.register_buffer(
            "cold_rows", torch.as_tensor(np.flatnonzero(is_cold)), persistent=False
        )
        self.register_buffer("cold_vectors", torch.empty(0), persistent=False)
        self.remember_cold()

    def remember_cold(self) -> None:
        """Take the present vectors of cold items as those to come back to."""
        self.cold_vectors = self.weight.detach()[self.cold_rows].clone()

    def pin_cold(self) -> None:
        """Put the vectors of cold items back."""
        with torch.no_grad():
            self.weight[self.cold_rows] = self.cold_vectors

    def forward(self) -> torch.Tensor:
        """Table of shape (n_items, D)."""
        return self.weight
