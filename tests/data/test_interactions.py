"""Interactions: constructors, order, rows, queries, and how it shows itself."""
# SPDX-License-Identifier: BSD-3-Clause

import datetime
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skace import Catalog, Interactions
from skace.data import ValidationSet, _log, _repr
from skace.data._built import rows_of_codes
from skace.data._times import check_times
from skace.exceptions import RepeatedEventsWarning

FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}
DAYS = np.array(["2024-01-03", "2024-01-01", "2024-01-01", "2024-01-02"], dtype="datetime64[D]")


def says(text):
    """Pattern for exactly this text."""
    return f"^{re.escape(text)}$"


def past_of(X, row):
    """Item ids before a row, oldest first."""
    return X.catalog.item_ids[X._log.items[X._starts[row] : X._ends[row]]].tolist()


@pytest.fixture(params=FRAMES)
def frame_of(request):
    return FRAMES[request.param]


@pytest.mark.parametrize("users", [[2, 1, 2, 1], ["v", "u", "v", "u"]])
@pytest.mark.parametrize("items", [[30, 10, 20, 10], ["c", "a", "b", "a"]])
@pytest.mark.parametrize(
    "times", [[3, 1, 1, 2], [0.3, -0.1, 0.1, 0.2], DAYS, DAYS.astype("M8[ns]")]
)
def test_a_log_is_sorted_by_user_and_time_whatever_the_types(users, items, times):
    X = Interactions(users, items, times)
    order = [1, 3, 2, 0]
    assert X.users.tolist() == [users[i] for i in order]
    assert X.items.tolist() == [items[i] for i in order]
    np.testing.assert_array_equal(X.timestamps, np.asarray(times)[order])
    assert X.source_rows.tolist() == order
    assert (X.shape, len(X), X.n_users, X.n_items) == ((4,), 4, 2, 3)


@pytest.mark.parametrize("ids", [[2, 1, 2, 1], ["v", "u", "v", "u"]])
@pytest.mark.parametrize("times", [[3, 1, 1, 2], DAYS.astype("datetime64[us]")])
def test_frames_of_all_libraries_give_the_same_log(frame_of, ids, times):
    items = ["c", "a", "b", "a"]
    frame = frame_of({"who": ids, "what": items, "when": times})
    X = Interactions.from_frame(frame, user="who", item="what", timestamp="when")
    plain = Interactions(ids, items, times)
    assert X.users.tolist() == plain.users.tolist()
    assert X.items.tolist() == plain.items.tolist()
    np.testing.assert_array_equal(X.timestamps, plain.timestamps)
    assert X.source_rows.tolist() == plain.source_rows.tolist()


def test_frames_have_standard_columns_and_may_lack_times(frame_of):
    frame = frame_of({"user_id": [2, 1, 2], "item_id": [5, 6, 7], "timestamp": [2, 1, 1]})
    assert Interactions.from_frame(frame).items.tolist() == [6, 7, 5]
    without = Interactions.from_frame(frame, timestamp=None)
    assert without.items.tolist() == [6, 5, 7]
    assert without.timestamps is None


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"user_id": pd.Categorical(["b", "a"]), "item_id": [1, 2]}),
        pd.DataFrame({"user_id": ["b", "a"], "item_id": pd.array([1, 2], dtype="Int64")}),
        pl.DataFrame(
            {"user_id": ["b", "a"], "item_id": [1, 2]}, schema_overrides={"user_id": pl.Categorical}
        ),
        pl.DataFrame(
            {"user_id": ["b", "a"], "item_id": [1, 2]}, schema_overrides={"item_id": pl.UInt16}
        ),
        pa.table({"user_id": pa.array(["b", "a"]).dictionary_encode(), "item_id": [1, 2]}),
    ],
    ids=[
        "pandas categories",
        "pandas Int64",
        "polars categories",
        "polars UInt16",
        "arrow dictionary",
    ],
)
def test_columns_of_encoded_ids_are_understood(frame):
    X = Interactions.from_frame(frame, timestamp=None)
    assert X.users.tolist() == ["a", "b"]
    assert X.items.tolist() == [2, 1]


