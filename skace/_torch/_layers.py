"""Layers of the encoders."""
# SPDX-License-Identifier: BSD-3-Clause

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["CausalBlock", "initialise"]


class CausalBlock(nn.Module):
    """Post-norm transformer block in which a position sees itself and what is before it.

    Self-attention (Kang & McAuley 2018, section III.B) and a GELU feed-forward of twice
    the width, each with dropout, residual and LayerNorm after the sum.
    """

    def __init__(self, width: int, n_heads: int, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.attention_dropout = attention_dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.mix_heads = nn.Linear(width, width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)
        self.attention_norm = nn.LayerNorm(width)
        self.feedforward_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D)."""
        x = self.attention_norm(x + self.dropout(self._attend(x)))
        feedforward = self.narrow(F.gelu(self.widen(x)))
        normed: torch.Tensor = self.feedforward_norm(x + self.dropout(feedforward))
        return normed

    def _attend(self, x: torch.Tensor) -> torch.Tensor:
        B, T, D = x.shape
        # (B, T, 3 D) -> (3, B, H, T, D / H)
        qkv = self.qkv(x).view(B, T, 3, self.n_heads, D // self.n_heads).permute(2, 0, 3, 1, 4)
        # Padding is on the right, so the causal mask alone hides it from real positions.
        mixed = F.scaled_dot_product_attention(
            qkv[0],
            qkv[1],
            qkv[2],
            is_causal=True,
            dropout_p=self.attention_dropout if self.training else 0.0,
        )
        # (B, H, T, D / H) -> (B, T, D)
        merged: torch.Tensor = self.mix_heads(mixed.transpose(1, 2).reshape(B, T, D))
        return merged


def initialise(module: nn.Module, std: float = 0.02) -> None:
    """Draw weights from N(0, std), set biases to 0 and leave norms at 1 and 0."""
    for part in module.modules():
        if isinstance(part, (nn.Linear, nn.Embedding)):
            nn.init.normal_(part.weight, std=std)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
