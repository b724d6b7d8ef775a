"""Accuracy from the ranks of the targets: recall, NDCG, reciprocal rank, mean rank."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral
from typing import Any

import numpy as np

from skace._sklearn_compat import Interval, validate_params
from skace._typing import FloatArray

__all__ = [
    "SCORE_CONSTRAINTS",
    "average_scores",
    "check_ranks",
    "check_weights",
    "mean_rank",
    "mrr_at_k",
    "ndcg_at_k",
    "recall_at_k",
]

_K = Interval(Integral, 1, None, closed="left")
SCORE_CONSTRAINTS = {
    "ranks": ["array-like"],
    "k": [_K],
    "average": ["boolean"],
    "sample_weight": ["array-like", None],
}


@validate_params(SCORE_CONSTRAINTS, prefer_skip_nested_validation=True)
def recall_at_k(
    ranks: Any, k: int, *, average: bool = True, sample_weight: Any = None
) -> float | FloatArray:
    r"""Share of the rows whose target is among the k best items.

    Each row has one target, so this is also the hit rate.

    Parameters
    ----------
    ranks : array-like of shape (n_rows,)
        Rank of each row's target, from 0 (best); ``inf`` is a miss.

    k : int
        Length of the list, at least 1.

    average : bool, default=True
        Whether to average over the rows. False returns one score per row, which the
        paired tests need.

    sample_weight : array-like of shape (n_rows,) or None, default=None
        Weight of each row in the average. None: equal weights.

    Returns
    -------
    score : float or ndarray of shape (n_rows,)
        Fraction in [0, 1]; 0 or 1 per row.

    Raises
    ------
    ValueError
        If a rank is negative or NaN, there is no row to average, or the weights do not fit the
        rows.

    Notes
    -----
    A row scores 1 if its rank is below k. Ties are part of the rank: items with a
    higher score plus half of the others with an equal score. So a model that gives n
    items the same score puts each of them at rank (n - 1) / 2, and gains nothing from
    the order of the table. A tie across place k counts as a whole, by its middle.

    Stability: stable.

    Examples
    --------
    >>> from skace.metrics import recall_at_k
    >>> recall_at_k([0, 3, 12, float("inf")], 10)
    0.5
    """
    ranks = check_ranks(ranks)
    return average_scores(
        (ranks < k).astype(np.float64), average=average, sample_weight=sample_weight
    )


@validate_params(SCORE_CONSTRAINTS, prefer_skip_nested_validation=True)
def ndcg_at_k(
    ranks: Any, k: int, *, average: bool = True, sample_weight: Any = None
) -> float | FloatArray:
    r"""Normalised discounted cumulative gain of the one target in the k best items.

    1 if the target is always first. A target at rank 1 (second place) scores .6309, at
    rank 9 .2891, and beyond k 0.

    Parameters
    ----------
    ranks : array-like of shape (n_rows,)
        Rank of each row's target, from 0 (best); ``inf`` is a miss.

    k : int
        Length of the list, at least 1.

    average : bool, default=True
        Whether to average over the rows. False returns one score per row, which the
        paired tests need.

    sample_weight : array-like of shape (n_rows,) or None, default=None
        Weight of each row in the average. None: equal weights.

    Returns
    -------
    score : float or ndarray of shape (n_rows,)
        Between 0 and 1.

    Raises
    ------
    ValueError
        If a rank is negative or NaN, there is no row to average, or the weights do not fit the
        rows.

    Notes
    -----
    With a single relevant item the ideal gain is 1, so a row of rank r scores :math:`1
    / \log_2(r + 2)` if r < k, else 0. See `recall_at_k` on ties.

    Stability: stable.

    References
    ----------
    .. [1] K. Jarvelin and J. Kekalainen, "Cumulated gain-based evaluation of IR
       techniques", ACM Transactions on Information Systems 20(4), 2002.

    Examples
    --------
    >>> from skace.metrics import ndcg_at_k
    >>> ndcg_at_k([0, 1, 10], 10, average=False).round(4)
    array([1.    , 0.6309, 0.    ])
    """
    ranks = check_ranks(ranks)
    gains = np.where(ranks < k, 1.0 / np.log2(ranks + 2.0), 0.0)
    return average_scores(gains, average=average, sample_weight=sample_weight)


@validate_params(
    {**SCORE_CONSTRAINTS, "k": [_K, None]},
    prefer_skip_nested_validation=True,
)
def mrr_at_k(
    ranks: Any, k: int | None = None, *, average: bool = True, sample_weight: Any = None
) -> float | FloatArray:
    r"""Mean reciprocal rank of the target.

    1 if the target is always first, 1/2 if it is always second.

    Parameters
    ----------
    ranks : array-like of shape (n_rows,)
        Rank of each row's target, from 0 (best); ``inf`` is a miss.

    k : int or None, default=None
        Length of the list, at least 1; a target beyond it scores 0. None ranks all items.

    average : bool, default=True
        Whether to average over the rows. False returns one score per row, which the
        paired tests need.

    sample_weight : array-like of shape (n_rows,) or None, default=None
        Weight of each row in the average. None: equal weights.

    Returns
    -------
    score : float or ndarray of shape (n_rows,)
        Between 0 and 1.

    Raises
    ------
    ValueError
        If a rank is negative or NaN, there is no row to average, or the weights do not fit the
        rows.

    Notes
    -----
    A row of rank r scores :math:`1 / (r + 1)` if r < k, else 0. See `recall_at_k` on
    ties.

    Stability: stable.

    Examples
    --------
    >>> from skace.metrics import mrr_at_k
    >>> mrr_at_k([0, 1, float("inf")])
    0.5
    """
    ranks = check_ranks(ranks)
    limit = np.inf if k is None else k
    # A miss needs no case of its own: 1 / inf is 0.
    inverse = np.where(ranks < limit, 1.0 / (ranks + 1.0), 0.0)
    return average_scores(inverse, average=average, sample_weight=sample_weight)


@validate_params(
    {"ranks": ["array-like"], "n_items": [_K, None], "sample_weight": ["array-like", None]},
    prefer_skip_nested_validation=True,
)
def mean_rank(ranks: Any, *, n_items: int | None = None, sample_weight: Any = None) -> float:
    """Mean rank of the target, from 0; lower is better.

    Unlike the scores at k it depends on the whole list, and mostly on the worst rows.

    Parameters
    ----------
    ranks : array-like of shape (n_rows,)
        Rank of each row's target, from 0 (best); ``inf`` is a miss.

    n_items : int or None, default=None
        Rank of a miss: the number of ranked items, one worse than the last of them.
        None: a single miss makes the mean infinite, so no miss is dropped silently.

    sample_weight : array-like of shape (n_rows,) or None, default=None
        Weight of each row in the average. None: equal weights.

    Returns
    -------
    score : float
        Mean rank, between 0 and ``n_items`` (or ``inf``).

    Raises
    ------
    ValueError
        If a rank is negative or NaN, a finite rank is not below ``n_items``, there is no row, or
        the weights do not fit the rows.

    Notes
    -----
    Stability: stable.

    Examples
    --------
    >>> from skace.metrics import mean_rank
    >>> mean_rank([0, 2, float("inf")], n_items=10)
    4.0
    >>> mean_rank([0, 2, float("inf")])
    inf
    """
    ranks = check_ranks(ranks)
    if n_items is not None:
        _check_below(ranks, n_items)
        ranks = np.where(np.isinf(ranks), float(n_items), ranks)
    weights = check_weights(sample_weight, ranks.size)
    if weights is not None:  # a row without weight does not count, even if it is a miss
        ranks, weights = ranks[weights > 0], weights[weights > 0]
    return float(average_scores(ranks, average=True, sample_weight=weights))


def check_ranks(ranks: Any) -> FloatArray:
    """One-dimensional float64 ranks, each at least 0, ``inf`` allowed."""
    values = np.asarray(ranks, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(
            f"ranks must be one-dimensional, got shape {values.shape}; pass one rank per row."
        )
    is_wrong = ~(values >= 0)  # true for NaN, too
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise ValueError(
            f"ranks[{row}] is {values[row]}; a rank is 0 for the best item, or inf for a miss."
        )
    return values


def check_weights(sample_weight: Any, n_rows: int) -> FloatArray | None:
    """One finite weight of at least 0 per row, not all 0; None stays None."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (n_rows,):
        raise ValueError(
            f"sample_weight must have one value per row: expected shape ({n_rows},), "
            f"got {weights.shape}."
        )
    is_wrong = ~(np.isfinite(weights) & (weights >= 0))
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise ValueError(
            f"sample_weight[{row}] is {weights[row]}; weights must be finite and at least 0."
        )
    if n_rows and not weights.any():
        raise ValueError("sample_weight is 0 in every row; at least one row must count.")
    return weights


def _check_below(ranks: FloatArray, n_items: int) -> None:
    """Refuse finite ranks that ``n_items`` items cannot have."""
    is_wrong = np.isfinite(ranks) & (ranks >= n_items)
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise ValueError(
            f"ranks[{row}] is {ranks[row]}, which {n_items} items cannot have; n_items must be "
            "the number of items that were ranked."
        )


def average_scores(scores: FloatArray, *, average: bool, sample_weight: Any) -> float | FloatArray:
    """Weighted mean of the scores of rows, or these themselves: how each metric here ends."""
    if not average:
        if sample_weight is not None:
            raise ValueError(
                "sample_weight has no effect with average=False; leave it out and weigh the "
                "rows where you average them."
            )
        return scores
    if scores.size == 0:
        raise ValueError("ranks is empty; there is no row to average over.")
    return float(np.average(scores, weights=check_weights(sample_weight, scores.size)))
