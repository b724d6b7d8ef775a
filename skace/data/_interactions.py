"""Interactions: rows of an event log, each of which knows its own past."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from skace._typing import Ties
from skace._validation import coded_ids, warn_of_odd_ids
from skace.data._catalog import Catalog
from skace.data._from_parquet import backend_of, is_lazy, log_of_lazy_frame, log_of_parquet
from skace.data._given import in_catalog, log_of_sequences, require_events
from skace.data._joined_rows import JoinedRows
from skace.data._log import EventLog, sort_events
from skace.data._parquet_events import EventColumns
from skace.data._row_values import check_weights
from skace.data._tie_key import read_tie_key
from skace.data._tie_order import check_ties, in_other_order
from skace.data._times import check_times
from skace.data.features._frames import eager_table

__all__ = ["Interactions"]


class Interactions(JoinedRows):
    """Supervised samples over one event log.

    Each row is an event: the model reads what the event's user did earlier and has to
    find the event's item. A slice shares the log and the catalog and holds only row
    numbers, so ``KFold``, ``GridSearchCV`` and the splitters of `skace.model_selection`
    work as on an array.

    Parameters
    ----------
    users : array-like of shape (n_events,)
        User ids, all integers or all strings.

    items : array-like of shape (n_events,)
        Item ids, all integers or all strings.

    timestamps : array-like of shape (n_events,) or None, default=None
        Numbers or datetimes. The log is sorted by user and time; events of equal time
        keep their order. None: the events of each user are already in time order.

    weights : array-like of shape (n_events,) or None, default=None
        Weight of each event, finite and at least 0. It stays with its event through sorting and
        slicing, and is used where no ``sample_weight`` is given.

    catalog : Catalog or None, default=None
        What the items are. It must hold all items of the log, and may hold more (cold
        items). None builds a catalog of ids only.

    drop_duplicates : bool, default=False
        Whether to keep only the first of events that have user, item and time in common.
        False keeps them and warns. Without timestamps nothing is dropped.

    ties : {"keep", "shuffle"} or callable, default="keep"
        Order of the events of one user at one moment: as in the input, random, or ascending by a
        key. A function ``ties(positions, users, times)`` gets the position in the input, the user
        id and the time (UTC) of each event, as arrays of shape (n_events,) in input order, and
        returns a sort key for each event. Events of equal key keep their order.

    tie_key : str, array-like of shape (n_items,) or None, default=None
        Key for a check, not for sorting. Evaluation warns (`TiedTargetsWarning`) if the order of
        tied events gives away the next item; it checks the order by item id, and by this key. A
        column of the catalog's features, or one value per item, in the order of
        ``catalog.item_ids`` (a pandas Series labelled with the ids is read by label).

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
        If the lengths differ, the log is empty, times are missing or cannot be compared, or items
        are absent from the catalog (or of another type than its ids). The message names the first
        offenders. Also if ``ties`` needs timestamps and there are none, or its keys are missing or
        cannot be compared.

    Warns
    -----
    RepeatedEventsWarning
        If events repeat user, item and time of earlier ones. `drop_duplicates` keeps one.

    UserWarning
        If ids look like missing values.

    Notes
    -----
    "Before" means an earlier position in the user's log, not an earlier time. The rows
    of a new object are in log order: by user, then time, then the order of the input or
    of ``ties``. `source_rows` is the position of each row in the caller's input.

    Datetimes with a time zone are kept in UTC, and the zone is remembered. Moments without a zone
    that are passed later (``next_queries(at=)``, ``TemporalSplit(cuts=)``) are read in this zone.

    The log is three flat arrays and one offset per user. A slice takes 8 bytes per row,
    an object with all rows nothing.

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

    Of two events at one time, the later one in the file comes last; ``ties`` can change that:

    >>> log = {"users": ["al", "al"], "items": ["ink", "pen"], "timestamps": [1, 1]}
    >>> Interactions(**log).items
    array(['ink', 'pen'], dtype='<U3')
    >>> Interactions(**log, ties=lambda positions, users, times: -positions).items
    array(['pen', 'ink'], dtype='<U3')
    """

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
        catalog, rows = in_catalog(item_ids, item_codes, catalog, "items")
        log = sort_events(
            (user_ids, user_codes), rows, times, own_weights, drop_duplicates=bool(drop_duplicates)
        )
        warn_of_odd_ids(log.user_ids, "users")
        log = _with_ties(log, catalog, tie_key, ties, random_state)
        self._set(log, catalog, range(log.n_events))

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
        """Interactions from a frame with one row per event.

        Parameters
        ----------
        frame : dataframe
            A frame of pandas, polars, pyarrow or any other library that narwhals understands. A
            lazy frame (a LazyFrame of polars, a relation of DuckDB, a frame of Dask) is streamed
            through the disk, as in `from_parquet`; its rows must have an order.

        user : str, default="user_id"
            Column of user ids.

        item : str, default="item_id"
            Column of item ids.

        timestamp : str or None, default="timestamp"
            Column of times (numbers or datetimes). None: the rows of each user are
            already in time order.

        weight : str or None, default=None
            Column of weights, as in the constructor.

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
        if is_lazy(frame):
            check_ties(ties)
            columns = EventColumns(user, item, timestamp, weight)
            log, catalog = log_of_lazy_frame(
                frame, columns, catalog, drop_duplicates=bool(drop_duplicates)
            )
            log = _with_ties(log, catalog, tie_key, ties, random_state)
            return object.__new__(cls)._set(
                log, catalog, range(log.n_events), backend=backend_of(frame)
            )
        table = eager_table(frame, "frame")
        require_events(table, user, item, timestamp, weight)
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
    def from_parquet(  # noqa: PLR0913 (names of columns)
        cls,
        path: Any,
        *,
        user: str = "user_id",
        item: str = "item_id",
        timestamp: str | None = "timestamp",
        weight: str | None = None,
        catalog: Catalog | None = None,
        drop_duplicates: bool = False,
        tie_key: Any = None,
        folder: Any = None,
    ) -> "Interactions":
        """Interactions from parquet files that need not fit into memory.

        The result equals that of `from_frame`. The log stays on disk and is read from there.

        Parameters
        ----------
        path : str, path, or list of these
            Files, folders of files, or patterns such as ``"log/2024-*.parquet"``; a pattern may
            match folders, too. Events are in the order of the files and of their rows. The files of
            a folder or pattern are in natural order, ``part.2`` before ``part.10``. Unfinished and
            hidden files, whose name or folder begins with "_" or ".", are skipped, unless the
            pattern itself has a name that begins so.

        user : str, default="user_id"
            Column of user ids.

        item : str, default="item_id"
            Column of item ids.

        timestamp : str or None, default="timestamp"
            Column of times (numbers or datetimes). None: the rows of each user are
            already in time order.

        weight : str or None, default=None
            Column of weights, as in the constructor.

        catalog : Catalog or None, default=None
            As in the constructor.

        drop_duplicates : bool, default=False
            As in the constructor.

        tie_key : str, array-like of shape (n_items,) or None, default=None
            As in the constructor. `reorder_ties` puts tied events into another order; it takes 16
            bytes of memory per event.

        folder : str, path or None, default=None
            New or empty folder for the sorted log. It takes 16 bytes per event, 8 more with times
            and 8 more with weights, and twice as much while it is written. None: a folder in the
            system's temporary folder, which is deleted with the object.

        Returns
        -------
        X : Interactions
            One row per event.

        Raises
        ------
        FileNotFoundError
            If there is no such file.

        ImportError
            If pyarrow is absent.

        RuntimeError
            If the files change while they are read.

        ValueError
            If a column is absent or differs in type between files, a file is named twice, ids are
            missing, or ``folder`` is not empty; also as the constructor does.

        Notes
        -----
        Memory grows with the number of different users and items, not with the number of events:
        about 400 MiB, and 50 bytes for each user with an integer id. String ids take more.

        Pickles, and the copies that joblib sends to its processes, hold the path of the log instead
        of the log. Keep the folder as long as a pickle is to be opened.

        Examples
        --------
        >>> import tempfile
        >>> import polars
        >>> from skace import Interactions
        >>> log = polars.DataFrame({"user_id": [1, 1], "item_id": [7, 9], "timestamp": [2, 1]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log.write_parquet(f"{folder}/monday.parquet")
        ...     X = Interactions.from_parquet(f"{folder}/*.parquet")
        >>> X.items
        array([9, 7])
        """
        log, catalog = log_of_parquet(
            path,
            EventColumns(user, item, timestamp, weight),
            catalog,
            drop_duplicates=bool(drop_duplicates),
            tie_key=tie_key,
            folder=folder,
        )
        return object.__new__(cls)._set(log, catalog, range(log.n_events))

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
            If an element is an id instead of a sequence, or there is no event at all;
            also as the constructor does.

        Examples
        --------
        >>> from skace import Interactions
        >>> X = Interactions.from_sequences([["pen", "ink"], [], ["pen"]])
        >>> X.users
        array([0, 0, 2])
        """
        return rows_of_sequences(sequences, catalog, "sequences")


def _with_ties(log: EventLog, catalog: Catalog, tie_key: Any, ties: Ties, seed: Any) -> EventLog:
    """The log with its key, and with tied events in the order that was asked for."""
    log = replace(log, tie_key=read_tie_key(tie_key, catalog))
    check_ties(ties, log)
    return log if ties == "keep" else in_other_order(log, ties, seed)[0]


def rows_of_sequences(sequences: Iterable[Any], catalog: Catalog | None, name: str) -> Interactions:
    """One row per event of the sequences, which the caller knows by ``name``."""
    log, catalog = log_of_sequences(sequences, catalog, name)
    if log.n_events == 0:
        raise ValueError("the log is empty; Interactions needs at least one event.")
    return object.__new__(Interactions)._set(log, catalog, range(log.n_events))
