"""How often an item was taken after another one, near pairs counting more."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import scipy.sparse as sp

from skace.recommenders.linear._sessions import session_parts

__all__ = ["pair_counts"]

_PAIRS = 4_000_000  # that are held at once


def pair_counts(sessions, n_items, *, window, decay, reverse, user_power):
    """Weighted number of pairs of events of the same session, by their items.

    Parameters
    ----------
    sessions : Sessions
        What is read, and the weight as a target of each event.
    n_items : int
        Number of columns of the model.
    window : int or None
        Largest distance of a pair in events; None is any.
    decay : float or None
        A pair at distance d counts exp(-(d - 1) / decay); None counts all alike.
    reverse : float
        Weight of pairs whose target is the earlier event.
    user_power : float
        A pair of a session of n events counts n ** -user_power.

    Returns
    -------
    counts : scipy.sparse.csr_array of shape (n_items, n_items), float64
        Row: item that is read; column: item that is the target. The diagonal holds repeats.
    """
    counts = sp.csr_array((n_items, n_items))
    lengths = sessions.lengths
    reach = lengths if window is None else np.minimum(lengths, window)
    for numbers in session_parts(lengths * reach, _PAIRS):
        part = sessions.part(numbers)
        farthest = int(reach[numbers].max(initial=0))
        counts = counts + _counts_of_part(part, n_items, farthest, decay, reverse, user_power)
    counts.eliminate_zeros()
    return counts


def _counts_of_part(sessions, n_items, farthest, decay, reverse, user_power):
    """Counts of a few sessions, over distances up to ``farthest``."""
    lengths = sessions.lengths
    owners = np.repeat(np.arange(lengths.size), lengths)
    values = sessions.weights * np.maximum(lengths, 1.0)[owners] ** -user_power
    read, wanted, weights = [], [], []
    for distance in range(1, farthest + 1):
        first = np.flatnonzero(owners[distance:] == owners[:-distance])
        last = first + distance
        near = 1.0 if decay is None else np.exp((1 - distance) / decay)
        for before, after, share in ((first, last, near), (last, first, near * reverse)):
            if share > 0:
                read.append(sessions.items[before])
                wanted.append(sessions.items[after])
                weights.append(share * values[after])
    if not read:
        return sp.csr_array((n_items, n_items))
    places = (np.concatenate(read), np.concatenate(wanted))
    return sp.csr_array((np.concatenate(weights), places), shape=(n_items, n_items))
