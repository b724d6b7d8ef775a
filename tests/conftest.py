"""Fixtures that every folder of tests shares."""
# SPDX-License-Identifier: BSD-3-Clause

import gc
import json
import os
import runpy
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

import numpy as np
import pytest
from _pytest.doctest import DoctestModule
from hypothesis import settings

from skace import Catalog, Interactions

# No test may reach for the network. huggingface_hub reads this once, when it is first imported.
os.environ["HF_HUB_OFFLINE"] = "1"

# How long an example takes says more about the machine than about the code. Every run draws other
# examples, so that few of them a run are many in a week.
settings.register_profile("skace", deadline=None, max_examples=30)
settings.register_profile("thorough", deadline=None, max_examples=300)
settings.load_profile("skace")

HIDDEN = ("torch", "skace._torch")

TINY_MODELS = runpy.run_path(str(Path(__file__).with_name("tiny_models.py")))


@pytest.fixture
def random_state():
    """Seed for whatever a test draws; one place to sweep the suite over seeds."""
    return 0


def pytest_generate_tests(metafunc):
    """Tests of what is learned take a ``training_seed``: 0, or those of ``SKACE_TEST_SEEDS``."""
    if "training_seed" in metafunc.fixturenames:
        seeds = os.environ.get("SKACE_TEST_SEEDS", "0").split(",")
        metafunc.parametrize("training_seed", [int(seed) for seed in seeds])


@pytest.hookimpl(wrapper=True)
def pytest_collect_file():
    """Docstrings of tests hold no examples, so nobody looks for them."""
    collectors = yield
    return [found for found in collectors if not isinstance(found, DoctestModule)]


@pytest.hookimpl(tryfirst=True)
def pytest_collection():
    """While tests are collected there is no garbage to look for."""
    gc.disable()


def pytest_collection_finish():
    """What was collected stays to the end: no later search for garbage need look at it."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items):
    """Tests of what is learned are those that ask for a margin."""
    for item in items:
        if "margin" in getattr(item, "fixturenames", ()):
            item.add_marker("learns")
        if item.get_closest_marker("xfail"):
            item.repr_failure = _briefly


def _briefly(excinfo):
    """The text of an expected failure alone: nobody is shown how it came about."""
    return str(excinfo.value)


@pytest.fixture
def margin(request):
    """Check that a value is above (or below) a bound; ``make test-portable`` prints by how much."""
    noted = os.environ.get("SKACE_TEST_MARGINS")

    def check(value, *, above=None, below=None):
        left = float(value - above if below is None else below - value)
        if noted:
            name = request.node.nodeid.split("::", 1)[1]
            with Path(noted).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"file": request.path.name, "test": name, "margin": left}))
                file.write("\n")
        assert left > 0, f"{value} is not {'above' if below is None else 'below'} {above or below}"

    return check


def least_lead(model, X):
    """Least lead of a row's own item before the best other one, in scores."""
    scores = model.decision_function(X).astype(np.float64)
    rows, targets = np.arange(len(X)), np.searchsorted(model.item_ids_, X.items)
    own = scores[rows, targets]
    scores[rows, targets] = -np.inf
    return (own - scores.max(axis=1)).min()


@pytest.fixture(name="least_lead")
def least_lead_fixture():
    """`least_lead`, for tests of what is learned: above 0 each row's own item comes first."""
    return least_lead


@pytest.fixture
def small_catalog():
    """Six items; 'fig' is in no log below (a cold item). Directions are easy to see."""
    vectors = np.array(
        [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]], dtype=np.float64
    )
    return Catalog(["ash", "bay", "cob", "dew", "elm", "fig"], vectors)


@pytest.fixture
def small_log(small_catalog):
    """Four users of 4, 3, 2 and 1 events, rows already in log order, one tie in time."""
    users = ["u1"] * 4 + ["u2"] * 3 + ["u3"] * 2 + ["u4"]
    items = ["ash", "bay", "cob", "dew", "bay", "cob", "ash", "elm", "ash", "bay"]
    times = [1, 2, 2, 4, 1, 3, 5, 2, 6, 7]
    return Interactions(users, items, times, catalog=small_catalog)


class _Hider(MetaPathFinder):
    """Import finder that answers for torch as if it were not installed."""

    def find_spec(self, fullname, path=None, target=None):  # noqa: ARG002 (protocol)
        if fullname.split(".")[0] == "torch":
            message = f"No module named {fullname!r}"
            raise ModuleNotFoundError(message, name=fullname)


@pytest.fixture
def no_torch(monkeypatch):
    """Make ``import torch`` fail as on a machine without it.

    ``sys.modules["torch"] = None`` would do so too, but SciPy looks torch up there and
    then asks None for its Tensor.
    """
    for name in list(sys.modules):
        if name in HIDDEN or name.startswith(tuple(f"{hidden}." for hidden in HIDDEN)):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Hider(), *sys.meta_path])


def _has_cuda():
    try:
        import torch
    except ModuleNotFoundError:
        return False
    return torch.cuda.is_available()


def pytest_runtest_setup(item):
    if item.get_closest_marker("cuda") and not _has_cuda():
        pytest.skip("needs a CUDA device")


def _maker(name, package):
    """Fixture: function that writes the folder of a tiny model, as tiny_models.py makes it."""

    @pytest.fixture(scope="session")
    def make(tmp_path_factory):
        pytest.importorskip(package)

        def write(*arguments, **settings):
            return TINY_MODELS[name](tmp_path_factory.mktemp(name), *arguments, **settings)

        return write

    return make


make_language_model = _maker("llama", "transformers")
make_t5 = _maker("t5", "transformers")
make_sentence_model = _maker("sentence_model", "sentence_transformers")
