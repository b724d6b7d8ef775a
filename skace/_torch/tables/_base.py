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
    """Torch module of an item table, with the methods that the training loop calls.

    ``forward()`` returns the table of shape (n_items, D). Override the other methods if
    their defaults do not fit. A table may be made of other tables.

    Attributes
    ----------
    is_sparse : bool
        Whether gradients are sparse, so only rows that a step has looked up are
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
        """Remember the vectors that must not change.

        Called before the first epoch, when all rows exist.
        """
        for part in self.parts():
            part.remember_cold()

    def pin_cold(self) -> None:
        """Undo changes to items without a training row.

        Called after each epoch.
        """
        for part in self.parts():
            part.pin_cold()

    def parts(self) -> Iterator["ItemModule"]:
        """Iterate over the tables that this table is made of.

        Returns
        -------
        parts : iterator of ItemModule
            Empty for most tables.
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
            The vectors that the table would hold; by default the features.
        """
        return features

    def encode(self, encoder: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """States of windows of item vectors.

        Parameters
        ----------
        encoder : callable
            Maps (B, T, width) to (B, T, width). If it returns only one position of each window, (B,
            1, width), so must the table.

        x : torch.Tensor of shape (B, T, D)
            Windows of item vectors.

        Returns
        -------
        states : torch.Tensor of shape (B, T, D)
            By default the result of the encoder.
        """
        states: torch.Tensor = encoder(x)
        return states

    def penalty(self, items: torch.Tensor) -> torch.Tensor | None:  # noqa: ARG002 (contract)
        """Compute the loss that the table adds to each row of a step.

        Parameters
        ----------
        items : torch.Tensor of shape (P,)
            Rows of the step's targets.

        Returns
        -------
        penalty : torch.Tensor of shape () or None
            None (the default) adds nothing. Each row gets the penalty of its step (and process), so
            the mean over an epoch is a weighted mean over rows.
        """
        return None
