"""SAIDTextEncoder on a tiny Llama: its vectors tell the texts, and it says what is wrong."""
# SPDX-License-Identifier: BSD-3-Clause

import importlib.util
import logging
import pickle
import shutil
import subprocess
import sys
import textwrap
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import estimator_checks

from skace import (
    ACETransformer,
    Catalog,
    Interactions,
    LeaveLastOut,
    OnItems,
    SASRecEstimator,
    ndcg_scorer,
)
from skace._torch.text import _causal_loading, _said_training
from skace.embeddings import FunctionModel, SAIDTextEncoder, TextEncoder
from skace.embeddings.text import _core as _text_core
from skace.embeddings.text import _said_core
from skace.item_tables import FrozenTable
from skace.persistence import dump, load

if importlib.util.find_spec("transformers") is None:
    pytest.skip("needs transformers", allow_module_level=True)

# Of so few texts and epochs the vectors may tell nothing.
pytestmark = pytest.mark.filterwarnings("ignore:the vectors tell the model:UserWarning")

N_DIMS = 32
SMALL = pd.DataFrame(
    {"title": ["w1 w2", "w3 w4", "w5", "w6 w7 w8"], "brand": ["w50", "w51", "w50", ""]}
)


@pytest.fixture(scope="module")
def model(make_language_model):
    return make_language_model(N_DIMS)


@pytest.fixture(autouse=True)
def no_memory():
    """Each test learns and reads for itself."""
    _said_core._LEARNED.clear()
    _text_core._MEMORY.clear()


def _texts(n_texts, seed):
    rng = np.random.RandomState(seed)
    return [" ".join(f"w{number}" for number in rng.randint(60, size=4)) for _ in range(n_texts)]


def _encoder(model, **changes):
    settings = {"device": "cpu", "random_state": 0, "n_tokens": 8, "max_epochs": 1}
    return SAIDTextEncoder(str(model), **settings | changes)


def _loss(encoder, vectors, texts):
    """Nats per token that it takes to write texts from vectors."""
    language_model = encoder._backend.source.model()
    return _said_training.mean_losses(language_model, vectors, language_model.tokens(texts, 8), 16)


# What vectors tell.


def test_projected_vectors_tell_what_texts_say_new_ones_as_well(model, training_seed, margin):
    settings = {"max_epochs": 8, "learning_rate": 1e-2, "random_state": training_seed}
    encoder = _encoder(model, **settings).fit(_texts(300, 0))
    assert encoder.n_iter_ == len(encoder.loss_curve_) == 8
    margin(encoder.loss_curve_[-1], below=encoder.loss_curve_[0] - 0.4)
    margin(encoder.information_, above=0.3)
    new = _texts(60, 1)
    vectors = encoder.transform(new)
    margin(_loss(encoder, vectors, new), below=_loss(encoder, vectors[::-1].copy(), new) - 0.1)
    lengths = np.linalg.norm(vectors, axis=1)
    assert_allclose(lengths, encoder._backend.source.model().mean_length, rtol=1e-4)


def test_free_vectors_tell_more_and_do_not_depend_on_other_texts(model, margin):
    texts = _texts(12, 0)
    encoder = _encoder(model, projector="table", max_epochs=60).fit(texts)
    assert encoder.n_iter_ == len(encoder.loss_curve_) == 60
    margin(encoder.loss_curve_[-1], below=encoder.loss_curve_[0] - 1)
    margin(encoder.information_, above=1)
    vectors = encoder.transform(texts)
    margin(_loss(encoder, vectors, texts), below=_loss(encoder, vectors[::-1].copy(), texts) - 0.5)
    assert not hasattr(encoder, "projector_state_")


