"""The protocol by which answers of a network are judged in training."""
# SPDX-License-Identifier: BSD-3-Clause

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from sklearn.base import BaseEstimator

from skace._doc_links import DocLinkMixin
from skace._old_state import OldStateMixin

if TYPE_CHECKING:
    import torch

__all__ = ["ItemCounts", "Loss"]


class ItemCounts(NamedTuple):
    """How often the items that compete occur in training.

    Parameters
    ----------
    learned : torch.Tensor of shape (V,), dtype float32
        Training rows of each item, in this and earlier fits.

    asked : torch.Tensor of shape (V,), dtype float32
        How often an epoch asks for each item, up to a factor; the rarest at least once.

    Notes
    -----
    Stability: experimental.
    """

    learned: "torch.Tensor"
    asked: "torch.Tensor"


class Loss(DocLinkMixin, OldStateMixin, BaseEstimator, ABC):
    """What a network minimises at each place where it is asked.

    A parameter object: cheap to make, without torch, cloned by scikit-learn, its own
    parameters reachable from a grid (``rec__loss__n_negatives``). Third parties implement
    `build`.

    Attributes
    ----------
    updates_all_items : bool
        False for a loss whose gradient reaches the vectors of some items only, those that it
        looked up; item tables with ``sparse=True`` ask for it. True unless said otherwise.

    Notes
    -----
    What `build` returns judges N places at once, and sums. Training divides by the weight that
    a mean step of the epoch asks for, so each row counts by its weight, whatever stands beside
    it.

    Stability: experimental.
    """

    updates_all_items = True

    _parameter_constraints: dict = {}

    @abstractmethod
    def build(self, counts: ItemCounts) -> Callable[..., "torch.Tensor"]:
        """Build the function that training calls; torch may be imported here and not before.

        Parameters
        ----------
        counts : ItemCounts
            Of the V items that compete, in the order of their table.

        Returns
        -------
        loss : callable
            ``loss(hidden, table, targets, weights)`` with the states of the network ``hidden``
            (N, D), the ``table`` of V items, whose ``shape`` is (V, D) and whose vectors
            `vectors_at` and `all_vectors` give, the place in it of each right answer
            ``targets`` (N,), int64, and ``weights`` (N,), float32. It returns the sum of the
            losses of the places, each times its weight, a tensor of shape (). Random numbers
            come from torch's global generator of the table's device, which `fit` sets and puts
            back.
        """