def test_times_with_a_zone_are_compared_in_utc():
    times = pd.to_datetime(["2024-01-01T02:00+03:00", "2024-01-01T00:30+01:00"], utc=True)
    frame = pd.DataFrame({"user_id": [1, 1], "item_id": ["late?", "late"], "timestamp": times})
    X = Interactions.from_frame(frame)
    assert X.timestamps.astype("datetime64[m]").astype(str).tolist() == [
        "2023-12-31T23:00",
        "2023-12-31T23:30",
    ]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=30
    )
)
def test_ties_in_time_keep_the_order_in_which_they_came(events):
    users, items, times = map(list, zip(*events, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RepeatedEventsWarning)
        X = Interactions(users, items, times)
    expected = sorted(range(len(events)), key=lambda i: (users[i], times[i], i))
    assert X.source_rows.tolist() == expected
    assert X.items.tolist() == [items[i] for i in expected]
    for row, place in enumerate(expected):
        mine = [i for i in expected[:row] if users[i] == users[place]]
        assert past_of(X, row) == [items[i] for i in mine]


def test_sequences_become_one_user_each_and_empty_ones_have_no_row():
    X = Interactions.from_sequences([["b", "a"], [], ("a",), np.array(["c", "c"])])
    assert X.users.tolist() == [0, 0, 2, 3, 3]
    assert X.items.tolist() == ["b", "a", "a", "c", "c"]
    assert X.source_rows.tolist() == [0, 1, 2, 3, 4]
    assert X.timestamps is None
    assert [past_of(X, row) for row in range(5)] == [[], ["b"], [], [], ["c"]]


@pytest.mark.parametrize(
    "make", [list, tuple, iter, lambda s: np.array([*s, None], dtype=object)[:-1]]
)
def test_sequences_may_come_in_any_iterable(make):
    X = Interactions.from_sequences(make([[1, 2], [3]]))
    assert X.items.tolist() == [1, 2, 3]


def test_a_catalog_that_is_built_holds_all_items_of_the_log_in_order():
    X = Interactions([1, 1, 1], ["c", "a", "c"])
    assert X.catalog.item_ids.tolist() == ["a", "c"]
    assert X[[0]].catalog is X.catalog


def test_a_catalog_may_hold_items_that_the_log_lacks(small_log):
    assert small_log.n_items == 6
    assert "fig" not in small_log.items


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([], []), "the log is empty; Interactions needs at least one event."),
        (([1, 2], [1]), "users and items must have the same length, got 2 and 1."),
        (
            ([[1, 2]], [1]),
            "users must be one-dimensional, got an array of shape (1, 2); pass one id per event.",
        ),
        (
            ([1.0, 2.0], [1, 2]),
            "users must be integers or strings, got dtype float64 (first value "
            "1.0); convert the column, for example with .astype(int) after dropping missing "
            "values.",
        ),
        (
            ([1, 2], ["a", None]),
            "items must be all integers or all strings; at position 1 stands "
            "None of type NoneType. Convert or drop such values first.",
        ),
        (
            ([1, 1], [1, "a"]),
            "items must be all integers or all strings; at position 1 stands 'a' "
            "of type str. Convert or drop such values first.",
        ),
        (
            ([1, 2], [1, 2], [1]),
            "timestamps must have one value per event: expected shape (2,), got (1,).",
        ),
        (
            ([1, 2], [1, 2], ["monday", "friday"]),
            "timestamps must be numbers or datetime64, got "
            "dtype <U6 (first value 'monday'); parse them first, for example with "
            "pandas.to_datetime(times, utc=True).",
        ),
        (
            ([1, 2, 3], [1, 2, 3], [1, np.nan, np.inf]),
            "timestamps is missing or infinite for 2 event(s), first "
            "at position 1; drop these events, or pass timestamps=None if the events are in time "
            "order.",
        ),
        (
            ([1, 2], [1, 2], np.array(["2024-01-01", "NaT"], dtype="datetime64[D]")),
            "timestamps is "
            "missing for 1 event(s), first at position 1; drop these events, or pass "
            "timestamps=None if the events are in time order.",
        ),
    ],
)
def test_logs_that_make_no_sense_are_refused(arguments, text):
    with pytest.raises(ValueError, match=says(text)):
        Interactions(*arguments)


