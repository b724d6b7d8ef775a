"""BPR: the right item against each drawn one."""
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

__all__ = ["BPR"]


class BPR(Loss):
    r"""Bayesian personalised ranking: the target against each drawn item, averaged [1]_.

    Parameters
    ----------
    n_negatives : int, default=1
        Number of items drawn for each position.

    draw : {"uniform", "popularity", "in_batch"}, default="uniform"
        How items are drawn: with equal probability, in proportion to their training rows, or the
        targets of the batch. As published, unequal probabilities are not corrected.

    Notes
    -----
    The loss of a position is the mean of :math:`-\log \sigma(s^+ - s_j)` over its drawn items,
    without those that are the target.

    Stability: provisional.

    References
    ----------
    .. [1] S. Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback",
       UAI 2009.

    Examples
    --------
    >>> from skace.losses import BPR
    >>> from skace.recommenders import GRU4RecEstimator
    >>> GRU4RecEstimator(loss=BPR(draw="in_batch"))
    GRU4RecEstimator(loss=BPR(draw='in_batch'))
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
        from skace._torch.training._sampled_losses import PairwiseRanking

        self._validate_params()
        return PairwiseRanking(self.n_negatives, build_draw(self.draw, counts))
