"""ShopOracle: the best answer that the law of a made-up shop allows."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from skace._topk import ranks_of_targets, top_k
from skace._typing import BoolArray, FloatArray, IdArray, IntArray
from skace._validation import first_few
from skace.data import Catalog, Interactions
from skace.data._inputs import rows_to_predict, rows_to_score
from skace.datasets.made._shop_events import ShopLaw

__all__ = ["ShopOracle"]

_BLOCK_ROWS = 1024  # rows whose pasts are read together
_BLOCK_ENTRIES = 2**22  # entries of a (rows, items) block of probabilities


class ShopOracle:
    r"""Exact probabilities of the next item in a shop made by `make_shop`.

    The oracle knows the law by which the shop's visitors choose. Of a visitor it knows only what a
    recommender sees: the past of the row. It weighs the tastes by Bayes' rule and ranks the items
    by their probability of coming next. No ranking has a higher expected NDCG or recall, so no
    model can be expected to exceed `best_ndcg`.

    It has the prediction methods of a recommender and can be scored like one, but is not fitted.

    Parameters
    ----------
    law : ShopLaw
        Parameters of the shop; private to `skace.datasets`.

    catalog : Catalog
        Items of the shop, in the order of the parameters.

    Attributes
    ----------
    item_ids_ : ndarray of shape (n_items,)
        Ids of the items, in the order of the columns of `decision_function`.

    See Also
    --------
    make_shop : Makes the shop and its oracle.

    Notes
    -----
    For a past :math:`x_1 \dots x_m` with distinct items S the probability of item j is

    .. math::
        p(j) = r \frac{\#\{i: x_i = j\}}{m}
        + (1 - r) [j \notin S] \, q_j \sum_z P(z | x)
        \frac{A_z(c(x_m), c(j))}{1 - \sum_{s \in S} q_s A_z(c(x_m), c(s))}

    with the repeat probability r (0 for an empty past), the cell c(j) of an item (category and
    style), its share q in the cell, and the transitions :math:`A_z` of taste z. A repeat says
    nothing about the taste, so :math:`P(z | x)` is the prior times the last factor for each
    :math:`x_i` that was new at its time.

    A row's past must contain all events of the visitor. After a filter such as `k_core`
    the probabilities are no longer exact.

    Time is O(n_rows * (longest past * n_tastes * n_cells + n_items)). Methods that return no matrix
    work in blocks of at most 32 MiB.

    Stability: provisional.

    Examples
    --------
    >>> from skace.datasets import make_shop
    >>> shop = make_shop(50, 60, 400, n_features=16, random_state=0)
    >>> X = shop.interactions
    >>> shop.oracle.decision_function(X[:3]).sum(axis=1)
    array([1., 1., 1.])
    >>> shop.oracle.predict(X.next_queries(), k=2).shape
    (50, 2)
    """

    def __init__(self, law: ShopLaw, catalog: Catalog) -> None:
        self._law = law
        self._catalog = Catalog(catalog.item_ids)

    def __repr__(self) -> str:
        return f"ShopOracle({self._catalog.n_items} items)"

    @property
    def item_ids_(self) -> IdArray:
        """Ids of the items, shape (n_items,)."""
        return self._catalog.item_ids

    def decision_function(self, X: Any) -> FloatArray:
        """Probability of each item to be the next one.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            Rows or queries; lists are complete histories, oldest event first.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, n_items), dtype float64
            In [0, 1], each row sums to 1; columns in the order of ``item_ids_``.

        Raises
        ------
        ValueError
            If a past holds an item that the shop does not have.
        """
        X = rows_to_predict(X)
        blocks = [block for _, block in self._score_blocks(X, exclude_seen=False)]
        return np.concatenate(blocks) if blocks else np.zeros((0, self._law.n_items))

    def predict(self, X: Any, k: int = 10, *, exclude_seen: bool = False) -> IdArray:
        """Recommend the ``k`` most probable next items.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            Rows or queries.

        k : int, default=10
            Length of the lists, at most n_items.

        exclude_seen : bool, default=False
            Put items of the past last.

        Returns
        -------
        items : ndarray of shape (n_rows, k)
            Item ids, most probable first.

        Raises
        ------
        ValueError
            If ``k`` is out of range; also as `decision_function` does.
        """
        X = rows_to_predict(X)
        self._check_k(k)
        best = [top_k(scores, k) for _, scores in self._score_blocks(X, exclude_seen=exclude_seen)]
        return self.item_ids_[np.concatenate([np.zeros((0, k), dtype=np.int64), *best])]

    def target_ranks(self, X: Any, *, exclude_seen: bool | None = None) -> FloatArray:
        """Rank of each row's own item among all items.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            Rows with targets. Of lists, every event is a row.

        exclude_seen : bool or None, default=None
            Take the items of the past out of the ranking; a target among them is a miss.
            None means False.

        Returns
        -------
        ranks : ndarray of shape (n_rows,), dtype float64
            Number of more probable items plus half of the equally probable others, from
            0. ``inf`` is a miss, such as an item that the shop does not have.

        Raises
        ------
        ValueError
            If the rows are queries; also as `decision_function` does.
        """
        X = rows_to_score(X)
        targets = self._rows_of(X.catalog)[X._item_codes]
        ranks = np.empty(len(X))
        for rows, scores in self._score_blocks(X, exclude_seen=bool(exclude_seen)):
            ranks[rows] = ranks_of_targets(scores, targets[rows])
        return ranks

    def best_ndcg(self, X: Any, k: int = 10, *, exclude_seen: bool = False) -> float:
        """Highest NDCG at ``k`` that any model can expect on these rows.

        The expectation is over the next items, given the pasts of the rows; the actual
        next items are not used. The NDCG of `target_ranks` on n rows scatters around it
        with a standard error of at most ``0.5 / sqrt(n)``.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            Rows or queries.

        k : int, default=10
            Length of the lists, at most n_items.

        exclude_seen : bool, default=False
            For models that never recommend items of the past, so that repeats are misses.

        Returns
        -------
        score : float
            Mean over the rows, in [0, 1].

        Raises
        ------
        ValueError
            If there are no rows; also as `predict` does.
        """
        return self._best_score(X, k, 1 / np.log2(np.arange(k) + 2.0), exclude_seen=exclude_seen)

    def best_recall(self, X: Any, k: int = 10, *, exclude_seen: bool = False) -> float:
        """Highest recall at ``k`` (hit rate) that any model can expect on these rows.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            Rows or queries.

        k : int, default=10
            Length of the lists, at most n_items.

        exclude_seen : bool, default=False
            For models that never recommend items of the past, so that repeats are misses.

        Returns
        -------
        score : float
            Mean over the rows, in [0, 1].

        Raises
        ------
        ValueError
            If there are no rows; also as `predict` does.
        """
        return self._best_score(X, k, np.ones(k), exclude_seen=exclude_seen)

    def taste_posterior(self, X: Any) -> FloatArray:
        """Probability of each latent taste given the row's past.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            Rows or queries.

        Returns
        -------
        posterior : ndarray of shape (n_rows, n_tastes)
            In [0, 1], each row sums to 1. For an empty past it is the prior.

        Raises
        ------
        ValueError
            If a past holds an item that the shop does not have.
        """
        X = rows_to_predict(X)
        blocks = [_read_pasts(self._law, pasts)[0] for _, pasts in self._past_blocks(X)]
        return np.concatenate([np.zeros((0, self._law.n_tastes)), *blocks])

    def _best_score(self, X: Any, k: int, gains: FloatArray, *, exclude_seen: bool) -> float:
        """Mean over the rows of the sum of gain * probability of the k best items."""
        X = rows_to_predict(X)
        self._check_k(k)
        if len(X) == 0:
            raise ValueError("X has no rows; there is nothing to score.")
        total = 0.0
        for _, scores in self._score_blocks(X, exclude_seen=exclude_seen):
            best = -np.sort(-np.partition(scores, -k, axis=1)[:, -k:], axis=1)
            total += float((np.maximum(best, 0.0) @ gains).sum())
        return total / len(X)

    def _check_k(self, k: int) -> None:
        if not 1 <= k <= self._law.n_items:
            raise ValueError(f"k must be in the range [1, {self._law.n_items}], got {k}.")

    def _rows_of(self, catalog: Catalog) -> IntArray:
        """Our row of each item of another catalog, -1 for unknown ones."""
        return self._catalog.row_of(catalog.item_ids)

    def _past_blocks(self, X: Interactions) -> Iterator[tuple[slice, "_Pasts"]]:
        """Yield row numbers and the pasts of these rows."""
        to_row = self._rows_of(X.catalog) if X._log.n_events else np.zeros(0, dtype=np.int64)
        for i in range(0, len(X), _BLOCK_ROWS):
            rows = slice(i, min(i + _BLOCK_ROWS, len(X)))
            yield rows, _gather_pasts(X[rows], to_row)

    def _score_blocks(
        self, X: Interactions, *, exclude_seen: bool
    ) -> Iterator[tuple[slice, FloatArray]]:
        """Yield row numbers and probabilities; seen items are -inf if they are excluded."""
        step = max(1, _BLOCK_ENTRIES // self._law.n_items)
        for rows, pasts in self._past_blocks(X):
            _, weights = _read_pasts(self._law, pasts)
            for i in range(0, len(weights), step):
                part = slice(i, min(i + step, len(weights)))
                scores = _probabilities(self._law, weights[part], pasts, part, exclude_seen)
                yield slice(rows.start + part.start, rows.start + part.stop), scores


@dataclass(frozen=True, slots=True, eq=False)
class _Pasts:
    """Pasts of some rows; rows of one user share the user's events."""

    items: IntArray  # (n_users, longest) item rows of each user, 0 behind the last event
    is_new: BoolArray  # (n_users, longest) whether the item had not come before
    row_users: IntArray  # (n_rows,)
    row_lengths: IntArray  # (n_rows,) events in the past of each row


