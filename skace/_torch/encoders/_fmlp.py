"""The encoder of FMLP-Rec: learned filters over time."""
# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn

from skace._torch.encoders._layers import Dropout, FeedForward, initialise

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

    def forward(self, x: torch.Tensor, is_last: bool = False) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D), T being the length that the block was built for.

        The last block, whose last position alone is read, maps to (B, 1, D).
        """
        filtered = self._filter_to_last(x) if is_last else self._filter(x)
        x = self.filter_norm(x[:, -filtered.shape[1] :] + self.dropout(filtered))
        normed: torch.Tensor = self.feedforward_norm(x + self.dropout(self.feedforward(x)))
        return normed

    def _filter(self, x: torch.Tensor) -> torch.Tensor:
        # Transforms of bfloat16 do not exist; LayerNorm gives float32 under autocast anyway.
        spectrum = torch.fft.rfft(x.float(), dim=1, norm="ortho")
        spectrum = spectrum * torch.view_as_complex(self.spectrum)
        filtered: torch.Tensor = torch.fft.irfft(spectrum, n=x.shape[1], dim=1, norm="ortho")
        return filtered

    def _filter_to_last(self, x: torch.Tensor) -> torch.Tensor:
        """Last position of `_filter`, (B, 1, D): the sum of x by the kernel read backwards."""
        kernel = torch.fft.irfft(torch.view_as_complex(self.spectrum), n=x.shape[1], dim=0)
        last: torch.Tensor = (x * kernel.flip(0)).sum(dim=1, keepdim=True)
        return last


class FMLPEncoder(nn.Module):
    """All-MLP encoder of a window of fixed length (Zhou et al. 2022).

    Inside, the last event of every window stands at the last of ``max_length`` positions, and
    zeros stand before the first event, so that neither padding nor the rest of a batch changes
    a state. A filter sees all positions, so that only the state of the last event may be learned
    from; at all others the answer is 0.
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
        places = (steps - n_before).clamp(min=0)[:, :, None]  # (B, max_length, 1)
        aligned = x.gather(1, places.expand(-1, -1, x.shape[2]))
        aligned = aligned.masked_fill((steps < n_before)[:, :, None], 0.0)
        hidden = self.dropout(self.norm(aligned + self.positions.weight))
        for number, block in enumerate(self.blocks, start=1):
            hidden = block(hidden, is_last=number == len(self.blocks))  # (B, 1, D) in the end
        is_last_event = steps[: x.shape[1]] == lengths[:, None] - 1  # (B, T)
        return torch.where(is_last_event[:, :, None], hidden, 0.0)
