"""GRAMEstimator: codes of items, growth, cold items, answers, and what it refuses."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, normalize

from skace import (
    ACETransformer,
    Catalog,
    Interactions,
    LeaveLastOut,
    VotingRecommender,
    leave_last_out,
    ndcg_scorer,
)
from skace._sklearn_compat import InvalidParameterError
from skace.datasets import make_cycle
from skace.embeddings import SemanticIdEncoder
from skace.export import export_numpy
from skace.item_tables import DualViewTable, FrozenTable, IDTable
from skace.losses import BCE, Softmax
from skace.recommenders import GRAMEstimator, MELTEstimator, SASRecEstimator
from skace.recommenders.neural import _taker_vectors

QUICK = {
    "k": 3,
    "n_layers": 1,
    "max_length": 6,
    "max_epochs": 2,
    "batch_size": 16,
    "early_stopping": False,
    "random_state": 0,
}
IDS = SemanticIdEncoder(3, n_levels=2)


@pytest.fixture(scope="module")
def X():
    """Log of 40 users over 40 items with features, three of them cold."""
    rng = np.random.default_rng(0)
    items = (rng.integers(37, size=(40, 1)) + np.arange(6) + rng.integers(3, size=(40, 6))) % 37
    catalog = Catalog(np.arange(40), rng.standard_normal((40, 8)))
    return Interactions(np.repeat(np.arange(40), 6), items.ravel(), catalog=catalog)


@pytest.fixture(scope="module")
def model(X):
    return GRAMEstimator(semantic_ids=IDS, **QUICK).fit(X)


def test_codes_are_those_of_the_transformer(X, model):
    codes = model.semantic_ids_.transform(X.catalog.features)
    assert_array_equal(model.item_codes_, codes)
    assert model.item_codes_.dtype == np.int64
    assert model.node_vectors_.shape == (model.n_nodes_, 8)
    assert model.node_codes_.shape == (model.n_nodes_, 2)
    assert model.node_parents_[0] == -1
    assert (model.node_parents_[1:] >= 0).all()
    assert IDS.random_state is None
    assert not hasattr(IDS, "n_features_in_")


@pytest.mark.parametrize("node_scores", ["vectors", "items"])
def test_scores_are_logarithms_of_probabilities(X, node_scores):
    model = GRAMEstimator(semantic_ids=IDS, node_scores=node_scores, **QUICK).fit(X)
    scores = model.decision_function(X.next_queries())
    assert_allclose(np.exp(scores[:, ~model.is_cold_]).sum(axis=1), 1, atol=1e-5)


def test_few_candidates_get_the_scores_of_all(X, model, monkeypatch):
    monkeypatch.setattr("skace.recommenders.neural._gram._BLOCK_SCORES", 100)
    queries = X.next_queries()
    whole = model.decision_function(queries)
    ids, scores = model.recommend(queries, k=4, candidates=model.item_ids_[5:9])
    columns = np.searchsorted(model.item_ids_, ids)
    assert_array_equal(model.item_ids_[columns], ids)
    assert_allclose(scores, np.take_along_axis(whole, columns, axis=1), atol=1e-5)


def test_states_are_no_vectors_for_an_index(X, model):
    assert not hasattr(model, "encode")
    assert model.item_vectors_.shape == (X.n_items, 8)


def test_paths(model):
    frame = model.paths(model.item_ids_[[3, 1]])
    assert frame.columns.tolist() == ["item_id", "code_0", "code_1", "n_steps"]
    assert frame["item_id"].tolist() == model.item_ids_[[3, 1]].tolist()
    assert_array_equal(frame[["code_0", "code_1"]].to_numpy(), model.item_codes_[[3, 1]])
    assert len(model.paths()) == model.item_ids_.size
    assert frame["n_steps"].between(1, 3).all()


def test_paths_of_unknown_items_are_refused(model):
    ids = np.append(model.item_ids_[:1], model.item_ids_.max() + 1)
    with pytest.raises(
        ValueError, match=r"items holds 1 item id\(s\) that the model does not know"
    ):
        model.paths(ids)


TRANSFORMERS = {
    "default": None,
    "residual": SemanticIdEncoder(4, method="residual"),
    "pipeline": make_pipeline(ACETransformer(4), SemanticIdEncoder(3)),
    "bins": KBinsDiscretizer(3, encode="ordinal", strategy="uniform"),
    "frame": SemanticIdEncoder(3).set_output(transform="pandas"),
}


@pytest.mark.parametrize("node_scores", ["vectors", "items"])
@pytest.mark.parametrize("ids", TRANSFORMERS.values(), ids=TRANSFORMERS)
def test_any_transformer_to_whole_numbers_will_do(X, ids, node_scores):
    make = partial(GRAMEstimator, semantic_ids=ids, node_scores=node_scores, **QUICK)
    fits = [make().fit(X) for _ in range(2)]
    scores = [fitted.decision_function(X) for fitted in fits]
    assert_array_equal(*scores)
    assert fits[0].n_nodes_ > 1
    p = np.exp(fits[0].decision_function(X.next_queries()))
    assert_allclose(p[:, ~fits[0].is_cold_].sum(axis=1), 1, atol=1e-5)
    opened = pickle.loads(pickle.dumps(fits[0]))
    assert_array_equal(opened.decision_function(X), scores[0])
    assert opened.partial_fit(X[:10]).n_iter_ == 1


def two_crowds():
    """Even users take even items and odd users odd ones, which the features do not tell apart."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(30), 6)
    items = 2 * rng.integers(10, size=users.size) + users % 2
    features = rng.standard_normal((20, 4)) * 0.01 + 1
    return users, items, Catalog(np.arange(20), features)


