"""TemporalSplit: one moment for all users."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import datetime
import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, reject
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, check_cv

from skace import Interactions
from skace.metrics import ndcg_scorer
from skace.model_selection import TemporalSplit
from skace.recommenders import PopularityEstimator

TIMES = [1, 2, 3, 3, 5, 8]
USERS = ["al", "al", "al", "bo", "bo", "cy"]


def _log(times, dtype=None):
    """One item per event, numbered as given; six users at most."""
    times = np.asarray(times, dtype=dtype)
    return Interactions(np.arange(times.size) % 3, np.arange(times.size), times)


def _times(X, splits):
    return [
        (sorted(X[train].timestamps.tolist()), sorted(X[test].timestamps.tolist()))
        for train, test in splits
    ]


@pytest.mark.parametrize(
    ("cuts", "expected"),
    [
        pytest.param(5, [([1, 2, 3, 3], [5, 8])], id="a number"),
        pytest.param([3], [([1, 2], [3, 3, 5, 8])], id="rows at the cut are tested, all of them"),
        pytest.param([2.5], [([1, 2], [3, 3, 5, 8])], id="between two times"),
        pytest.param(
            [3, 5], [([1, 2], [3, 3]), ([1, 2, 3, 3], [5, 8])], id="a period ends at the next cut"
        ),
        pytest.param(
            (2, 4, 8),
            [([1], [2, 3, 3]), ([1, 2, 3, 3], [5]), ([1, 2, 3, 3, 5], [8])],
            id="three periods",
        ),
    ],
)
def test_cuts_divide_all_users_at_once(cuts, expected):
    X = Interactions(USERS, list("abcdef"), TIMES)
    assert _times(X, TemporalSplit(cuts=cuts).split(X)) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"test_size": 1}, [([1, 2, 3, 3, 5], [8])], id="one row"),
        pytest.param({"test_size": 2}, [([1, 2, 3, 3], [5, 8])], id="two rows"),
        pytest.param({"test_size": 3}, [([1, 2], [3, 3, 5, 8])], id="a tie makes it larger"),
        pytest.param({"test_size": 0.3}, [([1, 2, 3, 3], [5, 8])], id="a share, rounded up"),
        pytest.param({}, [([1, 2, 3, 3, 5], [8])], id="by default a tenth"),
        pytest.param(
            {"n_splits": 2, "test_size": 2},
            [([1, 2], [3, 3]), ([1, 2, 3, 3], [5, 8])],
            id="two periods, oldest first",
        ),
    ],
)
def test_periods_by_size(options, expected):
    X = Interactions(USERS, list("abcdef"), TIMES)
    assert _times(X, TemporalSplit(**options).split(X)) == expected


DAYS = ["2014-01-01", "2014-01-02", "2014-01-02", "2014-03-01"]


@pytest.mark.parametrize("unit", ["datetime64[D]", "datetime64[s]", "datetime64[ns]"])
@pytest.mark.parametrize(
    "cut",
    [
        "2014-01-02",
        np.datetime64("2014-01-02"),
        np.datetime64("2014-01-02T00:00:00.000000001"),
        datetime.datetime(2014, 1, 2),
        datetime.date(2014, 1, 2),
        pd.Timestamp("2014-01-02"),
        ["2014-01-02", "2014-02-01"],
        pd.to_datetime(["2014-01-02", "2014-02-01"]),
    ],
    ids=str,
)
def test_cuts_of_dates(unit, cut):
    X = _log(DAYS, unit)
    splits = list(TemporalSplit(cuts=cut).split(X))
    n_before = 3 if "001" in str(cut)[-4:] else 1  # a nanosecond later the day has begun
    assert len(splits[0][0]) == n_before
    assert sum(len(test) for _, test in splits) == 4 - n_before


def test_periods_by_size_of_dates():
    X = _log(DAYS, "datetime64[s]")
    ((train, test),) = TemporalSplit(test_size=2).split(X)
    assert X[train].timestamps.astype(str).tolist() == ["2014-01-01T00:00:00"]
    assert len(test) == 3


def test_rows_keep_the_order_and_repeats_of_x():
    X = _log([1, 2, 3, 4, 5, 6])
    rows = [5, 0, 3, 5, 1]
    times = X[rows].timestamps
    ((train, test),) = TemporalSplit(cuts=4).split(X[rows])
    np.testing.assert_array_equal(train, np.flatnonzero(times < 4))
    np.testing.assert_array_equal(test, np.flatnonzero(times >= 4))


@given(
    st.lists(st.integers(0, 12), min_size=2, max_size=40),
    st.integers(1, 4),
    st.one_of(st.integers(1, 6), st.floats(0.05, 0.5)),
)
def test_no_period_knows_its_future_and_ties_stay_together(times, n_splits, test_size):
    X = _log(times)
    splitter = TemporalSplit(n_splits, test_size=test_size)
    try:
        splits = list(splitter.split(X))
    except ValueError:
        reject()
    assert len(splits) == splitter.get_n_splits() == n_splits
    t = X.timestamps
    least = test_size if isinstance(test_size, int) else test_size * t.size
    for train, test in splits:
        assert t[train].max() < t[test].min()
        assert not np.isin(t[test], np.delete(t, test)).any()
    assert len(splits[-1][1]) >= least
    np.testing.assert_array_equal(
        np.sort(np.concatenate([splits[0][0], *(test for _, test in splits)])), np.arange(t.size)
    )


def test_a_later_period_trains_on_the_earlier_one():
    X = _log(np.arange(20))
    splits = list(TemporalSplit(3, test_size=4).split(X))
    for (train, test), (later, _) in pairwise(splits):
        assert set(later) == set(train) | set(test)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.minutes)])
def test_grid_search_takes_it_as_cv(routing, n_jobs, random_state):
    rng = np.random.default_rng(random_state)
    X = Interactions(rng.integers(5, size=60), rng.integers(8, size=60), np.arange(60))
    cv, scorer = TemporalSplit(2, test_size=15), ndcg_scorer(k=3)
    settings = [False, True]
    with sklearn.config_context(enable_metadata_routing=routing):
        search = GridSearchCV(
            PopularityEstimator(k=1),
            {"exclude_seen": settings},
            cv=cv,
            scoring=scorer,
            n_jobs=n_jobs,
            error_score="raise",
        ).fit(X)
    assert search.n_splits_ == 2
    expected = [
        np.mean([scorer(PopularityEstimator(1, exclude_seen=s).fit(X[a]), X[b])
                 for a, b in cv.split(X)])
        for s in settings
    ]  # fmt: skip
    assert expected[0] != expected[1]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected)


def test_it_looks_and_travels_like_scikit_learns_splitters():
    splitter = TemporalSplit(cuts=[3, 5])
    assert repr(splitter) == "TemporalSplit(cuts=[3, 5], n_splits=1, test_size=0.1)"
    assert splitter.get_n_splits() == splitter.get_n_splits(object(), None, None) == 2
    assert check_cv(splitter) is splitter
    for copied in (pickle.loads(pickle.dumps(splitter)), copy.deepcopy(splitter)):
        assert repr(copied) == repr(splitter)
    search = clone(GridSearchCV(PopularityEstimator(), {}, cv=splitter))
    assert repr(search.cv) == repr(splitter)
    cuts = [1, 2]
    assert TemporalSplit(2, cuts=cuts).cuts is cuts


def test_groups_are_ignored_aloud():
    X = _log(TIMES)
    with pytest.warns(UserWarning, match=r"^The groups parameter is ignored by TemporalSplit, whi"):
        list(TemporalSplit().split(X, groups=X.users))


@pytest.mark.parametrize(
    ("splitter", "X", "error", "text"),
    [
        (
            TemporalSplit(),
            Interactions.from_sequences([["a", "b"]]),
            ValueError,
            "TemporalSplit needs timestamps, but the log of X has none; pass timestamps to "
            "Interactions, or use LeaveLastOut.",
        ),
        (
            TemporalSplit(),
            [["a"]],
            TypeError,
            "X must be Interactions, got list; wrap it once with "
            "Interactions.from_sequences(histories) or Interactions(users, items, timestamps), "
            "then slice.",
        ),
        (
            TemporalSplit(),
            pd.DataFrame({"user_id": [1], "item_id": [1], "timestamp": [1]}),
            ValueError,
            "X is a frame, and a frame that was cut into folds has lost every row's past; wrap "
            "it once with Interactions.from_frame(frame), then slice.",
        ),
        (
            TemporalSplit(),
            _log(TIMES).next_queries(),
            ValueError,
            "query rows have no item: they ask what comes next. Use rows of the log, not "
            "next_queries(), for fit, score and target_ranks.",
        ),
        (
            TemporalSplit(cuts="2014-01-01"),
            _log(TIMES),
            ValueError,
            "cuts are 2014-01-01T00:00:00.000000, but the timestamps are numbers (first 1); give "
            "numbers instead of datetimes.",
        ),
        (
            TemporalSplit(cuts=1388534400),
            _log(DAYS, "datetime64[D]"),
            ValueError,
            "cuts are 1388534400, but the timestamps are datetimes (first 2014-01-01); give "
            "datetimes instead of numbers.",
        ),
        (
            TemporalSplit(cuts=1),
            _log(TIMES),
            ValueError,
            "there are no training rows before the cut 1; the rows of X are from 1 to 8.",
        ),
        (
            TemporalSplit(cuts=[2, 9]),
            _log(TIMES),
            ValueError,
            "there are no test rows from the cut 9; the rows of X are from 1 to 8.",
        ),
        (
            TemporalSplit(2, test_size=3),
            _log(TIMES),
            ValueError,
            "2 test period(s) of 3 row(s) leave no training rows of the 6 of X; lower test_size "
            "or n_splits.",
        ),
        (
            TemporalSplit(test_size=0.5),
            _log([4, 4, 4, 7]),
            ValueError,
            "1 test period(s) of 2 row(s) would begin at 4, but rows of equal time are not "
            "divided (first time 4); change test_size or n_splits, or give cuts.",
        ),
        (
            TemporalSplit(2, test_size=1),
            _log([1, 7, 7, 7]),
            ValueError,
            "2 test period(s) of 1 row(s) would begin at 7, 7, but rows of equal time are not "
            "divided (first time 1); change test_size or n_splits, or give cuts.",
        ),
    ],
)
def test_bad_input_is_named(splitter, X, error, text):
    with pytest.raises(error) as caught:
        list(splitter.split(X))
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"n_splits": 0},
            "The 'n_splits' parameter of TemporalSplit must be an int in the range [1, inf). Got "
            "0 instead.",
        ),
        (
            {"test_size": 1.5},
            "The 'test_size' parameter of TemporalSplit must be an int in the range [1, inf) or "
            "a float in the range (0.0, 1.0). Got 1.5 instead.",
        ),
        ({"cuts": []}, "cuts is empty; give at least one moment."),
        ({"cuts": "soon"}, "cuts is 'soon', which is no moment; give one, or leave it out."),
        (
            {"cuts": [[1, 2]]},
            "cuts must be one moment, a number, a datetime or an ISO string, got [1, 2].",
        ),
        (
            {"cuts": [1, "2014-01-01"]},
            "cuts must be all numbers, or all datetimes with a time zone, or all without one, got "
            "[1, '2014-01-01'].",
        ),
        ({"cuts": [3, 3]}, "cuts must ascend, got [3, 3]."),
        ({"cuts": [3, 2]}, "cuts must ascend, got [3, 2]."),
        ({"cuts": np.nan}, "cuts is nan, which is no moment; give one, or leave it out."),
        ({"cuts": "NaT"}, "cuts is 'NaT', which is no moment; give one, or leave it out."),
        (
            {"n_splits": 3, "cuts": [1, 2]},
            "n_splits=3, but cuts has 2 moment(s), and each begins one test period; leave "
            "n_splits out.",
        ),
    ],
)
def test_bad_settings_raise_when_the_splitter_is_made(options, text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared in full
        TemporalSplit(**options)
    assert str(caught.value) == text
