"""What a loader returns goes into every recommender in one line."""
# SPDX-License-Identifier: BSD-3-Clause

import re
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfVectorizer,
)
from sklearn.pipeline import make_pipeline

from skace import OnItems, TextEncoder, leave_last_out
from skace.datasets import load_movielens
from skace.recommenders import (
    BERT4RecEstimator,
    EASEEstimator,
    FMLPEstimator,
    GRU4RecEstimator,
    L3AEEstimator,
    MELTEstimator,
    PopularityEstimator,
    RLAEEstimator,
    SASRecEstimator,
    SLISTEstimator,
    StackingRecommender,
    VotingRecommender,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:there are no head users:UserWarning"),
]

SHORT = {"k": 3, "max_epochs": 1, "early_stopping": False, "random_state": 0}
PLAIN = [
    EASEEstimator(k=3),
    PopularityEstimator(k=3),
    RLAEEstimator(k=3),
    SLISTEstimator(k=3),
    VotingRecommender([("ease", EASEEstimator()), ("best", PopularityEstimator())], k=3),
    StackingRecommender([("ease", EASEEstimator()), ("best", PopularityEstimator())], k=3),
]
NETWORKS = [
    SASRecEstimator(**SHORT),
    GRU4RecEstimator(**SHORT),
    BERT4RecEstimator(**SHORT),
    FMLPEstimator(**SHORT),
    MELTEstimator(SASRecEstimator(**SHORT), k=3, max_epochs=1),
]
READS_TEXTS = [L3AEEstimator(k=3), *NETWORKS]
MODELS = [*PLAIN, *READS_TEXTS]


def encode(texts):
    """Vectors of texts without a language model."""
    return np.array([[len(text), text.count("1"), text.count("e"), 1.0] for text in texts])


# The commands of the message and of the guide, by what they need.
COMMANDS = {
    "TextEncoder": lambda model: make_pipeline(TextEncoder(encoder=encode), model),
    "TfidfVectorizer": lambda model: make_pipeline(
        OnItems(make_pipeline(TfidfVectorizer(), TruncatedSVD(2))), model
    ),
    "CountVectorizer": lambda model: make_pipeline(
        OnItems(make_pipeline(CountVectorizer(), TruncatedSVD(2))), model
    ),
    "HashingVectorizer": lambda model: make_pipeline(
        OnItems(make_pipeline(HashingVectorizer(n_features=32), TruncatedSVD(2))), model
    ),
    "one column": lambda model: make_pipeline(
        OnItems(make_pipeline(TfidfVectorizer(), TruncatedSVD(2)), fields="title"), model
    ),
    "a ColumnTransformer": lambda model: make_pipeline(
        OnItems(
            make_pipeline(
                make_column_transformer(
                    (TfidfVectorizer(), "title"), (CountVectorizer(), "genres")
                ),
                TruncatedSVD(2),
            )
        ),
        model,
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files of a small release of MovieLens."""
    folder = tmp_path_factory.mktemp("ml")
    rng = np.random.default_rng(0)
    lines = [
        f"{user}::{item}::{rng.integers(1, 6)}::{1000 * user + place}"
        for user in range(1, 25)
        for place, item in enumerate(rng.permutation(15)[:6] + 1)
    ]
    (folder / "ratings.dat").write_text("\n".join(lines))
    movies = [
        f"{i}::Movie of {i} eras ({1970 + i})::{'Drama' if i % 2 else 'Crime|War'}"
        for i in range(1, 16)
    ]
    (folder / "movies.dat").write_text("\n".join(movies))
    return folder


def _answers(model, X):
    train, test = leave_last_out(X)
    return clone(model).fit(train).predict(test)


@pytest.mark.parametrize("model", [*PLAIN, *NETWORKS], ids=lambda model: type(model).__name__)
def test_ids_alone_go_into_every_recommender(folder, model):
    X = load_movielens(folder, columns=None).interactions
    assert set(_answers(model, X).ravel()) <= set(range(1, 16))


@pytest.mark.parametrize("model", PLAIN, ids=lambda model: type(model).__name__)
def test_models_of_ids_leave_texts_alone(folder, model):
    assert _answers(model, load_movielens(folder).interactions).shape == (24, 3)


@pytest.mark.parametrize("command", ["TextEncoder", "TfidfVectorizer"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_texts_go_into_every_recommender(folder, model, command):
    X = load_movielens(folder).interactions
    assert _answers(COMMANDS[command](model), X).shape == (24, 3)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_way_to_read_texts_reaches_a_model(folder, command):
    X = load_movielens(folder).interactions
    assert _answers(COMMANDS[command](L3AEEstimator(k=3)), X).shape == (24, 3)


@pytest.mark.parametrize("model", NETWORKS, ids=lambda model: type(model).__name__)
def test_the_commands_that_a_refusal_names_work_as_they_stand(folder, model):
    X = load_movielens(folder).interactions
    with pytest.raises(ValueError, match=r"^the item features are texts") as refusal:
        clone(model).fit(X)
    commands = re.findall(
        r"(make_pipeline\(.*?model\)|X\.with_features\(None\))", str(refusal.value)
    )
    assert len(commands) == 3
    names = {
        "make_pipeline": make_pipeline,
        "OnItems": OnItems,
        "TextEncoder": partial(TextEncoder, encoder=encode),  # whose default is a download
        "TfidfVectorizer": TfidfVectorizer,
        "TruncatedSVD": TruncatedSVD,
        "model": clone(model),
        "X": X,
    }
    *pipelines, bare = [eval(command, names) for command in commands]  # noqa: S307 - the point of the test
    for pipeline in pipelines:
        assert pipeline.fit(X).predict(X.next_queries()).shape == (24, 3)
    assert clone(model).fit(bare).predict(bare.next_queries()).shape == (24, 3)
