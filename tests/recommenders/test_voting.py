"""Tests of votes of recommenders."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skace import ACETransformer, Interactions, LeaveLastOut, SASRecEstimator, ndcg_scorer
from skace.datasets import make_shop
from skace.model_selection import leave_last_out
from skace.recommenders import (
    EASEEstimator,
    L3AEEstimator,
    PopularityEstimator,
    SLISTEstimator,
    VotingRecommender,
    _answering,
)
from skace.recommenders._histories import Histories


@pytest.fixture(scope="module")
def shop():
    X = make_shop(n_users=60, n_items=50, n_events=500, random_state=0).interactions
    return leave_last_out(X)


def members():
    return [("ease", EASEEstimator(regularization=5)), ("slist", SLISTEstimator())]


def z_scores(scores):
    scores = scores.astype(np.float64)
    is_known = np.isfinite(scores)
    out = np.empty_like(scores)
    for i, row in enumerate(scores):
        known = row[is_known[i]]
        out[i] = (row - known.mean()) / (known.std() or 1)
        out[i, ~is_known[i]] = out[i, is_known[i]].min()
    return out


@pytest.mark.parametrize("weights", [None, [1, 3], [0, 2]])
def test_scores_are_the_weighted_mean_of_standardised_scores(shop, weights):
    train, test = shop
    model = VotingRecommender(members(), weights=weights).fit(train)
    share = np.array([0.5, 0.5]) if weights is None else np.array(weights) / sum(weights)
    parts = [clone(m).fit(train).decision_function(test) for _, m in members()]
    expected = sum(w * z_scores(part) for w, part in zip(share, parts, strict=True))
    assert_allclose(model.decision_function(test), expected, atol=1e-5)
    assert_allclose(model.weights_, share)


def test_reciprocal_ranks_are_fused():
    rows = [["a", "b", "c"], ["a", "b"], ["c", "d"], ["b", "a"]]
    model = VotingRecommender(
        [("top", PopularityEstimator()), ("ease", EASEEstimator(regularization=1))],
        k=1,
        method="rank",
    ).fit(rows)
    ids = model.item_ids_.tolist()
    scores = dict(zip(ids, model.decision_function([["a"]])[0], strict=True))
    # Popularity: a and b 3, c 2, d 1; EASE after a: b, c, a with 0, d below it.
    assert_allclose(scores["b"], (1 / 61.5 + 1 / 61) / 2, rtol=1e-6)
    assert_allclose(scores["a"], (1 / 61.5 + 1 / 63) / 2, rtol=1e-6)
    assert_allclose(scores["c"], (1 / 63 + 1 / 62) / 2, rtol=1e-6)
    assert_allclose(scores["d"], (1 / 64 + 1 / 64) / 2, rtol=1e-6)


def test_item_that_a_member_cannot_score_gets_its_lowest_vote():
    X = Interactions.from_sequences([["a", "b", "cold"], ["b", "a"], ["a", "d"]])
    train = X[X.items != "cold"]
    ease = EASEEstimator(regularization=1, k=1)
    alone = ease.fit(train).decision_function([["a"]])
    cold = ease.item_ids_ == "cold"
    assert_array_equal(np.isneginf(alone[0]), cold)
    votes = VotingRecommender([("ease", ease)], k=1).fit(train).decision_function([["a"]])[0]
    assert_allclose(votes[cold], votes[~cold].min())


def test_members_come_as_pipelines_frozen_or_not_at_all(shop):
    train, test = shop
    pipe = Pipeline([("ace", ACETransformer(4)), ("rec", L3AEEstimator())])
    fitted = EASEEstimator(regularization=5).fit(train)
    before = pickle.dumps(fitted)
    model = VotingRecommender(
        [("text", pipe), ("ease", FrozenEstimator(fitted)), ("slist", "drop")],
        weights=[1, 1, 5],
    ).fit(train)
    parts = [clone(pipe).fit(train).decision_function(test), fitted.decision_function(test)]
    expected = (z_scores(parts[0]) + z_scores(parts[1])) / 2
    assert_allclose(model.decision_function(test), expected, atol=1e-5)
    assert set(model.named_estimators_) == {"text", "ease"}
    assert pickle.dumps(fitted) == before


def test_members_parameters_are_in_the_grid(shop):
    train, _ = shop
    search = GridSearchCV(
        VotingRecommender(members()),
        {"weights": [[1, 0], [0.5, 0.5]], "ease__regularization": [1, 50], "slist": ["drop"]},
        cv=LeaveLastOut(),
        scoring=ndcg_scorer(k=5),
    ).fit(train)
    assert search.best_estimator_.estimators[1] == ("slist", "drop")
    assert search.best_params_["ease__regularization"] in {1, 50}
    assert len(search.cv_results_["params"]) == 4


def test_column_order_of_a_frozen_member_does_not_matter(shop):
    train, test = shop
    order = np.random.default_rng(0).permutation(train.n_items)
    catalog = train.catalog.take(order)
    moved = Interactions(train.users, train.items, train.timestamps, catalog=catalog)
    plain = EASEEstimator(regularization=5).fit(train)
    other = EASEEstimator(regularization=5).fit(moved)
    scores = [
        VotingRecommender([("ease", FrozenEstimator(m))]).fit(train).decision_function(test)
        for m in (plain, other)
    ]
    assert_allclose(scores[0], scores[1], atol=1e-5)


def test_new_items_that_a_frozen_member_lacks_get_its_lowest_vote():
    frozen = FrozenEstimator(EASEEstimator(regularization=1, k=1).fit([["a", "b"], ["b", "a"]]))
    votes = VotingRecommender([("old", frozen)], k=1).fit([["a", "b"], ["b", "new"]])
    scores = dict(zip(votes.item_ids_, votes.decision_function([["a"]])[0], strict=True))
    assert scores["new"] == scores["a"] < scores["b"]


def test_exclude_seen_of_the_members_does_not_matter(shop):
    train, test = shop
    plain = VotingRecommender(members()).fit(train)
    hiding = VotingRecommender([(n, m.set_params(exclude_seen=True)) for n, m in members()])
    assert_array_equal(hiding.fit(train).target_ranks(test), plain.target_ranks(test))


def test_times_of_the_history_reach_the_members(shop):
    train, test = shop
    ease = EASEEstimator(regularization=5, history_decay=2, decay_by="time")
    model = VotingRecommender([("ease", ease)]).fit(train)
    assert_array_equal(model.target_ranks(test), ease.fit(train).target_ranks(test))


def test_weights_of_rows_reach_the_members(shop):
    train, test = shop
    weights = np.random.default_rng(0).uniform(0.5, 2, size=len(train))
    pipe = Pipeline([("ace", ACETransformer(4)), ("rec", L3AEEstimator())])
    model = VotingRecommender([("text", pipe)]).fit(train, sample_weight=weights)
    alone = clone(pipe).fit(train, rec__sample_weight=weights)
    assert_array_equal(model.target_ranks(test), alone[-1].target_ranks(test))


def test_partial_fit_reaches_members_inside_pipelines_and_leaves_copies_alone(shop):
    train, test = shop
    pipe = Pipeline([("ace", ACETransformer(4)), ("rec", L3AEEstimator())])
    model = VotingRecommender([("text", pipe)]).fit(train)
    inner = model.estimators_[0]
    scores = inner[-1].decision_function(test)
    model.partial_fit(test)
    assert_array_equal(inner[-1].decision_function(test), scores)
    grown = model.estimators_[0][-1]
    assert_array_equal(grown.item_counts_, inner[-1].item_counts_ + _counts(test, grown))


def _counts(X, model):
    return (X.items[:, None] == model.item_ids_).sum(axis=0)


class Stranger(BaseEstimator):
    """Promises `decision_function` and no more: the score of an item is that of the last one."""

    exclude_seen = True

    def fit(self, X, y=None, sample_weight=None, X_val=None):  # noqa: ARG002 - the caller's
        self.item_ids_ = X.catalog.item_ids[::-1]
        return self

    def decision_function(self, X):
        assert isinstance(X, Interactions)
        assert X.is_query
        assert not self.exclude_seen
        last = X._log.items[X._ends - 1]
        return np.cos(np.add.outer(last, np.arange(self.item_ids_.size)))


def test_who_only_promises_scores_is_asked_with_rows(shop):
    train, test = shop
    model = VotingRecommender([("odd", Stranger())]).fit(train)
    filled = test[test._ends > test._starts]
    last = filled._log.items[filled._ends - 1]
    places = np.arange(train.n_items)[::-1]  # columns of the member
    expected = z_scores(np.cos(np.add.outer(places[last], places)))
    assert_allclose(model.decision_function(filled), expected, atol=1e-4)


def test_recommenders_are_asked_without_rows(shop, monkeypatch):
    train, test = shop
    model = VotingRecommender(members()).fit(train)
    expected = model.decision_function(test)
    for member in model.estimators_:
        monkeypatch.setattr(type(member), "decision_function", None)
    assert_array_equal(VotingRecommender.decision_function(model, test), expected)


@pytest.mark.parametrize("times", [None, np.arange(10, 16)])
def test_histories_in_columns_of_another_model_skip_what_it_lacks(times):
    items = np.array([0, 1, 2, 1, 0, 2])
    starts, ends = np.array([0, 0, 3, 3]), np.array([0, 2, 4, 6])
    found = Histories(items, starts, ends, times=times).in_columns(np.array([5, -1, 7]))
    pasts = [found.items[a:b].tolist() for a, b in zip(found.starts, found.ends, strict=True)]
    assert pasts == [[], [5], [], [5, 7]]
    if times is not None:
        assert found.times.tolist() == [10, 14, 15]


class NoScores(BaseEstimator):
    def fit(self, X, y=None):  # noqa: ARG002 - the signature that is called
        return self


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (
            {"estimators": []},
            "estimators must be a list of at least one (name, estimator) tuple, got [].",
        ),
        (
            {"estimators": [("a", "drop")]},
            "estimators are all 'drop'; keep at least one.",
        ),
        (
            {"estimators": members(), "weights": [1]},
            "weights must have one value per estimator: expected shape (2,), got (1,).",
        ),
        (
            {"estimators": members(), "weights": [1, -1]},
            "weights must be finite, not negative, and positive for at least one estimator that "
            "takes part, got [1, -1].",
        ),
        (
            {"estimators": [members()[0], ("b", "drop")], "weights": [0, 1]},
            "weights must be finite, not negative, and positive for at least one estimator that "
            "takes part, got [0, 1].",
        ),
    ],
)
def test_bad_parameters_are_refused_before_any_work(parameters, text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        VotingRecommender(**parameters, k=1).fit([["a", "b"]])
    assert str(caught.value) == text


def test_member_that_cannot_score_is_refused():
    with pytest.raises(TypeError) as caught:
        VotingRecommender([("odd", NoScores())], k=1).fit([["a", "b"]])
    assert str(caught.value) == (
        "estimators: 'odd' is NoScores, which has no decision_function; give recommenders, or "
        "Pipelines that end in one."
    )


def test_encode_is_not_offered(shop):
    train, _ = shop
    model = VotingRecommender(members()).fit(train)
    assert not hasattr(model, "encode")
    assert not hasattr(model, "item_vectors_")


def test_members_skip_ids_that_only_others_know():
    old = EASEEstimator(k=2, regularization=1).fit([["a", "b"], ["b", "c"]])
    parts = [("old", FrozenEstimator(old)), ("top", PopularityEstimator())]
    model = VotingRecommender(parts, k=2).fit([["a", "d"], ["d", "b"], ["c", "a"]])
    both, known = model.decision_function([["d", "a"], ["a"]])
    assert_allclose(both, known, atol=1e-6)
    with pytest.raises(ValueError, match="set handle_unknown='ignore'"):
        model.predict([["nobody knows"]])
    assert old.handle_unknown == "error"


def test_a_search_may_be_a_member(shop):
    train, test = shop
    grid = {"regularization": [1, 10]}
    search = GridSearchCV(EASEEstimator(), grid, cv=LeaveLastOut(), scoring=ndcg_scorer())
    model = VotingRecommender([("search", search), ("top", PopularityEstimator())]).fit(train)
    best = search.fit(train).best_estimator_
    alone = VotingRecommender([("best", best), ("top", PopularityEstimator())]).fit(train)
    assert_allclose(model.decision_function(test), alone.decision_function(test), atol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_weights_and_validation_rows_reach_members_in_pipelines(shop):
    train, test = shop
    weights = np.linspace(0, 1, len(train))
    vectors = []
    for is_routing in (False, True):
        with config_context(enable_metadata_routing=is_routing):
            ace, network = ACETransformer(8), SASRecEstimator(max_epochs=1, random_state=0)
            if is_routing:
                network.set_fit_request(X_val=True, sample_weight=True)
                ace.set_fit_request(sample_weight=False)
            pipe = Pipeline([("ace", ace), ("rec", network)])
            model = VotingRecommender([("net", pipe)])
            model.fit(train, X_val=test, sample_weight=weights)
            fitted = model.estimators_[0]["rec"]
        assert len(fitted.validation_scores_) == 1
        vectors.append(fitted.item_vectors_)
    assert_array_equal(*vectors)
    unweighted = VotingRecommender([("net", pipe)]).fit(train).estimators_[0]["rec"]
    assert (unweighted.item_vectors_ != vectors[0]).any()


def test_pipelines_with_a_step_that_does_nothing_learn_further(shop):
    train, test = shop
    ease = EASEEstimator(store_counts=True)
    pipe = Pipeline([("none", "passthrough"), ("rec", ease)])
    one, other = (
        VotingRecommender([("part", part)]).fit(train).partial_fit(test) for part in (pipe, ease)
    )
    assert_allclose(one.decision_function(test), other.decision_function(test), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "now"),
    [
        ({"b": "drop"}, "{'a': 'EASEEstimator'}"),
        ({"a": SLISTEstimator()}, "{'a': 'SLISTEstimator', 'b': 'PopularityEstimator'}"),
        (
            {"estimators": [("b", PopularityEstimator()), ("a", EASEEstimator())]},
            "{'b': 'PopularityEstimator', 'a': 'EASEEstimator'}",
        ),
    ],
    ids=["dropped", "another", "another order"],
)
def test_other_members_than_those_of_the_fit_do_not_learn_further(shop, change, now):
    train, test = shop
    members = [("a", EASEEstimator(store_counts=True)), ("b", PopularityEstimator())]
    model = VotingRecommender(members).fit(train)
    before = model.decision_function(test)
    text = (
        f"estimators are {now}, but those that were fitted, which are to learn further, are "
        "{'a': 'EASEEstimator', 'b': 'PopularityEstimator'}; set them back, or fit anew."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.set_params(**change).partial_fit(test)
    assert_array_equal(model.decision_function(test), before)


def test_few_candidates_are_scored_in_blocks_of_all_items(shop, monkeypatch):
    """Votes are of all items, so a block has as many rows as if all were asked for."""
    model = VotingRecommender(members(), k=1).fit(shop[0])
    monkeypatch.setattr(_answering, "_BLOCK_BYTES", 4 * 3 * model.item_ids_.size)
    sizes, score = [], VotingRecommender._score

    def counted(self, histories, columns=None):
        sizes.append(len(histories))
        return score(self, histories, columns)

    monkeypatch.setattr(VotingRecommender, "_score", counted)
    model.recommend(shop[1], candidates=model.item_ids_[:2], k=1)
    assert sum(sizes) == len(shop[1])
    assert max(sizes) == 3
