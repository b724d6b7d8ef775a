"""Files that earlier code wrote still open, answer alike and can be worked with."""
# SPDX-License-Identifier: BSD-3-Clause

import inspect
import io
import json
import pickle
import re
import runpy
import warnings
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, clone

from skace import Catalog, Interactions, embeddings, item_tables, losses, recommenders
from skace.persistence import load

FILES = Path(__file__).parent / "files"
SCRIPT = FILES / "write_files.py"
ARCHIVES = sorted(FILES.glob("*.zip"))
ENDINGS = (".skops", ".pickle")
# Public classes that are there to be derived from.
BASES = {"Loss"}
OF_TEXTS = FILES / "format1_texts.zip"
MEMBERS = [
    pytest.param(archive, name, id=f"{archive.stem}: {name}")
    for archive in ARCHIVES
    for name in ZipFile(archive).namelist()
    if name.endswith(ENDINGS)
]


@pytest.fixture(scope="module")
def logs():
    """Logs of the fits by archive, of which one has texts."""
    X = runpy.run_path(str(SCRIPT))["data"]()
    texts = json.loads(ZipFile(OF_TEXTS).read("texts.json"))
    of_texts = Interactions(
        X.users, X.items, X.timestamps, catalog=Catalog(X.catalog.item_ids, texts)
    )
    return dict.fromkeys(ARCHIVES, X) | {OF_TEXTS: of_texts}


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Function that puts the language models of an archive where its files look for them."""

    def unpack(archive):
        if archive == OF_TEXTS:
            pytest.importorskip("sentence_transformers")
            with ZipFile(archive) as members:
                members.extractall(tmp_path, [n for n in members.namelist() if "models/" in n])
            monkeypatch.chdir(tmp_path)

    return unpack


def opened(archive, name, folder):
    """The estimator in a member of an archive."""
    content = ZipFile(archive).read(name)
    if name.endswith(".pickle"):
        return pickle.load(io.BytesIO(content))
    path = folder / "model.skops"
    path.write_bytes(content)
    return load(path)


def answers(estimator, X):
    """What a fitted estimator gives."""
    if hasattr(estimator, "decision_function"):
        return np.asarray(estimator.decision_function(X))
    return np.asarray(estimator.transform(X.catalog.features))


@pytest.mark.filterwarnings("ignore:.*was written by skace")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("archive", "name"), MEMBERS)
def test_an_old_file_opens_and_works(archive, name, logs, models, tmp_path):
    models(archive)
    X = logs[archive]
    estimator = opened(archive, name, tmp_path)
    assert type(estimator).__name__ in repr(estimator)
    copy = clone(estimator)
    assert copy.get_params(deep=False).keys() == estimator.get_params(deep=False).keys()
    learns = name.endswith(".skops")  # what it learns does not depend on the kind of its file
    if ", unfitted" in name:
        if learns and archive != OF_TEXTS and "encoder" not in name:
            fit_quietly(copy, X)
        return
    expected = json.loads(ZipFile(archive).read("answers.json"))[name.rsplit(", ", 1)[0]]
    assert_allclose(answers(estimator, X), expected, atol=1e-4)
    if hasattr(estimator, "predict"):
        assert estimator.predict(X).shape[0] == len(X)
    if hasattr(estimator, "partial_fit") and learns:
        estimator.partial_fit(X if hasattr(estimator, "item_ids_") else X.catalog.features)


OF_SKACE = [
    name
    for name in ZipFile(ARCHIVES[0]).namelist()
    if name.endswith(".pickle")
    and type(pickle.loads(ZipFile(ARCHIVES[0]).read(name))).__module__.startswith("skace.")
]


@pytest.mark.parametrize("name", [name for name in OF_SKACE if ", unfitted" in name])
def test_a_parameter_that_came_later_has_its_default(name):
    estimator = pickle.loads(ZipFile(ARCHIVES[0]).read(name))
    for parameter, default in defaults_of(estimator).items():
        state = {key: value for key, value in vars(estimator).items() if key != parameter}
        old = type(estimator).__new__(type(estimator))
        old.__setstate__(state)
        assert getattr(old, parameter) is default
        assert type(old).__name__ in repr(old)
        assert clone(old).get_params(deep=False)[parameter] is default


@pytest.mark.filterwarnings("ignore:.*was written by skace")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ["ease", "sasrec", "ace"])
def test_a_fitted_estimator_of_before_all_parameters_learns_on(name, logs):
    X = logs[ARCHIVES[0]]
    estimator = pickle.loads(ZipFile(ARCHIVES[0]).read(f"{name}, fitted.pickle"))
    for parameter, default in defaults_of(estimator).items():
        if getattr(estimator, parameter) is default:
            delattr(estimator, parameter)
    old = pickle.loads(pickle.dumps(estimator))
    if hasattr(old, "predict"):
        assert old.predict(X).shape[0] == len(X)
    old.partial_fit(X if hasattr(old, "item_ids_") else X.catalog.features)


def defaults_of(estimator):
    """Default of each parameter that has one."""
    parameters = inspect.signature(type(estimator)).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def fit_quietly(estimator, X):
    """Fit; that such small fits do not converge is no news."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X)


def test_every_public_estimator_has_a_file():
    """Of both kinds, and fitted or within one that is, if there is anything to fit."""
    written, fitted = set(), set()
    for archive in ARCHIVES:
        names = ZipFile(archive).namelist()
        kinds = [{n.removesuffix(end) for n in names if n.endswith(end)} for end in ENDINGS]
        assert kinds[0] == kinds[1]
        for name in names:
            if name.endswith(".skops"):
                inner = ZipFile(io.BytesIO(ZipFile(archive).read(name)))
                schema = inner.read("schema.json").decode()
                classes = set(re.findall(r'"__class__": "(\w+)"', schema))
                written |= classes
                fitted |= classes if ", fitted" in name else set()
    packages = [embeddings, item_tables, losses, recommenders]
    public = {
        name: cls
        for package in packages
        for name in package.__all__
        if inspect.isclass(cls := getattr(package, name))
        and issubclass(cls, BaseEstimator)
        and not inspect.isabstract(cls)
        and not BASES & {name}
    }
    assert public.keys() - written == set()
    assert {name for name, cls in public.items() if hasattr(cls, "fit")} - fitted == set()
