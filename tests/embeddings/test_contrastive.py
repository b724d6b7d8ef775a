"""ContrastiveTextEncoder on a tiny tower: it learns, remembers, and says what is wrong."""
# SPDX-License-Identifier: BSD-3-Clause

import importlib.util
import logging
import pickle
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import estimator_checks

from skace import (
    ACETransformer,
    Catalog,
    Interactions,
    LeaveLastOut,
    SASRecEstimator,
    ndcg_scorer,
)
from skace._torch.text import _contrastive_training, _sentence
from skace.embeddings import LocalModel, TextEncoder
from skace.embeddings.text import _core as _text_core
from skace.embeddings.text import _tuned_core
from skace.embeddings.text._contrastive import ContrastiveTextEncoder
from skace.embeddings.text._contrastive_views import AttributeViews
from skace.embeddings.text._template import TextTemplate

if importlib.util.find_spec("sentence_transformers") is None:
    pytest.skip("needs sentence-transformers", allow_module_level=True)

N_DIMS = 16
N_ITEMS = 200
WORDS = [f"w{number}" for number in range(120)]
STATES = ["a fine thing for you new", "a fine thing for you used"]
COLOURS = ["blue", "red"]
SMALL = pd.DataFrame(
    {"title": ["w1 w2", "w3 w4", "w5", "w6 w7"], "brand": ["w90", "w91", "w90", ""]}
)


@pytest.fixture(scope="module")
def model(make_sentence_model):
    """A tower that knows the words of the shop, with random weights."""
    words = {word for text in [*WORDS, *STATES, *COLOURS] for word in text.split()}
    return make_sentence_model(N_DIMS, seed=2, words=sorted(words))


@pytest.fixture(autouse=True)
def no_memory():
    """Each test trains and encodes for itself."""
    _tuned_core._TOWERS.clear()
    _text_core._MEMORY.clear()


def _items():
    """Items whose state and colour say little and fill most of the text."""
    rng = np.random.RandomState(0)
    titles = [" ".join(rng.choice(WORDS[:60], 2)) for _ in range(N_ITEMS)]
    return pd.DataFrame(
        {
            "title": titles,
            "brand": rng.choice(WORDS[60:90], N_ITEMS),
            "maker": rng.choice(WORDS[90:], N_ITEMS),
            "state": rng.choice(STATES, N_ITEMS),
            "colour": rng.choice(COLOURS, N_ITEMS),
        }
    )


def _encoder(model, **changes):
    settings = {"device": "cpu", "random_state": 0, "learning_rate": 3e-3, "max_epochs": 1}
    return ContrastiveTextEncoder(str(model), **settings | changes)


def _recall_of_views(encoder):
    """Share of views whose nearest one among the other views is of the same item."""
    views = AttributeViews(_items().to_dict("records"), TextTemplate("{values}"), 0.25)
    rng, blank = np.random.RandomState(5), _items().map(lambda _: "")
    texts = [views.draw(np.arange(N_ITEMS), rng) for _ in range(2)]
    # Of a row with one filled column the text is what stands there.
    first, second = (encoder.transform(blank.assign(title=title)) for title in texts)
    return float(((first @ second.T).argmax(axis=1) == np.arange(N_ITEMS)).mean())


@pytest.mark.parametrize(
    ("settings", "gain"),
    [
        ({"learning_rate": 1e-2, "max_epochs": 5}, 0.3),
        pytest.param(
            {"loss": "soft", "temperature": 1.0, "learning_rate": 1e-3, "max_epochs": 8},
            0.08,
            marks=pytest.mark.minutes,
        ),
    ],
    ids=["hard", "soft"],
)
def test_training_makes_the_two_views_of_an_item_find_each_other(
    model, settings, gain, training_seed, margin
):
    before = _recall_of_views(TextEncoder(LocalModel(str(model), device="cpu")).fit(_items()))
    settings = settings | {"random_state": training_seed}
    encoder = _encoder(model, drop_rate=0.25, batch_size=32, **settings).fit(_items())
    margin(_recall_of_views(encoder), above=before + gain)
    margin(encoder.loss_curve_[-1], below=encoder.loss_curve_[0])
    assert encoder.n_iter_ == len(encoder.loss_curve_) == settings["max_epochs"]


