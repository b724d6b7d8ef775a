"""GRAMTextEstimator: ids in words, passages, growth, beams, files, and what it refuses."""
# SPDX-License-Identifier: BSD-3-Clause

import logging
import pickle

import numpy as np
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skace import Catalog, EASEEstimator, Interactions
from skace.datasets import make_cycle
from skace.embeddings import SemanticIdEncoder
from skace.persistence import dump, load
from skace.recommenders import GRAMTextEstimator
from skace.recommenders.neural._id_words import IdWords, distinct_ids

TEXTS = ["red pen", "blue ink", "red cap", "blue hat", "glass mug", "glass jar"]
WORDS = [*{word: None for text in TEXTS for word in text.split()}, "brand", "title", "été", "naïve"]


def first_letters(texts):
    """Two codes of each text: where the first letters of its first two words stand."""
    return np.array([[ord(word[0]) - ord("a") for word in text.split()[:2]] for text in texts])


IDS = FunctionTransformer(first_letters)
QUICK = {
    "k": 2,
    "semantic_ids": IDS,
    "n_neighbors": 0,
    "max_length": 4,
    "passage_length": 24,
    "n_beams": 8,
    "max_epochs": 1,
    "batch_size": 16,
    "early_stopping": False,
    "device": "cpu",
    "random_state": 0,
}


def log_of(texts, n_users=20, length=4, n_items=None):
    """Walks around the items with these texts; those from n_items on are cold."""
    n_items = len(texts) if n_items is None else n_items
    X = make_cycle(n_users=n_users, n_items=n_items, length=length, random_state=0)
    return Interactions(
        X.users, X.items, X.timestamps, catalog=Catalog(np.arange(len(texts)), texts)
    )


@pytest.fixture(scope="module")
def folder(make_t5):
    return make_t5(WORDS, num_layers=1)


@pytest.fixture(scope="module")
def X():
    return log_of(TEXTS)


@pytest.fixture(scope="module")
def model(X, folder):
    return GRAMTextEstimator(folder, **QUICK).fit(X)


def said(model, rows):
    """Tokens of rows as texts."""
    reader = model._reader()
    return [" ".join(reader.name(int(token)) for token in row if token >= 0) for row in rows]


def test_ids_are_words_of_the_nodes(model):
    assert said(model, model.id_tokens_) == [
        "red pen", "blue ink", "red cap", "blue hat", "glass mug", "glass jar"
    ]  # fmt: skip
    assert_array_equal(model.item_codes_, first_letters(TEXTS))
    assert model.node_tokens_.shape == (len(model.node_codes_),)
    assert_array_equal(model.node_codes_[0], [1, -1])


def test_passages_are_ids_and_texts(model):
    assert said(model, model.passage_tokens_)[0] == "item : red pen ; text : red pen ; </s>"


def test_columns_have_their_names(folder):
    frame = pl.DataFrame({"title": TEXTS, "brand": ["glass", None] * 3, "price": [1.5] * 6})
    catalog = Catalog(np.arange(6), frame)
    X = log_of(TEXTS)
    X = Interactions(X.users, X.items, X.timestamps, catalog=catalog)
    model = GRAMTextEstimator(folder, fields=["title", "brand"], **QUICK).fit(X)
    assert model.fields_ == ["title", "brand"]
    passages = said(model, model.passage_tokens_)
    assert passages[0].endswith("; title : red pen ; brand : glass ; </s>")
    assert passages[1].endswith("; title : blue ink ; </s>")


def test_what_is_too_long_is_cut(X, folder):
    model = GRAMTextEstimator(folder, **QUICK | {"passage_length": 5}).fit(X)
    assert said(model, model.passage_tokens_)[0] == "item : red pen </s>"


SEEN = []


class Recorder(EASEEstimator):
    """Closed form that remembers what it was fitted on."""

    def _fit_rows(self, rows, task):
        SEEN.append(rows.X)
        super()._fit_rows(rows, task)


