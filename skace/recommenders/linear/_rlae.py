"""RLAEEstimator: a linear autoencoder whose items may recommend themselves a little."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real

from skace._sklearn_compat import Interval
from skace._typing import DecayBy, HandleUnknown, LinearDtype, LinearSolver, StoreCounts
from skace.recommenders.linear._closed_form import Bound
from skace.recommenders.linear._ease import EASEEstimator

__all__ = ["RLAEEstimator"]


class RLAEEstimator(EASEEstimator):
    """Linear autoencoder with a bounded diagonal, in closed form.

    Between EASE, whose diagonal is zero, and the plain linear autoencoder, whose diagonal
    is free: ``diag(B) <= xi`` [1]_. With ``dropout`` above 0 it is RDLAE.

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
        Bound of the diagonal, at least 0. 0 is EASE (EDLAE); from the largest diagonal
        entry of the free solution on (1 suffices without ``sample_weight``) it is LAE (DLAE).

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
    A free diagonal rewards what was taken before, so ``xi`` above 0 pays where people
    repeat themselves; with ``exclude_seen`` it changes how the others share the score.

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
        super().__init__(
            k,
            regularization=regularization,
            dropout=dropout,
            exclude_seen=exclude_seen,
            handle_unknown=handle_unknown,
            history_decay=history_decay,
            decay_by=decay_by,
            solver=solver,
            n_neighbors=n_neighbors,
            dtype=dtype,
            max_memory=max_memory,
            store_counts=store_counts,
        )
        self.xi = xi

    def _bound(self):
        return Bound(float(self.xi), is_equality=False)
