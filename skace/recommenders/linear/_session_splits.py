"""Regression rows of sessions: each as a set, and cut after each of its events."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import scipy.sparse as sp
from sklearn.preprocessing import normalize

from skace.recommenders.linear._sessions import session_parts, set_matrix

__all__ = ["session_rows"]

_NEGLIGIBLE = 23.0  # decays after which an event counts less than 1e-10 of the nearest


def session_rows(sessions, n_items, *, alpha, direction, decay, session_weights, n_entries):
    """Regression rows of SLIST, part by part.

    Parameters
    ----------
    sessions : Sessions
        What is learned from.
    n_items : int
        Number of columns of the model.
    alpha : float
        Share of the rows that are whole sessions, in [0, 1]; the rest are splits.
    direction : {"sr", "part", "all"}
        What a split reads.
    decay : float or None
        Weight of an event d events away from the split is exp(-d / decay).
    session_weights : ndarray of shape (n_sessions,)
        Weight of all rows of a session.
    n_entries : int
        About as many entries of the rows are held at once.

    Yields
    ------
    inputs, weighted, targets : scipy.sparse.csr_array of shape (n_rows, n_items)
        X, W X and Y of a part of the rows.
    """
    for numbers in session_parts(sessions.lengths * _reach(sessions.lengths, decay), n_entries):
        part, weights = sessions.part(numbers), session_weights[numbers]
        for share, rows in ((alpha, _set_rows), (1 - alpha, _split_rows)):
            if share == 0:
                continue
            inputs, targets, owners = rows(part, n_items, direction, decay)
            if owners.size == 0:
                continue
            inputs = normalize(inputs, norm="l1", copy=False)
            yield inputs, sp.csr_array(sp.diags_array(share * weights[owners]) @ inputs), targets


def _reach(lengths, decay):
    """Distance up to which events are felt in sessions of some lengths."""
    if decay is None:
        return lengths
    return np.minimum(lengths, int(min(np.ceil(_NEGLIGIBLE * decay), 2**31)))


def _set_rows(sessions, n_items, direction, decay):  # noqa: ARG001 - called like _split_rows
    """One row per session: the set of its items predicts itself."""
    inputs = set_matrix(sessions, np.ones(sessions.items.size), n_items)
    targets = set_matrix(sessions, sessions.weights, n_items)
    return inputs, targets, np.arange(sessions.lengths.size)


def _split_rows(sessions, n_items, direction, decay):
    """One row per event that is followed by another one."""
    owners = np.repeat(np.arange(sessions.lengths.size), sessions.lengths)
    splits = np.flatnonzero(np.append(owners[1:] == owners[:-1], False)[: owners.size])
    owners = owners[splits]
    bounds = sessions.offsets[owners], sessions.offsets[owners + 1] - 1
    # Which side of the split, and from which distance on.
    before = {"sr": [], "part": [(-1, 0)], "all": [(-1, 0), (1, 1)]}[direction]
    after = {"sr": [(1, 0)], "part": [(1, 0)], "all": [(1, 0), (-1, 1)]}[direction]

    def rows_of(anchors, sides, values):
        rows, events, weights = _bands(anchors, sides, decay, bounds)
        weights *= values[events]
        entries = (weights, (rows, sessions.items[events]))
        return sp.csr_array(entries, shape=(splits.size, n_items))

    if before:
        inputs = rows_of(splits, before, np.broadcast_to(1.0, sessions.items.shape))
    else:
        single = (np.ones(splits.size), sessions.items[splits], np.arange(splits.size + 1))
        inputs = sp.csr_array(single, shape=(splits.size, n_items))
    return inputs, rows_of(splits + 1, after, sessions.weights), owners


def _bands(anchors, sides, decay, bounds):
    """Rows, events and weights of the events on the sides of the anchors."""
    first, last = bounds
    longest = int((last - first).max(initial=0))
    reach = int(_reach(np.int64(longest), decay))
    steps = [(sign, distance) for sign, start in sides for distance in range(start, reach + 1)]
    rows, events = [], []
    for sign, distance in steps:
        found = anchors + sign * distance
        inside = np.flatnonzero((found >= first) & (found <= last))
        rows.append(inside.astype(np.int32))
        events.append(found[inside].astype(np.int32))
    weights = [1.0 if decay is None else np.exp(-distance / decay) for _, distance in steps]
    weights = np.repeat(weights, [inside.size for inside in rows])
    return np.concatenate(rows), np.concatenate(events), weights
