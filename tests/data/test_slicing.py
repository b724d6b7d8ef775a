"""Interactions is sliced as scikit-learn slices arrays, and a slice copies nothing."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import io
import os
import pickle
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    PredefinedSplit,
    TimeSeriesSplit,
    cross_val_predict,
    cross_validate,
    train_test_split,
)
from sklearn.utils import _safe_indexing, resample, shuffle
from sklearn.utils.validation import _num_samples

from skace import Interactions
from skace.data._row_numbers import distinct
from skace.exceptions import RowOrderWarning


def says(text):
    """Pattern for exactly this text."""
    return f"^{re.escape(text)}$"


class RowCounter(BaseEstimator):
    """Remembers which rows it was given; enough for scikit-learn to move rows around."""

    def fit(self, X, y=None):
        assert isinstance(X, Interactions)
        self.rows_ = X.source_rows
        return self

    def predict(self, X):
        return X.source_rows

    def score(self, X, y=None):
        assert not np.isin(X.source_rows, self.rows_).any()
        return float(len(X))


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        (slice(2, 8, 3), [2, 5]),
        (slice(None, None, -4), [9, 5, 1]),
        ([3, 1, 3], [3, 1, 3]),
        (np.array([3, 1], dtype=np.uint8), [3, 1]),
        ((np.array([3, 1]), Ellipsis), [3, 1]),
        ((slice(8, None), Ellipsis), [8, 9]),
        (np.arange(10) > 7, [8, 9]),
        ([True] + [False] * 9, [0]),
        (pd.Series(np.arange(10) == 4), [4]),
        (5, [5]),
        (-1, [9]),
        (np.int64(0), [0]),
        (range(2), [0, 1]),
        ([], []),
        (np.zeros(0), []),
    ],
)
def test_every_kind_of_index_picks_the_rows_it_names(small_log, key, rows):
    part = small_log[key]
    assert isinstance(part, Interactions)
    assert part.source_rows.tolist() == rows
    assert part.items.tolist() == small_log.items[rows].tolist()
    assert part.users.tolist() == small_log.users[rows].tolist()
    assert part.timestamps.tolist() == small_log.timestamps[rows].tolist()


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ((1, 2), "Interactions is one-dimensional; index it with rows only."),
        (([1], Ellipsis, 0), "Interactions is one-dimensional; index it with rows only."),
        (
            [0.5],
            "rows must be an integer, a slice, integers or a boolean mask, got list of dtype "
            "float64 and shape (1,).",
        ),
        (
            "user_id",
            "rows must be an integer, a slice, integers or a boolean mask, got str of dtype "
            "<U7 and shape ().",
        ),
        (
            [[0, 1]],
            "rows must be an integer, a slice, integers or a boolean mask, got list of dtype "
            "int64 and shape (1, 2).",
        ),
        (
            None,
            "rows must be an integer, a slice, integers or a boolean mask, got NoneType of dtype "
            "object and shape ().",
        ),
        ([True, False], "boolean index has shape (2,), but there are 10 rows."),
        (True, "boolean index has shape (), but there are 10 rows."),
    ],
)
def test_other_indices_are_refused(small_log, key, text):
    with pytest.raises(IndexError, match=says(text)):
        small_log[key]


@pytest.mark.parametrize("row", [10, -11, [0, 10]])
def test_rows_out_of_range_are_refused(small_log, row):
    with pytest.raises(IndexError, match="out of bounds"):
        small_log[row]


def test_pandas_ways_of_indexing_lead_to_the_same_rows(small_log):
    assert small_log.take([3, 1]).source_rows.tolist() == [3, 1]
    assert small_log.iloc[2:4].source_rows.tolist() == [2, 3]
    assert small_log.loc[np.arange(10) < 1].source_rows.tolist() == [0]
    with pytest.raises(ValueError, match=says("axis must be 0, got 1; Interactions has one axis.")):
        small_log.take([0], axis=1)


def test_iteration_ends_and_yields_single_rows(small_log):
    assert [row.items.tolist() for row in small_log[:3]] == [["ash"], ["bay"], ["cob"]]


@given(st.data())
def test_slices_of_slices_are_slices(data):
    X = Interactions.from_sequences([[1, 2, 3], [2], [3, 1]])
    first = np.array(data.draw(st.lists(st.integers(0, 5), min_size=1)))
    second = np.array(data.draw(st.lists(st.integers(0, first.size - 1))), dtype=int)
    part = X[first][second]
    assert part.source_rows.tolist() == first[second].tolist()
    assert part._starts.tolist() == X._starts[first[second]].tolist()


def test_a_slice_keeps_the_past_that_lies_outside_of_it(small_log):
    last = small_log[[3]]
    past = last._log.items[last._starts[0] : last._ends[0]]
    assert last.catalog.item_ids[past].tolist() == ["ash", "bay", "cob"]


def test_numpy_is_told_that_there_is_no_array(small_log):
    text = (
        "Interactions cannot become an array. A transformer of item features goes into "
        "OnItems(transformer); a model of rows must be a skace recommender."
    )
    with pytest.raises(TypeError, match=says(text)):
        np.asarray(small_log)


@pytest.mark.parametrize("key", [np.array([3, 1]), [3, 1], slice(2, 4), np.arange(10) == 3])
def test_scikit_learn_indexes_rows(small_log, key):
    assert _num_samples(small_log) == 10
    part = _safe_indexing(small_log, key)
    assert part.source_rows.tolist() == np.arange(10)[key].tolist()


@pytest.mark.parametrize(
    "splitter",
    [
        KFold(3),
        KFold(3, shuffle=True, random_state=0),
        GroupKFold(3),
        TimeSeriesSplit(3),
        PredefinedSplit(np.arange(10) % 2),
    ],
    ids=repr,
)
def test_splitters_cut_rows_as_they_cut_an_array(small_log, splitter):
    rows = np.arange(10)
    groups = small_log.users if isinstance(splitter, GroupKFold) else None
    expected = list(splitter.split(rows, groups=groups))
    found = list(splitter.split(small_log, groups=groups))
    assert len(found) == len(expected)
    for (train, test), (expected_train, expected_test) in zip(found, expected, strict=True):
        assert small_log[train].source_rows.tolist() == expected_train.tolist()
        assert small_log[test].source_rows.tolist() == expected_test.tolist()


def test_group_k_fold_by_users_never_divides_a_user(small_log):
    for train, test in GroupKFold(4).split(small_log, groups=small_log.users):
        assert not set(small_log[train].users) & set(small_log[test].users)


@pytest.mark.parametrize("stratify", [None, np.arange(10) % 2])
def test_train_test_split_returns_two_slices(small_log, stratify):
    train, test = train_test_split(small_log, test_size=4, random_state=0, stratify=stratify)
    assert (len(train), len(test)) == (6, 4)
    assert sorted([*train.source_rows, *test.source_rows]) == list(range(10))
    assert train._log is test._log is small_log._log


def test_shuffle_and_resample_keep_what_goes_together(small_log):
    order = shuffle(np.arange(10), random_state=3)
    mixed, weights = shuffle(small_log, np.arange(10), random_state=3)
    assert mixed.source_rows.tolist() == order.tolist() == weights.tolist()
    drawn = resample(small_log, n_samples=30, random_state=3)
    assert len(drawn) == 30
    assert len(set(drawn.source_rows)) < 11


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.minutes)])
def test_cross_validate_hands_rows_to_an_estimator(small_log, n_jobs):
    with joblib.parallel_config("threading"):
        result = cross_validate(
            RowCounter(), small_log, cv=KFold(5), n_jobs=n_jobs, return_indices=True
        )
    assert result["test_score"].tolist() == [2.0] * 5
    assert [test.tolist() for test in result["indices"]["test"]] == [
        [0, 1],
        [2, 3],
        [4, 5],
        [6, 7],
        [8, 9],
    ]


class WithValidation(RowCounter):
    """Scores the number of validation rows that reached ``fit``."""

    def fit(self, X, y=None, X_val=None):
        self.n_val_ = len(getattr(X_val, "interactions", X_val))
        return super().fit(X)

    def score(self, X, y=None):  # noqa: ARG002
        return float(self.n_val_)


def test_a_validation_holder_reaches_fit_whole_where_bare_rows_are_cut(small_log):
    def n_seen(X_val):
        options = {"cv": KFold(2), "params": {"X_val": X_val}}
        return cross_validate(WithValidation(), small_log, **options)["test_score"].tolist()

    other = Interactions.from_sequences([["ash"] * len(small_log)])
    assert n_seen(other.as_validation()) == [10, 10]
    assert n_seen(other) == [5, 5]  # why the holder exists


def test_cross_val_predict_puts_answers_back_in_order(small_log):
    order = [4, 9, 0, 2, 7]
    answers = cross_val_predict(RowCounter(), small_log[order], cv=KFold(2, shuffle=True))
    assert answers.tolist() == order


ARRAY_API = """
import numpy as np
import sklearn
from sklearn.base import BaseEstimator
from sklearn.model_selection import GroupKFold, KFold, cross_validate, train_test_split
from sklearn.utils import shuffle
from skace import Interactions

