"""SequentialRecommender: what every recommender shares."""
# SPDX-License-Identifier: BSD-3-Clause

from abc import ABC, abstractmethod
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags

from skace._doc_links import DocLinkMixin
from skace._old_state import OldStateMixin
from skace._sklearn_compat import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
)
from skace._typing import HandleUnknown
from skace._validation import first_few, kind_of_ids
from skace.data import Catalog
from skace.recommenders._answering import HistoryAnswers
from skace.recommenders._histories import histories_of
from skace.recommenders._learning import RowLearning

__all__ = ["SequentialRecommender"]


class SequentialRecommender(
    RowLearning,
    HistoryAnswers,
    DocLinkMixin,
    OldStateMixin,
    CallbackSupportMixin,
    BaseEstimator,
    ABC,
):
    """Base class of all recommenders.

    A subclass implements `_fit_rows` and `_encode` and sets ``item_vectors_``. If scores are not
    inner products, it overrides `_score`. It inherits everything that users call: input conversion,
    ids, ranks, top-k lists, popularity for empty histories, and the exclusion of seen items.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    exclude_seen : bool, default=False
        Whether to leave items of the (full) past out of recommendations. This applies
        to `predict`, `recommend`, `target_ranks` and `score`.

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
    # Whether all items are scored for the sake of a few: blocks of rows are smaller then.
    _scores_all_items = False
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

    # What is rebuilt on use and therefore not pickled.
    _transient: tuple[str, ...] = ("_rows_learned", "_vocabulary")

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name not in self._transient}

    # Ids.

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
            self._vocabulary = Catalog._of_ids(self.item_ids_.view())  # checked in `fit`
        return self._vocabulary.row_of(ids)

    def _histories(self, X, *, embeds=True):
        """Histories of the rows of X in model columns; unknown items embedded if wanted."""
        columns, features = self._columns_of(X), None
        if embeds and (columns < 0).any():
            features = self._embeddable_features(X.catalog)
        return histories_of(X, columns, self.item_ids_.size, self.handle_unknown, features)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # Rows are events with a past, not a 2-D array: scikit-learn's generic data does not fit.
        tags.input_tags.two_d_array = False
        tags.target_tags.required = False
        tags.non_deterministic = False
        return tags
