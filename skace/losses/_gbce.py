"""GBCE: logistic loss, calibrated for what was not drawn."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable
from numbers import Integral, Real
from typing import TYPE_CHECKING

from skace._sklearn_compat import Interval
from skace.losses._base import ItemCounts, Loss

if TYPE_CHECKING:
    import torch

__all__ = ["GBCE"]


class GBCE(Loss):
    r"""Generalised binary cross-entropy: `BCE`, calibrated for the items that were not drawn.

    The loss of gSASRec [1]_. A model that sees few items as negatives becomes overconfident. To
    correct this, the loss of the target has a lower weight.

    Parameters
    ----------
    n_negatives : int, default=256
        Number of items drawn for each position, with equal probability.

    t : float, default=0.75
        Calibration, in [0, 1]. 0 is `BCE`. With 1 the sigmoid of a score is a probability, as if
        all items had been negatives.

    Notes
    -----
    With K drawn of V items, :math:`\alpha = \min(1, K / (V - 1))` and

    .. math:: \beta = \alpha (t (1 - 1 / \alpha) + 1 / \alpha) = 1 - t (1 - \alpha)

    .. math:: -\beta \log \sigma(s^+) - \sum_{j=1}^K \log (1 - \sigma(s_j))

    The calibration holds for uniform draws only, so there is no parameter ``draw``.

    Stability: provisional.

    References
    ----------
    .. [1] A. Petrov and C. Macdonald, "gSASRec: reducing overconfidence in sequential
       recommendation trained with negative sampling", RecSys 2023.

    Examples
    --------
    >>> from skace import SASRecEstimator
    >>> from skace.losses import GBCE
    >>> SASRecEstimator(loss=GBCE(t=0.5))
    SASRecEstimator(loss=GBCE(t=0.5))
    """

    updates_all_items = False
    takes_bfloat16 = True

    _parameter_constraints: dict = {
        "n_negatives": [Interval(Integral, 1, None, closed="left")],
        "t": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(self, n_negatives: int = 256, *, t: float = 0.75) -> None:
        self.n_negatives = n_negatives
        self.t = t

    def build(self, counts: ItemCounts) -> Callable[..., "torch.Tensor"]:
        """Build the loss; see `Loss.build`."""
        from skace._torch.training._sampled_losses import BinaryCrossEntropy, draw_uniformly

        self._validate_params()
        return BinaryCrossEntropy(self.n_negatives, draw_uniformly, self.t)
