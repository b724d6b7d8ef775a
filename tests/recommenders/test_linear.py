"""What all closed-form recommenders share: counts, memos, memory, growth, scores."""
# SPDX-License-Identifier: BSD-3-Clause

import re
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold

from skace import Catalog, Interactions, LeaveLastOut, leave_last_out
from skace.recommenders import (
    EASEEstimator,
    L3AEEstimator,
    LinearRecommender,
    RLAEEstimator,
    SLISTEstimator,
)
from skace.recommenders.linear import _base as _linear
from skace.recommenders.linear._base import COUNTS, INVERSES

SMALL = {"k": 2, "regularization": 2.0}
PULL = {"alignment": 3.0, "feature_regularization": 0.5}
MODELS = {
    "EASE": EASEEstimator(**SMALL),
    "EDLAE, decay": EASEEstimator(**SMALL, dropout=0.3, history_decay=2.0),
    "RDLAE, CSR": RLAEEstimator(**SMALL, dropout=0.2, xi=0.2, n_neighbors=4),
    "RLAE, local": RLAEEstimator(**SMALL, solver="local", n_neighbors=3, dtype="float64"),
    "L3AE": L3AEEstimator(**SMALL, **PULL),
    "L3AE, local": L3AEEstimator(**SMALL, **PULL, solver="local", dtype="float64"),
    "SLIST": SLISTEstimator(k=2, regularization=0.5),
    "SLIST, aging": SLISTEstimator(k=2, regularization=0.5, session_decay=4.0, xi=0.1),
    "SLIST, all": SLISTEstimator(k=2, direction="all", alpha=0.5, train_decay=None),
}
EACH = pytest.mark.parametrize("estimator", MODELS.values(), ids=MODELS)


@pytest.fixture(scope="module")
def catalog():
    """Ten items with features; the last one is in no log."""
    return Catalog(np.arange(10), np.random.default_rng(0).normal(size=(10, 5)))


@pytest.fixture
def log(make_log, catalog):
    """Twenty users of 1 to 9 events."""
    X = make_log(n_users=20, n_items=9, longest=9)
    return Interactions(X.users, X.items, X.timestamps, catalog=catalog)


class PlainAutoencoder(LinearRecommender):
    """Free diagonal and nothing else: the least that a linear model has to say."""

    def __init__(self, k=2, *, regularization=2.0):
        super().__init__(k, dtype="float64", max_memory=1.0, store_counts=True)
        self.regularization = regularization

    def _ridge(self, gram):
        return np.full(gram.shape[0], self.regularization)


class CountingOnlyPairs(EASEEstimator):
    """Another model over the same log."""

    def _regression_rows(self, sessions, n_entries):
        for inputs, weighted, targets in super()._regression_rows(sessions, n_entries):
            yield inputs, 2 * weighted, targets


@EACH
@pytest.mark.parametrize("n_steps", [2, 3])
def test_steps_of_partial_fit_are_one_fit_of_the_joined_rows(estimator, log, n_steps):
    place = log._ends - log._starts
    model = clone(estimator)
    for step in range(n_steps):  # two events of each user, then two more, then the rest
        is_last = step == n_steps - 1
        model.partial_fit(log[(place >= 2 * step) & (is_last | (place < 2 * step + 2))])
    whole = clone(estimator).fit(log)
    assert_allclose(model.decision_function(log), whole.decision_function(log), atol=1e-5)
    assert abs(model.gram_ - whole.gram_).max() < 1e-12
    assert abs(model.cross_gram_ - whole.cross_gram_).max() < 1e-12


def rows_over(X, catalog):
    """The rows as a log of their own."""
    return Interactions(X.users, X.items, X.timestamps, catalog=catalog)


@EACH
def test_new_users_and_items_join_as_if_they_had_been_there(estimator, log, catalog):
    is_old = (log.users < 10) & (log.items < 7)
    old = rows_over(log[is_old], catalog.take(np.arange(7)))
    joined = Interactions.concat([old, rows_over(log[log.users >= 10], catalog)])
    model = clone(estimator).fit(old).partial_fit(joined[joined.users >= 10])
    whole = clone(estimator).fit(joined)
    assert_array_equal(model.item_ids_, np.arange(10))
    assert_allclose(model.decision_function(joined), whole.decision_function(joined), atol=1e-5)


