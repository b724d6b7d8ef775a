"""The benchmark script on a folder made on the spot."""
# SPDX-License-Identifier: BSD-3-Clause

import csv
import importlib.util
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skace.datasets import make_shop

_SCRIPT = Path(__file__).parents[1] / "benchmarks" / "quality" / "compare.py"


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def compare(monkeypatch_module):
    monkeypatch_module.syspath_prepend(str(_SCRIPT.parent))
    spec = importlib.util.spec_from_file_location("compare", _SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path):
    shop = make_shop(n_users=120, n_items=60, n_events=900, n_features=16, random_state=0)
    log = shop.interactions
    columns = {"user_id": log.users, "item_id": log.items, "timestamp": log.timestamps}
    pq.write_table(pa.table(columns), tmp_path / "interactions.parquet")
    pq.write_table(pa.table({"item_id": shop.catalog.item_ids}), tmp_path / "items.parquet")
    np.save(tmp_path / "embeddings_made.npy", shop.catalog.features.astype(np.float16))
    return tmp_path


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_compare_prints_and_stores_one_table(compare, folder, capsys):
    words = ["--data", str(folder), "--features", "random,pca,whitening,ace@1,ace"]
    words += ["--alphas", "0,1", "--seeds", "0,1", "--epochs", "2", "--width", "8"]
    compare.main([*words, "--output", str(folder / "out")])

    printed = capsys.readouterr().out
    assert "history kept" in printed
    assert "ace minus random, R@20" in printed
    stored = json.loads((folder / "out" / f"{folder.name}_sasrec.json").read_text())
    assert set(stored["tables"]) == {"kept", "masked"}
    rows = stored["tables"]["kept"]
    assert [row["features"] for row in rows] == ["random", "pca", "whitening", "ace@1", "ace"]
    assert rows[-1]["chosen"]["ace__alpha"] in (0.0, 1.0)
    assert set(stored["validation NDCG@10"]["ace"]) == {"0.0", "1.0"}
    assert all(0 <= row["R@10"] <= row["R@20"] <= 1 for row in rows)
    assert all(row["epochs"] <= 2 for row in rows)
    versus = rows[1]["R@20 against first"]
    assert versus["low"] <= versus["difference"] <= versus["high"]
    assert versus["difference"] == pytest.approx(rows[1]["R@20"] - rows[0]["R@20"])
    with (folder / "out" / f"{folder.name}_sasrec.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [float(line["R@20"]) for line in lines[:5]] == [row["R@20"] for row in rows]


def test_alpha_is_chosen_without_the_test_rows(compare, folder):
    X = compare.read_data(folder, None)
    train, test = compare.leave_last_out(X)
    seen = []

    class Spy(compare.GridSearchCV):
        def fit(self, X, y=None, **params):
            seen.append(X)
            return super().fit(X, y, **params)

    compare.GridSearchCV, original = Spy, compare.GridSearchCV
    try:
        words = ["--data", str(folder), "--epochs", "1", "--width", "8", "--alphas", "0,1"]
        pipeline, grid, rows = compare.build_row(compare.read_arguments(words), "ace", train)
        assert grid == {"ace__alpha": [0.0, 1.0]}
        compare.search(pipeline, grid, rows)
    finally:
        compare.GridSearchCV = original
    assert np.intersect1d(seen[0]._ends, test._ends).size == 0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("model", "features"),
    [
        ("sasrec", "id,random .1,power,llm2x,llminit,whitenrec,alpharec,alphafuse"),
        ("gru4rec", "ace@1,whitenrec+,spectran,llm-esr"),
        ("bert4rec", "ace@1,llmemb"),
        ("l3ae", "raw,ace@1"),
        ("ease", "raw"),
    ],
)
def test_every_method_runs(compare, folder, capsys, model, features):
    words = ["--data", str(folder), "--model", model, "--features", features, "--seeds", "0"]
    words += ["--epochs", "1", "--width", "8", "--no-search", "--exclude-seen", "off"]
    compare.main([*words, "--output", str(folder / "out")])
    stored = json.loads((folder / "out" / f"{folder.name}_{model}.json").read_text())
    assert [row["features"] for row in stored["tables"]["kept"]] == features.split(",")
    assert "R@20" in capsys.readouterr().out
