"""SequentialRecommender: what every recommender shares."""
# SPDX-License-Identifier: BSD-3-Clause

from abc import ABC, abstractmethod
from collections.abc import Mapping
from numbers import Integral
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from narwhals.typing import IntoDataFrame
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skace._doc_links import DocLinkMixin
from skace._old_state import OldStateMixin
from skace._sklearn_compat import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    fit_context,
    with_callbacks,
)
from skace._topk import ranks_of_targets
from skace._typing import HandleUnknown, Histories, IdArray, ItemLists
from skace._validation import first_few, kind_of_ids
from skace.data import Catalog, Interactions, ValidationSet
from skace.data._inputs import refuse_frame, rows_to_fit, rows_to_predict, rows_to_score
from skace.data._keys import keys_of
from skace.data._row_values import row_weights
from skace.metrics import ndcg_at_k
from skace.recommenders._blocks import ScoreBlocks
from skace.recommenders._fit_inputs import check_validation, event_weights
from skace.recommenders._fit_rows import FitRows
from skace.recommenders._histories import histories_of
from skace.recommenders._leakage import RowsLearned, warn_of_future_leakage, warn_of_row_order
from skace.recommenders._recommendations import Recommendations, warn_of_short_lists
from skace.recommenders._tasks import FitTask
from skace.recommenders.rules._item_lists import Question
from skace.recommenders.rules._rules import Rules

__all__ = ["SequentialRecommender"]


