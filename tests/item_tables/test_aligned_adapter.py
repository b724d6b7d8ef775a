"""AlignedAdapter: what a reference may be, how items are matched, and that alpha matters."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
import re
import subprocess
import sys

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
from skace.metrics import ndcg_scorer
from skace.model_selection import LeaveLastOut, leave_last_out
from skace.recommenders import PopularityEstimator, SeedEnsemble
from skace.recommenders._holdout import hold_out_last


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
    text = "reference, a EASEEstimator, has sparse item_vectors_; pass a neural recommender."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        AlignedAdapter(reference=model).width(16, 6)


def test_a_frozen_reference_survives_clones(ids_model):
    table = clone(clone(SASRecEstimator(item_table=aligned(ids_model)))).item_table
    assert table.reference.estimator is ids_model
    assert table.width(16, 8) == 8


def test_the_reference_is_not_part_of_the_state(quick_fit, ids_model):
    state = quick_fit(aligned(ids_model)).item_table_state_
    assert [name for name in state if "reference" in name or "known" in name] == []


# A reference that is fitted with the network.


def of_ids(**parameters):
    few = {"embedding_dim": 8, "max_epochs": 2, "early_stopping": False}
    return SASRecEstimator(item_table=IDTable(), **few | parameters)


def small(table, **parameters):
    few = {"embedding_dim": 8, "max_epochs": 1, "early_stopping": False, "random_state": 0}
    return SASRecEstimator(item_table=table, **few | parameters)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of two epochs
@pytest.mark.parametrize("early_stopping", [False, True])
def test_an_unfitted_reference_learns_what_the_network_learns(tiny_shop, early_stopping):
    train = tiny_shop
    learned = leave_last_out(train)[0] if early_stopping else train
    fitted = of_ids(random_state=1).fit(learned)
    models = [
        small(
            AlignedAdapter(alpha=1.0, inner_dim=8, reference=reference),
            max_epochs=2,
            early_stopping=early_stopping,
        ).fit(train)
        for reference in (of_ids(random_state=1), FrozenEstimator(fitted))
    ]
    ours, theirs = models
    found = ours.item_table_.reference_
    np.testing.assert_array_equal(found.item_counts_, fitted.item_counts_)
    np.testing.assert_array_equal(found.item_vectors_, fitted.item_vectors_)
    np.testing.assert_array_equal(ours.item_vectors_, theirs.item_vectors_)
    assert not hasattr(ours.item_table.reference, "item_ids_")
    assert not hasattr(theirs.item_table_, "reference_")


@pytest.mark.parametrize("are_own", [True, False])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of one epoch
def test_rows_weigh_as_much_for_the_reference(tiny_shop, are_own, early_stopping):
    weights = np.arange(len(tiny_shop)) % 3 * 0.5
    given = {} if are_own else {"sample_weight": weights}
    X = tiny_shop.with_weights(weights) if are_own else tiny_shop
    model = small(AlignedAdapter(reference=of_ids(), inner_dim=8), early_stopping=early_stopping)
    found = model.fit(X, **given).item_table_.reference_
    n_learned = weights.sum()
    if early_stopping:  # each user's last row that counts is held out
        rng = np.random.RandomState(0)
        n_learned -= weights[hold_out_last(tiny_shop, 1.0, rng, weights)].sum()
    else:
        np.testing.assert_array_equal(found.item_counts_, model.item_counts_)
        np.testing.assert_allclose(found.popularity_, model.popularity_)
    assert found.popularity_.sum() == pytest.approx(n_learned)


def test_a_search_fits_the_reference_in_each_fold(tiny_shop):
    learned, score = [], ndcg_scorer(k=10)

    def scoring(model, X):
        reference = model.item_table_.reference_
        learned.append((int(reference.item_counts_.sum()), reference.n_iter_))
        return score(model, X)

    grid = {"item_table__reference__max_epochs": [1, 2]}
    model = small(AlignedAdapter(reference=of_ids(), inner_dim=8))
    GridSearchCV(model, grid, cv=LeaveLastOut(), scoring=scoring).fit(tiny_shop)
    n_rows = len(leave_last_out(tiny_shop)[0])
    assert learned == [(n_rows, 1), (n_rows, 2)]


def test_the_seed_of_the_network_decides_where_the_reference_has_none(quick_fit):
    first, again, other = (
        quick_fit(AlignedAdapter(reference=of_ids(), inner_dim=8), random_state=seed)
        for seed in (0, 0, 1)
    )
    one, two, three = (
        model.item_table_.reference_.item_vectors_ for model in (first, again, other)
    )
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(first.item_vectors_, again.item_vectors_)
    assert not np.allclose(one, three)


def test_training_goes_on_with_the_reference_that_was_fitted(quick_fit, tiny_shop):
    model = quick_fit(AlignedAdapter(alpha=1.0, reference=of_ids(), inner_dim=8), warm_start=True)
    reference = model.item_table_.reference_
    model.fit(tiny_shop)
    model.partial_fit(tiny_shop)
    assert model.item_table_.reference_ is reference
    restored = pickle.loads(pickle.dumps(model))
    queries = tiny_shop.next_queries()
    np.testing.assert_array_equal(restored.predict(queries), model.predict(queries))
    model.set_params(item_table__reference__max_epochs=3)
    with pytest.raises(ValueError, match="item_table__reference__max_epochs=3"):
        model.fit(tiny_shop)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of one epoch
def test_a_second_training_has_a_reference_of_all_rows(tiny_shop):
    table = AlignedAdapter(reference=of_ids(), inner_dim=8)
    model = small(table, early_stopping=True, train_on_held_out=True).fit(tiny_shop)
    assert model.item_table_.reference_.item_counts_.sum() == len(tiny_shop)


@pytest.mark.parametrize("kind", ["pipeline", "search"])
def test_a_reference_inside_of_another_estimator_is_seeded(tiny_shop, kind):
    if kind == "pipeline":
        reference = Pipeline([("ace", ACETransformer(4)), ("rec", of_ids())])
    else:
        reference = GridSearchCV(of_ids(), {"max_epochs": [1]}, cv=LeaveLastOut())
    models = [
        small(AlignedAdapter(alpha=1.0, reference=reference, inner_dim=8), warm_start=True)
        for _ in range(2)
    ]
    one, other = (model.fit(tiny_shop).item_vectors_ for model in models)
    np.testing.assert_array_equal(one, other)
    models[0].fit(tiny_shop)  # goes on, though splitters know no equality


def test_a_fitted_pipeline_stays_fitted(quick_fit, ids_model):
    reference = Pipeline([("ace", ACETransformer()), ("rec", ids_model)])
    model = quick_fit(AlignedAdapter(reference=reference))
    assert model.item_table_.reference.estimator is reference
    assert not hasattr(model.item_table_, "reference_")


@pytest.mark.minutes
def test_a_reference_may_be_fitted_in_threads(tmp_path):
    """In another process, which ends if they wait for each other."""
    script = tmp_path / "threads.py"
    script.write_text(
        "import joblib\n"
        "from sklearn.model_selection import GridSearchCV\n"
        "from skace import LeaveLastOut, SASRecEstimator\n"
        "from skace.datasets import make_shop\n"
        "from skace.item_tables import AlignedAdapter, IDTable\n"
        "X = make_shop(40, 50, 300, n_features=16, random_state=0).interactions\n"
        "few = {'embedding_dim': 8, 'max_epochs': 1, 'early_stopping': False}\n"
        "ids = SASRecEstimator(item_table=IDTable(), **few)\n"
        "grid = {'max_epochs': [1, 2]}\n"
        "search = GridSearchCV(ids, grid, cv=LeaveLastOut(), n_jobs=2)\n"
        "table = AlignedAdapter(reference=search, inner_dim=8)\n"
        "with joblib.parallel_config('threading'):\n"
        "    SASRecEstimator(item_table=table, **few).fit(X)\n"
    )
    subprocess.run([sys.executable, script], check=True, timeout=120)


def test_what_hinders_the_reference_is_said(tiny_shop):
    first = tiny_shop[tiny_shop._starts == tiny_shop._ends]
    model = small(AlignedAdapter(reference=of_ids(), inner_dim=8))
    text = "reference, a SASRecEstimator, cannot be fitted on the rows that the network learns: "
    with pytest.raises(ValueError, match=f"^{text}no row of X has a past"):
        model.partial_fit(first)


def test_a_width_that_only_the_fit_tells_is_refused_after_it(tiny_shop):
    model = small(AlignedAdapter(reference=PopularityEstimator(), inner_dim=8))
    text = "reference has item vectors of width 1, but the table is 8 wide"
    with pytest.raises(ValueError, match=f"^{text}"):
        model.fit(tiny_shop)


def test_without_alignment_no_reference_is_fitted(quick_fit):
    model = quick_fit(AlignedAdapter(alpha=0, reference=of_ids(), inner_dim=8))
    assert not hasattr(model.item_table_, "reference_")


@pytest.mark.parametrize("width", [4, None])
def test_an_unfitted_reference_of_another_width_is_refused(tiny_shop, width, monkeypatch):
    monkeypatch.setattr(AlignedAdapter, "prepare", None)  # before any work
    table = AlignedAdapter(reference=of_ids(embedding_dim=width))
    text = f"reference has item vectors of width {width or 128}, but the table is 8 wide"
    with pytest.raises(ValueError, match=text):
        SASRecEstimator(item_table=table, embedding_dim=8).fit(tiny_shop)


class Counter(BaseEstimator):
    """A recommender without vectors."""

    def fit(self):
        self.item_ids_ = np.arange(3)
        return self

    def predict(self, X):
        return X


UNFITTED = SASRecEstimator(embedding_dim=8)
NOT_FITTED = (
    "reference, a SASRecEstimator, is not fitted and stays as it is; fit it first, or pass an "
    "unfitted recommender, not frozen, to have it fitted with the network."
)


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (
            None,
            "AlignedAdapter(alpha=0.01) needs a reference to align with; pass "
            "reference=SASRecEstimator(item_table=IDTable()), or another recommender, or set "
            "alpha=0.",
        ),
        (FrozenEstimator(UNFITTED), NOT_FITTED),
        (
            FrozenEstimator(Counter().fit()),
            "reference, a Counter, has no item_vectors_; pass a neural recommender.",
        ),
        (
            SeedEnsemble(UNFITTED),
            "reference, a SeedEnsemble, has no item_vectors_; pass a neural recommender.",
        ),
    ],
    ids=["none", "frozen unfitted", "no vectors", "never vectors"],
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
