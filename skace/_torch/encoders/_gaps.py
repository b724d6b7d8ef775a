"""Time between events as attention reads it: in octaves, each with a number for each head."""
# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn

from skace._torch.encoders._layers import at_places

__all__ = ["GapScores", "octaves"]

_N_OCTAVES = 64
_OCTAVE_OF_ONE = 31  # as many below the median gap as above it


def octaves(times: torch.Tensor) -> torch.Tensor:
    """Octave of the time between any two events of a window, (B, T, T) int32 of (B, T) float64.

    The whole number nearest to log2 of it, from -31 to 32, plus 31. Nothing between two events
    falls into the lowest octave. To the nearest, because then ratios of whole numbers are never
    on a border, and another unit of the times does not change an octave by its rounding.
    """
    gaps = (times[:, :, None] - times[:, None]).float()
    nearest = gaps.abs_().log2_().round_()  # -inf for no time at all
    return (nearest + _OCTAVE_OF_ONE).clamp_(0, _N_OCTAVES - 1).int()


class GapScores(nn.Module):
    """What the time between two events adds to their scores: a number for each head and octave.

    As Zhai et al. 2024 do (section 3.1 and the published code), whose octaves are 2.3 to one of
    these, and who count the time of a query from the event that is asked for.
    """

    def __init__(self, n_heads: int) -> None:
        super().__init__()
        self.by_octave = nn.Embedding(_N_OCTAVES, n_heads)

    def forward(self, gaps: torch.Tensor | None, places: torch.Tensor | None) -> torch.Tensor:
        """Scores (B, H, T, T) of octaves (B, T, T), or (B, H, 1, T) at ``places`` (B,) alone."""
        if gaps is None:
            raise ValueError("these positions read the time between events, and were told none.")
        scores: torch.Tensor = self.by_octave(at_places(gaps, places))
        return scores.permute(0, 3, 1, 2)
