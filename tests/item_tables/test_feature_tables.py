"""What holds for every table beyond its own idea: fits, files, growth, unknown items."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import pickle
import re

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from skace import Catalog, Interactions, LeaveLastOut, SASRecEstimator, ndcg_scorer
from skace.item_tables import (
    AlignedAdapter,
    DualViewTable,
    FrozenTable,
    IDTable,
    MLPAdapter,
    NullSpaceTable,
    SpectralAdapter,
)
from skace.testing import check_sequential_recommender
from skace.testing._data import make_check_data

# Tables, and the names of what training moves in them.
HEAD = {"head.0.weight", "head.0.bias", "head.2.weight", "head.2.bias"}
LINEAR = {"head.0.weight", "head.0.bias", "head.1.weight", "head.1.bias"}
ATTENTION = {
    f"to_{view}.{layer}.{part}"
    for view in ("collaborative", "semantic")
    for layer in ("query", "key", "value", "mix_heads")
    for part in ("weight", "bias")
}
VIEWS = {"collaborative.own.weight"} | {f"semantic.{name}" for name in LINEAR} | ATTENTION
SPECTRAL = {"queries", "keys", "log_threshold", "coefficients"}
TRAINED = {
    "id": (IDTable(), {"weight"}),
    "mlp": (MLPAdapter(), HEAD),
    "two views": (MLPAdapter(views=2), HEAD),
    "null space": (NullSpaceTable(id_dim=3), {"own.weight"}),
    "cover": (NullSpaceTable(id_dim=3, cover=True, id_init="normal"), {"own.weight"}),
    "spectral": (
        SpectralAdapter(inner_dim=6),
        {"own.weight"} | {f"source.{name}" for name in SPECTRAL},
    ),
    "spectral alone": (SpectralAdapter(inner_dim=6, id_init=None), SPECTRAL),
    "aligned": (AlignedAdapter(inner_dim=6), LINEAR),
    "aligned and ids": (
        AlignedAdapter(inner_dim=6, id_init="zeros"),
        {"own.weight"} | {f"source.{name}" for name in LINEAR},
    ),
    "dual view": (DualViewTable(), {"places"} | VIEWS),
    "dual view as published": (DualViewTable(residual=False, positions=False), VIEWS),
}
NEEDS_FEATURES = [name for name in TRAINED if name != "id"]


@pytest.fixture(scope="session")
def reference(tiny_shop):
    """A fitted recommender of item ids, frozen."""
    model = SASRecEstimator(
        item_table=IDTable(init_std=0.5),
        embedding_dim=8,
        n_heads=1,
        max_epochs=1,
        early_stopping=False,
        random_state=1,
    )
    return FrozenEstimator(model.fit(tiny_shop))


@pytest.fixture
def table(request, reference):
    """A table by its name above."""
    table = clone(TRAINED[request.param][0])
    is_aligned = isinstance(table, AlignedAdapter)
    return table.set_params(reference=reference) if is_aligned else table


every_table = pytest.mark.parametrize("table", TRAINED, indirect=True)
every_feature_table = pytest.mark.parametrize("table", NEEDS_FEATURES, indirect=True)


def with_twin(X):
    """Catalog with one more item, 'twin' of the first, and its id."""
    ids, vectors = X.catalog.item_ids, X.catalog.features
    return Catalog(np.append(ids, 999_999), np.concatenate([vectors, vectors[:1]]))


@pytest.mark.minutes
@every_table
def test_the_loss_falls(quick_fit, table, training_seed, margin):
    own = {"learning_rate": 0.01, "dropout": 0.0, "max_epochs": 14, "random_state": training_seed}
    curve = quick_fit(table, **own).loss_curve_
    margin(curve[-1] / curve[0], below=1)


@every_table
def test_a_fit_repeats_and_answers_the_same_after_pickling(tiny_shop, quick_fit, table):
    model, again = quick_fit(table), quick_fit(clone(table))
    assert model.loss_curve_ == again.loss_curve_
    restored = pickle.loads(pickle.dumps(model))
    scores = model.decision_function(tiny_shop)
    np.testing.assert_array_equal(restored.decision_function(tiny_shop), scores)
    np.testing.assert_array_equal(restored.item_vectors_, model.item_vectors_)
    assert all(type(value) is np.ndarray for value in model.item_table_state_.values())


@every_table
def test_a_restored_model_goes_on_as_the_original_does(tiny_shop, quick_fit, table):
    model = quick_fit(table)
    restored = pickle.loads(pickle.dumps(model))
    rows = tiny_shop[:50]
    np.testing.assert_array_equal(
        restored.partial_fit(rows).item_vectors_, model.partial_fit(rows).item_vectors_
    )


@pytest.mark.parametrize(
    ("table", "names"), [(name, TRAINED[name][1]) for name in TRAINED], indirect=["table"]
)
def test_training_moves_what_is_said_to_be_trained_and_nothing_else(quick_fit, table, names):
    start = quick_fit(table, learning_rate=1e-30, max_epochs=1).item_table_state_
    state = quick_fit(table, learning_rate=0.01).item_table_state_
    moved = {name for name in state if not np.array_equal(state[name], start[name])}
    # A constant on all keys does not change a softmax, so that their bias moves by rounding.
    assert moved | {name for name in names if name.endswith("key.bias")} == names


@every_feature_table
def test_unknown_items_are_embedded_like_their_twins(tiny_shop, quick_fit, table):
    model = quick_fit(table)
    catalog = with_twin(tiny_shop)
    first = catalog.item_ids[0]
    known, twin = (
        Interactions([1, 1, 1], [10_005, item, 10_007], [1, 2, 3], catalog=catalog)
        for item in (first, 999_999)
    )
    difference = np.abs(model.encode(known[2:]) - model.encode(twin[2:])).max()
    # Where an item has trained numbers of its own, its twin lacks them.
    has_own = isinstance(table, (NullSpaceTable, DualViewTable))
    has_own |= getattr(table, "id_init", None) is not None
    assert difference > 1e-4 if has_own else difference < 1e-5


@every_feature_table
def test_items_that_join_later_are_mapped_as_the_first_were(tiny_shop, quick_fit, table):
    model = quick_fit(table)
    before = model.item_vectors_.copy()
    catalog = with_twin(tiny_shop)
    rows = Interactions([1, 1], [10_005, 10_007], [1, 2], catalog=catalog)
    model.set_params(learning_rate=1e-30).partial_fit(rows[1:])
    np.testing.assert_allclose(model.item_vectors_[:-1], before, atol=1e-6)
    features = np.asarray(catalog.features[-1:], dtype=np.float32)
    fresh = model._fitted_network().items.embed(torch.from_numpy(features)).detach().numpy()
    np.testing.assert_allclose(model.item_vectors_[-1:], fresh, atol=1e-6)


@every_feature_table
def test_cold_items_keep_what_the_features_say(tiny_shop, quick_fit, table):
    X = Interactions(
        tiny_shop.users, tiny_shop.items, tiny_shop.timestamps, catalog=with_twin(tiny_shop)
    )
    model = quick_fit(table, X=X, learning_rate=0.05)
    assert model.is_cold_[-1]
    features = torch.from_numpy(np.asarray(X.catalog.features[-1:], dtype=np.float32))
    expected = model._fitted_network().items.embed(features).detach().numpy()
    np.testing.assert_allclose(model.item_vectors_[-1:], expected, atol=1e-6)
    assert np.isfinite(model.decision_function(X)[:, -1]).all()


@every_feature_table
@pytest.mark.parametrize("n_items", [5, 30])
@pytest.mark.parametrize("kind", ["zero", "rank one", "full rank"])
def test_shapes_follow_from_the_sizes_alone(build, features, table, n_items, kind):
    features = features[:n_items]
    degenerate = {"zero": 0 * features, "rank one": features[:1].repeat(n_items, 0)}
    ids = {"item_ids": table.reference.item_ids_[:n_items]} if table.needs_item_ids else {}
    expected = build(table, features, **ids).state_dict()
    found = build(table, degenerate.get(kind, features), **ids).state_dict()
    assert {name: value.shape for name, value in found.items()} == {
        name: value.shape for name, value in expected.items()
    }
    assert all(torch.isfinite(value).all() for value in found.values())


@every_feature_table
def test_the_table_starts_at_the_scale_asked_for(build, features, table):
    ids = {"item_ids": table.reference.item_ids_[:30]} if table.needs_item_ids else {}
    start, larger = (
        build(clone(table).set_params(scale=scale), features, **ids)().detach()
        for scale in (0.1, 0.3)
    )
    # The mixture of the spectral adapter comes on top, and the mean of centred ones is free.
    assert start.std().item() == pytest.approx(0.1, rel=0.1)
    assert larger.std().item() == pytest.approx(0.3, rel=0.1)


@every_feature_table
def test_tables_that_need_features_say_so(table):
    text = (
        f"{type(table).__name__} needs item features, but the catalog has none; build it with "
        "Catalog(item_ids, features), or use TrainableTable()."
    )
    model = SASRecEstimator(item_table=table, k=1, early_stopping=False)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.fit([["a", "b"], ["b", "a"]])


@every_table
@pytest.mark.parametrize(("embedding_dim", "width"), [(None, 128), (32, 32)])
def test_the_width_is_what_was_asked_for(table, embedding_dim, width):
    table = copy.copy(table)
    if isinstance(table, AlignedAdapter):
        table.alpha = 0
    assert table.width(512, embedding_dim) == width


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (IDTable(init_std=-1), "The 'init_std' parameter of IDTable must be a float in the range"),
        (MLPAdapter(ratio=0), "The 'ratio' parameter of MLPAdapter must be a float in the range"),
        (MLPAdapter(scale=0), "The 'scale' parameter of MLPAdapter must be a float in the range"),
        (
            MLPAdapter(activation="tanh"),
            "The 'activation' parameter of MLPAdapter must be a str among",
        ),
        (
            NullSpaceTable(id_init="ones"),
            "The 'id_init' parameter of NullSpaceTable must be a str among",
        ),
        (
            NullSpaceTable(scale=None),
            "The 'scale' parameter of NullSpaceTable must be a float in the range",
        ),
        (
            SpectralAdapter(n_terms=0),
            "The 'n_terms' parameter of SpectralAdapter must be an int in the range",
        ),
        (
            AlignedAdapter(reference="model"),
            "The 'reference' parameter of AlignedAdapter must be an object implementing",
        ),
        (
            DualViewTable(cold_items="none"),
            "The 'cold_items' parameter of DualViewTable must be a str among",
        ),
    ],
    ids=repr,
)
def test_bad_parameters_are_refused_before_any_work(tiny_shop, table, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        SASRecEstimator(item_table=table).fit(tiny_shop)


@every_table
def test_clones_have_the_same_parameters_and_nothing_else(quick_fit, table):
    quick_fit(table)
    assert vars(clone(table)).keys() == vars(table).keys() == table.get_params(deep=False).keys()
    assert repr(clone(table)) == repr(table)


def test_a_grid_reaches_every_table_and_its_parameters(tiny_shop, reference):
    model = SASRecEstimator(
        k=2, embedding_dim=8, n_layers=1, n_heads=1, max_epochs=1, random_state=0
    ).set_params(early_stopping=False)
    grid = [
        {"item_table": [MLPAdapter()], "item_table__ratio": [0.5, 1.0]},
        {"item_table": [NullSpaceTable()], "item_table__id_dim": [2, 4]},
        {"item_table": [SpectralAdapter(inner_dim=4)], "item_table__alpha": [0, 10.0]},
        {"item_table": [AlignedAdapter(reference=reference)], "item_table__alpha": [0.0, 1.0]},
        {"item_table": [IDTable(), FrozenTable(), DualViewTable()], "embedding_dim": [16]},
    ]
    search = GridSearchCV(
        model, grid, cv=LeaveLastOut(), scoring=ndcg_scorer(), error_score="raise"
    ).fit(tiny_shop)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert len(set(scores.tolist())) > 6  # the parameters matter


NEEDS_VECTORS = "It needs item features, which the log of this check does not have."
EXPECTED = dict.fromkeys(
    ["check_fit_accepts_frames", "check_fit_accepts_lists", "check_fit_appends_y_to_lists"],
    NEEDS_VECTORS,
)


@pytest.mark.minutes
@every_table
def test_a_recommender_with_any_table_keeps_the_contract(table):
    sizes = {"n_layers": 1, "n_heads": 1, "max_epochs": 2, "batch_size": 16, "max_length": 6}
    model = SASRecEstimator(2, embedding_dim=8, random_state=0, **sizes)
    expected = {} if isinstance(table, IDTable) else dict(EXPECTED)
    if isinstance(table, AlignedAdapter):
        known = clone(model).set_params(item_table=IDTable(), early_stopping=False)
        known.fit(make_check_data().X_train)
        table.set_params(reference=FrozenEstimator(known), alpha=1.0)
        expected["check_integer_ids"] = "The reference knows the items by other ids."
    report = check_sequential_recommender(
        model.set_params(item_table=table), expected_failed_checks=expected
    )
    assert report.names("failed") == []
