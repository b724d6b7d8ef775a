"""export_numpy and NumpyModel."""
# SPDX-License-Identifier: BSD-3-Clause

import re
import subprocess
import sys

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skace import (
    ACETransformer,
    Catalog,
    EASEEstimator,
    Interactions,
    SASRecEstimator,
    VotingRecommender,
)
from skace.export import NumpyModel, export_numpy
from skace.recommenders import GRAMEstimator, NeuralRecommender


@pytest.fixture
def served(fitted, tmp_path):
    """A model by its name, and what its file makes of it."""

    def find(name, **parameters):
        model = fitted(name)
        return model, NumpyModel(export_numpy(model, tmp_path / "model.npz", **parameters))

    return find


def test_scores_are_those_of_the_model(served, histories, any_model):
    model, answers = served(any_model)
    found = np.stack([answers.scores(history) for history in histories])
    np.testing.assert_allclose(found, model.decision_function(histories), rtol=1e-5, atol=1e-5)


def test_states_are_those_of_the_model(served, histories):
    model, answers = served("sasrec")
    asked = [*histories, []]
    np.testing.assert_allclose(answers.encode(asked), model.encode(asked), rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="EASEEstimator is no network"):
        served("ease")[1].encode(asked)


@pytest.mark.parametrize("exclude_seen", [False, True])
@pytest.mark.parametrize("name", ["sasrec", "neighbours", "popularity"])
def test_lists_are_those_of_the_model(served, histories, name, exclude_seen):
    model, answers = served(name)
    asked = [*histories, []]
    item_ids, scores = answers.recommend(asked, 7, exclude_seen=exclude_seen)
    expected = model.recommend(asked, 7, exclude_seen=exclude_seen)
    np.testing.assert_allclose(scores, expected.scores, rtol=1e-5, atol=1e-5)
    assert (item_ids == expected.item_ids).mean() > 0.9  # near ties may fall the other way


def test_the_model_says_how_it_answers(shop_rows, tmp_path):
    model = EASEEstimator(k=3, exclude_seen=True, handle_unknown="ignore").fit(shop_rows)
    answers = NumpyModel(export_numpy(model, tmp_path / "model.npz"))
    history = shop_rows.catalog.item_ids[:4].tolist()
    item_ids, _ = answers.recommend([[*history, 987654]])
    assert item_ids.shape == (1, 3)
    assert not set(history) & set(item_ids[0])


def test_ties_keep_the_order_of_items(tmp_path):
    model = EASEEstimator(k=4, regularization=1).fit([list("abcd"), list("dcba")])
    answers = NumpyModel(export_numpy(model, tmp_path / "model.npz"))
    np.testing.assert_array_equal(answers.recommend([["c"]], 3)[0], model.predict([["c"]])[:, :3])


def test_int8_takes_a_quarter_and_stays_near(served, histories):
    model, answers = served("sasrec", item_table="int8")
    assert answers._arrays["item_vectors"].dtype == np.int8
    exact = model.decision_function(histories)
    near = np.stack([answers.scores(history) for history in histories])
    assert 0 < np.abs(near - exact).max() < 0.05 * np.abs(exact).max()


STANDALONE = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "sklearn", "scipy", "pandas", "skace", "onnxruntime"):
            raise ModuleNotFoundError(f"{name} is blocked", name=name)
