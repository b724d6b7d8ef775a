"""How much each event of a history counts, by its age."""
# SPDX-License-Identifier: BSD-3-Clause

import re
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skace._windows import past_events
from skace.recommenders import _histories
from skace.recommenders._histories import Histories, as_numbers
from skace.recommenders.linear import _history_weights
from skace.recommenders.linear._history_weights import history_weights

# Three pasts over one log: of four events with a repeat, of one, and the first two of them.
ITEMS = np.array([2, 0, 2, 1, 3])
STARTS, ENDS = np.array([0, 4, 0]), np.array([4, 5, 2])
AGES_IN_DAYS = [[4.0, 3.5, 0.5, 0.0], [0.0], [0.5, 0.0]]
NUMBERS = np.array([0.0, 0.5, 3.5, 4.0, 100.0])


def weights_of(decay, decay_by="events", times=None):
    histories = Histories(ITEMS, STARTS, ENDS, times=times)
    return history_weights(histories, 5, decay, decay_by)


def test_without_decay_a_history_is_a_set():
    weights = weights_of(None)
    assert_array_equal(weights.toarray(), [[1, 1, 1, 0, 0], [0, 0, 0, 1, 0], [1, 0, 1, 0, 0]])
    assert weights.dtype == np.float32
    assert weights.format == "csr"


def test_decay_counts_later_events_and_repeats_add_up():
    a = exp(-1 / 2)
    expected = [[a**2, 1, a**3 + a, 0, 0], [0, 0, 0, 1, 0], [1, 0, a, 0, 0]]
    found = weights_of(2.0)
    assert_allclose(found.toarray(), expected, rtol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("times", "unit"),
    [
        (NUMBERS, 1.0),
        ((NUMBERS * 86_400).astype(np.int64) + 1_700_000_000, 86_400.0),
        (np.datetime64("2024-02-28T12") + (NUMBERS * 24).astype("m8[h]"), 1.0),
        ((np.datetime64("1969-12-30") + (NUMBERS * 86_400).astype("m8[s]")).astype("M8[ns]"), 1.0),
    ],
    ids=["floats", "seconds", "hours", "nanoseconds before and after 1970"],
)
def test_decay_by_time_counts_days_of_datetimes_and_units_of_numbers(times, unit):
    decay = 1.5
    expected = np.zeros((3, 5))
    for row, (start, ages) in enumerate(zip(STARTS, AGES_IN_DAYS, strict=True)):
        for event, age in enumerate(ages, start):
            expected[row, ITEMS[event]] += exp(-age / decay)
    assert_allclose(weights_of(decay * unit, "time", times).toarray(), expected, rtol=1e-5)


def test_ties_in_time_count_alike():
    found = weights_of(1.0, "time", np.full(5, 7)).toarray()
    assert_array_equal(found, [[1, 1, 2, 0, 0], [0, 0, 0, 1, 0], [1, 0, 1, 0, 0]])


def test_sets_need_no_times_whatever_decay_by_says():
    assert_array_equal(weights_of(None, "time").toarray(), weights_of(None).toarray())


def test_decay_by_time_without_times_is_refused():
    text = (
        "decay_by='time' needs timestamps, but X has none; pass Interactions with timestamps, or "
        "set decay_by='events'."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        weights_of(1.0, "time")


def test_events_that_count_nothing_take_no_memory():
    histories = Histories(np.arange(1000), np.array([0]), np.array([1000]))
    assert history_weights(histories, 1000, 2.0, "events").nnz == 46
    assert history_weights(histories, 1000, 1e-3, "events").nnz == 1


@settings(deadline=None, max_examples=50)
@given(
    pasts=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=8), min_size=1, max_size=4),
    decay=st.one_of(st.none(), st.floats(0.05, 50.0)),
)
def test_weights_agree_with_a_loop(pasts, decay):
    ends = np.cumsum([len(past) for past in pasts])
    histories = Histories(np.concatenate(pasts), ends - [len(past) for past in pasts], ends)
    expected = np.zeros((len(pasts), 6))
    for row, past in enumerate(pasts):
        for age, item in enumerate(reversed(past)):
            if decay is None:
                expected[row, item] = 1
            else:
                expected[row, item] += exp(-age / decay)
    found = history_weights(histories, 6, decay, "events").toarray()
    assert_allclose(found, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (np.array(["1970-01-02", "1970-01-01T12"], dtype="M8[m]"), [1.0, 0.5]),
        (np.array([3, -4]), [3.0, -4.0]),
        (np.array([0.25], dtype=np.float32), [0.25]),
    ],
)
def test_times_become_days_or_stay_numbers(times, expected):
    assert_array_equal(as_numbers(times), expected)
    assert as_numbers(times).dtype == np.float64


