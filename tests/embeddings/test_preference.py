"""PreferenceTextEncoder: the word that tells a category is learned, and nothing leaks."""
# SPDX-License-Identifier: BSD-3-Clause

import importlib.util
import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import estimator_checks

from skace import (
    ACETransformer,
    Catalog,
    Interactions,
    SASRecEstimator,
    leave_last_out,
)
from skace._torch.text import _sentence, _tower_training
from skace.embeddings import PreferenceTextEncoder, TextEncoder
from skace.embeddings.text import _core as _text_core
from skace.embeddings.text import _tuned_core
from skace.embeddings.text._collaborative import collaborative_categories, seeded
from skace.embeddings.text.models._local import LocalModel
from skace.item_tables import IDTable
from skace.persistence import dump, load
from skace.recommenders import EASEEstimator, ItemKNNEstimator, PopularityEstimator

if importlib.util.find_spec("sentence_transformers") is None:
    pytest.skip("needs sentence-transformers", allow_module_level=True)

N_ITEMS = 24
WORDS = [f"w{number}" for number in range(40)]
KINDS = ["left", "right"]  # the word that decides; the others say nothing


@pytest.fixture(scope="module")
def model(make_sentence_model):
    return make_sentence_model(16, seed=2, words=[*WORDS, *KINDS])


@pytest.fixture(autouse=True)
def no_memory():
    _tuned_core._TOWERS.clear()
    _text_core._MEMORY.clear()


def _texts(n_items, seed=0):
    rng = np.random.default_rng(seed)
    words = rng.integers(40, size=(n_items, 3))
    return [f"w{a} {KINDS[item % 2]} w{b} w{c}" for item, (a, b, c) in enumerate(words)]


