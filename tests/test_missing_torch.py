"""Without torch everything but neural models works, and those say what to install."""
# SPDX-License-Identifier: BSD-3-Clause

import importlib
import pickle
import re
import subprocess
import sys
import textwrap

import pytest

from skace import PopularityEstimator, SASRecEstimator
from skace.item_tables import FrozenTable, TrainableTable

SENTENCE = (
    "Networks need torch, which is not installed. Install it with 'pip install "
    "torch', or see https://pytorch.org for the build that suits your machine."
)
EXACTLY = f"^{re.escape(SENTENCE)}$"


@pytest.mark.usefixtures("no_torch")
def test_torch_is_really_hidden():
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'torch'$"):
        importlib.import_module("torch")


@pytest.mark.usefixtures("no_torch")
def test_private_torch_part_says_what_to_install():
    with pytest.raises(ImportError, match=EXACTLY):
        importlib.import_module("skace._torch")


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize("item_table", [None, TrainableTable(), FrozenTable()])
def test_fit_says_what_to_install(small_log, item_table):
    model = SASRecEstimator(k=2, n_heads=1, item_table=item_table)
    with pytest.raises(ImportError, match=EXACTLY):
        model.fit(small_log)


@pytest.mark.usefixtures("no_torch")
def test_popularity_needs_no_torch(small_log):
    model = PopularityEstimator(k=1).fit(small_log)
    assert model.predict([["dew"], []]).tolist() == [["ash"], ["ash"]]


def test_fitted_model_opens_without_torch_and_says_what_predict_needs(small_log, tmp_path):
    model = SASRecEstimator(k=2, n_heads=1, max_epochs=1, early_stopping=False, random_state=0)
    model.fit(small_log)
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps(model))
    script = f"""
        import pickle, sys
        class Hider:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] == "torch":
                    raise ModuleNotFoundError("No module named 'torch'", name=name)
        sys.meta_path.insert(0, Hider())
        model = pickle.load(open({str(path)!r}, "rb"))
        print(model.item_ids_.tolist())
        try:
            model.predict([["bay"]])
        except ImportError as error:
            print(error)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == [str(small_log.catalog.item_ids.tolist()), SENTENCE]
