"""LeaveLastOut: whose row goes where."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV, check_cv, cross_val_score, cross_validate

from skace import Interactions
from skace.metrics import ndcg_scorer, ranking_scorer
from skace.model_selection import LeaveLastOut, leave_last_out
from skace.recommenders import PopularityEstimator

lengths_of_users = st.lists(st.integers(0, 6), min_size=1, max_size=8).filter(lambda n: max(n) > 2)


def _log(lengths):
    """Log whose items tell user and place: user 2's first event is item 20."""
    return Interactions.from_sequences(
        [[10 * user + place for place in range(n)] for user, n in enumerate(lengths)]
    )


def _items(X, splits):
    return [(X[train].items.tolist(), X[test].items.tolist()) for train, test in splits]


@pytest.mark.parametrize(
    ("n_splits", "expected"),
    [
        (1, [([0, 1, 2, 10, 20, 30], [3, 21, 31])]),
        (2, [([0, 1, 2, 10, 20, 21, 30, 31], [3]), ([0, 1, 10, 20, 21, 30, 31], [2])]),
        (
            3,
            [
                ([0, 1, 2, 10, 20, 21, 30, 31], [3]),
                ([0, 1, 10, 20, 21, 30, 31], [2]),
                ([0, 10, 20, 21, 30, 31], [1]),
            ],
        ),
    ],
)
def test_splits_of_users_with_four_one_two_and_two_events(n_splits, expected):
    X = _log([4, 1, 2, 2])
    assert _items(X, LeaveLastOut(n_splits).split(X)) == expected


def test_last_is_told_by_the_log_not_by_the_order_of_rows():
    X = _log([3, 2])[[4, 2, 0, 3, 1]]
    assert X.items.tolist() == [11, 2, 0, 10, 1]
    ((train, test),) = LeaveLastOut().split(X)
    assert train.tolist() == [2, 3, 4]
    assert test.tolist() == [0, 1]


def test_last_is_told_by_position_where_times_tie():
    X = Interactions(["u"] * 3, ["a", "b", "c"], [5, 5, 5])
    assert _items(X, LeaveLastOut().split(X)) == [(["a", "b"], ["c"])]


def test_repeats_of_an_event_are_one_row_and_go_together():
    X = _log([3])[[2, 0, 2, 1, 1]]
    (first, second) = LeaveLastOut(2).split(X)
    assert [part.tolist() for part in first] == [[1, 3, 4], [0, 2]]
    assert [part.tolist() for part in second] == [[1], [3, 4]]


def test_repeats_do_not_make_a_user_long_enough():
    X = _log([2, 1])[[2, 2, 2, 0, 1]]
    assert _items(X, LeaveLastOut().split(X)) == [([10, 10, 10, 0], [1])]


def test_last_means_last_row_of_x_not_of_the_log():
    X = _log([5, 5])[[0, 1, 2, 5, 6]]
    assert _items(X, LeaveLastOut().split(X)) == [([0, 1, 10], [2, 11])]


def test_split_of_the_training_part_serves_validation():
    X_train, X_test = leave_last_out(_log([4, 2, 3]))
    assert X_test.items.tolist() == [3, 11, 22]
    # User 1 has one row left: it trains, but does not validate.
    assert _items(X_train, LeaveLastOut().split(X_train)) == [([0, 1, 10, 20], [2, 21])]


def test_a_test_row_keeps_its_full_past():
    X = _log([4, 3])
    _, test = list(LeaveLastOut(2).split(X))[1]
    query = X[test]
    pasts = [X._log.items[s:e].tolist() for s, e in zip(query._starts, query._ends, strict=True)]
    assert pasts == [[0, 1], [4]]


@given(lengths_of_users, st.integers(1, 4), st.randoms(use_true_random=False))
def test_splits_hold_for_any_log(lengths, n_splits, random):
    X = _log(lengths)
    rows = random.choices(range(len(X)), k=len(X)) + list(range(len(X)))
    random.shuffle(rows)
    X = X[rows]
    splitter = LeaveLastOut(n_splits)
    if max(lengths) <= n_splits:
        with pytest.raises(ValueError, match="needs a user with at least"):
            next(splitter.split(X))
        return
    users, place = X.items // 10, X.items % 10
    size = np.array(lengths)[users]
    for j, (train, test) in enumerate(splitter.split(X), start=1):
        is_tested = size > n_splits
        np.testing.assert_array_equal(test, np.flatnonzero(is_tested & (place == size - j)))
        np.testing.assert_array_equal(train, np.flatnonzero(~is_tested | (place < size - j)))
        assert np.intersect1d(X._ends[train], X._ends[test]).size == 0


def test_a_million_events_take_no_loop(random_state):
    rng = np.random.default_rng(random_state)
    X = Interactions(rng.integers(100_000, size=300_000), np.zeros(300_000, dtype=int))
    ((train, test),) = LeaveLastOut().split(X)
    assert len(train) + len(test) == len(X)
    assert test.size == (np.bincount(X.users) > 1).sum()


