"""DiversifiedRecommender: one order by maximal marginal relevance, whatever is asked."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle

import numpy as np
import polars as pl
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skace
from skace import (
    ACETransformer,
    Catalog,
    EASEEstimator,
    Interactions,
    ItemKNNEstimator,
    LeaveLastOut,
    PopularityEstimator,
    SASRecEstimator,
    VotingRecommender,
)
from skace.datasets import make_shop
from skace.metrics import intra_list_diversity
from skace.recommenders import DiversifiedRecommender, _answering
from skace.recommenders.ensembles import _mmr

N_ITEMS = 30


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((N_ITEMS, 5))
    vectors[7] = 1e-9 * vectors[8]  # of any length
    catalog = Catalog(np.arange(N_ITEMS), vectors).with_features(
        np.where(np.arange(N_ITEMS)[:, None] == 3, 0, vectors)  # no vector
    )
    users = np.repeat(np.arange(40), 6)
    items = np.concatenate([rng.permutation(N_ITEMS)[:6] for _ in range(40)])
    return Interactions(users, items, np.arange(users.size), catalog=catalog)


def diverse(estimator=None, **params):
    estimator = EASEEstimator(regularization=1) if estimator is None else estimator
    return DiversifiedRecommender(estimator, **params)


def cosines(vectors):
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(lengths > 0, lengths, 1)
    return unit @ unit.T


def order_by_loop(scores, alike, n_candidates, trade_off):
    """Items of one row, first the best ones by marginal relevance."""
    pool = np.argsort(-scores, kind="stable").tolist()
    rest, pool = pool[n_candidates:], pool[:n_candidates]
    relevance = {item: 0.8 ** int((scores > scores[item]).sum()) for item in pool}
    order = []
    while pool:
        values = [
            trade_off * relevance[item]
            - (1 - trade_off) * max((alike[item, other] for other in order), default=0)
            for item in pool
        ]
        best = max(values)
        chosen = next(i for i, v in zip(pool, values, strict=True) if v > best - 1e-9)
        order.append(chosen)
        pool.remove(chosen)
    return order + rest


@pytest.mark.parametrize("trade_off", [0, 0.4, 0.85, 0.97])
@pytest.mark.parametrize("n_candidates", [1, 2, 7, 100])
def test_the_order_is_that_of_a_loop(X, trade_off, n_candidates):
    rows = X.next_queries()
    model = diverse(k=N_ITEMS, trade_off=trade_off, n_candidates=n_candidates).fit(X)
    scores = EASEEstimator(k=1, regularization=1).fit(X).decision_function(rows)
    alike = cosines(X.catalog.features)
    expected = [order_by_loop(own, alike, n_candidates, trade_off) for own in scores]
    assert model.predict(rows).tolist() == expected
    # The same scores, in other places.
    own = model.decision_function(rows)
    np.testing.assert_allclose(np.sort(own), np.sort(scores), rtol=1e-6)
    np.testing.assert_array_equal(np.argsort(-own, axis=1, kind="stable"), expected)


@pytest.mark.parametrize(
    "estimator",
    [EASEEstimator(regularization=1), ItemKNNEstimator(text_weight=0), PopularityEstimator()],
)
@pytest.mark.parametrize("exclude_seen", [False, True])
@pytest.mark.parametrize("block_bytes", [1, 2**24])
def test_all_answers_tell_one_order(X, estimator, exclude_seen, block_bytes, monkeypatch):
    monkeypatch.setattr(_answering, "_BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(_mmr, "_BLOCK_BYTES", block_bytes)
    params = {"trade_off": 0.6, "n_candidates": 12, "exclude_seen": exclude_seen}
    model = diverse(estimator, k=N_ITEMS, **params).fit(X)
    rows = LeaveLastOut().split(X)
    test = X[next(iter(rows))[1]]
    scores = model.decision_function(test)
    order, values = model.recommend(test)
    np.testing.assert_array_equal(values, -np.sort(-scores, axis=1))
    for k in (1, 5, 12, 13, 20):
        ids, best = model.recommend(test, k)
        is_open = best > -np.inf
        np.testing.assert_array_equal(ids[is_open], order[:, :k][is_open])
        np.testing.assert_array_equal(best, values[:, :k])
    ranks = model.target_ranks(test)
    places = (order == test.items[:, None]).argmax(axis=1)
    is_open = np.isfinite(ranks)
    assert is_open.any()
    own = np.take_along_axis(scores, test.items[:, None], axis=1)
    n_equal = (scores == own).sum(axis=1) - 1  # outside of the candidates
    assert (np.abs(ranks - places)[is_open] <= n_equal[is_open] / 2).all()
    assert model.score(test) == pytest.approx(skace.ndcg_scorer()(model, test))


def test_rules_take_a_part_of_the_order(X):
    rows = X.next_queries()
    model = diverse(k=N_ITEMS, trade_off=0.5, n_candidates=15).fit(X)
    order = model.predict(rows)
    chosen = [4, 1, 8, 15, 29, 11]
    kept = np.isin(order, chosen)
    expected = [row[mask].tolist() for row, mask in zip(order, kept, strict=True)]
    assert model.recommend(rows, candidates=chosen).to_lists() == expected
    assert model.recommend(rows, candidates=[chosen] * len(rows)).to_lists() == expected
    table = {"item_id": np.arange(N_ITEMS), "kind": np.arange(N_ITEMS) % 3}
    limited = model.recommend(rows, 6, quotas={"kind": 2}, items=pl.DataFrame(table))
    for row, found in zip(order, limited.to_lists(), strict=True):
        counts, taken = np.zeros(3, dtype=int), []
        for item in row:
            if counts[item % 3] < 2:
                taken.append(int(item))
                counts[item % 3] += 1
        assert found == taken


def test_the_estimator_alone_decides_at_trade_off_1(X):
    plain = PopularityEstimator(k=9).fit(X)
    model = diverse(PopularityEstimator(), k=9, trade_off=1).fit(X)
    np.testing.assert_array_equal(model.decision_function(X), plain.decision_function(X))
    np.testing.assert_array_equal(model.target_ranks(X), plain.target_ranks(X))


def test_empty_histories_are_answered_by_popularity(X):
    model = diverse(k=5, trade_off=0).fit(X)
    np.testing.assert_array_equal(model.decision_function([[], [1, 2]])[0], model.popularity_)


def test_equal_scores_cannot_hide_the_order():
    values = np.array([[2, 2, 2, 1, 1, -np.inf], [0, 0, 0, 0, -1, -1]], dtype=np.float32)
    fallen = _mmr._strictly_falling(values)
    assert (np.diff(fallen[:, :5], axis=1) < 0).all()
    assert (fallen[:, :5] >= values[:, :5]).all()
    assert (fallen[1, 5], fallen[0, 5]) == (np.nextafter(np.float32(-1), np.float32(0)), -np.inf)
    np.testing.assert_allclose(fallen[:, :5], values[:, :5], rtol=1e-6, atol=1e-40)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lists_get_more_diverse_as_the_trade_off_falls(X, seed):
    rows = X[np.random.default_rng(seed).permutation(len(X))[:60]]
    figures = []
    for trade_off in (1, 0.85, 0.3):
        model = diverse(k=8, trade_off=trade_off).fit(X)
        figures.append(intra_list_diversity(model.predict(rows), np.arange(30), X.catalog.features))
    assert figures[0] < figures[1] < figures[2]


def test_vectors_come_from_the_features_or_else_from_the_estimator(X):
    bare = X.with_features(None)
    of_features = diverse().fit(X)
    assert of_features.diversity_vectors_.shape == (N_ITEMS, 5)
    np.testing.assert_allclose(
        of_features.diversity_vectors_ @ of_features.diversity_vectors_.T,
        cosines(X.catalog.features),
        atol=1e-6,
    )
    for estimator in (EASEEstimator(regularization=1), ItemKNNEstimator()):
        model = diverse(estimator).fit(bare)
        own = estimator.set_params(k=1).fit(bare).item_vectors_
        own = own.toarray() if hasattr(own, "toarray") else own
        found = model.diversity_vectors_ @ model.diversity_vectors_.T
        np.testing.assert_allclose(found, cosines(own), atol=1e-5)
    blend = VotingRecommender([("ease", EASEEstimator(k=1, regularization=1))], k=9)
    model = diverse(blend, k=9, trade_off=0.1).fit(bare)
    rows = bare.next_queries()
    np.testing.assert_array_equal(model.predict(rows), blend.fit(bare).predict(rows))


def test_wide_vectors_keep_their_strongest_directions(X):
    rng = np.random.default_rng(0)
    thin = rng.standard_normal((N_ITEMS, 6))
    wide = thin @ rng.standard_normal((6, 300))
    model = diverse().fit(X.with_features(wide))
    vectors = model.diversity_vectors_
    assert vectors.shape == (N_ITEMS, N_ITEMS)
    assert model.diversity_directions_.shape == (300, N_ITEMS)
    np.testing.assert_allclose(vectors @ vectors.T, cosines(wide), atol=1e-5)


def test_new_items_join_with_their_vectors(X):
    model = diverse(k=N_ITEMS, trade_off=0.2).fit(X)
    before = model.diversity_vectors_
    ids = np.arange(N_ITEMS + 1)
    features = np.vstack([X.catalog.features, np.ones((1, 5))])
    more = Interactions([1, 1], [3, N_ITEMS], [1, 2], catalog=Catalog(ids).with_features(features))
    model = EASEEstimator(regularization=1, store_counts=True)
    model = diverse(model, k=N_ITEMS, trade_off=0.2).fit(X).partial_fit(more)
    np.testing.assert_array_equal(model.diversity_vectors_[:N_ITEMS], before)
    np.testing.assert_allclose(model.diversity_vectors_[N_ITEMS], 1 / np.sqrt(5), rtol=1e-6)
    model.partial_fit([[1, 99]])
    assert not model.diversity_vectors_[-1].any()
    with pytest.raises(ValueError, match="the item features have 2 columns, but the model was"):
        model.partial_fit(X.with_features(np.ones((N_ITEMS, 2))))


def test_pipelines_searches_and_frozen_models(X):
    rows = X.next_queries()
    ace = ACETransformer(n_components=4)
    outside = make_pipeline(ace, diverse(k=5)).fit(X)
    inside = diverse(make_pipeline(ace, EASEEstimator(regularization=1)), k=5).fit(X)
    assert outside[-1].diversity_vectors_.shape[1] == 4
    assert inside.diversity_vectors_.shape[1] == 5
    plain = EASEEstimator(k=5, regularization=1).fit(X)
    frozen = diverse(FrozenEstimator(plain), k=5).fit(X)
    np.testing.assert_array_equal(frozen.predict(rows), inside.predict(rows))
    assert frozen.estimator_.estimator is plain
    grid = {"trade_off": [0.7, 1.0], "estimator__regularization": [1.0, 10.0]}
    search = GridSearchCV(diverse(k=5), grid, cv=LeaveLastOut()).fit(X)
    assert skace.recommend(search, rows, 3).item_ids.shape == (40, 3)


def test_a_network_is_rebuilt_once(X):
    network = SASRecEstimator(embedding_dim=8, max_epochs=1, early_stopping=False, random_state=0)
    model = diverse(network, k=5, handle_unknown="ignore").fit(X.with_features(None))
    copied = pickle.loads(pickle.dumps(model))
    histories = [[1, 2], [5, 99]]
    np.testing.assert_array_equal(copied.predict(histories), model.predict(histories))
    rebuilt = copied._model()._network
    copied.predict(histories)
    assert copied._model()._network is rebuilt
    assert copied.estimator_.handle_unknown == "error"


@pytest.mark.parametrize(
    ("params", "error", "text"),
    [
        ({"trade_off": 1.5}, ValueError, "'trade_off' parameter"),
        ({"n_candidates": 0}, ValueError, "'n_candidates' parameter"),
        ({"method": "dpp"}, ValueError, "'method' parameter"),
        ({"estimator": 3}, ValueError, "'estimator' parameter"),
        ({"estimator": LogisticRegression()}, TypeError, "estimator is LogisticRegression; give"),
    ],
)
def test_bad_parameters_are_refused(X, params, error, text):
    with pytest.raises(error) as raised:
        DiversifiedRecommender(**({"estimator": EASEEstimator()} | params)).fit(X)
    assert text in str(raised.value)


def test_a_frozen_estimator_of_other_items_is_refused(X):
    frozen = FrozenEstimator(EASEEstimator(k=1).fit([[1, 2], [2, 99]]))
    with pytest.raises(ValueError, match="the frozen estimator has 3 items, which are not those"):
        diverse(frozen).fit(X)


def test_the_order_of_a_diversified_model_is_kept_by_another_that_changes_nothing():
    X = make_shop(60, 50, 400, n_features=16, random_state=0).interactions
    inner = DiversifiedRecommender(EASEEstimator(), k=5, trade_off=0.3)
    outer = DiversifiedRecommender(inner, k=5, trade_off=1.0)
    expected = inner.fit(X).decision_function(X)
    np.testing.assert_array_equal(outer.fit(X).decision_function(X), expected)
