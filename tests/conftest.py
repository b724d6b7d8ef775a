"""Fixtures that every folder of tests shares."""
# SPDX-License-Identifier: BSD-3-Clause

import os
import sys
from importlib.abc import MetaPathFinder

import numpy as np
import pytest
from hypothesis import settings

from skace import Catalog, Interactions

# No test may reach for the network. huggingface_hub reads this once, when it is first imported.
os.environ["HF_HUB_OFFLINE"] = "1"

# How long an example takes says more about the machine than about the code.
settings.register_profile("skace", deadline=None)
settings.load_profile("skace")

HIDDEN = ("torch", "skace._torch")


@pytest.fixture
def random_state():
    """Seed for whatever a test draws; one place to sweep the suite over seeds."""
    return 0


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
