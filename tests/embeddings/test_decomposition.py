"""Tests of the solvers behind ACE and of their memo."""
# SPDX-License-Identifier: BSD-3-Clause

import threading
import time

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skace.embeddings._decomposition import DecompositionMemo, choose_solver, decompose

SOLVERS = ["full", "gram", "randomized"]


def _decompose(X, solver, **settings):
    settings = {"normalize": False, "center": False, "random_state": 0} | settings
    return decompose(X, solver=solver, **settings)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(60, 8), (8, 60), (20, 20)])
@pytest.mark.parametrize("rank", [3, 7])
def test_solvers_find_the_svd_of_the_rows(make_planted, solver, center, dtype, shape, rank):
    X = make_planted(0.5 ** np.arange(rank), *shape).astype(dtype)
    rows = X.astype(np.float64) - (X.mean(axis=0, dtype=np.float64) if center else 0.0)
    found = _decompose(X, solver, center=center)
    _, values, vectors = np.linalg.svd(rows, full_matrices=False)
    assert found.singular_values.size == found.vectors.shape[0]
    assert_allclose(found.singular_values[:rank], values[:rank], rtol=1e-6)
    cosines = np.abs(np.sum(found.vectors[:rank] * vectors[:rank], axis=1))
    assert_allclose(cosines, 1.0, atol=1e-6)
    assert_allclose(found.trace, np.sum(rows**2), rtol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shape", [(60, 8), (8, 60)])
def test_solvers_agree_on_the_rank_of_exact_products(make_planted, solver, shape):
    X = make_planted([3.142, 2.718, 1.0], *shape)
    assert _decompose(X, solver).singular_values.size == 3


@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers_fix_the_same_signs(make_cone, solver):
    X = make_cone()
    expected = _decompose(X, "full").vectors
    assert_allclose(_decompose(X, solver).vectors, expected, atol=1e-6)
    assert (_decompose(-X, solver).vectors * expected > -1e-6).mean() > 0.99


def test_randomised_solver_keeps_the_sum_of_squares(make_cone):
    X = make_cone(n=100, d=30, decay=0.9)
    found = _decompose(X, "randomized", n_components=5)
    assert (found.singular_values.size, found.spectrum.size) == (5, 30)
    assert_allclose(np.sum(found.spectrum**2), np.sum(X**2), rtol=1e-12)
    assert found.moments is None


@pytest.mark.parametrize(
    ("solver", "shape", "chosen"),
    [
        ("auto", (12_101, 384), "gram"),
        ("auto", (100, 384), "full"),
        ("auto", (192, 384), "full"),
        ("auto", (193, 384), "gram"),
        ("randomized", (12_101, 384), "randomized"),
    ],
)
def test_auto_takes_the_faster_exact_solver(solver, shape, chosen):
    assert choose_solver(solver, *shape) == chosen


@pytest.mark.parametrize(("shape", "keeps_rows"), [((60, 8), False), ((8, 60), True)])
@pytest.mark.parametrize("solver", ["full", "gram"])
def test_what_is_kept_for_later_batches_is_small(make_cone, solver, shape, keeps_rows):
    X = make_cone(*shape)
    moments = _decompose(X, solver).moments
    assert moments.keeps_rows == (keeps_rows and solver == "full")
    assert moments.gram.size + moments.rows.size <= 60 * 60


class _Counter:
    """Function that returns a decomposition and counts its calls."""

    def __init__(self, seconds=0.0, n_rows=6):
        self.n_calls = 0
        self.seconds = seconds
        self.rows = np.random.default_rng(0).normal(size=(n_rows, 4))

    def __call__(self):
        self.n_calls += 1
        time.sleep(self.seconds)
        return _decompose(self.rows, "gram")


def test_memo_computes_once_per_key():
    memo, compute = DecompositionMemo(), _Counter()
    first, again, other = memo.get("a", compute), memo.get("a", compute), memo.get("b", compute)
    assert first is again
    assert other is not first
    assert (compute.n_calls, memo.n_computed) == (2, 2)


def test_memo_forgets_the_least_recently_used():
    memo, compute = DecompositionMemo(max_entries=2), _Counter()
    calls = []
    for key in "abacabc":
        memo.get(key, compute)
        calls.append(compute.n_calls)
    assert calls == [1, 2, 2, 3, 3, 4, 5]


def test_memo_drops_old_entries_above_its_size_but_not_the_newest():
    compute = _Counter()
    memo = DecompositionMemo(max_bytes=compute().n_bytes)
    for key in "aabb":
        memo.get(key, compute)
    assert compute.n_calls == 3  # one for the size
    tiny = DecompositionMemo(max_bytes=0)
    assert tiny.get("a", compute) is tiny.get("a", compute)


def test_threads_that_ask_together_share_one_run():
    memo, compute = DecompositionMemo(), _Counter(seconds=0.05)
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
    assert all(decomposition is found[0] for decomposition in found)


def test_memo_tells_a_failure_and_does_not_keep_it():
    memo = DecompositionMemo()

    def fail():
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        memo.get("a", fail)
    assert memo.get("a", _Counter()).singular_values.size == 4
    assert memo.n_computed == 1