def test_vectors_are_float32_of_unit_length(model):
    found = _encoder(model).fit_transform(SMALL)
    assert (found.dtype, found.shape) == (np.float32, (4, N_DIMS))
    assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)
    raw = _encoder(model, normalize=False).fit_transform(SMALL)
    assert_allclose(raw / np.linalg.norm(raw, axis=1, keepdims=True), found, atol=1e-6)


@pytest.mark.parametrize(
    "X", [["w1 w2", "w3", "w4"], np.array(["w1 w2", "w3"]), pd.Series(["w1", "w2"])]
)
def test_single_texts_are_learned_from_through_dropout(model, X):
    encoder = _encoder(model).fit(X)
    assert encoder.fields_ == ["text"]
    assert encoder.transform(X).shape == (len(X), N_DIMS)
    assert encoder.revision_ != _encoder(model, random_state=1).fit(X).revision_


def test_the_model_on_disk_stays_as_it_is(model):
    content = (model / "model.safetensors").read_bytes()
    before = TextEncoder(LocalModel(str(model), device="cpu")).fit(SMALL)
    encoder = _encoder(model).fit(SMALL)
    assert (model / "model.safetensors").read_bytes() == content
    assert encoder.base_revision_ == before.revision_ != encoder.revision_
    assert np.abs(encoder.transform(SMALL) - before.transform(SMALL)).max() > 1e-3


# Seeds.


def test_one_seed_gives_one_model_and_leaves_the_generators_of_others_alone(model):
    torch_state = torch.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002 (the global one is the point)
    first = _encoder(model).fit(SMALL)
    _tuned_core._TOWERS.clear()
    again = clone(first).fit(SMALL)
    other = _encoder(model, random_state=1).fit(SMALL)
    assert first.revision_ == again.revision_ != other.revision_
    assert first.loss_curve_ == again.loss_curve_
    assert_array_equal(first.transform(SMALL), again.transform(SMALL))
    assert torch.equal(torch_state, torch.get_rng_state())
    assert_array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


def test_an_instance_as_seed_goes_on(model):
    rng = np.random.RandomState(0)
    encoder = _encoder(model, random_state=rng)
    assert encoder.fit(SMALL).revision_ != encoder.fit(SMALL).revision_


def _count_epochs(monkeypatch):
    counts = []
    run_epoch = _contrastive_training.ContrastiveTrainer.run_epoch

    def counted(self):
        counts.append(1)
        return run_epoch(self)

    monkeypatch.setattr(_contrastive_training.ContrastiveTrainer, "run_epoch", counted)
    return counts


@pytest.fixture(scope="module")
def trained(model):
    """An encoder, and what the process remembers right after it was trained."""
    _tuned_core._TOWERS.clear()
    return _encoder(model).fit(SMALL), _tuned_core._TOWERS._entries.copy()


@pytest.mark.parametrize(
    ("change", "trains"),
    [
        ({}, False),
        ({"normalize": False}, False),
        ({"truncate_dim": 3}, False),
        ({"store_weights": False}, False),
        ({"random_state": 1}, True),
        ({"drop_rate": 0.5}, True),
        ({"loss": "soft"}, True),
        ({"temperature": 0.1}, True),
        ({"learn_temperature": True}, True),
        ({"learning_rate": 1e-4}, True),
        ({"batch_size": 2}, True),
        ({"template": "{fields}"}, True),
        ({"prompt": "w7 "}, True),
        ({"fields": ["title"]}, True),
        ({"max_epochs": 2}, True),
        ({"lora_rank": 2}, True),
        ({"precision": "bfloat16"}, True),
        ({"random_state": None}, True),
    ],
)
def test_what_weights_depend_on_decides_whether_a_process_trains_again(
    model, trained, monkeypatch, change, trains
):
    first, remembered = trained
    _tuned_core._TOWERS._entries.update(remembered)
    counts = _count_epochs(monkeypatch)
    again = _encoder(model, **change).fit(SMALL)
    assert bool(counts) == trains
    assert (again.revision_ != first.revision_) == trains


def test_other_items_mean_another_training(model, monkeypatch):
    _encoder(model).fit(SMALL)
    counts = _count_epochs(monkeypatch)
    _encoder(model).fit(SMALL[:3])
    assert counts == [1]


