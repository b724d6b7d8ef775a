"""TextEncoder with real sentence-transformers code, on a tiny model made here."""
# SPDX-License-Identifier: BSD-3-Clause

import importlib.util
import os
import pickle
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skace import ACETransformer, Catalog, Interactions, SASRecEstimator
from skace._torch.text import _sentence
from skace._torch.text._sentence import SentenceModel, unpack_weights
from skace.embeddings import LocalModel, TextEncoder
from skace.embeddings.text import _core as _text_core
from skace.embeddings.text.sources._revision import local_fingerprint

if importlib.util.find_spec("sentence_transformers") is None:
    pytest.skip("needs sentence-transformers", allow_module_level=True)

TEXTS = ["red pen", "a much longer text about blue ink", "ink", "blue pen"]
N_DIMS = 16


@pytest.fixture(scope="module", autouse=True)
def offline():
    """Nothing in this file may look for a model on the network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="module")
def model(make_sentence_model):
    """A BERT of one layer that reads letters, with mean pooling."""
    return make_sentence_model(N_DIMS)


@pytest.fixture(autouse=True)
def no_memory():
    _text_core._MEMORY.clear()


def _encoder(model, *, device="cpu", precision="float32", store_weights=False, **changes):
    """Encoder by a model in a folder, without scaling unless asked for."""
    local = LocalModel(str(model), device=device, precision=precision, store_weights=store_weights)
    return TextEncoder(local, **{"normalize": False} | changes)


def _vectors(model, texts, **settings):
    """The vectors that sentence-transformers gives by itself."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(model), device="cpu").encode(
        texts, show_progress_bar=False, **settings
    )


def test_the_tiny_model_tells_texts_apart(model):
    vectors = _vectors(model, TEXTS)
    assert np.linalg.matrix_rank(vectors - vectors.mean(axis=0), tol=1e-3) == len(TEXTS) - 1


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_vectors_are_those_of_sentence_transformers(model, batch_size):
    found = _encoder(model, batch_size=batch_size).fit_transform(TEXTS)
    assert found.dtype == np.float32
    assert_allclose(found, _vectors(model, TEXTS), atol=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"normalize": True}, {"normalize_embeddings": True}),
        ({"truncate_dim": 5}, {"truncate_dim": 5}),
        (
            {"truncate_dim": 5, "normalize": True},
            {"truncate_dim": 5, "normalize_embeddings": True},
        ),
        ({"prompt": "find a pen "}, {"prompt": "find a pen "}),
    ],
)
def test_settings_mean_what_they_mean_there(model, ours, theirs):
    found = _encoder(model, **ours).fit_transform(TEXTS)
    assert_allclose(found, _vectors(model, TEXTS, **theirs), atol=1e-6)


@pytest.mark.parametrize("prompt", [None, "", "find a pen "])
@pytest.mark.parametrize("default", [None, "cap"])
def test_what_is_trained_is_what_encodes(model, prompt, default):
    from sentence_transformers import SentenceTransformer

    prompts = {} if default is None else {"prompts": {default: "a cap "}}
    tower = SentenceModel(
        SentenceTransformer(str(model), device="cpu", default_prompt_name=default, **prompts)
    )
    vectors = tower.encode(TEXTS, prompt=prompt, batch_size=4)
    found = tower.forward(TEXTS, prompt=prompt)
    assert found.requires_grad
    assert_allclose(found.detach().numpy(), vectors, atol=1e-6)
    assert tower.n_dims() == N_DIMS


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_comes_close_and_is_cached_apart(model, tmp_path, precision):
    whole = _encoder(model, cache=tmp_path).fit_transform(TEXTS)
    encoder = _encoder(model, cache=tmp_path, precision=precision)
    half = encoder.fit_transform(TEXTS)
    assert half.dtype == np.float32
    assert encoder.n_encoded_ == len(TEXTS)
    assert 0 < np.abs(whole - half).max() < 0.1
    assert encoder.provenance_["precision"] == precision


def test_auto_is_float32_on_a_cpu_and_shares_its_vectors(model, tmp_path):
    _encoder(model, cache=tmp_path).fit(TEXTS)
    assert _encoder(model, cache=tmp_path, precision="auto").fit(TEXTS).n_encoded_ == 0


def test_the_pooling_of_the_model_is_written_down(model, tmp_path, monkeypatch):
    assert _encoder(model, cache=tmp_path).fit(TEXTS).provenance_["pooling"] == "mean"
    # Also by those who find all texts in the cache, and so never load the model.
    monkeypatch.setattr(_sentence, "load_sentence_model", None)
    assert _encoder(model, cache=tmp_path).fit(TEXTS).provenance_["pooling"] == "mean"


