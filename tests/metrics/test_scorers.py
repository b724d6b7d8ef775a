"""Scorers in the hands of scikit-learn."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import pickle

import cloudpickle
import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.metrics import check_scoring, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline

from skace import Interactions
from skace.metrics import (
    mrr_at_k,
    mrr_scorer,
    ndcg_at_k,
    ndcg_scorer,
    ranking_scorer,
    recall_at_k,
    recall_scorer,
    sampled_ranks,
    target_ranks,
)
from skace.model_selection import LeaveLastOut
from skace.recommenders import PopularityEstimator

NAMES = ["ndcg@10", "recall@20", "mrr"]
ALL = [ndcg_scorer(), recall_scorer(3), mrr_scorer(), ranking_scorer(NAMES)]


@pytest.fixture(params=[False, True], ids=["routing off", "routing on"])
def routing(request):
    """Metadata routing as configured by the user."""
    with sklearn.config_context(enable_metadata_routing=request.param):
        yield request.param


@pytest.mark.parametrize(
    ("scorer", "figure"),
    [
        (ndcg_scorer(), lambda r: ndcg_at_k(r, 10)),
        (ndcg_scorer(k=3), lambda r: ndcg_at_k(r, 3)),
        (recall_scorer(k=5), lambda r: recall_at_k(r, 5)),
        (mrr_scorer(), mrr_at_k),
        (mrr_scorer(k=2), lambda r: mrr_at_k(r, 2)),
        (ranking_scorer("recall@7"), lambda r: recall_at_k(r, 7)),
    ],
)
@pytest.mark.parametrize("kind", ["score_model", "rank_model"])
def test_scorers_are_metrics_of_target_ranks(scorer, figure, kind, random_log, request):
    model = request.getfixturevalue(kind)().fit(random_log)
    score = scorer(model, random_log)
    assert isinstance(score, float)
    assert score == figure(target_ranks(model, random_log))


def test_several_metrics_come_as_a_dict_in_order(random_log, rank_model):
    model = rank_model().fit(random_log)
    scores = ranking_scorer(NAMES)(model, random_log)
    ranks = target_ranks(model, random_log)
    expected = [ndcg_at_k(ranks, 10), recall_at_k(ranks, 20), mrr_at_k(ranks)]
    assert list(scores.items()) == list(zip(NAMES, expected, strict=True))


def test_several_metrics_rank_once(random_log, rank_model):
    class Counting(rank_model):
        n_calls = 0

        def target_ranks(self, X, *, exclude_seen=None):
            type(self).n_calls += 1
            return super().target_ranks(X, exclude_seen=exclude_seen)

    ranking_scorer(NAMES)(Counting().fit(random_log), random_log)
    assert Counting.n_calls == 1


@pytest.mark.parametrize("exclude_seen", [None, False, True])
def test_exclude_seen_is_passed_on(exclude_seen, random_log, rank_model):
    model = rank_model(exclude_seen=True).fit(random_log)
    score = mrr_scorer(exclude_seen=exclude_seen)(model, random_log)
    assert score == mrr_at_k(target_ranks(model, random_log, exclude_seen=exclude_seen))


def test_sampled_metrics_carry_it_in_their_name(random_log, score_model):
    model = score_model().fit(random_log)
    scorer = ranking_scorer(["ndcg@5", "ndcg@5[uni9]", "mrr[uni9]"], random_state=4)
    ranks = sampled_ranks(model, random_log, n_candidates=9, random_state=4)
    assert scorer(model, random_log) == {
        "ndcg@5": ndcg_at_k(target_ranks(model, random_log), 5),
        "ndcg@5[uni9]": ndcg_at_k(ranks, 5),
        "mrr[uni9]": mrr_at_k(ranks),
    }
    assert scorer(model, random_log) == scorer(model, random_log)


@pytest.mark.parametrize("exclude_seen", [False, True])
def test_exclude_seen_holds_for_sampled_metrics(exclude_seen, random_log, score_model):
    model = score_model(exclude_seen=not exclude_seen).fit(random_log)
    scorer = ranking_scorer("mrr[uni9]", exclude_seen=exclude_seen, random_state=4)
    ranks = sampled_ranks(
        model, random_log, n_candidates=9, exclude_seen=exclude_seen, random_state=4
    )
    assert scorer(model, random_log) == mrr_at_k(ranks)


@pytest.mark.parametrize("scorer", ALL)
def test_the_rows_own_items_are_accepted_as_y_and_nothing_else(scorer, random_log, rank_model):
    model = rank_model().fit(random_log)
    assert scorer(model, random_log, random_log.items) == scorer(model, random_log)
    with pytest.raises(
        ValueError, match=r"^y differs from X\.items\. The rows of Interactions hold"
    ):
        scorer(model, random_log, random_log.items[::-1])


@pytest.mark.parametrize("scorer", ALL)
def test_weight_two_is_a_repeated_row(scorer, random_log, rank_model):
    model = rank_model().fit(random_log)
    rows = np.r_[0, np.arange(len(random_log))]
    weights = np.ones(len(random_log))
    weights[0] = 2
    weighted, repeated = (
        scorer(model, random_log, sample_weight=weights),
        scorer(model, random_log[rows]),
    )
    assert weighted == pytest.approx(repeated)


@pytest.mark.parametrize(
    ("scorer", "text"),
    [
        (ndcg_scorer(k=20), "ndcg_scorer(k=20)"),
        (recall_scorer(exclude_seen=True), "recall_scorer(k=10, exclude_seen=True)"),
        (mrr_scorer(), "mrr_scorer(k=None)"),
        (ranking_scorer("ndcg@5"), "ndcg_scorer(k=5)"),
        (
            ranking_scorer(["ndcg@5", "mrr"], exclude_seen=False),
            "ranking_scorer(['ndcg@5', 'mrr'], exclude_seen=False)",
        ),
        (
            ranking_scorer("ndcg@10[uni100]", random_state=3),
            "ranking_scorer('ndcg@10[uni100]', random_state=3)",
        ),
    ],
)
def test_repr_is_the_call_that_makes_it(scorer, text):
    assert repr(scorer) == text
    namespace = {
        "ndcg_scorer": ndcg_scorer,
        "recall_scorer": recall_scorer,
        "mrr_scorer": mrr_scorer,
        "ranking_scorer": ranking_scorer,
    }
    assert repr(eval(text, namespace)) == text  # noqa: S307 - a literal of this file


@pytest.mark.parametrize("scorer", ALL)
@pytest.mark.parametrize(
    "copied",
    [
        lambda s: pickle.loads(pickle.dumps(s)),
        lambda s: cloudpickle.loads(cloudpickle.dumps(s)),
        copy.deepcopy,
    ],
    ids=["pickle", "cloudpickle", "deepcopy"],
)
def test_scorers_survive_copies(scorer, copied, random_log, rank_model):
    model = rank_model().fit(random_log)
    assert repr(copied(scorer)) == repr(scorer)
    assert copied(scorer)(model, random_log) == scorer(model, random_log)


def test_a_weight_request_survives_pickling():
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = ndcg_scorer().set_score_request(sample_weight=True)
        restored = pickle.loads(pickle.dumps(scorer))
        assert restored.get_metadata_routing().score.requests == {"sample_weight": True}


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("scoring", [ndcg_scorer(), ranking_scorer(NAMES)])
def test_cross_validate(scoring, random_log, score_model):
    results = cross_validate(score_model(), random_log, cv=LeaveLastOut(2), scoring=scoring)
    (train, test), _ = LeaveLastOut(2).split(random_log)
    model = score_model().fit(random_log[train])
    score = scoring(model, random_log[test])
    for name, value in (score if isinstance(score, dict) else {"score": score}).items():
        assert results[f"test_{name}"].shape == (2,)
        assert results[f"test_{name}"][0] == value


@pytest.mark.usefixtures("routing")
def test_a_scorer_as_one_of_several_in_a_dict(random_log, score_model):
    scoring = {"n": ndcg_scorer(), "r": recall_scorer(3)}
    results = cross_validate(score_model(), random_log, cv=LeaveLastOut(), scoring=scoring)
    alone = cross_val_score(score_model(), random_log, cv=LeaveLastOut(), scoring=scoring["r"])
    np.testing.assert_array_equal(results["test_r"], alone)
    assert check_scoring(score_model(), scoring)(score_model().fit(random_log), random_log).keys()


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
def test_search_finds_the_best_table(search, random_log, rank_model, random_state):
    good = np.bincount(random_log._item_codes)
    options = {"n_iter": 2, "random_state": random_state} if search is RandomizedSearchCV else {}
    fitted = search(
        Pipeline([("none", "passthrough"), ("rec", rank_model())]),
        {"rec__table": [-good, good]},
        cv=LeaveLastOut(),
        scoring=ranking_scorer(NAMES),
        refit="mrr",
        **options,
    ).fit(random_log)
    np.testing.assert_array_equal(fitted.best_params_["rec__table"], good)
    best = fitted.cv_results_["mean_test_mrr"].max()
    assert fitted.best_score_ == best > fitted.cv_results_["mean_test_mrr"].min()
    assert fitted.score(random_log) == mrr_scorer()(fitted, random_log)


@pytest.mark.minutes  # another process needs seconds to start
@pytest.mark.parametrize("routed", [False, True])
def test_two_processes_find_what_one_finds(routed, random_log):
    pipe = Pipeline([("none", "passthrough"), ("rec", PopularityEstimator(k=1))])
    results = []
    with sklearn.config_context(enable_metadata_routing=routed):
        for n_jobs in (1, 2):
            search = GridSearchCV(
                pipe,
                {"rec__exclude_seen": [False, True]},
                cv=LeaveLastOut(),
                scoring=ranking_scorer(NAMES),
                refit="ndcg@10",
                n_jobs=n_jobs,
                error_score="raise",
            ).fit(random_log)
            results.append([search.cv_results_[f"mean_test_{name}"].tolist() for name in NAMES])
    assert results[0] == results[1]
    # Popular items that are taken out make room: the setting must have reached the ranks.
    assert results[0][0][0] != results[0][0][1]


class _Weighted(BaseEstimator):
    """Model whose fit takes weights, as a search hands them on."""

    def fit(self, X, y=None, sample_weight=None):
        self.item_ids_ = X.catalog.item_ids
        self.n_weights_ = None if sample_weight is None else len(sample_weight)
        return self

    def decision_function(self, X):
        assert self.n_weights_ is not None
        return np.tile(-np.arange(self.item_ids_.size), (len(X), 1))


def _weighted_scores(X, model, scoring, weights):
    ((train, test),) = LeaveLastOut().split(X)
    return scoring(model.fit(X[train], sample_weight=weights[train]), X[test],
                   sample_weight=weights[test])  # fmt: skip


@pytest.mark.parametrize("scoring", [mrr_scorer, lambda: ranking_scorer(NAMES)])
def test_a_search_hands_weights_to_the_scorer(routing, scoring, random_log, random_state):
    weights = np.random.default_rng(random_state).random(len(random_log))
    scorer, model = scoring(), _Weighted()
    expected = _weighted_scores(random_log, model, scorer, weights)
    if routing:
        scorer.set_score_request(sample_weight=True)
        model.set_fit_request(sample_weight=True)
    search = GridSearchCV(
        model, {}, cv=LeaveLastOut(), scoring=scorer, refit=False, error_score="raise"
    ).fit(random_log, sample_weight=weights)
    key, value = ("mrr", expected["mrr"]) if isinstance(expected, dict) else ("score", expected)
    assert search.cv_results_[f"mean_test_{key}"][0] == pytest.approx(value, rel=1e-12)


def test_a_dict_of_scorers_gets_weights_too(random_log, random_state):
    weights = np.random.default_rng(random_state).random(len(random_log))
    search = GridSearchCV(
        _Weighted(), {}, cv=LeaveLastOut(), scoring={"m": mrr_scorer()}, refit=False,
        error_score="raise",
    ).fit(random_log, sample_weight=weights)  # fmt: skip
    expected = _weighted_scores(random_log, _Weighted(), mrr_scorer(), weights)
    assert search.cv_results_["mean_test_m"][0] == pytest.approx(expected, rel=1e-12)


def test_weights_that_nobody_asked_for_raise_with_routing_on(random_log):
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            _Weighted().set_fit_request(sample_weight=True), {}, cv=2, scoring=ndcg_scorer()
        )
        with pytest.raises(UnsetMetadataPassedError, match=r"ndcg_scorer\(k=10\)"):
            search.fit(random_log, sample_weight=np.ones(len(random_log)))


def test_weights_can_be_kept_from_the_scorer(random_log):
    with sklearn.config_context(enable_metadata_routing=True):
        weights = np.r_[1e6, np.ones(len(random_log) - 1)]
        scorer = mrr_scorer().set_score_request(sample_weight=False)
        model = _Weighted().set_fit_request(sample_weight=True)
        search = GridSearchCV(model, {}, cv=KFold(2), scoring=scorer, error_score="raise")
        search.fit(random_log, sample_weight=weights)
        test = np.arange(len(random_log) // 2 + len(random_log) % 2)
        expected = mrr_scorer()(search.best_estimator_, random_log[test])
        assert search.cv_results_["split0_test_score"][0] == pytest.approx(expected)


def test_requests_are_checked_and_need_routing():
    with pytest.raises(RuntimeError, match=r"^set_score_request needs metadata routing; switch it"):
        ndcg_scorer().set_score_request(sample_weight=True)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = ndcg_scorer()
        assert scorer.set_score_request() is scorer
        assert scorer.get_metadata_routing().score.requests == {"sample_weight": None}
        with pytest.raises(ValueError, match="sample_weight"):
            scorer.set_score_request(sample_weight=3)
        assert scorer.get_metadata_routing().score.requests == {"sample_weight": None}


def test_a_scorer_stands_beside_scikit_learns_own(random_log, score_model):
    def first_is_right(y_true, y_pred):
        return float(np.mean(y_true == y_pred[:, 0]))

    model = score_model().fit(random_log)
    scoring = {"ours": recall_scorer(1), "theirs": make_scorer(first_is_right)}
    scores = check_scoring(model, scoring)(model, random_log, random_log.items)
    assert scores["ours"] == scores["theirs"]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: ndcg_scorer(k=0),
            ValueError,
            "The 'k' parameter of ndcg_scorer must be an int in the range [1, inf). Got 0 instead.",
        ),
        (
            lambda: recall_scorer(exclude_seen="no"),
            ValueError,
            "The 'exclude_seen' parameter of recall_scorer must be an instance of 'bool' or "
            "an instance of 'numpy.bool' or None. Got 'no' instead.",
        ),
        (
            lambda: ranking_scorer(["mrr"], random_state=None),
            ValueError,
            "The 'random_state' parameter of ranking_scorer must be an int in the range "
            "[0, inf). Got None instead.",
        ),
        (
            lambda: ranking_scorer(["mrr", "mrr"]),
            ValueError,
            "metrics names 'mrr' more than once.",
        ),
    ],
)
def test_bad_settings_raise_when_the_scorer_is_made(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


@pytest.mark.parametrize("metrics", ["ndgc@10", ["ndcg@10", "hits@3"], ["auc@5"]])
def test_a_misspelt_metric_raises_when_the_scorer_is_made(metrics):
    with pytest.raises(
        ValueError, match=r"is not the name of a metric; valid names are 'recall@K'"
    ):
        ranking_scorer(metrics)


def test_weights_are_checked_before_any_ranking(random_log, rank_model):
    class Never(rank_model):
        def target_ranks(self, X, *, exclude_seen=None):  # noqa: ARG002
            pytest.fail("ranked before the weights were checked")

    with pytest.raises(ValueError, match=r"^sample_weight must have one value per row"):
        ndcg_scorer()(Never().fit(random_log), random_log, sample_weight=[1.0])


@pytest.mark.parametrize("scorer", ALL)
@pytest.mark.parametrize("kind", ["score_model", "rank_model"])
def test_lists_are_scored_event_by_event_or_by_y_alone(scorer, kind, random_log, request):
    model = request.getfixturevalue(kind)().fit(random_log)
    lists, y = [[3, 1, 4], [1, 5, 9]], [2, 6]
    assert scorer(model, lists) == scorer(model, Interactions.from_sequences(lists))
    asked = Interactions.from_sequences([[3, 1, 4, 2], [1, 5, 9, 6]])
    assert scorer(model, lists, y) == scorer(model, asked[[3, 7]])
    assert scorer(model, lists, y) != scorer(model, asked)


def test_weights_of_a_list_have_one_value_per_target(random_log, rank_model):
    model = rank_model().fit(random_log)
    lists, y = [[3, 1, 4], [1, 5, 9]], [2, 6]
    scorer = mrr_scorer()
    assert scorer(model, lists, y, sample_weight=[0, 1]) == scorer(model, lists[1:], y[1:])
    with pytest.raises(ValueError, match=r"expected shape \(2,\), got \(6,\)\.$"):
        scorer(model, lists, y, sample_weight=np.ones(6))


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("with_y", [False, True])
def test_a_search_over_plain_lists_scores_unseen_visitors(with_y, random_state):
    rng = np.random.default_rng(random_state)
    lists = [rng.integers(8, size=4).tolist() for _ in range(12)]
    y = rng.integers(8, size=12) if with_y else None
    search = GridSearchCV(
        PopularityEstimator(k=1), {"exclude_seen": [False, True]}, cv=KFold(3),
        scoring=ranking_scorer(NAMES), refit="mrr", error_score="raise",
    ).fit(lists, y)  # fmt: skip
    train, test = (slice(4, 12), slice(0, 4))
    parts = (None, None) if y is None else (y[train], y[test])
    model = PopularityEstimator(k=1).fit(lists[train], parts[0])
    expected = mrr_scorer()(model, lists[test], parts[1])
    assert search.cv_results_["split0_test_mrr"][0] == expected
    assert search.score(lists, y) == mrr_scorer()(search, lists, y)


def test_weights_are_checked_before_a_step_transforms(random_log, rank_model):
    class Never(BaseEstimator):
        def transform(self, X):  # noqa: ARG002
            pytest.fail("transformed before the weights were checked")

    model = rank_model().fit(random_log)
    with pytest.raises(ValueError, match=r"^sample_weight must have one value per row"):
        ndcg_scorer()(Pipeline([("no", Never()), ("rec", model)]), random_log, sample_weight=[1.0])
