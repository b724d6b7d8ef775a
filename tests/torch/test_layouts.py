"""Layouts of the four-user log, written down as integers: what is masked, read and asked.

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
from hypothesis import given, settings
from hypothesis import strategies as st

from skace._torch._batches import DeviceLog
from skace._torch._layouts import ClozeLayout, LastItemLayout, NextItemLayout
from skace._windows import Windows, cut_windows

CPU = torch.device("cpu")
ALL, LAST = ClozeLayout(1.0, 0.0), ClozeLayout(0.2, 1.0)  # every target is masked; the last alone


def device_log(X, layout, max_length=3, *, rows=None, weights=None):
    """Log over all rows of X, or some of them."""
    is_row = np.zeros(X._log.n_events, dtype=bool)
    is_row[X._ends if rows is None else rows] = True
    weights = is_row if weights is None else np.array(weights)
    windows = cut_windows(weights > 0, X._log.offsets, max_length)
    return DeviceLog(X._log.items, weights, windows, CPU, layout)


def assert_cloze(batch, *, items, targets, weights, is_read):
    """Compare with literals, where "-" is padding or an item that is not asked for."""
    np.testing.assert_array_equal(batch.items, items)
    np.testing.assert_array_equal(batch.weights, weights)
    np.testing.assert_array_equal(batch.context["is_masked"], np.array(weights) > 0)
    np.testing.assert_array_equal(batch.context["is_read"], np.array(is_read, dtype=bool))
    asked = [[t for t in row if t != "-"] for row in targets]
    found = [row[w > 0].tolist() for row, w in zip(batch.targets, batch.weights, strict=True)]
    assert found == asked


def test_every_row_with_a_past_can_be_masked(small_log):
    assert_cloze(
        device_log(small_log, ALL).batch(np.array([0, 1, 2])),
        items=[[0, 0, 0, 0], [1, 1, 1, 1], [4, 4, 4, 4]],  # the first event hides what is masked
        targets=[["-", 1, 2, 3], ["-", 2, 0, "-"], ["-", 0, "-", "-"]],
        weights=[[0, 1, 1, 1], [0, 1, 1, 0], [0, 1, 0, 0]],
        is_read=[[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]],
    )


def test_the_last_row_alone_is_masked_as_at_prediction(small_log):
    assert_cloze(
        device_log(small_log, LAST).batch(np.array([0, 1, 2])),
        items=[[0, 1, 2, 0], [1, 2, 1, 1], [4, 4, 4, 4]],
        targets=[["-", "-", "-", 3], ["-", "-", 0, "-"], ["-", 0, "-", "-"]],
        weights=[[0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0]],
        is_read=[[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]],
    )


@pytest.mark.parametrize(
    ("layout", "weights"),
    [(ALL, [[0, 1, 1], [0, 1, 0]]), (LAST, [[0, 0, 1], [0, 1, 0]])],
)
def test_held_out_rows_are_neither_masked_nor_read(small_log, layout, weights):
    rows = [0, 1, 2, 4, 5, 7, 9]  # the last row of u1, u2 and u3 is held out
    batch = device_log(small_log, layout, rows=rows).batch(np.array([0, 1]))
    items = [[0, 0, 0], [1, 1, 1]] if layout is ALL else [[0, 1, 0], [1, 1, 1]]
    assert_cloze(
        batch,
        items=items,
        targets=[[t if w else "-" for t, w in zip([0, 1, 2], weights[0], strict=True)], [2]],
        weights=weights,
        is_read=[[1, 1, 1], [1, 1, 0]],
    )


def test_events_that_are_not_rows_are_context(small_log):
    assert_cloze(
        device_log(small_log, ALL, rows=[1, 3]).batch(np.array([0])),
        items=[[0, 0, 2, 0]],
        targets=[["-", 1, "-", 3]],
        weights=[[0, 1, 0, 1]],
        is_read=[[1, 1, 1, 1]],
    )


def test_rows_of_weight_zero_are_context_and_other_weights_are_kept(small_log):
    weights = [1, 2, 0, 0.5, 0, 0, 0, 0, 0, 0]
    assert_cloze(
        device_log(small_log, ALL, weights=weights).batch(np.array([0])),
        items=[[0, 0, 2, 0]],
        targets=[["-", 1, "-", 3]],
        weights=[[0, 2, 0, 0.5]],
        is_read=[[1, 1, 1, 1]],
    )


def test_windows_of_long_histories_mask_what_no_other_window_does(small_log):
    assert_cloze(
        device_log(small_log, ALL, 2, rows=[1, 2, 3]).batch(np.array([0, 1])),
        items=[[1, 2, 1], [0, 0, 0]],
        targets=[["-", "-", 3], ["-", 1, 2]],
        weights=[[0, 0, 1], [0, 1, 1]],
        is_read=[[1, 1, 1], [1, 1, 1]],
    )


def test_nothing_is_read_after_the_last_row_of_a_window(small_log):
    # The second window holds positions 0 to 2, of which only 1 is a row.
    assert_cloze(
        device_log(small_log, LAST, 2, rows=[1, 3]).batch(np.array([0, 1])),
        items=[[1, 2, 1], [0, 0, 0]],
        targets=[["-", "-", 3], ["-", 1, "-"]],
        weights=[[0, 0, 1], [0, 1, 0]],
        is_read=[[1, 1, 1], [1, 1, 0]],
    )


@pytest.fixture
def many():
    """Windows of 20 events, a thousand times the same, in which two rows cannot be masked."""
    windows = Windows(*(np.full(1000, n) for n in (0, 20, 1)))
    weights = np.ones(21)
    weights[[5, 6]] = 0
    return lambda layout: DeviceLog(np.arange(21), weights, windows, CPU, layout)


def draw(log, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return log.batch(np.arange(1000)).context["is_masked"]


@pytest.mark.parametrize("ratio", [0.01, 0.2, 0.6])
def test_masks_have_the_share_that_was_asked_and_every_window_has_one(many, ratio):
    is_masked = draw(many(ClozeLayout(ratio, 0.0)))
    assert is_masked.any(dim=1).all()
    assert not is_masked[:, [0, 5, 6]].any()
    # Of 18 targets; a window without a drawn one gets one.
    expected = ratio + (1 - ratio) ** 18 / 18
    assert is_masked[:, 1:].sum().item() / 18000 == pytest.approx(expected, abs=0.015)
    shares = is_masked.float().mean(dim=0)[[*range(1, 5), *range(7, 21)]]
    assert (shares - shares.mean()).abs().max() < 0.06


@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0])
def test_windows_that_ask_for_the_last_row_have_the_share_that_was_asked(many, ratio):
    is_masked = draw(many(ClozeLayout(0.9, ratio)))
    asks_last = is_masked.sum(dim=1) == 1
    assert asks_last.float().mean().item() == pytest.approx(ratio, abs=0.04)
    assert is_masked[asks_last, 20].all()


def test_masks_are_drawn_anew_and_repeat_with_the_seed(many):
    log = many(ClozeLayout(0.2, 0.5))
    assert torch.equal(draw(log, 0), draw(log, 0))
    assert not torch.equal(draw(log, 0), draw(log, 1))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(0, 20))
def test_every_row_has_its_turn(max_length, seed):
    """In a few epochs each row of a user of 9 events is masked, always with others to see."""
    windows = cut_windows(np.ones(9, dtype=bool), np.array([0, 9]), max_length)
    log = DeviceLog(np.arange(9), np.ones(9), windows, CPU, ClozeLayout(0.5, 0.5))
    learned = set()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for _ in range(60):
            batch = log.batch(np.arange(len(windows)))
            is_masked, is_read = batch.context.values()
            assert (is_read & ~is_masked).any(dim=1).all()
            learned |= set(batch.targets[is_masked].tolist())
    assert learned == set(range(1, 9))


HISTORIES = torch.tensor([[3, 1, 2], [5, 4, 5], [2, 2, 2]]), torch.tensor([3, 2, 1])


@pytest.mark.parametrize("layout", [NextItemLayout(), LastItemLayout()])
def test_the_last_event_answers(layout):
    question = layout.question(*HISTORIES)
    assert question.items.tolist() == HISTORIES[0].tolist()
    assert question.places.tolist() == [2, 1, 0]


def test_a_masked_event_after_the_last_one_answers():
    question = ALL.question(*HISTORIES)
    assert question.items.tolist() == [[3, 1, 2, 3], [5, 4, 5, 5], [2, 2, 2, 2]]
    assert question.places.tolist() == [3, 2, 1]
    assert question.context["is_masked"].int().tolist() == [
        [0, 0, 0, 1],
        [0, 0, 1, 0],
        [0, 1, 0, 0],
    ]
    assert question.context["is_read"].int().tolist() == [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]]


def test_encoders_that_align_windows_are_told_their_lengths(small_log):
    assert LastItemLayout().question(*HISTORIES).context["lengths"].tolist() == [3, 2, 1]
    batch = device_log(small_log, LastItemLayout()).batch(np.array([2, 0, 1]))
    assert batch.context["lengths"].tolist() == [1, 3, 2]
