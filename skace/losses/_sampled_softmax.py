"""SampledSoftmax: cross-entropy among the right item and drawn ones."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING, Literal

from skace._sklearn_compat import Interval, StrOptions
from skace.losses._base import ItemCounts, Loss
from skace.losses._draws import build_draw

if TYPE_CHECKING:
    import torch

__all__ = ["SampledSoftmax"]


class SampledSoftmax(Loss):
    """Cross-entropy among the target and drawn items, which a whole batch shares.

    For catalogs of several hundred thousand items, where `Softmax` takes too long.

    Parameters
    ----------
    n_negatives : int, default=256
        Number of items drawn for each batch, with repeats.

    draw : {"uniform", "popularity"}, default="uniform"
        How items are drawn: with equal probability, or in proportion to their training rows.
        Unequal probabilities are corrected. `InBatchSoftmax` uses the targets of the batch instead.

    Notes
    -----
    The logarithm of unequal probabilities is subtracted from every logit, so the learned model
    depends neither on the kind nor on the number of draws [2]_. A drawn item that is the target at
    a position does not compete there.

    Stability: provisional.

    References
    ----------
    .. [1] S. Jean et al., "On using very large target vocabulary for neural machine
       translation", ACL 2015.
    .. [2] Z. Ma and M. Collins, "Noise contrastive estimation and negative sampling for
       conditional models", EMNLP 2018.

    Examples
    --------
    >>> from skace import SASRecEstimator
    >>> from skace.losses import SampledSoftmax
    >>> SASRecEstimator(loss=SampledSoftmax(n_negatives=64)).set_params(loss__n_negatives=128)
    SASRecEstimator(loss=SampledSoftmax(n_negatives=128))
    """

    updates_all_items = False
    takes_bfloat16 = True

    _parameter_constraints: dict = {
        "n_negatives": [Interval(Integral, 1, None, closed="left")],
        "draw": [StrOptions({"uniform", "popularity"})],
    }

    def __init__(
        self, n_negatives: int = 256, *, draw: Literal["uniform", "popularity"] = "uniform"
    ) -> None:
        self.n_negatives = n_negatives
        self.draw = draw

    def build(self, counts: ItemCounts) -> Callable[..., "torch.Tensor"]:
        """Build the loss; see `Loss.build`."""
        from skace._torch.training._sampled_losses import SampledSoftmax as TorchLoss
        from skace._torch.training._sampled_losses import log_frequencies

        self._validate_params()
        log_q = log_frequencies(counts.learned) if self.draw == "popularity" else None
        return TorchLoss(self.n_negatives, build_draw(self.draw, counts), log_q)
