"""LinearRecommender: item weights in closed form, from co-occurrence counts."""
# SPDX-License-Identifier: BSD-3-Clause

from abc import abstractmethod
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp

from skace._memo import Memo
from skace._sklearn_compat import Interval, StrOptions
from skace._typing import (
    DecayBy,
    FloatArray,
    HandleUnknown,
    LinearDtype,
    LinearSolver,
    StoreCounts,
)
from skace.recommenders._base import SequentialRecommender
from skace.recommenders._joined_parameters import (
    join_parameters,
    refuse_unknown,
    without_keywords,
)
from skace.recommenders.linear._closed_form import Inverse, invert, solve
from skace.recommenders.linear._contributions import ContributionsMixin
from skace.recommenders.linear._counts import Counts, dense_counts, sparse_counts
from skace.recommenders.linear._history_weights import history_weights
from skace.recommenders.linear._local_ridge import keep_strongest, solve_locally
from skace.recommenders.linear._sessions import (
    fingerprint_of,
    session_parts,
    sessions_of,
    set_matrix,
)

__all__ = ["LinearRecommender"]

_LOCAL_NEIGHBORS = 200  # candidates of an item where the user does not say
_FEW = 16  # share of the items, as a divisor, up to which candidates are few
_N_MATRICES = 2.2  # of n_items x n_items at the peak of an exact fit, two of them dense
_PAIR_BYTES = 24  # of two counts, each a float64 and the number of its column
_SUMS = 4  # such counts at most while they are added up
_EVENT_BYTES = 45  # of the log while it is counted
_SMALL_BYTES = 16 * 2**20  # of counts that "auto" keeps in any case


# A grid over what does not touch the counts, or the inverse, pays for them once per process.
COUNTS: Memo[Counts] = Memo(max_entries=16, max_bytes=512 * 2**20)
# Small ones in numbers, of large ones the last.
INVERSES: Memo[Inverse] = Memo(max_entries=16, max_bytes=512 * 2**20)


