"""Interactions of what is coded already, and queries that no log has asked."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from skace._typing import IdArray, IntArray
from skace._validation import warn_of_odd_ids
from skace.data._catalog import Catalog
from skace.data._given import log_of_sequences
from skace.data._interactions import Interactions
from skace.data._log import EventLog, sort_codes
from skace.data._times import Times

__all__ = ["queries_of_sequences", "queries_over", "rows_of_codes"]


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
    return object.__new__(Interactions)._set(log, catalog, range(log.n_events))


def queries_of_sequences(histories: Iterable[Any], name: str) -> Interactions:
    """One query per history, for ``predict``; empty histories are questions too."""
    log, catalog = log_of_sequences(histories, None, name)
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
