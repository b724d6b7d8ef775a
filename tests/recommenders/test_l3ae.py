"""L3AE: the pull of the item features, by brute force, on cold items, and where it is refused."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skace import Catalog, Interactions
from skace.datasets import make_shop
from skace.recommenders import EASEEstimator, L3AEEstimator
from skace.recommenders.linear._feature_prior import feature_prior

IDS = ["ash", "bay", "cob", "dew"]
VECTORS = np.array([[1.0, 0, 0], [1, 1, 0], [0, 0, 1], [0.25, 0.25, 1]])
HISTORIES = [["ash", "bay"], ["bay", "cob", "ash"]]
NO_FEATURES = (
    "L3AEEstimator needs item features, but the catalog has none; build it with "
    "Catalog(item_ids, features), or use EASEEstimator."
)


def l3ae(**parameters):
    """L3AE in double precision, with pulls that suit a handful of users."""
    settings = {
        "k": 2,
        "regularization": 1.0,
        "alignment": 2.0,
        "feature_regularization": 0.5,
        "dtype": "float64",
    }
    return L3AEEstimator(**settings | parameters)


def rows(features=VECTORS, ids=IDS):
    """Two users; 'dew' is cold."""
    return Interactions.from_sequences(HISTORIES, catalog=Catalog(ids, features))


def similarity(features, ridge, *, is_normalized):
    """EASE of the features, with an n x n inverse."""
    if is_normalized:
        features = features / np.linalg.norm(features, axis=1, keepdims=True)
    inverse = np.linalg.inv(features @ features.T + ridge * np.eye(len(features)))
    weights = -inverse / inverse.diagonal()
    np.fill_diagonal(weights, 0)
    return weights


def expected_weights(X, read, learned, model, solve_by_columns):
    """Minimum of |Y - X B|^2 + regularization |B|^2 + alignment |B - C|^2 without a diagonal."""
    pull = similarity(
        X.catalog.features, model.feature_regularization, is_normalized=model.normalize_features
    )
    ridge = model.regularization + model.alignment
    hessian = read.T @ read + ridge * np.eye(X.n_items)
    return solve_by_columns(hessian, read.T @ learned + model.alignment * pull, equal=0.0)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    n_features=st.sampled_from([1, 3, 9]),
    feature_regularization=st.floats(0.05, 20.0),
    alignment=st.floats(0.1, 50.0),
    share=st.floats(-0.9, 2.0),
    normalize_features=st.booleans(),
)
def test_weights_minimise_error_and_distance_to_the_similarity(
    make_log, sets_of, solve_by_columns, seed, n_features, share, alignment, **parameters
):
    X = make_log(n_features=n_features, seed=seed)
    model = l3ae(regularization=share * alignment, alignment=alignment, **parameters).fit(X)
    expected = expected_weights(X, *sets_of(X), model, solve_by_columns)
    assert_allclose(model.coef_, expected, atol=1e-8)


@pytest.mark.parametrize("regularization", [-1.9, -0.5, 0.0, 3.0])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_a_negative_regularization_is_solved_and_only_rows_are_targets(
    make_log, sets_of, solve_by_columns, regularization, is_weighted
):
    X = make_log(n_users=12, longest=8, n_features=4)
    X = X[(X._ends - X._starts >= 2) & (X._ends - X._starts < 6)]
    weights = np.random.default_rng(0).uniform(0, 3, size=len(X)) if is_weighted else None
    model = l3ae(regularization=regularization).fit(X, sample_weight=weights)
    expected = expected_weights(X, *sets_of(X, weights), model, solve_by_columns)
    assert_allclose(model.coef_, expected, atol=1e-8)
    assert not model.coef_.diagonal().any()


@pytest.mark.parametrize("settings", [{}, {"solver": "local"}, {"n_neighbors": 3}])
def test_without_alignment_it_is_ease(make_log, settings):
    X = make_log(n_features=3)
    model = l3ae(alignment=0, **settings).fit(X)
    expected = EASEEstimator(k=2, regularization=1.0, dtype="float64", **settings).fit(X)
    assert_array_equal(model.decision_function(X), expected.decision_function(X))
    assert abs(model.coef_ - expected.coef_).max() == 0


def test_with_a_strong_alignment_it_is_the_similarity():
    weights = l3ae(alignment=1e9).fit(rows()).coef_
    expected = similarity(VECTORS, 0.5, is_normalized=True)
    assert_allclose(weights, expected, atol=1e-6)


@pytest.mark.parametrize("normalize_features", [False, True])
def test_lengths_of_the_features_matter_unless_they_are_normalized(normalize_features):
    models = [
        l3ae(normalize_features=normalize_features).fit(rows(scale * VECTORS)) for scale in (1, 4)
    ]
    assert np.allclose(*(model.coef_ for model in models), atol=1e-6) is normalize_features


def test_float32_is_the_default_and_near_float64(make_log):
    X = make_log(n_users=200, n_items=100, longest=20, n_features=16)
    settings = {"alignment": 20, "feature_regularization": 1, "regularization": 5}
    exact, model = l3ae(**settings).fit(X), L3AEEstimator(**settings).fit(X)
    assert model.coef_.dtype == np.float32
    assert_allclose(model.coef_, exact.coef_, atol=1e-5)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n", "d"), [(5, 2), (5, 5), (4, 9), (150, 8)])
def test_prior_adds_the_similarity_without_forming_it(n, d, seed, normalize):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, d))
    inverse = np.linalg.inv(features @ features.T + np.diag(rng.uniform(1, 2, n)))
    prior = feature_prior(features, 0.7, 3.0, normalize=normalize)
    expected = 3.0 * similarity(features, 0.7, is_normalized=normalize)
    weights = np.ones((n, n))
    prior.add_to(weights, inverse)
    assert_allclose(weights, 1 + inverse @ expected, atol=1e-9)
    some = rng.permutation(n)[:3]
    assert_allclose(prior.columns(some), expected[:, some], atol=1e-9)


@pytest.mark.parametrize("features", [np.eye(4), np.ones((4, 2)), 1e6 * np.eye(4, 6)])
def test_a_ridge_that_is_lost_in_rounding_is_refused(features):
    text = "feature_regularization=1e-20 is lost in the rounding of the item features; raise it."
    model = l3ae(feature_regularization=1e-20, normalize_features=False)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.fit(rows(features))
    assert not hasattr(model, "item_ids_")


@pytest.mark.parametrize("solver", ["exact", "local"])
def test_cold_items_are_scored_through_their_features(solver):
    model = l3ae(solver=solver).fit(rows())
    assert model.item_counts_.tolist() == [2, 2, 1, 0]
    scores = model.decision_function([["cob"], ["ash"]])
    assert np.isfinite(scores).all()
    assert scores[0, 3] == scores[0].max()  # dew resembles cob
    assert scores[0, 3] > scores[1, 3]
    assert model.predict([["cob"], ["dew"]])[:, 0].tolist() == ["dew", "cob"]


def test_without_alignment_cold_items_score_minus_infinity():
    scores = l3ae(alignment=0).fit(rows()).decision_function([["cob"]])
    assert_array_equal(np.isneginf(scores), [[False, False, False, True]])


@pytest.mark.parametrize("alignment", [0, 1])
def test_whether_cold_items_are_scored_is_that_of_the_fit(alignment):
    model = l3ae(alignment=alignment).fit(rows())
    before = model.decision_function([["cob"]])
    assert_array_equal(
        model.set_params(alignment=1 - alignment).decision_function([["cob"]]), before
    )


def test_new_items_join_with_their_features_and_old_ones_keep_theirs():
    model = l3ae().fit(rows(VECTORS[:3], IDS[:3]))
    # Another order, other vectors for the known items, and one more.
    other = Catalog(["dew", "cob", "bay"], np.array([[0, 1, 0.5], [7, 7, 7], [8, 8, 8]]))
    model.partial_fit(Interactions.from_sequences([["cob", "dew"]], catalog=other))
    assert model.item_ids_.tolist() == IDS
    assert_array_equal(model.item_features_, [*VECTORS[:3].tolist(), [0, 1, 0.5]])
    assert model.coef_.shape == (4, 4)


def test_known_items_need_no_features_in_partial_fit():
    model = l3ae().fit(rows())
    more = Interactions.from_sequences([["cob", "dew"]])
    together = Interactions.from_sequences([*HISTORIES, ["cob", "dew"]], catalog=rows().catalog)
    assert_allclose(model.partial_fit(more).coef_, l3ae().fit(together).coef_, atol=1e-12)


@pytest.mark.parametrize(
    ("features", "text"),
    [
        (None, NO_FEATURES),
        (
            sp.csr_array(VECTORS),
            "the item features are sparse; make them dense and narrow in a step before the model, "
            "for example OnItems(TruncatedSVD(2)).",
        ),
        (
            np.array(["a tree", "a bush", "corn", "water"]),
            "the item features are texts; encode them in a step before the model, with "
            "make_pipeline(TextEncoder(), model) or without a language model with "
            "make_pipeline(OnItems(make_pipeline(TfidfVectorizer(), TruncatedSVD(2))), model), or "
            "leave them out with X.with_features(None). The last step of a fitted Pipeline takes "
            "pipe[:-1].transform(X).",
        ),
    ],
    ids=["none", "sparse", "texts"],
)
def test_features_that_cannot_be_read_are_refused_before_any_work(features, text, monkeypatch):
    monkeypatch.setattr(L3AEEstimator, "_count", None)
    model = l3ae()
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.fit(rows(features))
    assert not hasattr(model, "item_ids_")


@pytest.mark.parametrize("X", [HISTORIES, Interactions.from_sequences(HISTORIES)])
def test_lists_and_rows_without_features_are_refused(X):
    with pytest.raises(ValueError, match=f"^{re.escape(NO_FEATURES)}$"):
        l3ae().fit(X)


@pytest.mark.parametrize(
    ("regularization", "alignment"), [(-2.0, 2.0), (0.0, 0.0), (-50.0, 12.5), (-1.0, 0.0)]
)
def test_pulls_whose_sum_is_not_positive_are_refused_before_any_work(
    regularization, alignment, monkeypatch
):
    monkeypatch.setattr(L3AEEstimator, "_count", None)
    text = (
        f"regularization={regularization:g} + alignment={alignment:g} must be above 0; raise one "
        "of them."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        l3ae(regularization=regularization, alignment=alignment).fit(rows())


@pytest.mark.parametrize(
    ("catalog", "text"),
    [
        (
            Catalog(["ash", "oak"], np.ones((2, 2))),
            "the item features have 2 columns, but the model was fitted on 3; transform X with "
            "the fitted transformers first.",
        ),
        (Catalog(["ash", "oak"]), NO_FEATURES),
    ],
)
def test_new_items_without_suitable_features_are_refused(catalog, text):
    model = l3ae().fit(rows())
    before = model.decision_function(HISTORIES)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.partial_fit(Interactions.from_sequences([["ash", "oak"]], catalog=catalog))
    assert_array_equal(model.decision_function(HISTORIES), before)
    assert model.item_ids_.tolist() == IDS


@pytest.mark.parametrize("n_copies", [1, 3])
def test_a_relative_feature_ridge_counts_in_mean_eigenvalues_without_the_cone(n_copies):
    rng = np.random.default_rng(0)
    features = np.tile(rng.normal([3, 0, 0, 0], size=(20, 4)), (n_copies, 1))
    rows = features / np.linalg.norm(features, axis=1, keepdims=True)
    unit = np.sum((rows - rows.mean(axis=0)) ** 2) / 4
    relative = feature_prior(features, 2.0, 3.0, normalize=True, is_relative=True)
    absolute = feature_prior(features, 2.0 * unit, 3.0, normalize=True)
    np.testing.assert_allclose(relative.smoother, absolute.smoother, rtol=1e-9)


def test_the_mode_of_the_feature_ridge_reaches_the_weights():
    X = make_shop(60, 50, 400, n_features=16, random_state=0).interactions
    absolute = L3AEEstimator(feature_regularization=1.0).fit(X)
    relative = L3AEEstimator(
        feature_regularization=1.0, feature_regularization_mode="relative"
    ).fit(X)
    assert not np.allclose(absolute.decision_function(X), relative.decision_function(X))
