"""Tests of the memo of costly results."""
# SPDX-License-Identifier: BSD-3-Clause

import threading
import time
from dataclasses import dataclass

import pytest

from skace._memo import Memo


@dataclass(frozen=True, eq=False)
class Result:
    n_bytes: int = 100


class Counter:
    """Function that returns a new result and counts its calls."""

    def __init__(self, seconds=0.0):
        self.n_calls = 0
        self.seconds = seconds

    def __call__(self):
        self.n_calls += 1
        time.sleep(self.seconds)
        return Result()


def test_each_key_is_computed_once():
    memo, compute = Memo(4, 10**6), Counter()
    first, again, other = memo.get("a", compute), memo.get("a", compute), memo.get("b", compute)
    assert first is again
    assert other is not first
    assert (compute.n_calls, memo.n_computed) == (2, 2)


def test_least_recently_used_is_forgotten():
    memo, compute = Memo(2, 10**6), Counter()
    calls = []
    for key in "abacabc":
        memo.get(key, compute)
        calls.append(compute.n_calls)
    assert calls == [1, 2, 2, 3, 3, 4, 5]


@pytest.mark.parametrize(("max_bytes", "n_calls"), [(100, 2), (0, 2), (200, 2), (99, 2)])
def test_newest_stays_whatever_its_size(max_bytes, n_calls):
    memo, compute = Memo(4, max_bytes), Counter()
    for key in "aabb":
        memo.get(key, compute)
    assert compute.n_calls == n_calls


def test_oldest_goes_when_the_size_is_exceeded():
    memo, compute = Memo(4, 150), Counter()
    for key in "aba":
        memo.get(key, compute)
    assert compute.n_calls == 3


@pytest.mark.parametrize(
    ("memo", "expected"), [(Memo(1, 10**6), [1, 1]), (Memo(4, 150), [1, 1]), (Memo(4, 200), [1, 2])]
)
def test_room_is_made_before_the_work(memo, expected):
    held = []

    def compute():
        held.append(len(memo._entries))
        return Result()

    memo.get("a", compute, n_bytes=100)
    memo.get("b", compute, n_bytes=100)
    assert held == expected


def test_room_is_made_for_what_is_kept_elsewhere():
    memo, compute = Memo(4, 300), Counter()
    for key in "abc":
        memo.get(key, compute)
    memo.make_room(150)
    assert memo.get("c", compute) is not None
    assert compute.n_calls == 3
    memo.make_room(400)
    memo.get("c", compute)
    assert compute.n_calls == 4


def test_threads_that_ask_together_share_one_run():
    memo, compute = Memo(4, 10**6), Counter(seconds=0.05)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(memo.get("a", compute))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert compute.n_calls == 1
    assert len(found) == 6
    assert all(result is found[0] for result in found)


def test_failure_is_told_and_not_kept():
    memo = Memo(4, 10**6)

    def fail():
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        memo.get("a", fail)
    assert isinstance(memo.get("a", Counter()), Result)
    assert memo.n_computed == 1
