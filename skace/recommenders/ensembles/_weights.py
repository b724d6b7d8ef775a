"""Weights of members, learned from evidence: for all rows, by group, and without a member."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from skace.recommenders.ensembles._evidence import ranks

__all__ = [
    "ByLikelihood",
    "ByMetric",
    "best_shares",
    "by_group",
    "ranks_by_group",
    "without_each",
]

_STEPS = (None, 0.02, 0.005)  # of a share; None goes through all of them


@dataclass(frozen=True, slots=True)
class ByMetric:
    """Weights with sum 1 that make a metric of the ranks large.

    Parameters
    ----------
    metric : RankMetric
        What is to be large.
    """

    metric: object

    def value(self, evidence, cells):
        """What is to be large, by weights (n_row_groups, n_item_groups, n_members)."""
        return self.metric.score(ranks_by_group(evidence, cells))

    def score(self, evidence, cells):
        """The metric of the rows, whatever their groups, by weights (n_item_groups, n_members)."""
        return self.metric.score(ranks(evidence.totals(cells), evidence.is_rival))

    def pooled(self, evidence, start=None):
        """Weights for all rows and items alike, (n_members,), by search from a start as well."""
        weights, _ = best_shares(
            lambda weights: self.score(evidence, weights[None]), evidence.n_members, start
        )
        return weights

    def of_items(self, evidence, pooled, n_groups):
        """Weights by group of items, (n_groups, n_members): one group after the other."""
        cells = np.tile(pooled, (n_groups, 1))
        for group in np.unique(evidence.item_groups[:, 0]):  # those of the rows' own items

            def score(weights, group=group):
                tried = cells.copy()
                tried[group] = weights
                return self.score(evidence, tried)

            cells[group], _ = best_shares(score, evidence.n_members, cells[group])
        return cells


@dataclass(frozen=True, slots=True)
class ByLikelihood:
    """Weights of at least 0 that make the rows' own items likely, by a softmax over all items.

    They are not scaled: the sum is the inverse of a temperature.
    """

    def value(self, evidence, cells):
        """Sum of the logarithms of the probabilities by weights of groups."""
        parts = [evidence.of_rows(evidence.row_groups == group) for group in range(len(cells))]
        return -sum(
            part.n_rows * _cost(own.ravel(), part, _offsets(part), own.shape)[0]
            for own, part in zip(cells, parts, strict=True)
            if part.n_rows
        )

    def pooled(self, evidence, start=None):
        """Weights for all rows and items alike, (n_members,)."""
        first = np.ones(evidence.n_members) / evidence.n_members if start is None else start
        return _most_likely(evidence, first[None])[0]

    def of_items(self, evidence, pooled, n_groups):
        """Weights by group of items, (n_groups, n_members)."""
        return _most_likely(evidence, np.tile(pooled, (n_groups, 1)))


def by_group(by, evidence, pooled, n_row_groups, n_item_groups, shrinkage):
    """Weights by group of rows and items.

    Parameters
    ----------
    by : ByMetric or ByLikelihood
        How to learn.
    evidence : Evidence
        What to learn from.
    pooled : ndarray of shape (n_members,)
        Weights for all rows.
    n_row_groups, n_item_groups : int
        Numbers of groups.
    shrinkage : float
        Rows whose own item is in a group at which its own weights count as much as the pooled
        ones.

    Returns
    -------
    cells : ndarray of shape (n_row_groups, n_item_groups, n_members)
        Where a group is that of no row, its weights are the pooled ones, and so are all if
        the rows themselves are not better by groups.
    """
    alike = np.tile(pooled, (n_row_groups, n_item_groups, 1))
    cells = alike.copy()
    for group in np.unique(evidence.row_groups):
        part = evidence.of_rows(evidence.row_groups == group)
        own = by.of_items(part, pooled, n_item_groups)
        n_rows = np.bincount(part.item_groups[:, 0], minlength=n_item_groups)[:, None]
        share = n_rows / np.maximum(n_rows + shrinkage, 1e-300)
        cells[group] = share * own + (1 - share) * pooled
    return cells if by.value(evidence, cells) > by.value(evidence, alike) else alike


def ranks_by_group(evidence, cells):
    """Ranks of the rows' own items by weights of groups, one group of rows after the other."""
    parts = [evidence.of_rows(evidence.row_groups == group) for group in range(len(cells))]
    found = zip(cells, parts, strict=True)
    return np.concatenate([ranks(part.totals(own), part.is_rival) for own, part in found])


