"""How ``Interactions`` show themselves: text, HTML, frame."""
# SPDX-License-Identifier: BSD-3-Clause

import datetime
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from typing import Any
from weakref import WeakKeyDictionary

import narwhals as nw
import numpy as np

from skace.data._catalog import describe_vectors
from skace.data._html import html_table
from skace.data._times import zone_name

__all__ = ["frame_library", "html", "rows_to_frame", "text"]

_TIES = {"keep": "in the order of the input", "shuffle": "shuffled", "key": "ordered by a key"}
_TIES_IN_SHORT = {"keep": "", "shuffle": ", shuffled", "key": ", ordered by a key"}


# Texts of objects that were shown before: they go through all events, and nothing changes.
_SHOWN: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()


def _shown_once(make: Callable[[Any], str]) -> Callable[[Any], str]:
    """Remember the text of an object for as long as the object is there."""

    @wraps(make)
    def show(X: Any) -> str:
        known = _SHOWN.setdefault(X, {})
        if make.__name__ not in known:
            known[make.__name__] = make(X)
        return known[make.__name__]

    return show


@_shown_once
def text(X: Any) -> str:
    """One line: counts, span of time."""
    word = "queries" if X.is_query else "rows"
    notes = [_span(X), *_doubts(X)]
    return (
        f"Interactions({len(X)} {word} of {X.n_users} users over {X.n_items} items"
        f"{''.join(f', {note}' for note in notes if note)})"
    )


def _doubts(X: Any) -> list[str]:
    """What one should know of the order of a log: tied and repeated events."""
    log = X._log
    if X.is_query or log.timestamps is None:
        return []
    share = log.count("tied") / max(1, log.n_events)
    of_last = log.count("last tied") / max(1, log.count("users with two"))
    repeated = log.count("repeated")
    ties = (
        f"{share:.0%} of the log at the time of the event before ({of_last:.0%} of last events)"
        f"{_TIES_IN_SHORT[log.ties]}"
    )
    return [ties] * (share >= 0.005) + ([f"{repeated} repeated"] if repeated else [])


@_shown_once
def html(X: Any) -> str:
    """Table of what one wants to know of a log before fitting."""
    return html_table("Interactions", _facts(X))


def _facts(X: Any) -> dict[str, str]:
    """What the HTML table shows."""
    log, catalog = X._log, X.catalog
    n_seen = np.count_nonzero(np.bincount(log.items))
    rows = (
        {"queries": f"{len(X):,}"}
        if X.is_query
        else {"rows": f"{len(X):,} of {log.n_events:,} events"}
    )
    return {
        **rows,
        "users": f"{X.n_users:,}",
        "items": f"{X.n_items:,}, {n_seen:,} of them in the log",
        "time": _span(X) or "no timestamps",
        "density": f"{len(X) / max(1, X.n_users * X.n_items):.4%}",
        **_repeats(log),
        **({} if X.is_query or X.weights is None else {"weights": _range(X.weights)}),
        **describe_vectors(catalog),
    }


def _span(X: Any) -> str:
    """First and last time of the rows, or an empty string."""
    if X.is_query or X._log.timestamps is None or len(X) == 0:
        return ""
    first, last = (
        _in_zone(moment, X._log.zone) for moment in (X.timestamps.min(), X.timestamps.max())
    )
    return f"{first} to {last}{f' in {X.time_zone}' if X.time_zone else ''}"


def _in_zone(moment: Any, zone: Any) -> Any:
    """What clocks show in a zone at a moment of UTC; without one the moment itself."""
    if zone is None:
        return moment
    utc = moment.astype("M8[us]").item().replace(tzinfo=datetime.UTC)
    return utc.astimezone(zone).replace(tzinfo=None).isoformat()


def _range(values: Any) -> str:
    """Least and greatest value, or an empty string."""
    return f"{values.min():g} to {values.max():g}" if values.size else ""


def _repeats(log: Any) -> dict[str, str]:
    """How often events stand at one moment, or repeat each other."""
    if log.timestamps is None:
        users = np.repeat(np.arange(log.offsets.size - 1), np.diff(log.offsets))
        # Both are codes, so that a pair is one number.
        pairs = np.unique(users * (int(log.items.max(initial=0)) + 1) + log.items).size
        return {"repeated items of a user": f"{log.n_events - pairs:,}"}
    tied, repeated = log.count("tied"), log.count("repeated")
    share = tied / max(1, log.n_events)
    return {
        "at the time of the event before": f"{tied:,} ({share:.1%}), {_TIES[log.ties]}",
        "last events among these": f"{log.count('last tied'):,} of {log.count('users with two'):,}",
        "repeated events": f"{repeated:,}",
    }


def rows_to_frame(X: Any, backend: Any) -> Any:
    """Frame of the rows in the given library, or the first one that is installed."""
    columns = {"user_id": X.users}
    if not X.is_query:
        columns["item_id"] = X.items
        if X.timestamps is not None:
            columns["timestamp"] = X.timestamps
        if X.weights is not None:
            columns["weight"] = X.weights
    table = nw.from_dict(columns, backend=backend or frame_library())
    if "timestamp" in columns and X.time_zone is not None:
        times = nw.col("timestamp").dt.replace_time_zone("UTC")
        table = table.with_columns(times.dt.convert_time_zone(zone_name(X._log.zone)))
    return table.to_native()


def frame_library() -> Any:
    """Name of the first library of frames that is installed."""
    for name in ("pandas", "polars", "pyarrow"):
        if find_spec(name):
            return name
    raise ImportError("to_frame needs pandas, polars or pyarrow; install one of them.")
