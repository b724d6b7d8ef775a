"""Questions of users by their ids."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest

from skace import Interactions


@pytest.fixture
def X():
    users = ["cy", "al", "bo", "al", "cy", "cy"]
    return Interactions(users, ["a", "b", "c", "d", "a", "b"], [1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize("asked", [["bo", "cy"], ["cy", "al", "cy"], [], np.array(["al"])])
def test_queries_come_in_the_order_of_the_ids(X, asked):
    queries = X.queries_for(asked)
    assert queries.users.tolist() == list(asked)
    everybody = {user: row for row, user in enumerate(X.next_queries().users.tolist())}
    expected = X.next_queries()[[everybody[user] for user in asked]]
    np.testing.assert_array_equal(queries._ends, expected._ends)
    assert queries.is_query


def test_one_id_and_integers():
    X = Interactions([20, 3, 20], ["a", "b", "c"], [1, 2, 3])
    assert X.queries_for([20, 3]).users.tolist() == [20, 3]
    assert Interactions(["al"], ["a"]).queries_for("al").users.tolist() == ["al"]


def test_histories_end_at_the_last_row_of_these_rows(X):
    rows = X[X.timestamps < 5]
    assert (rows.queries_for(["cy"])._ends - rows.queries_for(["cy"])._starts).tolist() == [1]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (["al", "zoe", "xi"], "user_ids holds 2 user(s) without a row in X: 'xi', 'zoe'; leave"),
        ([1], "user_ids are integers (first 1), but the users of X are strings"),
        ([["al"]], "user_ids must be one-dimensional"),
    ],
)
def test_users_that_are_not_here_are_refused(X, asked, text):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is looked at
        X.queries_for(asked)
    assert text in str(raised.value)


def test_users_without_a_row_here_are_refused(X):
    with pytest.raises(ValueError, match=r"user_ids holds 1 user.s. without a row in X: 'bo'"):
        X[X.users != "bo"].queries_for(["bo"])
    with pytest.raises(ValueError, match="without a row in X"):
        X[:0].queries_for(["bo"])
