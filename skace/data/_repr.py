"""How ``Interactions`` show themselves: text, HTML, frame."""
# SPDX-License-Identifier: BSD-3-Clause

from importlib.util import find_spec
from typing import Any

import narwhals as nw
import numpy as np

from skace.data._catalog import describe_vectors
from skace.data._html import html_table

__all__ = ["frame_library", "html", "rows_to_frame", "text"]


def text(X: Any) -> str:
    """One line: counts, span of time."""
    word = "queries" if X.is_query else "rows"
    span = _span(X)
    return (
        f"Interactions({len(X)} {word} of {X.n_users} users over {X.n_items} items"
        f"{', ' + span if span else ''})"
    )


def html(X: Any) -> str:
    """Table of what one wants to know of a log before fitting."""
    return html_table("Interactions", _facts(X))


def _facts(X: Any) -> dict[str, str]:
    """What the HTML table shows."""
    log, catalog = X._log, X.catalog
    n_seen = np.unique(log.items).size
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
        "duplicate events": f"{_count_duplicates(log):,}",
        **describe_vectors(catalog),
    }


def _span(X: Any) -> str:
    """First and last time of the rows, or an empty string."""
    if X.is_query or X._log.timestamps is None or len(X) == 0:
        return ""
    return f"{X.timestamps.min()} to {X.timestamps.max()}"


def _count_duplicates(log: Any) -> int:
    """Events that repeat user and item (and time, where there are times)."""
    users = np.repeat(np.arange(log.offsets.size - 1), np.diff(log.offsets))
    keys = [log.items, users] if log.timestamps is None else [log.items, log.timestamps, users]
    order = np.lexsort(keys)
    same = np.ones(max(0, log.n_events - 1), dtype=bool)
    for key in keys:
        same &= key[order][1:] == key[order][:-1]
    return int(same.sum())


def rows_to_frame(X: Any, backend: Any) -> Any:
    """Frame of the rows in the given library, or the first one that is installed."""
    columns = {"user_id": X.users}
    if not X.is_query:
        columns["item_id"] = X.items
        if X.timestamps is not None:
            columns["timestamp"] = X.timestamps
    return nw.from_dict(columns, backend=backend or frame_library()).to_native()


def frame_library() -> Any:
    """Name of the first library of frames that is installed."""
    for name in ("pandas", "polars", "pyarrow"):
        if find_spec(name):
            return name
    raise ImportError("to_frame needs pandas, polars or pyarrow; install one of them.")
