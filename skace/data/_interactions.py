"""Interactions: rows of an event log, each of which knows its own past."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from types import ModuleType
from typing import Any, NoReturn, Self

import numpy as np
import numpy.typing as npt

from skace._typing import Float64Array, IdArray, IntArray, Ties
from skace._validation import coded_ids, first_few, kind_of_ids, warn_of_odd_ids
from skace.data import _filters, _merge, _repr
from skace.data._catalog import Catalog, eager_table, require_columns
from skace.data._log import EventLog, first_of_each, sort_codes, sort_events, take_events
from skace.data._row_values import check_weights, in_row_order
from skace.data._sequences import check_sequences
from skace.data._tie_key import read_tie_key
from skace.data._tie_order import check_ties, in_other_order
from skace.data._times import Times, check_times, is_before, read_moment
from skace.data._validation_set import ValidationSet

__all__ = ["Interactions"]


class Interactions:
    """Supervised samples over one event log.

    Row ``i`` stands for an event: the model reads what its user did earlier and has to
    find the event's item. Slicing shares log and catalog and swaps
    only row numbers, so ``KFold``, ``GridSearchCV`` and the splitters of
    `skace.model_selection` work on it as on an array.

    Parameters
    ----------
    users : array-like of shape (n_events,)
        User ids, all integers or all strings.

    items : array-like of shape (n_events,)
        Item ids, all integers or all strings.

    timestamps : array-like of shape (n_events,) or None, default=None
        Numbers or datetimes. The log is sorted by user and time; events of equal time
        keep their order. None: the events of each user are in time order already.

    weights : array-like of shape (n_events,) or None, default=None
        Weight of each event, finite and at least 0. It stays with its event, whatever is
        sorted or sliced, and stands for ``sample_weight`` where none is given.

    catalog : Catalog or None, default=None
        What the items are. It may hold items that the log lacks (cold items), but not
        the reverse. None builds one of ids only.

    drop_duplicates : bool, default=False
        Whether to keep only the first of events that have user, item and time in common.
        False keeps them and warns. Without timestamps nothing is dropped.

    ties : {"keep", "shuffle"} or callable, default="keep"
        How events of one user at one moment stand: as in the input, in random order, or
        ascending by a key: ``ties(positions, users, times)`` is given arrays of shape
        (n_events,), in the order of the input (positions in it, user ids, times in UTC), and
        returns a sort key for each event. Events of equal key stay as they are.

    tie_key : str, array-like of shape (n_items,) or None, default=None
        By which evaluation looks, besides the item id, whether tied events stand in an order
        that tells the next item (`TiedTargetsWarning`): a column of the catalog's features, or
        one value an item, in the order of ``catalog.item_ids`` (of a pandas Series labelled
        with the ids, by label). It orders nothing.

    random_state : int, RandomState, Generator or None, default=None
        Source of the order of ``ties="shuffle"``.

    Attributes
    ----------
    catalog : Catalog
        Shared by all slices.

    shape : tuple of one int
        ``(n_rows,)``, for scikit-learn.

    Raises
    ------
    ValueError
        If the lengths differ, the log is empty, times are missing or cannot be compared, or
        items are absent from the catalog (or of another type than its ids). The first
        offenders are named. If ties are to be ordered without timestamps, or by keys that are
        missing or do not compare.

    Warns
    -----
    RepeatedEventsWarning
        If events repeat user, item and time of earlier ones; `drop_duplicates` keeps one.

    UserWarning
        If ids look like missing values.

    Notes
    -----
    "Before" means an earlier position in the user's log, not an earlier time. A new
    object's rows are in log order (user, time, original order or that of ``ties``);
    `source_rows` tells the place of each row in the caller's input.

    Datetimes with a time zone are kept in UTC; the zone is remembered, and moments that are
    given later without one (``next_queries(at=)``, ``TemporalSplit(cuts=)``) are read in it.

    Storage is three flat arrays and offsets per user; a slice costs 8 bytes a row.

    Stability: provisional.

    Examples
    --------
    >>> from skace import Interactions
    >>> X = Interactions(["bo", "al", "al"], ["pen", "ink", "pen"], [5, 2, 1])
    >>> X.users
    array(['al', 'al', 'bo'], dtype='<U2')
    >>> X.items
    array(['pen', 'ink', 'pen'], dtype='<U3')
    >>> X.source_rows
    array([2, 1, 0])
    >>> X[[1]].items
    array(['ink'], dtype='<U3')

    Of two events of one day the later one in the file is the last, unless told otherwise:

    >>> log = {"users": ["al", "al"], "items": ["ink", "pen"], "timestamps": [1, 1]}
    >>> Interactions(**log).items
    array(['ink', 'pen'], dtype='<U3')
    >>> Interactions(**log, ties=lambda positions, users, times: -positions).items
    array(['pen', 'ink'], dtype='<U3')
    """

    _log: EventLog
    _catalog: Catalog
    _ends: IntArray  # (n_rows,) a row's past is log.items[offsets[user]:end]
    _users: IntArray | None  # (n_rows,) user codes, for query rows only
    _backend: Any  # implementation of the frame that the log came from

    # scikit-learn's array API dispatch asks for these two.
    device = "cpu"

    def __init__(  # noqa: PLR0913 (one argument for each property of the log)
        self,
        users: Any,
        items: Any,
        timestamps: Any = None,
        *,
        weights: Any = None,
        catalog: Catalog | None = None,
        drop_duplicates: bool = False,
        ties: Ties = "keep",
        tie_key: Any = None,
        random_state: Any = None,
    ) -> None:
        check_ties(ties)
        user_ids, user_codes = coded_ids(users, "users")
        item_ids, item_codes = coded_ids(items, "items")
        n_events = user_codes.size
        if n_events != item_codes.size:
            raise ValueError(
                f"users and items must have the same length, got {n_events} and {item_codes.size}."
            )
        if n_events == 0:
            raise ValueError("the log is empty; Interactions needs at least one event.")
        times = check_times(timestamps, n_events)
        own_weights = check_weights(weights, n_events, "weights")
        catalog, rows = _in_catalog(item_ids, item_codes, catalog, "items")
        log = sort_events(
            (user_ids, user_codes), rows, times, own_weights, drop_duplicates=bool(drop_duplicates)
        )
        warn_of_odd_ids(log.user_ids, "users")
        log = replace(log, tie_key=read_tie_key(tie_key, catalog))
        check_ties(ties, log)
        if ties != "keep":
            log, _ = in_other_order(log, ties, random_state)
        self._set(log, catalog, np.arange(log.n_events, dtype=np.int64))

    def _set(
        self,
        log: EventLog,
        catalog: Catalog,
        ends: IntArray,
        users: IntArray | None = None,
        backend: Any = None,
    ) -> Self:
        """Store the parts; ``users`` given makes the rows queries."""
        self._log = log
        self._catalog = catalog
        self._ends = ends
        self._users = users
        self._backend = backend
        return self

    def _derive(self, **parts: Any) -> "Interactions":
        """Object that shares everything but the given parts."""
        own = {
            "log": self._log,
            "catalog": self._catalog,
            "ends": self._ends,
            "users": self._users,
            "backend": self._backend,
        }
        return object.__new__(Interactions)._set(**(own | parts))

    @classmethod
    def from_frame(  # noqa: PLR0913 (as the constructor, and the names of columns)
        cls,
        frame: Any,
        *,
        user: str = "user_id",
        item: str = "item_id",
        timestamp: str | None = "timestamp",
        weight: str | None = None,
        catalog: Catalog | None = None,
        drop_duplicates: bool = False,
        ties: Ties = "keep",
        tie_key: Any = None,
        random_state: Any = None,
    ) -> "Interactions":
        """Interactions from a pandas, polars or pyarrow frame with one row per event.

        Parameters
        ----------
        frame : dataframe
            Any eager frame that narwhals understands.

        user : str, default="user_id"
            Column of user ids.

        item : str, default="item_id"
            Column of item ids.

        timestamp : str or None, default="timestamp"
            Column of times (numbers or datetimes). None: the rows of each user are in
            time order already.

        weight : str or None, default=None
            Column of weights, as the constructor has them.

        catalog : Catalog or None, default=None
            As in the constructor.

        drop_duplicates : bool, default=False
            As in the constructor.

        ties : {"keep", "shuffle"} or callable, default="keep"
            As in the constructor; positions are those of the rows of the frame.

        tie_key : str, array-like of shape (n_items,) or None, default=None
            As in the constructor.

        random_state : int, RandomState, Generator or None, default=None
            As in the constructor.

        Returns
        -------
        X : Interactions
            One row per event.

        Raises
        ------
        ValueError
            If a column is absent, and as the constructor does.

        Examples
        --------
        >>> import polars
        >>> from skace import Interactions
        >>> log = polars.DataFrame({"user_id": [1, 1], "item_id": [7, 9], "timestamp": [2, 1]})
        >>> Interactions.from_frame(log).items
        array([9, 7])
        """
        table = eager_table(frame, "frame")
        _require_events(table, user, item, timestamp, weight)
        X = cls(
            table[user].to_numpy(),
            table[item].to_numpy(),
            table[timestamp].to_native() if timestamp else None,
            weights=table[weight].to_numpy() if weight else None,
            catalog=catalog,
            drop_duplicates=drop_duplicates,
            ties=ties,
            tie_key=tie_key,
            random_state=random_state,
        )
        return X._derive(backend=table.implementation)

    @classmethod
    def from_sequences(
        cls, sequences: Iterable[Any], *, catalog: Catalog | None = None
    ) -> "Interactions":
        """Interactions from one sequence of item ids per user, oldest first.

        Parameters
        ----------
        sequences : iterable of sequences of item ids
            Sequence ``u`` belongs to user ``u`` (0, 1, ...). Empty ones are allowed: such
            a user has no rows.

        catalog : Catalog or None, default=None
            As in the constructor.

        Returns
        -------
        X : Interactions
            One row per event, without timestamps.

        Raises
        ------
        ValueError
            If an element is an id instead of a sequence, if there is no event at all,
            and as the constructor does.

        Examples
        --------
        >>> from skace import Interactions
        >>> X = Interactions.from_sequences([["pen", "ink"], [], ["pen"]])
        >>> X.users
        array([0, 0, 2])
        """
        return rows_of_sequences(sequences, catalog, "sequences")

    @classmethod
    def concat(
        cls, parts: Iterable["Interactions"], *, drop_duplicates: bool = False
    ) -> "Interactions":
        """Join logs and rows.

        Parameters
        ----------
        parts : iterable of Interactions
            Slices of one log are joined row after row. Different logs are merged: users
            and items are matched by id, the events of a user sorted by time (by order of
            the parts where times are equal or absent), and the rows are those of all parts.
            Tied events of one part keep the order in which they stand there; a ``tie_key``
            is kept if all parts have it.

        drop_duplicates : bool, default=False
            Whether to keep only the first of events that have user, item and time in common,
            as logs that overlap have; for different logs with timestamps.

        Returns
        -------
        X : Interactions
            Rows of all parts, repeats included: those of different logs in the order of the
            merged log. ``source_rows`` counts on through the parts.

        Raises
        ------
        ValueError
            If an item has different features in two catalogs, if only one of them has
            features, if some parts have timestamps or weights and others not, if times cannot
            be compared (numbers and datetimes, two units, with a time zone and without), or
            ids differ in type.

        Warns
        -----
        RepeatedEventsWarning
            If events of one log repeat those of another, as in logs that overlap.

        Examples
        --------
        >>> from skace import Interactions
        >>> monday = Interactions(["al"], ["pen"], [1])
        >>> tuesday = Interactions(["al", "bo"], ["ink", "pen"], [2, 2])
        >>> Interactions.concat([monday, tuesday]).items
        array(['pen', 'ink', 'pen'], dtype='<U3')
        """
        parts = list(parts)
        if not parts:
            raise ValueError("parts is empty; give at least one Interactions.")
        if all(part._log is parts[0]._log for part in parts):
            return parts[0]._derive(**_merge.joined_rows(parts))
        return parts[0]._derive(**_merge.merged_logs(parts, bool(drop_duplicates)))

    @property
    def catalog(self) -> Catalog:
        """The catalog, shared by all slices."""
        return self._catalog

    @property
    def is_query(self) -> bool:
        """Whether the rows are questions without an answer (see `next_queries`)."""
        return self._users is not None

    @property
    def _row_users(self) -> IntArray:
        """User code of each row."""
        return self._log.users_at(self._ends) if self._users is None else self._users

    @property
    def _starts(self) -> IntArray:
        """Log position at which each row's past begins."""
        return self._log.offsets[self._row_users]

    @property
    def _item_codes(self) -> IntArray:
        """Catalog row of each row's own item."""
        if self.is_query:
            raise ValueError(
                "query rows have no item: they ask what comes next. Use rows of the log, "
                "not next_queries(), for fit, score and target_ranks."
            )
        return self._log.items[self._ends]

    @property
    def users(self) -> IdArray:
        """User id of each row, shape (n_rows,)."""
        return self._log.user_ids[self._row_users]

    @property
    def items(self) -> IdArray:
        """Item id of each row, the target, shape (n_rows,). Query rows have none."""
        return self._catalog.item_ids[self._item_codes]

    @property
    def timestamps(self) -> npt.NDArray[Any] | None:
        """Time of each row's event, shape (n_rows,), or None. Query rows have none.

        In UTC where the caller's times had a time zone.
        """
        self._refuse_queries("timestamps")
        return None if self._log.timestamps is None else self._log.timestamps[self._ends]

    @property
    def _times(self) -> Times | None:
        """Times of the rows, with their zone."""
        times = self.timestamps
        return None if times is None else Times(times, self._log.zone)

    @property
    def time_zone(self) -> str | None:
        """Time zone of the caller's times; None for numbers, and for datetimes without one."""
        return None if self._log.zone is None else str(self._log.zone)

    @property
    def weights(self) -> Float64Array | None:
        """Weight of each row's event, shape (n_rows,), or None. Query rows have none."""
        self._refuse_queries("weights")
        return None if self._log.weights is None else self._log.weights[self._ends]

    @property
    def source_rows(self) -> IntArray:
        """Place of each row in the caller's input, shape (n_rows,)."""
        self._refuse_queries("source_rows")
        return self._log.source[self._ends]

    def drop_duplicates(self) -> "Interactions":
        """Keep the first of events that have user, item and time in common.

        Returns
        -------
        X : Interactions
            A new log without the others, and the rows that remain; `source_rows` still counts
            in the caller's input. Without timestamps no event repeats another.

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
        position = np.cumsum(is_kept) - 1
        ends = self._ends[is_kept[self._ends]]
        return self._derive(log=take_events(self._log, is_kept), ends=position[ends])

    def reorder_ties(self, ties: Ties, *, random_state: Any = None) -> "Interactions":
        """Put events of one user at one moment into another order.

        Parameters
        ----------
        ties : "shuffle" or callable
            As in the constructor. The function is given all events of the log, ascending by
            their positions in the caller's input (after `concat` in that of all parts).

        random_state : int, RandomState, Generator or None, default=None
            Source of the random order.

        Returns
        -------
        X : Interactions
            A new log, and the same events as rows, in the same order: ``source_rows`` are
            those of the object. Rows of a slice have other pasts than before, and a user may
            have another last event, so reorder first and split then. Queries keep the events
            that they had seen.

        Raises
        ------
        ValueError
            If the log has no timestamps, or keys are missing or do not compare.

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

    def in_row_order(self, values: Any) -> npt.NDArray[Any]:
        """Bring values of the caller's input into the order of the rows.

        Parameters
        ----------
        values : array-like of shape (n_input,)
            One for each event of the input (of all parts, after `concat`), in its order; for
            instance a column of the frame that the log came from.

        Returns
        -------
        values : ndarray of shape (n_rows,)
            That of each row: ``values[X.source_rows]``.

        Raises
        ------
        ValueError
            If the values are not one for each event.

        Examples
        --------
        >>> from skace import Interactions
        >>> X = Interactions(["bo", "al", "al"], ["pen", "ink", "pen"], [5, 2, 1])
        >>> X.in_row_order(["given first", "given second", "given third"])
        array(['given third', 'given second', 'given first'], dtype='<U12')
        """
        self._refuse_queries("place in the input")
        return in_row_order(values, self.source_rows, self._log)

    def with_weights(self, weights: Any) -> "Interactions":
        """Same rows with other weights.

        Parameters
        ----------
        weights : array-like of shape (n_rows,) or None
            Weight of each row, finite and at least 0, in the order of the rows. None leaves
            them without.

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

    @property
    def n_users(self) -> int:
        """Number of users with a row."""
        return int(np.unique(self._row_users).size)

    @property
    def n_items(self) -> int:
        """Number of items of the catalog, those without an event included."""
        return self._catalog.n_items

    @property
    def shape(self) -> tuple[int]:
        """``(n_rows,)``."""
        return (int(self._ends.size),)

    def _refuse_queries(self, what: str) -> None:
        if self.is_query:
            raise ValueError(f"query rows have no {what}: they are not events of the log.")

    def __len__(self) -> int:
        return int(self._ends.size)

    def __getitem__(self, key: Any) -> "Interactions":
        if isinstance(key, tuple):  # scikit-learn sends (indices, Ellipsis)
            if len(key) != 2 or key[1] is not Ellipsis:
                raise IndexError("Interactions is one-dimensional; index it with rows only.")
            key = key[0]
        rows = self._check_rows(key)
        users = None if self._users is None else self._users[rows]
        return self._derive(ends=self._ends[rows], users=users)

    def _check_rows(self, key: Any) -> Any:
        """Slice or array that picks rows, from any kind of index."""
        if isinstance(key, slice):
            return key
        rows = np.asarray(key)
        if rows.dtype.kind == "b":
            if rows.shape != self.shape:
                raise IndexError(
                    f"boolean index has shape {rows.shape}, but there are {len(self)} rows."
                )
            return rows
        if rows.size == 0:
            return np.zeros(0, dtype=np.int64)
        if rows.dtype.kind not in "iu" or rows.ndim > 1:
            raise IndexError(
                "rows must be an integer, a slice, integers or a boolean mask, got "
                f"{type(key).__name__} of dtype {rows.dtype} and shape {rows.shape}."
            )
        return np.atleast_1d(rows)  # one row is still an Interactions

    def take(self, indices: Any, axis: int = 0) -> "Interactions":
        """Rows by position, as ``X[indices]``.

        Parameters
        ----------
        indices : array-like of int
            Row numbers.

        axis : int, default=0
            Must be 0; there for scikit-learn.

        Returns
        -------
        X : Interactions
            The rows, in the order and with the repeats that were asked for.
        """
        if axis != 0:
            raise ValueError(f"axis must be 0, got {axis}; Interactions has one axis.")
        return self[np.asarray(indices)]

    @property
    def iloc(self) -> Self:
        """The object itself: ``X.iloc[rows]`` is ``X[rows]`` (for scikit-learn)."""
        return self

    loc = iloc

    def __array_namespace__(self, *, api_version: str | None = None) -> ModuleType:
        return np

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        # Without this numpy would walk X[0][0][0]... to its depth limit.
        raise TypeError(
            "Interactions cannot become an array. A transformer of item features goes into "
            "OnItems(transformer); a model of rows must be a skace recommender."
        )

    def next_queries(self, at: Any = None) -> "Interactions":
        """One row per user that asks what comes next.

        Parameters
        ----------
        at : timestamp or None, default=None
            Moment of the question, a number, datetime or ISO string like the timestamps:
            only rows before it count as history. Without a time zone it is read in that of
            the log. None: all rows.

        Returns
        -------
        queries : Interactions
            One row for each user with a row here, in the order of `users`. Its history
            ends at the user's last row here (at the last one before ``at``; it is empty
            if there is none). It has no target.

        Raises
        ------
        ValueError
            If ``at`` is given but the log has no timestamps, or it is of another kind.

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

    def as_validation(self) -> ValidationSet:
        """Wrap the rows for ``fit(X_val=...)`` inside a search.

        Returns
        -------
        validation : ValidationSet
            A holder without length: scikit-learn cuts metadata that is as long as X.
        """
        self._refuse_queries("target, so they cannot validate")
        return ValidationSet(self)

    def with_features(self, features: Any) -> "Interactions":
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

    def k_core(self, n: int) -> "Interactions":
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
        core: Interactions = _filters.k_core(self, n)
        return core

    def to_frame(self, backend: Any = None) -> Any:
        """Rows as a frame of users, items, timestamps and weights.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"} or None, default=None
            None: the library of the frame that the log came from, else the first of
            these that is installed.

        Returns
        -------
        frame : dataframe
            Columns ``user_id``, ``item_id`` (rows of the log only), ``timestamp`` (if the log
            has times, in their time zone) and ``weight`` (if it has weights), one line per row.
        """
        return _repr.rows_to_frame(self, backend or self._backend)

    def __repr__(self) -> str:
        return _repr.text(self)

    def _repr_html_(self) -> str:
        return _repr.html(self)


