"""Rules: all that a caller asks of the lists, besides being the best."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np

from skace._topk import top_k
from skace.recommenders.rules._item_lists import CalledLists, RowLists, SharedList, read_lists
from skace.recommenders.rules._quotas import best_within, read_quotas

__all__ = ["Rules"]


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """Which items may be in the list of which row, and how many of a group."""

    question: object  # Question
    columns: np.ndarray | None  # sorted ones that any row may have; None for all
    wanted: RowLists | CalledLists | None  # candidates of each row
    unwanted: RowLists | CalledLists | None  # what each row may not have
    quotas: tuple  # of Quota, over ``columns``

    @classmethod
    def read(cls, question, *, candidates=None, exclude=None, quotas=None, items=None):
        """Rules from the arguments of `recommend`, checked."""
        if candidates is None and exclude is None and quotas is None:
            return cls(question, None, None, None, ())
        wanted = read_lists(candidates, "candidates", question)
        unwanted = read_lists(exclude, "exclude", question)
        columns = None
        if isinstance(wanted, SharedList):
            columns, wanted = wanted.columns, None
            if columns.size == 0:
                raise ValueError(
                    "candidates is empty; give at least one item id that the model knows, or None "
                    "for all."
                )
        if isinstance(unwanted, SharedList):
            everything = np.arange(question.item_ids.size) if columns is None else columns
            if unwanted.columns.size:
                columns = np.setdiff1d(everything, unwanted.columns)
            unwanted = None
            if columns is not None and columns.size == 0:
                raise ValueError(
                    f"exclude leaves none of the {everything.size} items that could be "
                    "recommended; leave some of them in."
                )
        limits = read_quotas(quotas, items, question.item_ids)
        limits = tuple(quota.among(columns) for quota in limits)
        return cls(question, columns, wanted, unwanted, limits)

    @property
    def are_by_row(self):
        """Whether some rows may not have what others may."""
        return self.wanted is not None or self.unwanted is not None

    def width(self, k):
        """Length of lists of at most k items."""
        if self.columns is not None:
            k = min(k, self.columns.size)
        if isinstance(self.wanted, RowLists):
            k = min(k, max(1, self.wanted.longest))
        return min(k, self.question.item_ids.size)

    def forbid(self, scores, rows):
        """Set the scores of what some rows may not have to ``-inf``, in place."""
        for lists, is_allowed in ((self.wanted, True), (self.unwanted, False)):
            if lists is None:
                continue
            mask = lists.mask(rows, self.question)
            mask = mask if self.columns is None else mask[:, self.columns]
            np.copyto(scores, -np.inf, where=mask != is_allowed)

    def best(self, scores, k):
        """Places of the k best of each row, and their scores, each of shape (n_rows, k)."""
        if self.quotas:
            return best_within(scores, k, self.quotas)
        places = top_k(scores, k)
        return places, np.take_along_axis(scores, places, axis=1)