@pytest.mark.parametrize("token_dropout", [0.0, 0.5])
def test_a_free_vector_is_that_of_its_text_whatever_stands_beside_it(model, token_dropout):
    texts = ["w1 w2 w3", "w4", "w5 w6 w7 w8 w9"]
    settings = {"projector": "table", "max_epochs": 5, "token_dropout": token_dropout}
    together = _encoder(model, **settings).fit_transform(texts)
    _text_core._MEMORY.clear()
    encoder = _encoder(model, batch_size=1, **settings).fit(texts[:2])
    alone = encoder.transform(texts[2:])
    # Adam's steps are of one size, so what rounding could turn is rare.
    assert_allclose(encoder.transform(texts[:2]), together[:2], atol=2e-3)
    assert_allclose(alone, together[2:], atol=2e-3)


def test_information_is_what_own_vectors_spare(model):
    texts = _texts(10, 0)
    encoder = _encoder(model, projector="table", max_epochs=5).fit(texts)
    vectors = encoder.transform(texts)
    same = np.repeat(vectors.mean(axis=0, keepdims=True), len(texts), axis=0)
    expected = _loss(encoder, same, texts) - _loss(encoder, vectors, texts)
    assert encoder.information_ == pytest.approx(expected, rel=1e-3)


def test_information_of_many_texts_is_measured_on_some(model, monkeypatch):
    monkeypatch.setattr(_said_core, "_N_MEASURED", 4)
    texts = _texts(10, 0)
    measured = []
    tokens = _causal_loading.CausalModel.tokens

    def spy(self, texts, n_tokens):
        measured.append(list(texts))
        return tokens(self, texts, n_tokens)

    monkeypatch.setattr(_causal_loading.CausalModel, "tokens", spy)
    _encoder(model).fit(texts)
    assert measured == [texts, [texts[0], texts[2], texts[5], texts[7]]]


@pytest.mark.filterwarnings("error")
def test_vectors_that_carry_nothing_are_warned_of(model):
    finding = r"^the vectors tell the model -?0\.00\d\d nats about each token of their texts, which"
    with pytest.warns(UserWarning, match=finding):
        _encoder(model, projector="table", learning_rate=1e-9).fit(SMALL)


def test_the_language_model_stays_as_it_is(model):
    before = sha256((model / "model.safetensors").read_bytes()).digest()
    encoder = _encoder(model).fit(SMALL)
    found = encoder._backend.source.model().fingerprint()
    assert sha256((model / "model.safetensors").read_bytes()).digest() == before
    fresh = _encoder(model, random_state=1)._build_backend().source.model()
    assert found == fresh.fingerprint()


@pytest.mark.parametrize("projector", ["text", "table"])
@pytest.mark.parametrize("X", [["w1", "w3", "w4"], np.array(["w1", "w2"]), pd.Series(["w1", "w2"])])
def test_single_texts_are_learned_from(model, X, projector):
    encoder = _encoder(model, projector=projector).fit(X)
    found = encoder.transform(X)
    assert encoder.fields_ == ["text"]
    assert (found.dtype, found.shape) == (np.float32, (len(X), N_DIMS))
    unit = _encoder(model, projector=projector, normalize=True).fit_transform(X)
    assert_allclose(found / np.linalg.norm(found, axis=1, keepdims=True), unit, atol=1e-5)


def test_half_precision_comes_close_and_is_read_apart(model):
    whole = _encoder(model).fit_transform(SMALL)
    encoder = _encoder(model, precision="bfloat16")
    half = encoder.fit_transform(SMALL)
    assert half.dtype == np.float32
    assert encoder.n_encoded_ == 4
    assert 0 < np.abs(half - whole).max() < 0.5 * np.abs(whole).max()


@pytest.mark.cuda
@pytest.mark.parametrize("projector", ["text", "table"])
def test_what_was_learned_on_a_gpu_opens_on_a_cpu(model, projector):
    encoder = _encoder(model, device="cuda", precision="float32", projector=projector).fit(SMALL)
    expected = encoder.transform(SMALL)
    encoder.set_params(device="cpu")
    opened = pickle.loads(pickle.dumps(encoder))
    _text_core._MEMORY.clear()
    assert_allclose(opened.transform(SMALL), expected, atol=0.02)


