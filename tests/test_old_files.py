"""Files that earlier code wrote still open, answer alike and can be worked with."""
# SPDX-License-Identifier: BSD-3-Clause

import io
import json
import pickle
import runpy
import warnings
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

from skace.persistence import load

FILES = Path(__file__).parent / "files"
SCRIPT = FILES / "write_files.py"
ARCHIVES = sorted(FILES.glob("*.zip"))
MEMBERS = [
    pytest.param(archive, name, id=f"{archive.stem}: {name}")
    for archive in ARCHIVES
    for name in ZipFile(archive).namelist()
    if name != "answers.json"
]


@pytest.fixture(scope="module")
def X():
    """Log of the fits."""
    return runpy.run_path(str(SCRIPT))["data"]()


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


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("archive", "name"), MEMBERS)
def test_an_old_file_opens_and_works(archive, name, X, tmp_path):
    estimator = opened(archive, name, tmp_path)
    assert type(estimator).__name__ in repr(estimator)
    copy = clone(estimator)
    assert copy.get_params(deep=False).keys() == estimator.get_params(deep=False).keys()
    if ", unfitted" in name:
        if "encoder" not in name:
            fit_quietly(copy, X)
        return
    expected = json.loads(ZipFile(archive).read("answers.json"))[name.rsplit(", ", 1)[0]]
    assert_allclose(answers(estimator, X), expected, atol=1e-4)
    if hasattr(estimator, "partial_fit") and hasattr(estimator, "item_ids_"):
        estimator.partial_fit(X)


def fit_quietly(estimator, X):
    """Fit; that such small fits do not converge is no news."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X)


def test_every_public_estimator_has_a_file():
    names = " ".join(ZipFile(ARCHIVES[0]).namelist())
    assert names.count(".skops") == names.count(".pickle") > 60