BOTH = {**QUICK, "ids_from": "both", "semantic_ids": SemanticIdEncoder(2, n_levels=1)}


def test_ids_from_both_know_who_took_an_item():
    users, items, catalog = two_crowds()
    model = GRAMEstimator(**BOTH).fit(Interactions(users, items, catalog=catalog))
    codes = model.item_codes_.ravel()
    assert_array_equal(codes, np.where(np.arange(20) % 2, codes[1], codes[0]))
    assert codes[0] != codes[1]
    assert model.n_taker_columns_ == model.semantic_ids_.n_features_in_ - 4 == 20
    again = GRAMEstimator(**BOTH).fit(Interactions(users, items, catalog=catalog))
    assert_array_equal(again.item_codes_, model.item_codes_)


def test_what_ids_from_both_are_made_of(monkeypatch):
    users, items, catalog = two_crowds()
    monkeypatch.setattr(_taker_vectors, "_WIDTH", 5)
    given = []

    def keep(features):
        given.append(features)
        return np.zeros((len(features), 1), dtype=int)

    model = GRAMEstimator(**BOTH | {"semantic_ids": FunctionTransformer(keep)})
    model.fit(Interactions(users, items, catalog=catalog))
    counts = np.zeros((20, 30))
    np.add.at(counts, (items, users), 1)
    left, spread, _ = np.linalg.svd(normalize(counts), full_matrices=False)
    takers = normalize(left[:, :5] * spread[:5])
    # Directions have no sign, so products of items are compared.
    texts = normalize(catalog.features)
    assert_allclose(given[-1] @ given[-1].T, texts @ texts.T + takers @ takers.T, atol=5e-3)
    assert_allclose(given[-1][:, :4], texts, atol=1e-6)
    assert model.n_taker_columns_ == 5


def test_ids_from_both_draw_from_no_global_generator():
    users, items, catalog = two_crowds()
    X = Interactions(users, items, catalog=catalog)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    several = BOTH | {"semantic_ids": SemanticIdEncoder(8, n_levels=1)}
    found = [GRAMEstimator(**several).fit(X).item_codes_ for _ in range(2)]
    assert_array_equal(*found)
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("n_rows", [1, 5])
def test_one_user_is_enough_for_ids_from_both(n_rows):
    _, _, catalog = two_crowds()
    X = Interactions(np.zeros(5, dtype=int), [0, 1, 2, 1, 3], catalog=catalog)
    model = GRAMEstimator(**BOTH).fit(X[5 - n_rows :])
    assert model.n_taker_columns_ == 1
    assert np.isfinite(model.decision_function(X.next_queries())).any()