def _shop(n_users=24, length=6, n_items=N_ITEMS, seed=0):
    """Half of the users take even items, half odd ones."""
    rng = np.random.default_rng(seed)
    items = 2 * rng.integers(n_items // 2, size=(n_users, length)) + np.arange(n_users)[:, None] % 2
    catalog = Catalog(np.arange(n_items), np.array(_texts(n_items)))
    return Interactions(np.repeat(np.arange(n_users), length), items.ravel(), catalog=catalog)


def _encoder(model, estimator=None, **changes):
    settings = {"model": str(model), "n_categories": 2, "max_epochs": 1, "learning_rate": 3e-3}
    settings |= {"device": "cpu", "random_state": 0, "batch_size": 8}
    return PreferenceTextEncoder(estimator or EASEEstimator(), **settings | changes)


def _lead_of_kind(vectors):
    """Cosine of texts of one kind, less that of texts of both."""
    cosines = vectors @ vectors.T
    kinds = np.arange(len(vectors)) % 2
    is_same = kinds[:, None] == kinds
    return cosines[is_same & ~np.eye(len(vectors), dtype=bool)].mean() - cosines[~is_same].mean()


@pytest.mark.parametrize(("level", "max_epochs"), [("user", 8), ("item", 6)])
def test_the_word_that_decides_places_items_that_nobody_took(
    model, level, max_epochs, training_seed, margin
):
    new = _texts(60, seed=1)
    before = TextEncoder(LocalModel(str(model), device="cpu")).fit_transform(new)
    encoder = _encoder(model, level=level, max_epochs=max_epochs, random_state=training_seed)
    encoder.fit(_shop(n_users=32, n_items=48))
    margin(_lead_of_kind(encoder.transform(new)), above=_lead_of_kind(before) + 0.2)
    margin(encoder.loss_curve_[-1], below=encoder.loss_curve_[0] / 2)


def test_categories_are_those_of_who_takes_what(model):
    encoder = _encoder(model).fit(_shop(n_items=N_ITEMS))
    told = encoder.categories_
    assert told.shape == (N_ITEMS,)
    learned = told[told >= 0]
    assert set(learned) == {0, 1}
    assert {(item % 2, told[item]) for item in np.flatnonzero(told >= 0)} in (
        {(0, 0), (1, 1)},
        {(0, 1), (1, 0)},
    )


def test_items_that_nobody_took_have_no_category_but_a_vector(model):
    X = _shop()
    catalog = Catalog(np.arange(N_ITEMS + 5), np.array(_texts(N_ITEMS + 5)))
    encoder = _encoder(model).fit(Interactions(X.users, X.items, catalog=catalog))
    assert (encoder.categories_[N_ITEMS:] == -1).all()
    assert encoder.transform(X).catalog.features.shape == (N_ITEMS, 16)
    assert encoder.transform(list(catalog.features)).shape == (N_ITEMS + 5, 16)


# Nothing of what is held out is learned.


def _without_last(X):
    """The log in which the last event of each user never happened."""
    rows, _ = leave_last_out(X)
    return Interactions(rows.users, rows.items, catalog=X.catalog)


def _network():
    return SASRecEstimator(
        item_table=IDTable(), embedding_dim=8, n_layers=1, n_heads=1, max_epochs=1, batch_size=8
    )


@pytest.mark.parametrize("estimator", [EASEEstimator(), _network()], ids=["ease", "sasrec"])
@pytest.mark.parametrize("hold_out_last", [True, False])
def test_held_out_events_could_as_well_not_have_happened(model, estimator, hold_out_last):
    train, _ = leave_last_out(_shop())
    never = _without_last(_shop())
    encoder = _encoder(model, estimator, hold_out_last=hold_out_last)
    found = encoder.fit_transform(train).catalog.features
    categories = encoder.categories_
    _tuned_core._TOWERS.clear()
    assert_array_equal(encoder.fit_transform(never).catalog.features, found)
    assert_array_equal(encoder.categories_, categories)


def test_the_last_row_of_each_user_is_left_out_unless_asked_for(model):
    X = _shop()
    whole = _encoder(model).fit(X).revision_
    assert _encoder(model, hold_out_last=False).fit(_without_last(X)).revision_ == whole
    assert _encoder(model, hold_out_last=False).fit(X).revision_ != whole


def test_rows_of_a_fold_are_all_that_is_read(model):
    X = _shop()
    rows = np.flatnonzero(np.arange(len(X)) % 5 != 2)  # some of the pasts are no rows
    never = Interactions(X.users[rows], X.items[rows], catalog=X.catalog)
    assert _encoder(model).fit(X[rows]).revision_ == _encoder(model).fit(never).revision_


@pytest.mark.parametrize(
    ("change", "trains"),
    [
        (lambda encoder, X: (encoder, X), False),
        (lambda encoder, X: (encoder.set_params(normalize=False), X), False),
        (lambda encoder, X: (encoder, X[:-7]), True),
        (lambda encoder, X: (encoder.set_params(estimator__regularization=3.0), X), True),
        (lambda encoder, X: (encoder.set_params(level="item"), X), True),
        (lambda encoder, X: (encoder.set_params(n_categories=3), X), True),
        (lambda encoder, X: (encoder.set_params(max_items=1), X), True),
        (lambda encoder, X: (encoder.set_params(hold_out_last=False), X), True),
        (lambda encoder, X: (encoder.set_params(random_state=1), X), True),
    ],
)
def test_what_weights_depend_on_decides_whether_a_process_trains_again(
    model, monkeypatch, change, trains
):
    X = _shop()
    first = _encoder(model).fit(X)
    counts = []
    run_epoch = _tower_training.TowerTrainer.run_epoch
    monkeypatch.setattr(
        _tower_training.TowerTrainer, "run_epoch", lambda self: counts.append(1) or run_epoch(self)
    )
    encoder, rows = change(_encoder(model), X)
    encoder.fit(rows)
    assert bool(counts) == trains
    if not trains:
        assert_array_equal(encoder.categories_, first.categories_)


# The recommender.


def test_the_recommender_of_the_caller_is_neither_fitted_nor_changed(model):
    estimator = _network()
    _encoder(model, estimator).fit(_shop())
    assert estimator.random_state is None
    assert not hasattr(estimator, "item_ids_")


def test_a_recommender_that_cannot_be_written_to_a_file_teaches_as_well(model):
    class Local(EASEEstimator):  # which pickle does not find
        pass

    X = _shop()
    found = _encoder(model, Local()).fit(X)
    assert_array_equal(found.categories_, _encoder(model).fit(X).categories_)
    assert found.loss_curve_ == _encoder(model, Local()).fit(X).loss_curve_


def test_a_seed_gives_one_training_and_another_one_another(model):
    X, revisions = _shop(), []
    for seed in (0, 0, 1):
        _tuned_core._TOWERS.clear()
        encoder = _encoder(model, _network(), random_state=seed)
        revisions.append(encoder.fit(X).revision_)
    assert revisions[0] == revisions[1] != revisions[2]


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (_network(), {"random_state"}),
        (clone(_network()).set_params(random_state=3), set()),
        (make_pipeline(ACETransformer(), _network()), {"sasrecestimator__random_state"}),
        (EASEEstimator(), set()),
    ],
)
def test_recommenders_get_seeds_where_they_have_none(estimator, expected):
    found = seeded(estimator, np.random.RandomState(0))
    before, after = estimator.get_params(), found.get_params()
    names = {name for name in after if name.endswith("random_state")}
    assert {name for name in names if before[name] is None and after[name] is not None} >= expected
    assert all(after[name] == before[name] for name in names if before[name] is not None)


