"""DiversifiedRecommender: lists whose items are less alike than the best ones."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skace._sklearn_compat import HasMethods, Interval, StrOptions
from skace._typing import HandleUnknown
from skace._validation import first_few
from skace.recommenders._base import SequentialRecommender
from skace.recommenders.ensembles._members import fit_further, fit_members, last_step
from skace.recommenders.ensembles._mmr import reorder_best, strongest_directions, unit_rows

__all__ = ["DiversifiedRecommender"]


class DiversifiedRecommender(SequentialRecommender):
    """Order the best items of a recommender so that neighbours in the list differ.

    The ``n_candidates`` best items of each row are sorted by maximal marginal relevance [1]_. Each
    place of the list gets the item with the largest

        trade_off * .8^place - (1 - trade_off) * largest cosine with an item before it,

    where ``place``, from 0, is the item's place by the recommender's scores. All other items follow
    in the order of the recommender. The order does not depend on the length of the list.

    Parameters
    ----------
    estimator : estimator
        A recommender, or a Pipeline that ends in a recommender. It is cloned and fitted on the rows
        of `fit`. Pass a fitted one as ``sklearn.frozen.FrozenEstimator(model)``.

    k : int, default=10
        Length of the lists that `predict` returns.

    method : {"mmr"}, default="mmr"
        How items are ordered: maximal marginal relevance.

    trade_off : float, default=0.85
        Weight of the place by the scores, in [0, 1]. 1 changes neither the order nor the scores of
        the recommender. 0 chooses different items whatever their scores are. Near the default the
        first places hardly change; from the fifth place on the items do.

    n_candidates : int, default=100
        Number of best items that are ordered, at least 1.

    exclude_seen : bool, default=False
        Whether to leave items of the past out of recommendations. The parameter of the estimator
        has no effect. Seen items are ordered too and removed from the list afterwards, so set
        ``n_candidates`` larger than the length of the histories.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with history items that the model was not fitted on. The parameter of the
        estimator has no effect.

    Attributes
    ----------
    item_ids_ : ndarray of shape (n_items,)
        Items in the order of the columns of `decision_function`.

    item_counts_ : ndarray of shape (n_items,), int64
        Training rows per item.

    popularity_ : ndarray of shape (n_items,), float64
        Training rows per item, weighted by ``sample_weight``. It ranks items for empty
        histories, which are not reordered.

    estimator_ : estimator
        The fitted estimator.

    diversity_vectors_ : ndarray of shape (n_items, n_dims), float32
        Item vectors of length 1 for the cosines: the features of the catalog in `fit`, or the
        ``item_vectors_`` of the estimator if the catalog has no dense features. More than 64
        columns are reduced to the 64 directions of largest norm. An item without a vector has a
        row of zeros, similar to no item. Without any vectors the order is that of the estimator.

    diversity_directions_ : ndarray of shape (n_features, n_dims), float64, or None
        These 64 directions; None if there was nothing to reduce.

    Notes
    -----
    The published rule adds a score to a cosine, but scores of different models have different
    scales. Here the place replaces the score. As in rank-biased precision [2]_, ``.8^place`` is the
    probability that somebody reaches this place who goes on to the next item four times out of
    five. Items of equal score have the same place.

    The scores of the candidates are reassigned: the first item in the new order gets the largest
    score, the next the second largest. So `decision_function`, `target_ranks`, `score`, `predict`
    and `recommend` agree on the order, and scores keep their size. (Of two equal scores, one moves
    up to the next float.) Rules and ``exclude_seen`` remove items from this order.

    A row takes ``O(n_candidates^2 (n_dims + k))`` time in addition to the estimator's. A Pipeline
    around this class passes its item vectors on as features. A Pipeline inside this class predicts
    from ids alone, so it does not embed unknown items.

    Stability: provisional.

    References
    ----------
    .. [1] Carbonell, Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering
       Documents and Producing Summaries", SIGIR 1998.
    .. [2] Moffat, Zobel, "Rank-Biased Precision for Measurement of Retrieval Effectiveness",
       ACM TOIS 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from skace import Catalog, Interactions
    >>> from skace.recommenders import DiversifiedRecommender, EASEEstimator
    >>> vectors = np.array([[1.0, 0], [0.9, 0.1], [0, 1], [0.5, 0.5]])
    >>> catalog = Catalog(["pen", "fine pen", "cap", "bag"], vectors)
    >>> lists = 3 * [["bag", "pen"]] + 2 * [["bag", "fine pen"]] + [["bag", "cap"]]
    >>> X = Interactions.from_sequences(lists, catalog=catalog)
    >>> EASEEstimator(k=2, regularization=1).fit(X).predict([["bag"]])
    array([['pen', 'fine pen']], dtype='<U8')
    >>> diverse = DiversifiedRecommender(EASEEstimator(regularization=1), k=2, trade_off=0.5)
    >>> diverse.fit(X).predict([["bag"]])
    array([['pen', 'cap']], dtype='<U8')
    """

    _parameter_constraints: dict = {
        **SequentialRecommender._parameter_constraints,
        "estimator": [HasMethods(["fit", "predict"])],
        "method": [StrOptions({"mmr"})],
        "trade_off": [Interval(Real, 0, 1, closed="both")],
        "n_candidates": [Interval(Integral, 1, None, closed="left")],
    }

    _gives_vectors = False
    _scores_all_items = True
    _transient = (*SequentialRecommender._transient, "_asked")

    def __init__(
        self,
        estimator: Any,
        *,
        k: int = 10,
        method: Literal["mmr"] = "mmr",
        trade_off: float = 0.85,
        n_candidates: int = 100,
        exclude_seen: bool = False,
        handle_unknown: HandleUnknown = "error",
    ) -> None:
        super().__init__(k, exclude_seen=exclude_seen, handle_unknown=handle_unknown)
        self.estimator = estimator
        self.method = method
        self.trade_off = trade_off
        self.n_candidates = n_candidates

    # Learning.

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        last = last_step(self.estimator if fresh else self.estimator_)
        is_search = hasattr(last, "estimator") and not isinstance(last, SequentialRecommender)
        if not (isinstance(last, SequentialRecommender) or is_search):
            raise TypeError(
                f"estimator is {type(last).__name__}; give a recommender of skace, or a Pipeline "
                "or search that ends in one."
            )
        if isinstance(self.estimator, FrozenEstimator):
            self._check_frozen(last, X, fresh)
        if not fresh:
            self._check_width(X)

    def _check_frozen(self, model, X, fresh):
        """Raise if the rows hold items that a frozen model has no column for."""
        ids = X.catalog.item_ids if fresh else X.catalog.item_ids[self._columns_of(X) < 0]
        is_same = np.array_equal(ids, model.item_ids_) if fresh else ids.size == 0
        if not is_same:
            lacking = ids[~np.isin(ids, model.item_ids_)]
            raise ValueError(
                f"the frozen estimator has {model.item_ids_.size} items, which are not those of X "
                f"in their order ({lacking.size} unknown: {first_few(lacking)}); fit it on the "
                "same catalog, or do not freeze it."
            )

    def _check_width(self, X):
        """Raise if new items come with other vectors than those that are kept."""
        if self._n_features and X.catalog.n_features not in (None, self._n_features):
            raise ValueError(
                f"the item features have {X.catalog.n_features} columns, but the model was fitted "
                f"on {self._n_features}; transform X with the fitted transformers first."
            )

    def _fit_rows(self, rows, task):
        if rows.n_passes is not None and not rows.is_fresh:
            self.estimator_ = fit_further(self.estimator_, rows.X, rows.weights)
        else:
            self.estimator_ = self._fitted_clone(rows)
        self.__dict__.pop("_asked", None)
        self._learn_vectors(rows)

    def _fitted_clone(self, rows):
        """The estimator, fitted on rows; a frozen one as it is."""
        estimator = clone(self.estimator)
        (fitted,) = fit_members([estimator], rows.X, rows.weights, rows.X_val, k=self.k)
        return fitted

    def _learn_vectors(self, rows):
        """Set ``diversity_vectors_``, or extend them by new items."""
        features = rows.X.catalog.features
        if not hasattr(self, "diversity_vectors_"):
            self._n_features = features.shape[1] if _are_vectors(features) else None
        if self._n_features is None:
            self._learn_own_vectors()
        else:
            self._learn_features(features, rows.columns)

    def _learn_own_vectors(self):
        """Take those of the estimator; without any, no two items are alike."""
        model = last_step(self.estimator_)
        vectors = getattr(model, "item_vectors_", np.zeros((self.item_ids_.size, 1)))
        self.diversity_directions_ = strongest_directions(vectors)
        self.diversity_vectors_ = unit_rows(vectors, self.diversity_directions_)

    def _learn_features(self, features, columns):
        """Take the features of the catalog; those of earlier fits stay."""
        known = getattr(self, "diversity_vectors_", None)
        if known is None:
            self.diversity_directions_ = strongest_directions(features)
        directions = self.diversity_directions_
        width = self._n_features if directions is None else directions.shape[1]
        vectors = np.zeros((self.item_ids_.size, width), dtype=np.float32)
        if _are_vectors(features):
            vectors[columns] = unit_rows(features, directions)
        if known is not None:
            vectors[: len(known)] = known
        self.diversity_vectors_ = vectors

    # Answering.

    def _model(self):
        """The fitted recommender, with our own way to handle unknown items."""
        model = last_step(self.estimator_)
        if model.handle_unknown == self.handle_unknown:
            return model
        asked = self.__dict__.get("_asked")
        if asked is None or asked.handle_unknown != self.handle_unknown:
            # Not `copy`, which leaves out what is rebuilt on use, such as the network.
            asked = object.__new__(type(model))
            asked.__dict__.update(vars(model))
            asked.handle_unknown = self.handle_unknown
            self._asked = asked
        return asked

    def _histories(self, X, *, embeds=True):
        return self._model()._histories(X, embeds=embeds)

    def _read_ahead(self, histories):
        return self._model()._read_ahead(histories)

    def _scores_of_filled(self, histories, columns):
        return self._model()._scores_of_block(histories, columns, None)

    def _scores_of_block(self, histories, columns, n_best):
        # One order of all items, of which rules take a part.
        scores = super()._scores_of_block(histories, None, None)
        is_filled = histories.lengths > 0
        if self.trade_off < 1 and is_filled.any():
            among = scores if is_filled.all() else scores[is_filled]
            reorder_best(
                among,
                self.diversity_vectors_,
                n_candidates=self.n_candidates,
                n_best=n_best,
                trade_off=float(self.trade_off),
            )
            if among is not scores:
                scores[is_filled] = among
        return scores if columns is None else scores[:, columns]


def _are_vectors(features):
    """Whether features are a dense matrix."""
    return isinstance(features, np.ndarray) and features.ndim == 2
