"""RowLearning: a fit from its checks to its end, whatever the model."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Self

import numpy as np
import numpy.typing as npt
from narwhals.typing import IntoDataFrame

from skace._sklearn_compat import fit_context, with_callbacks
from skace._typing import Histories
from skace.data import Interactions, ValidationSet
from skace.data._inputs import refuse_frame, rows_to_fit
from skace.data._row_numbers import distinct
from skace.recommenders._fit_rows import FitRows, check_validation, event_weights
from skace.recommenders._leakage import RowsLearned, warn_of_future_leakage, warn_of_lone_events
from skace.recommenders._tasks import FitTask

__all__ = ["RowLearning"]


class RowLearning:
    """Learning of a `SequentialRecommender`."""

    _learns_order = True  # what comes after what, or is taken by the same users

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

        Sets ``item_ids_``, ``item_counts_``, ``popularity_``, ``item_vectors_`` and the model's own
        attributes.

        Parameters
        ----------
        X : Interactions, frame or list of sequences of item ids
            Training rows. A frame needs the columns ``user_id``, ``item_id`` and
            ``timestamp``. Of a list, all events are training rows.

        y : None or array-like, default=None
            For Interactions: None, or their own items. For lists: one more event for
            each sequence.

        X_val : Interactions, ValidationSet or None, default=None
            Validation rows for models that train in epochs, in place of held-out training rows;
            other models only check them. Only their ids are used, so they need no transform. Inside
            a search wrap them with ``X_val.as_validation()``.

        sample_weight : array-like of shape (n_rows,) or None, default=None
            Weight of each row in counts and loss, in the order of X (for a frame, of its rows; for
            lists, of the sequences one after the other, each followed by its ``y``). None takes
            ``X.weights``. Rows that repeat an event count once, with the mean of their weights.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If `Interactions` refuses the input, X is empty or holds query rows, k exceeds the
            number of items, X_val shares rows with X, or both X and ``sample_weight`` give weights.

        Warns
        -----
        FutureLeakageWarning
            If some rows of the log that are not in X came before rows of X.

        RowOrderWarning
            If ``sample_weight`` may be in the order of the caller's input instead of the rows of X.
        """
        fresh = not (self._goes_on() and hasattr(self, "item_ids_"))
        return self._learn(X, y, X_val, sample_weight, fresh=fresh, n_passes=None)

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self,
        X: Interactions | Histories,
        y: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Learn from new events in one pass and keep what was learned before.

        Sets the attributes that `fit` sets; new items are added at the end of ``item_ids_``.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            Rows are the new events; their pasts may hold events that were learned
            before. Items that are new to the model are added with their features. A
            frame of new events is refused, because it would lack these pasts.

        y : None or array-like, default=None
            As in `fit`.

        sample_weight : array-like of shape (n_rows,) or None, default=None
            As in `fit`.

        Returns
        -------
        self : object
            The fitted estimator. If X has no rows, nothing changes.
        """
        refuse_frame(X)
        fresh = not hasattr(self, "item_ids_")
        if not fresh and len(X) == 0:
            return self
        return self._learn(X, y, None, sample_weight, fresh=fresh, n_passes=1)

    def _goes_on(self):
        """Whether `fit` goes on from what has been learned."""
        return getattr(self, "warm_start", False)

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
        if n_passes is not None and not fresh and self._learns_order:
            warn_of_lone_events(X)
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
        events = distinct(X._ends)
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


def _add_counts(old, items, n_items, weights=None):
    """Counts per item, grown to ``n_items``, with those of ``items`` added."""
    counts = np.bincount(items, weights=weights, minlength=n_items).astype(old.dtype)
    counts[: old.size] += old
    return counts
