"""ContrastiveTextEncoder on a log: what follows each other comes together, and nothing leaks."""
# SPDX-License-Identifier: BSD-3-Clause

import importlib.util
import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skace import ACETransformer, Catalog, Interactions, LeaveLastOut, leave_last_out, ndcg_scorer
from skace._torch.text import _contrastive_training, _sentence, _tower_training
from skace.embeddings import ContrastiveTextEncoder, LocalModel, TextEncoder
from skace.embeddings.text import _core as _text_core
from skace.embeddings.text import _tuned_core
from skace.recommenders import ItemKNNEstimator

if importlib.util.find_spec("sentence_transformers") is None:
    pytest.skip("needs sentence-transformers", allow_module_level=True)

N_ITEMS = 24
WORDS = [f"w{number}" for number in range(30)]


@pytest.fixture(scope="module")
def model(make_sentence_model):
    return make_sentence_model(16, seed=2, words=WORDS)


@pytest.fixture(autouse=True)
def no_memory():
    _tuned_core._TOWERS.clear()
    _text_core._MEMORY.clear()


def _catalog(n_items=N_ITEMS):
    """Items 2k and 2k + 1 share no word."""
    rng = np.random.default_rng(0)
    titles = [f"w{rng.integers(15)} w{rng.integers(15)}" for _ in range(n_items)]
    brands = [f"w{15 + number % 15}" for number in range(n_items)]
    return Catalog(np.arange(n_items), pd.DataFrame({"title": titles, "brand": brands}))


def _shop(n_users=12, length=6, seed=0):
    """Users take items 2k and 2k + 1 one after the other."""
    rng = np.random.default_rng(seed)
    pairs = rng.integers(0, N_ITEMS // 2, size=(n_users, length // 2, 1)) * 2 + [0, 1]
    return Interactions(np.repeat(np.arange(n_users), length), pairs.ravel(), catalog=_catalog())


def _encoder(model, **changes):
    settings = {"objective": "next_item", "learning_rate": 3e-3, "max_epochs": 1}
    settings |= {"device": "cpu", "random_state": 0, "batch_size": 8}
    return ContrastiveTextEncoder(str(model), **settings | changes)


def _lead_of_partners(vectors):
    """Cosine of the two items of a pair, less that of any two."""
    cosines = vectors @ vectors.T
    rows = np.arange(len(vectors))
    return cosines[rows, rows ^ 1].mean() - cosines.mean()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 1e-4),
        ({"learning_rate": 3e-3}, 3e-3),
        ({"objective": "attributes"}, 2e-5),
        pytest.param(
            {"lora_rank": 2},
            2e-4,
            marks=pytest.mark.skipif(not importlib.util.find_spec("peft"), reason="needs peft"),
        ),
    ],
)
def test_the_default_rate_is_that_of_the_objective(model, monkeypatch, changes, expected):
    rates = []
    build = _contrastive_training.contrastive_optimizer
    monkeypatch.setattr(
        _contrastive_training,
        "contrastive_optimizer",
        lambda tower, contrast, rate: rates.append(rate) or build(tower, contrast, rate),
    )
    _encoder(model, **{"learning_rate": None} | changes).fit(_shop())
    assert rates == [expected]


def test_items_that_follow_each_other_come_together(model, training_seed, margin):
    X = _shop(n_users=40)
    before = TextEncoder(LocalModel(str(model), device="cpu")).fit_transform(X).catalog.features
    encoder = _encoder(model, random_state=training_seed, learning_rate=1e-2, max_epochs=8)
    after = encoder.fit_transform(X).catalog.features
    margin(_lead_of_partners(after) - _lead_of_partners(before), above=0.1)


# Nothing of what is held out is learned.


def _without_last(X):
    """The log in which the last event of each user never happened."""
    rows, _ = leave_last_out(X)
    return Interactions(rows.users, rows.items, catalog=X.catalog)


@pytest.mark.parametrize("hold_out_last", [True, False])
def test_held_out_events_could_as_well_not_have_happened(model, hold_out_last):
    train, _ = leave_last_out(_shop())
    never = _without_last(_shop())
    encoder = _encoder(model, hold_out_last=hold_out_last)
    found = encoder.fit_transform(train).catalog.features
    _tuned_core._TOWERS.clear()
    assert_array_equal(encoder.fit_transform(never).catalog.features, found)


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


def _count_epochs(monkeypatch):
    counts = []
    run_epoch = _tower_training.TowerTrainer.run_epoch

    def counted(self):
        counts.append(1)
        return run_epoch(self)

    monkeypatch.setattr(_tower_training.TowerTrainer, "run_epoch", counted)
    return counts


