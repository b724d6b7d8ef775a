"""Encoders: item vectors of a window in, one state per position out."""
# SPDX-License-Identifier: BSD-3-Clause

import torch
import torch.nn.functional as F
from torch import nn

from skace._torch._layers import BLOCKS, Dropout, initialise
from skace._torch._products import Linear

__all__ = ["BERT4RecEncoder", "GRU4RecEncoder", "SASRecEncoder", "Transformer"]


class Transformer(nn.Module):
    """LayerNorm, dropout and blocks; a last LayerNorm where blocks do not normalise their sums."""

    def __init__(
        self,
        width: int,
        *,
        n_layers: int,
        n_heads: int,
        dropout: float,
        attention_dropout: float,
        block: str = "post",
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(
            BLOCKS[block](width, n_heads, dropout, attention_dropout) for _ in range(n_layers)
        )
        self.last_norm = nn.Identity() if block == "post" else nn.LayerNorm(width)

    def forward(
        self,
        x: torch.Tensor,
        visible: torch.Tensor | None = None,
        places: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D), or to (B, 1, D) where ``places`` (B,) alone are asked for.

        See `SelfAttention.forward` for ``visible``.
        """
        x = self.dropout(self.norm(x))
        for number, block in enumerate(self.blocks, start=1):
            x = block(x, visible, places if number == len(self.blocks) else None)
        normed: torch.Tensor = self.last_norm(x)
        return normed


class SASRecEncoder(nn.Module):
    """Causal self-attentive encoder (Kang & McAuley 2018).

    Positions are learned and counted from the start of the window.
    """

    reads_places = True

    def __init__(
        self,
        width: int,
        *,
        max_length: int,
        n_layers: int,
        n_heads: int,
        dropout: float,
        attention_dropout: float,
        block: str = "post",
    ) -> None:
        super().__init__()
        self.positions = nn.Embedding(max_length, width)
        self.transformer = Transformer(
            width,
            n_layers=n_layers,
            n_heads=n_heads,
            dropout=dropout,
            attention_dropout=attention_dropout,
            block=block,
        )
        initialise(self)

    def forward(self, x: torch.Tensor, places: torch.Tensor | None = None) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D), or to (B, 1, D) where ``places`` (B,) alone are asked for."""
        placed = x + self.positions.weight[: x.shape[1]]
        states: torch.Tensor = self.transformer(placed, places=places)
        return states


class BERT4RecEncoder(nn.Module):
    """Bidirectional encoder of windows with masked events (Sun et al. 2019).

    One vector stands for any masked event; it belongs to the encoder, so that item tables
    know nothing of it. Positions are learned and counted from the end of the window, so that
    the event asked for at inference always has the same one. The head is Linear, GELU and
    LayerNorm.
    """

    reads_places = True

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
        self.mask = nn.Embedding(1, width)
        # One more for the event that is asked for.
        self.positions = nn.Embedding(max_length + 1, width)
        self.transformer = Transformer(
            width,
            n_layers=n_layers,
            n_heads=n_heads,
            dropout=dropout,
            attention_dropout=attention_dropout,
        )
        self.head = Linear(width, width)
        self.head_norm = nn.LayerNorm(width)
        initialise(self)

    def forward(
        self,
        x: torch.Tensor,
        is_masked: torch.Tensor,
        is_read: torch.Tensor,
        places: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D), or to (B, 1, D) where ``places`` (B,) alone are asked for.

        Where ``is_masked`` (B, T) the item is not seen; where ``is_read`` (B, T) is False
        there is padding, which stands on the right.
        """
        x = torch.where(is_masked[:, :, None], self.mask.weight, x)
        n_read = is_read.sum(dim=1, keepdim=True)
        from_end = n_read - 1 - torch.arange(x.shape[1], device=x.device)  # (B, T)
        x = self.transformer(x + self.positions(from_end.clamp(min=0)), is_read, places)
        states: torch.Tensor = self.head_norm(F.gelu(self.head(x)))
        return states


class GRU4RecEncoder(nn.Module):
    """Recurrent encoder (Hidasi et al. 2016): GRU layers without bias, then a linear map back."""

    def __init__(self, width: int, *, hidden_dim: int, n_layers: int, dropout: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.gru = nn.GRU(
            width,
            hidden_dim,
            n_layers,
            bias=False,
            batch_first=True,
            dropout=dropout if n_layers > 1 else 0.0,  # between layers
        )
        self.narrow = Linear(hidden_dim, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D)."""
        states, _ = self.gru(self.dropout(x))  # (B, T, hidden_dim)
        narrowed: torch.Tensor = self.narrow(states)
        return narrowed
