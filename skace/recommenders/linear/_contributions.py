"""What each event of a history adds to the scores of items, where scores are sums over events."""
# SPDX-License-Identifier: BSD-3-Clause

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils.validation import check_is_fitted

from skace._arrays import plain_array
from skace._typing import Histories
from skace._validation import check_ids, first_few
from skace._windows import past_events
from skace.data import Interactions
from skace.data._inputs import rows_to_predict
from skace.recommenders.linear._history_weights import weights_of_events

__all__ = ["ContributionsMixin"]


class ContributionsMixin:
    """Recommender whose scores are sums over the events of a history."""

    def _rows_of_coef(self, histories):
        """What an event of weight 1 adds to each score, a row for each item of the histories."""
        return self.coef_

    def contributions(
        self, X: Interactions | Histories, item_ids: npt.ArrayLike
    ) -> list[npt.NDArray[np.float64]]:
        """How much each event of a history adds to the scores of some items.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            As in `predict`.

        item_ids : array-like of shape (n_rows,) or (n_rows, n_asked)
            Items of the model for each row, for example the result of `predict`.

        Returns
        -------
        contributions : list of n_rows ndarrays, float64
            One array of shape (n_history,) or (n_history, n_asked) for each row, the oldest event
            first. The entries add up to the score of the item, except if the score is ``-inf`` or
            the history is empty. Unknown items that ``handle_unknown`` ignores have 0.

        Raises
        ------
        ValueError
            If ``item_ids`` and X differ in the number of rows, the model does not know an item, or
            `predict` would refuse X.

        Examples
        --------
        >>> from skace.recommenders import ItemKNNEstimator
        >>> model = ItemKNNEstimator(k=1, shrinkage=1).fit([["pen", "ink"], ["pen", "cap", "ink"]])
        >>> (terms,) = model.contributions([["pen", "cap"]], ["ink"])
        >>> terms.round(2)
        array([0.12, 0.19])
        """
        check_is_fitted(self)
        return self._terms_by_row(rows_to_predict(X), item_ids)

    def _terms_by_row(self, X, item_ids):
        """`contributions` of rows."""
        asked = _asked_ids(item_ids, len(X))
        columns = self._rows_of_ids(asked.ravel(), "item_ids").reshape(asked.shape)
        if (columns < 0).any():
            raise ValueError(
                f"item_ids holds {int((columns < 0).sum())} item id(s) that the model does not "
                f"know: {first_few(asked[columns < 0])}; ask about ids of item_ids_."
            )
        histories = self._histories(X)
        is_read = self._columns_of(X)[X._log.items] >= 0
        if histories.extra_features is not None:  # unknown items were embedded, not left out
            is_read[:] = True
        terms = _terms_of_events(
            histories,
            self._rows_of_coef(histories),
            columns if columns.ndim == 2 else columns[:, None],
            self.history_decay,
            self.decay_by,
        )
        return _by_row(terms if asked.ndim == 2 else terms[:, 0], X, is_read)


def _asked_ids(item_ids, n_rows):
    """Ids of the items that are asked about, of shape (n_rows,) or (n_rows, n_asked)."""
    item_ids = plain_array(item_ids, "item_ids")
    if item_ids.ndim not in (1, 2) or len(item_ids) != n_rows:
        raise ValueError(
            f"item_ids must have shape (n_rows,) or (n_rows, n_asked) with n_rows={n_rows}, got "
            f"{item_ids.shape}; pass as many items for each row, for example what predict returns."
        )
    return check_ids(item_ids.ravel(), "item_ids").reshape(item_ids.shape)


def _terms_of_events(histories, coef, columns, decay, decay_by):
    """Summands of scores.

    Parameters
    ----------
    histories : Histories
        Pasts of n_rows rows with n_events events in all.
    coef : ndarray or scipy.sparse.csr_array of shape (n_known_items, n_items)
        What an event of weight 1 adds to each score.
    columns : ndarray of shape (n_rows, n_asked)
        Items whose scores are taken apart.
    decay : float or None
        As in `history_weights`.
    decay_by : {"events", "time"}
        As in `history_weights`.

    Returns
    -------
    terms : ndarray of shape (n_events, n_asked), float64
        Rows one after the other, each oldest event first. Events that repeat an item of a
        history that is a set share what it adds.
    """
    rows, events, weights = weights_of_events(histories, decay, decay_by)
    items = histories.items[events]
    weights = weights.astype(np.float64)
    if decay is None:
        places = rows * coef.shape[0] + items
        _, which, counts = np.unique(places, return_inverse=True, return_counts=True)
        weights /= counts[which]
    if rows.size == 0 or columns.size == 0:
        return np.zeros((rows.size, columns.shape[1]))
    added = coef[items[:, None], columns[rows]]
    return weights[:, None] * (added.toarray() if sp.issparse(added) else added)


def _by_row(terms, X, is_read):
    """Terms of each row of X: 0 for the events of its past that the model left out.

    ``is_read`` tells for each event of the log whether the model knows its item.
    """
    _, events = past_events(X._starts, X._ends)
    whole = np.zeros((events.size, *terms.shape[1:]))
    whole[is_read[events]] = terms
    offsets = np.concatenate([[0], np.cumsum(X._ends - X._starts)])
    return [whole[begin:end] for begin, end in pairwise(offsets)]
