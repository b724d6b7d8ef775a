"""Who reads what: texts and categories of users and of items."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
import scipy.sparse as sp

from skace import Interactions
from skace.embeddings.text._preference_readings import (
    PreferenceReadings,
    readings_of_items,
    readings_of_users,
)
from skace.embeddings.text._taught_rows import taught_rows

TEXT_OF_ITEM = np.array([0, 1, 1, -1, 2])  # items 1 and 2 have one text, 3 has none
CATEGORIES = np.array([0, 1, 0, 1, -1])  # 4 was not learned


def _of_users(X):
    rows = taught_rows(X, hold_out_last=False)
    found = readings_of_users(rows, TEXT_OF_ITEM, CATEGORIES, 2)
    return [part.toarray().tolist() for part in found]


def test_users_read_what_they_took_and_tell_its_categories():
    X = Interactions([*"aaaaab"], [0, 1, 1, 3, 4, 2])
    shown, targets = _of_users(X)
    assert shown == [[1, 2, 1], [0, 1, 0]]  # what came twice counts twice
    assert targets == [[0.25, 0.75], [1, 0]]


def test_categories_count_by_weight():
    X = Interactions([*"aa"], [0, 1], weights=[3, 1], catalog=None)
    rows = taught_rows(X, hold_out_last=False)
    _, targets = readings_of_users(rows, np.array([0, 1]), np.array([0, 1]), 2)
    assert targets.toarray().tolist() == [[0.75, 0.25]]


@pytest.mark.parametrize("item", [3, 4], ids=["no text", "no category"])
def test_users_without_texts_or_categories_read_nothing(item):
    X = Interactions([*"aabb"], [0, 1, item, item], catalog=None)
    text_of_item, categories = TEXT_OF_ITEM[[0, 1, item]], CATEGORIES[[0, 1, item]]
    rows = taught_rows(X, hold_out_last=False)
    shown, targets = readings_of_users(rows, text_of_item, categories, 2)
    assert (shown.shape[0], targets.toarray().tolist()) == (1, [[0.5, 0.5]])


def test_texts_tell_the_categories_of_their_items():
    shown, targets = readings_of_items(TEXT_OF_ITEM, CATEGORIES, 2)
    assert np.not_equal(shown.toarray(), 0).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert targets.toarray().tolist() == [[1, 0], [0.5, 0.5]]


SHOWN = sp.csr_array(np.array([[1, 1, 1, 1], [0, 0, 5, 0], [0, 1, 0, 1.0]]))
TARGETS = sp.csr_array(np.array([[0.5, 0.5], [1, 0], [0, 1.0]]))


def _readings(max_items=2):
    return PreferenceReadings(["a", "b", "c", "d"], SHOWN, TARGETS, max_items)


def test_a_reading_holds_each_text_once_and_who_is_shown_it():
    reading = _readings(4).draw(np.array([2, 1, 0]), np.random.RandomState(0))
    assert reading.texts == ["a", "b", "c", "d"]
    assert reading.places.tolist() == [1, 3, 2, 0, 1, 2, 3]
    assert reading.readers.tolist() == [0, 0, 1, 2, 2, 2, 2]
    assert reading.weights.tolist() == [1, 1, 5, 1, 1, 1, 1]
    assert reading.targets.tolist() == [[0, 1], [1, 0], [0.5, 0.5]]
    assert reading.targets.dtype == np.float32


def test_no_reader_is_shown_more_than_asked_for_and_all_are_drawn_in_time():
    rng, seen = np.random.RandomState(0), set()
    for _ in range(40):
        reading = _readings(2).draw(np.array([0]), rng)
        assert len(reading.texts) == 2
        seen |= set(reading.texts)
    assert seen == {"a", "b", "c", "d"}


def test_rates_are_the_mean_of_the_distributions():
    assert _readings().rates.tolist() == [0.5, 0.5]
    assert len(_readings()) == 3
