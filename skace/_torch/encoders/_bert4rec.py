"""The encoder of BERT4Rec: attention to both sides."""
# SPDX-License-Identifier: BSD-3-Clause

import torch
import torch.nn.functional as F
from torch import nn

from skace._torch._products import Linear
from skace._torch.encoders._layers import initialise
from skace._torch.encoders._transformer import Transformer

__all__ = ["BERT4RecEncoder"]


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
