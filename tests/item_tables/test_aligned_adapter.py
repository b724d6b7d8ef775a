"""AlignedAdapter: what a reference may be, how items are matched, and that alpha matters."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skace import ACETransformer, Catalog, EASEEstimator, Interactions, SASRecEstimator
from skace._torch.tables import _alignment
from skace.item_tables import AlignedAdapter, IDTable


@pytest.fixture
def ids_model(quick_fit):
    return quick_fit(IDTable(init_std=0.5), random_state=1)


def aligned(model, **parameters):
    return AlignedAdapter(reference=FrozenEstimator(model), inner_dim=8, **parameters)


def similarity(own, reference):
    """Correlation of the inner products of two sets of vectors."""
    upper = np.triu_indices(len(own), 1)
    return np.corrcoef((own @ own.T)[upper], (reference @ reference.T)[upper])[0, 1]


@pytest.mark.parametrize("n_components", [3, 16, 1536])
def test_the_source_are_principal_components(build, features, n_components):
    module = build(AlignedAdapter(alpha=0, n_components=n_components), features)
    n_kept = min(n_components, 16)
    expected = PCA(n_kept, svd_solver="full").fit_transform(features)
    found = module.source().numpy()
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, atol=1e-6)
    assert module.head[0].weight.shape == (768, n_kept)


def test_the_alignment_draws_the_vectors_to_the_reference(quick_fit, ids_model):
    free, drawn = (
        quick_fit(aligned(ids_model, alpha=alpha), max_epochs=15).item_vectors_
        for alpha in (0.0, 30.0)
    )
    reference = ids_model.item_vectors_
    assert similarity(drawn, reference) > similarity(free, reference) + 0.1


@pytest.mark.parametrize("id_init", [None, "zeros"])
def test_each_item_is_its_own_target_at_the_start(build, features, ids_model, monkeypatch, id_init):
    """With rows as short as those of fresh tables every item would be as good a target."""
    seen = []

    def soft_alignment(reference, own, temperature):
        similarities = (reference @ reference.T + own @ own.T) / 2
        seen.append(torch.softmax(similarities * temperature, dim=1))
        return own.sum()

    monkeypatch.setattr(_alignment, "soft_alignment", soft_alignment)
    table = aligned(ids_model, id_init=id_init)
    module = build(table, features, item_ids=ids_model.item_ids_[:30])
    assert module.penalty(torch.arange(30)) is not None
    (targets,) = seen
    assert targets.diagonal().median() > 0.5


def test_trained_vectors_take_no_part_in_the_alignment(build, features, ids_model):
    alone, both = (
        build(aligned(ids_model, id_init=init), features, item_ids=ids_model.item_ids_[:30])
        for init in (None, "normal")
    )
    items = torch.arange(30)
    torch.testing.assert_close(both.penalty(items), alone.penalty(items))
    added = (both() - alone()).detach()[~ids_model.is_cold_[:30]]
    assert added.std().item() == pytest.approx(0.02, rel=0.3)


@pytest.mark.parametrize("temperature", [0.5, 4.0])
def test_the_temperature_matters(quick_fit, ids_model, temperature):
    one, other = (
        quick_fit(aligned(ids_model, alpha=1.0, temperature=t)) for t in (2.0, temperature)
    )
    assert not np.allclose(one.item_vectors_, other.item_vectors_, atol=1e-6)


def test_items_are_matched_by_id(build, features, ids_model):
    order = np.random.default_rng(0).permutation(30)
    ids = ids_model.item_ids_[:30]
    module = build(aligned(ids_model), features, item_ids=ids)
    shuffled = build(aligned(ids_model), features, item_ids=ids[order])
    vectors = np.where(ids_model.is_cold_[:30, None], 0, ids_model.item_vectors_[:30])
    np.testing.assert_array_equal(module.reference, vectors)
    torch.testing.assert_close(shuffled.reference, module.reference[order])


def test_items_that_the_reference_has_not_trained_take_no_part(build, features, ids_model):
    ids = np.append(ids_model.item_ids_[:29], 999_999)
    module = build(aligned(ids_model), features, item_ids=ids)
    assert 0 < ids_model.is_cold_[:29].sum() < 10
    np.testing.assert_array_equal(~module.is_known, np.append(ids_model.is_cold_[:29], True))


@pytest.mark.parametrize("wrap", [FrozenEstimator, lambda model: model], ids=["frozen", "plain"])
@pytest.mark.parametrize("in_pipeline", [True, False])
def test_a_reference_may_be_the_last_step_of_a_pipeline(ids_model, wrap, in_pipeline):
    model = Pipeline([("ace", ACETransformer()), ("rec", ids_model)]) if in_pipeline else ids_model
    assert AlignedAdapter(reference=wrap(model)).width(16, 8) == 8


@pytest.mark.parametrize("wrap", [FrozenEstimator, lambda model: model], ids=["frozen", "plain"])
def test_a_fitted_reference_stays_fitted(quick_fit, ids_model, wrap):
    model = quick_fit(AlignedAdapter(reference=wrap(ids_model)))
    assert model.item_table_.reference.estimator is ids_model
    again = clone(model).set_params(warm_start=True)
    assert again.item_table.reference.estimator is ids_model
    # Parameters of the reference cannot be reached from a clone, which would change the model.
    assert "item_table__reference__k" not in again.get_params()


def test_a_reference_may_be_a_fitted_search(ids_model):
    search = GridSearchCV(ids_model, {}, cv=2)
    search.best_estimator_ = ids_model
    assert AlignedAdapter(reference=FrozenEstimator(search)).width(16, 8) == 8


def test_a_reference_with_sparse_vectors_is_refused(small_log):
    model = EASEEstimator(k=2, n_neighbors=1).fit(small_log)
    text = "reference, a EASEEstimator, has sparse item_vectors_; pass a fitted neural recommender."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        AlignedAdapter(reference=model).width(16, 6)


def test_a_frozen_reference_survives_clones(ids_model):
    table = clone(clone(SASRecEstimator(item_table=aligned(ids_model)))).item_table
    assert table.reference.estimator is ids_model
    assert table.width(16, 8) == 8


def test_the_reference_is_not_part_of_the_state(quick_fit, ids_model):
    state = quick_fit(aligned(ids_model)).item_table_state_
    assert [name for name in state if "reference" in name or "known" in name] == []


class Counter(BaseEstimator):
    """A recommender without vectors."""

    def fit(self):
        self.item_ids_ = np.arange(3)
        return self

    def predict(self, X):
        return X


UNFITTED = SASRecEstimator(embedding_dim=8)
NOT_FITTED = (
    "reference, a SASRecEstimator, is not fitted; fit it and pass FrozenEstimator(model) of "
    "sklearn.frozen, because the clone that a search makes of a model forgets its fit."
)


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (
            None,
            "AlignedAdapter(alpha=0.01) needs a reference to align with; pass "
            "reference=FrozenEstimator(model) with a fitted recommender, or set alpha=0.",
        ),
        (UNFITTED, NOT_FITTED),
        (FrozenEstimator(UNFITTED), NOT_FITTED),
        (
            FrozenEstimator(Counter().fit()),
            "reference, a Counter, has no item_vectors_; pass a fitted neural recommender.",
        ),
    ],
    ids=["none", "unfitted", "frozen unfitted", "no vectors"],
)
def test_what_cannot_be_a_reference_is_refused(tiny_shop, reference, text):
    model = SASRecEstimator(item_table=AlignedAdapter(reference=reference), embedding_dim=8)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.fit(tiny_shop)


def test_a_reference_of_another_width_is_refused(tiny_shop, ids_model):
    text = (
        "reference has item vectors of width 8, but the table is 16 wide; set embedding_dim=8, or "
        "fit the reference with embedding_dim=16."
    )
    model = SASRecEstimator(item_table=aligned(ids_model), embedding_dim=16)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.fit(tiny_shop)


@pytest.mark.parametrize(
    ("ids", "shown"), [([1, 2, 3], "1, 2, 3"), (["a", "b", "c", "d"], "'a', 'b', 'c', ...")]
)
def test_a_reference_of_other_items_is_refused(quick_fit, ids_model, ids, shown):
    catalog = Catalog(ids, np.eye(4)[: len(ids)])
    X = Interactions.from_sequences([ids, ids[::-1]], catalog=catalog)
    first = ", ".join(str(i) for i in ids_model.item_ids_[:3])
    text = (
        f"reference knows none of the {len(ids)} items: its item_ids_ begin with {first}, ..., "
        f"those of the catalog with {shown}; fit it on a log of the same items."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        quick_fit(aligned(ids_model), X, k=1)


def test_without_ids_it_cannot_be_built(build, features, ids_model):
    text = "AlignedAdapter finds items by id: build it with item_ids."
    with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
        build(aligned(ids_model), features)
