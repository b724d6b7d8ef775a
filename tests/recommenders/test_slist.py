"""SLIST: regression rows by a loop over sessions and splits, decays, mixtures, cycles."""
# SPDX-License-Identifier: BSD-3-Clause

import re
from itertools import pairwise
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skace import Interactions, leave_last_out, recall_scorer
from skace.datasets import make_cycle
from skace.recommenders import SLISTEstimator
from skace.recommenders.linear._counts import dense_counts, sparse_counts
from skace.recommenders.linear._session_splits import session_rows
from skace.recommenders.linear._sessions import sessions_of

E = exp(-1)
OLD, NEW = E / (1 + E), 1 / (1 + E)  # two events before a split, in the L1 norm
DIRECTIONS = ["sr", "part", "all"]
NO_TIMES = (
    "session_decay needs timestamps, but X has none; pass Interactions with timestamps, or set "
    "session_decay=None."
)


def slist(**parameters):
    """SLIST in double precision."""
    return SLISTEstimator(**{"k": 2, "regularization": 0.3, "dtype": "float64"} | parameters)


def weight(distance, decay):
    """Weight of an event at a distance."""
    return 1.0 if decay is None else exp(-distance / decay)


def input_of_split(items, split, model, n_items):
    """What is read at a split, before it is normalised."""
    row = np.zeros(n_items)
    for place, item in enumerate(items):
        is_read = {"sr": place == split, "part": place <= split, "all": True}[model.direction]
        row[item] += is_read * weight(abs(split - place), model.train_decay)
    return row


def target_of_split(items, values, split, model, n_items):
    """What is learned at a split."""
    row = np.zeros(n_items)
    for place, (item, value) in enumerate(zip(items, values, strict=True)):
        if place > split or model.direction == "all":
            row[item] += value * weight(abs(split + 1 - place), model.train_decay)
    return row


def set_rows(items, values, n_items):
    """A session as a set, and the most that each of its items is worth as a target."""
    read, learned = np.zeros(n_items), np.zeros(n_items)
    for item, value in zip(items, values, strict=True):
        read[item] = 1
        learned[item] = max(learned[item], value)
    return read, learned


def rows_of_session(items, values, model, n_items):
    """Inputs, targets and shares of all regression rows of a session."""
    read, learned = set_rows(items, values, n_items)
    rows = [(read, learned, model.alpha)]
    for split in range(len(items) - 1):
        read = input_of_split(items, split, model, n_items)
        learned = target_of_split(items, values, split, model, n_items)
        rows.append((read, learned, 1 - model.alpha))
    return rows


def sessions_by_loop(X, sample_weight=None):
    """Items, values as targets and time of the last row of each user with a row."""
    values = np.ones(len(X)) if sample_weight is None else sample_weight
    by_event = dict(zip(X._ends.tolist(), values, strict=True))
    for start, stop in pairwise(X._log.offsets.tolist()):
        rows = [event for event in range(start, stop) if by_event.get(event, 0) > 0]
        if rows:
            events = range(start, rows[-1] + 1)
            time = None if X._log.timestamps is None else X._log.timestamps[rows[-1]]
            yield X._log.items[events], [by_event.get(event, 0) for event in events], time


def products_by_loop(X, model, sample_weight=None):
    """Gram matrix of the inputs and their products with the targets."""
    sessions = list(sessions_by_loop(X, sample_weight))
    gram, cross = np.zeros((X.n_items, X.n_items)), np.zeros((X.n_items, X.n_items))
    for items, values, time in sessions:
        age = 0 if model.session_decay is None else max(s[2] for s in sessions) - time
        of_session = weight(age, model.session_decay)
        for read, learned, share in rows_of_session(items, values, model, X.n_items):
            normed = read / read.sum()
            gram += share * of_session * np.outer(normed, normed)
            cross += share * of_session * np.outer(normed, learned)
    return gram, cross


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    direction=st.sampled_from(DIRECTIONS),
    alpha=st.sampled_from([0.0, 0.2, 1.0]),
    train_decay=st.sampled_from([0.25, 1.0, 8.0, None]),
    session_decay=st.sampled_from([2.0, None]),
    xi=st.sampled_from([0.0, 0.05, 2.0, None]),
)
def test_weights_solve_the_regression_of_rows_made_by_a_loop(
    make_log, solve_by_columns, seed, xi, **parameters
):
    X = make_log(n_users=5, n_items=5, seed=seed)
    model = slist(xi=xi, **parameters).fit(X)
    gram, cross = products_by_loop(X, model)
    assert_allclose(model.gram_.toarray(), gram, atol=1e-9)
    assert_allclose(model.cross_gram_.toarray(), cross, atol=1e-9)
    expected = solve_by_columns(gram + 0.3 * np.eye(5), cross, at_most=xi)
    assert_allclose(model.coef_, expected, atol=1e-8)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("is_weighted", [False, True])
