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
    """How often the competing items occur in training.

    Parameters
    ----------
    learned : torch.Tensor of shape (V,), dtype float32
        Training rows of each item, in this and earlier fits.

    asked : torch.Tensor of shape (V,), dtype float32
        How often each item is a target in an epoch, up to a factor; at least once for the rarest.

    Notes
    -----
    Stability: experimental.
    """

    learned: "torch.Tensor"
    asked: "torch.Tensor"


class Loss(DocLinkMixin, OldStateMixin, BaseEstimator, ABC):
    """Loss that a network minimises at each position with a target.

    A loss is a parameter object: cheap to make, without torch, and cloned by scikit-learn. A grid
    can set its parameters (``rec__loss__n_negatives``). Subclasses implement `build`.

    Attributes
    ----------
    updates_all_items : bool
        False for a loss whose gradient reaches only the vectors that it looked up, which item
        tables with ``sparse=True`` require. The default is True.

    takes_bfloat16 : bool
        True for a loss that takes ``hidden`` in bfloat16 beside a float32 table, where networks
        are trained in bfloat16 (``precision``). The default is False: ``hidden`` is float32. A
        subclass of such a loss inherits it; set it to False if its own function multiplies
        ``hidden`` by vectors of the table as they are.

    Notes
    -----
    The function from `build` returns the sum of the losses of N positions. Training divides this
    sum by the mean weight per step of the epoch, so each row counts by its weight, whatever other
    rows are in its batch.

    Stability: experimental.
    """

    updates_all_items = True
    takes_bfloat16 = False

    _parameter_constraints: dict = {}

    @abstractmethod
    def build(self, counts: ItemCounts) -> Callable[..., "torch.Tensor"]:
        """Build the function that training calls. Torch may only be imported here.

        Parameters
        ----------
        counts : ItemCounts
            Counts of the V competing items, in the order of their table.

        Returns
        -------
        loss : callable
            ``loss(hidden, table, targets, weights)``. ``hidden`` (N, D) are the states of the
            network, float32 unless ``takes_bfloat16``. ``table`` holds V items; its ``shape`` is
            (V, D), and `vectors_at` and `all_vectors` return its vectors. ``targets`` (N,), int64,
            are the rows of the targets in the table, and ``weights`` (N,), float32. It returns the
            weighted sum of the losses of the positions, a tensor of shape (). Random numbers come
            from torch's global generator of the table's device, which `fit` seeds and restores.
        """
