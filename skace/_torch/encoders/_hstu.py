"""The block of HSTU: attention that weighs by SiLU instead of softmax, and a gate."""
# SPDX-License-Identifier: BSD-3-Clause

import torch
import torch.nn.functional as F
from torch import nn

from skace._torch._products import Linear, linear
from skace._torch.encoders._layers import Dropout, at_places

__all__ = ["HSTUBlock"]


class HSTUBlock(nn.Module):
    """Hierarchical sequential transduction unit (Zhai et al. 2024, eq. 1 to 3).

    Queries, keys, values and a gate are SiLU of one linear map; values are summed by SiLU of the
    products, which keeps how strong an interest is where softmax keeps shares; the normalised sum
    times the gate is mixed and added. There is no feed-forward. ``positions`` sum the values.
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        dropout: float,
        _attention_dropout: float,  # is where the weights are, in positions
        positions: nn.Module,
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.positions = positions
        self.norm = nn.LayerNorm(width)
        self.mixed_norm = nn.LayerNorm(width, eps=1e-6)
        self.gate_qkv = Linear(width, 4 * width)
        self.mix_heads = Linear(width, width)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: torch.Tensor,
        visible: torch.Tensor | None = None,
        places: torch.Tensor | None = None,
        **context: torch.Tensor,
    ) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D), or to (B, 1, D) where ``places`` (B,) alone are asked for.

        ``context`` is what else the positions are told.
        """
        if visible is not None:
            raise ValueError("an HSTU block reads what is before each event, and nothing else.")
        normed, D = self.norm(x), x.shape[2]
        weight, bias = self.gate_qkv.weight, self.gate_qkv.bias
        asked = F.silu(linear(at_places(normed, places), weight[: 2 * D], bias[: 2 * D]))
        read = F.silu(linear(normed, weight[2 * D :], bias[2 * D :]))
        gate, query = asked[:, :, :D], asked[:, :, D:]
        key, value = read[:, :, :D], read[:, :, D:]
        by_head = [self._by_head(part) for part in (query, key, value)]
        mixed = self.positions(*by_head, places, **context)
        mixed = self.mixed_norm(mixed.transpose(1, 2).flatten(2))
        added: torch.Tensor = self.mix_heads(self.dropout(gate * mixed))
        return at_places(x, places) + added

    def _by_head(self, x: torch.Tensor) -> torch.Tensor:
        """Split (B, T, D) into (B, H, T, D / H)."""
        B, T, D = x.shape
        return x.reshape(B, T, self.n_heads, D // self.n_heads).transpose(1, 2)
