"""Batches of the four-user log, written down as integers: padding side, shift, windows.

The log of ``small_log``, sorted by user and time, in catalog rows
(ash 0, bay 1, cob 2, dew 3, elm 4; fig 5 is in no event)::

    position   0  1  2  3 | 4  5  6 | 7  8 | 9
    item       0  1  2  3 | 1  2  0 | 4  0 | 1
    user          u1      |   u2    |  u3  | u4
"""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
import torch
from torch import nn

from skace._torch._batches import DeviceLog
from skace._torch._layouts import NamedItemsLayout, NextItemLayout
from skace._torch._network import Network
from skace._torch.tables._frozen import FrozenItems
from skace._windows import cut_windows

CPU = torch.device("cpu")


def device_log(X, max_length, *, rows=None, overlap=True, weights=None):
    """Log over all rows of X, or some of them."""
    is_row = np.zeros(X._log.n_events, dtype=bool)
    is_row[X._ends if rows is None else rows] = True
    windows = cut_windows(is_row, X._log.offsets, max_length, overlap=overlap)
    return DeviceLog(X._log.items, is_row if weights is None else weights, windows, CPU)


def assert_batch(batch, *, items, targets, weights):
    """Compare where there is something to read; targets where there is something to learn."""
    np.testing.assert_array_equal(batch.items, items)
    np.testing.assert_array_equal(batch.weights, weights)
    is_target = np.array(weights) > 0
    np.testing.assert_array_equal(batch.targets[is_target], np.array(targets)[is_target])


def test_training_batch(small_log):
    log = device_log(small_log, max_length=3)
    assert log.lengths.tolist() == [3, 2, 1]  # u4 has no event with a past
    assert_batch(
        log.batch(np.array([0, 1, 2])),
        items=[[0, 1, 2], [1, 2, 1], [4, 4, 4]],  # padding repeats the first event
        targets=[[1, 2, 3], [2, 0, 0], [0, 0, 0]],
        weights=[[1, 1, 1], [1, 1, 0], [1, 0, 0]],
    )


def test_batch_is_as_long_as_its_longest_window(small_log):
    log = device_log(small_log, max_length=3)
    assert_batch(
        log.batch(np.array([2, 1])),
        items=[[4, 4], [1, 2]],
        targets=[[0, 0], [2, 0]],
        weights=[[1, 0], [1, 1]],
    )


@pytest.mark.parametrize("layout", [NextItemLayout(), NamedItemsLayout()])
def test_times_are_those_of_the_events_that_are_read(small_log, layout):
    log, times = small_log._log, np.arange(10) / 2
    windows = cut_windows(np.ones(10, bool), log.offsets, 3)
    batch = DeviceLog(log.items, np.ones(10), windows, CPU, layout, times).batch(np.array([2, 1]))
    assert batch.context["times"].dtype == torch.float64
    np.testing.assert_array_equal(batch.context["times"], [[3.5, 3.5], [2.0, 2.5]])
    assert ("items" in batch.context) == isinstance(layout, NamedItemsLayout)


def test_training_batch_without_the_held_out_rows(small_log):
    rows = [0, 1, 2, 4, 5, 7, 9]  # the last row of u1, u2 and u3 is held out
    log = device_log(small_log, max_length=3, rows=rows)
    assert log.lengths.tolist() == [2, 1]
    assert_batch(
        log.batch(np.array([0, 1])),
        items=[[0, 1], [1, 1]],
        targets=[[1, 2], [2, 0]],
        weights=[[1, 1], [1, 0]],
    )


def test_validation_batch_reads_the_full_past(small_log):
    held_out = small_log[[3, 6, 8]]
    assert read_by_the_encoder(held_out, max_length=3) == [[0, 1, 2], [1, 2], [4]]


def test_inference_batch_reads_all_events(small_log):
    queries = small_log.next_queries()
    assert read_by_the_encoder(queries, max_length=4) == [[0, 1, 2, 3], [1, 2, 0], [4, 0], [1]]


def test_inference_batch_reads_the_last_events_of_long_histories(small_log):
    queries = small_log.next_queries()
    assert read_by_the_encoder(queries, max_length=2) == [[2, 3], [2, 0], [4, 0], [1]]


def test_inference_batch_is_padded_on_the_right_with_the_first_event(small_log):
    spy = Spy()
    encode(small_log.next_queries(), spy, max_length=4)
    assert spy.seen[0].tolist() == [[0, 1, 2, 3], [1, 2, 0, 1], [4, 0, 4, 4], [1, 1, 1, 1]]


def test_long_histories_become_windows_that_overlap_by_half(small_log):
    log = device_log(small_log, max_length=2, rows=[1, 2, 3])
    assert_batch(
        log.batch(np.array([0, 1])),
        items=[[1, 2], [0, 1]],
        targets=[[0, 3], [1, 2]],  # item 2 is learned from once, as a target of the second window
        weights=[[0, 1], [1, 1]],
    )


def test_truncated_histories_become_their_last_window(small_log):
    log = device_log(small_log, max_length=2, rows=[1, 2, 3], overlap=False)
    assert_batch(log.batch(np.array([0])), items=[[1, 2]], targets=[[2, 3]], weights=[[1, 1]])


def test_events_that_are_not_rows_are_read_but_not_learned_from(small_log):
    log = device_log(small_log, max_length=3, rows=[1, 3])
    assert_batch(
        log.batch(np.array([0])), items=[[0, 1, 2]], targets=[[1, 0, 3]], weights=[[1, 0, 1]]
    )


def test_weights_of_rows_become_weights_of_positions(small_log):
    weights = np.arange(10) / 8  # of the event at each position
    log = device_log(small_log, max_length=3, weights=weights)
    assert_batch(
        log.batch(np.array([0, 1])),
        items=[[0, 1, 2], [1, 2, 1]],
        targets=[[1, 2, 3], [2, 0, 0]],
        weights=[[1 / 8, 2 / 8, 3 / 8], [5 / 8, 6 / 8, 0]],
    )


@pytest.mark.parametrize("max_length", [1, 2, 3, 9])
def test_every_row_with_a_past_is_a_target_once(small_log, max_length):
    log = device_log(small_log, max_length)
    batch = log.batch(np.arange(len(log.lengths)))
    learned = batch.targets[batch.weights > 0]
    with_past = small_log._log.items[[1, 2, 3, 5, 6, 8]]
    assert sorted(learned.tolist()) == sorted(with_past.tolist())


def test_batch_has_the_types_that_training_expects(small_log):
    batch = device_log(small_log, max_length=3).batch(np.array([0]))
    assert (batch.items.dtype, batch.targets.dtype) == (torch.int64, torch.int64)
    assert batch.weights.dtype == torch.float32


class Spy(nn.Module):
    """Encoder that notes the items it is given, as one-hot vectors, and returns them."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append(x.argmax(dim=2))
        return x


def encode(X, spy, max_length):
    """States of the rows of X by a network around the spy."""
    network = Network(spy, FrozenItems(torch.eye(X.n_items)), max_length)
    return network.encode(X._log.items, X._starts, X._ends)


def read_by_the_encoder(X, max_length):
    """Items of each row without padding; the state must be that of the last one."""
    spy = Spy()
    states = encode(X, spy, max_length)
    lengths = np.minimum(X._ends - X._starts, max_length)
    read = [row[:n].tolist() for row, n in zip(spy.seen[0], lengths, strict=True)]
    assert states.argmax(axis=1).tolist() == [row[-1] for row in read]
    return read
