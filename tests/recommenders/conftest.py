"""What tests share: scripted epochs; logs, their matrices by loops, a solver by columns."""
# SPDX-License-Identifier: BSD-3-Clause

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from skace import Catalog, Interactions
from skace.recommenders.linear._base import COUNTS, INVERSES


@pytest.fixture(autouse=True)
def _fresh_memos():
    """Each test counts what is computed from zero."""
    COUNTS.clear()
    INVERSES.clear()


@pytest.fixture
def scripted(monkeypatch):
    """Let epochs score what they are told to; what is left of it is returned."""

    def script(*scores):
        left = iter(scores)
        monkeypatch.setattr(
            "skace.recommenders.neural._training.ndcg_at_k", lambda *_, **__: next(left)
        )
        return left

    return script


@pytest.fixture(scope="session")
def make_log():
    """Function that makes a log of integer ids 0, 1, ... with repeats and ties in time."""

    def make(n_users=9, n_items=6, *, longest=6, n_features=None, seed=0):
        rng = np.random.default_rng(seed)
        lengths = rng.integers(1, longest + 1, size=n_users)
        users = np.repeat(np.arange(n_users), lengths)
        items = rng.integers(n_items, size=users.size)
        times = np.concatenate([np.sort(rng.integers(9, size=n)) for n in lengths])
        features = None if n_features is None else rng.standard_normal((n_items, n_features))
        catalog = Catalog(np.arange(n_items), features)
        return Interactions(users, items, times, catalog=catalog, drop_duplicates=True)

    return make


@pytest.fixture(scope="session")
def sets_of():
    """Function that makes what is read and what is learned of each user, by a loop."""

    def loop(X, sample_weight=None):
        values = np.ones(len(X)) if sample_weight is None else sample_weight
        weight = dict(zip(X._ends.tolist(), values, strict=True))
        read, learned = [], []
        for start, stop in pairwise(X._log.offsets.tolist()):
            rows = [event for event in range(start, stop) if weight.get(event, 0) > 0]
            if rows:
                read.append(np.zeros(X.n_items))
                learned.append(np.zeros(X.n_items))
            for event in range(start, rows[-1] + 1 if rows else start):
                item = X._log.items[event]
                read[-1][item] = 1
                learned[-1][item] = max(learned[-1][item], weight.get(event, 0))
        return np.array(read), np.array(learned)

    return loop


@pytest.fixture(scope="session")
def solve_by_columns():
    """Function that minimises b' H b - 2 w' b for each column, its own entry held or bounded."""

    def solve(hessian, wanted, *, equal=None, at_most=None):
        root = np.linalg.cholesky(hessian).T  # H = R' R, so it is |R b - t|^2 with R' t = w
        targets = np.linalg.solve(root.T, wanted)
        weights, limit = np.zeros_like(targets), np.inf if at_most is None else at_most
        for item, target in enumerate(targets.T):
            free = np.arange(len(root)) != item
            if equal is not None:
                weights[item, item] = equal
                rest = target - root[:, item] * equal
                weights[free, item] = np.linalg.lstsq(root[:, free], rest)[0]
            else:
                bounds = (-np.inf, np.where(free, np.inf, limit))
                weights[:, item] = lsq_linear(root, target, bounds, method="bvls", tol=1e-15).x
        return weights

    return solve
