"""Softmax: cross-entropy over all items."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable
from typing import TYPE_CHECKING

from skace.losses._base import ItemCounts, Loss

if TYPE_CHECKING:
    import torch

__all__ = ["Softmax"]


class Softmax(Loss):
    """Cross-entropy over all items, in blocks whose logits fit into the caches.

    The best choice up to several hundred thousand items [1]_.

    Notes
    -----
    A step takes ``O(N V D)`` time for N positions, V items and width D.

    Stability: provisional.

    References
    ----------
    .. [1] A. Klenitskiy and A. Vasilev, "Turning dross into gold loss: is BERT4Rec really
       better than SASRec?", RecSys 2023, arXiv 2309.07602.

    Examples
    --------
    >>> from skace import SASRecEstimator
    >>> from skace.losses import Softmax
    >>> SASRecEstimator(loss=Softmax())
    SASRecEstimator(loss=Softmax())
    """

    takes_bfloat16 = True

    def build(self, counts: ItemCounts) -> Callable[..., "torch.Tensor"]:
        """Build the loss; see `Loss.build`."""
        from skace._torch.training._losses import full_softmax

        return full_softmax
