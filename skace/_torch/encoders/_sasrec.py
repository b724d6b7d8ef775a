"""The encoder of SASRec: causal self-attention."""
# SPDX-License-Identifier: BSD-3-Clause

from functools import partial

import torch
from torch import nn

from skace._torch.encoders._gaps import octaves
from skace._torch.encoders._layers import initialise
from skace._torch.encoders._positions import make_positions
from skace._torch.encoders._transformer import Transformer

__all__ = ["SASRecEncoder"]


class SASRecEncoder(nn.Module):
    """Causal self-attentive encoder (Kang & McAuley 2018).

    Absolute positions are learned and counted from the start of the window; the others are known
    to attention alone. With ``reads_times`` it is told when events were.
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
        positions: str = "absolute",
    ) -> None:
        super().__init__()
        self.reads_times = positions == "time"
        if positions == "absolute":
            self.positions = nn.Embedding(max_length, width)
        self.transformer = Transformer(
            width,
            n_layers=n_layers,
            n_heads=n_heads,
            dropout=dropout,
            attention_dropout=attention_dropout,
            block=block,
            positions=partial(
                make_positions, positions, block, width, n_heads, max_length, attention_dropout
            ),
        )
        initialise(self)

    def forward(
        self,
        x: torch.Tensor,
        places: torch.Tensor | None = None,
        times: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D), or to (B, 1, D) where ``places`` (B,) alone are asked for.

        ``times`` (B, T), float64, are those of the events, in median gaps.
        """
        if hasattr(self, "positions"):
            x = x + self.positions.weight[: x.shape[1]]
        context = {} if times is None else {"gaps": octaves(times)}
        states: torch.Tensor = self.transformer(x, places=places, **context)
        return states
