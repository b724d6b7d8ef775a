"""A file sorted by id within each day gives the next item away; a shuffled one does not."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
import pytest

from skace import Interactions, PopularityEstimator, leave_last_out
from skace.exceptions import TiedTargetsWarning
from skace.metrics import ndcg_at_k, paired_bootstrap, ranking_report, target_ranks


class NotBelowTheLast:
    """A fitted model whose scores of items below the last one, by id, lose a share."""

    def __init__(self, model, weight):
        self.model = model
        self.weight = weight
        self.item_ids_ = model.item_ids_  # ascending

    def decision_function(self, X):
        scores = self.model.decision_function(X)
        last = X._log.items[X._ends - 1]
        return scores * (1 - self.weight * (np.arange(scores.shape[1]) < last[:, None]))


def gain_of_the_rule(X):
    """What the rule adds to NDCG@5 of the best sellers; its weight is chosen on earlier rows."""
    train, test = leave_last_out(X)
    rows, validation = leave_last_out(train)
    model = PopularityEstimator(k=5).fit(rows)

    def ndcg(X, weight):
        ranks = target_ranks(NotBelowTheLast(model, weight), X, exclude_seen=True)
        return ndcg_at_k(ranks, 5, average=False)

    weight = max((0.0, 0.25, 0.5, 1.0), key=lambda one: ndcg(validation, one).mean())
    return paired_bootstrap(ndcg(test, weight), ndcg(test, 0.0), random_state=0)


@pytest.fixture(scope="module")
def log():
    """Days of one to three items of thirty, some more popular, each day sorted by id."""
    rng = np.random.default_rng(0)
    chances = rng.permutation(1 / np.arange(1, 31))
    users, items, times = [], [], []
    for user in range(800):
        taken = rng.choice(30, size=12, replace=False, p=chances / chances.sum())
        days = np.repeat(np.arange(12), rng.integers(1, 4, size=12))[:12]
        users.append(np.full(12, user))
        items.append(taken[np.lexsort((taken, days))])
        times.append(days)
    return tuple(map(np.concatenate, (users, items, times)))


def test_only_in_the_order_of_the_file_does_an_id_tell_the_next_item(log, margin):
    X = Interactions(*log)
    with pytest.warns(TiedTargetsWarning, match="stand in the order of item id: .* 100.0% ascend"):
        gain = gain_of_the_rule(X)
    margin(gain.low, above=0)
    share = f"({np.mean(X.timestamps[11::12] == X.timestamps[10::12]):.0%} of last events)"
    assert share in repr(X)

    gains = []
    for seed in range(3):
        shuffled = X.reorder_ties("shuffle", random_state=seed)
        with warnings.catch_warnings(action="error"):
            gains.append(gain_of_the_rule(shuffled))
        assert f"{share}, shuffled" in repr(shuffled)
        tests = [leave_last_out(one)[1] for one in (X, shuffled)]
        model = PopularityEstimator(k=5).fit(X)
        tied = [ranking_report(model, test, k=5)["tied"]["share"] for test in tests]
        assert tied[0] == tied[1]
    mean = np.mean([one.difference for one in gains])
    # One shuffle may be lucky; the mean of three is within two standard errors of one.
    error = max(*[one.standard_error for one in gains], 1e-3)
    margin(abs(mean), below=2 * error)
    margin(gain.difference - mean, above=3 * error)