@pytest.mark.parametrize("loss", ["hard", "soft"])
def test_the_temperature_starts_where_it_is_said_and_may_be_learned(model, loss):
    start = {"hard": 0.05, "soft": 3.0}[loss]
    fixed = _encoder(model, loss=loss).fit(SMALL)
    assert fixed.temperature_ == pytest.approx(start, rel=1e-6)
    learned = _encoder(model, loss=loss, learn_temperature=True).fit(SMALL)
    assert learned.temperature_ != fixed.temperature_
    assert learned.temperature_ == pytest.approx(start, rel=0.02)


# Catalogs and pipelines.


def _shop():
    rng = np.random.default_rng(0)
    catalog = Catalog(np.arange(20), _items()[:20], provenance={"data": "A shop"})
    return Interactions(np.repeat(np.arange(8), 5), rng.integers(20, size=40), catalog=catalog)


def _pipeline(model):
    recommender = SASRecEstimator(
        k=3, n_heads=1, n_layers=1, max_epochs=1, early_stopping=False, random_state=0
    )
    steps = [("text", _encoder(model)), ("ace", ACETransformer(n_components=4))]
    return Pipeline([*steps, ("rec", recommender)])


def test_a_search_over_a_pipeline_trains_the_text_model_once(model, monkeypatch):
    counts = _count_epochs(monkeypatch)
    X = _shop()
    search = GridSearchCV(
        _pipeline(model), {"ace__alpha": [0.1, 1]}, cv=LeaveLastOut(), scoring=ndcg_scorer(k=3)
    ).fit(X)
    assert len(counts) == 1
    assert search.predict(X.next_queries()).shape == (8, 3)
    assert search.predict([[3, 5], []]).shape == (2, 3)
    opened = pickle.loads(pickle.dumps(search.best_estimator_))
    assert_array_equal(opened.predict([[3, 5]]), search.predict([[3, 5]]))


def test_the_catalog_gets_vectors_and_says_how_they_were_learned(model):
    X = _shop()
    encoder = _encoder(model, lora_rank=2, drop_rate=0.5)
    catalog = encoder.fit_transform(X).catalog
    assert_array_equal(catalog.features, encoder.transform(_items()[:20]))
    assert catalog.provenance["data"] == "A shop"
    assert catalog.provenance["revision"] == encoder.revision_
    assert catalog.provenance["base_revision"] == encoder.base_revision_
    assert catalog.provenance["training"] == (
        "contrastive (hard), drop_rate=0.5, temperature=0.05, 1 epochs, lora_rank=2"
    )


@pytest.mark.parametrize("missing", ["mean", "zero"])
def test_items_without_text_get_a_vector_and_no_training(model, missing):
    gaps = pd.concat([SMALL, pd.DataFrame({"title": [""], "brand": [None]})])
    encoder = _encoder(model, missing=missing)
    found = encoder.fit_transform(gaps)
    assert encoder.revision_ == _encoder(model).fit(SMALL).revision_
    expected = encoder.mean_ if missing == "mean" else np.zeros(N_DIMS)
    assert_array_equal(found[4], expected)


def test_items_of_one_text_count_as_one(model):
    twice = pd.concat([SMALL, SMALL])
    encoder = _encoder(model).fit(twice)
    assert encoder.revision_ == _encoder(model).fit(SMALL).revision_


# Persistence.


@pytest.mark.parametrize("kind", ["pickle", "skops"])
def test_files_hold_the_trained_weights(model, tmp_path, kind):
    moved = shutil.copytree(model, tmp_path / "moved")
    encoder = _encoder(moved).fit(SMALL)
    assert {array.dtype for array in encoder.weights_.values()} == {np.dtype(np.uint8)}
    new = pd.DataFrame({"title": ["w9 w8"], "brand": ["w60"]})
    expected = encoder.transform(new)
    shutil.rmtree(moved)
    if kind == "pickle":
        opened = pickle.loads(pickle.dumps(encoder))
    else:
        content = skops.io.dumps(encoder)
        trusted = skops.io.get_untrusted_types(data=content)
        assert trusted == ["skace.embeddings.text._contrastive.ContrastiveTextEncoder"]
        opened = skops.io.loads(content, trusted=trusted)
    _text_core._MEMORY.clear()
    _tuned_core._TOWERS.clear()
    assert_allclose(opened.transform(new), expected, atol=1e-6)


