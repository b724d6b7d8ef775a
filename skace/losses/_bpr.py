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
    r"""Bayesian personalised ranking: the right item against each drawn one, averaged [1]_.

    Parameters
    ----------
    n_negatives : int, default=1
        Items drawn for each place.

    draw : {"uniform", "popularity", "in_batch"}, default="uniform"
        Whether all items are drawn alike, all by their training rows, or the right answers of
        the batch. As published, unequal chances are not corrected for.

    Notes
    -----
    A place costs the mean of :math:`-\log \sigma(s^+ - s_j)` over its drawn items; one that is
    the right item drops out of the mean.

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