def test_a_moved_model_is_the_same_and_a_changed_one_is_not(model, make_sentence_model, tmp_path):
    first = _encoder(model, cache=tmp_path / "cache").fit(TEXTS)
    moved = shutil.copytree(model, tmp_path / "moved")
    again = _encoder(moved, cache=tmp_path / "cache").fit(TEXTS)
    assert again.n_encoded_ == 0
    assert again.revision_ == first.revision_ == local_fingerprint(model)
    other = make_sentence_model(N_DIMS, seed=1)
    assert _encoder(other, cache=tmp_path / "cache").fit(TEXTS).n_encoded_ == len(TEXTS)


def test_weights_are_loaded_only_if_a_text_is_new(model, tmp_path, monkeypatch):
    _encoder(model, cache=tmp_path).fit(TEXTS)
    monkeypatch.setattr(_sentence, "load_sentence_model", None)
    encoder = _encoder(model, cache=tmp_path).fit(TEXTS)
    assert encoder.transform(TEXTS).shape == (4, N_DIMS)


def test_known_texts_need_no_torch_at_all(model, tmp_path):
    _encoder(model, cache=tmp_path).fit(TEXTS)
    code = f"""
        import sys
        from skace.embeddings import LocalModel, TextEncoder
        encoder = TextEncoder(LocalModel({str(model)!r}, device="cpu"), cache={str(tmp_path)!r})
        print(encoder.fit_transform({TEXTS!r}).shape, encoder.n_encoded_)
        print([name for name in ("torch", "transformers") if name in sys.modules])
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == [f"(4, {N_DIMS}) 0", "[]"]


def test_a_pipeline_goes_from_texts_to_recommendations(model):
    rng = np.random.default_rng(0)
    words = ["red", "blue", "pen", "ink", "cap"]
    catalog = Catalog(np.arange(10), [" ".join(rng.choice(words, 3)) + f" {n}" for n in range(10)])
    X = Interactions(np.repeat(np.arange(8), 5), rng.integers(10, size=40), catalog=catalog)
    recommender = SASRecEstimator(
        k=3, n_heads=1, n_layers=1, max_epochs=1, early_stopping=False, random_state=0
    )
    pipe = Pipeline(
        [
            ("text", _encoder(model)),
            ("ace", ACETransformer(n_components=4)),
            ("rec", recommender),
        ]
    ).fit(X)
    assert pipe.predict(X.next_queries()).shape == (8, 3)
    opened = pickle.loads(pickle.dumps(pipe))
    assert_array_equal(opened.predict([[1, 2], []]), pipe.predict([[1, 2], []]))


# Persistence.


def _dumps(kind, encoder):
    return pickle.dumps(encoder) if kind == "pickle" else skops.io.dumps(encoder)


def _loads(kind, content):
    if kind == "pickle":
        return pickle.loads(content)
    trusted = skops.io.get_untrusted_types(data=content)
    assert trusted == [
        "skace.embeddings.text._encoder.TextEncoder",
        "skace.embeddings.text.models._local.LocalModel",
    ]
    return skops.io.loads(content, trusted=trusted)


@pytest.mark.parametrize("kind", ["pickle", "skops"])
def test_files_are_small_and_need_the_model_for_new_texts(model, tmp_path, kind):
    moved = shutil.copytree(model, tmp_path / "moved")
    content = _dumps(kind, _encoder(moved, cache=str(tmp_path / "cache")).fit(TEXTS))
    assert len(content) < 20_000 < (model / "model.safetensors").stat().st_size
    opened = _loads(kind, content)
    assert_allclose(opened.transform(["new"]), _vectors(model, ["new"]), atol=1e-6)
    opened = _loads(kind, content)
    shutil.rmtree(moved)
    assert_allclose(opened.transform(TEXTS), _vectors(model, TEXTS), atol=1e-6)
    with pytest.raises(
        OSError, match=r"^model='.*moved' \(revision latest\) could not be loaded: "
    ):
        opened.transform(["newer"])


@pytest.mark.parametrize("kind", ["pickle", "skops"])
def test_stored_weights_need_nothing_else(model, tmp_path, kind):
    moved = shutil.copytree(model, tmp_path / "moved")
    encoder = _encoder(moved, store_weights=True).fit(TEXTS)
    assert {array.dtype for array in encoder.weights_.values()} == {np.dtype(np.uint8)}
    content = _dumps(kind, encoder)
    shutil.rmtree(moved)
    _text_core._MEMORY.clear()
    opened = _loads(kind, content)
    assert_allclose(opened.transform(TEXTS), _vectors(model, TEXTS), atol=1e-6)


def test_stored_weights_are_not_used_in_another_precision(model):
    encoder = pickle.loads(pickle.dumps(_encoder(model, store_weights=True).fit(TEXTS)))
    encoder.set_params(encoder__precision="float16")
    with pytest.raises(ValueError, match=r"not the fitted one any more \(precision changed\)"):
        encoder.transform(["new"])


def test_weights_are_not_stored_unless_asked_for_and_are_forgotten_by_a_new_fit(model):
    encoder = _encoder(model, store_weights=True).fit(TEXTS)
    assert hasattr(encoder, "weights_")
    assert not hasattr(encoder.set_params(encoder__store_weights=False).fit(TEXTS), "weights_")
    assert not hasattr(clone(encoder), "weights_")


def test_a_model_that_changed_after_the_fit_is_not_used(model, make_sentence_model, tmp_path):
    moved = shutil.copytree(model, tmp_path / "moved")
    content = pickle.dumps(_encoder(moved).fit(TEXTS))
    other = make_sentence_model(N_DIMS, seed=1)
    shutil.copy(other / "model.safetensors", moved)
    os.utime(moved / "model.safetensors", ns=(1, 1))
    with pytest.raises(ValueError, match=r"not the fitted one any more \(revision changed\)"):
        pickle.loads(content).transform(["new"])


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "", "a\\..\\evil"])
def test_stored_names_cannot_lead_out_of_the_folder(tmp_path, name):
    with pytest.raises(ValueError, match=r"^the stored weights hold a file named .* is no name\.$"):
        unpack_weights({name: np.zeros(1, np.uint8)}, tmp_path / "in")
    assert not list(tmp_path.rglob("evil"))


def test_packed_files_come_back_byte_by_byte(tmp_path):
    files = {"a": np.frombuffer(b"xyz", np.uint8), "b/c": np.zeros(0, np.uint8)}
    unpack_weights(files, tmp_path)
    assert (tmp_path / "a").read_bytes() == b"xyz"
    assert (tmp_path / "b" / "c").read_bytes() == b""


# Errors and the Hub.


def test_a_model_that_does_not_exist_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    expected = r"^model='nobody/nothing' \(revision v1\) could not be loaded: "
    with pytest.raises(OSError, match=expected):
        TextEncoder(LocalModel("nobody/nothing", revision="v1", device="cpu")).fit(TEXTS)


@pytest.mark.parametrize("device", ["tpu", "cuda:99x"])
def test_an_unknown_device_is_refused(model, device):
    with pytest.raises(ValueError, match=f"^device='{device}' is not known to torch"):
        _encoder(model, device=device).fit(TEXTS)


def _hub(model, home, commit):
    """A cache of the Hub that holds the model as org/tiny."""
    folder = home / "models--org--tiny"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    shutil.copytree(model, folder / "snapshots" / commit)


def test_a_model_of_the_hub_is_pinned_to_its_commit(model, tmp_path, monkeypatch):
    commit = "c" * 40
    _hub(model, tmp_path, commit)
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    encoder = TextEncoder(LocalModel("org/tiny", device="cpu"), normalize=False).fit(TEXTS)
    assert encoder.revision_ == commit
    assert encoder.provenance_["model"] == "org/tiny"
    assert encoder.provenance_["pooling"] == "mean"
    assert_allclose(encoder.transform(["new"]), _vectors(model, ["new"]), atol=1e-6)


def test_weights_whose_commit_cannot_be_found_have_a_fingerprint(model, monkeypatch):
    from sentence_transformers import SentenceTransformer

    loaded = SentenceModel(SentenceTransformer(str(model), device="cpu"))
    monkeypatch.setattr(_sentence, "load_sentence_model", lambda *_, **__: loaded)
    encoder = TextEncoder(LocalModel("org/elsewhere", device="cpu")).fit(TEXTS)
    assert encoder.revision_ == f"weights {loaded.fingerprint()}"


def test_without_sentence_transformers_the_error_says_what_to_install(model, monkeypatch):
    class Hider:
        def find_spec(self, name, path=None, target=None):  # noqa: ARG002 - the protocol
            if name == "sentence_transformers":
                message = f"No module named {name!r}"
                raise ModuleNotFoundError(message, name=name)

    monkeypatch.delitem(sys.modules, "sentence_transformers", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Hider(), *sys.meta_path])
    expected = r"^TextEncoder needs sentence-transformers, which is not installed\. Install it with"
    with pytest.raises(ImportError, match=expected):
        _encoder(model).fit(["never seen"])
