"""EASEEstimator: a linear autoencoder whose items may not recommend themselves."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real
from typing import Unpack

import numpy as np

from skace._sklearn_compat import Interval
from skace.recommenders.linear._base import LinearRecommender
from skace.recommenders.linear._closed_form import Bound
from skace.recommenders.linear._linear_parameters import LinearParameters

__all__ = ["EASEEstimator"]


class EASEEstimator(LinearRecommender):
    """Embarrassingly shallow autoencoder, in closed form.

    Ridge regression predicts every item from the other items of the same user [1]_. One matrix
    inverse learns all weights: no epochs, no learning rate, no seed. With ``dropout`` above 0 it is
    EDLAE, which learns to predict from incomplete histories [2]_.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    regularization : float, default=200.0
        Ridge lambda, in users: added to the number of users of each item. Above 0.

    dropout : float, default=0.0
        Share p of the history that is hidden in training, in [0, 1). It adds
        ``p / (1 - p)`` times its number of users to the ridge of each item.

    **shared
        Parameters of all closed forms, as `LinearRecommender` describes them.

    Notes
    -----
    A user's log is read up to the last training row. A row with ``sample_weight`` w is a target of
    value w. `partial_fit` assumes that all events before the new rows were learned as rows of
    weight 1. If they were, it is exact.

    ``fit`` takes ``O(n_items^3)`` time and the memory of at most 2.2 matrices of n_items x n_items,
    plus 45 bytes per event of the log while it counts. Stored counts take 12 bytes for each pair of
    items that a user has in common (twice that if rows have weights other than 1), and up to four
    times as much while they are added up. That is little in a shop, and many float32 matrices if
    most pairs occur. "auto" stores counts that are sure to take less than .2 matrices, or less than
    16 MiB. ``max_memory`` covers all of this. ``coef_`` of an earlier fit stays until the new fit
    has succeeded. With stored counts, the inverse is kept in the process for further fits on the
    same rows (up to 512 MiB of inverses, at least the last). A grid over ``history_decay`` then
    inverts once, and a grid over ``regularization`` counts once. "local" takes ``O(n_items
    n_neighbors^3)`` time, and "auto" stores its counts.

    Stability: provisional.

    References
    ----------
    .. [1] Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019,
       arXiv 1905.03375, equation 8.
    .. [2] Steck, "Autoencoders that don't overfit towards the Identity", NeurIPS 2020.

    Examples
    --------
    >>> from skace.recommenders import EASEEstimator
    >>> model = EASEEstimator(k=1, regularization=1)
    >>> model.fit([["pen", "ink"], ["pen", "ink"], ["cap", "hat"], ["hat", "cap"]])
    EASEEstimator(k=1, regularization=1)
    >>> model.predict([["ink"], ["cap"]])
    array([['pen'],
           ['hat']], dtype='<U3')
    """

    _parameter_constraints: dict = {
        **LinearRecommender._parameter_constraints,
        "regularization": [Interval(Real, 0, None, closed="neither")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        k: int = 10,
        *,
        regularization: float = 200.0,
        dropout: float = 0.0,
        **shared: Unpack[LinearParameters],
    ) -> None:
        super().__init__(k, **shared)
        self.regularization = regularization
        self.dropout = dropout

    def _ridge(self, gram):
        ridge = np.full(gram.shape[0], float(self.regularization))
        # Hiding a share of the inputs is a ridge in expectation (Steck 2020, section 3).
        return ridge + self.dropout / (1 - self.dropout) * gram.diagonal()

    def _bound(self):
        return Bound(0.0, is_equality=True)
