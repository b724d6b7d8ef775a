"""Item tables: modules that yield the (n_items, D) matrix for input and output."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterator

import torch
from torch import nn

from skace._typing import FloatArray

__all__ = ["ItemModule", "as_vectors", "random_vectors"]


def as_vectors(features: FloatArray) -> torch.Tensor:
    """Copy of item features, float32."""
    return torch.tensor(features, dtype=torch.float32)


def random_vectors(
    n_items: int, width: int, std: float, generator: torch.Generator
) -> torch.Tensor:
    """Vectors of shape (n_items, D) drawn from N(0, std)."""
    return torch.randn(n_items, width, generator=generator) * std


class ItemModule(nn.Module):
    """Torch module behind an item table: what the training loop asks of it.

    ``forward()`` returns the table of shape (n_items, D). Override the others where the
    defaults do not hold. A table may be made of other ones.

    Attributes
    ----------
    is_sparse : bool
        Whether gradients name the rows that a step has looked up, and only these are
        updated.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> import torch
    >>> from skace.item_tables import ItemModule
    >>> class Gains(ItemModule):
    ...     def __init__(self, features):
    ...         super().__init__()
    ...         self.register_buffer("features", features)
    ...         self.gain = torch.nn.Parameter(torch.ones(features.shape[1]))
    ...
    ...     def forward(self):
    ...         return self.embed(self.features)
    ...
    ...     def embed(self, features):
    ...         return features * self.gain
    >>> Gains(torch.eye(3))().shape
    torch.Size([3, 3])
    """

    is_sparse = False

    def __init__(self) -> None:
        super().__init__()

    def remember_cold(self) -> None:
        """Note what is to stay, now that all rows are there.

        Called before the first epoch.
        """
        for part in self.parts():
            part.remember_cold()

    def pin_cold(self) -> None:
        """Undo what training did to items without a training row.

        Called after each epoch.
        """
        for part in self.parts():
            part.pin_cold()

    def parts(self) -> Iterator["ItemModule"]:
        """Iterate over the tables that this one is made of.

        Returns
        -------
        parts : iterator of ItemModule
            None for most tables.
        """
        return (part for part in self.children() if isinstance(part, ItemModule))

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Vectors of items that the table does not hold.

        Parameters
        ----------
        features : torch.Tensor of shape (n, n_features)
            Their features.

        Returns
        -------
        vectors : torch.Tensor of shape (n, D)
            As the table would hold them; by default the features.
        """
        return features

    def encode(self, encoder: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """States of windows of item vectors.

        Parameters
        ----------
        encoder : callable
            Maps (B, T, width) to (B, T, width). One that is asked for one position of each
            window returns (B, 1, width), and so must the table.

        x : torch.Tensor of shape (B, T, D)
            Windows of item vectors.

        Returns
        -------
        states : torch.Tensor of shape (B, T, D)
            By default what the encoder returns.
        """
        states: torch.Tensor = encoder(x)
        return states

    def penalty(self, items: torch.Tensor) -> torch.Tensor | None:  # noqa: ARG002 (contract)
        """Compute what the table adds to the loss of each row of a step.

        Parameters
        ----------
        items : torch.Tensor of shape (P,)
            Rows of the step's targets.

        Returns
        -------
        penalty : torch.Tensor of shape () or None
            None for nothing, as by default. Each row carries that of the step (and rank) in
            which it stands, so the mean over an epoch is one over rows, by their weights.
        """
        return None
