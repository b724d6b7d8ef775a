"""SLISTEstimator: linear models of sessions, as sets and as sequences."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real
from typing import Literal, Unpack

import numpy as np

from skace._sklearn_compat import Interval, StrOptions
from skace.recommenders._histories import as_numbers
from skace.recommenders.linear._base import LinearRecommender
from skace.recommenders.linear._closed_form import Bound
from skace.recommenders.linear._linear_parameters import AllButHistoryDecay
from skace.recommenders.linear._session_splits import session_rows

__all__ = ["SLISTEstimator"]

_COUNT_PARAMETERS = ("alpha", "direction", "train_decay", "session_decay")


class SLISTEstimator(LinearRecommender):
    """Session-aware linear item model, in closed form.

    A mixture of two models [1]_. SLIS predicts a session from itself as a set. SLIT predicts what
    comes after each event from what came before; nearer events count more. Here a session is the
    log of a user.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    regularization : float, default=10.0
        Ridge added to the Gram matrix of the inputs, above 0. Inputs have length 1 in the L1 norm,
        so the scale differs from `EASEEstimator`.

    alpha : float, default=0.2
        Share of SLIS in [0, 1]; 0 is SLIT, 1 is SLIS.

    direction : {"sr", "part", "all"}, default="sr"
        Input of SLIT at each split of a session: "sr" the single event before the split, "part" all
        events before it, "all" the whole session. The target is what comes after the split; for
        "all" it is the whole session, weighted by the distance from the split.

    train_decay : float or None, default=1.0
        In training, an event that is d events away from the split has the weight ``exp(-d /
        train_decay)``. None: equal weights.

    session_decay : float or None, default=None
        A session has the weight ``exp(-t / session_decay)``, where t is the time from its last
        training row to the newest training row of all: in days for datetimes, in the unit of the
        timestamps for numbers. None: equal weights.

    xi : float or None, default=None
        Bound of the diagonal of the weights, at least 0; None leaves it free.

    history_decay : float or None, default=1.0
        In predictions, an event of age a has the weight ``exp(-a / history_decay)``. None treats a
        history as a set. Training does not depend on it.

    **shared
        Parameters of all closed forms, as `LinearRecommender` describes them.

    Attributes
    ----------
    gram_ : scipy.sparse.csr_array of shape (n_items, n_items)
        Weighted products of the inputs of each pair of items, for `partial_fit`. Exists
        only if counts are kept. Read-only, because other fits of the same rows share
        it.

    cross_gram_ : scipy.sparse.csr_array of shape (n_items, n_items)
        The same with targets as columns.

    newest_time_ : float or None
        Time of the newest training row, in the unit of ``session_decay``; None without timestamps.

    count_parameters_ : dict
        ``alpha``, ``direction``, ``train_decay`` and ``session_decay`` that the rows were counted
        with. `partial_fit` requires the same values.

    Notes
    -----
    Events beyond 23 decays from a split have weights below 1e-10 and are left out. So for a finite
    ``train_decay`` the counts take time linear in the log.

    Time and memory of the solution are those of `EASEEstimator`. The published code applies
    a bound of the diagonal to SLIS alone; here ``xi`` holds for every mixture.

    Stability: provisional.

    References
    ----------
    .. [1] Choi, Kim, Lee, Shim, Lee, "Session-aware Linear Item-Item Models for
       Session-based Recommendation", WWW 2021, arXiv 2103.16104.

    Examples
    --------
    >>> from skace.datasets import make_cycle
    >>> from skace.recommenders import SLISTEstimator
    >>> X = make_cycle(n_users=200, n_items=6, length=8, random_state=0)
    >>> SLISTEstimator(k=1, alpha=0, history_decay=1).fit(X).predict([[2, 3, 4]])
    array([[5]])
    """

    _parameter_constraints: dict = {
        **LinearRecommender._parameter_constraints,
        "regularization": [Interval(Real, 0, None, closed="neither")],
        "alpha": [Interval(Real, 0, 1, closed="both")],
        "direction": [StrOptions({"sr", "part", "all"})],
        "train_decay": [Interval(Real, 0, None, closed="neither"), None],
        "session_decay": [Interval(Real, 0, None, closed="neither"), None],
        "xi": [Interval(Real, 0, None, closed="left"), None],
    }

    def __init__(
        self,
        k: int = 10,
        *,
        regularization: float = 10.0,
        alpha: float = 0.2,
        direction: Literal["sr", "part", "all"] = "sr",
        train_decay: float | None = 1.0,
        session_decay: float | None = None,
        xi: float | None = None,
        history_decay: float | None = 1.0,
        **shared: Unpack[AllButHistoryDecay],
    ) -> None:
        super().__init__(k, history_decay=history_decay, **shared)
        self.regularization = regularization
        self.alpha = alpha
        self.direction = direction
        self.train_decay = train_decay
        self.session_decay = session_decay
        self.xi = xi

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        super()._check_before_fit(X, X_val, weights, fresh=fresh, n_passes=n_passes)
        if self.session_decay is not None and X._log.timestamps is None:
            raise ValueError(
                "session_decay needs timestamps, but X has none; pass Interactions with "
                "timestamps, or set session_decay=None."
            )
        if not fresh:
            self._check_counted_alike()

    def _check_counted_alike(self):
        """Raise if new rows would be counted in another way than the old ones."""
        for name, was in self.count_parameters_.items():
            value = getattr(self, name)
            if value != was:
                raise ValueError(
                    f"{name}={value!r}, but the rows that were learned before were counted with "
                    f"{name}={was!r}; set it back, or fit anew."
                )

    def _count_settings(self):
        return tuple(getattr(self, name) for name in _COUNT_PARAMETERS)

    def _count_reads_times(self):
        return self.session_decay is not None

    def _fit_rows(self, rows, task):
        self.count_parameters_ = dict(zip(_COUNT_PARAMETERS, self._count_settings(), strict=True))
        self._age_counts(rows.X, rows.weights)
        super()._fit_rows(rows, task)

    def _age_counts(self, X, weights):
        """Set ``newest_time_``; what was counted earlier is older by now."""
        old = getattr(self, "newest_time_", None)
        times = X._log.timestamps
        rows = X._ends if weights is None else X._ends[weights[X._ends] > 0]
        newest = None if times is None else float(as_numbers(times[rows]).max())
        known = [time for time in (old, newest) if time is not None]
        self.newest_time_ = max(known, default=None)
        if old is not None and self.session_decay is not None:
            factor = np.exp((old - self.newest_time_) / self.session_decay)
            self.gram_, self.cross_gram_ = factor * self.gram_, factor * self.cross_gram_

    def _regression_rows(self, sessions, n_entries):
        return session_rows(
            sessions,
            self.item_ids_.size,
            alpha=self.alpha,
            direction=self.direction,
            decay=self.train_decay,
            session_weights=self._session_weights(sessions),
            n_entries=n_entries,
        )

    def _session_weights(self, sessions):
        """Weight of each session by the age of its last event."""
        if self.session_decay is None or sessions.items.size == 0:
            return np.ones(sessions.lengths.size)
        # An empty session has no rows that a weight could matter to.
        last = np.maximum(sessions.offsets[1:] - 1, 0)
        ages = self.newest_time_ - as_numbers(sessions.times[last])
        return np.exp(-ages / self.session_decay)

    def _ridge(self, gram):
        return np.full(gram.shape[0], float(self.regularization))

    def _bound(self):
        return None if self.xi is None else Bound(float(self.xi), is_equality=False)
