"""TextTable: the texts to encode, their keys, and which of them are empty."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from skace._validation import first_few
from skace.embeddings.text._cache import keys
from skace.embeddings.text._columns import TextColumns
from skace.embeddings.text._template import TextTemplate

__all__ = ["TextTable"]

_CHUNK = 8192  # texts that are built together; they are never all in memory


class TextTable:
    """One text per item, built from columns when it is needed.

    Parameters
    ----------
    X : sequence of str, series of str or frame
        The columns.
    fields : list of str or None
        Columns of the frame.
    template : TextTemplate
        What to make of them.

    Attributes
    ----------
    n_rows : int
        Number of items.
    keys : ndarray of shape (n_rows,), dtype S16
        Hash of each text.
    is_empty : ndarray of shape (n_rows,), dtype bool
        Whether an item has no text.
    """

    def __init__(self, X: Any, fields: Sequence[str] | None, template: TextTemplate) -> None:
        if isinstance(fields, str):
            fields = [fields]
        if fields is None and not template.reads_all and not _has_no_columns(X):
            fields = template.names
        self._columns = TextColumns(X, fields)
        template.check_columns(self._columns.names)
        self._template = template
        self.fields = self._columns.names
        self.n_rows = self._columns.n_rows
        self.keys, self.is_empty = self._read()

    def _read(self) -> tuple[npt.NDArray[np.bytes_], npt.NDArray[np.bool_]]:
        """Keys and emptiness of all rows."""
        found, is_empty = [], np.zeros(self.n_rows, dtype=bool)
        for start, texts in self._chunks():
            found.append(keys(texts))
            is_empty[start : start + len(texts)] = [not text for text in texts]
        return np.concatenate([*found, np.zeros(0, "S16")]), is_empty

    def _chunks(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (first row, texts)."""
        for start in range(0, self.n_rows, _CHUNK):
            yield start, self._template.render(self._columns.rows(start, start + _CHUNK))

    def different(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Tell different texts apart.

        Returns
        -------
        rows : ndarray of shape (n_texts,), dtype int64
            First row of each different text that is not empty, ascending.
        text_of_row : ndarray of shape (n_rows,), dtype int64
            Number of each row's text among these, -1 where it is empty.
        """
        _, first, text_of_row = np.unique(self.keys, return_index=True, return_inverse=True)
        rows = np.sort(first[~self.is_empty[first]])
        numbers = np.searchsorted(rows, first)  # of empty ones any
        return rows, np.where(self.is_empty, -1, numbers[text_of_row.ravel()])

    def texts_at(self, rows: npt.NDArray[np.int64]) -> list[str]:
        """Texts of ascending rows, which may lie far apart."""
        found: list[str] = []
        for near, columns in self._columns_at(rows):
            texts = self._template.render(columns)
            found.extend(texts[place] for place in near)
        return found

    def attributes_at(self, rows: npt.NDArray[np.int64]) -> list[dict[str, str]]:
        """Values of ascending rows that the template reads and that are not empty, by column."""
        read = self._template.columns_read(self.fields)
        return [
            {name: columns[name][place] for name in read if columns[name][place]}
            for near, columns in self._columns_at(rows)
            for place in near
        ]

    def _columns_at(
        self, rows: npt.NDArray[np.int64]
    ) -> Iterator[tuple[list[int], dict[str, list[str]]]]:
        """Yield pieces of the columns, and the places in them of ascending rows."""
        if rows.size == 0:
            return
        for near in np.split(rows, np.flatnonzero(np.diff(rows // _CHUNK)) + 1):
            first = int(near[0])
            yield (near - first).tolist(), self._columns.rows(first, int(near[-1]) + 1)

    def refuse_empty(self, item_ids: Any) -> None:
        """Raise a ValueError that names the items without text."""
        if not self.is_empty.any():
            return
        rows = np.flatnonzero(self.is_empty)
        if item_ids is None:
            names, word = rows, "row"
        else:
            names, word = item_ids[rows], "item"
        raise ValueError(
            f"{rows.size} {word}(s) have no text in {', '.join(map(repr, self.fields))}: "
            f"{first_few(names)}. Give them one, or pass missing='mean' or missing='zero'."
        )


def _has_no_columns(X: Any) -> bool:
    """Whether X is one text per item, in whatever holds it."""
    return not hasattr(X, "columns") and not hasattr(X, "column_names")
