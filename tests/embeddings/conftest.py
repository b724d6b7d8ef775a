"""Vectors with a known spectrum, Interactions over them, and tiny text models."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest

from skace import Catalog, Interactions
from skace.embeddings._decomposition import MEMO


@pytest.fixture(autouse=True)
def _fresh_memo():
    """Each test counts decompositions from zero."""
    MEMO.clear()


@pytest.fixture(scope="session")
def make_cone():
    """Function that makes rows in a narrow cone, as text encoders do: (n, d) float64."""

    def make(n=120, d=10, seed=0, decay=0.7, lean=1.0):
        rng = np.random.default_rng(seed)
        spread = rng.normal(size=(n, d)) * decay ** np.arange(d)
        turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
        return (spread + lean * np.eye(d)[0]) @ turn

    return make


@pytest.fixture(scope="session")
def make_planted():
    """Function that makes a matrix with given singular values: (n, d) float64."""

    def make(values, n, d, seed=0):
        rng = np.random.default_rng(seed)
        r = len(values)
        left = np.linalg.qr(rng.normal(size=(n, r)))[0]
        right = np.linalg.qr(rng.normal(size=(d, r)))[0]
        return left * values @ right.T

    return make


@pytest.fixture(scope="session")
def make_shop(make_cone):
    """Function that makes Interactions whose catalog holds the given features."""

    def make(features=None, n_events=60, seed=0):
        features = make_cone(n=20, d=6) if features is None else features
        n_items = features.shape[0]
        rng = np.random.default_rng(seed)
        ids = np.array([f"item{row:03d}" for row in range(n_items)])
        return Interactions(
            rng.integers(0, 8, n_events),
            ids[rng.integers(0, n_items, n_events)],
            np.arange(n_events),
            catalog=Catalog(ids, features),
        )

    return make


@pytest.fixture(scope="session")
def make_sentence_model(tmp_path_factory):
    """Function that makes the folder of a BERT with mean pooling and random weights.

    It reads the given words, or else letters.
    """
    pytest.importorskip("sentence_transformers")

    def make(n_dims, seed=0, *, words=None, dropout=0.1):
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers import BertConfig, BertModel

        folder = tmp_path_factory.mktemp("tower")
        tokenizer = _tokenizer(words)
        tokenizer.save_pretrained(folder / "bert")
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=n_dims,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=2 * n_dims,
            max_position_embeddings=64,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            BertModel(config).save_pretrained(folder / "bert")
        model = SentenceTransformer(str(folder / "bert"), device="cpu")
        model.save(str(folder / "model"), create_model_card=False)
        return folder / "model"

    return make


def _tokenizer(words):
    """Tokenizer that knows these words, or spells them out."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    known = [*letters, *(f"##{letter}" for letter in letters)] if words is None else list(words)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: number for number, word in enumerate([*special, *known])}
    model = models.WordPiece if words is None else models.WordLevel
    tokenizer = Tokenizer(model(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