@pytest.mark.parametrize(
    ("change", "n_trainings"),
    [
        (lambda encoder, X: (encoder, X), 1),
        (lambda encoder, X: (encoder, X[::-1]), 1),
        (lambda encoder, X: (encoder, X[:-7]), 2),
        (lambda encoder, X: (encoder.set_params(hold_out_last=False), X), 2),
        (lambda encoder, X: (encoder.set_params(objective="attributes"), X), 2),
    ],
    ids=["same", "turned", "fewer rows", "last rows", "objective"],
)
def test_rows_decide_whether_a_process_trains_again(model, monkeypatch, change, n_trainings):
    counts = _count_epochs(monkeypatch)
    X = _shop()
    first = _encoder(model).fit(X)
    encoder, rows = change(_encoder(model), X)
    encoder.fit(rows)
    assert len(counts) == n_trainings
    assert (encoder.revision_ == first.revision_) == (n_trainings == 1)


def test_the_objective_by_attributes_reads_no_rows(model, monkeypatch):
    counts = _count_epochs(monkeypatch)
    X = _shop()
    encoder = _encoder(model, objective="attributes").fit(X)
    assert encoder.fit(X[:3]).revision_ == encoder.fit(X.catalog.features).revision_
    assert len(counts) == 1


def test_a_search_trains_once_a_fold(model, monkeypatch):
    counts = _count_epochs(monkeypatch)
    pipeline = make_pipeline(_encoder(model), ACETransformer(4), ItemKNNEstimator(k=3))
    grid = {"acetransformer__alpha": [0.1, 1], "itemknnestimator__text_weight": [0.1, 1]}
    cv = LeaveLastOut(n_splits=2)
    GridSearchCV(pipeline, grid, cv=cv, scoring=ndcg_scorer(k=3), refit=False).fit(_shop())
    assert len(counts) == 2


# Items, texts and files.


def test_items_without_neighbours_are_contrasted_with_themselves(model):
    X = _shop()
    more = _catalog(N_ITEMS + 6)
    X = Interactions(X.users, X.items, catalog=more)
    encoder = _encoder(model).fit(X)
    assert encoder.transform(X).catalog.features.shape == (N_ITEMS + 6, 16)
    assert encoder.revision_ != _encoder(model).fit(_shop()).revision_


@pytest.mark.parametrize("missing", ["mean", "zero"])
def test_items_without_text_are_passed_over(model, missing):
    X = _shop()
    texts = X.catalog.features.copy()
    texts.loc[3] = ""
    X = Interactions(X.users, X.items, catalog=Catalog(np.arange(N_ITEMS), texts))
    found = _encoder(model, missing=missing).fit_transform(X).catalog.features
    assert np.isfinite(found).all()


def test_provenance_and_files_know_the_objective(model):
    X = _shop()
    encoder = _encoder(model).fit(X)
    assert encoder.transform(X).catalog.provenance["training"] == (
        "contrastive (hard), objective=next_item, drop_rate=0.4, temperature=0.05, 1 epochs"
    )
    opened = pickle.loads(pickle.dumps(encoder))
    assert not hasattr(opened, "_source_rows")
    texts = X.catalog.features
    assert_array_equal(opened.transform(texts), encoder.transform(texts))


def test_an_encoder_from_before_the_objective_learns_from_attributes(model):
    encoder = ContrastiveTextEncoder(str(model))
    state = encoder.__getstate__()
    for name in ("objective", "hold_out_last"):
        del state[name]
    old = ContrastiveTextEncoder.__new__(ContrastiveTextEncoder)
    old.__setstate__(state)
    assert (old.objective, old.hold_out_last) == ("attributes", True)


# Errors.

ALONE = Interactions([*"abc"], [0, 1, 2], catalog=_catalog())
PAIRS = Interactions([*"aabb"], [0, 1, 2, 3], catalog=_catalog())
SAME = Interactions([*"aaaa"], [4, 4, 4, 4], catalog=_catalog())


@pytest.mark.parametrize(
    ("X", "parameters", "finding"),
    [
        (["w1", "w2"], {}, r"^objective='next_item' learns from what users did one after the oth"),
        (_catalog().features, {}, r"^objective='next_item' learns from what users did one after"),
        (_shop(), {"loss": "soft"}, r"^loss='soft' takes two views for the same item, which obj"),
        (
            _shop(),
            {"objective": "cloze"},
            r"^The 'objective' parameter of ContrastiveTextEncoder must be a str among",
        ),
        (
            PAIRS,
            {},
            r"^no user has two rows of different items with texts in X once the last one of each "
            r"is left out, so that no item follows another; pass more rows, or objective='attrib",
        ),
        (ALONE, {"hold_out_last": False}, r"^no user has two rows of different items with texts i"),
        (SAME, {}, r"^no user has two rows of different items with texts in X once the last one"),
    ],
)
def test_what_holds_no_pairs_is_refused_before_a_model_is_loaded(
    monkeypatch, X, parameters, finding
):
    monkeypatch.setattr(_sentence, "load_sentence_model", None)
    with pytest.raises(ValueError, match=finding):
        _encoder("nobody/nothing", **parameters).fit(X)


def test_queries_hold_nothing_to_learn_from(model):
    with pytest.raises(ValueError, match=r"^query rows have no item to learn from: they are not "):
        _encoder(model).fit(_shop().next_queries())
