"""Item tables: modules that yield the (n_items, D) matrix for input and output."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import torch
from torch import nn

from skace._typing import BoolArray, FloatArray

__all__ = ["FrozenItems", "ItemModule", "TrainableItems", "as_vectors", "random_vectors"]


def as_vectors(features: FloatArray) -> torch.Tensor:
    """Copy of item features, float32."""
    return torch.tensor(features, dtype=torch.float32)


def random_vectors(
    n_items: int, width: int, std: float, generator: torch.Generator
) -> torch.Tensor:
    """Vectors of shape (n_items, D) drawn from N(0, std)."""
    return torch.randn(n_items, width, generator=generator) * std


class ItemModule(nn.Module):
    """What the training loop asks of an item table.

    ``forward()`` returns the table of shape (n_items, D). Override the others where the
    defaults do not hold.
    """

    def remember_cold(self) -> None:
        """Note the vectors of items without a training row (before the first epoch)."""

    def pin_cold(self) -> None:
        """Undo what training did to items without a training row (after each epoch)."""

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Vectors of shape (n, D) of items that the table does not hold."""
        return features


class TrainableItems(ItemModule):
    """A table of free parameters; cold rows stay where they started."""

    cold_rows: torch.Tensor
    cold_vectors: torch.Tensor

    def __init__(self, vectors: torch.Tensor, is_cold: BoolArray) -> None:
        super().__init__()
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


class FrozenItems(ItemModule):
    """A table that training does not touch."""

    weight: torch.Tensor

    def __init__(self, vectors: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", vectors)

    def forward(self) -> torch.Tensor:
        """Table of shape (n_items, D)."""
        return self.weight
