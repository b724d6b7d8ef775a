"""Sessions: what a closed-form model reads of the log, and which of it it learns to predict."""
# SPDX-License-Identifier: BSD-3-Clause

import hashlib
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from skace.data._row_numbers import distinct

__all__ = ["Sessions", "fingerprint_of", "session_parts", "sessions_of", "set_matrix"]


def fingerprint_of(*arrays):
    """Digest of the contents of arrays."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Log of every user who has a training row, up to and including the last of them.

    ``items[offsets[s]:offsets[s + 1]]`` are the model columns of session ``s``, oldest
    first. Events of weight 0 are no training rows: they are read, never predicted.
    """

    items: np.ndarray  # (n_events,) int32
    offsets: np.ndarray  # (n_sessions + 1,)
    weights: np.ndarray  # (n_events,) float64
    first_rows: np.ndarray  # (n_sessions,) place of the first training row in ``items``
    times: np.ndarray | None  # (n_events,)

    @property
    def lengths(self):
        """Number of events of each session, shape (n_sessions,)."""
        return np.diff(self.offsets)

    def fingerprint(self):
        """Digest of everything that a model learns from."""
        times = () if self.times is None else (self.times,)
        return fingerprint_of(self.items, self.offsets, self.weights, *times)

    def part(self, numbers):
        """Some neighbouring sessions, by a slice of their numbers."""
        offsets = self.offsets[numbers.start : numbers.stop + 1]
        events = slice(offsets[0], offsets[-1])
        return Sessions(
            items=self.items[events],
            offsets=offsets - offsets[0],
            weights=self.weights[events],
            first_rows=self.first_rows[numbers] - offsets[0],
            times=None if self.times is None else self.times[events],
        )

    def with_learned_past(self):
        """These sessions, the events before the first training row taken as learned from."""
        return replace(self, weights=np.where(self._is_past(), 1.0, self.weights))

    def before_rows(self):
        """The part of each session before its first training row, taken as learned from."""
        is_old = self._is_past()
        kept = np.concatenate([[0], np.cumsum(is_old)])
        return Sessions(
            items=self.items[is_old],
            offsets=kept[self.offsets],
            weights=np.ones(int(is_old.sum())),
            first_rows=kept[self.offsets[:-1]],
            times=None if self.times is None else self.times[is_old],
        )

    def _is_past(self):
        """Which events stand before the first training row of their session, (n_events,)."""
        return np.arange(self.items.size) < np.repeat(self.first_rows, self.lengths)


def sessions_of(X, columns, weights, *, with_times=True):
    """Sessions of training rows.

    Parameters
    ----------
    X : Interactions
        Training rows.
    columns : ndarray of shape (n_catalog_items,)
        Model column of each item of X's catalog.
    weights : ndarray of shape (n_events,) or None
        Weight of each event of the log; rows of weight 0 are none.
    with_times : bool, default=True
        Whether timestamps are read, where the log has any.

    Returns
    -------
    sessions : Sessions
        One per user with a row in X, in the order of the log.
    """
    log = X._log
    rows = distinct(X._ends)
    if weights is not None:
        rows = rows[weights[rows] > 0]
    users, first = np.unique(log.users_at(rows), return_index=True)
    last = rows[np.append(first[1:], rows.size) - 1]
    starts = log.offsets[users]
    lengths = last + 1 - starts
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    shift = np.repeat(starts - offsets[:-1], lengths)
    events = np.arange(offsets[-1]) + shift
    targets = np.zeros(log.n_events)
    targets[rows] = 1.0 if weights is None else weights[rows]
    targets = targets[events]
    if (targets == 1).all():
        targets = np.broadcast_to(1.0, targets.shape)  # a single number in memory
    return Sessions(
        items=columns.astype(np.int32)[log.items[events]],
        offsets=offsets,
        weights=targets,
        first_rows=rows[first] - (starts - offsets[:-1]),
        times=log.timestamps[events] if with_times and log.timestamps is not None else None,
    )


def session_parts(sizes, n_entries):
    """Slices of neighbouring sessions of about ``n_entries`` together, or of one larger one."""
    bounds = np.flatnonzero(np.diff(np.cumsum(sizes) // n_entries)) + 1
    edges = np.concatenate([[0], bounds, [sizes.size]])
    return [slice(a, b) for a, b in pairwise(edges)]


def set_matrix(sessions, values, n_items):
    """Matrix of shape (n_sessions, n_items), the largest value of each item of a session."""
    rows = np.repeat(np.arange(sessions.lengths.size), sessions.lengths)
    # Ascending values: of equal places the last one written is the largest.
    order = np.lexsort((values, sessions.items, rows))
    rows, items, values = rows[order], sessions.items[order], values[order]
    is_last = np.append((np.diff(rows) != 0) | (np.diff(items) != 0), True)[: rows.size]
    rows, items, values = rows[is_last], items[is_last], values[is_last]
    shape = (sessions.lengths.size, n_items)
    matrix = sp.csr_array((values, (rows, items)), shape=shape)
    matrix.eliminate_zeros()
    return matrix
