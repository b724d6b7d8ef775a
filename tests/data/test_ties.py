"""Ties: events of one user at one moment, the order in which they stand, and what it tells."""
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

from skace import Catalog, Interactions, LeaveLastOut, TemporalSplit, leave_last_out
from skace.data._tie_facts import orders_of_ties
from skace.exceptions import TiedTargetsWarning
from skace.metrics import ndcg_scorer, ranking_report, target_ranks
from skace.recommenders import PopularityEstimator

USERS = ["b", "a", "a", "a", "b", "a"]
ITEMS = ["p", "q", "r", "s", "t", "u"]
TIMES = [1, 2, 2, 1, 1, 2]


def says(text):
    """Pattern for exactly this text."""
    return f"^{re.escape(text)}$"


def past_of(X, row):
    """Item ids before a row, oldest first."""
    return X.catalog.item_ids[X._log.items[X._starts[row] : X._ends[row]]].tolist()


def turned(positions, users, times):  # noqa: ARG001 (what a key is given)
    """Key that reverses tied events."""
    return -positions


def days_of_three(n_users=60, *, sort="id", n_days=3, seed=0):
    """Log in which each user takes three of 40 items a day; a day is one moment."""
    rng = np.random.default_rng(seed)
    items = np.array([[rng.permutation(40)[:3] for _ in range(n_days)] for _ in range(n_users)])
    items = {"id": np.sort(items), "reverse": -np.sort(-items), "none": items}[sort]
    users = np.repeat(np.arange(n_users), 3 * n_days)
    times = np.tile(np.repeat(np.arange(n_days), 3), n_users)
    return users, items.ravel(), times


# --- order ---------------------------------------------------------------------------------------


def test_tied_events_stand_as_in_the_input_unless_told_otherwise():
    kept = Interactions(USERS, ITEMS, TIMES)
    assert kept.items.tolist() == ["s", "q", "r", "u", "p", "t"]
    other = Interactions(USERS, ITEMS, TIMES, ties=turned)
    assert other.items.tolist() == ["s", "u", "r", "q", "t", "p"]
    assert other.source_rows.tolist() == [3, 5, 2, 1, 4, 0]
    assert other.timestamps.tolist() == kept.timestamps.tolist()


def test_a_key_is_given_the_events_in_the_order_of_the_input():
    given = []

    def key(positions, users, times):
        given.append((positions.tolist(), users.tolist(), times.tolist()))
        return ["z", "c", "b", "y", "x", "a"]

    X = Interactions(USERS, ITEMS, TIMES, ties=key)
    assert given == [([0, 1, 2, 3, 4, 5], USERS, TIMES)]
    assert X.items.tolist() == ["s", "u", "r", "q", "t", "p"]


