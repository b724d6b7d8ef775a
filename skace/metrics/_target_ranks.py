"""Ranks of the targets by any fitted model: through pipelines and searches."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterator
from copy import copy
from typing import Any

import narwhals as nw
import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skace._row_blocks import row_blocks
from skace._topk import ranks_of_targets
from skace._typing import FloatArray, IntArray
from skace._windows import past_items
from skace.data import Catalog, Interactions
from skace.data._inputs import rows_to_score
from skace.data._tie_facts import warn_of_ties

__all__ = [
    "check_can_score",
    "check_exclude_seen",
    "check_scores",
    "columns_in",
    "final_estimator",
    "hide_seen",
    "model_and_rows",
    "own_exclude_seen",
    "rank_rows",
    "rows_to_rank",
    "rows_with_targets",
    "score_blocks",
    "scores_of_rows",
    "target_ranks",
    "without_exclusion",
]

_BLOCK_CELLS = 2**22  # scores held at once; 16 MiB in float32


def target_ranks(
    estimator: Any, X: Any, *, y: Any = None, exclude_seen: bool | None = None
) -> FloatArray:
    """Rank of each row's own item among all items, by any fitted model.

    `SequentialRecommender.target_ranks` for objects without that method: a Pipeline, a
    search, a frozen estimator. All rank-based figures follow from these ranks, so one
    call is enough for all of them.

    Parameters
    ----------
    estimator : fitted estimator
        A recommender, a Pipeline that ends in a recommender, or a fitted search over one of these.
        A final estimator without ``target_ranks`` is ranked through its ``decision_function``, in
        blocks of rows, with its ``item_ids_`` as columns.

    X : Interactions of shape (n_rows,), or list of sequences of item ids
        Rows with a target, for example the test rows of a splitter. Of a list, every event is a
        row, sequence after sequence, unless y is given.

    y : None or array-like of item ids, default=None
        For lists: the one target of each sequence, which comes after it; then only these targets
        are rows. For Interactions: None, or their own items.

    exclude_seen : bool or None, default=None
        Whether to take the items of each row's past out of the ranking (a target among them is a
        miss). None: the estimator's own setting.

    Returns
    -------
    ranks : ndarray of shape (n_rows,), dtype float64
        Number of items with a higher score plus half of the others with an equal score, from 0.
        ``inf`` is a miss: a target that the model does not know, or that was taken out.

    Raises
    ------
    ValueError
        If X is a frame or an array, X has query rows, or a score is NaN.

    TypeError
        If X is of another type, or the estimator cannot rank items.

    Warns
    -----
    TiedTargetsWarning
        If the order of events of one moment decides which of them is the target, or gives it away.

    Notes
    -----
    It needs the memory of a block of rows by all items, never of ``(n_rows, n_items)``.

    Stability: provisional.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> from skace import Interactions
    >>> from skace.metrics import target_ranks
    >>> class Shelf(BaseEstimator):
    ...     def fit(self, X, y=None):
    ...         self.item_ids_ = X.catalog.item_ids
    ...         return self
    ...
    ...     def decision_function(self, X):
    ...         return np.tile(-np.arange(self.item_ids_.size), (len(X), 1))
    >>> X = Interactions.from_sequences([["ink", "pen", "cap"]])
    >>> shelf = Shelf().fit(X)
    >>> target_ranks(shelf, X)
    array([1., 2., 0.])
    >>> target_ranks(shelf, [["pen", "ink"], ["pen"]], y=["cap", "pen"])
    array([0., 2.])
    """
    check_exclude_seen(exclude_seen)
    return rank_rows(*model_and_rows(estimator, X, y), exclude_seen)


def rows_to_rank(X: Any) -> Interactions:
    """Rows of Interactions with targets, at least one; anything else is refused."""
    if not (isinstance(X, Interactions) or nw.dependencies.is_into_dataframe(X)):
        raise TypeError(
            f"X must be Interactions, got {type(X).__name__}; wrap it once with "
            "Interactions.from_sequences(histories) or Interactions(users, items, timestamps), "
            "then slice."
        )
    return rows_with_targets(X)


def rows_with_targets(X: Any, y: Any = None) -> Interactions:
    """Rows of Interactions or of lists, at least one; frames and query rows are refused."""
    rows = rows_to_score(X, y)
    if len(rows) == 0:
        raise ValueError("X has no rows; there is nothing to rank.")
    return rows


def model_and_rows(
    estimator: Any, X: Any, y: Any = None, *, rows: Interactions | None = None
) -> tuple[Any, Interactions]:
    """Estimator that ranks, and the rows of X as the steps before it hand them on.

    ``rows`` are those of ``rows_with_targets(X, y)``, where the caller has them already.
    """
    rows = rows_with_targets(X, y) if rows is None else rows  # raises before any step works
    warn_of_ties(rows)
    model, handed = final_estimator(estimator, X)
    # Lists go through the steps as lists: as rows they would have no features to transform.
    return model, rows if handed is X else rows_with_targets(handed, y)


def check_exclude_seen(exclude_seen: Any) -> None:
    """Raise unless it is a bool or None."""
    if exclude_seen is not None and not isinstance(exclude_seen, (bool, np.bool_)):
        raise TypeError(f"exclude_seen must be a bool or None, got {exclude_seen!r}.")


def final_estimator(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Estimator that ranks, and X as the steps before it hand it on."""
    while not hasattr(estimator, "target_ranks"):
        if isinstance(estimator, Pipeline):
            X = _transform(estimator, X)
            estimator = estimator.steps[-1][1]
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            check_can_score(estimator)
            break
    return estimator, X


