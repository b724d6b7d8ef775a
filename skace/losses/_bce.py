"""BCE: logistic loss of the right item and of drawn ones."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING

from skace._sklearn_compat import Interval, StrOptions
from skace._typing import Draw
from skace.losses._base import ItemCounts, Loss
from skace.losses._draws import build_draw

if TYPE_CHECKING:
    import torch

__all__ = ["BCE"]


class BCE(Loss):
    r"""Binary cross-entropy: sum of the logistic losses of the target and of drawn items.

    With one negative this is the loss of the original SASRec [1]_. `GBCE` corrects the
    overconfidence that it causes.

    Parameters
    ----------
    n_negatives : int, default=1
        Number of items drawn for each position.

    draw : {"uniform", "popularity", "in_batch"}, default="uniform"
        How items are drawn: with equal probability, in proportion to their training rows, or the
        targets of the batch. As published, unequal probabilities are not corrected, so popular
        items are pushed down harder.

    Notes
    -----
    .. math:: -\log \sigma(s^+) - \sum_{j=1}^K \log (1 - \sigma(s_j))

    A drawn item that is the target is left out. Items of the past may be drawn; the original draws
    others instead.

    Stability: provisional.

    References
    ----------
    .. [1] W.-C. Kang and J. McAuley, "Self-attentive sequential recommendation", ICDM 2018.

    Examples
    --------
    >>> from skace import SASRecEstimator
    >>> from skace.losses import BCE
    >>> SASRecEstimator(loss=BCE(n_negatives=8))
    SASRecEstimator(loss=BCE(n_negatives=8))
    """

    updates_all_items = False
    takes_bfloat16 = True

    _parameter_constraints: dict = {
        "n_negatives": [Interval(Integral, 1, None, closed="left")],
        "draw": [StrOptions({"uniform", "popularity", "in_batch"})],
    }

    def __init__(self, n_negatives: int = 1, *, draw: Draw = "uniform") -> None:
        self.n_negatives = n_negatives
        self.draw = draw

    def build(self, counts: ItemCounts) -> Callable[..., "torch.Tensor"]:
        """Build the loss; see `Loss.build`."""
        from skace._torch.training._sampled_losses import BinaryCrossEntropy

        self._validate_params()
        return BinaryCrossEntropy(self.n_negatives, build_draw(self.draw, counts))