@pytest.mark.parametrize("frame_of", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_column_of_the_frame_can_order_ties(frame_of):
    hours = [3, 1, 2, 9, 0, 0]
    frame = frame_of({"user_id": USERS, "item_id": ITEMS, "timestamp": TIMES, "hour": hours})
    X = Interactions.from_frame(frame, ties=lambda p, u, t: frame["hour"])  # noqa: ARG005
    assert X.items.tolist() == ["s", "u", "q", "r", "t", "p"]


@pytest.mark.parametrize(
    "keys",
    [
        np.array([1.5, 0.5, 0.0, 9.0, 1.0, 0.25]),
        np.array([30, 2, 0, 9, 3, 1], dtype="M8[D]"),
        [datetime.datetime(2024, 1, day, tzinfo=datetime.UTC) for day in (9, 7, 1, 2, 8, 3)],
        ["f", "c", "a", "x", "e", "b"],
        pd.Series(["f", "c", "a", "x", "e", "b"], dtype="string"),
    ],
    ids=["floats", "days", "datetimes", "texts", "series"],
)
def test_keys_may_be_whatever_compares(keys):
    X = Interactions(USERS, ITEMS, TIMES).reorder_ties(lambda p, u, t: keys)  # noqa: ARG005
    assert X._derive(ends=np.arange(6)).items.tolist() == ["s", "r", "u", "q", "t", "p"]


def test_events_of_equal_key_stay_as_they_are():
    X = Interactions(USERS, ITEMS, TIMES, ties=turned)
    same = X.reorder_ties(lambda positions, users, times: np.zeros(times.size))  # noqa: ARG005
    assert same.items.tolist() == X.items.tolist()
    np.testing.assert_array_equal(same._log.items, X._log.items)


@pytest.mark.parametrize(
    ("keys", "finding"),
    [
        ([1, 2], "ties must give one key each: expected shape (6,), got (2,)."),
        (3, "ties must give one key each: expected shape (6,), got ()."),
        (
            [1.0, np.nan, 1, 1, np.nan, 1],
            "the keys of ties are missing for 2 entries, first at position 1; give each a key.",
        ),
        (
            np.array(["2024", "NaT", "2024", "2024", "2024", "2024"], dtype="M8[D]"),
            "the keys of ties are missing for 1 entries, first at position 1; give each a key.",
        ),
        (
            ["a", "b", None, "a", pd.NA, "a"],
            "the keys of ties are missing for 2 entries, first at position 2; give each a key.",
        ),
        (
            ["a", 2, "a", "a", "a", "a"],
            "the keys of ties do not compare with each other ('<' not supported between instances "
            "of 'int' and 'str'); give numbers only, texts only, or datetimes only.",
        ),
    ],
    ids=["length", "one", "nan", "nat", "none", "mixed"],
)
def test_keys_that_order_nothing_are_refused(keys, finding):
    X = Interactions(USERS, ITEMS, TIMES)
    with pytest.raises(ValueError, match=finding[:30]) as caught:
        X.reorder_ties(lambda positions, users, times: keys)  # noqa: ARG005
    # Which of two operands Python names first is its own affair.
    assert str(caught.value).replace("'str' and 'int'", "'int' and 'str'") == finding


@pytest.mark.parametrize("ties", ["sort", None, 1, ["shuffle"]])
def test_other_ways_to_order_ties_are_refused(ties):
    text = (
        f"ties must be 'keep', 'shuffle' or a function of positions, users and times, got {ties!r}."
    )
    with pytest.raises(ValueError, match=says(text)):
        Interactions(USERS, ITEMS, TIMES, ties=ties)
    text = text.replace("'keep', 'shuffle'", "'shuffle'")
    with pytest.raises(ValueError, match=says(text)):
        Interactions(USERS, ITEMS, TIMES).reorder_ties(ties)


def test_an_order_is_not_kept_anew():
    with pytest.raises(ValueError, match="ties must be 'shuffle' or a function"):
        Interactions(USERS, ITEMS, TIMES).reorder_ties("keep")


@pytest.mark.parametrize(("ties", "shown"), [("shuffle", "'shuffle'"), (turned, "a function")])
def test_without_timestamps_nothing_is_known_to_tie(ties, shown):
    text = (
        f"ties={shown} needs timestamps, but the log has none, so no events are known to be of one "
        "moment; pass timestamps to Interactions."
    )
    with pytest.raises(ValueError, match=says(text)):
        Interactions(USERS, ITEMS, ties=ties)
    with pytest.raises(ValueError, match=says(text)):
        Interactions(USERS, ITEMS).reorder_ties(ties)
    assert Interactions(USERS, ITEMS, ties="keep").items.tolist() == list("qrsupt")


def test_a_shuffle_follows_its_seed_and_leaves_the_global_generator_alone():
    log = days_of_three()
    state = np.random.get_state()  # noqa: NPY002 (the one that is not to change)
    orders = [
        Interactions(*log, ties="shuffle", random_state=seed).items.tolist()
        for seed in (0, 0, 1, np.random.RandomState(0), np.random.default_rng(0))
    ]
    assert orders[0] == orders[1] != orders[2]
    assert orders[4] == orders[0]  # an int seeds a new generator
    assert orders[3] != Interactions(*log).items.tolist()
    np.testing.assert_array_equal(np.random.get_state()[1], state[1])  # noqa: NPY002


def test_each_of_three_tied_events_is_as_often_the_last():
    users, items, times = np.repeat(np.arange(3000), 3), np.tile([0, 1, 2], 3000), np.zeros(9000)
    X = Interactions(users, items, times, ties="shuffle", random_state=0)
    last = np.bincount(X.items[2::3])
    # Standard deviation 25.8 each.
    assert np.abs(last - 1000).max() < 5 * 25.8


LOGS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 2)), min_size=1)


