"""LinearRecommender: item weights in closed form, from co-occurrence counts."""
# SPDX-License-Identifier: BSD-3-Clause

from abc import abstractmethod
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp

from skace._memo import Memo
from skace._sklearn_compat import Interval, StrOptions
from skace._typing import FloatArray
from skace.recommenders._base import SequentialRecommender
from skace.recommenders._closed_form import Inverse, invert, solve
from skace.recommenders._history_weights import history_weights
from skace.recommenders._local_ridge import keep_strongest, solve_locally
from skace.recommenders._sessions import fingerprint_of, sessions_of, set_matrix

__all__ = ["Counts", "LinearRecommender"]

_LOCAL_NEIGHBORS = 200  # candidates of an item where the user does not say
_FEW = 16  # share of the items, as a divisor, up to which candidates are few
_N_MATRICES = 2.2  # of n_items x n_items at the peak of an exact fit
_PAIR_BYTES = 24  # of two counts, each a float64 and the number of its column


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Sums over the training rows from which all weights follow."""

    gram: sp.csr_array  # (n_items, n_items) X^T X of the inputs
    cross: sp.csr_array | None = None  # X^T Y with the targets; None where they are the inputs

    @property
    def n_bytes(self):
        """Memory of the matrices."""
        held = (self.gram,) if self.cross is None else (self.gram, self.cross)
        return sum(m.data.nbytes + m.indices.nbytes + m.indptr.nbytes for m in held)

    def grown(self, n_items):
        """The same sums for more items."""
        cross = None if self.cross is None else _grow(self.cross, n_items)
        return Counts(_grow(self.gram, n_items), cross)

    def plus(self, other, sign=1):
        """Sum, or difference, of two counts."""
        gram = self.gram + sign * other.gram
        if self.cross is None and other.cross is None:
            return Counts(gram)
        pair = [c.gram if c.cross is None else c.cross for c in (self, other)]
        return Counts(gram, pair[0] + sign * pair[1])


def _grow(matrix, n_items):
    """Copy with more rows and columns."""
    matrix = matrix.copy()
    matrix.resize((n_items, n_items))
    return matrix


# A grid over what does not touch the counts, or the inverse, pays for them once per process.
COUNTS: Memo[Counts] = Memo(max_entries=16, max_bytes=512 * 2**20)
# Small ones in numbers, of large ones the last.
INVERSES: Memo[Inverse] = Memo(max_entries=16, max_bytes=512 * 2**20)


class LinearRecommender(SequentialRecommender):
    """Base class of recommenders whose scores are a weighted history times item weights.

    A model implements `_ridge`, and where it differs from EASE `_count`, `_bound`, `_prior`.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    exclude_seen : bool, default=False
        Whether items of the (full) past may not be recommended.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with history items that the model was not fitted on.

    Notes
    -----
    The constructor of a subclass takes the parameters named in ``_parameter_constraints``
    and assigns them. `EASEEstimator` documents each.

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
    }

    # What a model implements.

    @abstractmethod
    def _ridge(self, gram):
        """What is added to the diagonal of the Gram matrix, shape (n_items,), float64."""

    def _bound(self):
        """What is asked of the diagonal of the weights, or None."""

    def _prior(self):
        """What the weights are pulled to besides the counts, or None."""

    def _count(self, sessions):
        """Counts of sessions; by default every session is a set."""
        n_items = self.item_ids_.size
        inputs = set_matrix(sessions, np.ones(sessions.items.size), n_items)
        if (sessions.weights == 1).all():
            return Counts(inputs.T @ inputs)
        targets = set_matrix(sessions, sessions.weights, n_items)
        return Counts(inputs.T @ inputs, inputs.T @ targets)

    def _count_settings(self):
        """Parameters on which the counts depend."""
        return ()

    # Learning.

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        if self.solver != "exact":
            return
        n_items = X.n_items if fresh else self.item_ids_.size + (self._columns_of(X) < 0).sum()
        need = self._memory_of_fit(X, n_items, n_known=0 if fresh else self.gram_.nnz)
        if need > self.max_memory:
            raise ValueError(
                f"the exact solution for {n_items} items needs {need:.1f} GiB, more than "
                f"max_memory={self.max_memory:g} GiB; set solver='local', raise max_memory, or "
                "drop rare items with X.k_core(n)."
            )

    def _memory_of_fit(self, X, n_items, n_known):
        """Bound of the memory of an exact fit in GiB: matrices, and counts of pairs of items."""
        users = np.unique(X._log.users_at(X._ends))
        lengths = np.diff(X._log.offsets)[users].astype(np.float64)
        n_pairs = min(float(n_items) ** 2, (lengths**2).sum() + n_known)
        matrices = _N_MATRICES * np.dtype(self.dtype).itemsize * float(n_items) ** 2
        return (matrices + _PAIR_BYTES * n_pairs) / 2**30

    def _fit_rows(self, X, columns, weights, X_val, task, *, n_passes):
        sessions = sessions_of(X, columns, weights)
        if hasattr(self, "gram_"):
            counts = self._joined_counts(sessions)
        else:
            n_items, settings = self.item_ids_.size, self._count_settings()
            key = (type(self), n_items, sessions.fingerprint(), *settings)
            counts = COUNTS.get(key, lambda: self._count(sessions))
        self.gram_ = counts.gram
        self.cross_gram_ = counts.gram if counts.cross is None else counts.cross
        self.coef_ = self._weights(counts)

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
        digest = fingerprint_of(gram.data, gram.indices, gram.indptr, ridge)
        key = (digest, self.dtype)
        n_bytes = np.dtype(self.dtype).itemsize * gram.shape[0] ** 2
        return INVERSES.get(key, lambda: invert(gram, ridge, self.dtype), n_bytes=n_bytes)

    # Answering.

    @property
    def item_vectors_(self) -> FloatArray | sp.csc_array:
        """Transposed item weights: the inner products with `encode` are the scores."""
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