sys.meta_path.insert(0, Blocked())
from skace_numpy_model import NumpyModel
item_ids, scores = NumpyModel("model.npz").recommend([HISTORY])
print(*item_ids[0])
"""


@pytest.mark.parametrize("name", ["sasrec", "neighbours"])
def test_the_reader_needs_numpy_alone(fitted, histories, tmp_path, name):
    model = fitted(name)
    export_numpy(model, tmp_path / "model.npz", reader=True)
    code = STANDALONE.replace("HISTORY", repr(histories[2]))
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout.split() == [str(item) for item in model.predict([histories[2]])[0]]


def test_a_pipeline_is_exported_by_its_last_step(shop_rows, histories, tmp_path):
    pipe = make_pipeline(ACETransformer(n_components=4), EASEEstimator(k=3)).fit(shop_rows)
    answers = NumpyModel(export_numpy(pipe, tmp_path / "model.npz"))
    np.testing.assert_array_equal(answers.recommend(histories)[0], pipe.predict(histories))


class OwnBackbone(NeuralRecommender):
    """A network that numpy has no answers of."""

    def _build_encoder(self, width):
        import torch

        return torch.nn.Linear(width, width)


REFUSED = {
    "an ensemble": (
        lambda X: VotingRecommender([("ease", EASEEstimator())]).fit(X),
        TypeError,
        "VotingRecommender answers through other models",
    ),
    "a backbone of one's own": (
        lambda X: OwnBackbone(max_epochs=1, early_stopping=False).fit(X),
        TypeError,
        "OwnBackbone cannot be written for numpy",
    ),
    "times": (
        lambda X: EASEEstimator(history_decay=1.0, decay_by="time").fit(X),
        ValueError,
        "decay_by='time', which reads timestamps",
    ),
    "times of a network": (
        lambda X: SASRecEstimator(positions="time", max_epochs=1, early_stopping=False).fit(X),
        ValueError,
        'positions="time", which reads timestamps',
    ),
    "no recommender": (
        lambda X: ACETransformer(n_components=4).fit(X),
        TypeError,
        "ACETransformer cannot rank items",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_written_is_refused_before_any_work(shop_rows, tmp_path, name):
    make, error, text = REFUSED[name]
    with pytest.raises(error, match=text):
        export_numpy(make(shop_rows), tmp_path / "model.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"path": "model.npy"}, "path must end in .npz"),
        ({"item_table": "int4"}, "item_table must be 'float32' or 'int8', got 'int4'"),
        ({"item_table": "int8"}, "item_table='int8' is for networks, but EASEEstimator"),
    ],
)
def test_bad_arguments_are_named(fitted, tmp_path, arguments, text):
    path = tmp_path / arguments.pop("path", "model.npz")
    with pytest.raises(ValueError, match=text):
        export_numpy(fitted("ease"), path, **arguments)


def test_a_tree_is_written_in_full(fitted, tmp_path):
    with pytest.raises(ValueError, match="GRAMEstimator is written for numpy with item_table="):
        export_numpy(fitted("gram"), tmp_path / "model.npz", item_table="int8")


def test_an_unfitted_model_is_refused(tmp_path):
    with pytest.raises(NotFittedError):
        export_numpy(SASRecEstimator(), tmp_path / "model.npz")


def test_what_is_asked_is_checked(served):
    _, answers = served("ease")
    with pytest.raises(ValueError, match=r"k must be an int in the range \[1, 60\], got 61"):
        answers.recommend([[]], 61)
    with pytest.raises(ValueError, match="does not know the item ids"):
        answers.recommend([[987654]])


def test_readers_that_would_answer_wrongly_refuse_files_of_two_views(served):
    formats = {name: served(name)[1].meta["format"] for name in ("sasrec", "sasrec, two views")}
    assert formats == {"sasrec": 1, "sasrec, two views": 2}


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", numbers=np.zeros(2))
    with pytest.raises(ValueError, match="is no file of an exported model"):
        NumpyModel(tmp_path / "other.npz")
    np.savez(tmp_path / "newer.npz", meta=np.array('{"format": 99}'))
    with pytest.raises(ValueError, match="has format 99"):
        NumpyModel(tmp_path / "newer.npz")


@pytest.mark.parametrize("kind", ["empty", "a table", "cut", "an array"])
def test_damaged_files_are_named(served, tmp_path, kind):
    served("ease")
    whole, path = tmp_path / "model.npz", tmp_path / "damaged.npy"
    content = {"empty": b"", "a table": b"sku,title\n1,x\n", "cut": whole.read_bytes()[:500]}
    if kind == "an array":
        np.save(path, np.zeros(3))
    else:
        path.write_bytes(content[kind])
    with pytest.raises(ValueError, match=re.escape(f"{path} is no file of an exported model, or")):
        NumpyModel(path)


@pytest.fixture
def of_words(tmp_path):
    """A served model whose ids are words, some of one letter, and that skips unknown ones."""
    X = Interactions.from_sequences([["pen", "ink", "a"], ["ink", "pen", "b"], ["a", "b", "ink"]])
    model = EASEEstimator(k=2, handle_unknown="ignore").fit(X)
    return NumpyModel(export_numpy(model, tmp_path / "model.npz"))


@pytest.mark.parametrize(
    ("histories", "text"),
    [
        ("pen", "histories must be a list with one list of item ids for each visitor, got str."),
        ({"ann": ["pen"]}, "got a dict; pass list(histories.values())."),
        (np.array([["pen", "ink"]]), "got ndarray."),
        (["pen"], "a history must be a list of item ids, got 'pen' of type str."),
        ([{"pen"}], "a history must be a list of item ids, got {'pen'} of type set."),
        ([["pen", 3]], "the ids of the model are strings, but a history holds 3 of type int;"),
        ([[None]], "a history holds None of type NoneType;"),
    ],
)
def test_what_is_no_list_of_histories_is_refused(of_words, histories, text):
    with pytest.raises(TypeError, match=re.escape(text)):
        of_words.recommend(histories)


@pytest.mark.parametrize("history", [[True], [2.0], ["2"]])
def test_ids_of_another_kind_are_refused_although_they_may_be_equal(tmp_path, history):
    model = EASEEstimator(k=2, handle_unknown="ignore")
    model.fit(Interactions.from_sequences([[1, 2, 3], [2, 3, 1]]))
    answers = NumpyModel(export_numpy(model, tmp_path / "model.npz"))
    with pytest.raises(TypeError, match="the ids of the model are integers, but a history holds"):
        answers.recommend([history])
    assert answers.recommend([np.array([1, 2])])[0].shape == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"exclude_seen": "no"}, TypeError, "exclude_seen must be True, False or None, got 'no'"),
        ({"k": 2.0}, ValueError, "k must be an int in the range [1, 4], got 2.0"),
        ({"k": True}, ValueError, "k must be an int in the range [1, 4], got True"),
    ],
)
def test_arguments_of_another_kind_are_refused(of_words, arguments, error, text):
    with pytest.raises(error, match=re.escape(text)):
        of_words.recommend([["pen"]], **arguments)


def no_code(features):
    """A tree of the root alone."""
    return np.zeros((len(features), 1), dtype=int)


def some_alone(features):
    """Items beside nodes, nodes below nodes, and a node of cold items only."""
    place = np.arange(len(features))
    first = np.where(place < 20, place % 3, place)
    return np.stack([np.where(place >= 24, 9, first), np.where(place < 10, place % 2, 0)], axis=1)


@pytest.mark.parametrize("codes", [no_code, some_alone])
def test_trees_of_any_shape_are_read_as_the_model_reads_them(tmp_path, codes):
    rng = np.random.default_rng(0)
    catalog = Catalog(np.arange(30), rng.standard_normal((30, 16)))
    # Six items are cold, and so is all of a node below one that is warm.
    items = rng.choice(np.delete(np.arange(24), [1, 7]), size=(40, 8))
    X = Interactions(np.repeat(np.arange(40), 8), items.ravel(), catalog=catalog)
    options = {"max_epochs": 1, "early_stopping": False, "random_state": 0}
    model = GRAMEstimator(
        k=5, semantic_ids=FunctionTransformer(codes), cold_share=0.8, **options
    ).fit(X)
    export_numpy(model, tmp_path / "model.npz")
    served = NumpyModel(tmp_path / "model.npz")
    for history in ([1, 2, 3], [5], [7, 25, 9]):
        expected = model.decision_function([history])[0]
        np.testing.assert_allclose(served.scores(history), expected, rtol=0, atol=1e-4)