@given(LOGS, st.integers(0, 99), st.data())
def test_rows_stay_the_same_events(log, seed, data):
    users, items, times = map(np.array, zip(*log, strict=True))
    with warnings.catch_warnings(action="ignore"):
        X = Interactions(users, items, times, weights=np.arange(len(log)))
    rows = data.draw(st.lists(st.integers(0, len(log) - 1)))
    part = X[rows]
    other = part.reorder_ties("shuffle", random_state=seed)
    for name in ("source_rows", "users", "items", "timestamps", "weights"):
        np.testing.assert_array_equal(getattr(other, name), getattr(part, name))
    assert other.catalog is X.catalog
    # The whole log is a log still: sorted by user and time, with every event once.
    whole = other._derive(ends=np.arange(len(log)))
    assert sorted(whole.source_rows.tolist()) == list(range(len(log)))
    assert (np.lexsort((whole.timestamps, whole.users)) == np.arange(len(log))).all()
    np.testing.assert_array_equal(items[whole.source_rows], whole.items)
    # As if the log had been built so; its rows are in log order then.
    with warnings.catch_warnings(action="ignore"):
        built = Interactions(users, items, times, ties="shuffle", random_state=seed)
    np.testing.assert_array_equal(built.source_rows, whole.source_rows)


@given(LOGS, st.integers(0, 99))
def test_queries_keep_what_they_had_seen(log, seed):
    users, items, times = map(np.array, zip(*log, strict=True))
    with warnings.catch_warnings(action="ignore"):
        X = Interactions(users, items, times)
    queries = X[: (len(log) + 1) // 2].next_queries()
    other = queries.reorder_ties("shuffle", random_state=seed)
    assert other.is_query
    np.testing.assert_array_equal(other.users, queries.users)
    for row in range(len(queries)):
        assert sorted(past_of(other, row)) == sorted(past_of(queries, row))


def test_pasts_follow_the_new_order():
    X = Interactions(USERS, ITEMS, TIMES).reorder_ties(turned)
    assert X.items.tolist() == ["s", "q", "r", "u", "p", "t"]
    assert [past_of(X, row) for row in range(4)] == [[], ["s", "u", "r"], ["s", "u"], ["s"]]
    assert past_of(X.next_queries(), 0) == ["s", "u", "r", "q"]
    assert leave_last_out(X)[1].items.tolist() == ["q", "p"]


def test_filters_and_pickles_keep_the_order():
    X = Interactions(*days_of_three(), ties="shuffle", random_state=0)
    core = X.k_core(2)
    where = {event: place for place, event in enumerate(X.source_rows.tolist())}
    places = [where[event] for event in core.source_rows.tolist()]
    assert places == sorted(places)
    for other in (core, X.drop_duplicates(), pickle.loads(pickle.dumps(X))):
        assert "shuffled" in repr(other)


def test_a_merged_log_keeps_the_order_of_its_parts():
    users, items, times = days_of_three()
    early = times < 2
    parts = [
        Interactions(users[mask], items[mask], times[mask], ties="shuffle", random_state=0)
        for mask in (early, ~early)
    ]
    joined = Interactions.concat(parts)
    for part, mask in zip(parts, (joined.timestamps < 2, joined.timestamps >= 2), strict=True):
        np.testing.assert_array_equal(joined.items[mask], part.items)
    assert "shuffled" in repr(joined)
    assert "shuffled" not in repr(Interactions.concat([parts[0], Interactions([9], [1], [5])]))


def test_more_events_are_learned_in_the_order_in_which_they_stand():
    users, items, times = days_of_three()
    catalog = Catalog(np.arange(40))
    early = times < 2
    first, then = (
        Interactions(users[mask], items[mask], times[mask], catalog=catalog, ties=turned)
        for mask in (early, ~early)
    )
    joined = Interactions.concat([first, then])
    model = PopularityEstimator().fit(first).partial_fit(joined[joined.timestamps >= 2])
    np.testing.assert_array_equal(joined[joined.timestamps >= 2].items, then.items)
    np.testing.assert_array_equal(model.item_counts_, np.bincount(items, minlength=40))


@pytest.mark.parametrize(
    ("ties", "words"),
    [("keep", "in the order of the input"), ("shuffle", "shuffled"), (turned, "ordered by a key")],
)
def test_reprs_tell_how_ties_stand(ties, words):
    X = Interactions(USERS, ITEMS, TIMES, ties=ties, random_state=0)
    share = "50% of the log at the time of the event before (100% of last events)"
    assert repr(X).endswith(f"{share})" if ties == "keep" else f"{share}, {words})")
    assert f"3 (50.0%), {words}" in X._repr_html_()
    assert "2 of 2" in X._repr_html_()


# --- what the order tells ------------------------------------------------------------------------


def test_shares_of_neighbours_are_counted_by_hand():
    #        a: 5 < 7 | 3, 3 repeats | 9 < 4 falls;  b: 1 < 2 | 0
    users, items = list("aaaaaabbb"), [5, 7, 3, 3, 9, 4, 1, 2, 0]
    X = Interactions(users, items, [1, 1, 2, 3, 4, 4, 1, 1, 2])
    (order,) = orders_of_ties(X)
    # Tied: 5-7 and 1-2 ascend, 9-4 does not. Untied: 7-3, 2-0 fall, 3-9 ascends, 3-3 is neither.
    assert (order.name, order.tied, order.untied) == ("item id", 2 / 3, 1 / 3)


def test_groups_of_users_count_what_single_users_do():
    X = Interactions(*days_of_three(3000, sort="id"))
    (order,) = orders_of_ties(X)
    users, items, times = days_of_three(3000, sort="id")
    same, tied = users[1:] == users[:-1], times[1:] == times[:-1]
    up, differ = items[1:] > items[:-1], items[1:] != items[:-1]
    assert order.tied == up[same & tied & differ].mean()
    assert order.untied == up[same & ~tied & differ].mean()
    # By the binomial law, if users did not matter; the interval is some 4 standard errors wide.
    error = np.sqrt(order.untied * (1 - order.untied) / (same & ~tied & differ).sum())
    assert 3 * error < order.high - order.low < 5 * error
    assert order.low < order.difference < order.high


def test_sorted_ties_are_warned_of_with_both_shares():
    X = Interactions(*days_of_three(200, sort="id"))
    (order,) = orders_of_ties(X)
    with pytest.warns(TiedTargetsWarning) as caught:
        leave_last_out(X)
    text = str(caught[0].message)
    assert "100.0% of the last events (of 200 users with two events or more)" in text
    assert "stand in the order of item id: of neighbours of one time 100.0% ascend" in text
    assert f"of neighbours of different times {order.untied:.1%} (difference " in text
    assert f"interval over users {order.low:.3f} to {order.high:.3f}" in text
    assert "a higher item id. Shuffle them before splitting, with X.reorder_ties('shuffle'" in text
    assert caught[0].filename == __file__


def test_ties_in_reverse_order_are_warned_of_as_well():
    with pytest.warns(TiedTargetsWarning, match="100.0% descend, .* a lower item id"):
        leave_last_out(Interactions(*days_of_three(200, sort="reverse")))


def test_many_ties_are_warned_of_where_the_input_orders_them():
    log = days_of_three(200, sort="none")
    with pytest.warns(TiedTargetsWarning, match="^100.0% of the last events") as caught:
        leave_last_out(Interactions(*log))
    assert "stand in the order" not in str(caught[0].message)
    with warnings.catch_warnings(action="error"):
        leave_last_out(Interactions(*log, ties="shuffle", random_state=0))
        leave_last_out(Interactions(*log).reorder_ties(turned))


def test_a_key_that_sorts_by_id_is_warned_of_too():
    users, items, times = days_of_three(200, sort="none")
    X = Interactions(users, items, times, ties=lambda positions, u, t: items[positions])  # noqa: ARG005
    with pytest.warns(TiedTargetsWarning, match="^events of one user at one moment stand in the"):
        leave_last_out(X)


@pytest.mark.parametrize("n_tied", [110, 140])
def test_half_of_the_last_events_may_be_tied(n_tied):
    # Of 220 users, half and 64 % (lower end of the interval .57).
    users = np.repeat(np.arange(220), 2)
    times = np.tile([0, 1], 220)
    times[1 : 2 * n_tied : 2] = 0
    items = np.random.default_rng(0).integers(50, size=440)
    X = Interactions(users, items, times, drop_duplicates=True)
    with warnings.catch_warnings(record=True, action="always") as caught:
        leave_last_out(X)
    assert len(caught) == (n_tied == 140)


def test_a_few_users_prove_nothing():
    with warnings.catch_warnings(action="error"):
        leave_last_out(Interactions(*days_of_three(9, sort="id")))


def test_untied_neighbours_that_ascend_as_often_excuse_the_order():
    # A course in parts: all neighbours ascend, whether of one day or not.
    users, items = np.repeat(np.arange(50), 9), np.tile(np.arange(9), 50)
    times = np.tile([0, 0, 1, 1, 2, 2, 3, 3, 4], 50)
    with warnings.catch_warnings(action="error"):
        leave_last_out(Interactions(users, items, times))


def test_ties_in_no_order_are_fine_however_others_stand():
    # Untied neighbours never ascend: half of the tied ones do, which is no order.
    rng = np.random.default_rng(0)
    pairs = rng.permuted(np.tile([0, 1], (400, 4, 1)), axis=2) + np.arange(8, 0, -2)[:, None]
    items = np.concatenate([pairs.reshape(400, 8), np.zeros((400, 1), dtype=int)], axis=1)
    users, times = np.repeat(np.arange(400), 9), np.tile([0, 0, 1, 1, 2, 2, 3, 3, 4], 400)
    X = Interactions(users, items.ravel(), times)
    (order,) = orders_of_ties(X)
    assert order.untied == 0
    assert order.difference > 0.4
    with warnings.catch_warnings(action="error"):
        leave_last_out(X)


def test_the_warning_comes_once_a_log_from_whatever_asks_for_targets():
    log = days_of_three(200, sort="id")
    fitted = PopularityEstimator().fit(Interactions(*log))
    askers = {
        "split": lambda X: next(LeaveLastOut().split(X)),
        "temporal": lambda X: next(TemporalSplit(cuts=2).split(X)),
        "last": leave_last_out,
        "scorer": lambda X: ndcg_scorer()(fitted, X),
        "ranks": lambda X: target_ranks(fitted, X),
        "report": lambda X: ranking_report(fitted, X),
    }
    for first in askers.values():
        X = Interactions(*log)
        with pytest.warns(TiedTargetsWarning) as caught:
            first(X[300:])
        assert caught[0].filename == __file__
        with warnings.catch_warnings(action="error"):
            for asker in askers.values():
                asker(X[200:])
            leave_last_out(pickle.loads(pickle.dumps(X)))


def test_building_fitting_and_answering_do_not_warn():
    with warnings.catch_warnings(action="error"):
        X = Interactions(*days_of_three(200, sort="id"))
        PopularityEstimator().fit(X).predict(X.next_queries())
        Interactions.concat([X, Interactions([0], [1], [9])]).k_core(2)


# --- keys ----------------------------------------------------------------------------------------


SHELVES = np.random.default_rng(5).permutation(40)


def log_by_shelf():
    """Ties sorted by a value of the items that their ids do not tell."""
    users, items, times = days_of_three(200, sort="none")
    order = np.lexsort((SHELVES[items], times, users))
    return users, items[order], times


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (SHELVES, "tie_key"),
        (SHELVES.tolist(), "tie_key"),
        ([f"shelf {number:02d}" for number in SHELVES], "tie_key"),
        (pl.Series("shelf", SHELVES), "shelf"),
        (pa.chunked_array([SHELVES]), "tie_key"),
        (pd.Series(SHELVES, name="shelf")[::-1], "shelf"),  # found by its labels
    ],
    ids=["array", "list", "texts", "polars", "pyarrow", "pandas"],
)
def test_a_value_an_item_shows_an_order_that_ids_do_not_tell(key, name):
    catalog = Catalog(np.arange(40))
    X = Interactions(*log_by_shelf(), catalog=catalog, tie_key=key)
    by_id, by_shelf = orders_of_ties(X)
    assert (by_id.name, by_shelf.name, by_shelf.tied) == ("item id", name, 1.0)
    assert abs(by_id.difference) < 0.2
    with pytest.warns(TiedTargetsWarning, match=f"stand in the order of {name}: .* higher {name}"):
        leave_last_out(X)