@pytest.mark.parametrize(
    "estimator", [EASEEstimator(), ItemKNNEstimator(), Pipeline([("rec", EASEEstimator())])]
)
def test_blocks_of_a_log_become_categories(estimator):
    X = _shop().with_features(None)
    found = collaborative_categories(estimator, X, 2, np.random.RandomState(0))
    learned = np.flatnonzero(found >= 0)
    assert len({(item % 2, found[item]) for item in learned}) == 2


def test_more_categories_than_items_are_clipped(model):
    X = _shop()
    with pytest.warns(UserWarning, match=r"^n_categories=99 is more than the \d+ item\(s\) that w"):
        encoder = _encoder(model, n_categories=99).fit(X)
    assert encoder.categories_.max() + 1 == np.unique(_without_last(X).items).size


# Pipelines and files.


def test_a_pipeline_answers_and_tells_how_its_texts_were_learned(model):
    pipeline = make_pipeline(_encoder(model), ACETransformer(4), ItemKNNEstimator(k=3))
    X = _shop()
    assert pipeline.fit(X).predict(X.next_queries()).shape == (24, 3)
    assert pipeline.predict([[3, 5]]).shape == (1, 3)
    training = pipeline[0].transform(X).catalog.provenance["training"]
    assert training == "preferences (user), estimator=EASEEstimator, 2 categories, 1 epochs"
    opened = pickle.loads(pickle.dumps(pipeline))
    assert_array_equal(opened.predict([[3, 5]]), pipeline.predict([[3, 5]]))
    assert not hasattr(opened[0], "_source_rows")


def test_files_of_skops_hold_model_and_categories(model, tmp_path):
    encoder = _encoder(model).fit(_shop())
    dump(encoder, tmp_path / "encoder.skops")
    opened = load(tmp_path / "encoder.skops")
    _text_core._MEMORY.clear()
    assert_array_equal(opened.categories_, encoder.categories_)
    np.testing.assert_allclose(
        opened.transform(["w1 left"]), encoder.transform(["w1 left"]), atol=1e-6
    )


@pytest.mark.parametrize("missing", ["mean", "zero"])
def test_items_without_text_are_passed_over(model, missing):
    X = _shop()
    texts = X.catalog.features.copy()
    texts[3] = ""
    X = Interactions(X.users, X.items, catalog=Catalog(np.arange(N_ITEMS), texts))
    found = _encoder(model, missing=missing).fit_transform(X).catalog.features
    assert np.isfinite(found).all()


def test_adapters_learn_in_place_of_the_weights(model):
    pytest.importorskip("peft")
    encoder = _encoder(model, lora_rank=2).fit(_shop())
    assert encoder.provenance_["training"].endswith("lora_rank=2")
    assert encoder.revision_ != _encoder(model).fit(_shop()).revision_


# Errors.

