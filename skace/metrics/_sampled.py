"""Ranks among sampled items, only for comparison with figures that were made so."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from skace._random import RANDOM_STATE, as_generator
from skace._sklearn_compat import Interval, StrOptions, validate_params
from skace._topk import ranks_of_targets
from skace._typing import BoolArray, FloatArray, IntArray
from skace.data import Interactions
from skace.metrics._target_ranks import (
    check_can_score,
    check_scores,
    columns_in,
    hide_seen,
    model_and_rows,
    own_exclude_seen,
    rows_to_rank,
    score_blocks,
    scores_of_rows,
    without_exclusion,
)

__all__ = ["sampled_ranks"]


@validate_params(
    {
        "estimator_or_scores": "no_validation",
        "X": "no_validation",
        "y": "no_validation",
        "n_candidates": [Interval(Integral, 1, None, closed="left")],
        "exclude_seen": ["boolean", None],
        "seen_targets": [StrOptions({"miss", "rank"})],
        "random_state": RANDOM_STATE,
    },
    prefer_skip_nested_validation=True,
)
def sampled_ranks(
    estimator_or_scores: Any,
    X: Any,
    *,
    y: Any = None,
    n_candidates: int = 100,
    exclude_seen: bool | None = None,
    seen_targets: str = "miss",
    random_state: Any = None,
) -> FloatArray:
    """Rank of each row's own item among items drawn at random.

    Use it only to compare with published figures that were made this way. A sampled
    rank is far better than the full rank, and the order of two models can change with
    the number of candidates [1]_. Use `target_ranks` to compare models.

    Parameters
    ----------
    estimator_or_scores : fitted estimator or array-like of shape (n_rows, n_items)
        An estimator that `target_ranks` accepts, with a ``decision_function``; or scores, one
        column per item of ``X.catalog.item_ids``.

    X : Interactions of shape (n_rows,), or list of sequences of item ids
        Rows with a target. With an estimator also lists: every event is a row, or only y if it is
        given.

    y : None or array-like of item ids, default=None
        As in `target_ranks`.

    n_candidates : int, default=100
        Number of items drawn for each row, uniformly, each at most once, never the
        target. Fewer candidates give better ranks.

    exclude_seen : bool or None, default=None
        Whether to leave the items of a row's past out of the draw. None: the estimator's own
        setting; for scores, False.

    seen_targets : {"miss", "rank"}, default="miss"
        How to treat a target that is in its row's own past, if the past is left out of the draw: as
        a miss, as in the full ranking without seen items, or with its rank. ``exclude_seen=True``
        and "rank" are the usual protocol with 100 negatives, see `sampled_candidates_scorer`.

    random_state : int, RandomState, Generator or None, default=None
        Source of the draws. With the same int two models get the same candidates.

    Returns
    -------
    ranks : ndarray of shape (n_rows,), dtype float64
        Number of candidates with a better score plus half of those with an equal score, between 0
        and ``n_candidates``; ``inf`` is a miss.

    Raises
    ------
    ValueError
        If a row has fewer items to draw from than ``n_candidates``; also as `target_ranks` does.

    TypeError
        If X is of another type, or the estimator cannot score items.

    Notes
    -----
    Scoring and drawing both take time proportional to ``n_rows * n_items``, and the memory of a
    block of rows. The result does not depend on the size of the block.

    Stability: provisional.

    References
    ----------
    .. [1] W. Krichene and S. Rendle, "On sampled metrics for item recommendation", KDD
       2020.

    Examples
    --------
    >>> from skace import Interactions
    >>> from skace.metrics import sampled_ranks
    >>> X = Interactions.from_sequences([["ink", "pen"]])
    >>> X.catalog.item_ids
    array(['ink', 'pen'], dtype='<U3')
    >>> sampled_ranks([[1.0, 2.0], [1.0, 2.0]], X, n_candidates=1, random_state=0)
    array([1., 0.])
    """
    generator = as_generator(random_state)
    asked = Candidates(n_candidates, exclude_seen, ranks_seen=seen_targets == "rank")
    if hasattr(estimator_or_scores, "fit") or hasattr(estimator_or_scores, "target_ranks"):
        return rank_among_drawn(*model_and_rows(estimator_or_scores, X, y), asked, generator)
    X = rows_to_rank(X)  # the catalog of a list has columns of nobody's choosing
    scores = _check_given_scores(estimator_or_scores, X)
    draw = _Draw(asked, np.arange(X.n_items), X.n_items, bool(exclude_seen), generator)
    return _ranks(draw, X, lambda rows: scores[rows])


@dataclass(frozen=True)
class Candidates:
    """Which items are drawn for a row, as a caller asks for it."""

    number: int
    exclude_seen: bool | None  # None: as the estimator is set
    ranks_seen: bool = False  # whether a target of the row's own past is ranked all the same


def rank_among_drawn(
    estimator: Any, X: Interactions, asked: Candidates, generator: np.random.Generator
) -> FloatArray:
    """Sampled ranks by the final estimator."""
    check_can_score(estimator)
    columns = columns_in(estimator.item_ids_, X)
    exclude_seen = own_exclude_seen(estimator, asked.exclude_seen)
    estimator = without_exclusion(estimator)
    draw = _Draw(asked, columns, len(estimator.item_ids_), exclude_seen, generator)
    return _ranks(draw, X, lambda rows: scores_of_rows(estimator, X[rows]))


@dataclass(frozen=True)
class _Draw:
    """How candidates are drawn."""

    asked: Candidates
    columns: IntArray  # (X.n_items,) score column of each catalog row, -1 for none
    n_items: int  # score columns
    exclude_seen: bool
    generator: np.random.Generator


def _check_given_scores(scores: Any, X: Interactions) -> FloatArray:
    """Score matrix with a row per row of X and a column per catalog item."""
    scores = np.asarray(scores)
    if scores.shape != (len(X), X.n_items):
        raise ValueError(
            f"scores must have shape {(len(X), X.n_items)} (rows of X by items of its catalog), "
            f"got {scores.shape}."
        )
    check_scores(scores, "scores")
    return scores


def _ranks(draw: _Draw, X: Interactions, score_block: Callable[[slice], FloatArray]) -> FloatArray:
    """Ranks among the candidates, block by block."""
    targets = draw.columns[X._item_codes]
    ranks = np.empty(len(X))
    for rows in score_blocks(len(X), draw.n_items):
        candidates, is_miss = _draw_candidates(draw, X[rows], targets[rows])
        own = np.maximum(targets[rows], 0)[:, None]
        scores = np.take_along_axis(score_block(rows), np.hstack([own, candidates]), axis=1)
        ranks[rows] = ranks_of_targets(scores, np.where(is_miss, -1, 0))
    return ranks


def _draw_candidates(draw: _Draw, X: Interactions, targets: IntArray) -> tuple[IntArray, BoolArray]:
    """Columns of the candidates, shape (n_rows, n_candidates), and rows without a target.

    Each item gets a random key and the highest keys win: without repeats, and whatever
    may not be drawn gets the lowest key.
    """
    keys = draw.generator.random((len(X), draw.n_items))
    if draw.exclude_seen:
        hide_seen(keys, X, draw.columns)
    known = np.flatnonzero(targets >= 0)
    is_miss = targets < 0
    if not draw.asked.ranks_seen:
        is_miss[known] = np.isneginf(keys[known, targets[known]])
    keys[known, targets[known]] = -np.inf
    n_left, n_wanted = np.count_nonzero(keys >= 0, axis=1), draw.asked.number
    if n_left.min() < n_wanted:
        raise ValueError(
            f"n_candidates={n_wanted}, but a row has only {n_left.min()} items to draw from; "
            "draw fewer, or rank all items with target_ranks."
        )
    first = draw.n_items - n_wanted
    return np.argpartition(keys, first, axis=1)[:, first:], is_miss
