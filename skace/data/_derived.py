"""DerivedRows: rows that give others over the same log, or over one made of it."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import replace
from typing import Any, Self

import numpy as np

from skace._typing import Ties
from skace.data import _filters
from skace.data._log import first_of_each, take_events
from skace.data._named_users import rows_of_users
from skace.data._row_values import check_weights
from skace.data._rows import LogRows
from skace.data._tie_order import check_ties, in_other_order
from skace.data._times import is_before, read_moment
from skace.data._validation_set import ValidationSet

__all__ = ["DerivedRows"]


class DerivedRows(LogRows):
    """Methods that return other rows: reordered, reweighted, fewer, or queries."""

    def drop_duplicates(self) -> Self:
        """Keep the first of events that have user, item and time in common.

        Returns
        -------
        X : Interactions
            A new log without the repeats, and its rows. `source_rows` still refers to the caller's
            input. Without timestamps no event counts as a repeat.

        Examples
        --------
        >>> import warnings
        >>> from skace import Interactions
        >>> with warnings.catch_warnings(action="ignore"):
        ...     X = Interactions(["al"] * 3, ["pen", "pen", "ink"], [1, 1, 2])
        >>> X.drop_duplicates().source_rows
        array([0, 2])
        """
        self._refuse_queries("repeats")
        is_kept = first_of_each(self._log)
        log = take_events(self._log, is_kept)
        if self._is_whole:
            return self._derive(log=log, ends=range(log.n_events))
        position = np.cumsum(is_kept) - 1
        ends = self._ends[is_kept[self._ends]]
        return self._derive(log=log, ends=position[ends])

    def reorder_ties(self, ties: Ties, *, random_state: Any = None) -> Self:
        """Put events of one user at one moment into another order.

        Parameters
        ----------
        ties : "shuffle" or callable
            As in the constructor. The function gets all events of the log, in the order of the
            caller's input (after `concat`, of all parts).

        random_state : int, RandomState, Generator or None, default=None
            Source of the random order.

        Returns
        -------
        X : Interactions
            A new log with the same rows in the same order, so ``source_rows`` stay as they were.
            Pasts change, and a user may have another last event: reorder first, then split. Queries
            keep the events that they had seen.

        Raises
        ------
        ValueError
            If the log has no timestamps, or keys are missing or cannot be compared.

        Examples
        --------
        >>> from skace import Interactions, leave_last_out
        >>> X = Interactions(["al"] * 3, ["ink", "pen", "cap"], [1, 2, 2])
        >>> leave_last_out(X)[1].items
        array(['cap'], dtype='<U3')
        >>> turned = X.reorder_ties(lambda positions, users, times: -positions)
        >>> leave_last_out(turned)[1].items
        array(['pen'], dtype='<U3')
        """
        check_ties(ties, self._log, may_keep=False)
        if self.is_query:
            # What was seen when a query was asked stays before it.
            return self._derive(log=in_other_order(self._log, ties, random_state, self._ends)[0])
        log, position = in_other_order(self._log, ties, random_state)
        return self._derive(log=log, ends=position[self._ends])

    def with_weights(self, weights: Any) -> Self:
        """Same rows with other weights.

        Parameters
        ----------
        weights : array-like of shape (n_rows,) or None
            Weight of each row, finite and at least 0, in the order of the rows. None removes the
            weights.

        Returns
        -------
        X : Interactions
            Its log shares all arrays but the weights.

        Examples
        --------
        >>> import numpy as np
        >>> from skace import Interactions
        >>> X = Interactions(["bo", "al", "al"], ["pen", "ink", "pen"], [5, 2, 1])
        >>> X.with_weights(np.exp(X.timestamps - 5)).weights.round(2)
        array([0.02, 0.05, 1.  ])
        """
        self._refuse_queries("weights")
        if weights is None and self._log.weights is None:
            return self
        checked = check_weights(weights, len(self), "weights")
        if checked is not None:
            # Events that are no rows here cannot be reached; of repeats the mean counts.
            n_events = self._log.n_events
            repeats = np.bincount(self._ends, minlength=n_events)
            sums = np.bincount(self._ends, weights=checked, minlength=n_events)
            checked = sums / np.maximum(repeats, 1)
        return self._derive(log=replace(self._log, weights=checked))

    def with_features(self, features: Any) -> Self:
        """Same rows over the same log, with other item features.

        Parameters
        ----------
        features : array-like of shape (n_items, n_features), or as `Catalog` accepts
            One row per item of ``catalog.item_ids``, in that order.

        Returns
        -------
        X : Interactions
            The log is shared.
        """
        return self._derive(catalog=self._catalog.with_features(features))

    def next_queries(self, at: Any = None) -> Self:
        """One row per user that asks what comes next.

        Parameters
        ----------
        at : timestamp or None, default=None
            Moment of the question: a number, datetime or ISO string like the timestamps. Only rows
            before it count as history. Without a time zone it is read in the log's. None: all rows
            count.

        Returns
        -------
        queries : Interactions
            One row without target for each user with a row here, in the order of
            `users`. The history ends with the user's last row here, or the last one
            before ``at``. It is empty if there is no such row.

        Raises
        ------
        ValueError
            If ``at`` is given but the log has no timestamps, or timestamps of another kind.

        Examples
        --------
        >>> from skace import Interactions
        >>> X = Interactions.from_sequences([["pen", "ink"], ["pen"]])
        >>> X.next_queries()
        Interactions(2 queries of 2 users over 2 items)
        """
        row_users = self._row_users
        users = np.unique(row_users)
        ends = self._ends if self.is_query else self._ends + 1
        if at is not None:
            times = self._times
            if times is None:
                raise ValueError("at needs timestamps, but the log has none.")
            is_earlier = is_before(times, read_moment(at, "at"), "at")
            ends, row_users = ends[is_earlier], row_users[is_earlier]
        last = self._log.offsets[users]
        np.maximum.at(last, np.searchsorted(users, row_users), ends)
        return self._derive(ends=last, users=users)

    def queries_for(self, user_ids: Any) -> Self:
        """One row per named user that asks what comes next.

        Parameters
        ----------
        user_ids : array-like of shape (n_asked,)
            Users with a row here, in any order, also repeated.

        Returns
        -------
        queries : Interactions
            One row for each id, in the given order, like those of `next_queries`.

        Raises
        ------
        ValueError
            If a user has no row here, or the ids are of another type.

        Examples
        --------
        >>> from skace import Interactions
        >>> X = Interactions(["bo", "al", "al"], ["pen", "ink", "pen"], [5, 2, 1])
        >>> X.queries_for(["bo", "al"]).users
        array(['bo', 'al'], dtype='<U2')
        """
        queries = self.next_queries()
        return queries[rows_of_users(queries.users, user_ids)]

    def as_validation(self) -> ValidationSet:
        """Wrap the rows for ``fit(X_val=...)`` inside a search or cross-validation.

        Returns
        -------
        validation : ValidationSet
            A holder without length, because scikit-learn slices metadata that is as long as X.
        """
        self._refuse_queries("target, so they cannot validate")
        return ValidationSet(self)

    def k_core(self, n: int) -> Self:
        """Keep users and items with at least ``n`` events, repeated until nothing changes.

        Parameters
        ----------
        n : int
            Smallest number of events per user and per item.

        Returns
        -------
        X : Interactions
            A new log, whose catalog holds the remaining items only.

        Raises
        ------
        ValueError
            If these are not all rows of the log, or nothing remains.

        Examples
        --------
        >>> from skace import Interactions
        >>> X = Interactions.from_sequences([["pen", "ink"], ["ink", "pen"], ["cap", "pen"]])
        >>> len(X.k_core(2))
        4
        """
        core: Self = _filters.k_core(self, n)
        return core
