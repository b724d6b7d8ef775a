"""Windows over the log, and the arrays of the batches that are made of them."""
# SPDX-License-Identifier: BSD-3-Clause

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skace._torch._batches import DeviceLog
from skace._torch._network import Network
from skace._torch.tables._frozen import FrozenItems
from skace._windows import batch_order, cut_windows, past_items

# Four users of 3, 5, 9 and 1 events: with max_length 4 the past of the last event is short, exactly
# as long as a window, longer, and empty. The item of an event is its log position.
OFFSETS = np.array([0, 3, 8, 17, 18])
ALL_ROWS = np.ones(18, dtype=bool)

LOGS = st.lists(st.lists(st.booleans(), max_size=15), min_size=1, max_size=4)
MAX_LENGTHS = st.integers(1, 6)


def arrays_of(log):
    """Mask of the training rows and offsets, from one list of booleans per user."""
    is_row = np.array([flag for user in log for flag in user], dtype=bool)
    return is_row, np.concatenate([[0], np.cumsum([len(user) for user in log])]).astype(np.int64)


def bounds_of(windows):
    return list(
        zip(
            windows.starts.tolist(),
            windows.lengths.tolist(),
            windows.first_targets.tolist(),
            strict=True,
        )
    )


def targets_of(windows, is_row):
    """(event, events of the window before it) for each position with a loss."""
    return [
        (target, target - start)
        for start, length, first in bounds_of(windows)
        for target in range(max(first, start + 1), start + length + 1)
        if is_row[target]
    ]


def test_windows_of_four_users():
    windows = cut_windows(ALL_ROWS, OFFSETS, 4)
    # (first event read, events read, first event predicted)
    assert bounds_of(windows) == [
        (0, 2, 1),
        (3, 4, 4),
        (12, 4, 15),
        (10, 4, 13),
        (8, 4, 9),
    ]
    assert len(windows) == 5


def test_truncated_windows_of_four_users():
    windows = cut_windows(ALL_ROWS, OFFSETS, 4, overlap=False)
    assert bounds_of(windows) == [(0, 2, 1), (3, 4, 4), (12, 4, 13)]


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [
        ([2, 7, 16], [(0, 1, 1), (3, 3, 4), (11, 4, 14), (9, 4, 12), (8, 3, 9)]),
        ([0, 3, 8], [(0, 2, 1), (3, 4, 4), (12, 4, 15), (10, 4, 13), (8, 4, 9)]),
        ([13, 14], [(0, 2, 1), (3, 4, 4), (12, 4, 15), (8, 4, 9)]),
        (range(1, 18), []),
        (range(8), [(12, 4, 15), (10, 4, 13), (8, 4, 9)]),
    ],
    ids=["last rows", "first rows", "all targets of a window", "all but a first", "two users"],
)
def test_windows_end_at_the_last_training_row_and_without_a_target_there_is_none(
    left_out, expected
):
    is_row = ALL_ROWS.copy()
    is_row[list(left_out)] = False
    assert bounds_of(cut_windows(is_row, OFFSETS, 4)) == expected


@pytest.mark.parametrize("max_length", [1, 2, 3, 8, 50])
def test_a_window_per_user_is_enough_when_it_is_long_enough(max_length):
    windows = cut_windows(ALL_ROWS, OFFSETS, max_length)
    assert windows.lengths.max() <= max_length
    if max_length >= 8:
        assert bounds_of(windows) == [(0, 2, 1), (3, 4, 4), (8, 8, 9)]


def test_no_events_make_no_windows():
    empty = cut_windows(np.zeros(0, dtype=bool), np.array([0, 0, 0]), 4)
    assert len(empty) == 0


@given(LOGS, MAX_LENGTHS)
def test_every_training_row_with_a_past_is_predicted_exactly_once(log, max_length):
    is_row, offsets = arrays_of(log)
    found = targets_of(cut_windows(is_row, offsets, max_length), is_row)
    has_past = np.ones(is_row.size, dtype=bool)
    has_past[offsets[:-1][np.diff(offsets) > 0]] = False
    assert sorted(target for target, _ in found) == np.flatnonzero(is_row & has_past).tolist()


