"""Recommendations: lists of items and their scores, which can become a frame."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from narwhals.typing import IntoDataFrame

from skace._callers import caller_level
from skace._typing import IdArray
from skace.data import Catalog
from skace.recommenders._item_fields import frame_of

__all__ = ["Recommendations", "warn_of_short_lists"]


class _Pair(NamedTuple):
    """The two arrays that `recommend` returns."""

    item_ids: IdArray
    scores: npt.NDArray[np.float32]


class Recommendations(_Pair):
    """Result of `recommend`: a pair of arrays that can become a frame.

    Parameters
    ----------
    item_ids : ndarray of shape (n_rows, k)
        Recommended items, best first.

    scores : ndarray of shape (n_rows, k), float32
        Their scores.

    users : ndarray of shape (n_rows,) or None, default=None
        User id of each row, or the key of its history.

    Attributes
    ----------
    item_ids : ndarray of shape (n_rows, k)
        Recommended items, best first.

    scores : ndarray of shape (n_rows, k), float32
        Their scores; ``-inf`` for items that only fill up a row, because they were seen or a rule
        forbids them. For an empty history the scores are counts of training rows, which are not
        comparable with the scores of other rows.

    users : ndarray of shape (n_rows,) or None
        User ids of the rows, or the keys of the dict or Series of histories; None if the
        rows were plain lists.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace import PopularityEstimator
    >>> model = PopularityEstimator(k=2).fit([["pen", "ink"], ["pen", "ink", "pen"]])
    >>> item_ids, scores = model.recommend([["ink"]])
    >>> item_ids
    array([['pen', 'ink']], dtype='<U3')
    >>> model.recommend([["ink"]]).to_frame("pandas")
       row  rank item_id  score
    0    0     1     pen    3.0
    1    0     2     ink    2.0
    """

    users: IdArray | None = None
    _key_column = "user_id"

    def __new__(
        cls, item_ids: IdArray, scores: npt.NDArray[np.float32], users: IdArray | None = None
    ) -> Self:
        """Pair that remembers its users."""
        self = super().__new__(cls, item_ids, scores)
        self.users = users
        return self

    def to_frame(
        self,
        backend: Literal["pandas", "polars", "pyarrow"] | None = None,
        *,
        items: Catalog | IntoDataFrame | None = None,
        item: str = "item_id",
    ) -> Any:
        """Long frame with one line per recommended item.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"} or None, default=None
            Library of the frame. None: the library of ``items`` if that is a frame, or else the
            first of these that is installed.

        items : frame, Catalog or None, default=None
            Data on the items, such as titles: a frame with one row per item, or a
            catalog of texts. Its columns are added to each line.

        item : str, default="item_id"
            Column of ``items`` that holds the ids, if it is a frame.

        Returns
        -------
        frame : dataframe
            Columns ``row`` (from 0, in the order of X), ``user_id`` (unless the rows were plain
            lists), ``rank`` (from 1), ``item_id``, ``score`` and those of ``items``. Items with the
            score ``-inf``, which only fill up a row, have no line.

        Raises
        ------
        ImportError
            If none of the libraries is installed.

        ValueError
            If ``items`` lacks a recommended item, holds one twice, is a catalog without texts, or
            has a column with one of the names above.
        """
        return frame_of(self._columns(), backend, items, item)

    def to_lists(self) -> list[list[Any]]:
        """Recommended ids, one list per row, without items that only fill up the row.

        Returns
        -------
        lists : list of n_rows lists
            Of at most k ids each, best first.
        """
        is_eligible = self.scores > -np.inf
        return [ids[kept].tolist() for ids, kept in zip(self.item_ids, is_eligible, strict=True)]

    def _columns(self):
        """Columns of the frame, without what only fills up rows."""
        n_rows, k = self.item_ids.shape
        columns = {"row": np.repeat(np.arange(n_rows), k)}
        if self.users is not None:
            columns[self._key_column] = np.repeat(self.users, k)
        columns |= {
            "rank": np.tile(np.arange(1, k + 1), n_rows),
            "item_id": self.item_ids.ravel(),
            "score": self.scores.ravel(),
        }
        is_eligible = columns["score"] > -np.inf
        return {name: values[is_eligible] for name, values in columns.items()}


def warn_of_short_lists(scores):
    """Warn of lists that were filled up with items that may not be recommended.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, k)
        Of the items of the lists, best first.
    """
    n_short = int(np.isneginf(scores[:, -1]).sum())
    if n_short:
        warnings.warn(
            f"{n_short} of {len(scores)} row(s) have fewer than {scores.shape[1]} items that may "
            "be recommended; items of their history, or of which the model knows nothing, fill up "
            "these lists. recommend gives them a score of -inf; ask for a smaller k, or leave them "
            "out.",
            UserWarning,
            stacklevel=caller_level(),
        )