def test_similar_items_are_learned_without_what_is_held_out(X, folder):
    SEEN.clear()
    parameters = QUICK | {"n_neighbors": 2, "early_stopping": True, "neighbors": Recorder(k=1)}
    model = GRAMTextEstimator(folder, **parameters).fit(X)
    (rows,) = SEEN
    assert len(rows) == len(X) - X.n_users
    first = said(model, model.passage_tokens_)[0]
    assert first.startswith("item : red pen ; similar items : ")
    assert first.endswith("; text : red pen ; </s>")
    similar = first.split(" : ")[2].removesuffix(" ; text").split(" , ")
    assert len({*similar} & {*said(model, model.id_tokens_[1:])}) == 2
    assert len(model.validation_scores_) == 1


def test_one_row_is_enough_to_look_for_similar_items(folder):
    X = Interactions([0, 0], [0, 1], catalog=Catalog(np.arange(6), TEXTS))
    model = GRAMTextEstimator(folder, **QUICK | {"n_neighbors": 2}).fit(X)
    assert "similar items" in said(model, model.passage_tokens_)[0]


def test_items_of_one_text_are_numbered(folder):
    X = log_of(["red pen", "blue ink", "red pen", "red pen"])
    order = np.array([2, 3, 0, 1])
    shuffled = Interactions(X.users, X.items, X.timestamps, catalog=X.catalog.take(order))
    ids = []
    for rows in (X, shuffled):
        model = GRAMTextEstimator(folder, **QUICK).fit(rows)
        ids.append(dict(zip(model.item_ids_.tolist(), said(model, model.id_tokens_), strict=True)))
    assert ids[0] == ids[1]
    assert [ids[0][item] for item in (0, 2, 3)] == ["pen red 0", "pen red 1", "pen red 2"]


def test_new_items_get_ids_that_no_other_has(X, model):
    grown = pickle.loads(pickle.dumps(model))
    texts = [*TEXTS, "red pen", "red jar", "été naïve"]
    joined = log_of(texts, n_users=6)
    grown.partial_fit(joined)
    assert_array_equal(grown.id_tokens_[:6, :2], model.id_tokens_)
    assert said(grown, grown.id_tokens_[6:]) == ["red pen 0", "red jar", "été naïve"]
    assert said(grown, grown.passage_tokens_[6:7]) == ["item : red pen 0 ; text : red pen ; </s>"]
    assert np.isfinite(grown.decision_function([[6, 7], [8]])).all()
    assert_array_equal(model.item_ids_, X.catalog.item_ids)
    assert grown.n_iter_ == 1


def test_new_items_need_texts(model):
    grown = pickle.loads(pickle.dumps(model))
    bare = Interactions.from_sequences([[0, 1, 77], [77, 0]])
    with pytest.raises(ValueError, match="the catalog has no item texts"):
        grown.partial_fit(bare)
    known = Interactions.from_sequences([[0, 1, 2], [3, 0]])
    grown.partial_fit(known)
    assert grown.item_counts_.sum() == model.item_counts_.sum() + 5


def test_words_of_new_nodes_are_not_those_beside_them():
    words = IdWords({(0,): 5, (1,): 6, (0, 0): 7}, np.ones(10, dtype=np.float32))
    words.add((2, 0), [6, 5, 8, 8, 9])
    assert words.path((2, 0)) == (8, 5)
    words.add((0, 1), [5, 7])
    assert words.path((0, 1)) == (5,)
    codes, tokens = words.as_arrays(2)
    again = IdWords.of_arrays(codes, tokens, words.rarity)
    assert again.tokens == words.tokens


def test_ids_are_numbered_until_they_differ():
    digits = list(range(100, 110))
    paths = [(5,), (5,), (), (5, 100)]
    assert distinct_ids(paths, set(), digits) == [(5, 100), (5, 101), (100,), (5, 100, 100)]
    assert distinct_ids([(6,)], {(6,), (6, 100)}, digits) == [(6, 101)]
    many = distinct_ids([(5,)] * 12, set(), digits)
    assert many[11] == (5, 101, 101)
    with pytest.raises(ValueError, match="no tokens of single digits"):
        distinct_ids([(5,), (5,)], set(), None)
    with pytest.raises(ValueError, match=r"an item would have none.* no tokens of single digits"):
        distinct_ids([()], set(), None)