@EACH
def test_new_rows_of_half_the_users_leave_the_others_alone(estimator, log):
    train, test = leave_last_out(log)
    half = test[test.users < 10]
    model = clone(estimator).fit(train).partial_fit(half)
    whole = clone(estimator).fit(Interactions.concat([train, half]))
    assert_allclose(model.decision_function(test), whole.decision_function(test), atol=1e-5)


def test_weights_of_new_rows_count_in_partial_fit(log):
    train, test = leave_last_out(log)
    weights = np.arange(len(test)) % 3 + 0.5
    model = EASEEstimator(**SMALL).fit(train).partial_fit(test, sample_weight=weights)
    of_all = np.ones(len(log))
    of_all[np.searchsorted(log._ends, test._ends)] = weights
    whole = EASEEstimator(**SMALL).fit(log, sample_weight=of_all)
    assert_allclose(model.coef_, whole.coef_, atol=1e-6)


@pytest.mark.parametrize(
    ("estimator", "grid", "n_counted", "n_inverted"),
    [
        (EASEEstimator(), {"history_decay": [None, 1, 2], "decay_by": ["events", "time"]}, 1, 1),
        (EASEEstimator(), {"n_neighbors": [None, 2, 5], "exclude_seen": [True, False]}, 1, 1),
        (EASEEstimator(), {"regularization": [1, 2, 3]}, 1, 3),
        (EASEEstimator(), {"dropout": [0, 0.5]}, 1, 2),
        (EASEEstimator(), {"dtype": ["float32", "float64"]}, 1, 2),
        (EASEEstimator(), {"solver": ["local"], "n_neighbors": [2, 3]}, 1, 0),
        (RLAEEstimator(), {"xi": [0, 0.1, 0.5, 1], "history_decay": [None, 1]}, 1, 1),
        (L3AEEstimator(), {"feature_regularization": [1, 2], "normalize_features": [True]}, 1, 1),
        (L3AEEstimator(), {"alignment": [0, 1, 2]}, 1, 3),
        (SLISTEstimator(), {"history_decay": [None, 1], "xi": [None, 0, 1]}, 1, 1),
        (SLISTEstimator(), {"regularization": [1, 2]}, 1, 2),
        (SLISTEstimator(), {"alpha": [0, 0.5]}, 2, 2),
        (SLISTEstimator(), {"direction": ["part", "all"]}, 2, 2),
        (SLISTEstimator(), {"train_decay": [1, None]}, 2, 1),  # which "sr" does not read
        (SLISTEstimator(direction="all"), {"train_decay": [1, None]}, 2, 2),
        (SLISTEstimator(), {"session_decay": [1, None]}, 2, 2),
    ],
)
def test_a_grid_counts_and_inverts_only_what_it_must(log, estimator, grid, n_counted, n_inverted):
    search = GridSearchCV(clone(estimator).set_params(k=2), grid, cv=LeaveLastOut(), refit=False)
    search.fit(log)
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()
    assert (COUNTS.n_computed, INVERSES.n_computed) == (n_counted, n_inverted)


def test_a_grid_over_folds_counts_and_inverts_once_a_fold(log):
    grid = {"history_decay": [None, 1, 2], "n_neighbors": [None, 2]}
    search = GridSearchCV(EASEEstimator(k=2), grid, cv=GroupKFold(5))
    search.fit(log, groups=log.users)
    assert COUNTS.n_computed == INVERSES.n_computed == 6  # and all rows, for the refit


@pytest.mark.parametrize(
    "change",
    [
        lambda X: {"X": X[:-1]},
        lambda X: {"X": Interactions(X.users, X.items[::-1], X.timestamps, catalog=X.catalog)},
        lambda X: {"X": Interactions(X.users, X.items, X.timestamps)},  # fewer columns
        lambda X: {"X": X, "sample_weight": np.arange(len(X)) + 1.0},
    ],
    ids=["fewer rows", "other items", "smaller catalog", "weights"],
)
def test_another_log_or_other_weights_are_counted_anew(log, change):
    EASEEstimator(**SMALL).fit(log)
    changed = change(log)
    model = EASEEstimator(**SMALL).fit(**changed)
    assert COUNTS.n_computed == 2
    COUNTS.clear()
    INVERSES.clear()
    assert_array_equal(model.coef_, EASEEstimator(**SMALL).fit(**changed).coef_)


