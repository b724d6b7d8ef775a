"""Tests of votes whose weights are learned."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax
from sklearn.base import clone

from skace.datasets import make_cycle, make_shop
from skace.metrics import ndcg_at_k, ranking_scorer
from skace.metrics._names import parse_metric
from skace.model_selection import leave_last_out
from skace.recommenders import (
    EASEEstimator,
    PopularityEstimator,
    SLISTEstimator,
    StackingRecommender,
    VotingRecommender,
)
from skace.recommenders.ensembles._base import standardize
from skace.recommenders.ensembles._evidence import Evidence, candidates_of, is_first, ranks
from skace.recommenders.ensembles._weights import (
    ByLikelihood,
    ByMetric,
    _cost,
    _offsets,
    best_shares,
    by_group,
)


def members():
    return [
        ("ease", EASEEstimator(regularization=5)),
        ("slist", SLISTEstimator()),
        ("top", PopularityEstimator()),
    ]


@pytest.fixture(scope="module")
def shop():
    X = make_shop(n_users=80, n_items=50, n_events=800, random_state=0).interactions
    return leave_last_out(X)


@pytest.mark.parametrize("seed", range(3))
def test_ranks_among_candidates_are_those_of_a_loop(seed):
    rng = np.random.default_rng(seed)
    evidence = rng.integers(0, 3, size=(2, 30, 6)).astype(np.float32)
    is_rival = rng.uniform(size=(30, 6)) < 0.7
    is_rival[:, 0] = True
    weights = np.array([0.25, 0.75])
    expected = []
    for row in range(30):
        scores = weights @ evidence[:, row]
        others = scores[1:][is_rival[row, 1:]]
        expected.append((others > scores[0]).sum() + 0.5 * (others == scores[0]).sum())
    assert_array_equal(ranks(np.tensordot(weights, evidence, axes=1), is_rival), expected)


@pytest.mark.parametrize(
    "goal", [[1.0], [0.3, 0.7], [1.0, 0.0], [0.2, 0.5, 0.3], [0.0, 0.4, 0.6], [0.1, 0.2, 0.3, 0.4]]
)
def test_search_finds_the_best_shares(goal):
    goal = np.array(goal)
    weights, best = best_shares(lambda w: -((w - goal) ** 2).sum(), goal.size)
    assert_allclose(weights, goal, atol=0.02)
    assert_allclose(weights.sum(), 1)
    assert best == -((weights - goal) ** 2).sum()


def test_repeats_after_the_first_are_no_rivals():
    columns = np.array([[4, 1, 4, 1, 2], [0, 0, 0, 3, 3]])
    expected = [[True, True, False, False, True], [True, False, False, True, False]]
    assert_array_equal(is_first(columns), expected)


@pytest.mark.parametrize("metric", ["ndcg@10", "recall@5", "mrr"])
def test_weights_rank_the_held_out_rows_best(shop, metric):
    train, _ = shop
    model = StackingRecommender(members(), n_candidates=50, metric=metric).fit(train)
    rest, held_out = leave_last_out(train)
    assert model.n_validation_rows_ == len(held_out)

    def score(weights):
        vote = VotingRecommender(members(), weights=weights).fit(rest)
        return ranking_scorer([metric])(vote, held_out)[metric]

    found = score(model.weights_.tolist())
    assert_allclose(model.validation_score_, found, atol=0.002)
    assert found >= max(score(w) for w in [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [1, 3, 1]])


def test_members_learn_from_all_rows_in_the_end(shop):
    train, test = shop
    model = StackingRecommender(members()).fit(train)
    expected = EASEEstimator(regularization=5).fit(train)
    ease = model.named_estimators_["ease"]
    assert_array_equal(ease.item_counts_, expected.item_counts_)
    assert_array_equal(ease.decision_function(test), expected.decision_function(test))


def test_given_validation_rows_are_what_the_weights_come_from(shop):
    train, _ = shop
    rest, held_out = leave_last_out(train)
    model = StackingRecommender(members()).fit(rest, X_val=held_out)
    by_itself = StackingRecommender(members()).fit(train)
    assert_allclose(model.weights_, by_itself.weights_, atol=1e-6)
    assert_array_equal(model.item_counts_.sum(), len(rest))


def test_stack_is_not_worse_than_its_parts_on_the_rows_of_the_weights(shop):
    train, _ = shop
    rest, held_out = leave_last_out(train)
    model = StackingRecommender(members()).fit(rest, X_val=held_out)
    alone = [ndcg_at_k(clone(m).fit(rest).target_ranks(held_out), 10) for _, m in members()]
    assert model.score(held_out) >= max(alone)


def test_useless_members_get_no_weight():
    X = make_cycle(n_users=60, n_items=6, length=8, random_state=0)
    parts = [("slist", SLISTEstimator(alpha=0)), ("top", PopularityEstimator())]
    model = StackingRecommender(parts, k=1).fit(X)
    assert model.weights_[0] == 1


@pytest.mark.parametrize("fraction", [0.3, 1.0])
def test_share_of_the_users_is_held_out(shop, fraction):
    train, _ = shop
    model = StackingRecommender(members(), validation_fraction=fraction, random_state=0)
    n_users = np.unique(train.users).size
    assert model.fit(train).n_validation_rows_ == round(fraction * n_users)


def test_seen_items_are_no_rivals_when_they_are_excluded(shop):
    train, test = shop
    model = StackingRecommender(members(), exclude_seen=True).fit(train)
    plain = StackingRecommender(members()).fit(train)
    assert not np.array_equal(model.weights_, plain.weights_)
    assert np.isfinite(model.weights_).all()
    assert np.isinf(model.target_ranks(test)).sum() > np.isinf(plain.target_ranks(test)).sum()


def test_validation_rows_without_a_past_are_refused():
    X = make_cycle(n_users=20, n_items=6, length=4, random_state=0)
    first = X[X._ends == X._starts]
    other = X[np.flatnonzero(X._ends > X._starts)]
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        StackingRecommender(members(), k=1).fit(other, X_val=first)
    assert str(caught.value) == (
        "no row of X_val has a past, so the weights cannot be learned from it; give rows that are "
        "not the first of their user."
    )


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ("ndcg@10[uni100]", "metric='ndcg@10[uni100]' samples; name one without '[uniN]'."),
        ("auc", "'auc' is not the name of a metric; valid names are "),
    ],
)
def test_metrics_that_cannot_be_searched_are_refused(metric, text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        StackingRecommender(members(), k=1, metric=metric).fit([["a", "b", "c"], ["b", "c"]])
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("parameters", "inputs", "n_rows"),
    [
        ({"exclude_seen": True}, {"X": [["a", "b", "a"], ["b", "a", "b"]]}, 2),
        ({}, {"X": [["a", "b", "c"], ["b", "c"]], "X_val": [["a", "z"]]}, 2),
    ],
    ids=["seen targets", "unknown targets"],
)
def test_validation_rows_that_tell_nothing_are_refused(parameters, inputs, n_rows):
    members = [("a", EASEEstimator()), ("b", PopularityEstimator())]
    model = StackingRecommender(members, k=2, **parameters)
    text = (
        f"none of the {n_rows} validation row(s) tells anything about the weights: their "
        "histories are empty, or the model does not know their items or may not recommend them; "
        "pass another X_val, or set exclude_seen=False."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.fit(**inputs)
    assert not hasattr(model, "weights_")


# By likelihood.


def drawn_evidence(weights, n_rows=3000, n_items=20, row_groups=None, item_groups=None, seed=0):
    """Scores of all items, and targets drawn from the softmax of their weighted sums.

    ``weights`` are those of groups of rows and items, (n_row_groups, n_item_groups, n_members).
    """
    rng = np.random.default_rng(seed)
    weights = np.asarray(weights, dtype=float)
    rows = np.zeros(n_rows, dtype=int) if row_groups is None else row_groups
    items = np.zeros(n_items, dtype=int) if item_groups is None else item_groups
    scores = rng.normal(size=(weights.shape[2], n_rows, n_items)).astype(np.float32)
    totals = np.einsum("rim,mri->ri", weights[rows[:, None], items], scores)
    targets = (totals + rng.gumbel(size=totals.shape)).argmax(axis=1)
    return scores, targets, rows, items


def as_evidence(scores, targets, rows, items, n_best, n_drawn):
    rng = np.random.RandomState(0)
    columns, shares = candidates_of(list(scores), targets, n_best, n_drawn, rng)
    found = np.stack([np.take_along_axis(one, columns, axis=1) for one in scores])
    return Evidence(np.where(shares > 0, found, 0), shares, rows, items[columns])


@pytest.mark.parametrize(("n_best", "n_drawn"), [(20, 0), (2, 6)], ids=["all items", "some drawn"])
@pytest.mark.parametrize("goal", [[1.5, 0.5], [1.0, 0.0], [0.6, 1.2, 0.3]])
def test_weights_that_drew_the_items_are_found_again(goal, n_best, n_drawn):
    evidence = as_evidence(*drawn_evidence([[goal]]), n_best, n_drawn)
    assert_allclose(ByLikelihood().pooled(evidence), goal, atol=0.15)


def test_an_estimator_that_is_wrong_gets_no_negative_weight():
    evidence = as_evidence(*drawn_evidence([[[1.0, -0.8]]]), 20, 0)
    assert ByLikelihood().pooled(evidence)[1] == 0


@pytest.mark.parametrize("n_best", [1, 3, 12])
def test_candidates_stand_for_all_items_that_may_be_recommended(n_best):
    rng = np.random.default_rng(0)
    votes = [rng.normal(size=(40, 12)).astype(np.float32) for _ in range(2)]
    hidden = rng.random((40, 12)) < 0.2
    hidden[:, 0] = False
    for scores in votes:
        scores[hidden] = -np.inf
    targets = np.zeros(40, dtype=int)
    columns, shares = candidates_of(votes, targets, n_best, 30, np.random.RandomState(0))
    assert_allclose(shares.sum(axis=1), (~hidden).sum(axis=1), rtol=1e-5)
    assert_array_equal(columns[:, 0], targets)
    assert_array_equal(shares[:, 0], 1)
    assert not shares[np.take_along_axis(hidden, columns, axis=1)].any()


@pytest.mark.parametrize("n_groups", [1, 2])
def test_slopes_are_those_of_small_steps(n_groups):
    items = np.arange(20) % n_groups
    evidence = as_evidence(*drawn_evidence([[[1, 0.5]]], n_rows=50)[:3], items, 3, 5)
    start = np.full((n_groups, 2), 0.7)
    offsets = _offsets(evidence)

    def cost(flat):
        return _cost(flat, evidence, offsets, start.shape)

    steps = 1e-2 * np.eye(start.size)
    slopes = [(cost(start.ravel() + s)[0] - cost(start.ravel() - s)[0]) / 2e-2 for s in steps]
    assert_allclose(cost(start.ravel())[1], slopes, atol=1e-3)


def test_scores_are_calibrated(shop):
    """No other temperature makes the held-out items likelier."""
    train, _ = shop
    rest, held_out = leave_last_out(train)
    model = StackingRecommender(members(), learn_by="likelihood", n_candidates=50, random_state=0)
    model.fit(rest, X_val=held_out)
    rows = held_out[held_out._ends > held_out._starts]
    scores = model.decision_function(rows).astype(np.float64)
    own = (rows.items[:, None] == model.item_ids_).argmax(axis=1)

    def likelihood(temperature):
        logs = log_softmax(scores / temperature, axis=1)
        return np.take_along_axis(logs, own[:, None], axis=1).mean()

    best = likelihood(model.temperature_)
    assert best > max(likelihood(model.temperature_ * factor) for factor in (0.8, 1.25))
    assert_allclose(model.weights_.sum(), 1)


def test_weights_by_likelihood_are_those_of_any_start(shop):
    """Without a member they are those of a stack of the others."""
    train, _ = shop
    rest, held_out = leave_last_out(train)
    settings = {"learn_by": "likelihood", "n_candidates": 50, "random_state": 0}
    model = StackingRecommender(members(), **settings).fit(rest, X_val=held_out)
    for place in range(3):
        others = [member for i, member in enumerate(members()) if i != place]
        alone = StackingRecommender(others, **settings).fit(rest, X_val=held_out)
        found = np.delete(model.weights_without_[place, 0, 0], place)
        assert_allclose(found / found.sum(), alone.weights_, atol=0.01)
        assert model.weights_without_[place, 0, 0, place] == 0


# Groups.


@pytest.mark.parametrize(("shrinkage", "tolerance"), [(0, 0.2), (1e9, None)])
@pytest.mark.parametrize("axis", ["rows", "items"])
def test_groups_have_weights_of_their_own(axis, shrinkage, tolerance):
    goal = np.array([[1.5, 0.2], [0.2, 1.5]])
    goal = goal[:, None] if axis == "rows" else goal[None]
    groups = {"row_groups": np.arange(4000) % 2} if axis == "rows" else {}
    groups |= {"item_groups": np.arange(20) % 2} if axis == "items" else {}
    evidence = as_evidence(*drawn_evidence(goal, n_rows=4000, **groups), 20, 0)
    by = ByLikelihood()
    pooled = by.pooled(evidence)
    cells = by_group(by, evidence, pooled, *goal.shape[:2], shrinkage)
    if tolerance is None:
        assert_allclose(cells, np.broadcast_to(pooled, goal.shape), atol=1e-3)
    else:
        assert_allclose(cells, goal, atol=tolerance)


@pytest.mark.parametrize("axis", ["rows", "items"])
def test_groups_by_metric_trust_the_member_that_is_right_there(axis):
    goal = np.array([[9.0, 0], [0, 9.0]])
    goal = goal[:, None] if axis == "rows" else goal[None]
    groups = {"row_groups": np.arange(400) % 2} if axis == "rows" else {}
    groups |= {"item_groups": np.arange(20) % 2} if axis == "items" else {}
    evidence = as_evidence(*drawn_evidence(goal, n_rows=400, **groups), 20, 0)
    by = ByMetric(parse_metric("mrr"))
    cells = by_group(by, evidence, by.pooled(evidence), *goal.shape[:2], 0)
    assert_allclose(cells.sum(axis=2), 1)
    assert (cells[goal > 0] > 0.8).all()
    alike = np.broadcast_to(by.pooled(evidence), goal.shape)
    assert by.value(evidence, cells) > by.value(evidence, alike) + 0.1


def test_a_group_without_rows_takes_the_weights_of_all():
    evidence = as_evidence(*drawn_evidence([[[1.0, 0.5]]], n_rows=200), 20, 0)
    by = ByLikelihood()
    pooled = by.pooled(evidence)
    cells = by_group(by, evidence, pooled, 2, 3, 0)
    assert_array_equal(cells[1], np.broadcast_to(pooled, (3, 2)))
    assert_array_equal(cells[0, 1:], np.broadcast_to(pooled, (2, 2)))


GROUPED = {"history_edges": [4, 8], "popularity_edges": [1, 12], "group_shrinkage": 10}


@pytest.mark.parametrize("learn_by", ["metric", "likelihood"])
def test_scores_by_groups_are_the_weighted_sum(shop, learn_by):
    train, test = shop
    model = StackingRecommender(members(), learn_by=learn_by, random_state=0, **GROUPED).fit(train)
    assert model.group_weights_.shape == (3, 3, 3)
    rows = np.digitize(test._ends - test._starts, [4, 8])
    items = np.digitize(model.item_counts_, [1, 12])
    assert np.unique(rows).size == 3
    weights = model.group_weights_[rows[:, None], items]
    parts = [standardize(m.decision_function(test)) for m in model.estimators_]
    expected = sum(weights[..., i] * part for i, part in enumerate(parts))
    found = model.decision_function(test)
    assert_allclose(found, expected, atol=1e-4)
    model.set_params(history_edges=None, popularity_edges=[50])  # for the next fit
    assert_array_equal(model.decision_function(test), found)


def test_popularity_of_a_group_does_not_know_the_held_out_rows(shop, monkeypatch):
    train, _ = shop
    seen, learn = [], StackingRecommender._learn_weights

    def spy(self, X, counts, rng):
        seen.append(counts)
        return learn(self, X, counts, rng)

    monkeypatch.setattr(StackingRecommender, "_learn_weights", spy)
    model = StackingRecommender(members(), popularity_edges=[12]).fit(train)
    rest, _ = leave_last_out(train)
    assert_array_equal(seen[0], (rest.items[:, None] == model.item_ids_).sum(axis=0))


# What the members add.


def test_report_tells_what_each_member_adds(shop):
    train, test = shop
    parts = [*members(), ("again", PopularityEstimator())]
    model = StackingRecommender(parts, n_candidates=50, **GROUPED).fit(train)
    report = model.member_report(test, n_resamples=200, random_state=0)
    assert report.metric == "ndcg@10"
    assert_allclose(report.score, model.score(test), atol=1e-6)
    alone = {name: m.score(test) for name, m in model.named_estimators_.items()}
    assert report.best_member == max(alone, key=alone.get)
    for name, lead in report.leads.items():
        assert_allclose(lead.difference, report.score - alone[name], atol=1e-6)
        assert lead.low <= lead.difference <= lead.high
    assert [*report.adds] == ["ease", "slist", "top", "again"]
    assert repr(report).splitlines()[0] == f"MemberReport(ndcg@10 {report.score:.4f}, 80 rows)"
    assert repr(report).splitlines()[1].startswith("  ease   adds ")


def test_a_member_that_is_left_out_adds_nothing(shop):
    train, test = shop
    model = StackingRecommender(members(), learn_by="likelihood", random_state=0).fit(train)
    useless = [name for name, w in zip(dict(members()), model.weights_, strict=True) if w == 0]
    assert useless
    report = model.member_report(test, metric="recall@10", n_resamples=100, random_state=0)
    for name in useless:
        assert_allclose(report.adds[name].difference, 0, atol=0.02)


def test_report_without_a_member_is_that_of_its_weights(shop):
    train, test = shop
    model = StackingRecommender(members()).fit(train)
    report = model.member_report(test, n_resamples=100, random_state=0)
    for place, (name, _) in enumerate(members()):
        vote = VotingRecommender(members(), weights=model.weights_without_[place, 0, 0])
        rest = report.score - report.adds[name].difference
        assert_allclose(rest, vote.fit(train).score(test), atol=1e-6)


def test_report_hides_seen_items_and_answers_first_events_alike(shop):
    train, test = shop
    model = StackingRecommender(members(), exclude_seen=True).fit(train)
    rows = test[np.arange(10)]
    assert_allclose(model.member_report(rows, n_resamples=50).score, model.score(rows), atol=1e-6)
    lists = [["a", "b", "c"], ["b", "c"], ["c", "a", "b"]]
    small = StackingRecommender(members()[::2], k=1).fit(lists)
    assert_allclose(small.member_report(lists, n_resamples=50).score, small.score(lists))


@pytest.mark.parametrize(
    ("parameters", "inputs", "text"),
    [
        (
            {"history_edges": [3, 3]},
            {},
            "history_edges must be whole numbers from 1 that rise, such as [3, 10], or None for "
            "one group, got [3, 3].",
        ),
        (
            {"popularity_edges": [0.5]},
            {},
            "popularity_edges must be whole numbers from 1 that rise, such as [3, 10], or None for "
            "one group, got [0.5].",
        ),
        (
            {"popularity_edges": []},
            {},
            "popularity_edges must be whole numbers from 1 that rise, such as [3, 10], or None for "
            "one group, got [].",
        ),
        ({"learn_by": "guess"}, {}, "The 'learn_by' parameter of StackingRecommender must be "),
        ({"group_shrinkage": -1}, {}, "The 'group_shrinkage' parameter of StackingRecommender "),
        ({"n_jobs": "two"}, {}, "The 'n_jobs' parameter of StackingRecommender must be "),
        ({}, {"metric": "auc"}, "'auc' is not the name of a metric; valid names are "),
        ({}, {"metric": "mrr[uni9]"}, "metric='mrr[uni9]' samples; name one without '[uniN]'."),
        ({}, {"confidence_level": 2}, "The 'confidence_level' parameter of member_report must "),
        ({}, {"n_resamples": 0}, "The 'n_resamples' parameter of member_report must be "),
        ({}, {"random_state": "x"}, "The 'random_state' parameter of member_report must be "),
        (
            {"slist": "drop", "top": "drop"},
            {},
            "the stack has one estimator, so there is nothing that it could add to; give it "
            "another one.",
        ),
    ],
)
def test_what_no_stack_and_no_report_can_use_is_refused(shop, parameters, inputs, text):
    train, test = shop
    model = StackingRecommender(members()).set_params(**parameters)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        model.fit(train).member_report(test, **inputs)
    assert str(caught.value).startswith(text)


def test_a_stack_that_was_kept_before_says_that_it_cannot_report(shop):
    train, test = shop
    model = StackingRecommender(members()).fit(train)
    del model.weights_without_
    with pytest.raises(ValueError, match="fitted before weights without each estimator"):
        model.member_report(test)


def test_members_that_tell_nothing_weigh_alike():
    """Popularity over a log in which all items are as frequent."""
    lists = [["a", "b"], ["b", "a"], ["a", "b"], ["b", "a"]]
    parts = [("one", PopularityEstimator()), ("two", PopularityEstimator())]
    model = StackingRecommender(parts, k=1, learn_by="likelihood", validation_fraction=1.0)
    model.fit(lists, X_val=[["a", "b"], ["b", "a"]])
    assert_allclose(model.weights_, [0.5, 0.5])
    assert model.temperature_ > 0


def test_repeated_rows_stay_repeated_while_weights_are_learned(monkeypatch):
    X = make_shop(60, 50, 400, n_features=16, random_state=0).interactions
    seen, fit = [], StackingRecommender._fit_members
    monkeypatch.setattr(
        StackingRecommender,
        "_fit_members",
        lambda self, rows, *rest, **more: seen.append(len(rows)) or fit(self, rows, *rest, **more),
    )
    rows = np.repeat(np.arange(len(X)), 2)
    model = StackingRecommender([("top", PopularityEstimator()), ("ease", EASEEstimator())], k=3)
    model.fit(X[rows])
    n_held_out = model.n_validation_rows_
    assert seen == [2 * (len(X) - n_held_out), 2 * len(X)]