def test_a_file_without_weights_knows_what_the_cache_knows(model, tmp_path):
    encoder = _encoder(model, store_weights=False, cache=str(tmp_path)).fit(SMALL)
    expected = encoder.transform(SMALL)
    content = pickle.dumps(encoder)
    assert len(content) < 5000
    assert not hasattr(encoder, "weights_")
    opened = pickle.loads(content)
    assert_array_equal(opened.transform(SMALL), expected)
    finding = (
        r"^this ContrastiveTextEncoder was stored without its weights \(store_weights=False\), so "
        r"that it only knows the texts in its cache; fit again, or store it with "
        r"store_weights=True\.$"
    )
    with pytest.raises(ValueError, match=finding):
        opened.transform(pd.DataFrame({"title": ["new"], "brand": ["w1"]}))


def test_half_precision_comes_close(model):
    whole = _encoder(model).fit_transform(SMALL)
    half = _encoder(model, precision="bfloat16").fit(SMALL)
    found = half.transform(SMALL)
    assert found.dtype == np.float32
    assert 0 < np.abs(found - whole).max() < 0.2
    opened = pickle.loads(pickle.dumps(half))
    _text_core._MEMORY.clear()
    assert_array_equal(opened.transform(SMALL), found)


@pytest.mark.cuda
def test_what_was_trained_on_a_gpu_opens_on_a_cpu(model):
    encoder = _encoder(model, device="cuda", precision="auto", lora_rank=2).fit(SMALL)
    expected = encoder.transform(SMALL)
    encoder.set_params(device="cpu", precision="bfloat16")
    opened = pickle.loads(pickle.dumps(encoder))
    _text_core._MEMORY.clear()
    assert_allclose(opened.transform(SMALL), expected, atol=0.05)


# Progress.


class Recorder:
    """Callback that notes what it is told, and may stop the training."""

    def __init__(self, stop_after=None):
        self.seen = []
        self.stop_after = stop_after

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, X):  # noqa: ARG002 - the protocol
        assert X is SMALL
        self.seen.append(f"begin {context.task_name} of {context.max_subtasks}")

    def on_fit_task_end(self, estimator, context):  # noqa: ARG002
        self.seen.append(f"end {context.task_name}")
        return self.seen.count("end epoch") == self.stop_after


def test_callbacks_see_every_epoch(model):
    recorder = Recorder()
    _encoder(model, max_epochs=2).set_callbacks(recorder).fit(SMALL)
    epoch = ["begin epoch of 0", "end epoch"]
    assert recorder.seen == ["begin fit of 2", *epoch, *epoch, "end fit"]


def test_a_training_that_a_callback_stopped_is_not_for_others(model):
    stopped = _encoder(model, max_epochs=3).set_callbacks(Recorder(stop_after=1)).fit(SMALL)
    assert stopped.n_iter_ == 1
    whole = _encoder(model, max_epochs=3).fit(SMALL)
    assert whole.n_iter_ == 3
    assert whole.loss_curve_[0] == stopped.loss_curve_[0]


@pytest.mark.parametrize(("verbose", "n_lines"), [(True, 2), (False, 0)])
def test_epochs_are_logged_on_request(model, caplog, verbose, n_lines):
    with caplog.at_level(logging.INFO, logger="skace"):
        encoder = _encoder(model, max_epochs=2, verbose=verbose).fit(SMALL)
    lines = [line for line in caplog.messages if "epoch" in line]
    expected = [
        f"ContrastiveTextEncoder epoch {number}: loss {loss:.4f}"
        for number, loss in enumerate(encoder.loss_curve_, start=1)
    ]
    assert lines == expected[:n_lines]


# Errors.


@pytest.mark.parametrize(
    ("parameters", "finding"),
    [
        ({"loss": "ranking"}, r"^The 'loss' parameter of ContrastiveTextEncoder must be a str amo"),
        (
            {"temperature": 0},
            r"^The 'temperature' parameter of ContrastiveTextEncoder must be a fl",
        ),
        (
            {"drop_rate": 1.0},
            r"^The 'drop_rate' parameter of ContrastiveTextEncoder must be a floa",
        ),
        (
            {"drop_rate": -0.1},
            r"^The 'drop_rate' parameter of ContrastiveTextEncoder must be a flo",
        ),
        ({"lora_rank": 0}, r"^The 'lora_rank' parameter of ContrastiveTextEncoder must be an int"),
        (
            {"batch_size": 1},
            r"^The 'batch_size' parameter of ContrastiveTextEncoder must be an int",
        ),
        (
            {"max_epochs": 0},
            r"^The 'max_epochs' parameter of ContrastiveTextEncoder must be an int",
        ),
        ({"precision": "float16"}, r"^The 'precision' parameter of ContrastiveTextEncoder must be"),
        ({"template": "{"}, r"^template='\{' is malformed"),
        (
            {"fields": ["colour"]},
            r"^fields must name columns of X, which are 'title', 'brand'; got",
        ),
        ({"device": "tpu"}, r"^device='tpu' is not known to torch; use 'auto', 'cpu', 'cuda' or"),
        ({"truncate_dim": 17}, r"^truncate_dim=17 exceeds the 16 numbers of a vector\.$"),
    ],
)
def test_parameters_that_make_no_sense_are_refused_before_training(
    model, monkeypatch, parameters, finding
):
    monkeypatch.setattr(_contrastive_training, "ContrastiveTrainer", None)
    with pytest.raises(ValueError, match=finding):
        _encoder(model, **parameters).fit(SMALL)


