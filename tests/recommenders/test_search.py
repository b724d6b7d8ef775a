"""Searches: a grid over transformer and model, and what it does not copy or compute twice."""
# SPDX-License-Identifier: BSD-3-Clause

import tracemalloc
from collections import defaultdict

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - it adds the class
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_validate,
    train_test_split,
)
from sklearn.pipeline import Pipeline, make_pipeline

from skace import (
    ACETransformer,
    Catalog,
    Interactions,
    LeaveLastOut,
    OnItems,
    PopularityEstimator,
    SASRecEstimator,
    TemporalSplit,
    leave_last_out,
    ndcg_scorer,
    ranking_scorer,
)
from skace.datasets import make_cycle
from skace.embeddings._decomposition import MEMO
from skace.exceptions import FutureLeakageWarning

QUICK = {
    "k": 2,
    "n_layers": 1,
    "max_epochs": 2,
    "batch_size": 8,
    "early_stopping": False,
    "random_state": 0,
}


@pytest.fixture
def cycle():
    return make_cycle(n_users=12, n_items=9, length=8, n_features=8, random_state=0)


def pipeline(**parameters):
    return Pipeline(
        [
            ("ace", ACETransformer(n_components=4)),
            ("rec", SASRecEstimator(**(QUICK | parameters))),
        ]
    )


@pytest.fixture(scope="module")
def searches():
    """The same multi-metric search with one and with two jobs."""
    X = make_cycle(n_users=12, n_items=9, length=8, n_features=8, random_state=0)
    return X, {
        n_jobs: GridSearchCV(
            pipeline(learning_rate=0.01, max_epochs=5),
            {"ace__alpha": [0, 1, np.inf], "rec__dropout": [0.0, 0.7]},
            cv=LeaveLastOut(n_splits=2),
            scoring=ranking_scorer(["ndcg@10", "recall@1", "mrr"]),
            refit="ndcg@10",
            n_jobs=n_jobs,
            error_score="raise",
        ).fit(X)
        for n_jobs in (1, 2)
    }


def test_the_best_parameters_do_not_depend_on_the_number_of_jobs(searches):
    _, by_jobs = searches
    assert by_jobs[1].best_params_ == by_jobs[2].best_params_
    for metric in ("ndcg@10", "recall@1", "mrr"):
        name = f"mean_test_{metric}"
        one, two = (by_jobs[n].cv_results_[name] for n in (1, 2))
        np.testing.assert_allclose(one, two, atol=1e-6)
    assert len(set(by_jobs[1].cv_results_["mean_test_ndcg@10"])) > 3


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_refitted_pipeline_answers_rows_queries_and_lists(searches, n_jobs):
    X, by_jobs = searches
    search = by_jobs[n_jobs]
    assert search.predict(X).shape == (len(X), 2)
    assert search.predict(X.next_queries()).shape == (12, 2)
    assert search.predict([[3, 4], []]).shape == (2, 2)
    assert search.decision_function([[3, 4]]).shape == (1, 9)


def test_test_scores_are_those_of_fitting_by_hand(searches):
    X, by_jobs = searches
    search = by_jobs[1]
    train, test = next(LeaveLastOut(n_splits=2).split(X))
    best = clone(search.estimator).set_params(**search.best_params_).fit(X[train])
    expected = ranking_scorer(["ndcg@10"])(best, X[test])["ndcg@10"]
    found = search.cv_results_["split0_test_ndcg@10"][search.best_index_]
    assert found == pytest.approx(expected, abs=1e-9)


class Witness(PopularityEstimator):
    """Popularity that notes which log and catalog it is given."""

    seen = []  # noqa: RUF012 - shared by the clones on purpose

    def _fit_rows(self, rows, task):
        super()._fit_rows(rows, task)
        self.seen.append((rows.X._log, rows.X.catalog))


@pytest.mark.filterwarnings("ignore:the rows to score are rows 50 to 95 of the log")
@pytest.mark.parametrize(
    "cv",
    [
        LeaveLastOut(n_splits=2),
        TemporalSplit(n_splits=2, test_size=0.2),
        GroupKFold(n_splits=2),
        [(np.arange(50), np.arange(50, 96))],
    ],
    ids=lambda cv: type(cv).__name__,
)
def test_folds_share_the_log_and_the_catalog(cycle, cv):
    Witness.seen.clear()
    search = GridSearchCV(Witness(k=2), {"exclude_seen": [False, True]}, cv=cv)
    search.fit(cycle, groups=cycle.users if isinstance(cv, GroupKFold) else None)
    n_folds = len(cv) if isinstance(cv, list) else cv.get_n_splits()
    assert len(Witness.seen) == 2 * n_folds + 1
    for log, catalog in Witness.seen:
        assert log is cycle._log
        assert catalog is cycle.catalog


