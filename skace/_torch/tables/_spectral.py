"""SpectralItems: mixtures over the whole spectrum of the item features."""
# SPDX-License-Identifier: BSD-3-Clause

import math
from dataclasses import dataclass

import torch
from torch import nn

from skace._torch.tables._base import ItemModule
from skace._torch.tables._projected import ProjectedItems
from skace._typing import FloatArray

__all__ = ["Diagonal", "SpectralItems", "softshrink"]

_START_THRESHOLD = 2.0  # standard deviations of the scores: about 5 % of them pass


def softshrink(x: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    """Move entries towards 0 by the threshold; those within it become 0."""
    # The function of torch takes a number, through which no gradient passes.
    return x - torch.clamp(x, min=-threshold, max=threshold)


@dataclass(frozen=True, slots=True, eq=False)
class Diagonal:
    """Start of the direct path from the i-th direction to the i-th column."""

    gains: FloatArray  # (D,)
    ratios: FloatArray  # (D,) singular values over the largest one
    n_terms: int  # of the polynomial that corrects the gains


class SpectralItems(ItemModule):
    """Whitened directions times ``M + A``.

    ``M = softshrink(Q K^T / sqrt(h))`` of shape (D, r) is the sparse mixture; ``A`` is
    diagonal with ``A_ii = g_i (1 + sum_j c_j t_i^j)``, j from 0, t_i the i-th ratio.
    """

    gains: torch.Tensor
    powers: torch.Tensor

    def __init__(
        self,
        source: ProjectedItems,
        diagonal: Diagonal,
        inner_dim: int,
        std: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.source = source
        gains = torch.tensor(diagonal.gains, dtype=torch.float32)
        ratios = torch.tensor(diagonal.ratios, dtype=torch.float32)
        self.register_buffer("gains", gains)
        self.register_buffer("powers", ratios[:, None] ** torch.arange(diagonal.n_terms))
        self.coefficients = nn.Parameter(torch.zeros(diagonal.n_terms))
        sizes = gains.numel(), source.rows.shape[1]
        self.queries, self.keys = (
            nn.Parameter(std * torch.randn(size, inner_dim, generator=generator)) for size in sizes
        )
        # The threshold is an exponential, so that it stays positive.
        start = math.log(max(_START_THRESHOLD * std**2, 1e-12))
        self.log_threshold = nn.Parameter(torch.tensor(start))

    def forward(self) -> torch.Tensor:
        """Table of shape (n_items, D)."""
        return self._mix(self.source())

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Vectors of shape (n, D) of items that the table does not hold."""
        return self._mix(self.source.embed(features))

    def mixture(self) -> torch.Tensor:
        """M, of shape (D, r)."""
        scores = self.queries @ self.keys.T / math.sqrt(self.keys.shape[1])
        return softshrink(scores, self.log_threshold.exp())

    def diagonal(self) -> torch.Tensor:
        """Entries of A, of shape (D,)."""
        return self.gains * (1 + self.powers @ self.coefficients)

    def _mix(self, directions: torch.Tensor) -> torch.Tensor:
        """Map (n, r) to (n, D)."""
        diagonal = self.diagonal()
        direct = directions[:, : diagonal.numel()] * diagonal
        return direct + directions @ self.mixture().T
