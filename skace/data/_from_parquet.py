"""A log from parquet files, and from frames that are not computed yet, out of core."""
# SPDX-License-Identifier: BSD-3-Clause

import datetime
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import numpy.typing as npt

from skace._typing import Float64Array, IdArray, IntArray
from skace._validation import warn_of_odd_ids
from skace.data._catalog import Catalog
from skace.data._event_spill import EventSpill
from skace.data._given import in_catalog, require_events, rows_in_catalog
from skace.data._id_counts import IdCounts, codes_of
from skace.data._log import EventLog
from skace.data._log_files import folder_for_log
from skace.data._log_writer import LogWriter
from skace.data._parquet_events import EventBatch, EventColumns, ParquetEvents
from skace.data._row_values import check_weights
from skace.data._tie_key import read_tie_key
from skace.data._times import Times, check_times, refuse_two_units

__all__ = ["backend_of", "is_lazy", "log_of_lazy_frame", "log_of_parquet"]


class _Coding(NamedTuple):
    """What ids are in numbers."""

    user_ids: IdArray  # ascending
    counts: IntArray  # events of each user
    item_ids: IdArray  # ascending
    rows: IntArray  # of these in the catalog
    catalog: Catalog


def log_of_parquet(
    path: Any,
    columns: EventColumns,
    catalog: Catalog | None,
    *,
    drop_duplicates: bool,
    tie_key: Any = None,
    folder: Any = None,
) -> tuple[EventLog, Catalog]:
    """Log whose arrays are mapped from files in ``folder``, or in a temporary one.

    The files are read twice: for the different ids, which tell where events belong, and for the
    events.
    """
    if catalog is not None:  # what is no catalog is refused before anything is read
        rows_in_catalog(np.zeros(0, dtype=np.int64), catalog, "items")
    events = ParquetEvents(path, columns)
    if events.n_events == 0:
        raise ValueError("the log is empty; Interactions needs at least one event.")
    with folder_for_log(folder) as where:
        coding = _coding_of(events, catalog)
        key = read_tie_key(tie_key, coding.catalog)
        with (
            tempfile.TemporaryDirectory(dir=where, ignore_cleanup_errors=True) as scratch,
            LogWriter(where, drop_duplicates=drop_duplicates) as writer,
        ):
            spill, zone = _spilled(events, coding, Path(scratch) / "events")
            for part in spill.parts(zone):
                writer.add(part)
        log = writer.finish(
            coding.user_ids,
            is_temporary=folder is None,
            zone=zone,
            n_inputs=events.n_events,
            tie_key=key,
        )
        warn_of_odd_ids(coding.user_ids, "users")
    return log, coding.catalog


def _coding_of(events: ParquetEvents, catalog: Catalog | None) -> _Coding:
    """First reading: which ids there are."""
    users, items = IdCounts(), IdCounts()
    for batch in events.batches(ids_only=True):
        users.add(batch.users)
        items.add(batch.items)
    user_ids, counts = users.sorted("users")
    item_ids, _ = items.sorted("items")
    catalog, rows = in_catalog(item_ids, np.arange(item_ids.size), catalog, "items")
    return _Coding(user_ids, counts, item_ids, rows, catalog)


def _spilled(
    events: ParquetEvents, coding: _Coding, path: Path
) -> tuple[EventSpill, datetime.tzinfo | None]:
    """Second reading: events with their values, near where they belong."""
    spill, zone = None, None
    for batch in events.batches():
        times, weights = _values_of(batch)
        if spill is None:
            spill = EventSpill(path, coding.user_ids, coding.counts, _kinds_of(times, weights))
            zone = None if times is None else times.zone
        spill.add(
            codes_of(batch.users, coding.user_ids),
            coding.rows[codes_of(batch.items, coding.item_ids)],
            None if times is None else times.values,
            weights,
            batch.begin,
        )
    assert spill is not None
    if batch.times is not None:
        refuse_two_units(spill.times(), "timestamps")
    return spill, zone


def _values_of(batch: EventBatch) -> tuple[Times | None, Float64Array | None]:
    """Times and weights of some events."""
    n_events, arrow = len(batch.users), import_module("pyarrow")
    # Places in errors are those in the batch.
    where = f" (from row {batch.begin} on)" if batch.begin else ""
    times = None
    if batch.times is not None:
        column = arrow.chunked_array([batch.times])  # of which narwhals knows the time zone
        times = check_times(column, n_events, f"timestamps{where}")
    weights = None if batch.weights is None else batch.weights.to_numpy(zero_copy_only=False)
    return times, check_weights(weights, n_events, f"weights{where}")


def _kinds_of(times: Times | None, weights: npt.NDArray[Any] | None) -> dict[str, np.dtype[Any]]:
    """Types of the values that events have."""
    kinds = {} if times is None else {"times": times.values.dtype}
    return kinds if weights is None else kinds | {"weights": weights.dtype}


def is_lazy(frame: Any) -> bool:
    """Whether narwhals knows it as a frame whose rows are not computed yet."""
    return isinstance(nw.from_native(frame, pass_through=True), nw.LazyFrame)


def backend_of(frame: Any) -> Any:
    """Library of the eager frames that belong to a lazy one; None if there are none."""
    implementation = nw.from_native(frame).implementation
    return implementation if implementation.is_polars() else None


def log_of_lazy_frame(
    frame: Any, columns: EventColumns, catalog: Catalog | None, *, drop_duplicates: bool
) -> tuple[EventLog, Catalog]:
    """Log of a frame, which its library streams into a temporary parquet file."""
    table = nw.from_native(frame)
    require_events(table, *columns)
    with tempfile.TemporaryDirectory(prefix="skace-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "events.parquet"
        table.select(*dict.fromkeys(filter(None, columns))).sink_parquet(path)
        return log_of_parquet(path, columns, catalog, drop_duplicates=drop_duplicates)