def without_each(evidence, weights, shape, learn):
    """Weights that are learned without one member, (n_members, *shape, n_members).

    Without the only one they are 0.

    Parameters
    ----------
    evidence : Evidence
        Of all members.
    weights : ndarray of shape (n_members,)
        Of all members, to start from.
    shape : tuple of int
        Numbers of groups of rows and of items.
    learn : callable
        ``learn(evidence, start)`` gives weights, (*shape, n_members).
    """
    if evidence.n_members == 1:
        return np.zeros((1, *shape, 1))
    found = []
    for member in range(evidence.n_members):
        rest = np.delete(weights, member)
        start = rest * (weights.sum() / rest.sum()) if rest.sum() > 0 else None
        found.append(np.insert(learn(evidence.without(member), start), member, 0, axis=-1))
    return np.stack(found)


def best_shares(score, n_members, start=None):
    """Weights with the highest score, found one share after the other.

    Parameters
    ----------
    score : callable
        Function of weights of shape (n_members,) that sum to 1.
    n_members : int
        Number of weights.
    start : ndarray of shape (n_members,) or None
        Where to begin if no single member is better.

    Returns
    -------
    weights : ndarray of shape (n_members,)
        Not negative, with sum 1.
    best : float
        Their score.
    """
    starts = np.eye(n_members) if start is None else np.vstack([start, np.eye(n_members)])
    scores = [score(weights) for weights in starts]
    best, weights = max(scores), starts[int(np.argmax(scores))]
    for step in _STEPS:
        has_risen = n_members > 1
        while has_risen:
            has_risen = False
            for member in range(n_members):
                for other in _with_share(weights, member, step):
                    found = score(other)
                    if found > best:
                        best, weights, has_risen = found, other, True
    return weights, float(best)


def _with_share(weights, member, step):
    """Weights in which a member has other shares: all on a grid, or two near its own."""
    share = weights[member]
    shares = np.linspace(0, 1, 21) if step is None else np.clip([share - step, share + step], 0, 1)
    rest = weights.copy()
    rest[member] = 0
    total = rest.sum()
    # Alone, a member has nobody to give its share to but all others alike.
    others = rest / total if total > 0 else (np.arange(weights.size) != member) / (weights.size - 1)
    return [(1 - s) * others + s * np.eye(weights.size)[member] for s in shares]


def _most_likely(evidence, start):
    """Weights (n_item_groups, n_members) under which the rows' own items are most likely."""
    found = minimize(
        _cost, start.ravel(), args=(evidence, _offsets(evidence), start.shape), jac=True,
        method="L-BFGS-B", bounds=[(0, None)] * start.size,
    )  # fmt: skip
    return found.x.reshape(start.shape)


def _offsets(evidence):
    """Logarithm of what candidates stand for: -inf for what does not count."""
    with np.errstate(divide="ignore"):
        return np.log(evidence.shares)


def _cost(flat, evidence, offsets, shape):
    """Mean negative logarithm of the probability of the rows' own items, and its gradient."""
    totals = evidence.totals(flat.reshape(shape)).astype(np.float64) + offsets
    totals -= totals.max(axis=1, keepdims=True)
    chances = np.exp(totals)
    sums = chances.sum(axis=1, keepdims=True)
    cost = float(np.mean(np.log(sums[:, 0]) - totals[:, 0]))
    chances /= sums
    chances[:, 0] -= 1
    slopes = (chances / evidence.n_rows).astype(np.float32)
    if shape[0] == 1:
        return cost, np.tensordot(evidence.scores, slopes, axes=2).astype(np.float64)
    parts = [
        np.tensordot(evidence.scores, slopes * (evidence.item_groups == group), axes=2)
        for group in range(shape[0])
    ]
    return cost, np.concatenate(parts).astype(np.float64)
