"""Interactions.concat: slices of one log, other logs, catalogs that agree or not."""
# SPDX-License-Identifier: BSD-3-Clause

import re
import warnings

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from skace import Catalog, Interactions
from skace.exceptions import RepeatedEventsWarning

EVENTS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=12
)


def says(text):
    """Pattern for exactly this text."""
    return f"^{re.escape(text)}$"


def log_of(item_ids, features=None, *, times=True, start=0):
    """One event per item, all of user "al"."""
    n = len(item_ids)
    times = range(start, start + n) if times else None
    return Interactions(["al"] * n, item_ids, times, catalog=Catalog(item_ids, features))


@pytest.mark.parametrize(
    "parts", [[[0, 1], [5]], [[5], [0, 1]], [[2, 2], [2]], [[], [3]], [[1]], [[4], [], [0]]]
)
def test_slices_of_one_log_are_joined_row_after_row(small_log, parts):
    joined = Interactions.concat(small_log[rows] for rows in parts)
    assert joined.source_rows.tolist() == [row for rows in parts for row in rows]
    assert joined._log is small_log._log


def test_train_and_test_joined_are_the_rows_again(small_log):
    joined = Interactions.concat([small_log[:4], small_log[4:]])
    assert joined.items.tolist() == small_log.items.tolist()
    assert joined._log.n_events == small_log._log.n_events


def test_queries_of_one_log_are_joined(small_log):
    joined = Interactions.concat([small_log[[9]].next_queries(), small_log[:3].next_queries()])
    assert joined.is_query
    assert joined.users.tolist() == ["u4", "u1"]
    assert (joined._ends - joined._starts).tolist() == [1, 3]


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (
            lambda X: [X, X.next_queries()],
            "parts mix query rows and rows of the log; concat them apart.",
        ),
        (
            lambda X: [X, X.with_features(np.eye(6))],
            "parts share a log but have different catalogs.",
        ),
        (
            lambda X: [X, log_of(["ash"]).next_queries()],
            "parts hold query rows; concat the logs, then call next_queries().",
        ),
    ],
)
def test_parts_that_do_not_go_together_are_refused(small_log, parts, text):
    with pytest.raises(ValueError, match=says(text)):
        Interactions.concat(parts(small_log))


def test_no_parts_are_refused():
    with pytest.raises(ValueError, match=says("parts is empty; give at least one Interactions.")):
        Interactions.concat([])


@given(st.lists(EVENTS, min_size=2, max_size=3))
def test_logs_are_merged_as_if_they_had_been_one(logs):
    everything = [event for events in logs for event in events]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RepeatedEventsWarning)
        parts = [Interactions(*map(list, zip(*events, strict=True))) for events in logs]
        joined = Interactions.concat(parts)
        # Events of equal time follow the order of the parts, which is that of the input.
        expected = Interactions(*map(list, zip(*everything, strict=True)))
    assert joined.users.tolist() == expected.users.tolist()
    assert joined.items.tolist() == expected.items.tolist()
    assert joined.timestamps.tolist() == expected.timestamps.tolist()
    assert joined.source_rows.tolist() == expected.source_rows.tolist()


def test_without_times_the_parts_follow_each_other():
    first = Interactions(["bo", "al"], ["pen", "ink"])
    second = Interactions(["al", "bo"], ["cap", "ink"])
    joined = Interactions.concat([first, second])
    assert joined.users.tolist() == ["al", "al", "bo", "bo"]
    assert joined.items.tolist() == ["ink", "cap", "pen", "ink"]
    assert joined.source_rows.tolist() == [1, 2, 0, 3]


def test_only_the_rows_of_the_parts_are_rows_but_all_events_are_past(small_log):
    other = Interactions(["u1"], ["elm"], [99])
    joined = Interactions.concat([small_log[[3]], other])
    assert joined.items.tolist() == ["dew", "elm"]
    past = joined._log.items[joined._starts[1] : joined._ends[1]]
    assert joined.catalog.item_ids[past].tolist() == ["ash", "bay", "cob", "dew"]


def test_three_logs_count_their_source_rows_on():
    logs = [Interactions(["u"], [item], [time]) for item, time in [("c", 3), ("b", 2), ("a", 1)]]
    joined = Interactions.concat(logs)
    assert joined.items.tolist() == ["a", "b", "c"]
    assert joined.source_rows.tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("left", "right", "text"),
    [
        (
            Interactions(["u"], ["a"], [1]),
            Interactions(["u"], ["a"]),
            "some parts have timestamps and others have none; give all of them times.",
        ),
        (
            Interactions(["u"], ["a"]),
            Interactions([1], ["a"]),
            "users are strings in one part and integers in another.",
        ),
        (
            Interactions(["u"], ["a"]),
            Interactions(["u"], [1]),
            "ids are integers (first 1), but the "
            "catalog's item_ids are strings (first 'a'); convert one of them.",
        ),
    ],
)
def test_logs_of_different_kind_are_refused(left, right, text):
    with pytest.raises(ValueError, match=says(text)):
        Interactions.concat([left, right])


def test_equal_catalogs_are_kept_as_they_are():
    left, right = log_of(["a", "b"], np.eye(2)), log_of(["a", "b"], np.eye(2), start=9)
    assert Interactions.concat([left, right]).catalog is left.catalog


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_catalogs_are_joined_by_id_with_their_features(form):
    left = log_of(["a", "b"], form([[1.0, 0], [2, 0]]))
    right = log_of(["c", "a"], form([[3.0, 0], [1, 0]]))
    catalog = Interactions.concat([left, right]).catalog
    assert catalog.item_ids.tolist() == ["a", "b", "c"]
    features = catalog.features.toarray() if sp.issparse(catalog.features) else catalog.features
    np.testing.assert_array_equal(features, [[1, 0], [2, 0], [3, 0]])