def test_frozen_codes_do_not_go_with_ids_from_both(X):
    ids = FrozenEstimator(SemanticIdEncoder(5).fit(X.catalog.features))
    with pytest.raises(ValueError, match="semantic_ids is frozen, but ids_from='both'"):
        GRAMEstimator(**BOTH | {"semantic_ids": ids}).fit(X)


def test_ids_from_both_read_nothing_but_the_rows_that_are_learned():
    users, items, catalog = two_crowds()
    others = items.copy()
    others[5::6] = np.random.default_rng(1).integers(20, size=30)  # each user's last item
    logs = [Interactions(users, one, catalog=catalog) for one in (items, others)]
    several = BOTH | {"semantic_ids": SemanticIdEncoder(8, n_levels=1)}

    def codes(X, sample_weight=None, **options):
        model = GRAMEstimator(**{**several, **options})
        return model.fit(X, sample_weight=sample_weight).item_codes_

    assert (codes(logs[0]) != codes(logs[1])).any()
    assert_array_equal(*(codes(leave_last_out(X)[0]) for X in logs))
    watching = {"early_stopping": True, "validation_fraction": 1.0, "max_epochs": 1}
    assert_array_equal(*(codes(X, **watching) for X in logs))
    is_last = np.arange(users.size) % 6 == 5
    assert_array_equal(*(codes(X, np.where(is_last, 0.0, 1.0)) for X in logs))


@pytest.mark.filterwarnings("ignore::skace.exceptions.FutureLeakageWarning")
def test_new_items_get_ids_from_both():
    users, items, catalog = two_crowds()
    # Codes tell from how many directions of takers a vector is.
    ids = FunctionTransformer(lambda rows: (rows[:, 4:] != 0).sum(axis=1)[:, None])
    model = GRAMEstimator(**BOTH | {"semantic_ids": ids})
    model.fit(Interactions(users, items, catalog=catalog))
    grown = Catalog(np.arange(22), np.vstack([catalog.features, np.ones((2, 4))]))
    before = model.item_codes_
    model.partial_fit(Interactions([0, 0, 1, 1], [1, 20, 2, 20], catalog=grown))
    assert_array_equal(model.item_codes_[:20], before)
    assert (before > 0).all()
    assert_array_equal(model.item_codes_[20:], 0)


def test_frozen_codes_are_taken_as_they_are(X):
    fitted = SemanticIdEncoder(5, random_state=3).fit(X.catalog.features)
    model = GRAMEstimator(semantic_ids=FrozenEstimator(fitted), **QUICK).fit(X)
    assert_array_equal(model.item_codes_, fitted.transform(X.catalog.features))


def test_a_permuted_catalog_gives_the_same_tree_and_loss(X, model):
    order = np.random.default_rng(0).permutation(X.n_items)
    catalog = Catalog(X.catalog.item_ids[order], X.catalog.features[order])
    other = Interactions(X.users, X.items, X.timestamps, catalog=catalog)
    found = GRAMEstimator(semantic_ids=IDS, **QUICK).fit(other)
    assert_array_equal(
        found.item_codes_[np.argsort(found.item_ids_)],
        model.item_codes_[np.argsort(model.item_ids_)],
    )
    assert_allclose(found.loss_curve_, model.loss_curve_, rtol=1e-3)


def test_late_fusion_reads_the_nodes_as_well(X, model):
    late = GRAMEstimator(semantic_ids=IDS, fusion="late", **QUICK).fit(X)
    has = {name.split(".")[0] for name in late.encoder_state_}
    assert has == {"fine", "coarse", "mix", "decoder", "node_vectors"}
    assert late.loss_curve_ != model.loss_curve_
    scores = late.decision_function(X)
    assert_allclose(
        np.exp(scores[:, ~late.is_cold_]).sum(axis=1)[X._starts < X._ends], 1, atol=1e-5
    )
    assert late._foresight() is None


@pytest.mark.parametrize("fusion", ["fine", "late"])
def test_unknown_items_of_a_history_are_read_by_their_features(X, fusion):
    model = GRAMEstimator(semantic_ids=IDS, fusion=fusion, **QUICK).fit(X)
    catalog = Catalog(
        np.append(X.catalog.item_ids, X.catalog.item_ids.max() + 1),
        np.concatenate([X.catalog.features, X.catalog.features[:1]]),
    )
    new = catalog.item_ids[-1]
    queries = Interactions([0, 0], [new, X.catalog.item_ids[4]], catalog=catalog).next_queries()
    assert np.isfinite(model.decision_function(queries)).all()


