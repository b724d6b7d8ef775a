"""Encoders: item vectors of a window in, one state per position out."""
# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn

from skace._torch._layers import CausalBlock, initialise

__all__ = ["SASRecEncoder"]


class SASRecEncoder(nn.Module):
    """Self-attentive encoder (Kang & McAuley 2018).

    Positions are learned and counted from the start of the window; item plus position
    passes LayerNorm and dropout, then the blocks.
    """

    def __init__(
        self,
        width: int,
        *,
        max_length: int,
        n_layers: int,
        n_heads: int,
        dropout: float,
        attention_dropout: float,
    ) -> None:
        super().__init__()
        self.positions = nn.Embedding(max_length, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            CausalBlock(width, n_heads, dropout, attention_dropout) for _ in range(n_layers)
        )
        initialise(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D)."""
        x = self.dropout(self.norm(x + self.positions.weight[: x.shape[1]]))
        for block in self.blocks:
            x = block(x)
        return x
