"""Blocks of transformers, by name."""
# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn

from skace._torch._products import Linear
from skace._torch.encoders._hstu import HSTUBlock
from skace._torch.encoders._layers import Dropout, FeedForward, SelfAttention, SwiGLU, at_places

__all__ = ["BLOCKS", "LiGRBlock", "PostNormBlock", "PreNormBlock"]


class PostNormBlock(nn.Module):
    """Transformer block that normalises after each sum: attention, then feed-forward."""

    def __init__(
        self,
        width: int,
        n_heads: int,
        dropout: float,
        attention_dropout: float,
        positions: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.attention = SelfAttention(width, n_heads, attention_dropout, positions)
        self.feedforward = FeedForward(width)
        self.attention_norm = nn.LayerNorm(width)
        self.feedforward_norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: torch.Tensor,
        visible: torch.Tensor | None = None,
        places: torch.Tensor | None = None,
        **context: torch.Tensor,
    ) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D) or (B, 1, D); see `SelfAttention.forward`."""
        attended = self.dropout(self.attention(x, visible, places, **context))
        x = self.attention_norm(at_places(x, places) + attended)
        normed: torch.Tensor = self.feedforward_norm(x + self.dropout(self.feedforward(x)))
        return normed


class PreNormBlock(PostNormBlock):
    """The same parts, but what enters attention and feed-forward is normalised, not the sums."""

    def forward(
        self,
        x: torch.Tensor,
        visible: torch.Tensor | None = None,
        places: torch.Tensor | None = None,
        **context: torch.Tensor,
    ) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D) or (B, 1, D); see `SelfAttention.forward`."""
        attended = self.dropout(self.attention(self.attention_norm(x), visible, places, **context))
        x = at_places(x, places) + attended
        summed: torch.Tensor = x + self.dropout(self.feedforward(self.feedforward_norm(x)))
        return summed


class LiGRBlock(nn.Module):
    """Pre-norm block with learned gates before the sums and a SwiGLU feed-forward.

    Borisyuk et al. 2025 (arXiv 2502.03417), as in eSASRec.
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        dropout: float,
        attention_dropout: float,
        positions: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.attention = SelfAttention(width, n_heads, attention_dropout, positions)
        self.feedforward = SwiGLU(width)
        self.attention_gate = Linear(width, width)
        self.feedforward_gate = Linear(width, width)
        self.attention_norm = nn.LayerNorm(width)
        self.feedforward_norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: torch.Tensor,
        visible: torch.Tensor | None = None,
        places: torch.Tensor | None = None,
        **context: torch.Tensor,
    ) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D) or (B, 1, D); see `SelfAttention.forward`."""
        attended = self.dropout(self.attention(self.attention_norm(x), visible, places, **context))
        x = at_places(x, places)
        x = x + torch.sigmoid(self.attention_gate(x)) * attended
        fed = self.dropout(self.feedforward(self.feedforward_norm(x)))
        summed: torch.Tensor = x + torch.sigmoid(self.feedforward_gate(x)) * fed
        return summed


BLOCKS: dict[str, type[nn.Module]] = {
    "post": PostNormBlock,
    "pre": PreNormBlock,
    "ligr": LiGRBlock,
    "hstu": HSTUBlock,
}