def test_a_search_over_ace_shares_the_log(cycle):
    Witness.seen.clear()
    pipe = make_pipeline(ACETransformer(n_components=4), Witness(k=2))
    GridSearchCV(pipe, {"acetransformer__alpha": [0, 1]}, cv=LeaveLastOut()).fit(cycle)
    assert all(log is cycle._log for log, _ in Witness.seen)


@pytest.mark.parametrize("n_candidates", [2, 8])
def test_a_grid_holds_the_features_once(n_candidates):
    rng = np.random.default_rng(0)
    n_items, n_features = 4000, 256
    catalog = Catalog(np.arange(n_items), rng.standard_normal((n_items, n_features)))
    X = Interactions(np.repeat(np.arange(20), 5), rng.integers(n_items, size=100), catalog=catalog)
    pipe = Pipeline([("ace", ACETransformer(n_components=8)), ("rec", PopularityEstimator())])
    grid = {"ace__alpha": np.logspace(-2, 2, n_candidates).tolist()}
    search = GridSearchCV(pipe, grid, cv=LeaveLastOut(), scoring=ndcg_scorer())
    tracemalloc.start()
    try:
        search.fit(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # One pass over the rows in float64 is allowed; a copy per candidate is not.
    assert peak < 2.5 * catalog.features.nbytes


def decomposition_counter(path):
    """Callback that notes, in its process, how many decompositions there have been."""

    class Counter:
        max_propagation_depth = None

        def _note(self, estimator):
            if type(estimator).__name__ == "ACETransformer":
                import os

                from skace.embeddings._decomposition import MEMO

                with path.open("a", encoding="utf-8") as file:
                    file.write(f"{os.getpid()} {MEMO.n_computed}\n")

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):  # noqa: ARG002 - the protocol
            self._note(estimator)

        def on_fit_task_end(self, estimator, context):  # noqa: ARG002
            self._note(estimator)

    return Counter()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_catalog_is_decomposed_once_in_each_process(n_jobs, tmp_path):
    MEMO.clear()
    X = make_cycle(n_users=12, n_items=9, length=8, n_features=8, random_state=100 + n_jobs)
    pipe = Pipeline([("ace", ACETransformer(n_components=4)), ("rec", PopularityEstimator(k=2))])
    search = GridSearchCV(
        pipe, {"ace__alpha": [0, 0.1, 1, 10]}, cv=LeaveLastOut(n_splits=2), n_jobs=n_jobs
    )
    search.set_callbacks(decomposition_counter(tmp_path / "counts")).fit(X)
    counts = defaultdict(list)
    for line in (tmp_path / "counts").read_text(encoding="utf-8").splitlines():
        process, count = line.split()
        counts[process].append(int(count))
    assert sum(map(len, counts.values())) == 2 * (8 + 1)
    assert {max(noted) - min(noted) for noted in counts.values()} == {1}


# Halving by rows takes a random part of them, whose gaps are those of a shuffled split.
@pytest.mark.filterwarnings("ignore::skace.exceptions.FutureLeakageWarning")
@pytest.mark.parametrize(
    ("make_search", "n_candidates"),
    [
        (
            lambda e, **kw: RandomizedSearchCV(e, {"k": [1, 2, 3]}, n_iter=2, random_state=0, **kw),
            2,
        ),
        (lambda e, **kw: HalvingGridSearchCV(e, {"k": [1, 2]}, min_resources=40, **kw), 2),
    ],
    ids=["randomized", "halving"],
)
def test_other_searches_work(cycle, make_search, n_candidates):
    search = make_search(
        PopularityEstimator(), cv=GroupKFold(n_splits=2), scoring=ndcg_scorer()
    ).fit(cycle, groups=cycle.users)
    assert len(set(map(str, search.cv_results_["params"]))) == n_candidates
    assert np.isfinite(search.best_score_)


def test_epochs_can_be_the_resource_of_a_halving_search(cycle):
    search = HalvingGridSearchCV(
        SASRecEstimator(**QUICK),
        {"dropout": [0.1, 0.5]},
        resource="max_epochs",
        max_resources=2,
        min_resources=1,
        factor=2,
        cv=LeaveLastOut(),
        scoring=ndcg_scorer(),
    ).fit(cycle)
    assert search.best_estimator_.n_iter_ == 2