class Dummy(BaseEstimator):
    def fit(self, X, y=None):
        return self
    def score(self, X, y=None):
        assert isinstance(X, Interactions)
        return float(X.source_rows.sum())

X = Interactions.from_sequences([[1, 2, 3], [2, 3], [3]])
with sklearn.config_context(array_api_dispatch=True):
    train, test = train_test_split(X, test_size=2, random_state=0)
    assert sorted([*train.source_rows, *test.source_rows]) == list(range(6))
    assert len(shuffle(X)) == 6
    assert [len(X[test]) for _, test in GroupKFold(3).split(X, groups=X.users)] == [3, 2, 1]
    print(cross_validate(Dummy(), X, cv=KFold(3))["test_score"].tolist())
"""


@pytest.mark.minutes
def test_rows_survive_array_api_dispatch():
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", ARRAY_API],
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    assert run.stdout == "[1.0, 5.0, 9.0]\n"


@pytest.mark.parametrize(
    "derive",
    [
        lambda X: X[:2],
        lambda X: X[[1, 0]],
        lambda X: X.take([5]),
        lambda X: X.next_queries(),
        lambda X: X.next_queries(at=3),
        lambda X: X.as_validation().interactions,
        lambda X: train_test_split(X, random_state=0)[0],
        lambda X: Interactions.concat([X[:2], X[5:]]),
        copy.copy,
    ],
)
def test_whatever_comes_of_slicing_shares_log_and_catalog(small_log, derive):
    part = derive(small_log)
    assert part._log is small_log._log
    assert part.catalog is small_log.catalog


def test_a_slice_takes_eight_bytes_a_row():
    X = Interactions(np.repeat(np.arange(1000), 100), np.tile(np.arange(100), 1000))
    rows = np.arange(0, len(X), 2)
    tracemalloc.start()
    part = X[rows]
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(part) == 50_000
    assert size < 50_000 * 8 + 10_000


def test_a_deep_copy_shares_the_catalog(small_log):
    other = copy.deepcopy(small_log)
    assert other.catalog is small_log.catalog
    assert other.items.tolist() == small_log.items.tolist()


def test_slices_that_travel_together_still_share_log_and_catalog(small_log):
    train, test = pickle.loads(pickle.dumps((small_log[:6], small_log[6:])))
    assert train._log is test._log
    assert train.catalog is test.catalog


@pytest.mark.parametrize("make", [lambda X: X[[3, 1]], lambda X: X[[8]].next_queries()])
def test_pickle_and_joblib_bring_rows_back(small_log, make):
    part = make(small_log)
    dumped = io.BytesIO()
    joblib.dump(part, dumped)
    dumped.seek(0)
    for other in (pickle.loads(pickle.dumps(part)), joblib.load(dumped)):
        assert repr(other) == repr(part)
        assert other.users.tolist() == part.users.tolist()
        assert other._ends.tolist() == part._ends.tolist()
        assert other.catalog.fingerprint == part.catalog.fingerprint


def test_what_a_slice_returns_can_be_written_to_without_harm(small_log):
    part = small_log[:2]
    for values in (part.users, part.items, part.timestamps, part.source_rows):
        values[:] = values[::-1].copy()
    assert small_log.items.tolist()[:2] == ["ash", "bay"]
    assert small_log.timestamps.tolist()[:2] == [1, 2]
    assert small_log.source_rows.tolist()[:2] == [0, 1]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([], []), ([3], [3]), ([1, 4, 9], [1, 4, 9]), ([4, 1, 9], [1, 4, 9]), ([1, 1, 4], [1, 4])],
)
def test_numbers_are_distinct_and_ascend(numbers, expected):
    numbers = np.array(numbers, dtype=np.int64)
    found = distinct(numbers)
    assert found.tolist() == expected
    assert (found is numbers) == (numbers.tolist() == expected)  # not copied without need


@pytest.mark.parametrize("series", [pd.Series, pl.Series], ids=["pandas", "polars"])
def test_a_mask_of_the_input_is_warned_of_where_rows_are_in_another_order(series):
    users = np.array(["bo", "al", "bo", "al"])
    X = Interactions(users, ["pen", "ink", "cap", "pen"], [1, 2, 3, 4])
    mask = series(users == "bo")
    with pytest.warns(RowOrderWarning, match=r"write X\[X.in_row_order\(mask\)\]") as told:
        X[mask]
    assert Path(told[0].filename) == Path(__file__)
    assert X[X.in_row_order(mask)].users.tolist() == ["bo", "bo"]
    assert X[X.users == "bo"].users.tolist() == ["bo", "bo"]
    assert X.next_queries()[series([False, True])].users.tolist() == ["bo"]  # rows of their own
    Y = Interactions(sorted(users), ["pen", "ink", "cap", "pen"], [1, 2, 3, 4])
    assert Y[mask].users.tolist() == ["al", "bo"]  # the order of the input is that of the rows


def test_a_mask_with_the_labels_of_the_rows_is_taken():
    X = Interactions(["bo", "al", "bo"], ["pen", "ink", "cap"], [1, 2, 3])
    mask = pd.Series(X.users == "bo", index=X.source_rows)
    assert X[mask].items.tolist() == ["pen", "cap"]