class LinearRecommender(ContributionsMixin, SequentialRecommender):
    """Base class of recommenders whose scores are a weighted history times item weights.

    A model implements `_ridge`, and `_count`, `_bound` and `_prior` where it differs from EASE.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    exclude_seen : bool, default=False
        Whether to leave items of the past out of recommendations.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with history items that the model was not fitted on.

    history_decay : float or None, default=None
        In predictions, an event of age a has the weight ``exp(-a / history_decay)``. None is the
        classical model, in which a history is a set. Training always uses sets.

    decay_by : {"events", "time"}, default="events"
        Age of an event: the number of events after it, or the time to the last event (in
        days for datetimes, in the unit of the timestamps for numbers).

    solver : {"exact", "local"}, default="exact"
        "exact" inverts the Gram matrix of all items. "local" solves a small ridge
        regression for each item on its ``n_neighbors`` strongest candidates. Its memory
        is linear in the items, for catalogs too large for a matrix of n_items x
        n_items.

    n_neighbors : int or None, default=None
        "exact": number of entries of largest magnitude that each row of ``coef_`` keeps, as CSR;
        None keeps all, dense. "local": candidates per item; None means 200.

    dtype : {"float32", "float64"}, default="float32"
        Precision of the solution and of ``coef_``.

    max_memory : float, default=8.0
        Limit in GiB. An exact fit that needs more is refused before any work.

    store_counts : bool or "auto", default="auto"
        Whether to keep the counts of pairs of items, for `partial_fit` and, within the process, for
        fits with other parameters on the same rows. False overwrites the counts with the exact
        solution, which saves memory. "auto" keeps them if they are small compared with the
        solution, as in a shop, and in `partial_fit`. If a log has few items that all occur
        together, set True for `partial_fit` after `fit`, and for grids.

    Attributes
    ----------
    item_ids_ : ndarray of shape (n_items,)
        Items in the order of the columns of `decision_function`.

    item_counts_ : ndarray of shape (n_items,), int64
        Training rows per item; an item with 0 scores ``-inf``.

    popularity_ : ndarray of shape (n_items,), float64
        Training rows per item, weighted by ``sample_weight``. It ranks items for empty histories.

    coef_ : ndarray or scipy.sparse.csr_array of shape (n_items, n_items)
        Item weights B: ``coef_[i, j]`` is what item i in a history adds to the score of item j.

    item_vectors_ : ndarray or scipy.sparse.csc_array of shape (n_items, n_items)
        ``coef_`` transposed; a view. `encode` returns weighted histories with n_items columns.

    gram_ : scipy.sparse.csr_array of shape (n_items, n_items)
        Number of users of each pair of items, for `partial_fit`. Exists only if counts
        are kept. Read-only, because other fits of the same rows share it.

    cross_gram_ : scipy.sparse.csr_array of shape (n_items, n_items)
        The same with training rows (by weight) as columns. It is ``gram_`` itself if
        all events are rows of weight 1.

    Notes
    -----
    A subclass names its own parameters in its constructor and passes those above on as ``**shared:
    Unpack[LinearParameters]``. Signature, constraints and docstring are joined when the class is
    made. (Listing all parameters works as well.)

    Stability: provisional.
    """

    _parameter_constraints: dict = {
        **SequentialRecommender._parameter_constraints,
        "history_decay": [Interval(Real, 0, None, closed="neither"), None],
        "decay_by": [StrOptions({"events", "time"})],
        "solver": [StrOptions({"exact", "local"})],
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), None],
        "dtype": [StrOptions({"float32", "float64"})],
        "max_memory": [Interval(Real, 0, None, closed="neither")],
        "store_counts": ["boolean", StrOptions({"auto"})],
    }

    def __init__(
        self,
        k: int = 10,
        *,
        exclude_seen: bool = False,
        handle_unknown: HandleUnknown = "error",
        history_decay: float | None = None,
        decay_by: DecayBy = "events",
        solver: LinearSolver = "exact",
        n_neighbors: int | None = None,
        dtype: LinearDtype = "float32",
        max_memory: float = 8.0,
        store_counts: StoreCounts = "auto",
        **unknown: Any,
    ) -> None:
        refuse_unknown(self, unknown)
        super().__init__(k, exclude_seen=exclude_seen, handle_unknown=handle_unknown)
        self.history_decay = history_decay
        self.decay_by = decay_by
        self.solver = solver
        self.n_neighbors = n_neighbors
        self.dtype = dtype
        self.max_memory = max_memory
        self.store_counts = store_counts

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            join_parameters(cls, cls.__mro__[1])

    # What a model implements.

    @abstractmethod
    def _ridge(self, gram):
        """What is added to the diagonal of the Gram matrix, shape (n_items,), float64."""

    def _bound(self):
        """What is asked of the diagonal of the weights, or None."""

    def _prior(self):
        """What the weights are pulled to besides the counts, or None."""

    def _regression_rows(self, sessions, n_entries):
        """Parts of inputs X, W X and targets Y or None; by default every session is a set."""
        has_targets = (sessions.weights != 1).any()
        for numbers in session_parts(sessions.lengths, n_entries):
            part, n_items = sessions.part(numbers), self.item_ids_.size
            inputs = set_matrix(part, np.ones(part.items.size), n_items)
            targets = set_matrix(part, part.weights, n_items) if has_targets else None
            yield inputs, inputs, targets

    def _count_settings(self):
        """Parameters on which the counts depend."""
        return ()

    def _count_reads_times(self):
        """Whether the counts depend on timestamps."""
        return False

    # Learning.

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        if not fresh and not (self.store_counts and hasattr(self, "gram_")):
            raise ValueError(
                "partial_fit goes on from the counts of pairs of items, and the model has kept "
                f"none (store_counts={self.store_counts!r}); fit it with store_counts=True first."
            )
        if self.solver != "exact":
            return
        n_items = X.n_items if fresh else self.item_ids_.size + (self._columns_of(X) < 0).sum()
        matrix, limit = self._memory_of_matrix(n_items), self.max_memory * 2**30
        need = alone = _N_MATRICES * matrix + _EVENT_BYTES * len(X)
        if self._stores_counts(X, n_items, n_passes):
            counts = _memory_of_counts(X, n_items, n_known=0 if fresh else self.gram_.nnz)
            # Summed up first, and then held beside the two matrices.
            need = max(alone, 2 * matrix + counts, _SUMS * counts)
        if need > limit:
            use_up = "store_counts=False, " if fresh and alone <= limit else ""
            raise ValueError(
                f"the exact solution for {n_items} items needs {need / 2**30:.3g} GiB, more than "
                f"max_memory={self.max_memory:g} GiB; set {use_up}solver='local', raise "
                "max_memory, or drop rare items with X.k_core(n)."
            )

    def _stores_counts(self, X, n_items, n_passes):
        """Whether counts are kept: "auto" keeps them in `partial_fit`, and where they are small."""
        if self.store_counts != "auto" or self.solver != "exact" or n_passes is not None:
            return bool(self.store_counts)
        # Held beside the inverse and the weights.
        allowed = max(_SMALL_BYTES, (_N_MATRICES - 2) * self._memory_of_matrix(n_items))
        return _memory_of_counts(X, n_items, n_known=0) <= allowed

    def _memory_of_matrix(self, n_items):
        """Bytes of a dense matrix of n_items x n_items."""
        return np.dtype(self.dtype).itemsize * float(n_items) ** 2

    def _fit_rows(self, rows, task):
        with_times = self._count_reads_times()
        stores = self._stores_counts(rows.X, self.item_ids_.size, rows.n_passes)
        sessions = sessions_of(rows.X, rows.columns, rows.weights, with_times=with_times)
        counts = self._counts(sessions, stores)
        del sessions  # as large as the log
        if stores:
            self.gram_ = locked(counts.gram)
            self.cross_gram_ = self.gram_ if counts.cross is None else locked(counts.cross)
        self.coef_ = self._weights(counts)

    def _counts(self, sessions, stores):
        """Counts of all that was ever learned from."""
        if hasattr(self, "gram_"):
            return self._joined_counts(sessions)
        n_items, rows_of = self.item_ids_.size, partial(self._regression_rows, sessions)
        if self.solver == "exact" and not stores:
            return dense_counts(rows_of, n_items, self.dtype)
        key = (type(self), n_items, sessions.fingerprint(), *self._count_settings())
        return COUNTS.get(key, lambda: sparse_counts(rows_of, n_items))

    def _count(self, sessions):
        return sparse_counts(partial(self._regression_rows, sessions), self.item_ids_.size)

    def _joined_counts(self, sessions):
        """Counts of what was learned before and the new rows, which end their sessions."""
        old = Counts(self.gram_, None if self.cross_gram_ is self.gram_ else self.cross_gram_)
        known = old.grown(self.item_ids_.size)
        # A session that goes on was counted as far as its first new row.
        counted, whole = sessions.before_rows(), sessions.with_learned_past()
        return known.plus(self._count(whole)).plus(self._count(counted), -1)

    def _weights(self, counts):
        """Item weights, dense or CSR."""
        ridge = self._ridge(counts.gram)
        parts = {"cross": counts.cross, "prior": self._prior(), "bound": self._bound()}
        if self.solver == "local":
            n_neighbors = _LOCAL_NEIGHBORS if self.n_neighbors is None else self.n_neighbors
            return solve_locally(counts.gram, ridge, n_neighbors, **parts).astype(self.dtype)
        inverse = self._inverse(counts.gram, ridge)
        weights = solve(inverse.matrix, ridge, **parts)
        return weights if self.n_neighbors is None else keep_strongest(weights, self.n_neighbors)

    def _inverse(self, gram, ridge):
        """Inverse of the regularised Gram matrix, from memory where it was computed before."""
        n_bytes = int(self._memory_of_matrix(gram.shape[0]))
        if not sp.issparse(gram):  # used up: there is no room for what would not fit beside it
            INVERSES.make_room(n_bytes)
            return invert(gram, ridge, self.dtype)
        digest = fingerprint_of(gram.data, gram.indices, gram.indptr, ridge)
        key = (digest, self.dtype)
        return INVERSES.get(key, lambda: invert(gram, ridge, self.dtype), n_bytes=n_bytes)

    # Answering.

    @property
    def item_vectors_(self) -> FloatArray | sp.csc_array:
        """Transposed item weights. Their inner products with `encode` are the scores."""
        return self.coef_.T

    def _history_weights(self, histories):
        return history_weights(histories, self.item_ids_.size, self.history_decay, self.decay_by)

    def _encode(self, histories):
        return self._history_weights(histories).toarray()

    def _score(self, histories, columns=None):
        # A few columns are cheap to copy; for many it is cheaper to score all items.
        is_few = columns is not None and columns.size * _FEW < self.item_ids_.size
        coef = self.coef_[:, columns] if is_few else self.coef_
        scores = self._history_weights(histories) @ coef
        if sp.issparse(scores):
            scores = scores.toarray()
        scores = scores.astype(np.float32, copy=False)
        return scores if columns is None or is_few else scores[:, columns]

    def _unscored(self):
        return self.popularity_ == 0


def _memory_of_counts(X, n_items, n_known):
    """Bound of the memory of the counts of pairs of items, in bytes."""
    log = X._log
    users = log.users_at(X._ends)
    lengths = np.zeros(log.offsets.size - 1)
    np.maximum.at(lengths, users, X._ends + 1.0 - log.offsets[users])  # to the last row
    return _PAIR_BYTES * min(float(n_items) ** 2, (lengths**2).sum() + n_known)


def locked(counts):
    """The same counts, refusing writes: later fits of the same rows are given them too."""
    counts.sort_indices()  # which scipy would do in place when it needs it
    for part in (counts.data, counts.indices, counts.indptr):
        part.flags.writeable = False
    return counts


LinearRecommender.__init__.__signature__ = without_keywords(LinearRecommender.__init__)  # type: ignore[attr-defined]