def test_equal_weights_are_no_weights(log):
    EASEEstimator(**SMALL).fit(log)
    EASEEstimator(**SMALL).fit(log, sample_weight=np.ones(len(log)))
    assert (COUNTS.n_computed, INVERSES.n_computed) == (1, 1)


def test_models_that_count_differently_do_not_share(log):
    plain, other = EASEEstimator(**SMALL).fit(log), CountingOnlyPairs(**SMALL).fit(log)
    assert COUNTS.n_computed == INVERSES.n_computed == 2
    assert_array_equal(other.gram_.toarray(), 2 * plain.gram_.toarray())
    # Another class of the same name is another model.
    twin = type("EASEEstimator", (CountingOnlyPairs,), {})(**SMALL).fit(log)
    assert_array_equal(twin.gram_.toarray(), other.gram_.toarray())


def test_models_with_the_same_gram_matrix_share_its_inverse(log):
    EASEEstimator(**SMALL).fit(log)
    RLAEEstimator(**SMALL).fit(log, sample_weight=np.arange(len(log)) + 1.0)
    L3AEEstimator(k=2, regularization=0.5, alignment=1.5).fit(log)
    assert INVERSES.n_computed == 1


@EACH
def test_a_kept_inverse_gives_the_same_model_again(estimator, log):
    first = clone(estimator).fit(log)
    kept = {key: future.result().matrix.copy() for key, future in INVERSES._entries.items()}
    coef = first.coef_.copy()
    clone(estimator).set_params(regularization=3.0, history_decay=None).fit(log)
    again = clone(estimator).fit(log)
    assert abs(again.coef_ - coef).max() == 0
    assert abs(first.coef_ - coef).max() == 0
    for key, matrix in kept.items():
        assert_array_equal(INVERSES._entries[key].result().matrix, matrix)
    COUNTS.clear()
    INVERSES.clear()
    assert abs(clone(estimator).fit(log).coef_ - coef).max() == 0


@EACH
def test_partial_fit_does_not_write_into_kept_counts(estimator, log, catalog):
    train, test = leave_last_out(log)
    train = rows_over(train, catalog.take(np.arange(9)))
    first = clone(estimator).fit(train)
    gram, cross = first.gram_.copy(), first.cross_gram_.copy()
    first.partial_fit(test)  # with one more item
    again = clone(estimator).fit(train)
    assert COUNTS.n_computed == 1
    assert abs(again.gram_ - gram).max() == 0
    assert abs(again.cross_gram_ - cross).max() == 0


@pytest.mark.parametrize(
    ("dtype", "max_memory", "need"), [("float32", 1e-9, "9.03e-07"), ("float64", 0.05, "1.48")]
)
def test_too_many_items_are_refused_before_any_work(monkeypatch, dtype, max_memory, need):
    monkeypatch.setattr("skace.recommenders.linear._base.sessions_of", None)
    n_items = 9500 if dtype == "float64" else 10
    text = (
        f"the exact solution for {n_items} items needs {need} GiB, more than max_memory="
        f"{max_memory:g} GiB; set solver='local', raise max_memory, or drop rare items with "
        "X.k_core(n)."
    )
    X = Interactions([0, 0], [0, 1], catalog=Catalog(np.arange(n_items)))
    for estimator in (EASEEstimator, RLAEEstimator, SLISTEstimator):
        model = estimator(k=1, dtype=dtype, max_memory=max_memory)
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            model.fit(X)
        assert not hasattr(model, "item_ids_")


