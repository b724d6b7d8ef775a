"""Models that are made of sums over the events of a history."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

__all__ = ["by_popularity", "by_weights"]

_NEGLIGIBLE = 23.0  # decays after which an event counts less than 1e-10 of the newest


def by_popularity(rows, meta, w):  # noqa: ARG001 (as the others)
    """Popularity, whatever the history is."""
    return w["item_vectors"][:, 0].copy()


def by_weights(rows, meta, w):
    """Closed forms and neighbours: a row of weights for each event."""
    decay = meta["history_decay"]
    if decay is None:
        items, weights = np.unique(rows), None
    else:
        ages = np.arange(rows.size - 1, -1, -1)
        is_felt = ages < _NEGLIGIBLE * decay
        items, weights = rows[is_felt], np.exp(-ages[is_felt] / decay).astype(np.float32)
    if "coef" in w:
        coef = w["coef"][items]
        scores = coef.sum(axis=0) if weights is None else weights @ coef
        return scores.astype(np.float32)
    scores = np.zeros(w["indptr"].size - 1, dtype=np.float32)
    for place, item in enumerate(items):
        entries = slice(w["indptr"][item], w["indptr"][item + 1])
        weight = 1 if weights is None else weights[place]
        scores[w["indices"][entries]] += weight * w["data"][entries]
    return scores
