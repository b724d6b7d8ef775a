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
    """Cross-entropy among the right item and drawn ones, the same for a whole batch.

    For catalogs of several hundred thousand items, where `Softmax` takes too long.

    Parameters
    ----------
    n_negatives : int, default=256
        Items drawn for each batch, repeats allowed.

    draw : {"uniform", "popularity"}, default="uniform"
        Whether all items are drawn alike, or by their training rows. Unequal chances are
        corrected for. `InBatchSoftmax` takes the right answers of the batch.

    Notes
    -----
    With unequal chances their logarithm is taken off every logit, so what is learned does not
    depend on how or how many are drawn [2]_. A drawn item that is the right one at a place
    does not compete there.

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
