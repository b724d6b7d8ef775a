"""RepeatEstimator: what a user took before, and what is popular."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real

import numpy as np
import scipy.sparse as sp

from skace._sklearn_compat import Interval, StrOptions
from skace._typing import DecayBy, HandleUnknown
from skace.recommenders._base import SequentialRecommender
from skace.recommenders.linear._history_weights import history_weights, weights_of_events

__all__ = ["RepeatEstimator"]


class RepeatEstimator(SequentialRecommender):
    """Recommend what a user took before, and what is popular.

    The baseline where people take the same items again, as in groceries, music and restaurants.
    Each event of a history adds to the score of its item, recent ones more. Popularity adds a
    little to all items, and orders those that the user never had. With ``history_decay=None`` this
    is GP-TopFreq of next-basket recommendation [1]_, and within a session S-POP [2]_.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    popularity_weight : float, default=0.01
        What is added to the score of the most popular item, where the newest event of a history
        counts 1; the others get their share of it. In [0, inf). With the defaults a popular item
        may stand above one that was last taken 47 events ago. 0: all items outside the history are
        equal.

    history_decay : float or None, default=10.0
        An event of age a counts ``exp(-a / history_decay)``; repeats add up. None: every event
        counts 1, whenever it was.

    decay_by : {"events", "time"}, default="events"
        Age of an event: the number of events after it, or the time to the last event (in
        days for datetimes, in the unit of the timestamps for numbers).

    exclude_seen : bool, default=False
        Whether to leave items of the past out of recommendations. With True only the popular ones
        are left.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with history items that the model was not fitted on.

    Attributes
    ----------
    item_ids_ : ndarray of shape (n_items,)
        Items in the order of the columns of `decision_function`.

    item_counts_ : ndarray of shape (n_items,), int64
        Training rows per item.

    popularity_ : ndarray of shape (n_items,), float64
        Training rows per item, counted by their ``sample_weight``.

    See Also
    --------
    StackingRecommender : Blends it with a model that finds new items.

    Notes
    -----
    Nothing is learned but the popularity, so a visitor whom nobody knows is served as well.

    Stability: experimental.

    References
    ----------
    .. [1] Li, M., Jullien, S., Ariannezhad, M., de Rijke, M. "A Next Basket Recommendation Reality
       Check." ACM TOIS 2023, arXiv 2109.14233.
    .. [2] Hidasi, B., Karatzoglou, A., Baltrunas, L., Tikk, D. "Session-based Recommendations with
       Recurrent Neural Networks." ICLR 2016, arXiv 1511.06939.

    Examples
    --------
    >>> from skace.recommenders import RepeatEstimator
    >>> log = [["tea", "milk"], ["tea", "egg", "milk"], ["milk", "jam"]]
    >>> RepeatEstimator(k=3).fit(log).predict([["jam", "egg"], ["egg", "jam", "egg"]])
    array([['egg', 'jam', 'milk'],
           ['egg', 'jam', 'milk']], dtype='<U4')
    """

    _parameter_constraints: dict = {
        **SequentialRecommender._parameter_constraints,
        "popularity_weight": [Interval(Real, 0, None, closed="left")],
        "history_decay": [Interval(Real, 0, None, closed="neither"), None],
        "decay_by": [StrOptions({"events", "time"})],
    }

    _gives_vectors = False

    _learns_order = False

    def __init__(
        self,
        k: int = 10,
        *,
        popularity_weight: float = 0.01,
        history_decay: float | None = 10.0,
        decay_by: DecayBy = "events",
        exclude_seen: bool = False,
        handle_unknown: HandleUnknown = "error",
    ) -> None:
        super().__init__(k, exclude_seen=exclude_seen, handle_unknown=handle_unknown)
        self.popularity_weight = popularity_weight
        self.history_decay = history_decay
        self.decay_by = decay_by

    def _fit_rows(self, rows, task):
        """Nothing is learned but what all models count."""

    def _score(self, histories, columns=None):
        most = self.popularity_.max(initial=0) or 1.0
        popular = (self.popularity_weight / most * self.popularity_).astype(np.float32)
        taken = self._taken(histories)
        if columns is not None:
            taken, popular = taken[:, columns], popular[columns]
        return taken.toarray() + popular

    def _taken(self, histories):
        """What each item of the histories counts, (n_rows, n_items), CSR, float32."""
        n_items = self.item_ids_.size
        if self.history_decay is not None:
            return history_weights(histories, n_items, self.history_decay, self.decay_by)
        rows, events, ones = weights_of_events(histories, None, self.decay_by)
        entries = ones, (rows, histories.items[events])
        return sp.csr_array(entries, shape=(len(histories), n_items))
