"""Low-rank adapters: nothing else is trained, and nothing of them is left behind."""
# SPDX-License-Identifier: BSD-3-Clause

import importlib.util
import pickle
import sys

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from skace._torch.text._contrastive_lora import LowRankAdapters
from skace._torch.text._sentence import SentenceModel, load_sentence_model
from skace.embeddings.text import _core as _text_core
from skace.embeddings.text import _tuned_core
from skace.embeddings.text._contrastive import ContrastiveTextEncoder

if importlib.util.find_spec("peft") is None:
    pytest.skip("needs peft", allow_module_level=True)

TEXTS = ["red pen", "blue ink", "a cap", "an inkwell", "paper"]
N_DIMS = 16


@pytest.fixture(scope="module")
def model(make_sentence_model):
    return make_sentence_model(N_DIMS)


@pytest.fixture
def tower(model):
    return load_sentence_model(str(model), revision=None, device="cpu", precision="float32")


@pytest.fixture(autouse=True)
def no_memory():
    _tuned_core._TOWERS.clear()
    _text_core._MEMORY.clear()


def _encode(tower):
    return tower.encode(TEXTS, prompt=None, batch_size=8)


def _state(tower):
    return {name: value.clone() for name, value in tower.network.state_dict().items()}


def _move(tower, by=0.1):
    """Add something to all weights that are trained."""
    for weight in tower.network.parameters():
        if weight.requires_grad:
            weight.data.add_(by)


def test_adapters_change_nothing_at_first(tower):
    before = _encode(tower)
    LowRankAdapters(tower, 2, 8.0)
    assert_allclose(_encode(tower), before, atol=1e-7)


@pytest.mark.parametrize("rank", [1, 3])
def test_only_adapters_of_that_rank_are_trained(tower, rank):
    LowRankAdapters(tower, rank, 8.0)
    trained = {n: w for n, w in tower.network.named_parameters() if w.requires_grad}
    assert trained
    assert {rank} == {min(weight.shape) for weight in trained.values()}
    assert all("lora_A" in name or "lora_B" in name for name in trained)


@pytest.mark.parametrize("alpha", [4.0, 16.0])
def test_merged_weights_are_the_old_ones_and_the_product_of_the_adapters(tower, alpha):
    before = _state(tower)
    adapters = LowRankAdapters(tower, 2, alpha)
    _move(tower)
    moved = _state(tower)
    vectors = _encode(tower)
    adapters.merge()
    after = _state(tower)
    assert after.keys() == before.keys()
    n_changed = 0
    for name, value in after.items():
        stem = name.removesuffix(".weight")
        if f"{stem}.lora_A.default.weight" not in moved:
            assert (value == before[name]).all(), name
            continue
        n_changed += 1
        low, high = (moved[f"{stem}.lora_{part}.default.weight"] for part in "AB")
        assert_allclose(value, before[name] + alpha / 2 * high @ low, atol=1e-5)
    assert n_changed >= 6  # query, key, value, output, up, down
    assert_allclose(_encode(tower), vectors, atol=1e-5)


def test_what_was_merged_is_stored_as_a_plain_model(model):
    encoder = ContrastiveTextEncoder(
        str(model), lora_rank=2, max_epochs=2, device="cpu", random_state=0
    ).fit(TEXTS)
    plain = ContrastiveTextEncoder(str(model), max_epochs=1, device="cpu", random_state=0)
    assert set(encoder.weights_) == set(plain.fit(TEXTS).weights_)
    opened = pickle.loads(pickle.dumps(encoder))
    _text_core._MEMORY.clear()
    assert_allclose(opened.transform(TEXTS), encoder.transform(TEXTS), atol=1e-6)


def test_adapters_learn(model, training_seed, margin):
    encoder = ContrastiveTextEncoder(
        str(model),
        lora_rank=8,
        max_epochs=12,
        learning_rate=3e-3,
        device="cpu",
        random_state=training_seed,
    ).fit(TEXTS)
    first, last = np.mean(encoder.loss_curve_[:3]), np.mean(encoder.loss_curve_[-3:])
    margin(last / first, below=0.95)


def test_a_model_without_a_transformer_has_no_place_for_adapters():
    without = SentenceModel(torch.nn.Sequential(torch.nn.Linear(2, 2)))
    finding = (
        r"^lora_rank=4 needs a model with a transformer, which this one has not; pass "
        r"lora_rank=None\.$"
    )
    with pytest.raises(ValueError, match=finding):
        LowRankAdapters(without, 4, 8.0)


def test_without_peft_the_error_says_what_to_install_before_a_model_is_loaded(monkeypatch):
    class Hider:
        def find_spec(self, name, path=None, target=None):  # noqa: ARG002 - the protocol
            if name == "peft":
                message = f"No module named {name!r}"
                raise ModuleNotFoundError(message, name=name)

    monkeypatch.delitem(sys.modules, "peft", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Hider(), *sys.meta_path])
    finding = (
        r"^lora_rank needs peft, which is not installed\. Install it with 'pip install peft', "
        r"or pass lora_rank=None to train all weights\.$"
    )
    with pytest.raises(ImportError, match=finding):
        ContrastiveTextEncoder("nobody/nothing", lora_rank=8, device="cpu").fit(TEXTS)