@given(LOGS, MAX_LENGTHS)
def test_rows_are_predicted_from_half_a_window_where_there_is_as_much_past(log, max_length):
    is_row, offsets = arrays_of(log)
    for target, n_read in targets_of(cut_windows(is_row, offsets, max_length), is_row):
        past = target - offsets[np.searchsorted(offsets, target, side="right") - 1]
        assert min(past, math.ceil(max_length / 2)) <= n_read <= max_length


@given(LOGS, MAX_LENGTHS, st.booleans())
def test_a_window_reads_one_user_and_predicts_something(log, max_length, overlap):
    is_row, offsets = arrays_of(log)
    windows = cut_windows(is_row, offsets, max_length, overlap=overlap)
    assert all(1 <= length <= max_length for length in windows.lengths)
    users = np.searchsorted(offsets, windows.starts, side="right")
    last_predicted = windows.starts + windows.lengths
    assert users.tolist() == np.searchsorted(offsets, last_predicted, side="right").tolist()
    for start, length, first in bounds_of(windows):
        assert is_row[max(first, start + 1) : start + length + 1].any()


@given(LOGS, MAX_LENGTHS)
def test_truncating_keeps_the_last_window_of_each_user_only(log, max_length):
    is_row, offsets = arrays_of(log)
    expected = []
    for begin, end in itertools.pairwise(offsets):
        rows = begin + np.flatnonzero(is_row[begin:end])
        if rows.size and rows[-1] > begin:
            start = max(begin, rows[-1] - max_length)
            expected.append((start, rows[-1] - start, start + 1))
    assert bounds_of(cut_windows(is_row, offsets, max_length, overlap=False)) == expected


def batch_of(numbers, weights=ALL_ROWS, max_length=4, *, overlap=True):
    windows = cut_windows(weights > 0, OFFSETS, max_length, overlap=overlap)
    log = DeviceLog(np.arange(18), weights, windows, torch.device("cpu"))
    batch = log.batch(np.array(numbers))
    return batch.items.tolist(), batch.targets.tolist(), batch.weights.tolist()


def test_batch_of_windows_of_different_length():
    items, targets, weights = batch_of([0, 1])
    # The padding reads the first event of its window again; its weight is 0.
    assert items == [[0, 1, 0, 0], [3, 4, 5, 6]]
    assert targets == [[1, 2, 0, 0], [4, 5, 6, 7]]
    assert weights == [[1, 1, 0, 0], [1, 1, 1, 1]]


def test_batch_of_overlapping_windows_learns_only_what_no_other_window_does():
    items, targets, weights = batch_of([4, 3, 2])
    assert items == [[8, 9, 10, 11], [10, 11, 12, 13], [12, 13, 14, 15]]
    assert targets == [[9, 10, 11, 12], [10, 11, 13, 14], [12, 13, 15, 16]]
    assert weights == [[1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]]


def test_batch_is_no_wider_than_its_longest_window():
    assert batch_of([0]) == ([[0, 1]], [[1, 2]], [[1, 1]])


def test_weights_of_the_rows_go_with_the_targets():
    weights = np.where(np.arange(18) == 5, 0.0, 0.5)
    weights[6] = 2.0
    assert batch_of([1], weights) == ([[3, 4, 5, 6]], [[4, 5, 6, 7]], [[0.5, 0, 2, 0.5]])


def test_truncated_batch_learns_from_every_position_of_the_last_window():
    items, targets, weights = batch_of([2], overlap=False)
    assert (items, targets, weights) == ([[12, 13, 14, 15]], [[13, 14, 15, 16]], [[1, 1, 1, 1]])


