"""Causal language models: what they read, what they lose, and which are refused."""
# SPDX-License-Identifier: BSD-3-Clause

import importlib.util
import json
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose, assert_array_equal

from skace._torch.text import _causal_loading, _token_losses
from skace._torch.text._said_training import Projector, ProjectorTrainer, mean_losses
from skace._torch.text._token_losses import token_losses
from skace.embeddings.text._projection import project

if importlib.util.find_spec("transformers") is None:
    pytest.skip("needs transformers", allow_module_level=True)

TEXTS = ["w1 w2 w3", "w4", "w5 w6 w7 w8 w9 w10", ""]


@pytest.fixture(scope="module")
def folder(make_language_model):
    return make_language_model()


def _load(folder, **changes):
    settings = {"revision": None, "gguf_file": None, "device": "cpu", "precision": "float32"}
    settings |= {"prompt": None, "n_tokens": 8}
    return _causal_loading.load_causal_model(str(folder), **settings | changes)


@pytest.fixture(scope="module")
def model(folder):
    return _load(folder)


# Losses.


@pytest.mark.parametrize("max_logits", [1, 40, 10**6])
def test_losses_in_pieces_are_the_losses(monkeypatch, max_logits):
    monkeypatch.setattr(_token_losses, "_MAX_LOGITS", max_logits)
    generator = torch.Generator().manual_seed(0)
    head = torch.randn(13, 5, generator=generator)
    states = torch.randn(7, 5, generator=generator, requires_grad=True)
    targets = torch.randint(13, (7,), generator=generator)
    weights = torch.rand(7, generator=generator)
    found = token_losses(states, targets, lambda rows: rows @ head.T, 13)
    (found * weights).sum().backward()
    gradient, states.grad = states.grad, None
    expected = F.cross_entropy(states @ head.T, targets, reduction="none")
    (expected * weights).sum().backward()
    assert_allclose(found.detach(), expected.detach(), rtol=1e-5)
    assert_allclose(gradient, states.grad, rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        alone = token_losses(states, targets, lambda rows: rows @ head.T, 13)
    assert_allclose(alone, expected.detach(), rtol=1e-5)


def _loss_by_hand(model, vector, before, ids):
    """Mean loss of tokens after the tokens before and a vector, from the whole model."""
    table = model.network.get_input_embeddings().weight
    read = torch.cat([table[before], vector[None], table[ids[:-1]]])
    logits = model.network(inputs_embeds=read[None]).logits[0, len(before) :]
    return float(F.cross_entropy(logits, torch.tensor(ids)))


@pytest.mark.parametrize(("prompt", "begins"), [(None, False), ("Item:", False), ("Item:", True)])
def test_a_loss_is_that_of_the_whole_model_however_texts_are_padded(
    make_language_model, prompt, begins
):
    model = _load(make_language_model(begins=begins), prompt=prompt)
    vectors = torch.randn(4, model.n_dims, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = model.losses(vectors, model.tokens(TEXTS, 8))
        before = [0] * begins + [3] * (prompt is not None)
        for place, text in enumerate(TEXTS):
            ids = [*(int(word[1:]) + 4 for word in text.split()), 1]
            expected = _loss_by_hand(model, vectors[place], before, ids)
            assert float(found[place]) == pytest.approx(expected, rel=1e-4)


def test_what_is_cut_off_has_no_end(model):
    found = model.tokens(["w1 w2 w3", "w1 w2", ""], 2)
    assert [ids.tolist() for ids in found] == [[5, 6], [5, 6, 1], [1]]


def test_dropped_tokens_are_read_as_zeros(model):
    tokens = model.tokens(["w1 w2 w3"], 8)
    vector = torch.ones(1, model.n_dims)
    is_dropped = np.array([[True, False, True, False]])
    with torch.no_grad():
        found = model.losses(vector, tokens, is_dropped)
        table = model.network.get_input_embeddings().weight.clone()
        zero = torch.zeros_like(table[0])
        read = torch.stack([vector[0], zero, table[6], zero])
        logits = model.network(inputs_embeds=read[None]).logits[0]
        expected = F.cross_entropy(logits, torch.from_numpy(tokens[0]))
    assert float(found) == pytest.approx(float(expected), rel=1e-4)


def test_logits_that_the_model_caps_are_capped(make_language_model, monkeypatch):
    model = _load(make_language_model(final_logit_softcapping=None))
    states = 50 * torch.randn(3, model.n_dims, generator=torch.Generator().manual_seed(0))
    plain = model.logits(states)
    monkeypatch.setattr(model, "_cap", 2.0)
    assert_allclose(model.logits(states), 2 * torch.tanh(plain / 2), rtol=1e-5)


# Readings.


@pytest.mark.parametrize("begins", [False, True])
def test_a_reading_is_the_mean_state_over_the_text_alone(make_language_model, begins):
    model = _load(make_language_model(begins=begins))
    found = model.reading(TEXTS, 4)
    assert found.dtype == np.float32
    for place, text in enumerate(TEXTS[:3]):
        words = [int(word[1:]) + 4 for word in text.split()][:4]
        ids = torch.tensor([[0] * begins + words])
        with torch.no_grad():
            states = model.network.base_model(input_ids=ids).last_hidden_state[0, begins:]
        assert_allclose(found[place], states.mean(dim=0), rtol=1e-3, atol=1e-5)
    assert not found[3].any()
    assert not model.reading(["", ""], 4).any()


def test_words_have_a_mean_and_a_mean_length(model):
    table = model.network.get_input_embeddings().weight
    assert_allclose(model.mean_word, table.mean(dim=0), atol=1e-6)
    assert model.mean_length == pytest.approx(float(table.norm(dim=1).mean()), rel=1e-5)


# The projector and its training.


def test_a_projector_gives_the_same_with_and_without_torch():
    generator = torch.Generator().manual_seed(0)
    readings = 3 + torch.randn(6, 5, generator=generator)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        projector = Projector(readings.mean(dim=0), readings.std(dim=0), 7, 1.5)
    torch.nn.init.normal_(projector.norm.bias, generator=generator)
    expected = projector(readings).detach()
    state = {name: weight.numpy() for name, weight in projector.state_dict().items()}
    found = project(state, readings.numpy())
    assert found.dtype == np.float32
    assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert_allclose(np.linalg.norm(found, axis=1), 1.5, rtol=1e-5)


def test_an_epoch_has_every_text_once_in_batches_of_about_one_length():
    rng = np.random.RandomState(0)
    tokens = [np.arange(length) for length in rng.randint(1, 30, size=100)]
    trainer = ProjectorTrainer(None, None, None, tokens, None, 8, 0.0, rng)
    batches = trainer.batches()
    assert sorted(np.concatenate(batches)) == list(range(100))
    assert max(map(len, batches)) <= 8
    padded = sum(len(rows) * max(tokens[row].size for row in rows) for rows in batches)
    assert padded < 1.3 * sum(row.size for row in tokens)
    again = trainer.batches()
    assert [rows.tolist() for rows in again] != [rows.tolist() for rows in batches]


def test_mean_losses_do_not_depend_on_batches(model):
    vectors = np.random.default_rng(0).standard_normal((4, model.n_dims)).astype(np.float32)
    tokens = model.tokens(TEXTS, 8)
    with torch.no_grad():
        expected = float(model.losses(torch.from_numpy(vectors), tokens).mean())
    for batch_size in (1, 3):
        found = mean_losses(model, vectors, tokens, batch_size)
        assert found == pytest.approx(expected, rel=1e-5)


# Loading.


def test_nothing_asks_for_a_gradient_and_nothing_is_dropped(make_language_model):
    model = _load(make_language_model(attention_dropout=0.5))
    assert not any(weight.requires_grad for weight in model.network.parameters())
    vectors, tokens = torch.ones(4, model.n_dims), model.tokens(TEXTS, 8)
    assert_array_equal(model.losses(vectors, tokens), model.losses(vectors, tokens))


def test_a_file_of_weights_is_asked_for_by_name(folder, monkeypatch):
    import transformers

    monkeypatch.setitem(sys.modules, "gguf", ModuleType("gguf"))
    asked = []
    for cls in (transformers.AutoTokenizer, transformers.AutoModelForCausalLM):
        load = cls.from_pretrained

        def spy(name, *, load=load, cls=cls, gguf_file=None, **options):
            asked.append((cls.__name__, gguf_file))
            return load(name, **options)

        monkeypatch.setattr(cls, "from_pretrained", spy)
    _load(folder, gguf_file="model.Q4_1.gguf")
    expected = ["AutoTokenizer", "AutoModelForCausalLM"]
    assert asked == [(name, "model.Q4_1.gguf") for name in expected]


WORDS = ["<unk>", "<s>", "</s>", "\u2581w1", "\u2581w2", "\u2581w3", "\u2581", "w", "1", "2", "3"]
SHAPES = {
    "token_embd": (len(WORDS), 32),
    "output": (len(WORDS), 32),
    "output_norm": (32,),
    "blk.0.attn_norm": (32,),
    "blk.0.ffn_norm": (32,),
    **{f"blk.0.attn_{name}": (32, 32) for name in ("q", "k", "v", "output")},
    "blk.0.ffn_gate": (64, 32),
    "blk.0.ffn_up": (64, 32),
    "blk.0.ffn_down": (32, 64),
}


def write_gguf(path, kind):
    """Write a Llama of one block with drawn weights; returns those of its tokens."""
    import gguf

    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_feed_forward_length(64)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(16)
    writer.add_vocab_size(len(WORDS))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(WORDS)
    writer.add_token_scores([-float(number) for number in range(len(WORDS))])
    writer.add_token_types([2, 3, 3] + [1] * (len(WORDS) - 3))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    weights = {name: rng.standard_normal(shape).astype("f4") for name, shape in SHAPES.items()}
    for name, values in weights.items():
        how = gguf.GGMLQuantizationType[kind if values.ndim > 1 else "F32"]
        stored = gguf.quants.quantize(values, how)
        writer.add_tensor(f"{name}.weight", stored, raw_dtype=how)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights["token_embd"]


@pytest.mark.parametrize(("kind", "error"), [("F32", 0), ("Q8_0", 0.02)])
def test_a_gguf_file_is_read(tmp_path, kind, error):
    pytest.importorskip("gguf")
    written = write_gguf(tmp_path / "model.gguf", kind)
    model = _load(tmp_path, gguf_file="model.gguf")
    found = model.network.get_input_embeddings().weight.detach().numpy()
    assert_allclose(found, written, rtol=0, atol=error)
    assert (np.abs(found - written).max() > 0) == (error > 0)
    tokens = model.tokens(["w1 w3", "w2"], 8)
    read = ["".join(WORDS[token] for token in row) for row in tokens]
    assert read == [f"{WORDS[3]}{WORDS[5]}</s>", f"{WORDS[4]}</s>"]
    losses = model.losses(torch.zeros(2, 32), tokens)
    assert torch.isfinite(losses).all()


def test_without_gguf_the_error_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    finding = r"^gguf_file needs gguf, which is not installed\. Install it with 'pip install gg"
    with pytest.raises(ImportError, match=finding):
        _load(folder, gguf_file="model.Q4_1.gguf")


def test_files_without_an_output_layer_are_refused(make_sentence_model):
    folder = make_sentence_model(16).parent / "bert"
    finding = (
        r"could not be loaded as a causal language model: its files lack \d+ of the weights of a "
        r"BertLMHeadModel, such as cls\..*; take a model that was trained for this task"
    )
    with pytest.raises(OSError, match=finding):
        _load(folder)


def test_weights_of_another_shape_are_refused(make_language_model):
    folder = make_language_model(seed=5)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}))
    with pytest.raises(OSError, match="its weights have other shapes than its config says"):
        _load(folder)