def _require_events(
    table: Any, user: str, item: str, timestamp: str | None, weight: str | None
) -> None:
    """Raise if a column is absent."""
    given = [name for name in (user, item, weight) if name]
    require_columns(table, given, "frame")
    if timestamp and timestamp not in table.columns:
        raise ValueError(
            f"frame has no column {timestamp!r}; its columns are "
            f"{', '.join(map(repr, table.columns))}. Name the column of times with timestamp=, or "
            "pass timestamp=None if the events of each user are in time order."
        )


def _in_catalog(
    different: IdArray, codes: IntArray, catalog: Catalog | None, name: str
) -> tuple[Catalog, IntArray]:
    """Catalog, made of the different ids if there is none, and the row of each event in it."""
    if catalog is None:
        warn_of_odd_ids(different, name)
        return Catalog._of_ids(different), codes
    # In the order in which they came, which errors tell.
    _, first = np.unique(codes, return_index=True)
    order = np.argsort(first)
    rows = np.empty(different.size, dtype=np.int64)
    rows[order] = rows_in_catalog(different[order], catalog, name)
    return catalog, rows[codes]


def rows_in_catalog(item_ids: IdArray, catalog: Catalog, name: str) -> IntArray:
    """Catalog rows of the ids; what the catalog lacks is refused."""
    if not isinstance(catalog, Catalog):
        raise TypeError(
            f"catalog must be a Catalog, got {type(catalog).__name__}; build one with "
            "Catalog(item_ids, features) or Catalog.from_frame(items)."
        )
    if item_ids.size and kind_of_ids(item_ids) != kind_of_ids(catalog.item_ids):
        raise ValueError(
            f"{name} are {kind_of_ids(item_ids)} (first {first_few(item_ids[:1])}), but the "
            f"catalog's item_ids are {kind_of_ids(catalog.item_ids)} (first "
            f"{first_few(catalog.item_ids[:1])}); convert one of them."
        )
    rows = catalog.row_of(item_ids)
    if (rows < 0).any():
        lacking = np.unique(item_ids[rows < 0])
        raise ValueError(
            f"the catalog lacks {lacking.size} item(s) of the log: {first_few(lacking)}; "
            "add them to the catalog or drop their events."
        )
    return rows