def test_input_is_not_changed():
    X = _log([3, 2])
    before = X._ends.copy()
    list(LeaveLastOut().split(X))
    np.testing.assert_array_equal(X._ends, before)


class _Recorder(BaseEstimator):
    """Remembers the items it is fitted on; scores how many rows it is tested on."""

    def fit(self, X, y=None):
        self.items_ = X.items.tolist()
        return self

    def score(self, X, y=None):
        return float(len(X))


@pytest.mark.parametrize("routing", [False, True])
def test_cross_validate_takes_it_as_cv(routing):
    X = _log([4, 1, 3])
    with sklearn.config_context(enable_metadata_routing=routing):
        results = cross_validate(_Recorder(), X, cv=LeaveLastOut(2), return_estimator=True)
    assert results["test_score"].tolist() == [2.0, 2.0]
    assert [e.items_ for e in results["estimator"]] == [[0, 1, 2, 10, 20, 21], [0, 1, 10, 20]]


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.minutes)])
def test_grid_search_takes_it_as_cv(n_jobs):
    X = _log([5, 4, 6])
    search = GridSearchCV(
        PopularityEstimator(k=1),
        {"exclude_seen": [False, True]},
        cv=LeaveLastOut(2),
        scoring=ranking_scorer(["ndcg@10", "mrr"]),
        refit="ndcg@10",
        n_jobs=n_jobs,
        error_score="raise",
    ).fit(X)
    assert search.n_splits_ == 2
    assert search.best_params_ == {"exclude_seen": True}


def test_a_frame_given_to_a_search_is_stopped_by_the_splitter():
    frame = pd.DataFrame({"user_id": [1, 1], "item_id": [1, 2], "timestamp": [1, 2]})
    with pytest.raises(ValueError, match=r"^X is a frame, and a frame that was cut into folds"):
        cross_val_score(PopularityEstimator(k=1), frame, cv=LeaveLastOut(), scoring=ndcg_scorer())


def test_it_looks_and_travels_like_scikit_learns_splitters():
    splitter = LeaveLastOut(n_splits=3)
    assert repr(splitter) == "LeaveLastOut(n_splits=3)"
    assert splitter.get_n_splits() == splitter.get_n_splits(object(), None, None) == 3
    assert check_cv(splitter) is splitter
    for copied in (pickle.loads(pickle.dumps(splitter)), copy.deepcopy(splitter)):
        assert repr(copied) == repr(splitter)
    search = clone(GridSearchCV(PopularityEstimator(), {}, cv=splitter))
    assert repr(search.cv) == repr(splitter)


def test_groups_are_ignored_aloud():
    X = _log([3])
    with pytest.warns(
        UserWarning, match=r"^The groups parameter is ignored by LeaveLastOut, which"
    ):
        list(LeaveLastOut().split(X, groups=X.users))


WRAP = (
    "wrap it once with Interactions.from_sequences(histories) or Interactions(users, items, "
    "timestamps), then slice."
)


@pytest.mark.parametrize("split", [lambda X: next(LeaveLastOut().split(X)), leave_last_out])
@pytest.mark.parametrize(
    ("X", "error", "text"),
    [
        (
            pd.DataFrame({"user_id": [1], "item_id": [1], "timestamp": [1]}),
            ValueError,
            "X is a frame, and a frame that was cut into folds has lost every row's past; wrap "
            "it once with Interactions.from_frame(frame), then slice.",
        ),
        ([[1, 2], [3]], TypeError, f"X must be Interactions, got list; {WRAP}"),
        (np.zeros((2, 2), dtype=int), TypeError, f"X must be Interactions, got ndarray; {WRAP}"),
        (None, TypeError, f"X must be Interactions, got NoneType; {WRAP}"),
        (
            _log([3]).next_queries(),
            ValueError,
            "query rows have no item: they ask what comes next. Use rows of the log, not "
            "next_queries(), for fit, score and target_ranks.",
        ),
        (_log([3])[[]], ValueError, "X has no rows; there is nothing to split."),
        (
            _log([1, 1]),
            ValueError,
            "LeaveLastOut(n_splits=1) needs a user with at least 2 rows, but no user of X has "
            "more than 1; use fewer splits or TemporalSplit.",
        ),
    ],
)
def test_bad_input_is_named(split, X, error, text):
    with pytest.raises(error) as caught:
        split(X)
    assert str(caught.value) == text


@pytest.mark.parametrize("n_splits", [0, -1, 1.5, "2", None])
def test_a_bad_number_of_splits_raises_when_the_splitter_is_made(n_splits):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared in full
        LeaveLastOut(n_splits)
    assert str(caught.value) == (
        "The 'n_splits' parameter of LeaveLastOut must be an int in the range [1, inf). "
        f"Got {n_splits!r} instead."
    )
