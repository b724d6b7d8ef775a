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

    Every item is predicted from the other items of the same user by ridge regression [1]_.
    One matrix inverse learns all weights: no epochs, no learning rate, no seed. With
    ``dropout`` above 0 it is EDLAE, which learns to predict from histories of which a part
    is missing [2]_.

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
    A user's log is read up to the last training row. Rows of ``sample_weight`` w are
    targets of value w. `partial_fit` takes all events before the new rows as rows that were
    learned from with weight 1; where they were, it is exact.

    ``fit`` takes ``O(n_items^3)`` time and at most 2.2 matrices of n_items x n_items, besides
    45 bytes an event of the log while it is counted. Stored counts take 12 bytes for each pair
    of items that some user has both of (twice that with rows of other weights than 1), and up
    to four times as much while they are added up: little in a shop, many float32 matrices
    where most pairs occur. "auto" stores what is sure to take less than .2 matrices, or less
    than 16 MiB. ``max_memory`` allows for all of it. ``coef_`` of an earlier fit stays until
    the new one has succeeded. With stored counts one matrix, the inverse, is kept in the
    process for further fits on the same rows (up to 512 MiB of them, at least the last): a
    grid over ``history_decay`` then inverts once, a grid over ``regularization`` counts once.
    "local" takes ``O(n_items n_neighbors^3)``, and "auto" stores its counts.

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