def test_scikit_learns_transformers_serve_on_items(cycle):
    pipe = Pipeline([("pca", OnItems(PCA())), ("rec", SASRecEstimator(**QUICK))])
    search = GridSearchCV(
        pipe, {"pca__transformer__n_components": [2, 4]}, cv=LeaveLastOut(), scoring=ndcg_scorer()
    ).fit(cycle)
    width = search.best_params_["pca__transformer__n_components"]
    assert search.best_estimator_[-1].item_vectors_.shape == (9, width)


def test_train_test_split_keeps_the_pasts(cycle):
    train, test = train_test_split(cycle, test_size=0.25, shuffle=False)
    assert (len(train), len(test)) == (72, 24)
    assert test._log is cycle._log
    np.testing.assert_array_equal(test.items, cycle.items[72:])


def test_a_shuffled_k_fold_is_warned_of(cycle):
    cv = KFold(n_splits=2, shuffle=True, random_state=0)
    with pytest.warns(FutureLeakageWarning, match="LeaveLastOut"):
        cross_validate(PopularityEstimator(k=2), cycle, cv=cv)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("routing", [False, True])
def test_validation_rows_reach_the_model_through_a_search(cycle, routing):
    X, X_val = leave_last_out(cycle)
    X = X[len(X) - len(X_val) :]  # as long as X_val, which a search would cut
    with config_context(enable_metadata_routing=routing):
        model = SASRecEstimator(**(QUICK | {"early_stopping": True}))
        name = "rec__X_val"
        if routing:
            model.set_fit_request(X_val=True)
            name = "X_val"
        pipe = Pipeline([("ace", ACETransformer(n_components=4)), ("rec", model)])
        search = GridSearchCV(
            pipe, {"ace__alpha": [1]}, cv=LeaveLastOut(), scoring=ndcg_scorer(), error_score="raise"
        )
        search.fit(X, **{name: X_val.as_validation()})
    assert len(search.best_estimator_[-1].validation_scores_) == 2


@pytest.mark.parametrize("routing", [False, True])
def test_weights_reach_the_model_through_a_search(cycle, routing):
    weights = np.where(cycle.items == 3, 50.0, 1.0)
    with config_context(enable_metadata_routing=routing):
        model = PopularityEstimator(k=1)
        scorer = ndcg_scorer()
        if routing:
            model.set_fit_request(sample_weight=True)
            scorer.set_score_request(sample_weight=False)
        search = GridSearchCV(model, {"k": [1]}, cv=LeaveLastOut(), scoring=scorer)
        search.fit(cycle, sample_weight=weights)
    assert search.predict([[]]).tolist() == [[3]]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_fit_in_threads_is_the_fit_alone(cycle, n_jobs):
    from joblib import parallel_config

    with parallel_config("threading"):
        scores = cross_validate(
            SASRecEstimator(**QUICK),
            cycle,
            cv=LeaveLastOut(n_splits=3),
            scoring=ndcg_scorer(),
            n_jobs=n_jobs,
            return_estimator=True,
        )
    for model, (train, _) in zip(scores["estimator"], LeaveLastOut(3).split(cycle), strict=True):
        alone = SASRecEstimator(**QUICK).fit(cycle[train])
        np.testing.assert_allclose(model.item_vectors_, alone.item_vectors_, atol=1e-6)


def test_the_eight_lines_of_the_readme(random_state):
    """From an event log and item vectors to a tuned recommender, as the documentation has it."""
    polars = pytest.importorskip("polars")
    rng = np.random.default_rng(random_state)
    ids = np.array([f"B{number:03d}" for number in range(140)])
    starts = rng.integers(ids.size, size=(40, 1))
    log = polars.DataFrame(
        {
            "user_id": np.repeat(np.arange(40), 6),
            "item_id": ids[(starts + np.arange(6)) % ids.size].ravel(),
            "timestamp": np.tile(np.arange(6), 40),
        }
    )
    vectors = rng.standard_normal((ids.size, 150)).tolist()
    items = polars.DataFrame({"item_id": ids, "vector": vectors})

    X = Interactions.from_frame(log, catalog=Catalog.from_frame(items, features="vector"))
    pipe = Pipeline(
        [("ace", ACETransformer(n_components=128)), ("rec", SASRecEstimator(max_epochs=1))]
    )
    search = GridSearchCV(
        pipe, {"ace__alpha": [0, 0.1, 1, 10]}, cv=LeaveLastOut(), scoring=ndcg_scorer(k=10)
    )
    search.fit(X)
    best = search.predict(X.next_queries())
    visitor = search.predict([["B001", "B007"]])

    assert best.shape == (40, 10)
    assert visitor.shape == (1, 10)
    assert set(np.concatenate([best, visitor]).ravel()) <= set(ids)
    assert search.best_params_["ace__alpha"] in {0, 0.1, 1, 10}
