"""Ids, sequences and frames of the caller, as a log over a catalog."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np

from skace._typing import IdArray, IntArray
from skace._validation import coded_ids, first_few, kind_of_ids, warn_of_odd_ids
from skace.data._catalog import Catalog
from skace.data._log import EventLog
from skace.data._sequences import check_sequences
from skace.data.features._frames import require_columns

__all__ = ["in_catalog", "log_of_sequences", "require_events", "rows_in_catalog"]


def require_events(
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


def in_catalog(
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


def log_of_sequences(
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
    catalog, items = in_catalog(ids, codes, catalog, called)
    log = EventLog(
        items=items,
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        user_ids=np.arange(lengths.size),
        timestamps=None,
        source=np.arange(codes.size, dtype=np.int64),
        n_inputs=codes.size,
    )
    return log, catalog
