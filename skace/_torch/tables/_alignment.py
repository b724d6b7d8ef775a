"""Alignment of item vectors with those of another model."""
# SPDX-License-Identifier: BSD-3-Clause

import torch
import torch.nn.functional as F
from torch import nn

from skace._torch.tables._adapters import HeadItems
from skace._torch.tables._base import ItemModule, as_vectors
from skace._typing import BoolArray, FloatArray

__all__ = ["AlignedItems", "soft_alignment"]

_LENGTH = 4.0  # of vectors that are aligned: soft targets of short ones are all alike
_MOST_ITEMS = 2048  # whose products with each other are held at once: 16 MiB a matrix


def soft_alignment(
    reference: torch.Tensor, own: torch.Tensor, temperature: float | torch.Tensor
) -> torch.Tensor:
    """Symmetric contrast of two views with soft targets (CLIP without its identity).

    Parameters
    ----------
    reference, own : torch.Tensor of shape (P, D)
        The same items in both views.
    temperature : float or torch.Tensor of shape ()
        Divides the logits and multiplies the similarities that make the targets.

    Returns
    -------
    loss : torch.Tensor of shape ()
        Mean over items and both directions, in nats. The gradient passes through the
        targets as well.
    """
    logits = reference @ own.T / temperature  # (P, P)
    similarities = (own @ own.T + reference @ reference.T) / 2
    targets = torch.softmax(similarities * temperature, dim=1)
    forth = (targets * torch.log_softmax(logits, dim=1)).sum(dim=1)
    back = (targets.T * torch.log_softmax(logits.T, dim=1)).sum(dim=1)
    return -(forth + back).mean() / 2


class AlignedItems(HeadItems):
    """A head whose output is drawn to the item vectors of a fitted model.

    The reference is a parameter of the table and no part of its state.
    """

    reference: torch.Tensor
    is_known: torch.Tensor

    def __init__(
        self,
        source: ItemModule,
        head: nn.Sequential,
        vectors: FloatArray,
        is_known: BoolArray,
        *,
        alpha: float,
        temperature: float,
    ) -> None:
        super().__init__(source, head)
        self.register_buffer("reference", as_vectors(vectors), persistent=False)  # (n_items, D)
        self.register_buffer("is_known", torch.as_tensor(is_known), persistent=False)
        self.alpha = alpha
        self.temperature = temperature

    def penalty(self, items: torch.Tensor) -> torch.Tensor | None:
        """Alignment of the items of a step that the reference knows, each counted once.

        A contrast is among the items that stand together, so it is a mean over them, and
        what an epoch holds is the mean of that over the rows that are learned (`ItemModule`).
        """
        rows = torch.unique(items)
        rows = rows[self.is_known[rows]]
        if rows.numel() > _MOST_ITEMS:
            rows = rows[torch.randperm(rows.numel(), device=rows.device)[:_MOST_ITEMS]]
        if rows.numel() < 2:  # one item alone has nothing to be told from
            return None
        own = self.adapt(self.source()[rows])
        reference, own = (_LENGTH * F.normalize(x) for x in (self.reference[rows], own))
        return self.alpha * soft_alignment(reference, own, self.temperature)