def test_catalogs_without_features_are_joined_by_id():
    joined = Interactions.concat([log_of([3, 1]), log_of([2, 1], start=5)])
    assert joined.catalog.item_ids.tolist() == [3, 1, 2]
    assert joined.items.tolist() == [3, 1, 2, 1]


def test_vectors_that_a_transformer_has_made_zero_are_no_obstacle():
    zero = Catalog(["a"]).with_features(np.zeros((1, 2)))
    left = Interactions(["u"], ["a"], catalog=zero)
    joined = Interactions.concat([left, log_of(["b"], [[1.0, 2]], times=False)])
    np.testing.assert_array_equal(joined.catalog.features, [[0, 0], [1, 2]])


@pytest.mark.parametrize("swap", [False, True])
def test_a_catalog_with_features_serves_a_log_without_if_it_knows_its_items(swap):
    rich, plain = log_of(["a", "b"], np.eye(2)), log_of(["b"])
    parts = [plain, rich] if swap else [rich, plain]
    joined = Interactions.concat(parts)
    assert joined.catalog is rich.catalog
    assert sorted(joined.items) == ["a", "b", "b"]


@pytest.mark.parametrize(
    ("left", "right", "text"),
    [
        (
            log_of(["a", "b", "c"], np.eye(3)),
            log_of(["c", "b"], np.eye(3)[:2] + 1),
            "the catalogs disagree on the features of 2 item(s): 'c', 'b'; keep one version.",
        ),
        (
            log_of(["a", "b"], sp.csr_array(np.eye(2))),
            log_of(["b", "a"], sp.csr_array([[0, 1.0], [2, 0]])),
            "the catalogs disagree on the features of 1 item(s): 'a'; keep one version.",
        ),
        (
            log_of(["a"], [[1.0]]),
            log_of(["a", "x", "y"]),
            "one catalog has features and the other "
            "has none, and 2 item(s) of the latter would be without: 'x', 'y'; give both catalogs "
            "features.",
        ),
        (
            log_of(["a"], [[1.0]]),
            log_of(["b"], [[1.0, 2]]),
            "the catalogs have features of different kind: vectors of 1 numbers and vectors of 2 "
            "numbers; transform or encode them alike before concat.",
        ),
        (
            log_of(["a"], [[1.0]]),
            log_of(["b"], sp.csr_array([[1.0]])),
            "the catalogs have features of different kind: vectors of 1 numbers and sparse vectors "
            "of 1 numbers; transform or encode them alike before concat.",
        ),
        (
            log_of(["a", "b"], ["a pen", "an ink"]),
            log_of(["b"], ["some ink"]),
            "the catalogs disagree on the features of 1 item(s): 'b'; keep one version.",
        ),
        (
            log_of(["a"], pl.DataFrame({"t": ["a pen"]})),
            log_of(["b"], [[1.0]]),
            "the catalogs have features of different kind: the columns t and vectors of 1 numbers; "
            "transform or encode them alike before concat.",
        ),
    ],
    ids=["vectors", "sparse vectors", "none", "width", "sparse and dense", "texts", "frame"],
)
def test_catalogs_in_conflict_are_refused(left, right, text):
    with pytest.raises(ValueError, match=says(text)):
        Interactions.concat([left, right])


def test_catalogs_of_texts_are_joined_by_id():
    X = Interactions.concat([log_of(["a"], ["a pen"]), log_of(["b"], ["an ink"])])
    assert X.catalog.item_ids.tolist() == ["a", "b"]
    assert X.catalog.features.tolist() == ["a pen", "an ink"]


def test_repeated_rows_of_different_logs_are_kept():
    left = Interactions(["al", "al"], ["pen", "ink"], [1, 2])
    right = Interactions(["bo"], ["pen"], [1])
    X = Interactions.concat([left[[0, 0, 1]], right])
    assert X.users.tolist() == ["al", "al", "al", "bo"]
    assert X.items.tolist() == ["pen", "pen", "ink", "pen"]


@given(st.lists(EVENTS, min_size=1, max_size=6))
def test_many_logs_at_once_are_what_they_are_one_by_one(logs):
    with warnings.catch_warnings(action="ignore"):
        parts = [Interactions(*map(list, zip(*events, strict=True))) for events in logs]
        whole = Interactions.concat(parts)
        joined = parts[0]
        for part in parts[1:]:
            joined = Interactions.concat([joined, part])
    for name in ("users", "items", "timestamps", "source_rows"):
        assert getattr(whole, name).tolist() == getattr(joined, name).tolist()
    assert whole.catalog.item_ids.tolist() == joined.catalog.item_ids.tolist()


def test_many_catalogs_are_not_copied_for_each_that_follows(monkeypatch):
    parts = [log_of([f"{part}-{item}" for item in range(10)]) for part in range(64)]
    sizes = []
    of_ids = Catalog._of_ids.__func__
    monkeypatch.setattr(
        Catalog, "_of_ids", classmethod(lambda cls, ids: sizes.append(ids.size) or of_ids(cls, ids))
    )
    assert Interactions.concat(parts).n_items == 640
    assert sum(sizes) <= 640 * 6  # one after the other: 20,790


def test_the_items_of_a_catalog_without_features_may_be_in_any_of_the_others():
    rich = [Catalog([name], [[float(place)]]) for place, name in enumerate("abc", start=1)]
    plain = log_of(["a", "c"])
    logs = [Interactions(["al"], [c.item_ids[0]], [9], catalog=c) for c in rich]
    joined = Interactions.concat([logs[0], plain, *logs[1:]])
    assert joined.catalog.features.ravel().tolist() == [1.0, 2.0, 3.0]