@given(LOGS, MAX_LENGTHS, st.integers(1, 4), st.integers(0, 9))
def test_an_epoch_of_batches_weighs_every_row_with_a_past_once(log, max_length, size, seed):
    is_row, offsets = arrays_of(log)
    windows = cut_windows(is_row, offsets, max_length)
    device_log = DeviceLog(np.arange(is_row.size), is_row, windows, torch.device("cpu"))
    total = np.zeros(is_row.size)
    for numbers in batch_order(windows.lengths, size, np.random.RandomState(seed)):
        batch = device_log.batch(numbers)
        np.add.at(total, batch.targets.numpy(), batch.weights.numpy())
        assert (batch.targets - batch.items)[batch.weights > 0].unique().tolist() == [1]
    expected = is_row.astype(float)
    expected[offsets[:-1][np.diff(offsets) > 0]] = 0
    np.testing.assert_array_equal(total, expected)


class Recorder(torch.nn.Module):
    """Encoder that hands vectors on and remembers them."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append(x[:, :, 0].long().tolist())
        return x


def test_inference_reads_the_last_events_of_each_history_padded_on_the_right():
    encoder = Recorder()
    table = FrozenItems(torch.arange(18.0)[:, None])
    network = Network(encoder, table, max_length=4).eval()
    starts, ends = np.array([0, 8, 17, 3]), np.array([3, 17, 18, 5])
    states = network.encode(np.arange(18), starts, ends)
    # Longest first; padding repeats the first event that is read.
    assert encoder.seen == [[[13, 14, 15, 16], [0, 1, 2, 0], [3, 4, 3, 3], [17, 17, 17, 17]]]
    assert states.tolist() == [[2], [16], [17], [4]]


@given(st.lists(st.integers(1, 9), max_size=40), st.integers(1, 7), st.integers(0, 9))
def test_every_window_is_in_exactly_one_batch(lengths, batch_size, seed):
    lengths = np.array(lengths, dtype=np.int64)
    batches = batch_order(lengths, batch_size, np.random.RandomState(seed))
    numbers = np.concatenate([*batches, np.zeros(0, dtype=np.int64)])
    assert sorted(numbers) == list(range(lengths.size))
    assert len(batches) == math.ceil(lengths.size / batch_size)
    assert all(1 <= batch.size <= batch_size for batch in batches)


@pytest.mark.parametrize("make_rng", [np.random.RandomState, np.random.default_rng])
def test_windows_of_a_batch_have_similar_length(make_rng):
    lengths = np.random.default_rng(0).integers(1, 51, size=400)
    batches = batch_order(lengths, 8, make_rng(0))  # 50 batches: one bucket
    spans = sorted((lengths[b].min(), lengths[b].max()) for b in batches)
    for (_, longest), (shortest, _) in itertools.pairwise(spans):
        assert longest <= shortest


def test_buckets_mix_anew_in_each_epoch():
    lengths = np.random.default_rng(0).integers(1, 51, size=400)
    rng = np.random.RandomState(0)
    first, second = batch_order(lengths, 2, rng), batch_order(lengths, 2, rng)
    assert len(first) == len(second) == 200
    partners = {frozenset(batch.tolist()) for batch in first}
    assert len(partners & {frozenset(batch.tolist()) for batch in second}) < 20


def test_batches_do_not_come_in_order_of_length():
    lengths = np.arange(1, 401)
    longest = [lengths[batch].max() for batch in batch_order(lengths, 8, np.random.RandomState(0))]
    assert abs(np.corrcoef(longest, np.arange(50))[0, 1]) < 0.5


def test_the_same_generator_state_gives_the_same_batches():
    lengths = np.arange(1, 41)
    first, second = (batch_order(lengths, 3, np.random.RandomState(5)) for _ in range(2))
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in second]


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=12),
)
def test_the_items_of_a_past_come_once_each(items, pasts):
    items = np.array(items)
    starts, ends = np.sort(np.minimum(np.array(pasts, dtype=np.int64).reshape(-1, 2), items.size)).T
    rows, found = past_items(items, starts, ends)
    expected = {
        (row, item)
        for row, (start, end) in enumerate(zip(starts, ends, strict=True))
        for item in items[start:end].tolist()
    }
    assert sorted(zip(rows.tolist(), found.tolist(), strict=True)) == sorted(expected)
