"""Items that a caller names: one list for all rows, or one for each."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import narwhals as nw
import numpy as np
import scipy.sparse as sp

from skace._validation import check_ids, coded_ids, first_few
from skace.data._given import listed
from skace.data._keys import keys_of

__all__ = ["CalledLists", "Question", "RowLists", "SharedList", "read_lists"]


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What lists of items are read against: the rows that are asked about, and the model.

    ``columns_of(ids, name)`` returns the column of each id, -1 for an unknown one.
    """

    row_ids: np.ndarray  # (n_rows,) users, keys, or numbers of the rows
    item_ids: np.ndarray  # (n_items,) of the model
    columns_of: Callable[[Any, str], np.ndarray]
    ignores_unknown: bool

    def part(self, rows):
        """The same about some of the rows."""
        return replace(self, row_ids=self.row_ids[rows])

    def known(self, columns, ids, name):
        """Whether each column is one of the model; unknown ids raise unless they are ignored."""
        is_known = columns >= 0
        if not (self.ignores_unknown or is_known.all()):
            unknown = np.unique(ids[~is_known])
            raise ValueError(
                f"{name} holds {unknown.size} item id(s) that the model does not know: "
                f"{first_few(unknown)}; leave them out, for example with unknown_ids='ignore', or "
                "partial_fit the model with them."
            )
        return is_known


@dataclass(frozen=True, slots=True, eq=False)
class SharedList:
    """One list for all rows: sorted columns of the model, each once."""

    columns: np.ndarray

    def mask(self, rows, question):
        """Whether each item is named, shape (1, n_items)."""
        mask = np.zeros((1, question.item_ids.size), dtype=bool)
        mask[0, self.columns] = True
        return mask


@dataclass(frozen=True, slots=True, eq=False)
class RowLists:
    """One list for each row, as a sparse matrix of shape (n_rows, n_items)."""

    matrix: sp.csr_array

    @property
    def longest(self):
        """Number of items of the longest list."""
        return int(np.diff(self.matrix.indptr).max(initial=0))

    def mask(self, rows, question):
        """Whether each item is named for each of some rows, shape (n_rows, n_items)."""
        return self.matrix[rows].toarray()


@dataclass(frozen=True, slots=True, eq=False)
class CalledLists:
    """A function of the ids of rows and items, asked for one block of rows at a time."""

    function: Callable[[np.ndarray, np.ndarray], Any]
    name: str

    def mask(self, rows, question):
        """Whether each item is named for each of some rows, shape (n_rows or 1, n_items)."""
        part = question.part(rows)
        given = self.function(part.row_ids, part.item_ids)
        if given is None or callable(given):
            raise TypeError(
                f"{self.name}(row_ids, item_ids) returned {given!r}; return a list of ids, one "
                "list for each of the rows, or a mask."
            )
        found = read_lists(given, f"what {self.name} returned", part)
        return found.mask(slice(None), part)


def read_lists(given, name, question):
    """Items that an argument names.

    Parameters
    ----------
    given : array-like, list of lists, sparse matrix, callable or None
        As `SequentialRecommender.recommend` takes it.
    name : str
        What the caller calls it.
    question : Question
        Rows and items.

    Returns
    -------
    lists : SharedList, RowLists, CalledLists or None
        None if there is none.

    Raises
    ------
    ValueError
        If there is not one list per row, a mask has another shape, or an id is unknown.
    TypeError
        If it is of none of these types.
    """
    if given is None:
        return None
    if sp.issparse(given):
        return _of_mask(given, name, question)
    if callable(given):
        return CalledLists(given, name)
    values = _values(_by_label(given, name, question), name)
    _refuse_numbers_as_mask(values, name, question)
    if _holds_booleans(values):
        return _of_mask(_as_mask(values, name), name, question)
    if isinstance(values, np.ndarray) and values.ndim == 2:
        values = list(values)
    if isinstance(values, list) and any(map(_is_list, values)):
        return _of_lists(values, name, question)
    ids = check_ids(values, name)
    if ids.size == 0:
        return SharedList(np.zeros(0, dtype=np.int64))
    columns = question.columns_of(ids, name)
    return SharedList(np.unique(columns[question.known(columns, ids, name)]))


def _by_label(given, name, question):
    """Entries of a dict or a labelled Series in our order; anything else as it is.

    Lists are looked up by the ids of the rows, truth values by those of the items.
    """
    labels = keys_of(given)
    if labels is None or nw.dependencies.is_into_dataframe(given):
        return given
    values = list(given.values()) if isinstance(given, Mapping) else listed(given)
    if any(map(_is_list, values)):
        wanted, what = question.row_ids, "rows of X"
    elif _holds_booleans(values):
        wanted, what = question.item_ids, "items of the model"
    else:
        return values  # ids, whatever they are labelled with
    places = {label: place for place, label in enumerate(labels.tolist())}
    absent = [label for label in wanted.tolist() if label not in places]
    if absent or len(places) < len(values):
        found = f"{len(absent)} of the {len(wanted)} {what} have no entry (first {absent[:3]})"
        raise ValueError(
            f"{name} is read by its labels, but "
            + (found if absent else "some of them stand twice")
            + "; give one entry for each, or a plain list in their order."
        )
    return [values[places[label]] for label in wanted.tolist()]


