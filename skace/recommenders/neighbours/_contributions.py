"""What each event of a history adds to the scores of items, where scores are sums over events."""
# SPDX-License-Identifier: BSD-3-Clause

from itertools import pairwise

import numpy as np

from skace._arrays import plain_array
from skace._validation import check_ids
from skace._windows import past_events
from skace.recommenders.linear._history_weights import weights_of_events

__all__ = ["asked_ids", "by_row", "terms_of_events"]


def asked_ids(item_ids, n_rows):
    """Ids of the items that are asked about, of shape (n_rows,) or (n_rows, n_asked)."""
    item_ids = plain_array(item_ids, "item_ids")
    if item_ids.ndim not in (1, 2) or len(item_ids) != n_rows:
        raise ValueError(
            f"item_ids must have shape (n_rows,) or (n_rows, n_asked) with n_rows={n_rows}, got "
            f"{item_ids.shape}; pass as many items for each row, for example what predict returns."
        )
    return check_ids(item_ids.ravel(), "item_ids").reshape(item_ids.shape)


def terms_of_events(histories, coef, columns, decay, decay_by):
    """Summands of scores.

    Parameters
    ----------
    histories : Histories
        Pasts of n_rows rows with n_events events in all.
    coef : scipy.sparse.csr_array of shape (n_known_items, n_items)
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
    return weights[:, None] * coef[items[:, None], columns[rows]].toarray()


def by_row(terms, X, is_read):
    """Terms of each row of X: 0 for the events of its past that the model left out.

    ``is_read`` tells for each event of the log whether the model knows its item.
    """
    _, events = past_events(X._starts, X._ends)
    whole = np.zeros((events.size, *terms.shape[1:]))
    whole[is_read[events]] = terms
    offsets = np.concatenate([[0], np.cumsum(X._ends - X._starts)])
    return [whole[begin:end] for begin, end in pairwise(offsets)]
