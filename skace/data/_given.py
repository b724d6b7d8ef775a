"""Ids, sequences and frames of the caller, as a log over a catalog."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Any

import narwhals as nw
import numpy as np

from skace._callers import caller_level
from skace._typing import IdArray, IntArray
from skace._validation import coded_ids, first_few, kind_of_ids, warn_of_odd_ids
from skace.data._catalog import Catalog
from skace.data._log import EventLog
from skace.data.features._frames import require_columns

__all__ = [
    "check_sequences",
    "in_catalog",
    "listed",
    "log_of_sequences",
    "require_events",
    "rows_in_catalog",
]


def require_events(
    table: Any,
    user: str,
    item: str,
    timestamp: str | None,
    weight: str | None,
    name: str = "frame",
) -> None:
    """Raise if a column is absent."""
    given = [name for name in (user, item, weight) if name]
    require_columns(table, given, name)
    if timestamp and timestamp not in table.columns:
        raise ValueError(
            f"{name} has no column {timestamp!r}; its columns are "
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
            f"add them to the catalog or drop their events.{_lost_zeros(lacking, catalog)}"
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


def listed(values: Any) -> Any:
    """A Series as a list, of lists if it is nested; anything else as it is."""
    if nw.dependencies.is_into_series(values):
        return nw.from_native(values, series_only=True).to_list()
    return values


def check_sequences(sequences: Iterable[Any], name: str) -> list[Any]:
    """List of sequences of ids; a flat list, a string or a 2-D array is refused."""
    if isinstance(sequences, (str, bytes)):
        raise ValueError(
            f"{name} is the string {sequences!r}; pass a list of sequences of item ids, "
            f"for one visitor [[{sequences!r}]]."
        )
    if isinstance(sequences, np.ndarray) and (sequences.dtype.kind != "O" or sequences.ndim > 1):
        raise ValueError(
            f"{name} is an array of shape {sequences.shape}, in which padding cannot be told "
            "from items; pass a list of lists of item ids, oldest first."
        )
    sequences = list(listed(sequences))
    for place, sequence in enumerate(sequences):
        if isinstance(sequence, (set, frozenset, dict)):
            raise ValueError(
                f"{name}[{place}] is a {type(sequence).__name__}, which has no order; pass a list "
                "of item ids, oldest first."
            )
        if isinstance(sequence, (str, bytes)) or not hasattr(sequence, "__len__"):
            raise ValueError(
                f"{name}[{place}] is the single id {sequence!r}, not a sequence; pass a list "
                f"of sequences, for one visitor [[{sequence!r}, ...]]."
            )
    _warn_of_padding(sequences, name)
    return sequences


def _warn_of_padding(sequences: list[Any], name: str) -> None:
    """Warn if sequences of one length begin, or end, with runs of one id that is nowhere else."""
    lengths = {len(sequence) for sequence in sequences}
    if len(sequences) < 2 or len(lengths) > 1 or min(lengths) < 2:
        return
    for side in (1, -1):
        turned = [list(sequence)[::side] for sequence in sequences]
        firsts = Counter(sequence[0] for sequence in turned)
        pad, n_padded = firsts.most_common(1)[0]
        runs = [_run_of(pad, sequence) for sequence in turned]
        is_elsewhere = any(
            sequence.count(pad) != run for sequence, run in zip(turned, runs, strict=True)
        )
        is_usual = 2 * n_padded >= len(turned) and sum(run > 1 for run in runs) > 1
        if is_usual and len(set(runs)) > 1 and not is_elsewhere:
            warnings.warn(
                f"{name} are all {len(turned[0])} long, and {n_padded} of {len(turned)} "
                f"{'begin' if side == 1 else 'end'} with {pad!r}, which is nowhere else: it seems "
                "to be padding. It is taken as an item like any other; pass each sequence without "
                "it.",
                UserWarning,
                stacklevel=caller_level(),
            )
            return


def _run_of(pad: Any, sequence: list[Any]) -> int:
    """How often an id is repeated at the beginning of a sequence."""
    return next((n for n, item in enumerate(sequence) if item != pad), len(sequence))


def _lost_zeros(item_ids: IdArray, catalog: Catalog) -> str:
    """A remark, if the catalog has the ids that are lacking with zeros before them."""
    if item_ids.dtype.kind != "U":
        return ""
    known = {item.lstrip("0"): item for item in catalog.item_ids.tolist() if item.startswith("0")}
    found = next((known[item] for item in item_ids.tolist() if item in known), None)
    if found is None:
        return ""
    return f" It has {found!r}: were leading zeros lost? Read ids as texts, with dtype=str."