def test_a_model_that_looks_ahead_is_refused(make_sentence_model, tmp_path):
    from transformers import AutoTokenizer, BertConfig, BertLMHeadModel

    source, folder = make_sentence_model(16).parent / "bert", tmp_path / "bert"
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    with torch.random.fork_rng():
        BertLMHeadModel(BertConfig.from_pretrained(source)).save_pretrained(folder)
    finding = (
        r"^model='.*bert' looks at words that are still to come, so it is no causal language "
        r"model; pass a decoder-only model"
    )
    with pytest.raises(ValueError, match=finding):
        _load(folder)


def test_a_model_that_reads_tokens_only_is_refused(folder, monkeypatch):
    from transformers import LlamaModel

    def forward(self, input_ids=None, **kwargs):  # noqa: ARG001 - a model without inputs_embeds
        raise ValueError("You must pass input_ids")

    monkeypatch.setattr(LlamaModel, "forward", forward)
    finding = (
        r"^model='.*' cannot read vectors in place of tokens \(inputs_embeds\): You must pass "
        r"input_ids; pass a decoder-only model, such as a Llama"
    )
    with pytest.raises(ValueError, match=finding):
        _load(folder)


def test_a_model_whose_words_are_not_told_by_its_head_is_refused(folder, monkeypatch):
    from transformers import LlamaForCausalLM

    forward = LlamaForCausalLM.forward

    def scaled(self, **kwargs):
        found = forward(self, **kwargs)
        found.logits = found.logits / 8
        return found

    monkeypatch.setattr(LlamaForCausalLM, "forward", scaled)
    with pytest.raises(ValueError, match=r"^model='.*' does more between words and states, or sta"):
        _load(folder)


def test_a_tokenizer_without_an_end_is_refused(make_language_model):
    folder = make_language_model()
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    del settings["eos_token"]
    path.write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=r"^the tokenizer of model='.*' has no token for the end"):
        _load(folder)


@pytest.mark.parametrize(("prompt", "n_tokens"), [(None, 32), ("Item: w1", 30)])
def test_texts_longer_than_the_model_reads_are_refused(folder, prompt, n_tokens):
    finding = (
        rf"^n_tokens={n_tokens} takes 33 positions with the prompt and a vector, but the model has "
        r"32; lower n_tokens\.$"
    )
    with pytest.raises(ValueError, match=finding):
        _load(folder, prompt=prompt, n_tokens=n_tokens)


def test_an_empty_folder_is_no_model(tmp_path):
    finding = r"^model='.*' \(revision latest\) could not be loaded as a causal language model: "
    with pytest.raises(OSError, match=finding):
        _load(tmp_path)
