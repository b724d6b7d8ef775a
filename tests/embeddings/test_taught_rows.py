"""Rows that an encoder of texts may learn from: those of the fit, and not each user's last."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest

from skace import Interactions
from skace.embeddings.text._taught_rows import taught_rows

# Events of a are places 0 to 3 of the log, of b 4 and 5, of c 6.
X = Interactions([*"aaaabbc"], [5, 6, 7, 8, 6, 5, 7])


def _weighted(weights):
    return X.with_weights(weights)


@pytest.mark.parametrize(
    ("rows", "hold_out_last", "expected"),
    [
        (X, False, [0, 1, 2, 3, 4, 5, 6]),
        (X, True, [0, 1, 2, 4, 6]),  # the only row of c stays
        (X[[0, 2, 3, 5]], False, [0, 2, 3, 5]),
        (X[[0, 2, 3, 5]], True, [0, 2, 5]),
        (X[[3, 0, 0, 2]], True, [0, 2]),
        (_weighted([1, 1, 1, 0, 1, 1, 1]), True, [0, 1, 4, 6]),  # the last of a is place 2
        (_weighted([1, 0, 1, 1, 0, 0, 0]), False, [0, 2, 3]),
    ],
)
def test_rows_of_the_fit_without_the_last_of_each_user(rows, hold_out_last, expected):
    found = taught_rows(rows, hold_out_last=hold_out_last)
    assert found.positions.tolist() == expected
    assert found.users.tolist() == [[0, 0, 0, 0, 1, 1, 2][place] for place in expected]
    assert rows.catalog.item_ids[found.items].tolist() == X.items[expected].tolist()


def test_rows_weigh_what_their_events_weigh():
    weights = np.array([1, 2, 3, 4, 5, 6, 7.0])
    found = taught_rows(_weighted(weights), hold_out_last=True)
    assert found.weights.tolist() == weights[found.positions].tolist()
    assert taught_rows(X, hold_out_last=True).weights.tolist() == [1] * 5


@pytest.mark.parametrize(
    ("rows", "expected"), [(X, [1, 2, 3, 5]), (X[[0, 3, 4]], [1]), (X[[0, 4, 6]], [])]
)
def test_a_row_follows_the_row_before_it_of_the_same_user(rows, expected):
    assert taught_rows(rows, hold_out_last=False).follows.tolist() == expected
