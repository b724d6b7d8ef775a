"""TextColumns: texts of items from a list, an array, a series or a frame."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Sequence
from numbers import Real
from typing import Any

import narwhals as nw
import numpy as np
import scipy.sparse as sp

__all__ = ["ID_COLUMN", "TextColumns"]

ID_COLUMN = "item_id"  # of a frame; never part of the text unless it is asked for
_ONLY = "text"  # name of the column of what has no columns


class TextColumns:
    """Columns of texts, read piece by piece.

    Parameters
    ----------
    X : sequence of str, series of str or frame
        One text per item, or one row per item.
    fields : list of str or None
        Columns of the frame, in this order; what has no columns is called by the only one.
        None: those of texts, ``item_id`` excepted.

    Raises
    ------
    ValueError
        If X is something else, or lacks a column.
    """

    def __init__(self, X: Any, fields: Sequence[str] | None = None) -> None:
        self.names: list[str]
        if nw.dependencies.is_into_dataframe(X):
            table = nw.from_native(X, eager_only=True)
            self.names = _fields_of(table, fields)
            self._columns: list[Any] = [table[name] for name in self.names]
            self.n_rows = int(table.shape[0])
            return
        if fields is not None and len(fields) != 1:
            raise ValueError(
                f"fields={list(fields)} needs a frame with these columns, but X is a "
                f"{type(X).__name__}, which has one text per item."
            )
        self.names = [_ONLY] if fields is None else list(fields)
        self._columns = [_single_column(X)]
        self.n_rows = len(self._columns[0])

    def rows(self, start: int, stop: int) -> dict[str, list[str]]:
        """Values of each column in some rows; what is missing is the empty text."""
        return {
            name: _texts(column[start:stop], name, start)
            for name, column in zip(self.names, self._columns, strict=True)
        }


def _fields_of(table: Any, fields: Sequence[str] | None) -> list[str]:
    """Names of the columns to read."""
    if fields is None:
        found = [
            name
            for name, dtype in table.schema.items()
            if name != ID_COLUMN and (dtype == nw.String or _holds_texts(table[name], dtype))
        ]
        if found:
            return found
        raise ValueError(
            f"X has no column of texts; its columns are {', '.join(map(repr, table.columns))}."
        )
    absent = [name for name in fields if name not in table.columns]
    if absent or not fields:
        raise ValueError(
            f"fields must name columns of X, which are {', '.join(map(repr, table.columns))}; got "
            f"{list(fields)}."
        )
    return list(fields)


def _holds_texts(column: Any, dtype: Any) -> bool:
    """Whether a column of objects or categories begins with a text."""
    if dtype not in (nw.Object, nw.Categorical, nw.Enum):
        return False
    known = column.drop_nulls()
    return len(known) > 0 and isinstance(known[0], str)


def _single_column(X: Any) -> Any:
    """The texts of what is no frame, as something that can be sliced."""
    if nw.dependencies.is_into_series(X):
        return nw.from_native(X, series_only=True)
    if sp.issparse(X) or isinstance(X, (str, bytes)) or not hasattr(X, "__len__"):
        raise ValueError(_refusal(X))
    if isinstance(X, np.ndarray) and (X.ndim != 1 or X.dtype.kind not in "OUT"):
        raise ValueError(_refusal(X))
    column = X if isinstance(X, np.ndarray) else list(X)
    first = next((cell for cell in column if not _is_missing(cell)), "")
    if not isinstance(first, str):
        raise ValueError(_refusal(X))
    return column


def _refusal(X: Any) -> str:
    """Text for input that holds no texts."""
    if isinstance(X, np.ndarray):
        what = f"an array of shape {X.shape} and dtype {X.dtype}"
    else:
        what = f"a {type(X).__name__}"
    return (
        f"X must hold texts: a list or one-dimensional array of str, one per item, or a frame of "
        f"text columns; got {what}."
    )


def _texts(cells: Any, name: str, start: int) -> list[str]:
    """Text of each cell."""
    if isinstance(cells, nw.Series):
        missing = cells.is_null().to_list()
        values = ["" if gone else cell for cell, gone in zip(cells.to_list(), missing, strict=True)]
    else:
        values = cells.tolist() if isinstance(cells, np.ndarray) else cells
    return [_text(value, name, start + place) for place, value in enumerate(values)]


def _text(value: Any, name: str, row: int) -> str:
    """Text of one cell: numbers are written out, lists joined by commas."""
    if isinstance(value, str):
        return value.strip()
    if _is_missing(value):
        return ""
    if isinstance(value, Real):
        return str(value)
    if isinstance(value, (list, tuple, np.ndarray)):
        return ", ".join(part for part in (_text(part, name, row) for part in value) if part)
    raise ValueError(
        f"column {name!r} must hold texts, but row {row} is of type {type(value).__name__}: "
        f"{value!r:.60}."
    )


def _is_missing(value: Any) -> bool:
    """Whether a cell holds nothing."""
    return value is None or (isinstance(value, float) and np.isnan(value))