def test_the_limit_holds_for_items_that_join():
    model = EASEEstimator(**SMALL).fit(Interactions([0, 0], [3, 4], catalog=Catalog(np.arange(60))))
    for_61, for_62 = (2.2 * 4 * n**2 + 45 * 3 for n in (61, 62))  # and 45 bytes an event
    model.set_params(max_memory=(for_61 + for_62) / 2 / 2**30)
    before = model.coef_
    text = f"the exact solution for 62 items needs {for_62 / 2**30:.3g} GiB, more than max_memory="
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        model.partial_fit([[3, 77, 78]])
    assert model.coef_ is before
    model.partial_fit([[3, 4, 77]])
    assert model.coef_.shape == (61, 61)


@EACH
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_counts_that_are_used_up_give_the_same_weights(estimator, log, dtype, is_weighted):
    weights = np.linspace(0, 2, len(log)) if is_weighted else None
    kept = clone(estimator).set_params(dtype=dtype).fit(log, sample_weight=weights)
    n_known = COUNTS.n_computed, INVERSES.n_computed
    model = clone(kept).set_params(store_counts=False).fit(log, sample_weight=weights)
    if model.solver == "exact":
        assert n_known == (COUNTS.n_computed, INVERSES.n_computed)
    assert not hasattr(model, "gram_")
    assert not hasattr(model, "cross_gram_")
    both = [m.coef_.toarray() if sp.issparse(m.coef_) else m.coef_ for m in (model, kept)]
    assert_allclose(*both, atol=1e-5 if dtype == "float32" else 1e-12)
    assert both[0].dtype == dtype


@EACH
def test_used_up_counts_cannot_go_on(estimator, log):
    text = (
        "partial_fit goes on from the counts of pairs of items, and the model has kept none "
        "(store_counts={stores}); fit it with store_counts=True first."
    )
    model = clone(estimator).set_params(store_counts=False).fit(log)
    before = model.coef_
    for stores in (False, True, "auto"):
        with pytest.raises(ValueError, match=f"^{re.escape(text.format(stores=repr(stores)))}$"):
            model.set_params(store_counts=stores).partial_fit(log)
    assert model.coef_ is before
    model.fit(log).partial_fit(log)
    with pytest.raises(ValueError, match=f"^{re.escape(text.format(stores='False'))}$"):
        model.set_params(store_counts=False).partial_fit(log)


def test_auto_stores_counts_that_are_small_or_small_beside_the_matrix(monkeypatch, log):
    # Bound: two counts of 12 bytes for each pair of events of a user, at most for all pairs.
    bound = 24 * min(100, sum(np.bincount(log.users) ** 2))
    for small, stores in ((bound, True), (bound - 1, False)):
        monkeypatch.setattr(_linear, "_SMALL_BYTES", small)
        assert hasattr(EASEEstimator(**SMALL).fit(log), "gram_") == stores
        assert hasattr(EASEEstimator(**SMALL, store_counts=True).fit(log), "gram_")
        local = EASEEstimator(**SMALL, solver="local").fit(log)
        assert local.partial_fit(log).gram_.shape == (10, 10)
    monkeypatch.setattr(_linear, "_SMALL_BYTES", 0)
    for n_items, stores in ((16, True), (15, False)):  # 24 * 8 of .2 * 4 * n_items^2 bytes
        X = Interactions([0, 0, 1, 1], [0, 1, 1, 2], catalog=Catalog(np.arange(n_items)))
        assert hasattr(EASEEstimator(k=1).fit(X), "gram_") == stores


def test_the_limit_allows_for_stored_counts(log):
    alone = 2.2 * 4 * 100 + 45 * len(log)
    summed = 4 * 24 * min(100, sum(np.bincount(log.users) ** 2))  # two counts, while summed up
    assert summed > alone
    stores = EASEEstimator(**SMALL, store_counts=True)
    stores.set_params(max_memory=1.01 * summed / 2**30).fit(log)
    text = (
        f"the exact solution for 10 items needs {summed / 2**30:.3g} GiB, more than max_memory="
        f"{1.01 * alone / 2**30:g} GiB; set store_counts=False, solver='local', raise max_memory, "
        "or drop rare items with X.k_core(n)."
    )
    model = clone(stores).set_params(max_memory=1.01 * alone / 2**30)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.fit(log)
    model.set_params(store_counts=False).fit(log)
    with pytest.raises(ValueError, match=r"; set solver='local', raise max_memory, or drop"):
        model.set_params(max_memory=0.99 * alone / 2**30).fit(log)


