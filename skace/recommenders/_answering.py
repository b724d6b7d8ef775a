"""HistoryAnswers: what users ask of a fitted recommender."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from narwhals.typing import IntoDataFrame
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skace._topk import ranks_of_targets
from skace._typing import HandleUnknown, Histories, IdArray, ItemLists
from skace.data import Catalog, Interactions
from skace.data._inputs import rows_to_predict, rows_to_score
from skace.data._keys import keys_of
from skace.data._row_values import row_weights
from skace.metrics import ndcg_at_k
from skace.recommenders._leakage import warn_of_row_order
from skace.recommenders._recommendations import Recommendations, warn_of_short_lists
from skace.recommenders.rules._item_lists import Question
from skace.recommenders.rules._rules import Rules

__all__ = ["HistoryAnswers"]

# Scores held at once: more would pass through memory, and be mapped anew each time.
_BLOCK_BYTES = 16 * 2**20
_ROWS_AHEAD = 16 * 1024  # that a model may read before their scores are wanted


class HistoryAnswers:
    """Prediction methods of a `SequentialRecommender`."""

    if TYPE_CHECKING:  # what that has
        k: int
        item_ids_: IdArray
        item_vectors_: Any
        _encodes_unknown: bool
        _encode: Any
        _histories: Any
        _rows_of_ids: Any

    def predict(self, X: Interactions | Histories) -> IdArray:
        """Best ``k`` items for each row.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            Rows, queries (`Interactions.next_queries`), or one history per visitor, also as a
            Series. Predictions for a row use its past, never its own item.

        Returns
        -------
        item_ids : ndarray of shape (n_rows, k)
            Best first; ties in the order of ``item_ids_``. A row with an empty past gets the most
            popular items. If fewer than k items may be recommended, seen items and items that the
            model cannot score fill up the list; `recommend` gives them a score of ``-inf``.

        Raises
        ------
        ValueError
            If X is a frame or an array, k exceeds the number of items, or a history
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
        """Best items and their scores, with optional rules.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            As in `predict`.

        k : int or None, default=None
            Length of the lists; None takes the parameter ``k``.

        candidates : list of ids, list of lists, mask, callable or None, default=None
            Only these items may be recommended. For all rows: a list of ids, or a mask of shape
            (n_items,). For each row: one list of ids per row, or a mask of shape (n_rows, n_items),
            sparse or dense. The columns of a mask are in the order of ``item_ids_``. A dict or a
            labelled Series is matched by its labels: row ids for lists, item ids for truth values.
            A callable is called for one block of rows at a time: ``candidates(row_ids, item_ids)``
            returns any of the above for these rows. Row ids are user ids, the keys of a dict or
            Series, or numbers from 0. None: all items.

        exclude : list of ids, list of lists, mask, callable or None, default=None
            These items may not be recommended. It has the same forms as ``candidates``.

        quotas : dict of str to int, or None, default=None
            Most items in a list with the same value in a column of ``items``: ``{"category": 3}``
            allows three per category. An item without a value (None, NaN, an empty text, or not in
            ``items``) belongs to no group and is not limited.

        exclude_seen : bool or None, default=None
            None takes the parameter ``exclude_seen``.

        items : Catalog of texts, frame or None, default=None
            Holds the columns of ``quotas``. A frame has the ids in its column ``item_id``. None
            takes the catalog of X.

        unknown_ids : {"error", "ignore"}, default="error"
            What to do with ids in ``candidates`` and ``exclude`` that the model does not know.

        Returns
        -------
        recommendations : Recommendations
            A pair, ``item_ids, scores = model.recommend(X)``, with `to_frame`. Both are arrays of
            shape (n_rows, min(k, n_candidates)), best first, where n_candidates is the length of
            the longest list of candidates. If fewer items are eligible, others fill up the row with
            a score of ``-inf``; ``to_lists`` leaves them out. For a row with an empty history,
            scores are counts of training rows.

        Raises
        ------
        ValueError
            If k exceeds the number of items, the number of lists differs from the number of rows, a
            mask has another shape, an id is unknown, no item is left, or a column of ``quotas`` is
            absent.

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
            Columns in the order of ``item_ids_``; higher is better. Rows with an empty past get
            counts of training rows. ``exclude_seen`` sets seen items to ``-inf``.

        Notes
        -----
        The result takes ``4 * n_rows * n_items`` bytes. `predict` and `target_ranks` need less,
        because they work in blocks.
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
            Rows with targets. Of lists, every event is a row.

        exclude_seen : bool or None, default=None
            None takes the parameter ``exclude_seen``.

        Returns
        -------
        ranks : ndarray of shape (n_rows,), float64
            Number of items with a higher score, plus half of the others with an equal
            score; the best rank is 0. ``inf`` for a target that the model does not know
            or may not recommend.

        Notes
        -----
        Works in blocks of rows, each with 16 MiB of scores.
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
            Rows with targets. Of lists, every event is a target, or only ``y`` if it is given.

        y : None or array-like, default=None
            For Interactions: None, or their own items. For lists: the one target of
            each sequence.

        sample_weight : array-like of shape (n_rows,) or None, default=None
            Weights of the mean, in the order of the rows. None takes ``X.weights``.

        Returns
        -------
        score : float
            In [0, 1]. It does not depend on the parameter ``k``.
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
            maximum inner product search works. Zero for an empty history.
        """
        check_is_fitted(self)
        histories = self._histories(rows_to_predict(X), embeds=self._encodes_unknown)
        vectors = np.zeros((len(histories), self.item_vectors_.shape[1]), dtype=np.float32)
        filled = np.flatnonzero(histories.lengths > 0)
        vectors[filled] = self._encode(histories.take(filled))
        return vectors

    # Blocks: scores of all rows together would not fit into memory.

    def _score_blocks(
        self, X, exclude_seen=None, columns=None, *, embeds=True, forbid=None, n_best=None
    ):
        """Yield (rows, scores of these rows), with empty pasts and seen items settled.

        ``forbid(scores, rows)`` sets more of them to ``-inf``; ``n_best`` tells that of scores
        as the model gives them no more than so many of the best of each row are looked at.
        """
        exclude_seen = self.exclude_seen if exclude_seen is None else exclude_seen
        if not isinstance(exclude_seen, (bool, np.bool_)):
            raise TypeError(f"exclude_seen must be a bool or None, got {exclude_seen!r}.")
        histories = self._histories(X, embeds=embeds)
        if exclude_seen or forbid is not None or columns is not None:
            n_best = None
        yield from self._blocks_of(
            histories, columns, exclude_seen=exclude_seen, forbid=forbid, n_best=n_best
        )

    def _scores_of(self, histories):
        """Scores of shape (n_rows, n_items), float32, of histories in our columns.

        What is seen may be recommended; an empty history has counts.
        """
        scores = np.empty((len(histories), self.item_ids_.size), dtype=np.float32)
        for rows, block in self._blocks_of(histories, None, exclude_seen=False):
            scores[rows] = block
        return scores

    def _blocks_of(self, histories, columns, *, exclude_seen, forbid=None, n_best=None):
        """Yield what `_score_blocks` does, for histories."""
        takes_all = columns is None or self._scores_all_items
        n_columns = self.item_ids_.size if takes_all else columns.size
        step = max(1, _BLOCK_BYTES // (4 * n_columns))
        for first in range(0, len(histories), _ROWS_AHEAD):
            ahead = self._read_ahead(histories.take(slice(first, first + _ROWS_AHEAD)))
            for part in ahead.blocks(step, self.item_ids_.size):
                block = ahead.take(part)
                scores = self._scores_of_block(block, columns, n_best)
                if exclude_seen:
                    self._mask_seen(scores, block, columns)
                rows = slice(first + part.start, first + part.stop)
                if forbid is not None:
                    forbid(scores, rows)
                yield rows, scores

    def _read_ahead(self, histories):
        """Histories with what is cheaper to find for many rows at once; by default nothing."""
        return histories

    def _scores_of_block(self, histories, columns, n_best):
        """Scores by the model, or by popularity for empty histories."""
        is_empty = histories.lengths == 0
        if not is_empty.any():
            return self._scores_of_filled(histories, columns)
        popularity = self.popularity_ if columns is None else self.popularity_[columns]
        scores = np.empty((len(histories), popularity.size), dtype=np.float32)
        scores[is_empty] = popularity
        if not is_empty.all():
            scores[~is_empty] = self._scores_of_filled(histories.take(~is_empty), columns)
        return scores

    def _scores_of_filled(self, histories, columns):
        """Scores by the model, -inf for items that it knows nothing of."""
        scores = self._score(histories, columns)
        unscored = self._unscored()
        if unscored is not None:
            scores[:, unscored if columns is None else unscored[columns]] = -np.inf
        return scores

    def _mask_seen(self, scores, histories, columns):
        """Set the scores of seen items to -inf, in place (the block is ours)."""
        rows, seen = histories.seen(self.item_ids_.size)
        if columns is not None:
            places = np.full(self.item_ids_.size, -1)
            places[columns] = np.arange(columns.size)
            seen = places[seen]
            rows, seen = rows[seen >= 0], seen[seen >= 0]
        scores[rows, seen] = -np.inf