class SequentialRecommender(
    ScoreBlocks, DocLinkMixin, OldStateMixin, CallbackSupportMixin, BaseEstimator, ABC
):
    """Base class of all recommenders.

    A subclass implements `_fit_rows`, `_encode` and sets ``item_vectors_``, or overrides
    `_score` where scores are not inner products. Everything that users call is here: input
    conversion, ids, ranks, lists of the best, popularity for empty histories, seen items.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    exclude_seen : bool, default=False
        Whether items of the (full) past may not be recommended. Holds for `predict`,
        `recommend`, `target_ranks` and `score`.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with history items that the model was not fitted on and cannot embed.

    Notes
    -----
    Stability: provisional.
    """

    _parameter_constraints: dict = {
        "k": [Interval(Integral, 1, None, closed="left")],
        "exclude_seen": ["boolean"],
        "handle_unknown": [StrOptions({"error", "ignore"})],
    }

    def __init__(
        self, k: int = 10, *, exclude_seen: bool = False, handle_unknown: HandleUnknown = "error"
    ) -> None:
        self.k = k
        self.exclude_seen = exclude_seen
        self.handle_unknown = handle_unknown

    # What a model implements.

    @abstractmethod
    def _fit_rows(self, rows, task):
        """Learn from rows.

        Parameters
        ----------
        rows : FitRows
            The rows, with their weights and what is to be watched.
        task : FitTask
            This fit, for callbacks: ``task.part("epoch")`` begins an epoch, whose ``end()``
            says whether to stop.
        """

    # Whether scores are inner products of `encode` and ``item_vectors_``.
    _gives_vectors = True
    # Whether items that the model was not fitted on have a part in these vectors.
    _encodes_unknown = True

    def _encode(self, histories):
        """Vectors of shape (n_rows, n_dims), float32, of non-empty histories."""
        raise NotImplementedError(f"{type(self).__name__} implements neither _encode nor _score.")

    def _score(self, histories, columns=None):
        """Scores of shape (n_rows, n_items or n_columns) of non-empty histories."""
        vectors = self.item_vectors_ if columns is None else self.item_vectors_[columns]
        return self._encode(histories) @ vectors.T

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        """Raise for parameters that do not suit the rows, before any work."""

    def _embeddable_features(self, catalog):
        """Features of a catalog from which unknown items can be embedded, or None."""

    def _unscored(self):
        """Whether each item is one that the model knows nothing of, (n_items,); None for none.

        Such items score ``-inf``: any number would rank them against items that were learned.
        """

    # Learning.

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Interactions | IntoDataFrame | Histories,
        y: npt.ArrayLike | None = None,
        X_val: Interactions | ValidationSet | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Learn from the rows of X.

        Writes ``item_ids_``, ``item_counts_``, ``popularity_``, ``item_vectors_`` and what
        the model adds.

        Parameters
        ----------
        X : Interactions, frame or list of sequences of item ids
            Training rows. A frame needs the columns ``user_id``, ``item_id`` and
            ``timestamp``. A list is learned from in full.

        y : None or array-like, default=None
            For Interactions: nothing, or their own items. For lists: one more event for
            each sequence.

        X_val : Interactions, ValidationSet or None, default=None
            Rows on which a model with epochs watches itself, in place of held-out training
            rows; other models only check them. Only their ids matter, so they may come
            untransformed. Inside a search wrap them with ``X_val.as_validation()``.

        sample_weight : array-like of shape (n_rows,) or None, default=None
            Weight of each row in counts and loss, in the order of X (of the frame, of the
            sequences one after the other, each followed by its ``y``). None takes
            ``X.weights``. Rows that repeat an event count once, with the mean of their weights.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input is refused by `Interactions`, is empty, holds query rows, if k
            exceeds the number of items, if X_val shares rows with X, or X has weights of
            its own beside ``sample_weight``.

        Warns
        -----
        FutureLeakageWarning
            If rows that are not in X came before rows that are.

        RowOrderWarning
            If ``sample_weight`` may be in the order of the input of X, not of its rows.
        """
        fresh = not (getattr(self, "warm_start", False) and hasattr(self, "item_ids_"))
        return self._learn(X, y, X_val, sample_weight, fresh=fresh, n_passes=None)

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self,
        X: Interactions | Histories,
        y: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Learn from new events in one pass, keeping what has been learned.

        Writes what `fit` writes; ``item_ids_`` grows at its end.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            Rows are the new events; their pasts may reach back to events that were
            learned before. Items that are new to the model join with their features. A
            frame of new events is refused, because it would lack these pasts.

        y : None or array-like, default=None
            As in `fit`.

        sample_weight : array-like of shape (n_rows,) or None, default=None
            As in `fit`.

        Returns
        -------
        self : object
            The fitted estimator. Without rows it is left as it is.
        """
        refuse_frame(X)
        fresh = not hasattr(self, "item_ids_")
        if not fresh and len(X) == 0:
            return self
        return self._learn(X, y, None, sample_weight, fresh=fresh, n_passes=1)

    def _learn(self, X, y, X_val, sample_weight, *, fresh, n_passes):
        """Check everything, then learn."""
        given, X = X, rows_to_fit(X, y)
        weights = event_weights(X, sample_weight, is_sorted=X is given)
        X_val = check_validation(X_val, X)
        # New items of a later fit join those that the model has.
        n_items = X.n_items if fresh else self.item_ids_.size + (self._columns_of(X) < 0).sum()
        if self.k > n_items:
            raise ValueError(f"k={self.k} exceeds the {n_items} items of the catalog; lower k.")
        self._check_before_fit(X, X_val, weights, fresh=fresh, n_passes=n_passes)
        warn_of_future_leakage(X)
        context = self._init_callback_context(max_subtasks=self._n_subtasks(n_passes))
        told = {"X": X, "y": lambda: X.items, "metadata": {"sample_weight": sample_weight}}
        task = FitTask(self, context, told).begin()
        state = dict(vars(self))
        try:
            if n_passes is None and not fresh:  # a warm start counts the rows of its own X
                self.item_counts_, self.popularity_ = self.item_counts_[:0], self.popularity_[:0]
            columns = self._learn_items(X, weights, fresh=fresh)
            self._fit_rows(FitRows(X, columns, weights, X_val, fresh, n_passes), task)
        except BaseException:
            # Half a fit would pass for a fitted model, so the estimator is put back as it was.
            vars(self).clear()
            vars(self).update(state)
            raise
        self._rows_learned = RowsLearned.of(X) if n_passes is None else None
        task.end()
        return self

    def _n_subtasks(self, n_passes):
        """Number of epochs for the progress bar; 0 for models without."""
        return 0

    def _learn_items(self, X, weights, *, fresh):
        """Set or extend ids and counts; return the column of each catalog item."""
        ids = X.catalog.item_ids
        if fresh:
            self._forget()
            self.item_ids_ = ids
            self.item_counts_ = np.zeros(0, dtype=np.int64)
            self.popularity_ = np.zeros(0)
            columns = np.arange(ids.size)
        else:
            columns = self._columns_of(X)
            is_new = columns < 0
            columns[is_new] = self.item_ids_.size + np.arange(is_new.sum())
            self.item_ids_ = np.concatenate([self.item_ids_, ids[is_new]])
            self.__dict__.pop("_vocabulary", None)
        events = np.unique(X._ends)
        items = columns[X._log.items[events]]
        self.item_counts_ = _add_counts(self.item_counts_, items, self.item_ids_.size)
        own = None if weights is None else weights[events]
        self.popularity_ = _add_counts(self.popularity_, items, self.item_ids_.size, own)
        return columns

    def _forget(self):
        """Delete what an earlier fit has set."""
        for name in [name for name in vars(self) if name.endswith("_") and name[0] != "_"]:
            delattr(self, name)
        for name in self._transient:
            self.__dict__.pop(name, None)

    def _fitted_state(self):
        """Fitted attributes, for callbacks that want a fitted copy."""
        return {
            name: value
            for name, value in vars(self).items()
            if name.endswith("_") and name[0] != "_"
        }

    # What is rebuilt on use and therefore not pickled.
    _transient: tuple[str, ...] = ("_rows_learned", "_vocabulary")

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name not in self._transient}

    # Answering.

    def predict(self, X: Interactions | Histories) -> IdArray:
        """Best ``k`` items for each row.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            Rows, queries (`Interactions.next_queries`), or one history per visitor, also as
            a Series. A row is answered from its past; its own item is not looked at.

        Returns
        -------
        item_ids : ndarray of shape (n_rows, k)
            Best first; ties in the order of ``item_ids_``. A row with an empty past gets
            the most popular items. Where fewer than k items may be recommended, because
            others were seen or the model knows nothing of them, such items fill up the
            list; `recommend` gives them a score of ``-inf``.

        Raises
        ------
        ValueError
            If X is a frame or an array, if k exceeds the number of items, or a history
            holds an unknown item and ``handle_unknown="error"``.

        Warns
        -----
        UserWarning
            If lists had to be filled up.
        """
        item_ids, scores = self.recommend(X)
        warn_of_short_lists(scores)
        return item_ids

    def recommend(
        self,
        X: Interactions | Histories,
        k: int | None = None,
        *,
        candidates: ItemLists | None = None,
        exclude: ItemLists | None = None,
        quotas: Mapping[str, int] | None = None,
        exclude_seen: bool | None = None,
        items: Catalog | IntoDataFrame | None = None,
        unknown_ids: HandleUnknown = "error",
    ) -> Recommendations:
        """Best items and their scores, under rules if there are any.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            As in `predict`.

        k : int or None, default=None
            Length of the lists; None takes the parameter ``k``.

        candidates : list of ids, list of lists, mask, callable or None, default=None
            Only these may be recommended. A list of ids holds for all rows, as does a mask of
            shape (n_items,). One list of ids per row, or a mask of shape (n_rows, n_items),
            sparse or dense, is for each row its own; the columns of a mask are those of
            ``item_ids_``. A dict or a labelled Series is read by its labels: lists by those of
            the rows, truth values by items. A callable is asked for one block of rows at a
            time: ``candidates(row_ids, item_ids)`` returns any of the above for these rows,
            whose ids are users, the keys of a dict or Series, or numbers from 0. None: all
            items.

        exclude : list of ids, list of lists, mask, callable or None, default=None
            These may not be recommended; forms as of ``candidates``.

        quotas : dict of str to int, or None, default=None
            At most so many items with one value of a column of ``items``, for example
            ``{"category": 3}``. An item without a value (None, NaN, an empty text, or not in
            ``items``) belongs to no group and is not limited.

        exclude_seen : bool or None, default=None
            None takes the parameter ``exclude_seen``.

        items : Catalog of texts, frame or None, default=None
            Where the columns of ``quotas`` are; a frame has the ids in its column ``item_id``.
            None takes the catalog of X.

        unknown_ids : {"error", "ignore"}, default="error"
            What to do with ids in ``candidates`` and ``exclude`` that the model does not know.

        Returns
        -------
        recommendations : Recommendations
            A pair, ``item_ids, scores = model.recommend(X)``, with `to_frame`. Both are arrays
            of shape (n_rows, min(k, n_candidates)), best first, where n_candidates is that of
            the longest list. Where fewer items are eligible, others fill up the row with a
            score of ``-inf``; ``to_lists`` leaves them out. A row with an empty history has
            counts of training rows as scores.

        Raises
        ------
        ValueError
            If k exceeds the number of items, there is not one list per row, a mask has another
            shape, an id is unknown, nothing is left, or a column of ``quotas`` is absent.

        See Also
        --------
        skace.recommenders.recommend : The same through Pipelines and searches.

        Notes
        -----
        Scores and masks are held for a block of rows at a time, never for all.
        """
        check_is_fitted(self)
        row_ids = X.users if isinstance(X, Interactions) else keys_of(X)
        catalog = X.catalog if isinstance(X, Interactions) else None
        X = rows_to_predict(X)
        k = self.k if k is None else k
        if not isinstance(k, Integral) or isinstance(k, bool) or k < 1:
            raise ValueError(f"k must be an int in the range [1, inf), got {k!r}.")
        if unknown_ids not in ("error", "ignore"):
            raise ValueError(f"unknown_ids must be 'error' or 'ignore', got {unknown_ids!r}.")
        rules = Rules.read(
            Question(
                np.arange(len(X)) if row_ids is None else row_ids,
                self.item_ids_,
                self._rows_of_ids,
                unknown_ids == "ignore",
            ),
            candidates=candidates,
            exclude=exclude,
            quotas=quotas,
            items=catalog if items is None else items,
        )
        if rules.columns is None and k > self.item_ids_.size:
            raise ValueError(
                f"k={k} exceeds the {self.item_ids_.size} items of the model; lower k."
            )
        item_ids, best = self._best_under(rules, X, rules.width(k), exclude_seen)
        return Recommendations(item_ids, best, row_ids)

    def _best_under(self, rules, X, width, exclude_seen):
        """Ids and scores of the best items of each row, each of shape (n_rows, width)."""
        item_ids = np.empty((len(X), width), dtype=self.item_ids_.dtype)
        best = np.empty((len(X), width), dtype=np.float32)
        ids = self.item_ids_ if rules.columns is None else self.item_ids_[rules.columns]
        n_best = None if rules.quotas else width
        forbid = rules.forbid if rules.are_by_row else None
        blocks = self._score_blocks(X, exclude_seen, rules.columns, forbid=forbid, n_best=n_best)
        for rows, scores in blocks:
            places, best[rows] = rules.best(scores, width)
            item_ids[rows] = ids[places]
        return item_ids, best

    def decision_function(self, X: Interactions | Histories) -> npt.NDArray[np.float32]:
        """Scores of all items for each row.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            As in `predict`.

        Returns
        -------
        scores : ndarray of shape (n_rows, n_items), float32
            Columns in the order of ``item_ids_``; higher is better. Rows with an empty past
            get counts. ``exclude_seen`` sets seen items to ``-inf``.

        Notes
        -----
        Takes ``4 * n_rows * n_items`` bytes. `predict` and `target_ranks` work in blocks
        and do not.
        """
        check_is_fitted(self)
        X = rows_to_predict(X)
        result = np.empty((len(X), self.item_ids_.size), dtype=np.float32)
        for rows, scores in self._score_blocks(X):
            result[rows] = scores
        return result

    def target_ranks(
        self, X: Interactions | Histories, *, exclude_seen: bool | None = None
    ) -> npt.NDArray[np.float64]:
        """Rank of each row's own item among all items.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            Rows with targets. For lists every event is a row.

        exclude_seen : bool or None, default=None
            None takes the parameter ``exclude_seen``.

        Returns
        -------
        ranks : ndarray of shape (n_rows,), float64
            Strictly better items plus half of the equal others, from 0. ``inf`` for a
            target that the model does not know or may not recommend.

        Notes
        -----
        Works in blocks of rows of 16 MiB of scores.
        """
        check_is_fitted(self)
        X = rows_to_score(X)
        warn_of_row_order(getattr(self, "_rows_learned", None), X)
        return self._ranks(X, exclude_seen)

    def _ranks(self, X, exclude_seen=None, *, embeds=True):
        """`target_ranks` of checked rows."""
        ranks = np.empty(len(X))
        targets = self._columns_of(X)[X._item_codes]
        for rows, scores in self._score_blocks(X, exclude_seen, embeds=embeds):
            ranks[rows] = ranks_of_targets(scores, targets[rows])
        return ranks

    def score(
        self,
        X: Interactions | Histories,
        y: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> float:
        """Mean NDCG@10 over the rows, ranked among all items.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            Rows with targets. For lists, all events count, or only ``y``.

        y : None or array-like, default=None
            For Interactions: nothing, or their own items. For lists: the one target of
            each sequence.

        sample_weight : array-like of shape (n_rows,) or None, default=None
            Weights of the mean, in the order of the rows. None takes ``X.weights``.

        Returns
        -------
        score : float
            In [0, 1], whatever the parameter ``k`` is.
        """
        check_is_fitted(self)
        X = rows_to_score(X, y)
        if len(X) == 0:
            raise ValueError("X has no rows; there is nothing to score.")
        warn_of_row_order(getattr(self, "_rows_learned", None), X)
        weights = row_weights(X, sample_weight)
        return float(ndcg_at_k(self._ranks(X), 10, sample_weight=weights))

    @available_if(lambda self: self._gives_vectors)
    def encode(self, X: Interactions | Histories) -> npt.NDArray[np.float32]:
        """Vector of each row's history.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            As in `predict`.

        Returns
        -------
        vectors : ndarray of shape (n_rows, n_dims), float32
            Their inner products with ``item_vectors_`` are the scores, so any index for
            maximum inner product search serves. Zero for an empty history.
        """
        check_is_fitted(self)
        histories = self._histories(rows_to_predict(X), embeds=self._encodes_unknown)
        vectors = np.zeros((len(histories), self.item_vectors_.shape[1]), dtype=np.float32)
        filled = np.flatnonzero(histories.lengths > 0)
        vectors[filled] = self._encode(histories.take(filled))
        return vectors

    # Ids, blocks.

    def _columns_of(self, X):
        """Model column of each item of X's catalog, -1 for unknown ones (a new array)."""
        ids = X.catalog.item_ids
        if ids is self.item_ids_ or np.array_equal(ids, self.item_ids_):
            return np.arange(ids.size)
        if X._log.n_events == 0:
            return np.full(ids.size, -1)
        return self._rows_of_ids(ids, "the item ids of X")

    def _rows_of_ids(self, ids, name):
        """Model column of each id, -1 for unknown ones."""
        if kind_of_ids(ids) != kind_of_ids(self.item_ids_):
            raise ValueError(
                f"{name} are {kind_of_ids(ids)} (first {first_few(ids[:1])}), but the model was "
                f"fitted on {kind_of_ids(self.item_ids_)} (first "
                f"{first_few(self.item_ids_[:1])}); convert one of them."
            )
        if not hasattr(self, "_vocabulary"):
            self._vocabulary = Catalog(self.item_ids_)
        return self._vocabulary.row_of(ids)

    def _histories(self, X, *, embeds=True):
        """Histories of the rows of X in model columns; unknown items embedded if wanted."""
        return histories_of(
            X,
            self._columns_of(X),
            self.item_ids_.size,
            self.handle_unknown,
            self._embeddable_features(X.catalog) if embeds else None,
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # Rows are events with a past, not a 2-D array: scikit-learn's generic data does not fit.
        tags.input_tags.two_d_array = False
        tags.target_tags.required = False
        tags.non_deterministic = False
        return tags


def _add_counts(old, items, n_items, weights=None):
    """Counts per item, grown to ``n_items``, with those of ``items`` added."""
    counts = np.bincount(items, weights=weights, minlength=n_items).astype(old.dtype)
    counts[: old.size] += old
    return counts