def test_only_rows_are_targets_and_their_weights_the_values(make_log, direction, is_weighted):
    X = make_log(n_users=12, longest=8)
    X = X[(X._ends - X._starts >= 2) & (X._ends - X._starts < 6)]
    weights = np.random.default_rng(0).integers(3, size=len(X)) if is_weighted else None
    model = slist(direction=direction, session_decay=3.0)
    gram, cross = products_by_loop(X, model, weights)
    model.fit(X, sample_weight=weights)
    assert_allclose(model.gram_.toarray(), gram, atol=1e-12)
    assert_allclose(model.cross_gram_.toarray(), cross, atol=1e-12)


@pytest.mark.parametrize(
    ("direction", "gram", "cross"),
    [
        # Splits after the first and after the second of the events 0, 1, 2.
        ("sr", [[1, 0, 0], [0, 1, 0], [0, 0, 0]], [[0, 1, E], [0, 0, 1], [0, 0, 0]]),
        (
            "part",
            [[1 + OLD**2, OLD * NEW, 0], [OLD * NEW, NEW**2, 0], [0, 0, 0]],
            [[0, 1, E + OLD], [0, 0, NEW], [0, 0, 0]],
        ),
    ],
)
def test_splits_of_a_session_by_hand(direction, gram, cross):
    model = slist(direction=direction, alpha=0).fit([[0, 1, 2]])
    assert_allclose(model.gram_.toarray(), gram, atol=1e-12)
    assert_allclose(model.cross_gram_.toarray(), cross, atol=1e-12)


def test_sets_of_sessions_by_hand():
    model = slist(alpha=1).fit([["ash", "bay", "ash"], ["bay"]])
    assert_allclose(model.gram_.toarray(), [[0.25, 0.25], [0.25, 1.25]])
    assert_allclose(model.cross_gram_.toarray(), [[0.5, 0.5], [0.5, 1.5]])


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_alpha_mixes_sets_and_splits(make_log, direction):
    X = make_log()
    parts = [slist(direction=direction, alpha=alpha).fit(X) for alpha in (0, 0.25, 1)]
    for name in ("gram_", "cross_gram_"):
        splits, mixed, sets = (getattr(model, name).toarray() for model in parts)
        assert_allclose(mixed, 0.75 * splits + 0.25 * sets, atol=1e-12)


@pytest.mark.parametrize("decay", [0.5, 2.0, None])
@pytest.mark.parametrize("n_entries", [1, 7, 40])
def test_sessions_counted_in_parts_are_sessions_counted_at_once(make_log, n_entries, decay):
    sessions = sessions_of(make_log(), np.arange(6), None)

    def rows_of(n_entries):
        weights = np.arange(sessions.lengths.size) + 1.0
        settings = {"alpha": 0.3, "direction": "all", "decay": decay}
        return session_rows(sessions, 6, **settings, session_weights=weights, n_entries=n_entries)

    whole = sparse_counts(rows_of, 6)
    assert len(list(rows_of(n_entries))) > len(list(rows_of(10**6))) == 2
    parts = sparse_counts(lambda _: rows_of(n_entries), 6)
    dense = dense_counts(lambda _: rows_of(n_entries), 6, "float64")
    for name in ("gram", "cross"):
        expected = getattr(whole, name).toarray()
        assert_allclose(getattr(parts, name).toarray(), expected, atol=1e-12)
        assert_allclose(getattr(dense, name), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("times", "session_decay"),
    [
        ([0, 3, 1, 7], 2.0),
        ([0.0, 3.0, 1.0, 7.0], 2.0),
        (np.array(["2024-02-27", "2024-03-01", "2024-02-28", "2024-03-05"], dtype="M8[s]"), 2.0),
        (np.array([0, 3, 1, 7]) * 86_400, 2.0 * 86_400),
    ],
    ids=["ints", "floats", "days", "seconds"],
)
def test_old_sessions_count_less(times, session_decay):
    X = Interactions(["a", "a", "b", "b"], ["x", "y", "x", "z"], times)
    model = slist(alpha=0, session_decay=session_decay).fit(X)
    assert_allclose(model.cross_gram_.toarray()[0], [0, exp(-4 / 2), 1], rtol=1e-12)


