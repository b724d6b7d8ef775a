"""Write small files of what reads texts, fitted with tiny language models, for the same tests.

Run once, with the code of that time: ``python tests/files/write_text_files.py
tests/files/format1_texts.zip``. A causal model is in no file of an estimator, so the archive holds
that, too; the others are kept by what was fitted with them.
"""
# SPDX-License-Identifier: BSD-3-Clause

import json
import os
import runpy
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile

from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from write_files import answers, data, write

from skace import Catalog, Interactions
from skace.embeddings import (
    ContrastiveTextEncoder,
    LocalModel,
    PreferenceTextEncoder,
    SAIDTextEncoder,
    SemanticIdEncoder,
    TextEncoder,
)
from skace.recommenders import EASEEstimator, GRAMTextEstimator

MODELS = Path("models")  # beside the files, so that names in them hold anywhere
TEXTS = [f"w{number} w{number // 2 + 20} w{number % 2 + 40}" for number in range(8)]
WORDS = sorted({word for text in TEXTS for word in text.split()})
QUICK = {"max_epochs": 1, "device": "cpu", "random_state": 0}


def text_data():
    """The log of `write_files.data`, whose items have texts."""
    X = data()
    return Interactions(X.users, X.items, X.timestamps, catalog=Catalog(X.catalog.item_ids, TEXTS))


def estimators():
    """All of them by name, unfitted."""
    bert, llama = str(MODELS / "bert" / "model"), str(MODELS / "llama")
    yield "text encoder", TextEncoder(LocalModel(bert, device="cpu", store_weights=True))
    yield "contrastive encoder", ContrastiveTextEncoder(bert, missing="mean", **QUICK)
    short = {"n_tokens": 8, "hidden_dim": 4, "missing": "mean"}
    yield "said encoder", SAIDTextEncoder(llama, **short, **QUICK)
    table = {"n_tokens": 8, "projector": "table"}
    yield "said encoder, table", SAIDTextEncoder(llama, **table, **QUICK)
    preferences = {"model": bert, "n_categories": 2, "missing": "mean"}
    yield "preference encoder", PreferenceTextEncoder(EASEEstimator(k=2), **preferences, **QUICK)
    ids = make_pipeline(
        CountVectorizer(),
        TruncatedSVD(3, random_state=0),
        SemanticIdEncoder(2, n_levels=2, random_state=0),
    )
    shape = {"max_length": 3, "passage_length": 12, "n_neighbors": 0, "n_beams": 8}
    yield (
        "gram text",
        GRAMTextEstimator(
            str(MODELS / "t5"), k=2, semantic_ids=ids, early_stopping=False, **shape, **QUICK
        ),
    )


def write_models():
    """Folders of the three models, below the current one."""
    tiny = runpy.run_path(str(Path(__file__).parents[1] / "tiny_models.py"))
    small = {"num_layers": 1, "d_model": 8, "d_kv": 4, "d_ff": 8}
    tiny["t5"](MODELS / "t5", WORDS, **small)
    tiny["llama"](MODELS / "llama", 8, num_hidden_layers=1)
    tiny["sentence_model"](MODELS / "bert", 4, words=WORDS)


def write_archive(path):
    """Write files of each fitted estimator, what it answers, and the causal model."""
    warnings.simplefilter("ignore")
    X, expected = text_data(), {}
    with ZipFile(path, "x", ZIP_DEFLATED) as archive, TemporaryDirectory() as folder:
        os.chdir(folder)
        write_models()
        for name, estimator in estimators():
            write(archive, f"{name}, unfitted", clone(estimator))
            estimator.fit(X)
            write(archive, f"{name}, fitted", estimator)
            expected[name] = answers(estimator, X)
        for file in sorted((MODELS / "llama").iterdir()):
            archive.write(file, file.as_posix())
        archive.writestr("answers.json", json.dumps(expected))
        archive.writestr("texts.json", json.dumps(TEXTS))
        os.chdir("/")


if __name__ == "__main__":
    write_archive(Path(sys.argv[1]).absolute())
