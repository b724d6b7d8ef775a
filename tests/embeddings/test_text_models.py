"""Models of texts are parameter objects: cloned, printed, searched, saved, and found again."""
# SPDX-License-Identifier: BSD-3-Clause

import inspect
import pickle
import re
from zipfile import ZipFile

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skace import Catalog, Interactions, LeaveLastOut, PopularityEstimator, ndcg_scorer
from skace.embeddings import FunctionModel, HttpModel, LocalModel, TextEncoder
from skace.embeddings.text import _core as _text_core
from skace.embeddings.text._cache import DiskStore
from skace.embeddings.text.models._short_forms import text_model
from skace.embeddings.text.sources import _backends
from skace.persistence import dump, load

OBJECTS = [
    LocalModel(),
    LocalModel("org/tiny", revision="v1", device="cpu", precision="auto", store_weights=True),
    HttpModel("m", "http://h/v1"),
    HttpModel("m", "http://h", revision="2", api_key_env="KEY", n_retries=0, timeout=3),
    FunctionModel(np.positive, name="letters", revision="1"),
]
each_object = pytest.mark.parametrize("model", OBJECTS, ids=repr)


def count_letters(texts):
    """Encoder whose vectors anyone can check."""
    return [[float(text.count(letter)) for letter in "abc"] for text in texts]


@pytest.fixture(autouse=True)
def no_memory():
    """Each test begins without vectors of the one before."""
    _text_core._MEMORY.clear()


@pytest.fixture
def X():
    catalog = Catalog([6, 7, 8], ["a red pen", "a bead", "an ace"])
    return Interactions(np.repeat(["al", "bo"], 3), [6, 7, 8, 7, 8, 6], catalog=catalog)


@pytest.mark.usefixtures("no_torch")
@each_object
def test_models_are_made_cloned_and_printed_without_torch(model):
    encoder = TextEncoder(model)
    copy = clone(encoder)
    assert copy.encoder is not model
    assert copy.encoder.get_params() == model.get_params()
    inner = {f"encoder__{name}" for name in model.get_params()}
    assert inner <= copy.get_params().keys()
    names = {type(model).__name__: type(model), "positive": np.positive}
    printed = repr(model).replace("<ufunc 'positive'>", "positive")
    assert repr(eval(printed, names)) == repr(model)  # noqa: S307 - of ours


@each_object
def test_every_parameter_of_a_model_has_a_constraint(model):
    assert model.get_params().keys() == model._parameter_constraints.keys()


@each_object
def test_a_model_file_holds_what_encodes(model, tmp_path):
    encoder = TextEncoder(model)
    dump(encoder, tmp_path / "model.skops")
    for copy in (load(tmp_path / "model.skops"), pickle.loads(pickle.dumps(encoder))):
        assert repr(copy) == repr(encoder)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (None, LocalModel()),
        ("a-model", LocalModel("a-model")),
        (count_letters, FunctionModel(count_letters)),
        (OBJECTS[2], OBJECTS[2]),
    ],
)
def test_short_forms_stand_for_objects(short, long):
    assert repr(text_model(short)) == repr(long)


