"""Contrast of two views of the same items."""
# SPDX-License-Identifier: BSD-3-Clause

import math

import torch
import torch.nn.functional as F
from torch import nn

from skace._torch.tables._alignment import soft_alignment

__all__ = ["Contrast", "hard_contrast"]


def hard_contrast(
    first: torch.Tensor,
    second: torch.Tensor,
    temperature: float | torch.Tensor,
    belongs: torch.Tensor | None = None,
) -> torch.Tensor:
    """Symmetric cross-entropy of finding an item's other view among those of a batch.

    Parameters
    ----------
    first, second : torch.Tensor of shape (B, D)
        The same items in both views.
    temperature : float or torch.Tensor of shape ()
        Divides the inner products.
    belongs : torch.Tensor of shape (B, B), dtype bool, or None
        Second views that are left out of the competition for a first one, and the reverse,
        because they belong to it as well. Its own one is never left out.

    Returns
    -------
    loss : torch.Tensor of shape ()
        Mean over items and both directions, in nats.
    """
    logits = first @ second.T / temperature  # (B, B)
    own = torch.arange(len(first), device=first.device)
    if belongs is not None:
        others = belongs.to(first.device).clone().fill_diagonal_(False)  # noqa: FBT003
        logits = logits.masked_fill(others, -torch.inf)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


class Contrast(nn.Module):
    """A contrastive loss with its temperature.

    Parameters
    ----------
    form : {"hard", "soft"}
        `hard_contrast` of unit vectors, or `soft_alignment` of vectors as they are.
    temperature : float
        The temperature, or where it starts.
    learns : bool
        Whether the temperature is a parameter.
    """

    def __init__(self, form: str, temperature: float, *, learns: bool) -> None:
        super().__init__()
        self.form = form
        # Its logarithm, so that no step can make it negative.
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)), learns)

    @property
    def temperature(self) -> torch.Tensor:
        """The present temperature, shape ()."""
        return self.log_temperature.exp()

    def forward(
        self, first: torch.Tensor, second: torch.Tensor, belongs: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Loss of two views of shape (B, D), shape (); "soft" makes no use of ``belongs``."""
        if self.form == "soft":
            return soft_alignment(first, second, self.temperature)
        first, second = F.normalize(first, dim=1), F.normalize(second, dim=1)
        return hard_contrast(first, second, self.temperature, belongs)