def test_the_next_of_a_ring_is_found(folder, training_seed, margin, least_lead):
    X = log_of(TEXTS, n_users=30, length=6)
    parameters = QUICK | {"max_length": 2, "max_epochs": 40, "learning_rate": 0.01}
    parameters["random_state"] = training_seed
    model = GRAMTextEstimator(folder, **parameters).fit(X)
    later = X[X._starts < X._ends]
    margin(least_lead(model, later), above=0)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_a_narrow_beam_misses_what_it_does_not_reach(X, model):
    narrow = pickle.loads(pickle.dumps(model)).set_params(n_beams=1)
    exact, found = model.decision_function(X), narrow.decision_function(X)
    has_past = X._starts < X._ends
    reached = np.isfinite(found)
    assert (reached[has_past].sum(axis=1) < 6).all()
    assert_allclose(found[reached], exact[reached], atol=1e-5)
    ranks = narrow.target_ranks(X)
    assert_array_equal(np.isinf(ranks), ~reached[np.arange(len(X)), X._item_codes])
    # Where only few may be recommended, the beam follows these alone.
    few = model.item_ids_[[1, 4]]
    ids, scores = narrow.set_params(n_beams=2).recommend([[0, 1]], k=2, candidates=few)
    assert {*ids[0]} == {*few}
    assert_allclose(
        np.sort(scores), np.sort(model.decision_function([[0, 1]])[:, [1, 4]]), atol=1e-5
    )


def test_a_beam_does_not_follow_what_was_seen(model):
    narrow = pickle.loads(pickle.dumps(model)).set_params(n_beams=2, k=2)
    history = model.item_ids_[:4].tolist()
    ids, scores = narrow.recommend([history], exclude_seen=True)
    assert {*ids[0]} == {4, 5}
    assert np.isfinite(scores).all()
    assert np.isfinite(narrow.recommend([history])[1]).all()  # and follows it when it may


def test_probabilities_among_ids_add_up_to_one(X, model):
    among = pickle.loads(pickle.dumps(model)).set_params(normalize="trie")
    scores = among.decision_function(X[X._starts < X._ends])
    assert_allclose(np.exp(scores).sum(axis=1), 1, atol=1e-4)


def test_the_same_seed_gives_the_same_bits_and_touches_no_generator(X, folder, model):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    again = GRAMTextEstimator(folder, **QUICK).fit(X)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert_array_equal(again.decision_function(X), model.decision_function(X))
    assert again.loss_curve_ == model.loss_curve_


def test_a_verbose_fit_tells_of_epochs(X, folder, caplog):
    with caplog.at_level(logging.INFO, logger="skace"):
        GRAMTextEstimator(folder, verbose=True, **QUICK).fit(X)
    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if line.startswith("GRAMTextEstimator epoch 1: loss ")]


# Files.


def test_a_file_needs_no_model_folder(X, model):
    moved = pickle.loads(pickle.dumps(model)).set_params(model="nowhere")
    expected = model.decision_function(X)
    assert_array_equal(moved.decision_function(X), expected)
    assert moved.partial_fit(X[:4]).n_iter_ == 1


def test_a_file_of_numbers_and_names(X, folder, tmp_path):
    ids = make_pipeline(CountVectorizer(), TruncatedSVD(3), SemanticIdEncoder(2))
    model = GRAMTextEstimator(folder, **QUICK | {"semantic_ids": ids}).fit(X)
    dump(model, tmp_path / "model.skops")
    opened = load(tmp_path / "model.skops")
    assert_array_equal(opened.decision_function(X), model.decision_function(X))
    assert opened.partial_fit(X[:4]).n_iter_ == 1


