"""InBatchSoftmax: cross-entropy among the right answers of a batch."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable
from typing import TYPE_CHECKING

from skace.losses._base import ItemCounts, Loss

if TYPE_CHECKING:
    import torch

__all__ = ["InBatchSoftmax"]


class InBatchSoftmax(Loss):
    """Cross-entropy among the targets of a batch, corrected for how often each occurs.

    Nothing is drawn. At each position the targets of all other positions compete.

    Notes
    -----
    The logarithm of an item's share of an epoch's targets is subtracted from its logit, also for
    the target itself, as in [1]_ and in `SampledSoftmax`.

    Stability: provisional.

    References
    ----------
    .. [1] X. Yi et al., "Sampling-bias-corrected neural modeling for large corpus item
       recommendations", RecSys 2019.

    Examples
    --------
    >>> from skace import SASRecEstimator
    >>> from skace.losses import InBatchSoftmax
    >>> SASRecEstimator(loss=InBatchSoftmax(), batch_size=1024)
    SASRecEstimator(batch_size=1024, loss=InBatchSoftmax())
    """

    updates_all_items = False
    takes_bfloat16 = True

    def build(self, counts: ItemCounts) -> Callable[..., "torch.Tensor"]:
        """Build the loss; see `Loss.build`."""
        from skace._torch.training._losses import InBatchSoftmax as TorchLoss
        from skace._torch.training._sampled_losses import log_frequencies

        return TorchLoss(log_frequencies(counts.asked))
