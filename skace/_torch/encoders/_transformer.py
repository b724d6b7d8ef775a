"""Transformer: what the attentive encoders share."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable

import torch
from torch import nn

from skace._torch.encoders._blocks import BLOCKS
from skace._torch.encoders._layers import Dropout

__all__ = ["Transformer"]


class Transformer(nn.Module):
    """LayerNorm, dropout and blocks; a last LayerNorm where blocks do not normalise their sums.

    ``positions`` makes what lets the attention of one block know places; by default nothing does.
    """

    def __init__(
        self,
        width: int,
        *,
        n_layers: int,
        n_heads: int,
        dropout: float,
        attention_dropout: float,
        block: str = "post",
        positions: Callable[[], nn.Module | None] = lambda: None,
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(
            BLOCKS[block](width, n_heads, dropout, attention_dropout, positions())
            for _ in range(n_layers)
        )
        self.last_norm = nn.Identity() if block == "post" else nn.LayerNorm(width)

    def forward(
        self,
        x: torch.Tensor,
        visible: torch.Tensor | None = None,
        places: torch.Tensor | None = None,
        **context: torch.Tensor,
    ) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D), or to (B, 1, D) where ``places`` (B,) alone are asked for.

        See `SelfAttention.forward` for ``visible`` and ``context``.
        """
        x = self.dropout(self.norm(x))
        for number, block in enumerate(self.blocks, start=1):
            is_last = number == len(self.blocks)
            x = block(x, visible, places if is_last else None, **context)
        normed: torch.Tensor = self.last_norm(x)
        return normed