@pytest.mark.parametrize(
    ("column", "values", "text"),
    [
        (
            "timestamp",
            [1, None],
            "timestamps is missing for 1 event(s), first at position 1; drop "
            "these events, or pass timestamps=None if the events are in time order.",
        ),
        (
            "user_id",
            [1, None],
            "users is missing for 1 entries, first at position 1, which made the others float64; "
            "drop these rows, then convert the column with .astype(int).",
        ),
    ],
)
def test_missing_values_of_a_frame_are_refused(frame_of, column, values, text):
    columns = {"user_id": [1, 1], "item_id": [1, 2], "timestamp": [1, 2]} | {column: values}
    with pytest.raises(ValueError, match=says(text)):
        Interactions.from_frame(frame_of(columns))


def test_a_frame_without_the_columns_is_refused(frame_of):
    text = "frame has no column 'item_id'; its columns are 'user_id', 'asin'."
    with pytest.raises(ValueError, match=says(text)):
        Interactions.from_frame(frame_of({"user_id": [1], "asin": [2]}))
    text = (
        "frame has no column 'timestamp'; its columns are 'user_id', 'item_id'. Name the column of "
        "times with timestamp=, or pass timestamp=None if the events of each user are in time "
        "order."
    )
    frame = frame_of({"user_id": [1], "item_id": [2]})
    with pytest.raises(ValueError, match=says(text)):
        Interactions.from_frame(frame)
    assert Interactions.from_frame(frame, timestamp=None).items.tolist() == [2]


@pytest.mark.parametrize(
    ("sequences", "text"),
    [
        ([], "the log is empty; Interactions needs at least one event."),
        ([[], []], "the log is empty; Interactions needs at least one event."),
        (
            "pen",
            "sequences is the string 'pen'; pass a list of sequences of item ids, for one "
            "visitor [['pen']].",
        ),
        (
            ["pen", "ink"],
            "sequences[0] is the single id 'pen', not a sequence; pass a list of "
            "sequences, for one visitor [['pen', ...]].",
        ),
        (
            [["pen"], 7],
            "sequences[1] is the single id 7, not a sequence; pass a list of sequences, "
            "for one visitor [[7, ...]].",
        ),
        (
            np.zeros((2, 3), dtype=int),
            "sequences is an array of shape (2, 3), in which padding "
            "cannot be told from items; pass a list of lists of item ids, oldest first.",
        ),
        (
            [["pen"], [7]],
            "the ids in sequences must be all integers or all strings; at position 1 "
            "stands 7 of type int. Convert or drop such values first.",
        ),
    ],
)
def test_sequences_that_are_none_are_refused(sequences, text):
    with pytest.raises(ValueError, match=says(text)):
        Interactions.from_sequences(sequences)


