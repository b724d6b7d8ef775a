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
    r"""Binary cross-entropy: the logistic loss of the right item and of drawn ones, summed.

    With one negative this is the loss of the original SASRec [1]_. `GBCE` takes back the
    overconfidence that comes with it.

    Parameters
    ----------
    n_negatives : int, default=1
        Items drawn for each place.

    draw : {"uniform", "popularity", "in_batch"}, default="uniform"
        Whether all items are drawn alike, all by their training rows, or the right answers of
        the batch. As published, unequal chances are not corrected for: popular items are
        pushed down harder.

    Notes
    -----
    .. math:: -\log \sigma(s^+) - \sum_{j=1}^K \log (1 - \sigma(s_j))

    A drawn item that is the right one is left out. Those of the past are not: the original
    draws them anew.

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
