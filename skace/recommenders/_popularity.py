"""PopularityEstimator: the same most popular items for everybody."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from skace._typing import HandleUnknown
from skace.recommenders._base import SequentialRecommender

__all__ = ["PopularityEstimator"]


class PopularityEstimator(SequentialRecommender):
    """Recommend the items with the most training rows.

    The baseline that any model has to beat. All models answer this way for a visitor
    without history.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    exclude_seen : bool, default=False
        Whether to leave items of the past out of recommendations.

    handle_unknown : {"error", "ignore"}, default="ignore"
        What to do with history items that the model was not fitted on. They do not
        change the scores.

    Attributes
    ----------
    item_ids_ : ndarray of shape (n_items,)
        Items in the order of the columns of `decision_function`.

    item_counts_ : ndarray of shape (n_items,), int64
        Training rows per item.

    item_vectors_ : ndarray of shape (n_items, 1), float32
        The popularity as a matrix of one column.

    popularity_ : ndarray of shape (n_items,), float64
        Training rows per item, counted by their ``sample_weight``.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace import PopularityEstimator
    >>> model = PopularityEstimator(k=2).fit([["pen", "ink"], ["pen"], ["cap", "pen"]])
    >>> model.predict([["ink"]])
    array([['pen', 'cap']], dtype='<U3')
    """

    _learns_order = False

    def __init__(
        self, k: int = 10, *, exclude_seen: bool = False, handle_unknown: HandleUnknown = "ignore"
    ) -> None:
        super().__init__(k, exclude_seen=exclude_seen, handle_unknown=handle_unknown)

    def _fit_rows(self, rows, task):
        self.item_vectors_ = self.popularity_[:, None].astype(np.float32)

    def _encode(self, histories):
        return np.ones((len(histories), 1), dtype=np.float32)