def _gather_pasts(X: Interactions, to_row: IntArray) -> _Pasts:
    """Pasts of the rows of X, in our item rows; the users with the longest pasts come first."""
    starts = X._starts
    begins, row_users = np.unique(starts, return_inverse=True)
    row_lengths = X._ends - starts
    lengths = np.zeros(begins.size, dtype=np.int64)
    np.maximum.at(lengths, row_users, row_lengths)
    order = np.argsort(-lengths, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    begins, lengths = begins[order], lengths[order]
    columns = np.arange(lengths.max(initial=0))
    is_event = columns < lengths[:, None]  # (n_users, longest)
    positions = (begins[:, None] + columns)[is_event]
    codes = X._log.items[positions]
    items = np.zeros(is_event.shape, dtype=np.int64)
    items[is_event] = to_row[codes]
    if (items < 0).any():
        lacking = X.catalog.item_ids[np.unique(codes[to_row[codes] < 0])]
        raise ValueError(
            f"the shop has no item(s) {first_few(lacking)} of the pasts in X; the oracle knows "
            "only what its shop sells."
        )
    return _Pasts(items, _first_occurrences(items, is_event), place[row_users], row_lengths)


def _first_occurrences(items: IntArray, is_event: BoolArray) -> BoolArray:
    """Whether each event is the first of its user with that item."""
    users = np.nonzero(is_event)[0]
    keys = users * (items.max(initial=0) + 1) + items[is_event]
    is_first = np.zeros(keys.size, dtype=bool)
    is_first[np.unique(keys, return_index=True)[1]] = True
    is_new = np.zeros(items.shape, dtype=bool)
    is_new[is_event] = is_first
    return is_new


def _read_pasts(law: ShopLaw, pasts: _Pasts) -> tuple[FloatArray, FloatArray]:
    """Posterior of the tastes (n_rows, n_tastes) and weight of the cells (n_rows, n_cells).

    All users are read event by event together: before event t each knows ``step``, the
    weight of every cell for a new item under every taste.
    """
    n_users, longest = pasts.items.shape
    log_taste = np.tile(np.log(law.taste_prior), (n_users, 1))
    seen_share = np.zeros((n_users, law.n_cells))
    posterior = np.empty((pasts.row_lengths.size, law.n_tastes))
    weights = np.empty((pasts.row_lengths.size, law.n_cells))
    n_longer = np.searchsorted(-_user_lengths(pasts), -np.arange(longest + 1), "right")
    step = np.broadcast_to(law.start, (n_users, *law.start.shape))
    for t in range(longest + 1):
        n = n_longer[t]  # users with a past of t events or more
        if t:
            last = law.cell_of_item[pasts.items[:n, t - 1]]
            step = law.next_cells(last, seen_share[:n])
        rows = np.flatnonzero(pasts.row_lengths == t)
        users = pasts.row_users[rows]
        posterior[rows] = _normalised(log_taste[users])
        weights[rows] = np.einsum("nz,nzc->nc", posterior[rows], step[users])
        if t < longest:
            new = np.flatnonzero(pasts.is_new[:n, t])
            items = pasts.items[new, t]
            cells = law.cell_of_item[items]
            log_taste[new] += np.log(step[new, :, cells])
            seen_share[new, cells] += law.item_share[items]
    return posterior, weights


def _user_lengths(pasts: _Pasts) -> IntArray:
    """Longest past of each user."""
    lengths = np.zeros(len(pasts.items), dtype=np.int64)
    np.maximum.at(lengths, pasts.row_users, pasts.row_lengths)
    return lengths


def _normalised(logs: FloatArray) -> FloatArray:
    """Rows of probabilities from their logarithms, up to a constant per row."""
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _probabilities(
    law: ShopLaw, weights: FloatArray, pasts: _Pasts, part: slice, exclude_seen: bool
) -> FloatArray:
    """Probability of every item, shape (rows of the part, n_items); see `ShopOracle`."""
    lengths = pasts.row_lengths[part]
    probabilities = weights[:, law.cell_of_item]
    probabilities *= law.item_share
    probabilities[lengths > 0] *= 1 - law.repeat_probability
    is_past = np.arange(pasts.items.shape[1]) < lengths[:, None]
    rows = np.nonzero(is_past)[0]
    items = pasts.items[pasts.row_users[part]][is_past]
    probabilities[rows, items] = -np.inf if exclude_seen else 0.0
    if not exclude_seen:
        np.add.at(probabilities, (rows, items), law.repeat_probability / lengths[rows])
    return probabilities
