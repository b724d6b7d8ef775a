"""Item tables: modules that yield the (n_items, D) matrix for input and output."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterator

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
    defaults do not hold. A table may be made of other ones.
    """

    # Whether gradients name the rows that a step has looked up, and only these are updated.
    is_sparse = False

    def remember_cold(self) -> None:
        """Note what is to stay, now that all rows are there (before the first epoch)."""
        for part in self.parts():
            part.remember_cold()

    def pin_cold(self) -> None:
        """Undo what training did to items without a training row (after each epoch)."""
        for part in self.parts():
            part.pin_cold()

    def parts(self) -> Iterator["ItemModule"]:
        """Tables that this one is made of."""
        return (part for part in self.children() if isinstance(part, ItemModule))

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Vectors of shape (n, D) of items that the table does not hold."""
        return features

    def encode(self, encoder: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """States of shape (B, T, D) of windows of item vectors of shape (B, T, D).

        An encoder that is asked for one position of each window returns (B, 1, D), and so
        must the table.
        """
        states: torch.Tensor = encoder(x)
        return states

    def penalty(self, items: torch.Tensor) -> torch.Tensor | None:  # noqa: ARG002 (contract)
        """What the table adds to the mean loss of a step, or None.

        ``items``, of shape (P,), are the table rows of the step's targets.
        """
        return None


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


class FrozenItems(ItemModule):
    """A table that training does not touch."""

    weight: torch.Tensor

    def __init__(self, vectors: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", vectors)

    def forward(self) -> torch.Tensor:
        """Table of shape (n_items, D)."""
        return self.weight