# Seeds, and what is done once.


def test_one_seed_gives_one_projector_and_leaves_the_generators_of_others_alone(model):
    torch_state = torch.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002 (the global one is the point)
    first = _encoder(model).fit(SMALL)
    _said_core._LEARNED.clear()
    again = clone(first).fit(SMALL)
    other = _encoder(model, random_state=1).fit(SMALL)
    assert first.loss_curve_ == again.loss_curve_ != other.loss_curve_
    assert first.information_ == again.information_
    assert_array_equal(first.transform(SMALL), again.transform(SMALL))
    assert np.abs(first.transform(SMALL) - other.transform(SMALL)).max() > 1e-2
    assert torch.equal(torch_state, torch.get_rng_state())
    assert_array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("projector", ["text", "table"])
def test_types_and_gradients_of_the_caller_do_not_matter(model, projector):
    expected = _encoder(model, projector=projector).fit_transform(SMALL)
    _said_core._LEARNED.clear()
    _text_core._MEMORY.clear()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            found = _encoder(model, projector=projector).fit_transform(SMALL)
    finally:
        torch.set_default_dtype(torch.float32)
    assert_allclose(found, expected, atol=2e-3)


def test_an_instance_as_seed_goes_on(model):
    encoder = _encoder(model, random_state=np.random.RandomState(0))
    first = encoder.fit_transform(SMALL)
    assert np.abs(encoder.fit_transform(SMALL) - first).max() > 1e-2


@pytest.fixture
def epochs(monkeypatch):
    """List that grows by one with each epoch."""
    counts = []
    run_epoch = _said_training.ProjectorTrainer.run_epoch

    def counted(self):
        counts.append(1)
        return run_epoch(self)

    monkeypatch.setattr(_said_training.ProjectorTrainer, "run_epoch", counted)
    return counts


@pytest.mark.parametrize(
    ("change", "trains", "reads"),
    [
        ({}, False, False),
        ({"normalize": True}, False, False),
        ({"missing": "zero"}, False, False),
        ({"random_state": 1}, True, False),
        ({"random_state": None}, True, False),
        ({"learning_rate": 1e-4}, True, False),
        ({"hidden_dim": 5}, True, False),
        ({"token_dropout": 0.5}, True, False),
        ({"max_epochs": 2}, True, False),
        ({"batch_size": 1}, True, False),
        ({"prompt": "Item:"}, True, False),
        ({"n_tokens": 2}, True, True),
        ({"fields": ["title"]}, True, True),
        ({"projector": "table"}, False, True),
    ],
)
def test_what_depends_on_what_is_done_again(model, epochs, change, trains, reads):
    first = _encoder(model).fit(SMALL)
    epochs.clear()
    again = _encoder(model, **change).fit(SMALL)
    assert bool(epochs) == trains
    assert bool(again.n_encoded_) == reads
    same = np.allclose(again.set_params(normalize=False).transform(SMALL), first.transform(SMALL))
    assert same == (not trains and not reads)


@pytest.mark.parametrize(
    ("change", "n_encoded"),
    [
        ({}, 0),
        ({"random_state": 1}, 0),
        ({"batch_size": 3}, 0),
        ({"learning_rate": 0.1}, 4),
        ({"max_epochs": 2}, 4),
        ({"prompt": "Item:"}, 4),
        ({"token_dropout": 0.5}, 4),
    ],
)
def test_what_free_vectors_depend_on_decides_whether_they_are_found_again(model, change, n_encoded):
    _encoder(model, projector="table").fit(SMALL)
    again = _encoder(model, projector="table", **change).fit(SMALL)
    assert again.n_encoded_ == n_encoded


def test_other_texts_mean_another_training(model, epochs):
    _encoder(model).fit(SMALL)
    _encoder(model).fit(SMALL[:3])
    assert len(epochs) == 2


