"""Metrics that other papers report: with one target per row they are metrics of `_ranks`."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

from skace._sklearn_compat import validate_params
from skace._typing import FloatArray
from skace.metrics._ranks import SCORE_CONSTRAINTS, mrr_at_k, recall_at_k

__all__ = ["hit_rate_at_k", "map_at_k", "precision_at_k"]


@validate_params(SCORE_CONSTRAINTS, prefer_skip_nested_validation=True)
def hit_rate_at_k(
    ranks: Any, k: int, *, average: bool = True, sample_weight: Any = None
) -> float | FloatArray:
    """Share of the rows whose target is among the k best items.

    Papers on leave-one-out use this name for `recall_at_k`.

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
    With one target per row, a hit recalls all targets, so this equals `recall_at_k`.

    Stability: provisional.

    Examples
    --------
    >>> from skace.metrics import hit_rate_at_k
    >>> hit_rate_at_k([0, 3, 12, float("inf")], 10)
    0.5
    """
    return recall_at_k(ranks, k, average=average, sample_weight=sample_weight)


@validate_params(SCORE_CONSTRAINTS, prefer_skip_nested_validation=True)
def precision_at_k(
    ranks: Any, k: int, *, average: bool = True, sample_weight: Any = None
) -> float | FloatArray:
    """Share of the k best items that are the target.

    With one target per row it is `recall_at_k` divided by k.

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
        Fraction in [0, 1 / k].

    Raises
    ------
    ValueError
        If a rank is negative or NaN, there is no row to average, or the weights do not fit the
        rows.

    Notes
    -----
    A list of k items holds the single target once or not at all.

    Stability: provisional.

    Examples
    --------
    >>> from skace.metrics import precision_at_k
    >>> precision_at_k([0, 3, 12, float("inf")], 10)
    0.05
    """
    return recall_at_k(ranks, k, average=average, sample_weight=sample_weight) / k


@validate_params(SCORE_CONSTRAINTS, prefer_skip_nested_validation=True)
def map_at_k(
    ranks: Any, k: int, *, average: bool = True, sample_weight: Any = None
) -> float | FloatArray:
    """Mean average precision among the k best items.

    With one target per row it is `mrr_at_k`: the precision at the place of the target.

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
    Average precision is the mean, over the targets of a row, of the precision at the place of each
    target. For one target at rank r it is ``1 / (r + 1)`` if r < k, else 0.

    Stability: provisional.

    Examples
    --------
    >>> from skace.metrics import map_at_k
    >>> map_at_k([0, 1, 12], 10)
    0.5
    """
    return mrr_at_k(ranks, k, average=average, sample_weight=sample_weight)
