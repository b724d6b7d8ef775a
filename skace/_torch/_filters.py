"""The encoder of FMLP-Rec: learned filters over time."""
# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn

from skace._torch._layers import Dropout, FeedForward, initialise

__all__ = ["FMLPEncoder", "FilterBlock"]


class FilterBlock(nn.Module):
    """A filter over time and a feed-forward, each with dropout, residual and LayerNorm.

    Zhou et al. 2022, section 4.1.2: the window is multiplied by learned complex weights in
    the frequency domain, which is a circular convolution over all of its positions.
    """

    def __init__(self, width: int, length: int, dropout: float) -> None:
        super().__init__()
        # Real and imaginary parts, because the fitted state is made of real arrays.
        self.spectrum = nn.Parameter(0.02 * torch.randn(length // 2 + 1, width, 2))
        self.feedforward = FeedForward(width, factor=4)
        self.filter_norm = nn.LayerNorm(width)
        self.feedforward_norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D), T being the length that the block was built for."""
        x = self.filter_norm(x + self.dropout(self._filter(x)))
        normed: torch.Tensor = self.feedforward_norm(x + self.dropout(self.feedforward(x)))
        return normed

    def _filter(self, x: torch.Tensor) -> torch.Tensor:
        # Transforms of bfloat16 do not exist; LayerNorm gives float32 under autocast anyway.
        spectrum = torch.fft.rfft(x.float(), dim=1, norm="ortho")
        spectrum = spectrum * torch.view_as_complex(self.spectrum)
        filtered: torch.Tensor = torch.fft.irfft(spectrum, n=x.shape[1], dim=1, norm="ortho")
        return filtered


class FMLPEncoder(nn.Module):
    """All-MLP encoder of a window of fixed length (Zhou et al. 2022).

    Inside, the last event of every window stands at the last of ``max_length`` positions, and
    zeros stand before the first event, so that neither padding nor the rest of a batch changes
    a state. A filter sees all positions: only the state of the last event may be learned from.
    """

    def __init__(self, width: int, *, max_length: int, n_layers: int, dropout: float) -> None:
        super().__init__()
        self.positions = nn.Embedding(max_length, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(
            FilterBlock(width, max_length, dropout) for _ in range(n_layers)
        )
        initialise(self)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D); ``lengths`` (B,) are those of the windows."""
        length = self.positions.num_embeddings
        n_before = length - lengths[:, None]  # (B, 1) zeros before the first event
        steps = torch.arange(length, device=x.device)
        aligned = _take(x, (steps - n_before).clamp(min=0))  # (B, length, D)
        aligned = aligned.masked_fill((steps < n_before)[:, :, None], 0.0)
        hidden = self.dropout(self.norm(aligned + self.positions.weight))
        for block in self.blocks:
            hidden = block(hidden)
        return _take(hidden, (steps[: x.shape[1]] + n_before).clamp(max=length - 1))


def _take(x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Vectors of shape (B, n, D) at ``places`` (B, n) of each window."""
    return torch.take_along_dim(x, places[:, :, None], dim=1)
