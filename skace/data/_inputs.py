"""Turn what estimators are given into ``Interactions``."""
# SPDX-License-Identifier: BSD-3-Clause

from itertools import chain
from typing import Any

import narwhals as nw
import numpy as np

from skace._validation import check_ids
from skace.data._built import queries_of_sequences
from skace.data._catalog import Catalog
from skace.data._from_parquet import is_lazy
from skace.data._given import check_sequences
from skace.data._interactions import Interactions, rows_of_sequences
from skace.data._keys import without_keys

__all__ = [
    "as_interactions",
    "refuse_frame",
    "rows_to_fit",
    "rows_to_predict",
    "rows_to_score",
]

_REFUSED_FRAME = (
    "X is a frame, and a frame that was cut into folds has lost every row's past; wrap it once "
    "with Interactions.from_frame(frame), then slice."
)


def as_interactions(X: Any, *, catalog: Catalog | None = None) -> Interactions:
    """Interactions from whatever holds events.

    Parameters
    ----------
    X : Interactions, frame or list of sequences of item ids
        A frame needs the columns ``user_id``, ``item_id`` and ``timestamp``. A Series of
        sequences counts as their list; its index is not read.

    catalog : Catalog or None, default=None
        What the items are. None builds a catalog of ids only. Not allowed with
        Interactions, which already have a catalog.

    Returns
    -------
    X : Interactions
        The object itself, if it is one already.

    Raises
    ------
    ValueError
        If X is a two-dimensional array or a flat list, or if `Interactions` refuses its
        content.

    TypeError
        If X is of none of these types.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace.data import as_interactions
    >>> as_interactions([["pen", "ink"], ["pen"]])
    Interactions(3 rows of 2 users over 2 items)
    """
    if isinstance(X, Interactions):
        if catalog is not None and catalog is not X.catalog:
            raise ValueError("X has a catalog already; pass catalog to its constructor instead.")
        return X
    if _is_frame(X):
        return Interactions.from_frame(X, catalog=catalog)
    _refuse_other_types(X)
    return rows_of_sequences(X, catalog, "X")


def rows_to_fit(X: Any, y: Any = None) -> Interactions:
    """Training rows; for lists, ``y`` appends one event to each sequence."""
    if isinstance(X, Interactions):
        _check_y_of_rows(X, y)
    elif y is not None and not _is_frame(X):
        _refuse_other_types(X)
        return as_interactions(_append_targets(X, y))
    elif y is not None:
        raise ValueError("y must be None when X is a frame: the frame holds the items.")
    rows = as_interactions(X)
    if len(rows) == 0:
        raise ValueError("X has no rows; there is nothing to learn from.")
    return rows


def rows_to_predict(X: Any) -> Interactions:
    """Rows or queries to answer; lists and dicts become one query per sequence."""
    if isinstance(X, Interactions):
        return X
    refuse_frame(X)
    X = without_keys(X)
    _refuse_other_types(X)
    return queries_of_sequences(X, "X")


def rows_to_score(X: Any, y: Any = None) -> Interactions:
    """Rows with targets; for lists, ``y`` gives the only target of each sequence."""
    if isinstance(X, Interactions):
        _check_y_of_rows(X, y)
        return X
    refuse_frame(X)
    _refuse_other_types(X)
    if y is None:
        return as_interactions(X)
    rows = as_interactions(_append_targets(X, y))
    return rows._derive(ends=rows._log.offsets[1:] - 1)


def refuse_frame(X: Any) -> None:
    """Raise if X is a frame."""
    if _is_frame(X):
        raise ValueError(_REFUSED_FRAME)


def _is_frame(X: Any) -> bool:
    """Whether X is a frame of any library, computed or not."""
    return nw.dependencies.is_into_dataframe(X) or is_lazy(X)


def _refuse_other_types(X: Any) -> None:
    """Raise a TypeError for what is neither rows nor a list or Series of sequences."""
    if not (isinstance(X, (list, tuple, np.ndarray, str)) or nw.dependencies.is_into_series(X)):
        raise TypeError(
            f"X must be Interactions or a list of sequences of item ids, got {type(X).__name__}."
        )


def _append_targets(X: Any, y: Any) -> list[list[Any]]:
    """Sequences with one target each at the end."""
    sequences = check_sequences(X, "X")
    targets = check_ids(y, "y")
    if targets.size != len(sequences):
        raise ValueError(f"y has {targets.size} items, but X has {len(sequences)} sequences.")
    return [
        list(chain(sequence, [target]))
        for sequence, target in zip(sequences, targets.tolist(), strict=True)
    ]


def _check_y_of_rows(X: Interactions, y: Any) -> None:
    """Raise unless ``y`` is None or the rows' own items."""
    own = X._item_codes  # raises for query rows
    if y is None:
        return
    items = X.catalog.item_ids[own]
    if np.shape(y) != items.shape or not np.array_equal(np.asarray(y), items):
        raise ValueError(
            "y differs from X.items. The rows of Interactions hold their own targets; leave y out."
        )