def test_age_is_counted_from_the_newest_training_row():
    X = Interactions(["a", "a", "b", "b"], ["x", "y", "x", "z"], [1, 2, 3, 9])
    model = slist(session_decay=1.0).fit(X[:3])
    assert model.newest_time_ == 3.0
    # A row of weight 0 is none, in the memo as well.
    weights = [1.0, 1.0, 1.0, 0.0]
    assert slist(session_decay=1.0).fit(X, sample_weight=weights).newest_time_ == 3.0
    assert_array_equal(model.gram_.toarray(), slist(session_decay=1.0).fit(X[:3]).gram_.toarray())


def test_counts_of_earlier_sessions_age_when_new_ones_come():
    X = Interactions(["a", "a", "b", "b"], ["x", "y", "x", "z"], [0, 3, 1, 7])
    model = slist(session_decay=2.0).fit(X[:2])
    before = model.gram_.toarray()
    model.partial_fit(X[2:])
    assert model.newest_time_ == 7.0
    assert_allclose(
        model.gram_.toarray(), slist(session_decay=2.0).fit(X).gram_.toarray(), atol=1e-12
    )
    # What comes late but is old ages nothing.
    late = slist(session_decay=2.0).fit(X[2:]).partial_fit(X[:2])
    assert late.newest_time_ == 7.0
    assert_allclose(late.gram_.toarray(), model.gram_.toarray(), atol=1e-12)
    assert before.max() > model.gram_.toarray()[1, 1]


@pytest.mark.parametrize("X", [[["x", "y"]], Interactions(["a", "a"], ["x", "y"])])
def test_session_decay_needs_times_before_any_work(X, monkeypatch):
    monkeypatch.setattr(SLISTEstimator, "_count", None)
    model = slist(session_decay=1.0)
    with pytest.raises(ValueError, match=f"^{re.escape(NO_TIMES)}$"):
        model.fit(X)
    assert not hasattr(model, "item_ids_")


def test_session_decay_needs_times_in_partial_fit_too(make_log):
    model = slist(session_decay=1.0).fit(make_log())
    before = model.coef_
    with pytest.raises(ValueError, match=f"^{re.escape(NO_TIMES)}$"):
        model.partial_fit([[0, 1]])
    assert model.coef_ is before


@pytest.mark.parametrize("sessions", [[["x"], ["y"]], [["x"]]])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_sessions_of_one_event_have_no_splits(sessions, alpha):
    model = slist(k=1, alpha=alpha).fit(sessions)
    assert_allclose(model.gram_.toarray(), alpha * np.eye(len(sessions)))
    assert_allclose(model.cross_gram_.toarray(), alpha * np.eye(len(sessions)))


def test_a_train_decay_beyond_measure_is_none(make_log):
    X = make_log()
    endless = slist(train_decay=1e300).fit(X)
    assert_allclose(endless.coef_, slist(train_decay=None).fit(X).coef_, atol=1e-12)


def test_slist_finds_the_next_step_of_a_cycle():
    X = make_cycle(n_users=40, n_items=10, length=12, random_state=0)
    train, test = leave_last_out(X)
    model = SLISTEstimator(k=1, alpha=0, direction="sr").fit(train)
    assert recall_scorer(k=1)(model, test) == 1.0
    assert model.predict([[8, 9], [3]]).tolist() == [[0], [4]]
    sets = SLISTEstimator(k=1, alpha=1).fit(train)
    assert recall_scorer(k=1)(sets, test) < 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [("alpha", 1.0), ("direction", "all"), ("train_decay", None), ("session_decay", 3.0)],
)
def test_new_rows_are_counted_like_the_old_ones(name, value):
    X = make_cycle(n_users=6, n_items=5, length=4, random_state=0)
    model = slist(store_counts=True).fit(X)
    was = model.get_params()[name]
    text = (
        f"{name}={value!r}, but the rows that were learned before were counted with "
        f"{name}={was!r}; set it back, or fit anew."
    )
    before = model.coef_.copy()
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.set_params(**{name: value}).partial_fit(X)
    assert_array_equal(model.coef_, before)
    assert model.fit(X).count_parameters_[name] == value