def test_a_column_of_the_catalog_is_named():
    shelves = [f"{number:02d}" for number in SHELVES]
    frame = pl.DataFrame({"title": ["a"] * 40, "shelf": shelves})
    users, items, times = log_by_shelf()
    # Another order of the catalog, and items that are in no event.
    ids = np.append(np.arange(40), [77])[::-1]
    frame = pl.concat([frame, pl.DataFrame({"title": ["b"], "shelf": ["zz"]})]).reverse()
    log = pl.DataFrame({"user_id": users, "item_id": items, "timestamp": times})
    X = Interactions.from_frame(log, catalog=Catalog(ids, frame), tie_key="shelf")
    by_shelf = orders_of_ties(X)[1]
    assert (by_shelf.name, by_shelf.tied) == ("shelf", 1.0)
    # The features may change, and items go: the key stays with the items.
    assert orders_of_ties(X.with_features(np.eye(41)))[1].tied == 1.0
    assert orders_of_ties(X.k_core(2))[1].tied == 1.0


def test_keys_of_joined_logs_are_kept_if_all_have_them():
    users, items, times = log_by_shelf()
    early = times < 2
    catalog = Catalog(np.arange(40))
    first, then = (
        Interactions(users[m], items[m], times[m], catalog=catalog, tie_key=SHELVES)
        for m in (early, ~early)
    )
    assert orders_of_ties(Interactions.concat([first, then]))[1].tied == 1.0
    plain = Interactions(users[~early], items[~early], times[~early], catalog=catalog)
    other = Interactions(users[~early], items[~early], times[~early], catalog=catalog,
                         tie_key=SHELVES[::-1])  # fmt: skip
    for part in (plain, other):
        names = [order.name for order in orders_of_ties(Interactions.concat([first, part]))]
        assert names == ["item id"]


@pytest.mark.parametrize(
    ("features", "key", "text"),
    [
        (
            None,
            "shelf",
            "tie_key='shelf' names a column, but the catalog has no features; pass one value for "
            "each item, in the order of catalog.item_ids.",
        ),
        (
            np.eye(40),
            "shelf",
            "tie_key='shelf' names a column, but the catalog has float64 of shape (40, 40); pass "
            "one value for each item, in the order of catalog.item_ids.",
        ),
        (
            pl.DataFrame({"title": ["a"] * 40}),
            "shelf",
            "tie_key='shelf' is no column of the catalog, which has 'title'; name one of them, or "
            "pass one value for each item, in the order of catalog.item_ids.",
        ),
        (None, [1, 2], "tie_key must give one key each: expected shape (40,), got (2,)."),
        (
            None,
            [None] + [1] * 39,
            "the keys of tie_key are missing for 1 entries, first at position 0; give each a key.",
        ),
    ],
    ids=["no features", "vectors", "other column", "length", "missing"],
)
def test_keys_that_fit_no_catalog_are_refused(features, key, text):
    catalog = Catalog(np.arange(40), features)
    with pytest.raises(ValueError, match=says(text)):
        Interactions(*log_by_shelf(), catalog=catalog, tie_key=key)
