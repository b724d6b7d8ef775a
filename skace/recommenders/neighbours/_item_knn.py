"""ItemKNNEstimator: items near those of the history, by their texts and by who took both."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import replace
from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp

from skace._sklearn_compat import Interval, StrOptions
from skace._typing import DecayBy, HandleUnknown
from skace.recommenders._base import SequentialRecommender
from skace.recommenders._features import check_features, has_features_of
from skace.recommenders.linear._base import COUNTS, locked
from skace.recommenders.linear._contributions import ContributionsMixin
from skace.recommenders.linear._counts import Counts
from skace.recommenders.linear._history_weights import history_weights
from skace.recommenders.linear._sessions import sessions_of
from skace.recommenders.neighbours._item_neighbors import TextNeighbors, strongest
from skace.recommenders.neighbours._pair_counts import pair_counts

__all__ = ["ItemKNNEstimator"]

_NOTHING = 1e-12  # beside the most frequent pair
_SAMPLED_ITEMS = 16  # items whose features tell whether a catalog is the one of the fit
# What a later partial_fit has to go on with.
_LASTING = ("n_neighbors", "center", "window", "train_decay", "reverse_weight", "user_power")


class ItemKNNEstimator(ContributionsMixin, SequentialRecommender):
    """Nearest neighbours of the items of a history, without training.

    An item's score is its nearness to the items of the history; recent events count more. Two items
    are near if their vectors have a high cosine, or if users took one soon after the other. The
    cosine finds cold items; the co-occurrence finds what goes together.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    n_neighbors : int, default=100
        Most neighbours of an item, for each of the two kinds of nearness.

    text_weight : float, default=0.05
        Weight of the cosine of the item vectors, at least 0. With 0, or without item features, only
        co-occurrence counts, and items without a training row score ``-inf``.

    cooccurrence_weight : float, default=1.0
        Weight of the co-occurrence, at least 0. Only its ratio to ``text_weight`` matters
        for the order of items.

    center : bool, default=True
        Whether to subtract the mean of the item vectors (each scaled to length 1) before the
        cosine. Vectors of a language model share a direction, so without this all items are near
        one another.

    window : int or None, default=10
        Two events of a user make a pair if they are at most this many events apart. None takes all
        pairs; the time then grows with the square of a user's log.

    train_decay : float or None, default=10.0
        A pair of events at distance d has the weight ``exp(-(d - 1) / train_decay)``. None: equal
        weights.

    reverse_weight : float, default=0.25
        Weight of a pair in the reverse direction, from the later to the earlier item, in [0, 1]: 0
        learns what comes after an item, 1 what comes with it.

    item_power : float, default=0.5
        In [0, 1]. If the pairs of a history item add up to n, they are divided by ``n ** item_power
        + shrinkage``. With 0, popular items of a history count most. With 1 and no shrinkage, a
        pair counts as a share of all that follows the history item.

    shrinkage : float, default=10.0
        See ``item_power``, at least 0. A larger value lowers the weight of items with few pairs.

    user_power : float, default=0.5
        A pair of a user with n events has the weight ``n ** -user_power``; at least 0. Users who
        take everything say little about what goes together.

    idf : bool, default=True
        Whether a history item has the weight ``log((N + 1) / (n + 1)) / log(N + 1)``, where n of
        the N training rows took it. An item that everybody takes says little about a user.

    exclude_seen : bool, default=False
        Whether to leave items of the past out of recommendations.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with history items that the model was not fitted on and that come without
        features. With features they count through their nearest items.

    history_decay : float or None, default=2.0
        In predictions, an event of age a has the weight ``exp(-a / history_decay)``. None takes a
        history as a set. The neighbours do not depend on it.

    decay_by : {"events", "time"}, default="events"
        Age of an event: the number of events after it, or the time to the last event (in
        days for datetimes, in the unit of the timestamps for numbers).

    Attributes
    ----------
    item_ids_ : ndarray of shape (n_items,)
        Items in the order of the columns of `decision_function`.

    item_counts_ : ndarray of shape (n_items,), int64
        Training rows per item.

    popularity_ : ndarray of shape (n_items,), float64
        Training rows per item, weighted by ``sample_weight``. It ranks items for empty histories.

    coef_ : scipy.sparse.csr_array of shape (n_items, n_items), float32
        ``coef_[i, j]`` is what the newest event, if it is item i, adds to the score of item j.

    item_vectors_ : scipy.sparse.csc_array of shape (n_items, n_items)
        ``coef_`` transposed; a view. `encode` gives weighted histories of n_items columns.

    text_neighbors_ : scipy.sparse.csr_array of shape (n_items, n_items), float32, or None
        Cosines of each item with its nearest other items; None without item features.

    pair_counts_ : scipy.sparse.csr_array of shape (n_items, n_items), float64
        Pairs of events by their items, the target as column, for `partial_fit`. Read-only, because
        other fits of the same rows share it.

    item_features_ : ndarray of shape (n_items, n_features), float32, or None
        Features that the model was fitted on, for items that come later. They are the
        array of the catalog itself if that has this dtype.

    feature_mean_ : ndarray of shape (n_features,), float64, or None
        The mean that ``center`` subtracts. It stays the same when items are added.

    text_weight_ : float
        ``text_weight`` of the fit; 0 without item features.

    lasting_parameters_ : dict
        ``n_neighbors``, ``center``, ``window``, ``train_decay``, ``reverse_weight`` and
        ``user_power`` of the fit. `partial_fit` requires the same values.

    Notes
    -----
    The score of item j for a history of events e of ages a_e is

    ``sum_e exp(-a_e / history_decay) idf(i) (w_t cos(i, j) + w_c C[i, j] / (|C[i]|^p + s))``

    where i is the item of e, C are the counted pairs, ``|C[i]|`` is the sum of row i of C, w_t and
    w_c are the weights, p is ``item_power`` and s is ``shrinkage``. Only the ``n_neighbors``
    nearest items and positive cosines count. An item is not a text neighbour of itself, but may
    follow itself. `contributions` returns the terms.

    A user's log is read up to the last training row. The target of a pair is a training row,
    weighted by its ``sample_weight``. `partial_fit` assumes that all events before the new rows
    were learned as rows of weight 1. If they were, pairs are counted exactly as in one fit.

    ``fit`` takes ``O(n_items^2 n_features)`` time for the cosines, in blocks, and ``O(window)`` per
    event for the pairs. Both are kept in the process, so a grid over ``text_weight``,
    ``item_power``, ``shrinkage``, ``idf`` or ``history_decay`` computes them once. When items are
    added, only cosines with a new item are computed.

    Stability: provisional.

    References
    ----------
    .. [1] Deshpande, Karypis, "Item-Based Top-N Recommendation Algorithms", ACM TOIS 2004.
    .. [2] Ludewig, Jannach, "Evaluation of Session-based Recommendation Algorithms", User
       Modeling and User-Adapted Interaction 2018, arXiv 1803.09587 (item and sequential rules).

    Examples
    --------
    >>> import numpy as np
    >>> from skace import Catalog, Interactions
    >>> from skace.recommenders import ItemKNNEstimator
    >>> vectors = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0.1, 0.1, 1]])
    >>> catalog = Catalog(["pen", "ink", "hat", "new hat"], vectors)
    >>> X = Interactions.from_sequences([["pen", "ink"], ["hat", "pen", "ink"]], catalog=catalog)
    >>> model = ItemKNNEstimator(k=1).fit(X)
    >>> model.predict([["pen"], ["new hat"]])
    array([['ink'],
           ['hat']], dtype='<U7')
    """

    _parameter_constraints: dict = {
        **SequentialRecommender._parameter_constraints,
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "text_weight": [Interval(Real, 0, None, closed="left")],
        "cooccurrence_weight": [Interval(Real, 0, None, closed="left")],
        "center": ["boolean"],
        "window": [Interval(Integral, 1, None, closed="left"), None],
        "train_decay": [Interval(Real, 0, None, closed="neither"), None],
        "reverse_weight": [Interval(Real, 0, 1, closed="both")],
        "item_power": [Interval(Real, 0, 1, closed="both")],
        "shrinkage": [Interval(Real, 0, None, closed="left")],
        "user_power": [Interval(Real, 0, None, closed="left")],
        "idf": ["boolean"],
        "history_decay": [Interval(Real, 0, None, closed="neither"), None],
        "decay_by": [StrOptions({"events", "time"})],
    }

    # `encode` has a column for each item of the model and none for others.
    _encodes_unknown = False
    _scores_all_items = True

    def __init__(
        self,
        k: int = 10,
        *,
        n_neighbors: int = 100,
        text_weight: float = 0.05,
        cooccurrence_weight: float = 1.0,
        center: bool = True,
        window: int | None = 10,
        train_decay: float | None = 10.0,
        reverse_weight: float = 0.25,
        item_power: float = 0.5,
        shrinkage: float = 10.0,
        user_power: float = 0.5,
        idf: bool = True,
        exclude_seen: bool = False,
        handle_unknown: HandleUnknown = "error",
        history_decay: float | None = 2.0,
        decay_by: DecayBy = "events",
    ) -> None:
        super().__init__(k, exclude_seen=exclude_seen, handle_unknown=handle_unknown)
        self.n_neighbors = n_neighbors
        self.text_weight = text_weight
        self.cooccurrence_weight = cooccurrence_weight
        self.center = center
        self.window = window
        self.train_decay = train_decay
        self.reverse_weight = reverse_weight
        self.item_power = item_power
        self.shrinkage = shrinkage
        self.user_power = user_power
        self.idf = idf
        self.history_decay = history_decay
        self.decay_by = decay_by

    # Learning.

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        features = X.catalog.features
        if fresh:
            has_texts = features is not None and self.text_weight > 0
        else:
            has_texts = self.item_features_ is not None
        if self.cooccurrence_weight == 0 and not (has_texts and self.text_weight > 0):
            is_blind = features is None and self.text_weight > 0
            without = " without item features" if is_blind else ""
            build = ", or build the catalog with Catalog(item_ids, features)" if is_blind else ""
            raise ValueError(
                f"cooccurrence_weight=0 and text_weight={self.text_weight:g} leave nothing to "
                f"score by{without}; raise cooccurrence_weight{build}."
            )
        if has_texts:
            check_features(features)
        if not fresh:
            self._check_goes_on()
            self._check_growth(X)

    def _check_goes_on(self):
        """Raise if new rows would be counted in another way than the old ones."""
        for name, was in self.lasting_parameters_.items():
            value = getattr(self, name)
            if value != was:
                raise ValueError(
                    f"{name}={value!r}, but the model goes on from what it learned with "
                    f"{name}={was!r}; set it back, or fit anew."
                )

    def _check_growth(self, X):
        """Raise if the features of new items do not suit those of the model."""
        if self.item_features_ is None:
            return
        n_features, n_fitted = X.catalog.n_features, self.item_features_.shape[1]
        n_new = int((self._columns_of(X) < 0).sum())
        if n_features is None and n_new:
            raise ValueError(
                f"{n_new} new item(s) come without features, but the model was fitted with "
                "features; give X a catalog that has them."
            )
        if n_features not in (None, n_fitted):
            raise ValueError(
                f"the item features have {n_features} columns, but the model was fitted on "
                f"{n_fitted}; transform X with the fitted transformers first."
            )
        if n_features is not None and not self._has_fitted_features(X.catalog):
            raise ValueError(
                "the item features are not those of the fit: items that the model knows have "
                "other ones now; transform X with the transformers as they were fitted then, or "
                "fit anew."
            )

    def _has_fitted_features(self, catalog):
        """Whether a catalog has the features of the fit, as far as it has the sample."""
        sample = self.item_features_[:_SAMPLED_ITEMS]
        return has_features_of(catalog, self.item_ids_[: len(sample)], sample)

    def _fit_rows(self, rows, task):
        self.lasting_parameters_ = {name: getattr(self, name) for name in _LASTING}
        self._learn_texts(rows.X.catalog, rows.columns)
        self.text_weight_ = 0.0 if self.text_neighbors_ is None else float(self.text_weight)
        sessions = sessions_of(rows.X, rows.columns, rows.weights, with_times=False)
        self.pair_counts_ = locked(self._pairs(sessions))
        self.coef_ = self._combined()

    def _learn_texts(self, catalog, columns):
        """Set features and neighbours, or extend them by the new items."""
        if not hasattr(self, "item_features_"):
            self.item_features_ = self.feature_mean_ = self.text_neighbors_ = None
            if catalog.features is None or self.text_weight == 0:
                return
            # The columns are the rows of the catalog.
            self.item_features_ = np.asarray(catalog.features, dtype=np.float32)
            search = TextNeighbors.of(self.item_features_, self.n_neighbors, center=self.center)
            self.feature_mean_ = search.mean
            self.text_neighbors_ = search.among(self.item_features_)
        elif self.item_features_ is not None and self.item_ids_.size > len(self.item_features_):
            features = np.empty((self.item_ids_.size, catalog.n_features), dtype=np.float32)
            features[columns] = catalog.features
            features[: len(self.item_features_)] = self.item_features_
            self.text_neighbors_ = self._search().grown(self.text_neighbors_, features)
            self.item_features_ = features

    def _search(self):
        """The search for neighbours as it was in the fit."""
        return TextNeighbors(self.lasting_parameters_["n_neighbors"], self.feature_mean_)

    def _pairs(self, sessions):
        """Pairs of all that was ever learned from."""
        if hasattr(self, "pair_counts_"):
            known = self.pair_counts_.copy()
            known.resize((self.item_ids_.size, self.item_ids_.size))
            # A session that goes on was counted as far as its first new row.
            whole, counted = sessions.with_learned_past(), sessions.before_rows()
            known = known + self._count(whole)
            pairs = sp.csr_array(known - self._count(counted))
            # What rounding has left of pairs that were taken off.
            pairs.data[pairs.data < _NOTHING * known.data.max(initial=0)] = 0
            pairs.eliminate_zeros()
            return pairs
        settings = [getattr(self, name) for name in _LASTING[2:]]
        key = (type(self), self.item_ids_.size, sessions.fingerprint(), *settings)
        return COUNTS.get(key, lambda: Counts(self._count(sessions))).gram

    def _count(self, sessions):
        return pair_counts(
            sessions,
            self.item_ids_.size,
            window=self.window,
            decay=self.train_decay,
            reverse=self.reverse_weight,
            user_power=self.user_power,
        )

    def _combined(self):
        """What an event adds to each score, CSR, float32."""
        combined = self.cooccurrence_weight * strongest(self._normalized(), self.n_neighbors)
        if self.text_weight_ > 0:
            combined = combined + self.text_weight_ * self.text_neighbors_
        combined = sp.csr_array(sp.diags_array(self._rarity()) @ combined).astype(np.float32)
        combined.eliminate_zeros()
        combined.sort_indices()
        return combined

    def _normalized(self):
        """Pairs divided by what the pairs of their history item add up to."""
        pairs = self.pair_counts_
        totals = pairs.sum(axis=1)
        totals[totals == 0] = 1  # of items that nothing follows
        return sp.csr_array(sp.diags_array(1 / (totals**self.item_power + self.shrinkage)) @ pairs)

    def _rarity(self):
        """How much an item of a history counts by its popularity, (n_items,), in [0, 1]."""
        if not self.idf:
            return np.ones(self.item_ids_.size)
        n_rows = self.popularity_.sum()
        return np.log((n_rows + 1) / (self.popularity_ + 1)) / np.log(n_rows + 1)

    # Answering.

    @property
    def item_vectors_(self) -> sp.csc_array:
        """Transposed ``coef_``. Its inner products with `encode` are the scores."""
        return self.coef_.T

    def _embeddable_features(self, catalog):
        if self.item_features_ is None or catalog.n_features != self.item_features_.shape[1]:
            return None
        is_matrix = isinstance(catalog.features, np.ndarray)
        return catalog.features if is_matrix and self._has_fitted_features(catalog) else None

    def _histories(self, X, *, embeds=True):
        histories = super()._histories(X, embeds=embeds)
        if histories.extra_features is None:
            return histories
        # Here, so that the neighbours of unknown items are looked for once and not per block.
        near = self._search().to(histories.extra_features, self.item_features_)
        return replace(histories, extra_features=self.text_weight_ * near)

    def _rows_of_coef(self, histories):
        """``coef_``, followed by what the unknown items of the histories add to each score."""
        if histories.extra_features is None:
            return self.coef_
        return sp.vstack([self.coef_, histories.extra_features], format="csr")

    def _history_weights(self, histories, n_items):
        return history_weights(histories, n_items, self.history_decay, self.decay_by)

    def _encode(self, histories):
        return self._history_weights(histories, self.item_ids_.size).toarray()

    def _score(self, histories, columns=None):
        coef = self._rows_of_coef(histories)
        scores = (self._history_weights(histories, coef.shape[0]) @ coef).toarray()
        return scores if columns is None else scores[:, columns]

    def _unscored(self):
        return None if self.text_weight_ > 0 else self.popularity_ == 0