def _log_of_sequences(
    sequences: Iterable[Any], catalog: Catalog | None, name: str
) -> tuple[EventLog, Catalog]:
    """Log with one user per sequence, empty ones included."""
    sequences = check_sequences(sequences, name)
    lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
    ids, codes = coded_ids(list(chain.from_iterable(sequences)), f"the ids in {name}")
    if catalog is None and not ids.size:
        # A catalog cannot be empty; its one item is never referred to.
        ids = np.zeros(1, dtype=np.int64)
    called = name if catalog is None else f"the ids in {name}"
    catalog, items = _in_catalog(ids, codes, catalog, called)
    log = EventLog(
        items=items,
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        user_ids=np.arange(lengths.size),
        timestamps=None,
        source=np.arange(codes.size, dtype=np.int64),
        n_inputs=codes.size,
    )
    return log, catalog


def rows_of_sequences(sequences: Iterable[Any], catalog: Catalog | None, name: str) -> Interactions:
    """One row per event of the sequences, which the caller knows by ``name``."""
    log, catalog = _log_of_sequences(sequences, catalog, name)
    if log.n_events == 0:
        raise ValueError("the log is empty; Interactions needs at least one event.")
    ends = np.arange(log.n_events, dtype=np.int64)
    return object.__new__(Interactions)._set(log, catalog, ends)


