"""GRAMTextEstimator keeps the contract of recommenders, where its beam reaches all items."""
# SPDX-License-Identifier: BSD-3-Clause

import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from skace.embeddings import SemanticIdEncoder
from skace.recommenders import EASEEstimator, GRAMTextEstimator
from skace.testing import checks_lacking, parametrize_with_checks
from skace.testing._data import WORDS

FOLDER = "made in the test"
IDS = make_pipeline(CountVectorizer(), TruncatedSVD(4), SemanticIdEncoder(3))
TINY = {
    "semantic_ids": IDS,
    "max_length": 4,
    "passage_length": 24,
    "max_epochs": 1,
    "batch_size": 16,
    "n_beams": 16,
}


@pytest.fixture(scope="module")
def folder(make_t5):
    return str(make_t5([word for words in WORDS for word in words], num_layers=1))


def expected_failures(_estimator):
    return checks_lacking("texts")


@pytest.mark.minutes
@parametrize_with_checks(
    [
        GRAMTextEstimator(FOLDER, n_neighbors=0, **TINY),
        GRAMTextEstimator(
            FOLDER,
            neighbors=EASEEstimator(k=1),
            n_neighbors=2,
            passage_positions=False,
            normalize="trie",
            length_penalty=1.0,
            accumulation=2,
            **TINY,
        ),
    ],
    texts=True,
    expected_failed_checks=expected_failures,
)
def test_contract_of_gram_from_texts(estimator, check, folder):
    check(estimator.set_params(model=folder))