def _transform(pipeline: Pipeline, X: Any) -> Any:
    """X after all steps but the last."""
    for _, step in pipeline.steps[:-1]:
        if step is not None and not (isinstance(step, str) and step == "passthrough"):
            X = step.transform(X)
    return X


def check_can_score(estimator: Any) -> None:
    """Raise unless the items can be ranked through ``decision_function``."""
    if hasattr(estimator, "fit"):
        check_is_fitted(estimator)
    if not (hasattr(estimator, "decision_function") and hasattr(estimator, "item_ids_")):
        name = repr(estimator) if isinstance(estimator, str) else type(estimator).__name__
        raise TypeError(
            f"{name} cannot rank items: it has neither target_ranks nor decision_function "
            "together with item_ids_. Score a recommender, a Pipeline that ends in one, or a "
            "search over one with refit on."
        )


def rank_rows(estimator: Any, X: Interactions, exclude_seen: bool | None) -> FloatArray:
    """Ranks by the final estimator, whichever way it offers."""
    if not hasattr(estimator, "target_ranks"):
        return _ranks_by_scores(estimator, X, own_exclude_seen(estimator, exclude_seen))
    # None is not passed on: a third-party target_ranks(X) need not know the switch.
    options = {} if exclude_seen is None else {"exclude_seen": bool(exclude_seen)}
    return np.asarray(estimator.target_ranks(X, **options), dtype=np.float64)


def own_exclude_seen(estimator: Any, exclude_seen: bool | None) -> bool:
    """The switch, or where it is None the estimator's own one."""
    return bool(getattr(estimator, "exclude_seen", False) if exclude_seen is None else exclude_seen)


def _ranks_by_scores(estimator: Any, X: Interactions, exclude_seen: bool) -> FloatArray:
    """Ranks through ``decision_function``, block by block."""
    columns = columns_in(estimator.item_ids_, X)
    targets = columns[X._item_codes]
    estimator = without_exclusion(estimator)
    ranks = np.empty(len(X))
    for rows in score_blocks(len(X), len(estimator.item_ids_)):
        scores = scores_of_rows(estimator, X[rows])
        if exclude_seen:
            hide_seen(scores, X[rows], columns)
        ranks[rows] = ranks_of_targets(scores, targets[rows])
    return ranks


def without_exclusion(estimator: Any) -> Any:
    """Estimator whose ``decision_function`` leaves seen items in; the given one is not changed."""
    if not getattr(estimator, "exclude_seen", False):
        return estimator
    estimator = copy(estimator)
    estimator.exclude_seen = False
    return estimator


def columns_in(item_ids: Any, X: Interactions) -> IntArray:
    """Column of each catalog item of X among ``item_ids``, -1 for none, shape (X.n_items,)."""
    return Catalog(item_ids).row_of(X.catalog.item_ids)


def score_blocks(n_rows: int, n_items: int) -> Iterator[slice]:
    """Slices of rows whose scores fit in a block."""
    return row_blocks(n_rows, n_items, 8 * _BLOCK_CELLS)  # row_blocks counts in float64


def scores_of_rows(estimator: Any, X: Interactions) -> FloatArray:
    """Scores of a block, shape (n_rows, n_items), as an array that may be written to."""
    # A copy: the scores may be a view of what the model keeps.
    scores = np.array(estimator.decision_function(X), ndmin=2)
    expected = (len(X), len(estimator.item_ids_))
    if scores.shape != expected:
        raise ValueError(
            f"decision_function of {type(estimator).__name__} returned shape {scores.shape}, "
            f"expected {expected}: one column per item of item_ids_."
        )
    check_scores(scores, f"decision_function of {type(estimator).__name__}")
    return scores


def check_scores(scores: FloatArray, name: str) -> None:
    """Refuse NaN, which compares as no better and no worse than anything."""
    is_nan = np.isnan(scores)
    if is_nan.any():
        row, column = np.argwhere(is_nan)[0]
        raise ValueError(
            f"{name} has {int(is_nan.sum())} NaN score(s), first in row {row}, column {column} of "
            "its block; NaN has no rank."
        )


def hide_seen(scores: FloatArray, X: Interactions, columns: IntArray) -> None:
    """Set the scores of the items of each row's past to ``-inf``, in place.

    ``scores`` has shape (n_rows, n_items), ``columns`` maps catalog rows to its columns.
    """
    rows, items = past_items(X._log.items, X._starts, X._ends)
    seen = columns[items]
    scores[rows[seen >= 0], seen[seen >= 0]] = -np.inf