# A user's vectors stay found: names of folders as they were before models were objects.
FOLDERS = {
    "95b9b06d5551a8148a7a867e": TextEncoder(),
    "ee57c1c3effefad37153772f": TextEncoder(LocalModel("org/tiny", revision="v1")),
    "fadc4342ace59d7d343d6ec6": TextEncoder(LocalModel("org/tiny", precision="bfloat16")),
    "867501a7f5dcb9e866042601": TextEncoder("org/tiny", prompt="q: "),
    "0cb9c6b304b77b07396ea0dc": TextEncoder(
        HttpModel("m", "http://h/v1/?a=1", revision="2026-01", timeout=3)
    ),
    "4f7b05b3283069b8ee6a836a": TextEncoder(HttpModel("m", "http://h/v1"), batch_size=3),
    "a5d41970f2196ffc3e47e6d2": TextEncoder(FunctionModel(count_letters, revision="1")),
    "eb588f9ffd26776f04fec16d": TextEncoder(
        FunctionModel(count_letters, name="letters", revision="1"), prompt="x: "
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_vectors_lie_where_they_lay(name, monkeypatch):
    monkeypatch.setattr(_backends, "hub_commit", lambda *_: "c" * 40)
    identity = FOLDERS[name]._build_backend().identity
    assert DiskStore("cache", identity).folder.name == name


@pytest.mark.parametrize(
    ("model", "change", "is_other"),
    [
        (LocalModel("org/tiny"), {"model": "org/other"}, True),
        (LocalModel("org/tiny"), {"precision": "float16"}, True),
        (LocalModel("org/tiny"), {"device": "cuda:3"}, False),
        (LocalModel("org/tiny"), {"store_weights": True}, False),
        (OBJECTS[2], {"model": "n"}, True),
        (OBJECTS[2], {"base_url": "http://g/v1"}, True),
        (OBJECTS[2], {"revision": "2"}, True),
        (OBJECTS[2], {"n_retries": 1, "timeout": 2.0}, False),
        (OBJECTS[4], {"name": "other"}, True),
        (OBJECTS[4], {"revision": "2"}, True),
    ],
)
def test_what_changes_vectors_changes_where_they_lie(model, change, is_other, monkeypatch):
    monkeypatch.setattr(_backends, "hub_commit", lambda *_: "c" * 40)
    settings = {"prompt": None, "batch_size": 2}
    before = model.build(**settings).identity
    after = clone(model).set_params(**change).build(**settings).identity
    assert (after != before) == is_other


def test_a_search_compares_models_and_reaches_into_them(X):
    pipe = Pipeline([("text", TextEncoder()), ("rec", PopularityEstimator(k=2))])
    grid = [
        {"text__encoder": [count_letters, FunctionModel(count_letters, name="letters")]},
        {"text__encoder": [FunctionModel(count_letters)], "text__encoder__revision": ["1", "2"]},
    ]
    search = GridSearchCV(
        pipe, grid, cv=LeaveLastOut(), scoring=ndcg_scorer(k=2), error_score="raise"
    ).fit(X)
    assert len(search.cv_results_["params"]) == 4
    assert search.cv_results_["params"][-1]["text__encoder"].revision is None  # the grid's own


@pytest.mark.parametrize(
    ("encoder", "shown", "remedy"),
    [
        (None, "None", "encoder=LocalModel(), which is what None stands for, or another"),
        ("a-model", "'a-model'", "encoder to an object, such as encoder=LocalModel(), first."),
    ],
)
def test_a_short_form_has_no_parameters(encoder, shown, remedy):
    text = (
        f"encoder__device cannot be set, because encoder is {shown}, which has no parameters; "
        f"set {remedy}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        TextEncoder(encoder).set_params(encoder__device="cpu")
    model = TextEncoder(encoder).set_params(encoder__device="cpu", encoder=LocalModel("m"))
    assert model.encoder.device == "cpu"


@pytest.mark.parametrize(
    ("name", "now"),
    [
        ("model", "encoder=name for a model on this machine, encoder=HttpModel(name, base_url)"),
        ("device", "encoder=LocalModel(name, device=...)"),
        ("precision", "encoder=LocalModel(name, precision=...)"),
        ("store_weights", "encoder=LocalModel(name, store_weights=...)"),
        ("revision", "encoder=LocalModel(name, revision=...), HttpModel(..., revision=...) or"),
        ("base_url", "encoder=HttpModel(name, base_url)"),
        ("api_key_env", "encoder=HttpModel(name, base_url, api_key_env=...)"),
        ("n_retries", "encoder=HttpModel(name, base_url, n_retries=...)"),
        ("timeout", "encoder=HttpModel(name, base_url, timeout=...)"),
    ],
)
def test_a_parameter_of_before_is_told_what_to_write_now(name, now):
    text = f"TextEncoder: {name} is a parameter of what encodes now; write {now}"
    with pytest.raises(TypeError, match=f"^{re.escape(text)}"):
        TextEncoder("m", **{name: "x"})
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        TextEncoder().set_params(**{name: "x"})
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        TextEncoder(nonsense=1)
    assert name not in inspect.signature(TextEncoder).parameters


OF_BEFORE = {
    "device": "auto",
    "precision": "float32",
    "revision": None,
    "store_weights": False,
    "encoder": None,
    "base_url": None,
    "api_key_env": None,
    "n_retries": 5,
    "timeout": 60.0,
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, LocalModel()),
        ({"model": "m"}, LocalModel("m")),
        (
            {"model": "m", "device": "cpu", "precision": "auto", "store_weights": True},
            LocalModel("m", device="cpu", precision="auto", store_weights=True),
        ),
        (
            {"model": "m", "base_url": "http://h", "api_key_env": "KEY", "timeout": 3},
            HttpModel("m", "http://h", api_key_env="KEY", timeout=3),
        ),
        ({"encoder": count_letters}, count_letters),
        (
            {"encoder": count_letters, "model": "letters", "revision": "1"},
            FunctionModel(count_letters, name="letters", revision="1"),
        ),
    ],
)
def test_files_of_before_hold_what_encodes_now(given, expected):
    now = {"template": "{title}", "normalize": False}
    encoder = TextEncoder.__new__(TextEncoder)
    encoder.__setstate__({"model": None, **OF_BEFORE, **now, **given})
    assert repr(encoder) == repr(TextEncoder(expected, **now))
    assert vars(encoder).keys() == vars(TextEncoder()).keys()


def test_the_file_of_an_old_encoder_opens_as_one_of_a_local_model(pytestconfig, tmp_path):
    with ZipFile(pytestconfig.rootpath / "tests/files/format1.zip") as archive:
        (tmp_path / "model.skops").write_bytes(archive.read("text encoder, unfitted.skops"))
        pickled = pickle.loads(archive.read("text encoder, unfitted.pickle"))
    expected = TextEncoder(LocalModel("a-model"), template="{title}", missing="mean")
    assert repr(pickled) == repr(load(tmp_path / "model.skops")) == repr(expected)
