"""Quotas: at most so many items of a group in a list."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from skace._topk import top_k
from skace._validation import first_few
from skace.data import Catalog
from skace.recommenders._item_fields import has_texts, read_items

__all__ = ["Quota", "best_within", "read_quotas"]

_AHEAD = 4  # times as many items as are wanted, among which most rows find enough


@dataclass(frozen=True, slots=True, eq=False)
class Quota:
    """Groups of the items, and how many of one may be in a list."""

    limit: int
    groups: np.ndarray  # (n_items,) number of the group, -1 for items without a value

    def among(self, columns):
        """The same for some columns."""
        return self if columns is None else Quota(self.limit, self.groups[columns])


def read_quotas(quotas, items, item_ids, *, item="item_id"):
    """Quotas by columns of a table of the items.

    Parameters
    ----------
    quotas : mapping of str to int, or None
        Most items with one value of a column.
    items : Catalog, frame or None
        What is known of the items.
    item_ids : ndarray of shape (n_items,)
        Of the model.
    item : str, default="item_id"
        Column of ids, if ``items`` is a frame.

    Returns
    -------
    quotas : list of Quota
        In the order of the model's columns.
    """
    if quotas is None:
        return []
    _check_limits(quotas)
    if not quotas:
        return []
    if items is None or (isinstance(items, Catalog) and not has_texts(items)):
        raise ValueError(
            f"quotas needs the column(s) {first_few(quotas)} of the items, but the catalog has "
            "none; pass the frame of items as items=."
        )
    catalog, fields = read_items(items, item)
    absent = [name for name in quotas if name not in fields]
    if absent:
        raise ValueError(
            f"quotas names the column(s) {first_few(absent)}, but the items have "
            f"{', '.join(map(repr, fields))}; pass a frame that has them as items=."
        )
    rows = catalog.row_of(item_ids)
    if (rows < 0).all():
        raise ValueError(
            "quotas: the items that were given hold none of the model's items (first "
            f"{first_few(item_ids[:1])}); pass the table of the same items as items=."
        )
    return [Quota(int(n), _groups(fields[name], rows, name)) for name, n in quotas.items()]


def _check_limits(quotas):
    """Raise unless quotas are whole numbers by column."""
    if not isinstance(quotas, Mapping):
        raise TypeError(
            f"quotas must be a dict of column to number, got {type(quotas).__name__}; pass, for "
            "example, quotas={'category': 3}."
        )
    for name, limit in quotas.items():
        if not isinstance(limit, Integral) or isinstance(limit, bool) or limit < 1:
            raise ValueError(
                f"quotas[{name!r}] must be an int in the range [1, inf), got {limit!r}; leave "
                "items out altogether with exclude."
            )


def _groups(values, rows, name):
    """Number of the group of each column of the model."""
    numbers = {}
    try:
        codes = np.array(
            [
                -1 if _is_missing(value) else numbers.setdefault(value, len(numbers))
                for value in values
            ]
        )
    except TypeError as error:
        raise ValueError(
            f"quotas: the column {name!r} holds values that are no single group, such as lists; "
            "make one text or number of each."
        ) from error
    return np.where(rows >= 0, codes[rows], -1)


def _is_missing(value):
    """Whether a value is None, NaN, the NA of pandas or an empty text."""
    if value is None or isinstance(value, str):
        return not value
    is_itself = value == value
    if isinstance(is_itself, np.ndarray):
        return False
    return not isinstance(is_itself, (bool, np.bool_)) or not is_itself


def best_within(scores, k, quotas):
    """Best columns of each row of which no quota has had enough.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_columns)
        ``-inf`` marks items that may not be recommended.
    k : int
        Length of the lists.
    quotas : list of Quota
        Of the same columns.

    Returns
    -------
    columns : ndarray of shape (n_rows, k), int64
        Best first, ties in the order of the columns; then others fill up the row.
    best : ndarray of shape (n_rows, k)
        Their scores, ``-inf`` for those that fill up.
    """
    n_rows, n_columns = scores.shape
    columns, best = np.empty((n_rows, k), dtype=np.int64), np.empty((n_rows, k), dtype=scores.dtype)
    rows, n_ahead = np.arange(n_rows), min(_AHEAD * k, n_columns)
    while rows.size:
        among = scores if rows.size == n_rows else scores[rows]
        ahead = top_k(among, n_ahead)
        values = np.take_along_axis(among, ahead, axis=1)
        is_kept = _keep(ahead, values > -np.inf, k, quotas)
        is_done = is_kept.sum(axis=1) == k
        if n_ahead == n_columns:
            is_done[:] = True
        is_done |= np.isneginf(values[:, -1])
        order = np.argsort(~is_kept[is_done], axis=1, kind="stable")[:, :k]
        values = np.where(is_kept, values, -np.inf)[is_done]
        columns[rows[is_done]] = np.take_along_axis(ahead[is_done], order, axis=1)
        best[rows[is_done]] = np.take_along_axis(values, order, axis=1)
        rows, n_ahead = rows[~is_done], min(_AHEAD * n_ahead, n_columns)
    return columns, best


def _keep(ahead, is_eligible, k, quotas):
    """Which items, taken in their order, make up the list: at most k of each row."""
    is_kept = np.zeros(ahead.shape, dtype=bool)
    every_row, n_kept = np.arange(len(ahead)), np.zeros(len(ahead), dtype=np.int64)
    codes = [np.unique(quota.groups[ahead], return_inverse=True) for quota in quotas]
    counts = [np.zeros((len(ahead), values.size), dtype=np.int32) for values, _ in codes]
    for place in range(ahead.shape[1]):
        takes = is_eligible[:, place] & (n_kept < k)
        if not takes.any():
            break
        slots = [inverse[:, place] for _, inverse in codes]
        for quota, (values, _), count, slot in zip(quotas, codes, counts, slots, strict=True):
            takes &= (count[every_row, slot] < quota.limit) | (values[slot] < 0)
        for count, slot in zip(counts, slots, strict=True):
            count[every_row, slot] += takes
        is_kept[:, place] = takes
        n_kept += takes
    return is_kept