def test_a_first_partial_fit_keeps_its_counts(monkeypatch, log):
    monkeypatch.setattr(_linear, "_SMALL_BYTES", 0)
    model = EASEEstimator(**SMALL).partial_fit(log[:20]).partial_fit(log[20:])
    assert abs(model.gram_).sum() > 0
    assert not hasattr(model.fit(log), "gram_")


def test_an_inverse_of_an_earlier_fit_makes_room_for_used_up_counts(monkeypatch, log):
    EASEEstimator(**SMALL).fit(log)
    assert len(INVERSES._entries) > 0
    monkeypatch.setattr(INVERSES, "max_bytes", 4 * 10**2)
    EASEEstimator(**SMALL, store_counts=False).fit(log)
    assert len(INVERSES._entries) == 0


@pytest.fixture(scope="module")
def dense_log():
    """A log of few items, many of which occur together."""
    items = np.random.default_rng(0).integers(1000, size=7000)
    features = np.random.default_rng(0).normal(size=(1000, 8)).astype(np.float32)
    catalog = Catalog(np.arange(1000), features)
    return Interactions(np.arange(7000) // 100, items, catalog=catalog)


@pytest.mark.parametrize(
    "estimator",
    [
        EASEEstimator(),
        L3AEEstimator(),
        SLISTEstimator(),
        pytest.param(SLISTEstimator(train_decay=None), marks=pytest.mark.minutes),
    ],
    ids=["EASE", "L3AE", "SLIST", "SLIST-all"],
)
def test_a_dense_log_takes_no_more_matrices_either(dense_log, estimator):
    estimator = clone(estimator)
    tracemalloc.start()
    try:
        estimator.fit(dense_log)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not hasattr(estimator, "gram_")
    assert peak < 2.2 * 4 * 1000**2 + 45 * 7000


@pytest.fixture(scope="module")
def wide_log():
    """Twenty thousand events over 2000 items with narrow features."""
    rng = np.random.default_rng(0)
    catalog = Catalog(np.arange(2000), rng.normal(size=(2000, 8)).astype(np.float32))
    return Interactions(np.arange(20_000) // 4, rng.integers(2000, size=20_000), catalog=catalog)


@pytest.mark.parametrize(
    "estimator",
    [EASEEstimator(), EASEEstimator(n_neighbors=20), L3AEEstimator(), SLISTEstimator()],
    ids=["EASE", "CSR", "L3AE", "SLIST"],
)
def test_an_exact_fit_holds_two_matrices_and_little_more(wide_log, estimator):
    tracemalloc.start()
    try:
        clone(estimator).fit(wide_log)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.2 * 4 * 2000**2 + 4 * 2**20


@EACH
def test_scores_are_weighted_histories_times_item_weights(estimator, log):
    train, test = leave_last_out(log)
    model = clone(estimator).fit(train)
    coef = model.coef_.toarray() if sp.issparse(model.coef_) else model.coef_
    expected = np.zeros((len(test), log.n_items))
    for row, (start, end) in enumerate(zip(test._starts, test._ends, strict=True)):
        past = log._log.items[start:end]
        if model.history_decay is None:
            expected[row] = coef[np.unique(past)].sum(axis=0)
        else:
            weights = np.exp(-np.arange(past.size)[::-1] / model.history_decay)
            expected[row] = weights @ coef[past]
    scores = model.decision_function(test)
    is_learned = model.item_counts_ > 0
    assert scores.dtype == np.float32
    assert_allclose(scores[:, is_learned], expected[:, is_learned], atol=1e-5)
    assert_allclose(model.encode(test) @ model.item_vectors_.T, expected, atol=1e-5)
    ids, best = model.recommend(test, candidates=[5, 1, 3], k=3)
    assert_allclose(best, np.take_along_axis(scores, ids, axis=1), atol=1e-6)


@EACH
def test_items_without_a_training_row_score_minus_infinity_or_by_their_features(estimator, log):
    # Item 8 is read where it comes first, but is no row; item 9 is in no log.
    is_first = log._ends == log._starts
    late = log.users[(log.items == 8) & ~is_first]
    X = log[~is_first & ~np.isin(log.users, late)]
    assert 8 in X._log.items[X._starts]
    model = clone(estimator).fit(X)
    assert model.item_counts_[8:].tolist() == [0, 0]
    scores = model.decision_function(log[~is_first])
    has_features = isinstance(model, L3AEEstimator)
    assert np.isneginf(scores[:, 8:]).all() is np.bool_(not has_features)
    assert np.isfinite(scores[:, :8]).all()


@pytest.mark.parametrize(
    ("times", "decay"),
    [
        (np.array([0.0, 3.0, 4.0, 9.0]), 2.0),
        (np.array([0, 72, 96, 216]), 48.0),
        (np.array(["2024-02-28", "2024-03-02", "2024-03-03", "2024-03-08"], dtype="M8[D]"), 2.0),
    ],
    ids=["floats", "hours", "days"],
)
def test_history_decay_by_time_counts_the_age_of_events(times, decay):
    X = Interactions(["u"] * 4, ["ash", "bay", "cob", "dew"], times)
    model = EASEEstimator(**SMALL, dtype="float64", history_decay=decay, decay_by="time").fit(X)
    expected = np.exp(-np.array([4, 1, 0]) / 2) @ model.coef_[:3]
    assert_allclose(model.decision_function(X[[3]])[0], expected, atol=1e-6)
    # The question does not age the history.
    expected = np.exp(-np.array([9, 6, 5, 0]) / 2) @ model.coef_
    assert_allclose(model.decision_function(X.next_queries())[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    "method", ["predict", "decision_function", "recommend", "encode", "target_ranks", "score"]
)
def test_history_decay_by_time_needs_times(log, method):
    text = (
        "decay_by='time' needs timestamps, but X has none; pass Interactions with timestamps, or "
        "set decay_by='events'."
    )
    model = EASEEstimator(**SMALL, history_decay=1.0, decay_by="time").fit(log)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        getattr(model, method)([[1, 2], [3]])


def test_unknown_items_that_are_ignored_neither_count_nor_age(log):
    model = EASEEstimator(**SMALL, history_decay=1.0, handle_unknown="ignore").fit(log)
    known, mixed = model.decision_function([[1, 2, 3], [1, 77, 2, 3, 77, 78]])
    assert_array_equal(mixed, known)
    by_time = clone(model).set_params(decay_by="time").fit(log)
    X = Interactions(["u"] * 4, [1, 77, 2, 78], [0, 5, 6, 8])
    alone = Interactions(["u"] * 2, [1, 2], [0, 6])
    expected = by_time.decision_function(alone.next_queries())
    assert_allclose(by_time.decision_function(X.next_queries()), expected, rtol=1e-6)


def test_a_linear_model_of_ones_own_needs_only_a_ridge(log, sets_of):
    model = PlainAutoencoder().fit(log)
    gram = sets_of(log)[0].T @ sets_of(log)[0]
    expected = np.eye(10) - 2 * np.linalg.inv(gram + 2 * np.eye(10))
    assert_allclose(model.coef_, expected, atol=1e-12)
    assert model.predict(log).shape == (len(log), 2)


@EACH
def test_item_vectors_are_a_view_of_the_weights(estimator, log):
    model = clone(estimator).fit(log)
    vectors, coef = model.item_vectors_, model.coef_
    pair = (vectors.data, coef.data) if sp.issparse(coef) else (vectors, coef)
    assert np.shares_memory(*pair)
    assert abs(vectors - coef.T).max() == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("estimator", [EASEEstimator(), SLISTEstimator()])
def test_an_indefinite_matrix_leaves_the_model_as_it_was(estimator, log, dtype, monkeypatch):
    model = clone(estimator).set_params(k=2, dtype=dtype).fit(log)
    before = model.coef_
    monkeypatch.setattr(type(model), "_ridge", lambda _, gram: np.full(gram.shape[0], -50.0))
    with pytest.raises(ValueError, match=r"not positive definite \(smallest value added to its"):
        model.fit(log)
    assert model.coef_ is before
    assert before.dtype == dtype