NO_TEXTS = Interactions([*"aab"], [0, 1, 1], catalog=Catalog([0, 1, 2], np.array(["", "", "w1"])))


@pytest.mark.parametrize(
    ("X", "parameters", "finding"),
    [
        (["w1", "w2"], {}, r"^PreferenceTextEncoder learns what users prefer, but X holds texts o"),
        (pd.Series(["w1"]), {}, r"^PreferenceTextEncoder learns what users prefer, but X holds"),
        (NO_TEXTS, {"missing": "zero"}, r"^no row of X that teaches is of an item with a text, so"),
        (_shop(), {"estimator": EASEEstimator}, r"^estimator is the class EASEEstimator; pass an "),
        (_shop(), {"estimator": "sasrec"}, r"^estimator is the text 'sasrec'; pass an object such"),
        (_shop(), {"level": "basket"}, r"^The 'level' parameter of PreferenceTextEncoder must be "),
        (_shop(), {"n_categories": 1}, r"^The 'n_categories' parameter of PreferenceTextEncoder m"),
        (_shop(), {"max_items": 0}, r"^The 'max_items' parameter of PreferenceTextEncoder must be"),
        (_shop().next_queries(), {}, r"^query rows have no item to learn from: they are not event"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_before_a_model_is_loaded(
    monkeypatch, X, parameters, finding
):
    monkeypatch.setattr(_sentence, "load_sentence_model", None)
    with pytest.raises(ValueError, match=finding):
        _encoder("nobody/nothing").set_params(**parameters).fit(X)


class NoVectors(PopularityEstimator):
    """Recommender whose items have no vectors."""

    def fit(self, X, y=None):
        super().fit(X)
        del self.item_vectors_
        return self


class AllCold(PopularityEstimator):
    """Recommender that has learned nothing."""

    def fit(self, X, y=None):
        super().fit(X)
        self.is_cold_ = np.ones(self.item_ids_.size, dtype=bool)
        return self


@pytest.mark.parametrize(
    ("estimator", "finding"),
    [
        (NoVectors(), r"^estimator, a NoVectors, has no item_vectors_ to make categories of; pass"),
        (AllCold(), r"^estimator, a AllCold, has learned no item, so that there are no categories"),
    ],
)
def test_a_recommender_without_items_is_refused(model, estimator, finding):
    encoder = _encoder(model, estimator)
    with pytest.raises(ValueError, match=finding):
        encoder.fit(_shop())
    with pytest.raises(NotFittedError):
        encoder.transform(["w1"])


class FirstCold(EASEEstimator):
    """Recommender that has learned all but the first items."""

    def fit(self, X, y=None):
        super().fit(X)
        self.is_cold_ = np.arange(self.item_ids_.size) < 4
        return self


def test_items_that_were_learned_need_texts(model):
    texts = np.array([*_texts(4), *[""] * (N_ITEMS - 4)])
    X = Interactions(_shop().users, _shop().items, catalog=Catalog(np.arange(N_ITEMS), texts))
    finding = r"^none of the \d+ item\(s\) that the recommender has learned has a text, so that th"
    with pytest.raises(ValueError, match=finding):
        _encoder(model, FirstCold(), missing="zero", level="item").fit(X)


def test_parameters_of_the_recommender_are_checked(model):
    with pytest.raises(ValueError, match=r"^The 'regularization' parameter of EASEEstimator must"):
        _encoder(model, EASEEstimator(regularization=-1.0)).fit(_shop())


# Habits of scikit-learn.


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_mixin_order,
        estimator_checks.check_estimator_tags_renamed,
        estimator_checks.check_valid_tag_types,
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    ],
    ids=lambda check: check.__name__,
)
def test_checks_of_scikit_learn_that_need_no_numbers_pass(check):
    check("PreferenceTextEncoder", PreferenceTextEncoder(EASEEstimator()))


def test_columns_have_names(model):
    encoder = _encoder(model, truncate_dim=2).fit(_shop())
    assert encoder.get_feature_names_out().tolist() == [
        "preferencetextencoder0",
        "preferencetextencoder1",
    ]