def rows_of_codes(
    user_ids: IdArray,
    users: npt.NDArray[np.integer[Any]],
    catalog: Catalog,
    items: npt.NDArray[np.integer[Any]],
    times: Times | None,
) -> Interactions:
    """One row per event, its user a row of sorted distinct ids, its item a row of the catalog.

    No id is written out for each event, and repeated events are not looked for.
    """
    log = sort_codes(user_ids, users, items, times)
    warn_of_odd_ids(user_ids, "users")
    ends = np.arange(log.n_events, dtype=np.int64)
    return object.__new__(Interactions)._set(log, catalog, ends)


def queries_of_sequences(histories: Iterable[Any], name: str) -> Interactions:
    """One query per history, for ``predict``; empty histories are questions too."""
    log, catalog = _log_of_sequences(histories, None, name)
    users = np.arange(log.user_ids.size, dtype=np.int64)
    return object.__new__(Interactions)._set(log, catalog, log.offsets[1:].copy(), users)


def queries_over(
    catalog: Catalog,
    items: IntArray,
    starts: IntArray,
    ends: IntArray,
    timestamps: npt.NDArray[Any] | None = None,
) -> Interactions:
    """One query per history ``items[start:end]``, in catalog rows, with their times."""
    lengths = ends - starts
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    events = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    users = np.arange(lengths.size, dtype=np.int64)
    log = EventLog(
        items=items[events],
        offsets=offsets,
        user_ids=users,
        timestamps=None if timestamps is None else timestamps[events],
        source=np.arange(offsets[-1]),
    )
    return object.__new__(Interactions)._set(log, catalog, offsets[1:].copy(), users)