def _values(given, name):
    """Array or list of what was given; things without elements of one kind are refused."""
    if nw.dependencies.is_into_dataframe(given) or isinstance(given, (str, bytes, dict)):
        raise TypeError(
            f"{name} must be item ids, one list of them per row, a mask or a function, got "
            f"{type(given).__name__}; pass a list, for example of a column of a frame."
        )
    if isinstance(given, np.ndarray) and given.dtype.kind != "O":
        return given
    given = listed(given)
    return list(given) if isinstance(given, (tuple, set, frozenset, np.ndarray, range)) else given


def _is_list(part):
    """Whether an element is a list of ids, not an id."""
    return hasattr(part, "__len__") and not isinstance(part, (str, bytes))


def _holds_booleans(values):
    """Whether these are booleans, or rows of them."""
    if isinstance(values, np.ndarray):
        return values.dtype.kind == "b"
    first = next((part for part in values if not _is_list(part) or len(part)), None)
    first = next(iter(first)) if _is_list(first) else first
    return isinstance(first, (bool, np.bool_))


def _refuse_numbers_as_mask(values, name, question):
    """Raise if zeros and ones have the shape of a mask: they would be read as ids."""
    n_rows, n_items = question.row_ids.size, question.item_ids.size
    is_numeric = isinstance(values, np.ndarray) and values.dtype.kind in "iuf"
    if not is_numeric or n_items < 3 or values.shape not in ((n_items,), (n_rows, n_items)):
        return
    if np.isin(values, (0, 1)).all():
        raise ValueError(
            f"{name} is an array of zeros and ones of shape {values.shape}, which may be a mask or "
            "ids; pass a mask as booleans, .astype(bool)."
        )


def _as_mask(values, name):
    """Array of booleans in one or two dimensions."""
    try:
        mask = np.asarray(values)
    except ValueError:  # rows of different lengths
        mask = np.empty(0, dtype=object)
    if mask.dtype.kind != "b":
        raise ValueError(
            f"{name} holds booleans beside something else; pass an array of booleans of shape "
            "(n_items,) or (n_rows, n_items), or lists of ids."
        )
    return mask


def _of_mask(mask, name, question):
    """Items named by booleans, in the order of the columns of the model."""
    n_rows, n_items = question.row_ids.size, question.item_ids.size
    if sp.issparse(mask) and mask.ndim == 1:
        mask = mask.toarray()
    if mask.ndim == 1 and mask.shape == (n_items,):
        return SharedList(np.flatnonzero(mask))
    if mask.shape != (n_rows, n_items):
        raise ValueError(
            f"{name} is a mask of shape {mask.shape}; give one of shape (n_items,) = ({n_items},) "
            f"or (n_rows, n_items) = ({n_rows}, {n_items}), with a column for each item of "
            "item_ids_, or lists of ids."
        )
    matrix = sp.csr_array(mask, copy=True).astype(bool)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return RowLists(matrix)


def _of_lists(values, name, question):
    """Items named by one list for each row."""
    bad = next((place for place, part in enumerate(values) if not _is_list(part)), None)
    if bad is not None:
        raise ValueError(
            f"{name}[{bad}] is {values[bad]!r}, but others are lists; give one list of item ids "
            "per row, empty where there is none, or one flat list for all rows."
        )
    n_rows, n_items = question.row_ids.size, question.item_ids.size
    if len(values) != n_rows:
        raise ValueError(
            f"{name} has {len(values)} lists, but X has {n_rows} rows; give one list of item ids "
            "per row, or one flat list for all rows."
        )
    parts = [part.tolist() if isinstance(part, np.ndarray) else part for part in values]
    lengths = np.fromiter(map(len, parts), dtype=np.int64, count=n_rows)
    ids, codes = coded_ids(list(chain.from_iterable(parts)), name)
    columns = question.columns_of(ids, name) if ids.size else ids
    rows = np.repeat(np.arange(n_rows), lengths)
    is_known = question.known(columns, ids, name)[codes]
    entries = (np.ones(int(is_known.sum()), dtype=bool), (rows[is_known], columns[codes[is_known]]))
    matrix = sp.csr_array(entries, shape=(n_rows, n_items))
    matrix.sum_duplicates()
    return RowLists(matrix)
