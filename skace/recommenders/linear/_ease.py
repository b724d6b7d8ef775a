"""EASEEstimator: a linear autoencoder whose items may not recommend themselves."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real

import numpy as np

from skace._sklearn_compat import Interval
from skace._typing import DecayBy, HandleUnknown, LinearDtype, LinearSolver, StoreCounts
from skace.recommenders.linear._base import LinearRecommender
from skace.recommenders.linear._closed_form import Bound

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

    exclude_seen : bool, default=False
        Whether items of the past may not be recommended.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with history items that the model was not fitted on.

    history_decay : float or None, default=None
        An event of age a counts ``exp(-a / history_decay)`` in a history that is answered.
        None is the classical model, in which a history is a set. Training always takes sets.

    decay_by : {"events", "time"}, default="events"
        Age of an event: the number of events after it, or the time to the last event (in
        days for datetimes, in the unit of the timestamps for numbers).

    solver : {"exact", "local"}, default="exact"
        "exact" inverts the Gram matrix of all items. "local" solves a small ridge
        regression for each item on its ``n_neighbors`` strongest candidates, in memory
        linear in the items, for catalogs whose square does not fit.

    n_neighbors : int or None, default=None
        "exact": entries of largest magnitude that each row of ``coef_`` keeps, as CSR; None
        keeps all, dense. "local": candidates per item; None takes 200.

    dtype : {"float32", "float64"}, default="float32"
        Precision of the solution and of ``coef_``.

    max_memory : float, default=8.0
        GiB above which an exact fit is refused before any work.

    store_counts : bool or "auto", default="auto"
        Whether the counts of pairs of items are kept: for `partial_fit`, and in the process
        for fits with other parameters on the same rows. False lets the exact solution use
        them up, within the memory of the solution alone. "auto" keeps them where they are
        small beside it, as in a shop, and in `partial_fit`; set True for `partial_fit` after
        `fit`, and for grids, on logs of few items that all occur together.

    Attributes
    ----------
    item_ids_ : ndarray of shape (n_items,)
        Items in the order of the columns of `decision_function`.

    item_counts_ : ndarray of shape (n_items,), int64
        Training rows per item; an item with 0 scores ``-inf``.

    popularity_ : ndarray of shape (n_items,), float64
        The same, counted by ``sample_weight``; answers empty histories.

    coef_ : ndarray or scipy.sparse.csr_array of shape (n_items, n_items)
        Item weights B: ``coef_[i, j]`` is what i in a history adds to the score of j.

    item_vectors_ : ndarray or scipy.sparse.csc_array of shape (n_items, n_items)
        ``coef_`` transposed; a view. `encode` gives weighted histories of n_items columns.

    gram_ : scipy.sparse.csr_array of shape (n_items, n_items)
        Users of each pair of items, for `partial_fit`; where they are kept. Read-only,
        since other fits of the same rows hold it too.

    cross_gram_ : scipy.sparse.csr_array of shape (n_items, n_items)
        The same with training rows (by weight) as columns; ``gram_`` itself where all
        events are rows of weight 1.

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
        exclude_seen: bool = False,
        handle_unknown: HandleUnknown = "error",
        history_decay: float | None = None,
        decay_by: DecayBy = "events",
        solver: LinearSolver = "exact",
        n_neighbors: int | None = None,
        dtype: LinearDtype = "float32",
        max_memory: float = 8.0,
        store_counts: StoreCounts = "auto",
    ) -> None:
        super().__init__(k, exclude_seen=exclude_seen, handle_unknown=handle_unknown)
        self.regularization = regularization
        self.dropout = dropout
        self.history_decay = history_decay
        self.decay_by = decay_by
        self.solver = solver
        self.n_neighbors = n_neighbors
        self.dtype = dtype
        self.max_memory = max_memory
        self.store_counts = store_counts

    def _ridge(self, gram):
        ridge = np.full(gram.shape[0], float(self.regularization))
        # Hiding a share of the inputs is a ridge in expectation (Steck 2020, section 3).
        return ridge + self.dropout / (1 - self.dropout) * gram.diagonal()

    def _bound(self):
        return Bound(0.0, is_equality=True)
