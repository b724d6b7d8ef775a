"""The encoder of GRU4Rec: a recurrent network."""
# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn

from skace._torch._products import Linear
from skace._torch.encoders._layers import Dropout

__all__ = ["GRU4RecEncoder"]


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