TAMPERED = {
    "id_tokens_": (lambda array: array + 1000, "id_tokens_ holds tokens outside of the"),
    "passage_tokens_": (lambda array: array - 3, "passage_tokens_ holds tokens outside of the"),
    "network_state_": (
        lambda state: {name: array[:1] for name, array in state.items()},
        "the stored .* has shape",
    ),
    "special_tokens_": (
        lambda special: special | {"start": 10**6},
        "special_tokens_ holds tokens outside of the",
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_state_that_was_changed_is_refused(model, name):
    change, message = TAMPERED[name]
    opened = pickle.loads(pickle.dumps(model))
    setattr(opened, name, change(getattr(opened, name)))
    with pytest.raises(ValueError, match=message):
        opened.predict([[0, 1]])


# Refusals.


def a_column_more_for_few(texts):
    """Two codes of each of many texts, three of each of a few."""
    codes = first_letters(texts)
    return codes if len(texts) > 2 else np.pad(codes, ((0, 0), (0, 1)))


def test_another_number_of_codes_for_new_items_is_refused(folder):
    ids = FunctionTransformer(a_column_more_for_few)
    model = GRAMTextEstimator(folder, **QUICK | {"semantic_ids": ids}).fit(log_of(TEXTS))
    grown = log_of([*TEXTS, TEXTS[0]])
    before = model.id_tokens_
    with pytest.raises(ValueError, match="returned 3 columns for new items, but the codes of the"):
        model.partial_fit(grown)
    assert model.id_tokens_ is before


REFUSED = {
    "k": ({"k": 5, "n_beams": 4}, "k=5 exceeds n_beams=4"),
    "no model": ({"model": "no-such-folder"}, "model='no-such-folder' could not be loaded"),
    "a class": ({"semantic_ids": FunctionTransformer}, "semantic_ids is the class"),
    "a name": ({"neighbors": "ease"}, "neighbors is the text 'ease'"),
    "fields": ({"fields": ["title", "brand"]}, r"needs a frame with these columns"),
    "device": ({"device": "gpu"}, "device='gpu' is not known to torch"),
    "codes": (
        {"semantic_ids": FunctionTransformer(lambda texts: np.full((len(texts), 1), 0.5))},
        "returned 0.5 for item 0",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_go_is_refused(X, folder, name):
    changes, message = REFUSED[name]
    model = GRAMTextEstimator(folder, **QUICK).set_params(**changes)
    with pytest.raises((ValueError, OSError), match=message):
        model.fit(X)
    assert not hasattr(model, "item_ids_")


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (None, "the catalog has no item texts"),
        (np.ones((6, 2)), "the catalog has numbers in place of item texts"),
        ([*TEXTS[:4], None, ""], r"2 item\(s\) have no text in 'text': \[?4, 5"),
    ],
)
def test_catalogs_without_texts_are_refused(X, folder, features, message):
    other = Interactions(X.users, X.items, X.timestamps, catalog=Catalog(np.arange(6), features))
    with pytest.raises(ValueError, match=message):
        GRAMTextEstimator(folder, **QUICK).fit(other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_length": 7}, "max_length=7, but the fitted model"),
        ({"semantic_ids": FrozenEstimator(IDS)}, "semantic_ids=FrozenEstimator"),
        ({"semantic_ids": None}, "semantic_ids=Pipeline"),
        ({"fields": "title"}, r"fields='title', but the fitted model.* reads \['text'\]"),
    ],
)
def test_a_fitted_model_learns_on_as_what_it_is(X, model, changes, message):
    grown = pickle.loads(pickle.dumps(model)).set_params(**changes)
    with pytest.raises(ValueError, match=message):
        grown.partial_fit(X)


# Devices.


@pytest.mark.cuda
def test_cuda_learns_and_answers_like_the_cpu(X, folder):
    parameters = QUICK | {"max_epochs": 3, "precision": "float32"}
    there = GRAMTextEstimator(folder, **parameters | {"device": "cuda"}).fit(X)
    assert there.loss_curve_[-1] < there.loss_curve_[0]
    scores = there.decision_function(X)
    opened = pickle.loads(pickle.dumps(there)).set_params(device="cpu")
    assert_allclose(opened.decision_function(X), scores, atol=1e-3)
