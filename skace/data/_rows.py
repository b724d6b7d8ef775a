"""LogRows: rows of an event log, by number, and what stands in them."""
# SPDX-License-Identifier: BSD-3-Clause

from types import ModuleType
from typing import Any, NoReturn, Self

import numpy as np
import numpy.typing as npt

from skace._typing import Float64Array, IdArray, IntArray
from skace.data import _repr
from skace.data._catalog import Catalog
from skace.data._log import EventLog
from skace.data._row_numbers import RowNumbers, as_array, chosen, values_at
from skace.data._row_values import in_row_order, warn_of_mask
from skace.data._times import Times

__all__ = ["LogRows"]


class LogRows:
    """Row numbers over a log and a catalog, which slices share."""

    _log: EventLog
    _catalog: Catalog
    _numbers: RowNumbers  # (n_rows,) log position of each row
    _users: IntArray | None  # (n_rows,) user codes, for query rows only
    _backend: Any  # implementation of the frame that the log came from

    # scikit-learn's array API dispatch asks for these two.
    device = "cpu"

    def _set(
        self,
        log: EventLog,
        catalog: Catalog,
        ends: RowNumbers,
        users: IntArray | None = None,
        backend: Any = None,
    ) -> Self:
        """Store the parts; ``users`` given makes the rows queries."""
        self._log = log
        self._catalog = catalog
        self._numbers = ends
        self._users = users
        self._backend = backend
        return self

    def _derive(self, **parts: Any) -> Self:
        """Object that shares everything but the given parts."""
        own = {
            "log": self._log,
            "catalog": self._catalog,
            "ends": self._numbers,
            "users": self._users,
            "backend": self._backend,
        }
        return object.__new__(type(self))._set(**(own | parts))

    @property
    def catalog(self) -> Catalog:
        """The catalog, shared by all slices."""
        return self._catalog

    @property
    def is_query(self) -> bool:
        """Whether the rows are queries, which have no target (see `next_queries`)."""
        return self._users is not None

    @property
    def _ends(self) -> IntArray:
        """Log position of each row, (n_rows,); its past is log.items[offsets[user]:end].

        Of all rows this array is made anew whenever it is asked for.
        """
        return as_array(self._numbers)

    @property
    def _is_whole(self) -> bool:
        """Whether these are all rows of the log, in its order, and known to be without a look."""
        # An array never equals a range, and is not looked through.
        is_range = isinstance(self._numbers, range)
        return self._users is None and is_range and self._numbers == range(self._log.n_events)

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
        return values_at(self._log.items, self._numbers)

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

        In UTC if the caller's times had a time zone.
        """
        self._refuse_queries("timestamps")
        times = self._log.timestamps
        return None if times is None else values_at(times, self._numbers)

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
        weights = self._log.weights
        return None if weights is None else values_at(weights, self._numbers)

    @property
    def source_rows(self) -> IntArray:
        """Position of each row in the caller's input, shape (n_rows,)."""
        self._refuse_queries("source_rows")
        return values_at(self._log.source, self._numbers)

    @property
    def n_users(self) -> int:
        """Number of users with a row."""
        return int(np.unique(self._row_users).size)

    @property
    def n_items(self) -> int:
        """Number of items of the catalog, including those without an event."""
        return self._catalog.n_items

    @property
    def shape(self) -> tuple[int]:
        """``(n_rows,)``."""
        return (len(self._numbers),)

    def _refuse_queries(self, what: str) -> None:
        if self.is_query:
            raise ValueError(f"query rows have no {what}: they are not events of the log.")

    def in_row_order(self, values: Any) -> npt.NDArray[Any]:
        """Put values of the caller's input into the order of the rows.

        Parameters
        ----------
        values : array-like of shape (n_input,)
            One value per event of the input (after `concat`, of all parts), in input order. For
            example a column of the frame that the log came from.

        Returns
        -------
        values : ndarray of shape (n_rows,)
            The value of each row: ``values[X.source_rows]``.

        Raises
        ------
        ValueError
            If there is not one value per event.

        Examples
        --------
        >>> from skace import Interactions
        >>> X = Interactions(["bo", "al", "al"], ["pen", "ink", "pen"], [5, 2, 1])
        >>> X.in_row_order(["given first", "given second", "given third"])
        array(['given third', 'given second', 'given first'], dtype='<U12')
        """
        self._refuse_queries("place in the input")
        return in_row_order(values, self.source_rows, self._log)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, key: Any) -> Self:
        if isinstance(key, tuple):  # scikit-learn sends (indices, Ellipsis)
            if len(key) != 2 or key[1] is not Ellipsis:
                raise IndexError("Interactions is one-dimensional; index it with rows only.")
            key = key[0]
        rows = self._check_rows(key)
        users = None if self._users is None else self._users[rows]
        return self._derive(ends=chosen(self._numbers, rows), users=users)

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
            if not self.is_query:
                warn_of_mask(self, key)
            return rows
        if rows.size == 0:
            return np.zeros(0, dtype=np.int64)
        if rows.dtype.kind not in "iu" or rows.ndim > 1:
            raise IndexError(
                "rows must be an integer, a slice, integers or a boolean mask, got "
                f"{type(key).__name__} of dtype {rows.dtype} and shape {rows.shape}."
            )
        return np.atleast_1d(rows)  # one row is still an Interactions

    def take(self, indices: Any, axis: int = 0) -> Self:
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
            The rows, in the order of ``indices``, repeats included.
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

    def to_frame(self, backend: Any = None) -> Any:
        """Rows as a frame of users, items, timestamps and weights.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"} or None, default=None
            None: the library of the frame that the log came from, or else the first of
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
