"""RLAEEstimator: a linear autoencoder whose items may recommend themselves a little."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real
from typing import Unpack

from skace._sklearn_compat import Interval
from skace.recommenders.linear._closed_form import Bound
from skace.recommenders.linear._ease import EASEEstimator
from skace.recommenders.linear._linear_parameters import LinearParameters

__all__ = ["RLAEEstimator"]


class RLAEEstimator(EASEEstimator):
    """Linear autoencoder with a bounded diagonal, in closed form.

    The diagonal is bounded, ``diag(B) <= xi`` [1]_. In EASE the diagonal is zero, in the plain
    linear autoencoder it is free. With ``dropout`` above 0 it is RDLAE.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    regularization : float, default=200.0
        Ridge lambda, in users: added to the number of users of each item. Above 0.

    dropout : float, default=0.0
        Share p of the history that is hidden in training, in [0, 1). It adds
        ``p / (1 - p)`` times its number of users to the ridge of each item.

    xi : float, default=0.3
        Bound of the diagonal, at least 0. 0 is EASE (EDLAE). At or above the largest diagonal entry
        of the free solution it is LAE (DLAE); 1 is enough without ``sample_weight``.

    **shared
        Parameters of all closed forms, as `LinearRecommender` describes them.

    Notes
    -----
    A free diagonal rewards items that were taken before, so ``xi`` above 0 helps if
    people take items again. With ``exclude_seen`` it changes how the other items share
    the score.

    Time and memory are those of `EASEEstimator`; a grid over ``xi`` inverts once.

    Stability: provisional.

    References
    ----------
    .. [1] Moon, Kim, Lee, "It's Enough: Relaxing Diagonal Constraints in Linear
       Autoencoders for Recommendation", SIGIR 2023, arXiv 2305.12922.

    Examples
    --------
    >>> from skace.recommenders import RLAEEstimator
    >>> model = RLAEEstimator(regularization=1, xi=0.25, k=1)
    >>> model.fit([["pen", "ink"], ["pen", "ink"], ["cap", "hat"]]).coef_.diagonal()
    array([0.25, 0.25, 0.25, 0.25], dtype=float32)
    """

    _parameter_constraints: dict = {
        **EASEEstimator._parameter_constraints,
        "xi": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        k: int = 10,
        *,
        regularization: float = 200.0,
        dropout: float = 0.0,
        xi: float = 0.3,
        **shared: Unpack[LinearParameters],
    ) -> None:
        super().__init__(k, regularization=regularization, dropout=dropout, **shared)
        self.xi = xi

    def _bound(self):
        return Bound(float(self.xi), is_equality=False)
