"""Layers of the encoders."""
# SPDX-License-Identifier: BSD-3-Clause

import torch
import torch.nn.functional as F
from torch import nn

from skace._torch._products import Linear, linear

__all__ = [
    "Dropout",
    "FeedForward",
    "SelfAttention",
    "SwiGLU",
    "at_places",
    "initialise",
]


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014), with cheaper random numbers on a CPU.

    There torch draws Bernoulli numbers five times slower than uniform ones.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (...) to (...)."""
        if not self.training or self.p in (0.0, 1.0) or x.device.type != "cpu":
            return F.dropout(x, self.p, self.training)
        # Always float32: bfloat16 has 256 numbers below 1, too few for any p.
        is_kept = torch.rand(x.shape) >= self.p
        return x * is_kept.to(x.dtype).mul_(1 / (1 - self.p))


def at_places(x: torch.Tensor, places: torch.Tensor | None) -> torch.Tensor:
    """One position of each window, (B, 1, D) of (B, T, D); all of them without ``places`` (B,)."""
    if places is None:
        return x
    return x[torch.arange(len(x), device=x.device), places].unsqueeze(1)


class SelfAttention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017, section 3.2).

    ``positions``, if there are any, mix the values in a way that knows places, and are causal.
    """

    def __init__(
        self, width: int, n_heads: int, dropout: float, positions: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.dropout = dropout
        self.positions = positions
        self.qkv = Linear(width, 3 * width)
        self.mix_heads = Linear(width, width)

    def forward(
        self,
        x: torch.Tensor,
        visible: torch.Tensor | None = None,
        places: torch.Tensor | None = None,
        **context: torch.Tensor,
    ) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D), or to (B, 1, D) where ``places`` (B,) alone are asked for.

        ``visible`` of shape (B, T), bool, says which positions all others see; without it a
        position sees itself and what is before it. ``context`` is what else ``positions`` are told.
        """
        if places is None:
            query, key, value = self._by_head(self.qkv(x), 3)
        else:
            weight, bias, D = self.qkv.weight, self.qkv.bias, x.shape[2]
            (query,) = self._by_head(linear(at_places(x, places), weight[:D], bias[:D]), 1)
            key, value = self._by_head(linear(x, weight[D:], bias[D:]), 2)
        if self.positions is not None:
            mixed = self.positions(query, key, value, places, **context)
        else:
            mixed = self._mixed(query, key, value, visible, places, **context)
        # (B, H, T, D / H) -> (B, T, D)
        merged: torch.Tensor = self.mix_heads(mixed.transpose(1, 2).flatten(2))
        return merged

    def _mixed(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        visible: torch.Tensor | None,
        places: torch.Tensor | None,
    ) -> torch.Tensor:
        """Values (B, H, T, D / H) mixed without regard to places."""
        if places is not None and visible is None:
            visible = torch.arange(key.shape[2], device=key.device) <= places[:, None]
        # Padding is on the right, so the causal mask alone hides it from real positions.
        return F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=None if visible is None else visible[:, None, None, :],
            is_causal=visible is None,
            dropout_p=self.dropout if self.training else 0.0,
        )

    def _by_head(self, x: torch.Tensor, n_parts: int) -> torch.Tensor:
        """Split (B, T, n_parts D) into (n_parts, B, H, T, D / H)."""
        B, T, width = x.shape
        parts = x.view(B, T, n_parts, self.n_heads, width // n_parts // self.n_heads)
        return parts.permute(2, 0, 3, 1, 4)


class FeedForward(nn.Module):
    """Two linear maps with a GELU between them, ``factor`` times as wide inside."""

    def __init__(self, width: int, factor: int = 2) -> None:
        super().__init__()
        self.widen = Linear(width, factor * width)
        self.narrow = Linear(factor * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D)."""
        narrowed: torch.Tensor = self.narrow(F.gelu(self.widen(x)))
        return narrowed


class SwiGLU(nn.Module):
    """Feed-forward of twice the width, gated by SiLU, without biases (Shazeer 2020, eq. 6)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = Linear(width, 2 * width, bias=False)
        self.widen = Linear(width, 2 * width, bias=False)
        self.narrow = Linear(2 * width, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D)."""
        narrowed: torch.Tensor = self.narrow(F.silu(self.gate(x)) * self.widen(x))
        return narrowed


def initialise(module: nn.Module, std: float = 0.02) -> None:
    """Draw weights from N(0, std), set biases to 0 and leave norms at 1 and 0."""
    for part in module.modules():
        if isinstance(part, (nn.Linear, nn.Embedding)):
            nn.init.normal_(part.weight, std=std)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