ONE_TEXT = r"^X holds 1 different text\(s\), but telling items apart takes at least two\.$"


@pytest.mark.parametrize(
    ("X", "finding"),
    [
        (np.eye(3), r"^X must hold texts"),
        ([], r"^X holds no texts; there is nothing to encode\.$"),
        (["w1", "w1"], ONE_TEXT),
        (["w1"], ONE_TEXT),
        (["w1", ""], r"^1 row\(s\) have no text in 'text': 1\. Give them one, or pass missing="),
    ],
)
def test_what_cannot_be_learned_from_is_refused_before_a_model_is_loaded(monkeypatch, X, finding):
    monkeypatch.setattr(_sentence, "load_sentence_model", None)
    with pytest.raises(ValueError, match=finding):
        ContrastiveTextEncoder("nobody/nothing", device="cpu").fit(X)


def test_views_that_cannot_differ_are_refused(make_sentence_model):
    model = make_sentence_model(N_DIMS, dropout=0.0)
    finding = (
        r"^the two views of every item would be equal: no item has attributes to leave out or to "
        r"put in another order, and the model has no dropout\. Pass a frame with more columns of "
        r"texts\.$"
    )
    with pytest.raises(ValueError, match=finding):
        _encoder(model).fit(["red pen", "ink"])
    assert _encoder(model).fit(pd.DataFrame({"a": ["x", "y"], "b": ["v", "w"]})).n_iter_ == 1


def test_a_loss_that_is_no_number_stops_the_training(model, monkeypatch):
    trainer = _contrastive_training.ContrastiveTrainer
    monkeypatch.setattr(trainer, "run_epoch", lambda _: float("nan"))
    encoder = _encoder(model)
    finding = r"^the loss became nan in epoch 1; lower learning_rate \(now 0\.003\)\.$"
    with pytest.raises(FloatingPointError, match=finding):
        encoder.fit(SMALL)
    with pytest.raises(NotFittedError):
        encoder.transform(SMALL)


def test_without_sentence_transformers_the_error_says_what_to_install(monkeypatch):
    class Hider:
        def find_spec(self, name, path=None, target=None):  # noqa: ARG002 - the protocol
            if name == "sentence_transformers":
                message = f"No module named {name!r}"
                raise ModuleNotFoundError(message, name=name)

    monkeypatch.delitem(sys.modules, "sentence_transformers", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Hider(), *sys.meta_path])
    finding = (
        r"^ContrastiveTextEncoder needs sentence-transformers, which is not installed\. Install it "
        r"with 'pip install sentence-transformers'\.$"
    )
    with pytest.raises(ImportError, match=finding):
        ContrastiveTextEncoder(device="cpu").fit(SMALL)


# Habits of scikit-learn.


def test_columns_have_names(model):
    encoder = _encoder(model, truncate_dim=2).fit(SMALL)
    names = ["contrastivetextencoder0", "contrastivetextencoder1"]
    assert encoder.get_feature_names_out().tolist() == names
    assert list(encoder.set_output(transform="pandas").transform(SMALL).columns) == names


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
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
    check("ContrastiveTextEncoder", ContrastiveTextEncoder())


def test_a_fitted_encoder_has_an_unfitted_clone(model):
    encoder = _encoder(model, lora_rank=None).fit(SMALL)
    copy = clone(encoder)
    assert copy.get_params() == encoder.get_params()
    with pytest.raises(NotFittedError):
        copy.transform(SMALL)