@settings(max_examples=30)
@given(
    items=st.lists(st.integers(0, 4), min_size=1, max_size=30),
    decay=st.sampled_from([None, 0.05, 0.3, 2.0, 1e6]),
    decay_by=st.sampled_from(["events", "time"]),
    block=st.sampled_from([1, 7, 2**20]),
)
def test_stretches_of_any_size_give_the_same_weights(items, decay, decay_by, block):
    ends = np.arange(1, len(items) + 1)
    times = np.arange(len(items)) / 2
    histories = Histories(np.array(items), np.zeros_like(ends), ends, times=times)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_history_weights, "_BLOCK_EVENTS", block)
        found = history_weights(histories, 5, decay, decay_by).toarray()
    step = 1 if decay_by == "events" else 0.5
    expected = np.zeros((len(items), 5))
    for row in range(len(items)):
        for event in range(row + 1):
            value = 1.0 if decay is None else exp(-(row - event) * step / decay)
            expected[row, items[event]] = (
                1.0 if decay is None else expected[row, items[event]] + value
            )
    assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


@given(
    lengths=st.lists(st.integers(0, 30), min_size=1, max_size=20),
    nested=st.booleans(),
    bound=st.sampled_from([4, 16, 64]),
)
def test_blocks_cover_all_rows_and_bound_what_is_read(lengths, nested, bound):
    ends = np.array(lengths, dtype=np.int64)
    starts = np.zeros_like(ends) if nested else np.cumsum(ends) - ends
    histories = Histories(np.zeros(1000, dtype=np.int64), starts, starts + ends)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_histories, "_BLOCK_EVENTS", bound)
        parts = list(histories.blocks(5, n_items=3))
    rows = np.arange(len(lengths))
    assert_array_equal(np.concatenate([rows[part] for part in parts]), rows)
    for part in parts:
        # The first row may be longer than all that is allowed.
        more = np.delete(ends[part], 0)
        assert part.stop - part.start <= 5
        assert (max(0, more.max(initial=0) - ends[part.start]) if nested else more.sum()) <= bound


@pytest.mark.parametrize("decay_by", ["events", "time"])
def test_events_too_old_to_be_felt_are_not_read(monkeypatch, decay_by):
    """A long user costs what is felt of each past, not the square of all events."""
    n_events, read = 2000, []
    histories = Histories(
        np.zeros(n_events, dtype=np.int64),
        np.zeros(n_events, dtype=np.int64),
        np.arange(1, n_events + 1),
        times=np.arange(n_events),
    )

    def noted(starts, ends):
        read.append(int((ends - starts).sum()))
        return past_events(starts, ends)

    monkeypatch.setattr(_history_weights, "past_events", noted)
    weights = history_weights(histories, 1, 2.0, decay_by).toarray()[:, 0]
    assert sum(read) <= 46 * n_events
    expected = [sum(exp(-age / 2.0) for age in range(min(end, 46))) for end in (1, 2, 45, 46, 2000)]
    assert_allclose(weights[[0, 1, 44, 45, 1999]], expected, rtol=1e-6)