def test_queries_have_one_row_per_user_with_the_past_up_to_the_last_row(small_log):
    queries = small_log.next_queries()
    assert queries.is_query
    assert not small_log.is_query
    assert queries.users.tolist() == ["u1", "u2", "u3", "u4"]
    assert [past_of(queries, row) for row in range(4)] == [
        ["ash", "bay", "cob", "dew"],
        ["bay", "cob", "ash"],
        ["elm", "ash"],
        ["bay"],
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([0, 2], {"u1": ["ash", "bay", "cob"]}),
        ([2, 0, 2], {"u1": ["ash", "bay", "cob"]}),
        ([9, 4], {"u2": ["bay"], "u4": ["bay"]}),
        ([], {}),
    ],
)
def test_queries_of_a_slice_end_at_the_last_row_of_the_slice(small_log, rows, expected):
    queries = small_log[rows].next_queries()
    pasts = [past_of(queries, row) for row in range(len(queries))]
    assert dict(zip(queries.users.tolist(), pasts, strict=True)) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (0, [[], [], [], []]),
        (2, [["ash"], ["bay"], [], []]),
        (2.5, [["ash", "bay", "cob"], ["bay"], ["elm"], []]),
        (99, [["ash", "bay", "cob", "dew"], ["bay", "cob", "ash"], ["elm", "ash"], ["bay"]]),
    ],
)
def test_queries_at_a_moment_know_only_what_was_before_it(small_log, at, expected):
    queries = small_log.next_queries(at=at)
    assert [past_of(queries, row) for row in range(len(queries))] == expected


@pytest.mark.parametrize(
    "at",
    [
        "2024-01-02",
        np.datetime64("2024-01-02"),
        datetime.datetime(2024, 1, 2),
        datetime.date(2024, 1, 2),
        pd.Timestamp("2024-01-02"),
    ],
)
def test_moments_may_be_told_in_any_way(at):
    X = Interactions([2, 1, 2, 1], [30, 10, 20, 10], DAYS)
    queries = X.next_queries(at=at)
    assert [past_of(queries, row) for row in range(2)] == [[10], [20]]


@pytest.mark.parametrize(
    ("times", "at", "text"),
    [
        (None, 3, "at needs timestamps, but the log has none."),
        (
            DAYS,
            3,
            "at is 3, but the timestamps are datetimes (first 2024-01-01); give datetimes instead "
            "of numbers.",
        ),
        (
            DAYS,
            "noon",
            "at is 'noon', which is no moment; give one, or leave it out.",
        ),
        (
            [1, 2, 3, 4],
            datetime.date(2024, 1, 1),
            "at is 2024-01-01T00:00:00.000000, but the timestamps are numbers (first 1); give "
            "numbers instead of datetimes.",
        ),
    ],
)
def test_moments_of_another_kind_are_refused(times, at, text):
    with pytest.raises(ValueError, match=says(text)):
        Interactions([1, 1, 2, 2], [1, 2, 3, 4], times).next_queries(at=at)


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        (
            "items",
            "query rows have no item: they ask what comes next. Use rows of the log, not "
            "next_queries(), for fit, score and target_ranks.",
        ),
        ("timestamps", "query rows have no timestamps: they are not events of the log."),
        ("source_rows", "query rows have no source_rows: they are not events of the log."),
    ],
)
def test_queries_have_no_event_of_their_own(small_log, attribute, text):
    with pytest.raises(ValueError, match=says(text)):
        getattr(small_log.next_queries(), attribute)


def test_queries_are_sliced_like_rows_and_asked_again(small_log):
    queries = small_log.next_queries()[[3, 1]]
    assert queries.is_query
    assert queries.users.tolist() == ["u4", "u2"]
    again = queries.next_queries()
    assert again.users.tolist() == ["u2", "u4"]
    assert [past_of(again, row) for row in range(2)] == [["bay", "cob", "ash"], ["bay"]]


def test_queries_of_users_without_events_keep_their_user():
    from skace.data._built import queries_of_sequences

    queries = queries_of_sequences([[], ["a"], [], [], ["b", "a"], []], "X")
    assert queries.users.tolist() == [0, 1, 2, 3, 4, 5]
    assert [past_of(queries, row) for row in range(6)] == [[], ["a"], [], [], ["b", "a"], []]
    assert queries[[4, 0]].users.tolist() == [4, 0]