def test_the_free_table_takes_codes_from_the_features(X):
    model = GRAMEstimator(semantic_ids=IDS, item_table=IDTable(), embedding_dim=12, **QUICK).fit(X)
    assert model.node_vectors_.shape == (model.n_nodes_, 12)
    assert np.isneginf(model.decision_function(X.next_queries())[:, model.is_cold_]).all()


# Codes that a test can write down: the last column of the features.


def last_column(features):
    """Codes that are written into the features."""
    return features[:, -1:]


def coded_log(codes, items, n_features=4):
    """Three users who take these items in turn; the last feature of each item is its code."""
    features = np.random.default_rng(1).standard_normal((len(codes), n_features))
    features[:, -1] = codes
    users, steps = np.repeat([0, 1, 2], len(items)), np.tile(np.arange(len(items)), 3)
    catalog = Catalog(np.arange(len(codes)), features)
    return Interactions(users, np.tile(items, 3), steps, catalog=catalog)


CODED = {**QUICK, "semantic_ids": FunctionTransformer(last_column), "n_heads": 1}
FIRST_CODES = [0, 0, 1, 2, 2, 2]


def test_a_new_item_beside_a_single_one_makes_a_node():
    items = np.arange(6)
    model = GRAMEstimator(**CODED).fit(coded_log(FIRST_CODES, items))
    before, vectors = model.node_codes_, model.item_vectors_
    assert before.ravel().tolist() == [-1, 0, 2]
    X = coded_log([*FIRST_CODES, 1, 3], [6, 7, 6])
    model.set_params(learning_rate=1e-12)  # what stands there after it is where it started
    model.partial_fit(X)
    assert model.item_codes_.ravel().tolist() == [*FIRST_CODES, 1, 3]
    assert model.node_codes_.ravel().tolist() == [-1, 0, 2, 1]
    assert model.paths([2, 6, 7])["n_steps"].tolist() == [2, 2, 1]
    together = (vectors[2] + model.item_vectors_[6]) / 2
    assert_allclose(model.node_vectors_[3], together, atol=1e-6)
    scores = model.decision_function([[1, 2]])
    assert_allclose(np.exp(scores[:, ~model.is_cold_]).sum(), 1, atol=1e-5)


def test_a_cold_item_ranks_beside_the_warm_one_that_it_is_like():
    X = coded_log([0, 0, 1, 1, 1, 2, 1], np.arange(6))
    features = X.catalog.features.copy()
    features[6] = features[3]
    X = X.with_features(features)
    model = GRAMEstimator(**CODED, item_table=FrozenTable(), cold_share=0).fit(X)
    assert model.is_cold_.tolist() == [False] * 6 + [True]
    scores = model.decision_function(X)[X._starts < X._ends]
    assert_allclose(scores[:, 6], scores[:, 3], atol=1e-5)


def test_the_share_of_cold_items_is_read_by_predictions_alone():
    X = coded_log([0, 0, 1, 1, 1, 2, 1, 3], np.arange(6))
    models = [GRAMEstimator(**CODED, cold_share=share).fit(X) for share in (0, 0.5)]
    scores = [model.decision_function([[1, 2]])[0] for model in models]
    assert_array_equal(scores[0][:6], scores[1][:6])
    p = np.exp(scores)
    assert_allclose(p[1, 6] - p[0, 6], 0.5 * p[0, 2:5].mean(), rtol=1e-4)
    assert_array_equal(p[0, 7], p[1, 7])  # it hangs from the root
    models[0].set_params(cold_share=0.5)
    assert_array_equal(models[0].decision_function([[1, 2]])[0], scores[1])
    state = models[0].__getstate__()
    for name in ("cold_share", "ids_from", "n_taker_columns_"):
        del state[name]
    del state["architecture_"]["ids_from"]
    opened = GRAMEstimator()
    opened.__setstate__(state)  # of a file that was written before there was such a share
    assert_array_equal(opened.decision_function([[1, 2]])[0], scores[0])


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), None])
def test_what_is_no_share_is_refused(X, model, tmp_path, share):
    refused = partial(pytest.raises, ValueError, match="'cold_share' parameter of GRAMEstimator")
    with refused():
        GRAMEstimator(semantic_ids=IDS, **QUICK, cold_share=share).fit(X)
    changed = pickle.loads(pickle.dumps(model)).set_params(cold_share=share)
    with refused():
        changed.predict(X)
    with refused():
        export_numpy(changed, tmp_path / "model.npz")


