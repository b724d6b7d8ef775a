"""Items that are like an item, by what a fitted model has learned."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.preprocessing import normalize

from skace._row_blocks import row_blocks
from skace._topk import top_k
from skace._validation import check_ids, first_few
from skace.metrics._target_ranks import final_estimator
from skace.recommenders._recommend import model_within
from skace.recommenders._recommendations import Recommendations

__all__ = ["SimilarItems", "similar_items"]


class SimilarItems(Recommendations):
    """Result of `similar_items`: a pair of arrays that can become a frame.

    Parameters
    ----------
    item_ids : ndarray of shape (n_asked, k)
        Similar items, most similar first.

    scores : ndarray of shape (n_asked, k), float32
        How similar they are; ``-inf`` for items that only fill up a row.

    users : ndarray of shape (n_asked,) or None, default=None
        The given items; column ``asked_id`` in the frame.

    Notes
    -----
    Stability: provisional.
    """

    _key_column = "asked_id"


def similar_items(estimator: Any, ids: npt.ArrayLike, k: int = 10) -> SimilarItems:
    """Most similar items of the given items, by a fitted model.

    Parameters
    ----------
    estimator : fitted estimator
        A recommender, a Pipeline that ends in a recommender, or a fitted search over one of these.

    ids : array-like of shape (n_asked,)
        Item ids that the model knows.

    k : int, default=10
        Length of the lists, at least 1 and less than the number of items.

    Returns
    -------
    similar : SimilarItems
        A pair ``item_ids, scores`` of arrays of shape (n_asked, k), with ``to_lists`` and
        ``to_frame``. In the frame ``asked_id`` is the given item; ``items=`` adds titles.

    Raises
    ------
    ValueError
        If an id is unknown, or k is out of its range.

    TypeError
        If the model has neither item-to-item weights nor item vectors of more than one column.

    Notes
    -----
    **Closed forms and neighbours** have a weight for each pair of items. The score is what the
    given item, as the only event of a history, adds to the score of the other item. It tells what
    is taken after or with the given item, and is not symmetric.

    **Networks** have a vector for each item. The score is the cosine of the two vectors. A
    `DiversifiedRecommender` passes the question to its estimator.

    No item is in its own list. Items that the model cannot compare only fill up the list with a
    score of ``-inf``: items that it knows nothing about, and pairs that sparse weights leave out.

    Stability: provisional.

    Examples
    --------
    >>> import skace
    >>> from skace.recommenders import similar_items
    >>> lists = [["pen", "ink"], ["pen", "ink"], ["cap", "hat"], ["cap", "pen"]]
    >>> model = skace.EASEEstimator(k=1, regularization=1).fit(lists)
    >>> similar_items(model, ["ink", "hat"], k=1).item_ids
    array([['pen'],
           ['cap']], dtype='<U3')
    """
    ids = check_ids([ids] if isinstance(ids, str) else ids, "ids")
    model, _ = model_within(estimator, [ids.tolist()], "recommend")
    while hasattr(model, "estimator_"):
        model, _ = final_estimator(model.estimator_, [])
    n_items = model.item_ids_.size
    if not isinstance(k, Integral) or isinstance(k, bool) or not 1 <= k < n_items:
        raise ValueError(f"k must be an int in the range [1, {n_items}), got {k!r}.")
    asked = _columns_of(model, ids)
    compare = _by_weights(model) if hasattr(model, "coef_") else _by_vectors(model)
    unscored = model._unscored()
    places, best = np.empty((ids.size, k), dtype=np.int64), np.empty((ids.size, k), np.float32)
    for rows in row_blocks(ids.size, n_items):
        scores = compare(asked[rows])
        scores[np.arange(len(scores)), asked[rows]] = -np.inf
        if unscored is not None:
            scores[:, unscored] = -np.inf
        places[rows] = top_k(scores, k)
        best[rows] = np.take_along_axis(scores, places[rows], axis=1)
    return SimilarItems(model.item_ids_[places], best, ids)


def _columns_of(model, ids):
    """Column of each id; unknown ones are refused."""
    columns = model._rows_of_ids(ids, "ids") if ids.size else np.zeros(0, dtype=np.int64)
    if (columns < 0).any():
        unknown = ids[columns < 0]
        raise ValueError(
            f"ids holds {unknown.size} item id(s) that the model does not know: "
            f"{first_few(unknown)}; ask about ids of item_ids_."
        )
    return columns


def _by_weights(model):
    """Function of columns that returns what they add to each score."""

    def compare(columns):
        rows = model.coef_[columns]
        if not sp.issparse(rows):
            return rows.astype(np.float32)
        scores = np.full(rows.shape, -np.inf, dtype=np.float32)
        rows = rows.tocoo()
        scores[rows.coords] = rows.data
        return scores

    return compare


def _by_vectors(model):
    """Function of columns that returns cosines with all items, -inf where one has no length."""
    vectors = getattr(model, "item_vectors_", None)
    if vectors is None or vectors.shape[1] < 2:
        raise TypeError(
            f"{type(model).__name__} has neither weights of items for items nor item vectors; ask "
            "a closed form, ItemKNNEstimator or a network."
        )
    unit = normalize(vectors)
    has_none = ~unit.any(axis=1)

    def compare(columns):
        scores = unit[columns] @ unit.T
        scores[:, has_none] = -np.inf
        scores[has_none[columns]] = -np.inf
        return scores.astype(np.float32, copy=False)

    return compare