def test_validation_holder_has_nothing_by_which_scikit_learn_would_cut_it(small_log):
    holder = small_log.as_validation()
    assert isinstance(holder, ValidationSet)
    assert holder.interactions is small_log
    assert not any(hasattr(holder, name) for name in ("__len__", "shape", "__array__", "iloc"))
    assert repr(holder) == f"ValidationSet({small_log!r})"


def test_queries_cannot_validate(small_log):
    with pytest.raises(ValueError, match="query rows have no target, so they cannot validate"):
        small_log.next_queries().as_validation()


def test_with_features_shares_the_log_and_keeps_the_rows(small_log):
    features = np.arange(12.0).reshape(6, 2)
    other = small_log[[5, 0]].with_features(features)
    assert other._log is small_log._log
    assert other.items.tolist() == ["cob", "ash"]
    np.testing.assert_array_equal(other.catalog.features, features)
    assert small_log.catalog.features.shape == (6, 3)


def test_with_features_of_another_number_of_items_is_refused(small_log):
    text = "features has 5 rows, but there are 6 item_ids; give one row per item."
    with pytest.raises(ValueError, match=says(text)):
        small_log.with_features(np.ones((5, 2)))


@pytest.mark.parametrize("backend", FRAMES)
@pytest.mark.parametrize("times", [[3, 1, 1, 2], DAYS.astype("datetime64[us]"), None])
def test_to_frame_and_back_gives_the_same_rows(backend, times):
    X = Interactions(["v", "u", "v", "u"], [3, 1, 2, 1], times)[[3, 0, 1]]
    frame = X.to_frame(backend)
    assert isinstance(frame, pa.Table if backend == "pyarrow" else FRAMES[backend])
    back = Interactions.from_frame(frame, timestamp=None if times is None else "timestamp")
    assert back.users.tolist() == X.users[back.source_rows].tolist()
    assert back.items.tolist() == X.items[back.source_rows].tolist()
    if times is not None:
        np.testing.assert_array_equal(back.timestamps, X.timestamps[back.source_rows])


def test_to_frame_returns_the_library_that_the_log_came_from(frame_of):
    frame = frame_of({"user_id": ["u", "u"], "item_id": [5, 6], "timestamp": [1, 2]})
    X = Interactions.from_frame(frame)
    assert type(X.to_frame()) is type(frame)
    assert type(X[[0]].to_frame()) is type(frame)
    assert type(pickle.loads(pickle.dumps(X)).to_frame()) is type(frame)


def test_to_frame_of_queries_has_users_only(small_log):
    frame = small_log.next_queries().to_frame("polars")
    assert frame.columns == ["user_id"]
    assert frame["user_id"].to_list() == ["u1", "u2", "u3", "u4"]


def test_to_frame_without_any_library_says_what_to_install(small_log, monkeypatch):
    from skace.data import _repr

    monkeypatch.setattr(_repr, "find_spec", lambda name: None)  # noqa: ARG005
    text = "to_frame needs pandas, polars or pyarrow; install one of them."
    with pytest.raises(ImportError, match=says(text)):
        small_log.to_frame()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda X: X,
            "Interactions(10 rows of 4 users over 6 items, 1 to 7, 10% of the log at the time of "
            "the event before (0% of last events))",
        ),
        (
            lambda X: X[[1, 2]],
            "Interactions(2 rows of 1 users over 6 items, 2 to 2, 10% of the log at the time of "
            "the event before (0% of last events))",
        ),
        (
            lambda X: X[[]],
            "Interactions(0 rows of 0 users over 6 items, 10% of the log at the time of the event "
            "before (0% of last events))",
        ),
        (lambda X: X.next_queries(), "Interactions(4 queries of 4 users over 6 items)"),
    ],
)
def test_repr_counts_rows_users_and_items(small_log, make, text):
    assert repr(make(small_log)) == text


def facts_of(X):
    """Names and values of the HTML table."""
    cells = re.findall(r"<th[^>]*>(.*?)</th><td>(.*?)</td>", X._repr_html_())
    return dict(cells)


