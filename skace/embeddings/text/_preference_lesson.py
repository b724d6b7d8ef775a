"""PreferenceLesson: what has to be told apart, found out only when it is taught."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
from typing import Any, NamedTuple

import joblib
import numpy as np

from skace._typing import IntArray
from skace.data import Interactions
from skace.embeddings.text._collaborative import collaborative_categories, log_of_rows
from skace.embeddings.text._preference_readings import (
    PreferenceReadings,
    readings_of_items,
    readings_of_users,
)
from skace.embeddings.text._taught_rows import TaughtRows

__all__ = ["PreferenceLesson"]


class PreferenceLesson(NamedTuple):
    """Rows and texts, and the recommender whose categories the texts are to tell."""

    X: Interactions
    rows: TaughtRows
    texts: list[str]  # (n_texts,) different ones
    text_of_item: IntArray  # (n_items,) -1 for items without text
    estimator: Any  # with its seeds

    def digest(self) -> str | None:
        """Hash of all that the categories and their readers depend on.

        None for an estimator that cannot be written to a file, of which nobody can tell whether
        another one is equal.
        """
        log = self.X._log
        times = None if log.timestamps is None else log.timestamps[self.rows.positions]
        _, users = np.unique(self.rows.users, return_inverse=True)
        parts = (users.ravel(), self.rows.items, self.rows.weights, times)
        ids = self.X.catalog.item_ids
        whole = (parts, ids, self.texts, self.text_of_item, self.estimator)
        try:
            return str(joblib.hash(whole))
        except (pickle.PicklingError, AttributeError, TypeError):
            return None

    def categories(self, n_categories: int, rng: np.random.RandomState) -> IntArray:
        """Category of each item, -1 for those that were not learned, (n_items,)."""
        X = log_of_rows(self.X, self.rows.positions)
        return collaborative_categories(self.estimator, X, n_categories, rng)

    def readings(self, level: str, categories: IntArray, max_items: int) -> PreferenceReadings:
        """Who reads what, and what each should tell."""
        n_found = int(categories.max()) + 1
        if level == "user":
            matrices = readings_of_users(self.rows, self.text_of_item, categories, n_found)
        else:
            matrices = readings_of_items(self.text_of_item, categories, n_found)
        if matrices[0].shape[0] == 0:
            raise ValueError(
                f"none of the {int((categories >= 0).sum())} item(s) that the recommender has "
                "learned has a text, so that there is nothing to teach; give them texts."
            )
        return PreferenceReadings(self.texts, *matrices, max_items)
