"""DualViewItems: a semantic and a collaborative view of each item."""
# SPDX-License-Identifier: BSD-3-Clause

import math

import torch
import torch.nn.functional as F
from torch import nn

from skace._torch.tables._base import ItemModule, random_vectors
from skace._torch.tables._heads import random_linear

__all__ = ["CrossAttention", "DualViewItems"]

_STD = 0.02  # of the vectors of places


class CrossAttention(nn.Module):
    """Positions of one view look at the same and earlier positions of the other one."""

    def __init__(self, width: int, n_heads: int, generator: torch.Generator) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query, self.key, self.value, self.mix_heads = (
            random_linear(width, width, width**-0.5, generator) for _ in range(4)
        )

    def forward(self, asking: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
        """Map two views of shape (B, T, D / 2) to one."""
        query, key, value = self.query(asking), self.key(asked), self.value(asked)
        # (B, T, D / 2) -> (B, H, T, D / 2 / H)
        query, key, value = (
            x.view(*x.shape[:2], self.n_heads, -1).transpose(1, 2) for x in (query, key, value)
        )
        # Causal: a position that sees later ones of the other view sees its own target.
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        merged: torch.Tensor = self.mix_heads(mixed.transpose(1, 2).reshape(asked.shape))
        return merged


class DualViewItems(ItemModule):
    """Both views side by side; in a window each asks the other, then passes the encoder."""

    def __init__(
        self,
        collaborative: ItemModule,
        semantic: ItemModule,
        width: int,
        n_heads: int,
        generator: torch.Generator,
        *,
        residual: bool = True,
        n_places: int = 0,
    ) -> None:
        super().__init__()
        self.collaborative = collaborative
        self.semantic = semantic
        self.residual = residual
        self.to_collaborative = CrossAttention(width // 2, n_heads, generator)
        self.to_semantic = CrossAttention(width // 2, n_heads, generator)
        if n_places > 0:
            self.places = nn.Parameter(random_vectors(n_places, width // 2, _STD, generator))

    def forward(self) -> torch.Tensor:
        """Table of shape (n_items, D)."""
        return torch.cat([self.collaborative(), self.semantic()], dim=1)

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Vectors of shape (n, D) of items that the table does not hold."""
        return torch.cat([view.embed(features) for view in self.parts()], dim=1)

    def encode(self, encoder: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """States of shape (B, T, D): those of both views, from one encoder."""
        half = x.shape[-1] // 2
        views = (x * math.sqrt(half)).chunk(2, dim=-1)
        if hasattr(self, "places"):
            views = tuple(view + self.places[: x.shape[1]] for view in views)
        collaborative, semantic = views
        # The other view asks.
        found = (
            self.to_collaborative(semantic, collaborative),
            self.to_semantic(collaborative, semantic),
        )
        if self.residual:
            found = tuple(view + answer for view, answer in zip(views, found, strict=True))
        return torch.cat([encoder(view) for view in found], dim=-1)
