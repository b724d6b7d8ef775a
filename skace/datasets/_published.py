"""What the loaders of published data return."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skace._validation import first_few
from skace.data import Catalog, Interactions
from skace.datasets._events import EventColumns, Selection
from skace.datasets._item_texts import ItemTexts

__all__ = ["SELECTION", "Source", "check_file", "make_bunch"]

# Constraints of the parameters that choose among events and items.
SELECTION: dict[str, list[Any]] = {"min_rating": [Real, None], "include_cold": ["boolean"]}


@dataclass(frozen=True, slots=True)
class Source:
    """A published data set: what to tell of it."""

    title: str
    about: str
    licence: str
    has_ratings: bool = True


def make_bunch(
    source: Source,
    events: EventColumns,
    texts: ItemTexts,
    selection: Selection,
    *,
    include_cold: bool = False,
) -> Bunch:
    """Bunch of interactions, items, description and licence note."""
    users, items, times, ratings = events.select(selection)
    item_ids = texts.ids(items, include_cold=include_cold)
    frame = texts.frame(item_ids)
    catalog = Catalog.from_frame(
        frame, features=texts.columns or None, provenance={"data": source.title}
    )
    n_described = texts.n_described(item_ids)
    if texts.columns and not n_described:
        raise ValueError(
            f"none of the {item_ids.size} items of the events (first {first_few(item_ids)}) is "
            f"described by the other file, which describes {texts.n_items} (first "
            f"{first_few(texts.some_ids())}); the files do not belong together."
        )
    sorted_by_file = Interactions(users, items, times, catalog=catalog)
    ratings = ratings[sorted_by_file.source_rows]
    # Places in the file mean nothing to the caller; those in the other arrays of the bunch do.
    X = sorted_by_file._derive(log=replace(sorted_by_file._log, source=np.arange(len(users))))
    parts: dict[str, Any] = {"interactions": X, "items": frame}
    if source.has_ratings:
        parts["ratings"] = ratings
    return Bunch(
        **parts, DESCR=_describe(source, X, n_described, len(events)), licence=source.licence
    )


def _describe(source: Source, X: Interactions, n_described: int, n_read: int) -> str:
    """Text of the ``DESCR`` entry."""
    times = X.timestamps
    span = "" if times is None else f", {times.min()} to {times.max()}"
    counts = (
        f"{len(X):,} of {n_read:,} events of {X.n_users:,} users over {X.n_items:,} items, "
        f"{n_described:,} of them with text{span}."
    )
    if times is not None:
        tied, repeated = X._log.count("tied"), X._log.count("repeated")
        counts += (
            f" {tied:,} events ({tied / len(X):.1%}) have the time of the event before them, and "
            f"stand in the order of the file; {repeated:,} repeat another event."
        )
    return "\n".join(
        [source.title, "-" * len(source.title), counts, "", source.about, "", source.licence, ""]
    )


def check_file(path: Any, argument: str) -> Path:
    """Path of an existing file."""
    found = Path(path).expanduser()
    if not found.is_file():
        raise FileNotFoundError(f"{argument}={str(path)!r} is no file.")
    return found
