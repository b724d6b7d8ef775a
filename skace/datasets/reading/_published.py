"""One way from the files of a published data set to what its loader returns."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skace._callers import caller_level
from skace._typing import IdArray, Ties
from skace._validation import first_few
from skace.data import Catalog, Interactions
from skace.data._built import rows_of_codes
from skace.data._tie_order import check_ties, in_other_order
from skace.data._times import Times
from skace.datasets.reading._events import EventColumns
from skace.datasets.reading._item_texts import ItemTexts
from skace.datasets.reading._lines import MISREAD, LineReader
from skace.datasets.reading._selection import Selection
from skace.exceptions import RepeatedEventsWarning

__all__ = ["SELECTION", "EventFiles", "ItemFiles", "Source", "load_published"]

# Constraints of the parameters that choose among events and items.
SELECTION: dict[str, list[Any]] = {"min_rating": [Real, None], "include_cold": ["boolean"]}

_FEW = 0.1  # share of items with a text, below which a file may be one of something else


@dataclass(frozen=True, slots=True)
class Source:
    """A published data set: what to tell of it."""

    title: str
    about: str
    licence: str
    has_ratings: bool = True


@dataclass(frozen=True, slots=True)
class EventFiles:
    """Files of events, and how to read them.

    Parameters
    ----------
    files : sequence of LineReader
        The parts, whose events follow each other.
    rows : callable
        Function from a file to its rows: `read_records`, `read_rows` or one of the format.
    parse : callable
        Function from a row to user, item, time and rating, of which the last may be left out. What
        it raises becomes an error that names the line.
    time_unit : {"s", "ms", "us"} or None, default="s"
        As `EventColumns` has it; None: events have no times.
    reads_numbers : bool, default=False
        As `EventColumns` has it.
    keeps_times : bool, default=True
        Whether times are kept, or only bring the events of each user into order.
    """

    files: Sequence[LineReader]
    rows: Callable[[LineReader], Iterable[Any]]
    parse: Callable[[Any], tuple[Any, ...]]
    time_unit: str | None = "s"
    reads_numbers: bool = False
    keeps_times: bool = True

    def read(self) -> EventColumns:
        """The events of all files."""
        events = EventColumns(self.time_unit, reads_numbers=self.reads_numbers)
        for lines in self.files:
            events.read(lines, self.rows(lines), self.parse)
        return events


@dataclass(frozen=True, slots=True)
class ItemFiles:
    """Files that describe items, and how to read them.

    Parameters
    ----------
    files : sequence of LineReader
        The parts. None of them: items have ids only.
    rows : callable
        Function from a file to its rows.
    parse : callable
        Function from a row to an item's id and its texts by column; None for a row that describes
        none.
    columns : sequence of str
        The texts that are kept.
    what : str, default="an item"
        What a row stands for, for errors.
    """

    files: Sequence[LineReader]
    rows: Callable[[LineReader], Iterable[Any]]
    parse: Callable[[Any], tuple[Hashable, Iterable[str]] | None]
    columns: Sequence[str]
    what: str = "an item"

    def read(self, wanted: Any, *, are_numbers: bool) -> ItemTexts:
        """Texts of the items that are wanted, or of all."""
        columns = self.columns if self.files else []
        texts = ItemTexts(columns, wanted, are_numbers=are_numbers)
        is_needed = bool(self.columns) or wanted is None  # all of them: cold items, if only ids
        for lines in self.files if is_needed else []:
            for row in self.rows(lines):
                try:
                    described = self.parse(row)
                except MISREAD as error:
                    raise lines.misread(self.what, error, row) from error
                if described is not None:
                    texts.add(*described)
        return texts


NO_ITEMS = ItemFiles([], iter, lambda _: None, [])


def load_published(
    source: Source,
    event_files: EventFiles,
    item_files: ItemFiles = NO_ITEMS,
    selection: Selection | None = None,
    *,
    include_cold: bool = False,
    ties: Ties = "keep",
    random_state: Any = None,
) -> Bunch:
    """Bunch of interactions, items, description and licence note."""
    check_ties(ties)
    columns = event_files.read()
    n_read = columns.n_read
    events = columns.take(selection or Selection())
    is_wanted = bool(item_files.files) and not include_cold
    texts = item_files.read(
        set(events.item_ids.tolist()) if is_wanted else None,
        are_numbers=events.item_ids.dtype.kind == "i",
    )
    # Events know items by their place among those of the log, which come first in the catalog.
    item_ids = texts.with_cold(events.item_ids) if include_cold else events.item_ids
    frame = texts.frame(item_ids)
    catalog = Catalog.from_frame(
        frame, features=texts.columns or None, provenance={"data": source.title}
    )
    _check_described(texts, events.item_ids)
    n_described = texts.n_described(item_ids)
    times = None if events.times is None else Times(events.times)
    X = rows_of_codes(events.user_ids, events.users, catalog, events.items, times)
    X = _with_ties(X, ties, random_state)
    places = X._log.source  # of all rows, which a copy would hold as well
    ratings = events.ratings[places]
    parts_of_rows = None if events.parts is None else events.parts[places]
    del events, times  # the unsorted ones
    X = _as_loaded(X, keeps_times=event_files.keeps_times)
    _warn_of_repeats(X)
    parts: dict[str, Any] = {"interactions": X, "items": frame}
    if source.has_ratings:
        parts["ratings"] = ratings
    if parts_of_rows is not None:
        parts["parts"] = parts_of_rows
    return Bunch(**parts, DESCR=_describe(source, X, n_described, n_read), licence=source.licence)


def _check_described(texts: ItemTexts, item_ids: IdArray) -> None:
    """Raise if no item of the events has a text, and warn if few have."""
    n_described = texts.n_described(item_ids)
    if not texts.columns or n_described >= _FEW * item_ids.size:
        return
    finding = (
        f"{n_described or 'none'} of the {item_ids.size} items of the events (first "
        f"{first_few(item_ids)}) is described by the other file, which describes {texts.n_items} "
        f"(first {first_few(texts.some_ids)})"
    )
    if not n_described:
        raise ValueError(f"{finding}; the files do not belong together.")
    warnings.warn(
        f"only {finding}; look whether the files belong together, or pass columns=None for ids "
        "only.",
        UserWarning,
        stacklevel=caller_level(),
    )


def _with_ties(X: Interactions, ties: Ties, random_state: Any) -> Interactions:
    """All rows of a log whose tied events stand as is asked."""
    check_ties(ties, X._log)
    if ties == "keep":
        return X
    return X._derive(log=in_other_order(X._log, ties, random_state)[0])


def _as_loaded(X: Interactions, *, keeps_times: bool) -> Interactions:
    """Rows that count themselves as the input: places in a file mean nothing to the caller."""
    log = replace(X._log, source=np.arange(len(X)))
    return X._derive(log=log if keeps_times else replace(log, timestamps=None))


def _warn_of_repeats(X: Interactions) -> None:
    """Warn if events repeat others."""
    n_repeated = X._log.count("repeated")
    if n_repeated:
        warnings.warn(
            f"{n_repeated} of {len(X)} events repeat user, item and time of an earlier one; such "
            "events are easy to predict. Keep one of each with "
            "bunch.interactions.drop_duplicates().",
            RepeatedEventsWarning,
            stacklevel=caller_level(),
        )


def _describe(source: Source, X: Interactions, n_described: int, n_read: int) -> str:
    """Text of the ``DESCR`` entry."""
    times, n_users = X._log.timestamps, X._log.user_ids.size  # of all rows, without a copy
    span = "" if times is None else f", {times.min()} to {times.max()}"
    counts = (
        f"{len(X):,} of {n_read:,} events of {n_users:,} users over {X.n_items:,} items, "
        f"{n_described:,} of them with text{span}."
    )
    if times is not None:
        tied, repeated = X._log.count("tied"), X._log.count("repeated")
        orders = {"shuffle": "in random order", "key": "in the order of a key"}
        order = orders.get(X._log.ties, "in the order of the file")
        counts += (
            f" {tied:,} events ({tied / len(X):.1%}) have the time of the event before them, and "
            f"stand {order}; {repeated:,} repeat another event."
        )
    return "\n".join(
        [source.title, "-" * len(source.title), counts, "", source.about, "", source.licence, ""]
    )