@pytest.mark.filterwarnings("ignore:SemanticIdEncoder:UserWarning")
def test_more_epochs_go_on_from_the_fit(X):
    model = GRAMEstimator(semantic_ids=IDS, warm_start=True, **QUICK).fit(X)
    codes, loss = model.item_codes_, model.loss_curve_
    model.fit(X)
    assert_array_equal(model.item_codes_, codes)
    assert model.loss_curve_[0] < loss[0]


def test_a_search_reaches_the_codes(X):
    pipe = Pipeline([("ace", ACETransformer(4)), ("rec", GRAMEstimator(semantic_ids=IDS, **QUICK))])
    grid = {"rec__semantic_ids__n_clusters": [2, 6]}
    search = GridSearchCV(pipe, grid, cv=LeaveLastOut(), scoring=ndcg_scorer(k=10)).fit(X)
    assert search.best_estimator_["rec"].semantic_ids_.n_clusters in (2, 6)
    assert IDS.n_clusters == 3


def test_a_blend_with_sasrec(X):
    members = [
        ("gram", GRAMEstimator(semantic_ids=IDS, **QUICK)),
        ("sasrec", SASRecEstimator(**QUICK)),
    ]
    blend = VotingRecommender(members, k=3).fit(X)
    assert blend.predict(X.next_queries()).shape == (X.n_users, 3)


def floats(features):
    return features[:, :2] * 0.37


def below_zero(features):
    return np.full((len(features), 1), -1)


def words(features):
    return np.full((len(features), 1), "nail")


def flat(features):
    return np.zeros(len(features), dtype=int)


REFUSED = {
    "floats": ({"semantic_ids": FunctionTransformer(floats)}, "codes are whole numbers from 0"),
    "pca": ({"semantic_ids": PCA(2)}, "semantic_ids=PCA returned .* for item 0, column 0"),
    "below zero": ({"semantic_ids": FunctionTransformer(below_zero)}, "returned -1 for item 0"),
    "words": ({"semantic_ids": FunctionTransformer(words)}, "returned <U4; codes are whole"),
    "one axis": (
        {"semantic_ids": FunctionTransformer(flat)},
        r"returned ndarray of shape \(40,\) for 40 items",
    ),
    "loss": ({"loss": BCE()}, "compares all children of a node; set loss=None"),
    "parts": (
        {"fusion": "late", "item_table": DualViewTable(), "embedding_dim": 8},
        "fusion='late' does not go with item_table=DualViewTable",
    ),
}


