"""Evidence: what members say of held-out items and of those that stand in their way."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass, replace

import numpy as np

from skace._topk import top_k

__all__ = ["Evidence", "candidates_of", "ranks"]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Scores that members give to candidates, of which the first of each row is its own item.

    Parameters
    ----------
    scores : ndarray of shape (n_members, n_rows, n_candidates), float32
        Comparable scores.
    shares : ndarray of shape (n_rows, n_candidates), float32
        How many items each candidate stands for: 1 for itself, more for one that was drawn, 0
        for one that does not count.
    row_groups : ndarray of shape (n_rows,)
        Group of each row.
    item_groups : ndarray of shape (n_rows, n_candidates)
        Group of each candidate.
    """

    scores: np.ndarray
    shares: np.ndarray
    row_groups: np.ndarray
    item_groups: np.ndarray

    @property
    def n_members(self):
        """Number of members."""
        return self.scores.shape[0]

    @property
    def n_rows(self):
        """Number of rows."""
        return self.scores.shape[1]

    @property
    def is_rival(self):
        """Which candidates stand for themselves, (n_rows, n_candidates)."""
        return self.shares == 1

    def of_rows(self, is_in):
        """Evidence of some of the rows."""
        return Evidence(
            self.scores[:, is_in],
            self.shares[is_in],
            self.row_groups[is_in],
            self.item_groups[is_in],
        )

    def without(self, member):
        """Evidence of all members but one."""
        return replace(self, scores=np.delete(self.scores, member, axis=0))

    def totals(self, cells):
        """Weighted scores, (n_rows, n_candidates), of weights (n_item_groups, n_members)."""
        if len(cells) == 1:
            return np.tensordot(cells[0].astype(np.float32), self.scores, axes=1)
        parts = zip(cells.T.astype(np.float32), self.scores, strict=True)
        return sum(weights[self.item_groups] * scores for weights, scores in parts)

    @classmethod
    def joined(cls, parts):
        """Evidence of blocks of rows as one."""
        return cls(
            np.concatenate([part.scores for part in parts], axis=1),
            np.concatenate([part.shares for part in parts]),
            np.concatenate([part.row_groups for part in parts]),
            np.concatenate([part.item_groups for part in parts]),
        )


def candidates_of(votes, targets, n_best, n_drawn, rng):
    """Columns in which rows are decided, and how many items each stands for.

    Parameters
    ----------
    votes : list of ndarray of shape (n_rows, n_items)
        Scores of each member; ``-inf`` marks what may not be recommended.
    targets : ndarray of shape (n_rows,)
        Column of each row's own item.
    n_best : int
        Best items of each member that are candidates.
    n_drawn : int
        Others that are drawn evenly, to stand for all the rest.
    rng : numpy.random.RandomState
        Source of these.

    Returns
    -------
    columns : ndarray of shape (n_rows, n_candidates)
        The target first.
    shares : ndarray of shape (n_rows, n_candidates), float32
        1 for each candidate the first time that it is listed; what is drawn stands for an
        equal part of the items that are not; 0 for what may not be recommended.
    """
    n_rows, n_items = votes[0].shape
    best = [top_k(scores, min(n_best, n_items)) for scores in votes]
    columns = np.concatenate([targets[:, None], *best], axis=1)
    is_open = np.logical_and.reduce([np.isfinite(scores) for scores in votes])
    shares = (is_first(columns) & np.take_along_axis(is_open, columns, axis=1)).astype(np.float32)
    if n_drawn == 0:
        return columns, shares
    np.put_along_axis(is_open, columns, values=False, axis=1)  # what is left to stand for
    drawn = rng.randint(n_items, size=(n_rows, n_drawn))
    is_kept = np.take_along_axis(is_open, drawn, axis=1)
    n_each = is_open.sum(axis=1) / np.maximum(is_kept.sum(axis=1), 1)
    rest = (is_kept * n_each[:, None]).astype(np.float32)
    # A draw that stands for one item is no rival either: that one may be drawn twice.
    rest[rest == 1] = np.nextafter(np.float32(1), np.float32(2))
    return np.concatenate([columns, drawn], axis=1), np.concatenate([shares, rest], axis=1)


def is_first(columns):
    """Whether each entry is the first of its value in its row."""
    order = np.argsort(columns, axis=1, kind="stable")
    ordered = np.take_along_axis(columns, order, axis=1)
    is_repeat = np.zeros(columns.shape, dtype=bool)
    np.put_along_axis(is_repeat, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return ~is_repeat


def ranks(scores, is_rival):
    """Rank of the target, the first candidate of each row, among its rivals."""
    own = scores[:, :1]
    better = ((scores > own) & is_rival).sum(axis=1)
    equal = ((scores == own) & is_rival).sum(axis=1) - 1
    return better + 0.5 * equal
