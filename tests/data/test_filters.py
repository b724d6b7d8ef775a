"""k_core against a loop in plain Python."""
# SPDX-License-Identifier: BSD-3-Clause

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from skace import Catalog, Interactions
from skace.data import _filters, k_core

EVENTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40)


def says(text):
    """Pattern for exactly this text."""
    return f"^{re.escape(text)}$"


def naive_core(events, n):
    """Places of the events that remain when too rare users and items go one after the other."""
    kept = list(range(len(events)))
    while True:
        users = Counter(events[i][0] for i in kept)
        items = Counter(events[i][1] for i in kept)
        still = [i for i in kept if users[events[i][0]] >= n and items[events[i][1]] >= n]
        if still == kept:
            return kept
        kept = still


@given(EVENTS, st.integers(1, 4), st.sampled_from([1, 16, 10**9]))
def test_k_core_agrees_with_a_loop(events, n, few):
    # Rounds over all events, and a look at each event that goes, share the work in any way.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_filters, "_FEW", few)
        check_against_loop(events, n)


def check_against_loop(events, n):
    expected = naive_core(events, n)
    assume(expected)
    users, items = map(list, zip(*events, strict=True))
    X = Interactions(users, items, list(range(len(events)))[::-1])
    core = X.k_core(n)
    assert sorted(core.source_rows) == expected
    assert core.users.tolist() == [users[i] for i in core.source_rows]
    assert core.items.tolist() == [items[i] for i in core.source_rows]
    assert core.timestamps.tolist() == [len(events) - 1 - i for i in core.source_rows]
    assert sorted(core.catalog.item_ids) == sorted({items[i] for i in expected})


@given(EVENTS, st.integers(1, 4))
def test_the_core_of_a_core_is_itself(events, n):
    assume(naive_core(events, n))
    X = Interactions(*map(list, zip(*events, strict=True)))
    core = X.k_core(n)
    again = core.k_core(n)
    assert again.users.tolist() == core.users.tolist()
    assert again.items.tolist() == core.items.tolist()


def test_repeated_events_count_each():
    assert len(Interactions.from_sequences([["a", "a"]]).k_core(2)) == 2


def test_k_core_takes_features_along_and_leaves_the_old_log_alone():
    catalog = Catalog(["a", "b", "c"], np.eye(3))
    X = Interactions(["u", "u", "v", "v", "w"], ["c", "b", "b", "c", "a"], catalog=catalog)
    core = X.k_core(2)
    assert core.catalog.item_ids.tolist() == ["b", "c"]
    np.testing.assert_array_equal(core.catalog.features, [[0, 1, 0], [0, 0, 1]])
    past = core._log.items[core._starts[1] : core._ends[1]]
    assert core.catalog.item_ids[past].tolist() == ["c"]
    assert len(X) == 5
    assert X.n_items == 3


def test_rows_in_another_order_give_the_same_core():
    X = Interactions.from_sequences([["a", "b"], ["b", "a"], ["c", "a"]])
    assert X[[5, 0, 1, 4, 3, 2, 2]].k_core(2).items.tolist() == ["a", "b", "b", "a"]


@pytest.mark.parametrize(
    ("make", "n", "text"),
    [
        (lambda X: X, 0, "n must be an int in the range [1, inf), got 0."),
        (lambda X: X, 2.0, "n must be an int in the range [1, inf), got 2.0."),
        (lambda X: X, 5, "k_core(5) leaves no event; lower n."),
        (
            lambda X: X[:-1],
            1,
            "k_core needs all rows of a log, got 9 of 10; filter before slicing.",
        ),
        (
            lambda X: X.next_queries(),
            1,
            "k_core needs all rows of a log, got 4 of 10; filter before slicing.",
        ),
    ],
)
def test_what_has_no_core_is_refused(small_log, make, n, text):
    with pytest.raises(ValueError, match=says(text)):
        k_core(make(small_log), n)


def test_a_chain_is_gone_through_once(monkeypatch):
    # Each user and each item has two events, but for the ends: a round would drop two of them.
    places = np.arange(4000)
    X = Interactions(
        np.append(places // 2, [9000, 9000, 9001, 9001]),
        np.append((places + 1) // 2, [9000, 9001, 9000, 9001]),
    )
    n_rounds = 0
    bincount = np.bincount

    def counted(*args, **settings):
        nonlocal n_rounds
        n_rounds += 1
        return bincount(*args, **settings)

    monkeypatch.setattr(_filters.np, "bincount", counted)
    assert X.k_core(2).items.tolist() == [9000, 9001] * 2
    assert n_rounds < 10