@pytest.mark.parametrize(("parameters", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_go_is_refused(X, parameters, message):
    with pytest.raises(ValueError, match=message):
        GRAMEstimator(**QUICK).set_params(**parameters).fit(X)


def test_dual_views_are_read_in_their_parts(X):
    options = QUICK | {"item_table": DualViewTable(), "embedding_dim": 8}
    model = GRAMEstimator(semantic_ids=IDS, **options).fit(X)
    assert model.node_vectors_.shape == (model.n_nodes_, 8)
    assert np.isfinite(model.decision_function(X)).all()


def test_the_full_softmax_may_be_named(X, model):
    named = GRAMEstimator(semantic_ids=IDS, loss=Softmax(), **QUICK).fit(X)
    assert_array_equal(named.item_vectors_, model.item_vectors_)


def test_a_catalog_without_features_is_refused(X):
    bare = X.with_features(None)
    with pytest.raises(ValueError, match="the catalog has no item features, but GRAMEstimator"):
        GRAMEstimator(**QUICK).fit(bare)
    with pytest.raises(ValueError, match="no item features, but GRAMEstimator"):
        GRAMEstimator(**QUICK, item_table=IDTable()).fit(bare)


class Shrinking(FunctionTransformer):
    """Another number of columns for few rows."""

    def transform(self, features):
        return np.zeros((len(features), 1 + (len(features) > 3)), dtype=int)


def test_another_number_of_columns_for_new_items_is_refused_before_work():
    parameters = CODED | {"semantic_ids": Shrinking()}
    model = GRAMEstimator(**parameters).fit(coded_log(FIRST_CODES, np.arange(6)))
    scores = model.decision_function([[1, 2]])
    grown = coded_log([*FIRST_CODES, 1], [6, 6])
    with pytest.raises(ValueError, match=r"returned 1 columns for new items, but .* have 2"):
        model.partial_fit(grown)
    assert_array_equal(model.decision_function([[1, 2]]), scores)


CHANGES = {
    "n_clusters": ({"semantic_ids__n_clusters": 5}, "semantic_ids__n_clusters=5"),
    "class": ({"semantic_ids": PCA(2)}, r"semantic_ids=PCA\(n_components=2\)"),
    "default": ({"semantic_ids": None}, "semantic_ids__n_levels=1"),
    "ids from": ({"ids_from": "both"}, "ids_from='both'"),
    "fusion": ({"fusion": "late"}, "fusion='late'"),
    "node scores": ({"node_scores": "vectors"}, "node_scores='vectors'"),
}


@pytest.mark.parametrize(("changes", "message"), CHANGES.values(), ids=CHANGES)
def test_another_tree_is_not_trained_on(X, changes, message):
    ids = SemanticIdEncoder(3, n_levels=2)
    model = GRAMEstimator(semantic_ids=ids, warm_start=True, **QUICK).fit(X)
    with pytest.raises(ValueError, match=message):
        model.set_params(**changes).fit(X)


def test_what_is_no_object_is_refused(X):
    with pytest.raises(InvalidParameterError, match="semantic_ids is the class SemanticIdEncoder"):
        GRAMEstimator(semantic_ids=SemanticIdEncoder).fit(X)
    with pytest.raises(ValueError, match="semantic_ids__n_clusters cannot be set"):
        GRAMEstimator().set_params(semantic_ids__n_clusters=3)


def test_melt_does_not_take_it_for_its_backbone(X):
    with pytest.raises(ValueError, match="estimator is GRAMEstimator, but MELTEstimator needs"):
        MELTEstimator(GRAMEstimator()).fit(X)


@pytest.mark.learns
def test_the_next_item_of_a_ring():
    X = make_cycle(n_users=200, n_items=12, length=8, n_features=16, random_state=0)
    options = {**QUICK, "k": 1, "learning_rate": 0.02, "batch_size": 32, "max_epochs": 10}
    model = GRAMEstimator(semantic_ids=SemanticIdEncoder(4), **options).fit(X)
    assert model.score(X) > 0.85
    assert model.predict([[2, 3, 4]]).ravel().tolist() == [5]


@pytest.mark.learns
@pytest.mark.minutes
def test_what_only_groups_tell_is_known_of_groups_only():
    """The next group is certain, the item in it is drawn: the loss is that of the draw."""
    n_groups, size, n_users, length = 4, 5, 1000, 10
    rng = np.random.default_rng(0)
    groups = (rng.integers(n_groups, size=(n_users, 1)) + np.arange(length)) % n_groups
    items = groups * size + rng.integers(size, size=groups.shape)
    codes = np.repeat(np.arange(n_groups), size)
    features = rng.standard_normal((codes.size, 16))
    features[:, -1] = codes
    catalog = Catalog(np.arange(codes.size), features)
    users = np.repeat(np.arange(n_users), length)
    X = Interactions(users, items.ravel(), catalog=catalog)
    options = {**CODED, "max_length": 10, "n_heads": 2, "learning_rate": 0.003, "max_epochs": 12}
    model = GRAMEstimator(**options, dropout=0.2).fit(X)
    scores = model.decision_function(X)[X._starts < X._ends]
    targets = X._item_codes[X._starts < X._ends]
    assert -scores[np.arange(len(targets)), targets].mean() == pytest.approx(np.log(size), abs=0.02)
    p = np.exp(scores).reshape(len(scores), n_groups, size)
    own = p[np.arange(len(p)), targets // size]
    assert own.sum(axis=1).mean() > 0.99
