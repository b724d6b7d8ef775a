"""PreferenceReadings: what users or items are shown, and the categories they should tell."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from skace._typing import Float32Array, IntArray
from skace.embeddings.text._taught_rows import TaughtRows

__all__ = ["PreferenceReadings", "Reading", "readings_of_items", "readings_of_users"]


class Reading(NamedTuple):
    """A sample of the texts of some readers."""

    texts: list[str]  # (n_texts,) different ones
    places: IntArray  # (n_showings,) text of each showing
    readers: IntArray  # (n_showings,) below B, ascending
    weights: Float32Array  # (n_showings,) how much each counts
    targets: Float32Array  # (B, n_categories) distributions


class PreferenceReadings:
    """Readers, each with the texts of some items and a distribution over categories.

    Parameters
    ----------
    texts : list of str
        All different texts.
    shown : scipy.sparse.csr_array of shape (n_readers, n_texts)
        How much the texts count that a reader may be shown, such as how often the reader took
        them; none is without.
    targets : scipy.sparse.csr_array of shape (n_readers, n_categories)
        Distributions, of sum 1.
    max_items : int
        Most texts that a reader is shown at once.
    """

    def __init__(
        self, texts: list[str], shown: sp.csr_array, targets: sp.csr_array, max_items: int
    ) -> None:
        self._texts = texts
        self._shown = shown
        self._targets = targets
        self._max_items = max_items

    def __len__(self) -> int:
        return int(self._shown.shape[0])

    @property
    def rates(self) -> Float32Array:
        """Mean of the distributions, (n_categories,)."""
        mean: Float32Array = np.asarray(self._targets.mean(axis=0), dtype=np.float32)
        return mean

    def draw(self, rows: IntArray, rng: np.random.RandomState) -> Reading:
        """Some texts of each of these readers, not more than ``max_items``."""
        drawn = [self._draw_one(row, rng) for row in rows.tolist()]
        entries = np.concatenate(drawn)
        texts, places = np.unique(self._shown.indices[entries], return_inverse=True)
        readers = np.repeat(np.arange(rows.size), [part.size for part in drawn])
        targets = self._targets[rows].toarray().astype(np.float32)
        shown = [self._texts[text] for text in texts.tolist()]
        weights = self._shown.data[entries].astype(np.float32)
        return Reading(shown, places.ravel(), readers, weights, targets)

    def _draw_one(self, row: int, rng: np.random.RandomState) -> IntArray:
        """Entries of the matrix of texts."""
        own = np.arange(self._shown.indptr[row], self._shown.indptr[row + 1], dtype=np.int64)
        if own.size <= self._max_items:
            return own
        return rng.choice(own, size=self._max_items, replace=False)


def readings_of_users(
    rows: TaughtRows, text_of_item: IntArray, categories: IntArray, n_categories: int
) -> tuple[sp.csr_array, sp.csr_array]:
    """Texts and categories of what each user took.

    Parameters
    ----------
    rows : TaughtRows
        What users did.
    text_of_item : ndarray of shape (n_items,)
        Number of the text of each item, -1 for those without.
    categories : ndarray of shape (n_items,)
        Category of each item, -1 for those without.
    n_categories : int
        Number of categories.

    Returns
    -------
    shown, targets : scipy.sparse.csr_array
        Of shape (n_users, n_texts) and (n_users, n_categories). Users without a text or
        without a category are left out.
    """
    _, readers = np.unique(rows.users, return_inverse=True)
    return _readers_with_both(
        (readers, text_of_item[rows.items], int(text_of_item.max()) + 1),
        (readers, categories[rows.items], n_categories),
        rows.weights,
    )


def readings_of_items(
    text_of_item: IntArray, categories: IntArray, n_categories: int
) -> tuple[sp.csr_array, sp.csr_array]:
    """Text and categories of each different text; as in `readings_of_users`."""
    items = np.flatnonzero(text_of_item >= 0)
    texts = text_of_item[items]
    return _readers_with_both(
        (texts, texts, int(text_of_item.max()) + 1),
        (texts, categories[items], n_categories),
        np.ones(items.size),
    )


def _readers_with_both(shown, categories, weights):
    """Matrices of readers by texts and by categories, of readers who have both."""
    parts = []
    for readers, columns, n_columns in (shown, categories):
        is_there = columns >= 0
        places = (readers[is_there], columns[is_there])
        shape = (int(readers.max()) + 1, n_columns)
        parts.append(sp.csr_array(sp.coo_array((weights[is_there], places), shape=shape)))
    has_both = np.flatnonzero(np.all([np.diff(part.indptr) > 0 for part in parts], axis=0))
    texts, counts = (part[has_both] for part in parts)
    counts.data /= np.repeat(counts.sum(axis=1), np.diff(counts.indptr))
    return texts, counts