def test_html_repr_tells_what_one_wants_to_know_before_fitting(small_catalog):
    catalog = small_catalog.with_features(small_catalog.features, {"model": "<made up>"})
    users, items = ["u", "u", "u", "v"], ["ash", "ash", "bay", "ash"]
    with pytest.warns(RepeatedEventsWarning):
        X = Interactions(users, items, [1, 1, 2, 3], weights=[1, 2, 0, 4], catalog=catalog)
    assert facts_of(X[:3]) == {
        "rows": "3 of 4 events",
        "users": "1",
        "items": "6, 2 of them in the log",
        "time": "1 to 2",
        "density": "50.0000%",
        "at the time of the event before": "1 (25.0%), in the order of the input",
        "last events among these": "0 of 1",
        "repeated events": "1",
        "weights": "0 to 2",
        "features": "float64 of shape (6, 3)",
        "items with a vector": "6 of 6",
        "provenance": "model: &lt;made up&gt;",
    }


@pytest.mark.parametrize(
    ("sequences", "name", "value"),
    [
        ([["a", "a", "b"]], "time", "no timestamps"),
        ([["a", "a", "b"]], "repeated items of a user", "1"),
        ([["a"]], "features", "none"),
        ([["a", "b"], ["b"]], "density", "75.0000%"),
    ],
)
def test_html_repr_of_a_bare_log(sequences, name, value):
    assert facts_of(Interactions.from_sequences(sequences))[name] == value


def test_html_repr_of_queries_and_of_no_rows(small_log):
    assert facts_of(small_log.next_queries())["queries"] == "4"
    assert facts_of(small_log[[]])["density"] == "0.0000%"


@pytest.mark.parametrize("has_times", [True, False])
def test_rows_of_codes_are_those_of_the_ids_that_they_stand_for(has_times):
    rng = np.random.default_rng(0)
    user_ids, item_ids = np.array(["al", "bo", "cy"]), np.array([30, 10, 20])
    users, items, moments = rng.integers(3, size=(3, 40), dtype=np.int32)
    users = np.where(users == 1, 0, users)  # "bo" has no event
    times = check_times(moments.astype("M8[s]"), 40) if has_times else None
    catalog = Catalog(item_ids)
    X = rows_of_codes(user_ids, users, catalog, items, times)
    with warnings.catch_warnings(action="ignore"):
        expected = Interactions(
            user_ids[users], item_ids[items], times.values if times else None, catalog=catalog
        )
    for name in ("users", "items", "timestamps", "source_rows"):
        found, wanted = getattr(X, name), getattr(expected, name)
        assert (found is None and wanted is None) or found.tolist() == wanted.tolist()
    assert X._log.items.dtype == np.int64


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=20))
def test_only_users_out_of_order_are_sorted_and_the_order_is_that_of_a_sort(events):
    users, times = np.array(events).T
    expected = np.lexsort((times, users))
    assert _log._order_of(users, times).tolist() == expected.tolist()
    assert _log._order_of(users[expected], times[expected]).tolist() == list(range(users.size))
    assert _log._order_of(users, None).tolist() == np.argsort(users, kind="stable").tolist()


def test_what_was_shown_once_is_not_counted_again(monkeypatch):
    X = Interactions(["bo", "al", "al"], ["pen", "ink", "pen"], [5, 2, 1])
    before = repr(X), X._repr_html_()
    monkeypatch.setattr(_repr, "_span", lambda _: pytest.fail("gone through again"))
    assert (repr(X), X._repr_html_()) == before
    with pytest.raises(pytest.fail.Exception, match="gone through again"):
        repr(X[:2])


def test_pairs_that_repeat_are_counted_without_timestamps():
    X = Interactions.from_sequences([["pen", "ink", "pen"], ["pen", "pen"]])
    assert "<th style='text-align:left'>repeated items of a user</th><td>2</td>" in X._repr_html_()