def test_known_texts_need_no_model_and_no_torch(model, tmp_path):
    encoder = _encoder(model, precision="float32", cache=tmp_path / "cache")
    expected = encoder.fit_transform(SMALL)
    (tmp_path / "encoder").write_bytes(pickle.dumps(encoder))
    np.save(tmp_path / "expected.npy", expected)
    code = f"""
        import pickle, sys
        import numpy as np
        import pandas as pd
        encoder = pickle.load(open({str(tmp_path / "encoder")!r}, "rb"))
        found = encoder.transform(pd.DataFrame({SMALL.to_dict("list")!r}))
        expected = np.load({str(tmp_path / "expected.npy")!r})
        print(np.allclose(found, expected, atol=1e-6))
        print([name for name in ("torch", "transformers") if name in sys.modules])
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == ["True", "[]"]


# Catalogs and pipelines.


def _shop():
    rng = np.random.default_rng(0)
    catalog = Catalog(np.arange(20), _texts(20, 3), provenance={"data": "A shop"})
    return Interactions(np.repeat(np.arange(8), 5), rng.integers(20, size=40), catalog=catalog)


def test_a_search_over_a_pipeline_trains_once(model, epochs):
    recommender = SASRecEstimator(
        k=3,
        n_heads=1,
        n_layers=1,
        max_epochs=1,
        early_stopping=False,
        random_state=0,
        item_table=FrozenTable(),
    )
    steps = [("text", _encoder(model)), ("ace", ACETransformer(n_components=4))]
    X = _shop()
    search = GridSearchCV(
        Pipeline([*steps, ("rec", recommender)]),
        {"ace__alpha": [0.1, 1]},
        cv=LeaveLastOut(),
        scoring=ndcg_scorer(k=3),
    ).fit(X)
    assert len(epochs) == 1
    assert search.predict(X.next_queries()).shape == (8, 3)
    opened = pickle.loads(pickle.dumps(search.best_estimator_))
    assert_array_equal(opened.predict([[3, 5], []]), search.predict([[3, 5], []]))


def _count_words(texts):
    return [[len(text.split())] for text in texts]


def test_it_stands_beside_others_in_a_union(model):
    counts = TextEncoder(FunctionModel(_count_words, revision="1"), normalize=False)
    union = FeatureUnion([("said", _encoder(model)), ("counts", counts)])
    texts = _texts(5, 0)
    found = union.fit_transform(texts)
    assert_allclose(found[:, :N_DIMS], _encoder(model).fit_transform(texts), atol=1e-5)
    assert_array_equal(found[:, N_DIMS:], np.full((5, 1), 4))


def test_on_items_wraps_it(model):
    X = _shop()
    found = OnItems(_encoder(model)).fit_transform(X).catalog.features
    expected = _encoder(model).fit_transform(X).catalog.features
    assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("projector", ["text", "table"])
def test_the_catalog_gets_vectors_and_says_how_they_were_learned(model, projector):
    X = _shop()
    encoder = _encoder(model, projector=projector, prompt="Item:")
    catalog = encoder.fit_transform(X).catalog
    assert_array_equal(catalog.features, encoder.transform(_texts(20, 3)))
    facts = catalog.provenance
    assert facts["data"] == "A shop"
    assert facts["revision"] == encoder.revision_
    assert facts["model"] == str(model)
    assert facts["training"] == f"SAID ({projector}), 1 epochs"
    assert ("projector" in facts) == (projector == "text")


@pytest.mark.parametrize("projector", ["text", "table"])
@pytest.mark.parametrize("missing", ["mean", "zero"])
def test_items_without_text_get_a_vector_and_no_training(model, missing, projector):
    gaps = pd.concat([SMALL, pd.DataFrame({"title": [""], "brand": [None]})])
    encoder = _encoder(model, missing=missing, projector=projector)
    found = encoder.fit_transform(gaps)
    alone = _encoder(model, projector=projector).fit_transform(SMALL)
    assert_allclose(found[:4], alone, atol=1e-6)
    expected = alone.mean(axis=0) if missing == "mean" else np.zeros(N_DIMS)
    assert_allclose(found[4], expected, atol=1e-5)


def test_items_of_one_text_count_as_one(model):
    twice = _encoder(model).fit(pd.concat([SMALL, SMALL]))
    assert twice.loss_curve_ == _encoder(model).fit(SMALL).loss_curve_


# Persistence.


@pytest.mark.parametrize("kind", ["pickle", "skops", "dump"])
@pytest.mark.parametrize("projector", ["text", "table"])
def test_files_hold_the_projector_and_need_the_model_for_new_texts(
    model, tmp_path, kind, projector
):
    moved = shutil.copytree(model, tmp_path / "moved")
    settings = {"projector": projector, "cache": str(tmp_path / "cache")}
    encoder = _encoder(moved, **settings).fit(SMALL)
    new = pd.DataFrame({"title": ["w9 w8"], "brand": ["w60"]})
    if kind == "pickle":
        opened = pickle.loads(pickle.dumps(encoder))
    elif kind == "dump":
        opened = load(tmp_path / "file", sha256=dump(encoder, tmp_path / "file"))
    else:
        content = skops.io.dumps(encoder)
        trusted = skops.io.get_untrusted_types(data=content)
        assert trusted == ["skace.embeddings.text._said.SAIDTextEncoder"]
        opened = skops.io.loads(content, trusted=trusted)
    expected = encoder.transform(SMALL)
    assert_array_equal(opened.transform(SMALL), expected)
    assert opened.transform(new).shape == (1, N_DIMS)
    shutil.rmtree(moved)
    assert_array_equal(pickle.loads(pickle.dumps(opened)).transform(SMALL), expected)


def test_another_model_in_the_same_place_is_refused(model, make_language_model, tmp_path):
    moved = shutil.copytree(model, tmp_path / "moved")
    content = pickle.dumps(_encoder(moved).fit(SMALL))
    shutil.copytree(make_language_model(N_DIMS, seed=1), moved, dirs_exist_ok=True)
    with pytest.raises(ValueError, match=r"^the encoder is not the fitted one any more \(revision"):
        pickle.loads(content).transform(SMALL.assign(brand="new"))


@pytest.mark.parametrize(
    "change",
    [
        {"outer.bias": np.zeros(3, np.float32)},
        {"inner.weight": np.zeros((4, N_DIMS), np.float32)},
        {"mean": np.zeros((1, N_DIMS), np.float32)},
        {"length": np.ones(2, np.float32)},
        {"norm.bias": None},
        {"norm.weight": "weights"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_weights_that_somebody_changed_are_refused(model, change):
    encoder = _encoder(model).fit(SMALL)
    encoder.projector_state_ = encoder.projector_state_ | change
    finding = r"^projector_state_ holds weights '.*' of shape .*, which do not fit the others and "
    with pytest.raises(ValueError, match=finding):
        encoder.transform(SMALL)


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


@pytest.mark.parametrize(
    ("projector", "part", "n_parts"), [("text", "epoch", 2), ("table", "texts", 1)]
)
def test_callbacks_see_every_part(model, projector, part, n_parts):
    recorder = Recorder()
    _encoder(model, projector=projector, max_epochs=2).set_callbacks(recorder).fit(SMALL)
    parts = n_parts * [f"begin {part} of 0", f"end {part}"]
    assert recorder.seen == [f"begin fit of {n_parts}", *parts, "end fit"]


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
        f"SAIDTextEncoder epoch {number}: loss {loss:.4f}"
        for number, loss in enumerate(encoder.loss_curve_, start=1)
    ]
    assert lines == expected[:n_lines]


# Errors.


@pytest.mark.parametrize(
    ("parameters", "finding"),
    [
        ({"model": 3}, r"^The 'model' parameter of SAIDTextEncoder must be an instance of 'str' o"),
        ({"projector": "mlp"}, r"^The 'projector' parameter of SAIDTextEncoder must be a str am"),
        ({"hidden_dim": 0}, r"^The 'hidden_dim' parameter of SAIDTextEncoder must be an int"),
        ({"n_tokens": 0}, r"^The 'n_tokens' parameter of SAIDTextEncoder must be an int"),
        ({"token_dropout": 1.0}, r"^The 'token_dropout' parameter of SAIDTextEncoder must be a "),
        ({"batch_size": 0}, r"^The 'batch_size' parameter of SAIDTextEncoder must be an int"),
        ({"learning_rate": 0}, r"^The 'learning_rate' parameter of SAIDTextEncoder must be a fl"),
        ({"max_epochs": 0}, r"^The 'max_epochs' parameter of SAIDTextEncoder must be an int"),
        ({"precision": "float16"}, r"^The 'precision' parameter of SAIDTextEncoder must be a str"),
        ({"gguf_file": 1}, r"^The 'gguf_file' parameter of SAIDTextEncoder must be an instance"),
        ({"template": "{"}, r"^template='\{' is malformed"),
        ({"fields": ["colour"]}, r"^fields must name columns of X, which are 'title', 'brand'; go"),
        ({"device": "tpu"}, r"^device='tpu' is not known to torch; use 'auto', 'cpu', 'cuda' or"),
        (
            {"projector": "table", "hidden_dim": 4},
            r"^hidden_dim=4 is the width of a projector, which projector='table' does not have; "
            r"pass hidden_dim=None\.$",
        ),
    ],
)
def test_parameters_that_make_no_sense_are_refused_before_a_model_is_loaded(
    monkeypatch, parameters, finding
):
    monkeypatch.setattr(_causal_loading, "load_causal_model", None)
    encoder = _encoder("nobody/nothing").set_params(**parameters)
    with pytest.raises(ValueError, match=finding):
        encoder.fit(SMALL)


ONE_TEXT = (
    r"^X holds 1 different text\(s\), but what a vector tells of its own text takes at least two "
    r"to measure\.$"
)


@pytest.mark.parametrize(
    ("X", "finding"),
    [
        (np.eye(3), r"^X must hold texts"),
        ([], r"^X holds no texts; there is nothing to encode\.$"),
        (["w1", "w1"], ONE_TEXT),
        (["w1", ""], r"^1 row\(s\) have no text in 'text': 1\. Give them one, or pass missing="),
    ],
)
def test_what_cannot_be_learned_from_is_refused_before_a_model_is_loaded(monkeypatch, X, finding):
    monkeypatch.setattr(_causal_loading, "load_causal_model", None)
    with pytest.raises(ValueError, match=finding):
        _encoder("nobody/nothing").fit(X)


def test_a_loss_that_is_no_number_stops_the_training(model, monkeypatch):
    trainer = _said_training.ProjectorTrainer
    monkeypatch.setattr(trainer, "run_epoch", lambda _: float("nan"))
    encoder = _encoder(model)
    finding = r"^the loss became nan in epoch 1; lower learning_rate \(now 0\.001\)\.$"
    with pytest.raises(FloatingPointError, match=finding):
        encoder.fit(SMALL)
    with pytest.raises(NotFittedError):
        encoder.transform(SMALL)


# Habits of scikit-learn.


def test_columns_have_names(model):
    encoder = _encoder(model).fit(SMALL)
    names = [f"saidtextencoder{number}" for number in range(N_DIMS)]
    assert encoder.get_feature_names_out().tolist() == names
    assert list(encoder.set_output(transform="pandas").transform(SMALL).columns) == names


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
    check("SAIDTextEncoder", SAIDTextEncoder("a-model"))


def test_a_fitted_encoder_has_an_unfitted_clone(model):
    encoder = _encoder(model).fit(SMALL)
    copy = clone(encoder)
    assert copy.get_params() == encoder.get_params()
    with pytest.raises(NotFittedError):
        copy.transform(SMALL)
