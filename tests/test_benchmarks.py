"""The benchmark scripts on a folder made on the spot."""
# SPDX-License-Identifier: BSD-3-Clause

import csv
import importlib.util
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.pipeline import Pipeline

from skace import (
    ACETransformer,
    Catalog,
    EASEEstimator,
    GRU4RecEstimator,
    Interactions,
    SASRecEstimator,
    StackingRecommender,
    VotingRecommender,
    leave_last_out,
)
from skace.datasets import make_shop
from skace.item_tables import IDTable
from skace.metrics import ndcg_at_k, recall_at_k, sampled_ranks
from skace.recommenders import GRAMEstimator

PARTS = ("train", "test")
_BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def _load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def scripts(monkeypatch_module):
    """Load a script; those beside it can be imported by it."""
    monkeypatch_module.syspath_prepend(str(_BENCHMARKS / "quality"))
    return lambda name: _load(_BENCHMARKS / name)


@pytest.fixture(scope="module")
def compare(scripts):
    return scripts("quality/compare.py")


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
def test_compare_prints_and_stores_one_table(compare, scripts, folder, capsys):
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
    scripts("quality/stored_tables.py").main([str(folder / "out" / f"{folder.name}_sasrec.json")])
    page = capsys.readouterr().out
    assert "ace - random" in page
    assert f"{rows[0]['R@10']:.4f}"[1:] in page
    pairs = stored["paired tests"]
    assert [pair["minus"] for pair in pairs] == ["random", "pca", "whitening", "ace@1"]
    assert pairs[0]["difference"] == pytest.approx(rows[4]["R@20"] - rows[0]["R@20"])


def test_a_folder_is_made_of_two_files_of_ones_own(scripts, compare, tmp_path, capsys):
    shop = make_shop(n_users=60, n_items=60, n_events=900, random_state=0)
    log = shop.interactions
    events = {"who": log.users, "sku": log.items, "when": log.timestamps}
    pl.DataFrame(events).write_csv(tmp_path / "events.csv")
    items = pl.DataFrame(shop.item_columns).rename({"item_id": "sku"})
    items.filter(pl.col("sku") != log.items[0]).write_csv(tmp_path / "items.csv")
    words = [str(tmp_path / name) for name in ("events.csv", "items.csv")]
    words += ["--user", "who", "--item", "sku", "--time", "when", "--fields", "title,category"]
    words += ["--width", "8", "--k-core", "2", "--output", str(tmp_path / "made")]
    scripts("quality/folder_of_csv.py").main(words)
    assert (
        "1 items without a text get the mean of the others; vectors of 8 numbers"
        in capsys.readouterr().out
    )
    X, expected = compare.read_data(tmp_path / "made"), log.k_core(2)
    assert X.users.tolist() == expected.users.tolist()
    assert X.items.tolist() == expected.items.tolist()
    assert X.timestamps.tolist() == expected.timestamps.tolist()
    is_empty = X.catalog.item_ids == log.items[0]
    vectors = X.catalog.features
    np.testing.assert_allclose(vectors[is_empty][0], vectors[~is_empty].mean(axis=0), atol=1e-5)


def test_what_full_ranks_say_of_sampled_ones(scripts):
    expected_figures = scripts("quality/sampled.py").expected_figures
    # The better of two other items is drawn in one of two cases.
    recall, ndcg = expected_figures(np.array([0.0, 1.0, np.inf]), 3, n_candidates=1, k=1)
    assert recall.tolist() == pytest.approx([1.0, 0.5, 0.0])
    assert ndcg.tolist() == recall.tolist()

    scores = np.repeat(np.random.default_rng(0).standard_normal((1, 200)), 200, axis=0)
    items = np.arange(200)
    X = Interactions(np.zeros(200, dtype=int), items, catalog=Catalog(items))
    ranks = (-scores[0]).argsort().argsort()
    recall, ndcg = expected_figures(ranks, 200, n_candidates=20, k=5)
    drawn = [sampled_ranks(scores, X, n_candidates=20, random_state=seed) for seed in range(100)]
    assert recall_at_k(np.array(drawn).ravel(), 5) == pytest.approx(recall.mean(), abs=0.01)
    assert ndcg_at_k(np.array(drawn).ravel(), 5) == pytest.approx(ndcg.mean(), abs=0.01)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_second_run_takes_what_the_first_one_fitted(
    compare, scripts, folder, monkeypatch, capsys
):
    words = ["--data", str(folder), "--features", "ace,llmemb", "--alphas", "0,1"]
    words += ["--epochs", "1", "--width", "8", "--output", str(folder / "out"), "--seeds"]
    compare.main([*words, "0"])
    path = folder / "out" / f"{folder.name}_sasrec.json"
    before = json.loads(path.read_text())["tables"]
    fitted = []
    original = compare.fit_once
    monkeypatch.setattr(
        compare, "fit_once", lambda *args: fitted.append(args[1]) or original(*args)
    )
    monkeypatch.setattr(compare, "search", lambda *_: pytest.fail("searched again"))
    compare.main([*words, "0"])
    assert json.loads(path.read_text())["tables"] == before
    assert fitted == []
    fits = str(path.with_name(f"{path.stem}_fits"))
    sampled, words_sampled = scripts("quality/sampled.py"), [fits, "--data", str(folder)]
    with pytest.raises(SystemExit, match="100 other items cannot be sampled of 60"):
        sampled.main(words_sampled)
    words_sampled += ["--candidates", "20"]
    capsys.readouterr()
    sampled.main([*words_sampled, "--against", "ace"])
    lines = capsys.readouterr().out.splitlines()
    head, *rows = [line.split() for line in lines if not line.startswith("=")]
    hits = {row[0]: float(row[2]) for row in rows if row}
    (found,) = [row for row in rows if row and row[0] == "``llmemb``"]
    assert head[-3:] == ["H@10", "95", "%"]
    assert float(found[6]) == pytest.approx(hits["``llmemb``"] - hits["``ace``"], abs=2e-4)
    assert float(found[7]) <= float(found[6]) <= float(found[9])
    with pytest.raises(SystemExit, match="no fit is called 'ids'; there are"):
        sampled.main([*words_sampled, "--against", "ids"])
    compare.main([*words, "0,1"])
    assert fitted == [1, 1]
    with pytest.raises(SystemExit, match="holds fits of other settings"):
        compare.main([*words, "0", "--width", "4"])
    np.save(folder / "embeddings_made.npy", np.ones((60, 16)))
    with pytest.raises(SystemExit, match="holds fits of other settings"):
        compare.main([*words, "0"])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_alpha_is_chosen_without_the_test_rows(compare, folder, monkeypatch):
    seen = []

    class Spy(compare.GridSearchCV):
        def fit(self, X, y=None, **params):
            seen.append((self.param_grid, X))
            return super().fit(X, y, **params)

    monkeypatch.setattr(compare, "GridSearchCV", Spy)
    words = ["--data", str(folder), "--features", "ace", "--epochs", "1", "--width", "8"]
    words += ["--alphas", "0,1", "--seeds", "0", "--output", str(folder / "out")]
    compare.main(words)
    [(grid, X)] = seen
    assert grid == {"ace__alpha": [0.0, 1.0]}
    everything = compare.read_data(folder)
    train, test = compare.leave_last_out(everything)
    assert np.intersect1d(X._ends, test._ends).size == 0
    assert np.array_equal(np.sort(X._ends), np.sort(train._ends))


def test_vectors_are_named_where_there_are_several(compare, folder):
    np.save(folder / "embeddings_other.npy", np.ones((60, 3), dtype=np.float16))
    with pytest.raises(
        SystemExit, match=r"embeddings_made.npy, embeddings_other.npy.*--embeddings"
    ):
        compare.main(["--data", str(folder)])
    X = compare.read_data(folder, "embeddings_other.npy")
    assert X.catalog.n_features == 3
    assert X.catalog.provenance == {"file": "embeddings_other.npy"}


def test_patience_is_that_of_the_network(compare):
    words = ["--data", "unread", "--patience", "7", "--width", "8"]
    pipeline, *_ = compare.build_row(compare.read_arguments(words), "ace@1", None)
    assert pipeline["rec"].n_iter_no_change == 7


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("model", "features"),
    [
        ("sasrec", "id,random .1,power,llm2x,llminit,whitenrec,alpharec,alphafuse,frozen"),
        ("gru4rec", "ace@1,whitenrec+,spectran,llm-esr"),
        ("bert4rec", "ace@1,llmemb"),
        ("fmlp", "random,ace@1"),
        ("melt", "ace@1,id"),
        ("l3ae", "raw,ace@1"),
        ("ease", "raw"),
        ("item-knn", "raw,ace@1"),
    ],
)
@pytest.mark.minutes
def test_every_method_runs(compare, folder, capsys, model, features):
    words = ["--data", str(folder), "--model", model, "--features", features, "--seeds", "0"]
    words += ["--epochs", "1", "--width", "8", "--no-search", "--exclude-seen", "off"]
    compare.main([*words, "--output", str(folder / "out")])
    stored = json.loads((folder / "out" / f"{folder.name}_{model}.json").read_text())
    assert [row["features"] for row in stored["tables"]["kept"]] == features.split(",")
    assert "R@20" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "sign", "text"),
    [(0.0564, "", ".0564"), (0.0018, "+", "+.0018"), (-0.01, "+", "-.0100")],
)
def test_figures_are_written_as_on_the_pages(scripts, value, sign, text):
    assert scripts("quality/tables.py").number(value, sign) == text


def test_closed_forms_are_searched_and_measured(scripts, folder, capsys):
    script = scripts("quality/closed_forms.py")
    script.in_own_process = _run_here
    words = ["--data", str(folder), "--models", "popularity,ease,item-knn,l3ae of ace"]
    script.GRIDS["l3ae of ace"][0].set_params(ace__n_components=8)
    script.main([*words, "--output", str(folder / "out")])
    stored = json.loads((folder / "out" / f"closed_forms_{folder.name}.json").read_text())
    names = [record["model"] for record in stored["models"]]
    assert names == ["popularity", "ease", "item-knn", "l3ae of ace"]
    assert "rec__history_decay" in stored["models"][3]["parameters"]
    chosen = folder / "out" / f"closed_forms_{folder.name}.json"
    script.main([*words, "--parameters", str(chosen), "--output", str(folder / "again")])
    again = json.loads((folder / "again" / chosen.name).read_text())["models"]
    assert [record["parameters"] for record in again] == [
        record["parameters"] for record in stored["models"]
    ]
    assert again[1]["validation NDCG@10"] is None
    assert all(record["peak memory GiB"] > 0 for record in stored["models"])
    assert "fit s" in capsys.readouterr().out


def test_neighbors_are_taken_apart(scripts, folder, capsys):
    script = scripts("quality/item_knn.py")
    del script.CHANGES[3:]
    words = ["--data", str(folder), "--rows", "40", "--by-time", "5"]
    script.main([*words, "--output", str(folder / "out")])
    stored = json.loads((folder / "out" / f"item_knn_{folder.name}.json").read_text())
    changes = [list(record["change"]) for record in stored["changes"]]
    assert changes == [[], ["text_weight"], ["cooccurrence_weight"], ["history_decay", "decay_by"]]
    assert "40 validation rows" in capsys.readouterr().out
    script.main(["--data", str(folder), "--test", "--shuffle-ties", "1", "--output", str(folder)])
    assert len(json.loads((folder / f"item_knn_{folder.name}.json").read_text())["changes"]) == 1


def test_one_line_reaches_something(scripts, folder, capsys):
    scripts("quality/one_line.py").main(["--data", str(folder)])
    printed = capsys.readouterr().out
    assert "l3ae" in printed
    assert "history masked: R@10 0." in printed


def test_one_alpha_is_compared_over_files(scripts, folder, capsys):
    path = folder / "embeddings_made.npy"
    scripts("quality/alpha_scale.py").main([str(path), "--components", "8"])
    assert f"{folder.name}/embeddings_made: cosine" in capsys.readouterr().out


def test_memory_of_closed_forms_is_counted_in_matrices(scripts, folder, capsys):
    script = scripts("quality/closed_form_memory.py")
    script.in_own_process = _run_here
    script.main(["--data", str(folder), "--models", "EASE,L3AE"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[1:3] for row in rows] == [["EASE", "60"], ["L3AE", "60"]]
    assert all(float(value) > 2 for row in rows for value in row[3:])


def test_local_solution_is_measured_in_processes_of_their_own(scripts, folder, capsys):
    script = scripts("scale/local_ridge.py")
    script.SETTINGS[:] = [{}, {"solver": "local", "n_neighbors": 5}]
    script.in_own_process = _run_here
    script.main(["--data", str(folder), "--output", str(folder / "out")])
    script.main(["--items", "60,80", "--output", str(folder / "out")])
    stored = json.loads((folder / "out" / "local_ridge_shops.json").read_text())
    assert [record["source"] for record in stored["fits"]] == ["60", "80"]
    assert capsys.readouterr().out.count("fit seconds") == 4


@pytest.mark.minutes
def test_peers_take_turns(scripts, folder, capsys):
    script = scripts("speed/peers.py")
    script.python_of = lambda *_: sys.executable
    words = ["--data", str(folder), "--peers", "skace,skace bfloat16", "--epochs", "2"]
    script.main([*words, "--threads", "1", "--output", str(folder / "out")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1] for line in lines[:8:2]] == [
        "prepare",
        "epoch",
        "epoch",
        "evaluate",
    ]
    assert [line.split()[0] for line in lines[-3:]] == ["library", "skace", "skace"]
    logs = [np.load(folder / "out" / f"peers_{folder.name}_logs" / f"{p}.npy") for p in PARTS]
    X = pq.read_table(folder / "interactions.parquet")
    assert sum(log.shape[1] for log in logs) == X.num_rows
    assert logs[1].shape[1] == len(set(X["user_id"].to_pylist()))
    script.write_logs(folder, folder, n_users=7)
    train, test = (np.load(folder / f"{part}.npy") for part in PARTS)
    assert test.shape[1] == np.unique(train[0]).size == 7


def test_passes_made_again_are_not_counted(scripts):
    script = scripts("speed/peers.py")
    answers = {"epoch": [{"seconds": 8.0}, {"seconds": 9.0, "passes": 3}, {"seconds": 5.0}]}
    assert script.seconds_of(answers, "epoch") == 5.0


def test_decompositions_take_turns(scripts, tmp_path, capsys):
    script = scripts("speed/decompositions.py")
    words = ["--items", "300", "--features", "40", "--components", "8", "--rounds", "2"]
    script.main([*words, "--output", str(tmp_path)])
    rows = json.loads((tmp_path / "decompositions.json").read_text())["rows"]
    assert len(rows) == 8
    assert all(len(row["seconds"]) == 2 for row in rows.values())
    assert all(rows[name]["error"] < 1e-5 for name in rows if "random" not in name)
    assert "ACETransformer, 10 alphas" in capsys.readouterr().out


@pytest.mark.minutes
def test_hard_use_is_measured_beside_another_checkout(scripts, capsys):
    here = str(Path(__file__).parents[1])
    script = scripts("speed/hard_use.py")
    script.main(["--share", "0.001", "--cases", "chain", "--beside", here])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("k_core of a chain of n events")
    assert "no answer" not in line
    assert line.endswith("times")


def test_an_epoch_is_taken_apart(scripts, folder, capsys):
    scripts("speed/profile_epoch.py").main(["--data", str(folder), "--width", "8"])
    rows = [line.rsplit(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    seconds = {name.strip(): float(value) for name, value, _ in rows[2:]}
    assert {"encoder's products", "output softmax", "optimiser", "epoch"} <= set(seconds)
    parts = sum(seconds.values()) - seconds["epoch"] - seconds["epoch, profiled"]
    assert parts == pytest.approx(seconds["epoch, profiled"], abs=0.1)


def test_the_gpu_script_runs_anywhere(scripts, tmp_path):
    script = scripts("speed/gpu.py")
    script.main(["--device", "cpu", "--tiny", "--epochs", "1", "--output", str(tmp_path)])
    logs = json.loads((tmp_path / "gpu.json").read_text())["logs"]
    assert "TFLOP/s of the softmax" in logs["tiny"]
    assert logs["tiny, sampled"]["positions per second"] > 0


def test_a_process_of_its_own_answers(scripts):
    assert scripts("quality/measuring.py").in_own_process(abs, -1) == 1


@pytest.mark.minutes
def test_costs_are_drawn_by_size(scripts, tmp_path, capsys):
    script = scripts("scale/curves.py")
    script.in_own_process = _run_here
    words = ["--sizes", "1500:60,2500:80", "--plot", str(tmp_path / "curves.png")]
    script.main([*words, "--output", str(tmp_path)])
    sizes = json.loads((tmp_path / "curves.json").read_text())["sizes"]
    assert [set(record["seconds"]) for record in sizes] == [set(script.STEPS)] * 2
    assert (tmp_path / "curves.png").stat().st_size > 5000
    assert "prepare" in capsys.readouterr().out


def test_ace_is_measured_on_a_file(scripts, tmp_path):
    script = scripts("scale/ace_memmap.py")
    script.in_own_process = _run_here
    words = ["--rows", "300,500", "--features", "12", "--components", "4"]
    script.main([*words, "--output", str(tmp_path)])
    sizes = json.loads((tmp_path / "ace_memmap.json").read_text())["sizes"]
    assert [record["rows"] for record in sizes] == [300, 500]
    assert all(record["peak MiB"] > 0 for record in sizes)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_log_on_disk_is_measured_by_its_events(scripts, tmp_path, capsys):
    script = scripts("scale/parquet.py")
    script.in_own_process = _run_here
    with warnings.catch_warnings():
        words = ["--events", "1000,2500", "--items", "50", "--folder", str(tmp_path)]
        script.main([*words, "--output", str(tmp_path / "out")])
    assert "append in memory" in capsys.readouterr().out
    sizes = json.loads((tmp_path / "out" / "parquet.json").read_text())["sizes"]
    assert [record["events"] for record in sizes] == [1000, 2500]
    assert all(record["same"] and record["bytes of a row at rest"] == 0 for record in sizes)
    assert all(0 < record["read"]["GiB before"] <= record["read"]["GiB"] for record in sizes)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _run_here(function, *arguments):
    """What a function returns, without a process."""
    return function(*arguments)


@pytest.mark.minutes
def test_a_loader_is_measured(scripts, capsys):
    scripts("speed/loaders.py").main(["--events", "500", "--turns", "1"])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split()[0] == "this"
    assert line.endswith("bytes an event")


def test_ties_are_counted_and_figures_given_in_both_orders(scripts, tmp_path, capsys):
    folder = tmp_path / "days"
    folder.mkdir()
    shop = make_shop(n_users=120, n_items=60, n_events=900, random_state=0)
    log = shop.interactions
    days = log.timestamps // 86_400
    # Each event once, sorted by user, day and item.
    users, days, items = np.unique(np.stack([log.users, days, log.items]), axis=1)
    columns = {"user_id": users, "item_id": items, "timestamp": days}
    pq.write_table(pa.table(columns), folder / "interactions.parquet")
    pq.write_table(pa.table({"item_id": shop.catalog.item_ids}), folder / "items.parquet")
    words = ["--data", str(folder), "--key", "item_id", "--orders", "2", "--rows", "90"]
    scripts("quality/ties.py").main([*words, "--output", str(tmp_path)])

    assert "gain of the rule" in capsys.readouterr().out
    stored = json.loads((tmp_path / "ties_days.json").read_text())
    assert stored["orders"]["item_id"]["tied"] == 1.0
    assert "stand in the order of item id" in stored["warnings"]["item id"][0]
    file, shuffled = stored["figures"]["file"], stored["figures"]["shuffled"]
    assert file["users"] == shuffled["users"] == 90
    assert len(shuffled["by order"]["N@10"]) == 2
    assert 0 < file["N@10"] <= file["R@10"] < 1
    assert file["low"] <= file["gain"] <= file["high"]


def test_ranks_of_the_rule_are_those_of_a_plain_loop(scripts):
    ties = scripts("quality/ties.py")
    shop = make_shop(n_users=60, n_items=60, n_events=400, random_state=0)
    train, test = leave_last_out(shop.interactions)
    model = EASEEstimator(exclude_seen=True).fit(train)
    key = np.random.default_rng(0).permutation(60)
    ranks = ties.ranks_by_weight(model, key, test)
    np.testing.assert_array_equal(ranks[0], model.target_ranks(test))
    scores = model.decision_function(test)
    for row in range(len(test)):
        last = test._log.items[test._ends[row] - 1]
        target = test._item_codes[row]
        one = [s - abs(s) if key[item] < key[last] else s for item, s in enumerate(scores[row])]
        better = sum(s > one[target] for s in one) + (sum(s == one[target] for s in one) - 1) / 2
        assert ranks[-1, row] == (better if np.isfinite(one[target]) else np.inf)


def test_the_way_of_a_fit_through_the_code_is_counted(scripts, capsys):
    scripts("structure.py").main([])
    found = json.loads(capsys.readouterr().out.removeprefix("here: "))
    for walk in ("fit, to the first batch", "predict, one list"):
        assert 5 < found[walk]["files"] < found[walk]["functions"] < 300
    assert found["backbones"].keys() == {"sasrec", "gru4rec", "bert4rec", "fmlp"}


def test_diversified_prints_what_it_costs_and_gives(scripts, folder, capsys):
    words = ["--data", str(folder), "--output", str(folder / "out"), "--trade-off", "1", "0.3"]
    found = scripts("quality/diversified.py").run(words)
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()] == ["estimator", "1", "0.3"]
    assert found["1.0"]["text@20"] == found["1"]["text@20"]
    assert found["0.3"]["text@20"] > found["1"]["text@20"]
    assert (folder / "out" / f"diversified-{folder.name}-knn-validation.json").exists()


def test_rows_of_gram_have_ids_of_what_they_say(scripts):
    settings = {"embedding_dim": 8, "max_epochs": 1, "random_state": 0}
    networks = {
        name.removesuffix(", falling rate"): entry.how[-1]
        for name, entry in scripts("quality/gram_rows.py").rows(settings).items()
    }
    blends = [networks.pop(name) for name in list(networks) if " and " in name]
    votes = VotingRecommender
    assert [type(one) for one in blends] == [votes, StackingRecommender, votes]
    for blend in blends:
        types = {name: type(one) for name, one in blend.estimators}
        assert types == {"sasrec": SASRecEstimator, "gram": GRAMEstimator}
    members = dict(blends[0].estimators)
    assert dict(blends[2].estimators)["gram"].ids_from == "both"
    assert type(networks.pop("SASRec")) is SASRecEstimator
    names = ("node_scores", "ids_from", "fusion")
    found = {name: tuple(getattr(one, p) for p in names) for name, one in networks.items()}
    assert {name: how for name, how in found.items() if networks[name].semantic_ids is None} == {
        "GRAM": ("items", "features", "fine"),
        "GRAM by node vectors": ("vectors", "features", "fine"),
        "GRAM, late fusion": ("items", "features", "late"),
        "GRAM, ids from both": ("items", "both", "fine"),
    }
    trees = {name: one.semantic_ids for name, one in networks.items() if one.semantic_ids}
    assert len(trees) == 10
    for name, ids in trees.items():
        assert found[name] == ("items", "both" if "both" in name else "features", "fine")
        assert str(ids.n_clusters) in name
        assert (ids.n_levels == 2) == ("two" in name)
        assert (ids.method == "residual") == ("codebooks" in name)
    for one in (*networks.values(), *members.values()):
        assert (one.max_epochs, one.early_stopping) == (12, False)


def made(row):
    """Unfitted network of a row."""
    network = row.make(None)[-1]
    return getattr(network, "estimator", network)


def test_rivals_have_the_recipe_of_ace_and_as_many_candidates(scripts):
    module = scripts("quality/rivals.py")
    settings = {"embedding_dim": 8, "max_epochs": 50, "n_iter_no_change": 3}
    rows = module.rows(settings)
    assert len(rows["SASRec, ACE"].grid["ace__alpha"]) == len(module.RATES)
    rivals = module.rivals(settings | module.FALLING, {"learning_rate": module.RATES})
    assert rivals.keys() < rows.keys()
    for name, row in rivals.items():
        assert list(rows[name].grid.values()) == list(row.grid.values()) == [module.RATES]
        network = made(row)
        assert {key: getattr(network, key) for key in module.FALLING} == module.FALLING, name
    tables = {name: made(rivals[name]).item_table for name in module.ALIGNED}
    assert [table.reference is not None for table in tables.values()] == [True, False, True]
    reference = tables["LLMEmb"].reference
    assert {key: getattr(reference, key) for key in module.FALLING} == module.FALLING
    assert type(reference.item_table) is IDTable


def test_rows_of_the_published_protocol_draw_one_negative(scripts):
    module = scripts("quality/rivals_published.py")
    rows = module.rows({"embedding_dim": 8, "max_epochs": 200, "n_iter_no_change": 20})
    networks = {name: made(row) for name, row in rows.items()}
    networks["reference"] = networks["LLMEmb"].item_table.reference
    assert len(networks) == 10
    for name, network in networks.items():
        assert (network.loss.n_negatives, network.dropout, network.n_heads) == (1, 0.5, 1), name
        assert network.n_iter_no_change == 20
    assert all(row.grid == {} for row in rows.values())


def test_costs_of_gram_are_ratios_to_sasrec(scripts, folder, monkeypatch):
    module = scripts("speed/gram.py")
    clock = iter(np.arange(1000.0).cumsum())  # each task takes a second more than the one before
    monkeypatch.setattr(module.time, "process_time", lambda: next(clock))
    words = ["--data", str(folder), "--width", "8", "--rounds", "2", "--output", str(folder / "o")]
    module.main(words)
    found = json.loads((folder / "o" / f"speed_gram_{folder.name}.json").read_text())
    epochs, ranks = found["an epoch"], found["ranks of all test rows"]
    assert list(epochs) == list(ranks) == list(module.models(8))
    # Five epochs first, then epoch and ranks of each model in turn: the earliest took least.
    assert [one["s"] for one in epochs.values()] == [11, 15, 19, 23, 27]
    assert [one["ratio"] for one in ranks.values()] == [n / 13 for n in (13, 17, 21, 25, 29)]


def test_rows_of_a_falling_rate_replace_those_of_the_lineup(scripts):
    lineup, module = scripts("quality/lineup.py"), scripts("quality/falling_rows.py")
    settings = {"embedding_dim": 8, "max_epochs": 50, "n_iter_no_change": 3}
    usual, falling = lineup.rows(settings), module.rows(settings)
    assert falling.keys() < usual.keys()
    for name, row in falling.items():
        ours, theirs = (one.how.get_params() for one in (row, usual[name]))
        prefix = "rec__" if "rec" in ours else ""
        changed = {f"{prefix}{key}" for key in module.FALLING}
        assert row.grid == usual[name].grid
        assert {key: ours[f"{prefix}{key}"] for key in module.FALLING} == module.FALLING
        for key in ours.keys() - changed:
            if not hasattr(ours[key], "get_params") and key != "steps":
                assert repr(ours[key]) == repr(theirs[key]), key


def test_cold_items_lose_their_events_and_nothing_else(scripts, compare, folder):
    X = compare.read_data(folder)
    train, test = scripts("quality/cold_items.py").split(X, 0.2)
    before, same = leave_last_out(X)
    assert test.items.tolist() == same.items.tolist()
    cold = np.setdiff1d(before.items, train.items)
    assert 0 < cold.size <= 12 == round(0.2 * 60)
    kept = before[~np.isin(before.items, cold)]
    for name in ("users", "items", "timestamps"):
        assert getattr(train, name).tolist() == getattr(kept, name).tolist()
    counts = np.unique(train.users, return_counts=True)[1]
    lengths = np.concatenate([np.arange(count) for count in counts])
    assert sorted(train._ends - train._starts) == sorted(lengths)  # nor do histories hold them


def test_rows_are_compared_on_cold_items(scripts, folder, capsys):
    words = ["--data", str(folder), "--rows", "L3AE; ItemKNN", "--share", "0.3", "--seeds", "0"]
    words += ["--output", str(folder / "out"), "--width", "8"]
    main = scripts("quality/cold_items.py").main
    main(words)
    found = json.loads(capsys.readouterr().out)
    first, second = found["rows"]["L3AE"], found["rows"]["ItemKNN"]
    lead = second["lead over the first"]
    assert lead["difference"] == pytest.approx(second["cold"]["R@20"] - first["cold"]["R@20"])
    assert first["cold"]["R@20"] > 0
    assert 0 < found["cold targets"] < found["test rows"] == 120


def test_the_share_of_cold_items_is_chosen_without_the_test_rows(
    scripts, compare, folder, monkeypatch
):
    module = scripts("quality/cold_share.py")
    X = compare.read_data(folder)
    rows = module.without_tests(X)
    before = leave_last_out(X)[0]
    assert rows.items.tolist() == before.items.tolist()
    assert leave_last_out(rows)[1].users.tolist() == np.unique(before.users).tolist()
    monkeypatch.setitem(sys.modules["gram_rows"].FALLING, "max_epochs", 1)
    words = ["--data", str(folder), "--share", "0.3", "--cold-shares", "0,0.5", "--width", "8"]
    asked, ranks = [], GRAMEstimator.target_ranks

    def spy(model, *rows, **options):
        asked.append(model.cold_share)
        return ranks(model, *rows, **options)

    monkeypatch.setattr(GRAMEstimator, "target_ranks", spy)
    path = folder / "out" / f"cold_share_{folder.name}.json"
    module.main([*words, "--output", str(folder / "out")])
    found = json.loads(path.read_text())
    module.main([*words, "--output", str(folder / "out")])  # from disk
    assert json.loads(path.read_text()) == found
    assert asked == [0, 0.5]
    sasrec, nothing, half = found["R@20"]
    assert [one["cold_share"] for one in found["R@20"]] == [None, 0, 0.5]
    assert half["warm"] <= nothing["warm"]  # nothing but cold items moves up
    assert 0 < found["cold targets"] < found["targets"]
    share = found["cold targets"] / found["targets"]
    assert sasrec["all"] == pytest.approx(share * sasrec["cold"] + (1 - share) * sasrec["warm"])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_encoders_are_chosen_on_validation_rows(scripts, compare, folder, capsys):
    module = scripts("quality/encoders.py")
    vectors = np.load(folder / "embeddings_made.npy")
    np.save(folder / "other.npy", vectors[:, :4] + 1)
    path = folder / "embeddings_made.npy"
    words = ["--data", str(folder), "--vectors", f"made={path}"]
    words += [f"both={path},{folder / 'other.npy'}", "--alphas", "0.1,1,10,100", "--epochs", "1"]
    words += ["--width", "8", "--output", str(folder / "out")]
    module.main(words)
    printed = capsys.readouterr().out
    stored = folder / "out" / f"encoders_{folder.name}_sasrec.json"
    chosen = json.loads(stored.read_text())["chosen"]
    module.main([*words, "--test", "--test-seeds", "0,1", "--minutes", "0"])
    assert json.loads(stored.read_text())["test"] == []  # nothing was fitted: the time is over
    module.main([*words, "--test", "--test-seeds", "0,1"])
    found = json.loads(stored.read_text())
    assert found["chosen"] == chosen
    assert all(f"{line['masked']['R@20']:.4f}" in printed for line in found["validation"])
    by_way = {(one["encoder"], one["way"]): one for one in found["test"]}
    references = [("", "ids"), ("made", "PCA"), ("both", "whitening"), ("both", "auto")]
    assert {*references} <= by_way.keys()
    assert all(one["seeds"] == 2 for one in found["test"])
    for encoder, alpha in chosen.items():
        best = by_way[encoder, f"ACE {alpha:g}"]["masked"]["R@20"]
        n_tried = sum(key[0] == encoder and key[1].startswith("ACE") for key in by_way)
        assert n_tried in (2, 3)  # the chosen value and its neighbours
        lines = {
            one["minus"]: one
            for one in found["paired on test rows"]
            if (one["alphas"], one["score"]) == ({encoder: alpha}, "R@20")
        }
        assert lines.keys() == {"PCA", "whitening", "auto", "power .25", "power .5"}
        other = by_way[encoder, "PCA"]["masked"]["R@20"]
        assert lines["PCA"]["difference"] == pytest.approx(best - other)
    train, test = leave_last_out(compare.read_data(folder, "embeddings_made.npy"))
    pipe = Pipeline([("ace", ACETransformer(8, alpha=0))])
    network = SASRecEstimator(
        embedding_dim=8,
        positions="relative",
        early_stopping=False,
        max_epochs=1,
        learning_rate=0.003,
        learning_rate_schedule="linear",
        random_state=0,
    )
    pipe.steps.append(("rec", network))
    ranks = pipe.fit(train)["rec"].target_ranks(pipe[:-1].transform(test), exclude_seen=True)
    (axes,) = module.plot(found).axes
    rings = [tuple(points.get_offsets()[0]) for points in axes.collections]
    best = {
        encoder: next(
            (one["directions"], one["masked"]["N@10"])
            for one in found["validation"]
            if (one["encoder"], one["way"]) == (encoder, f"ACE {alpha:g}")
        )
        for encoder, alpha in chosen.items()
    }
    assert rings == list(best.values())
    place = folder / "out" / f"encoders_{folder.name}_sasrec_test"
    with np.load(place / "made, whitening seed 0.npz") as stored:
        assert stored["masked"].tolist() == ranks.tolist()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_options_of_encoders_are_read_and_encoders_of_one_file_are_pooled(scripts, folder):
    module = scripts("quality/encoders.py")
    np.save(folder / "other.npy", np.load(folder / "embeddings_made.npy")[:, ::-1])
    words = ["--data", str(folder), "--alphas", "1", "--epochs", "1", "--width", "8"]
    words += ["--vectors", *(f"{n}={folder / n}.npy" for n in ("embeddings_made", "other"))]
    words += ["--users", "40", "--backbone", "gru4rec", "--seeds", "0,1"]
    module.main([*words, "--output", str(folder / "out")])
    found = json.loads((folder / "out" / f"encoders_{folder.name}_gru4rec.json").read_text())
    assert {line["seeds"] for line in found["validation"]} == {2}
    both = {"embeddings_made": 1, "other": 1}
    pooled = [one for one in found["paired on validation rows"] if one["alphas"] == both]
    assert {one["fits"] for one in pooled} == {4}
    place = folder / "out" / f"encoders_{folder.name}_gru4rec_validation"
    with np.load(place / "other, PCA seed 1.npz") as stored:
        assert stored["masked"].shape == (40,)
    arguments = module.read_arguments(words)
    assert isinstance(module.network_of(arguments, 0), GRU4RecEstimator)
    assert module.network_of(arguments, 0).learning_rate == arguments.learning_rate


def test_the_row_of_node_vectors_has_them(scripts):
    rows = scripts("quality/lineup.py").rows({"embedding_dim": 8})
    scores = [rows[name].how[-1].node_scores for name in ("GRAM, ACE", "GRAM by node vectors, ACE")]
    assert scores == ["items", "vectors"]


def test_rows_of_ids_have_what_they_say(scripts):
    found = scripts("quality/ids_rows.py").rows({"embedding_dim": 8, "max_epochs": 50})
    assert len(found) == 18
    for name, entry in found.items():
        network = entry.how if "ids" in name else entry.how[-1]
        assert isinstance(network.item_table, IDTable) == ("ids" in name)
        assert network.train_on_held_out == name.endswith("all events")
        assert network.early_stopping != ("epochs" in name)
        words = name.split(", all events, ")[-1].split()
        assert network.max_epochs == (50 if network.early_stopping else int(words[0]))
        falls = "falling rate" in name
        assert network.learning_rate_schedule == ("linear" if falls else "constant")
        kind = "relative" if "all events" in name else name.split()[-1]
        assert network.positions == kind


@pytest.mark.parametrize("features", ["ace", "ids"])
def test_learning_rates_are_compared_on_validation_rows(
    scripts, folder, features, capsys, monkeypatch
):
    fits = ["1:0.001:constant", "4:0.02:linear"]
    words = ["--data", str(folder), "--features", features, "--width", "8", "--fits", *fits]
    script = scripts("quality/learning_rates.py")
    asked, model_of = [], script.model_of
    monkeypatch.setattr(script, "model_of", lambda *_: asked.append(model_of(*_)) or asked[-1])
    drawn, draw_users = [], script.draw_users
    monkeypatch.setattr(script, "draw_users", lambda *_: drawn.append(draw_users(*_)) or drawn[-1])
    found = script.main(
        [
            *(*words, "--users", "30", "--seed", "3", "--max-length", "7"),
            *("--precision", "float32", "--batch-size", "9"),
        ]
    )
    assert list(found) == fits
    assert [X.n_users for X in drawn] == [30]
    assert capsys.readouterr().out.count("R@20") == 2
    names = ("max_epochs", "learning_rate", "learning_rate_schedule")
    told = [tuple(getattr(pipe[-1], name) for name in names) for pipe in asked]
    assert told == [(1, 0.001, "constant"), (4, 0.02, "linear")]
    for pipe in asked:
        assert list(pipe.named_steps) == (["ace", "rec"] if features == "ace" else ["rec"])
        same = {"random_state": 3, "max_length": 7, "precision": "float32", "embedding_dim": 8}
        same |= {"batch_size": 9}
        assert same.items() <= pipe[-1].get_params().items()


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [({}, True), ({"early_stopping": False}, False), ({"learning_rate_schedule": "linear"}, False)],
)
def test_a_fit_is_cut_short_if_it_might_go_on(compare, parameters, expected):
    model = SASRecEstimator(max_epochs=5, **parameters)
    assert compare.ended(model, 5) == expected
    assert not compare.ended(model, 4)


def test_the_command_of_a_leaderboard_says_where_our_rows_are(scripts, tmp_path):
    board = scripts("quality/leaderboard.py")
    ours = Path(board.__file__).with_name("ids_rows.py")
    for path, told in ((ours, "benchmarks/quality/ids_rows.py"), (tmp_path / "my.py", "my.py")):
        words = ["--data", str(tmp_path), "--methods", str(path)]
        command = board.command_of(board.make_parser().parse_args(words))
        assert command.split()[2:] == ["--data", tmp_path.name, "--methods", told]


@pytest.fixture
def my_rows(tmp_path):
    path = tmp_path / "my_rows.py"
    path.write_text(
        "from skace import EASEEstimator\n\n\n"
        "def rows(settings):\n    return {'mine': EASEEstimator(settings['embedding_dim'])}\n"
    )
    return path


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("kind", "suffix", "sign"),
    [("rst", "rst", "====="), ("markdown", "md", "| --- |"), ("latex", "tex", r"\toprule")],
)
def test_a_leaderboard_is_written_and_goes_on(
    scripts, folder, my_rows, capsys, monkeypatch, kind, suffix, sign
):
    board = scripts("quality/leaderboard.py")
    out = folder / "out"
    words = ["--data", str(folder), "--rows", "popularity; SASRec, ids; mine", "--seeds", "0,1"]
    words += ["--methods", str(my_rows), "--against", "popularity; mine", "--orders", "1"]
    words += ["--epochs", "1", "--width", "8", "--output", str(out), "--format", kind]
    board.main([*words, "--minutes", "1e-9"])
    assert "Not measured: popularity, SASRec, ids, mine." in capsys.readouterr().out
    board.main(words)
    capsys.readouterr()

    for order in ("file", "shuffled"):
        name = f"leaderboard_{folder.name}_{order}"
        stored = json.loads((out / f"{name}.json").read_text())
        rows = {row["method"]: row for row in stored["rows"]}
        assert list(rows) == ["popularity", "SASRec, ids", "mine"]
        assert rows["popularity"]["seeds"] == [], "it draws nothing"
        assert rows["SASRec, ids"]["seeds"] == [0, 1]
        assert rows["SASRec, ids"]["ended at last epoch"]
        assert len(rows["SASRec, ids"]["masked"]["R@20 interval"]["by_seed"]) == 2
        pairs = [(test["method"], test["minus"]) for test in stored["paired"]]
        assert pairs == [
            ("SASRec, ids", "popularity"), ("mine", "popularity"), ("SASRec, ids", "mine"),
        ]  # fmt: skip
        for test in stored["paired"]:
            method, minus = (rows[test[side]]["masked"]["R@20"] for side in ("method", "minus"))
            gain = method - minus
            assert test["difference"] == pytest.approx(gain)
            assert test["p Holm"] >= test["p"]
        assert sign in (out / f"{name}.{suffix}").read_text()
        with (out / f"{name}.csv").open() as file:
            assert len(list(csv.DictReader(file))) == 6

    def never(*_):
        raise AssertionError("fitted again")

    monkeypatch.setattr(board, "fit_once", never)
    board.main(words)
    assert str(folder) not in (out / f"{name}.json").read_text()
    # A run without time writes what is there.
    words[words.index("0,1")] = "0,1,2"
    board.main([*words, "--minutes", "0"])
    again = json.loads((out / f"{name}.json").read_text())
    assert again["rows"] == stored["rows"]
    command = again["command"].split()
    assert command[:4] == ["python", "benchmarks/quality/leaderboard.py", "--data", folder.name]


def test_a_blend_is_shown_beside_its_members(scripts, folder):
    board = scripts("quality/leaderboard.py")
    board.main(
        ["--data", str(folder), "--rows", "popularity; one line, fast", "--seeds", "0",
         "--output", str(folder / "out")]
    )  # fmt: skip
    path = folder / "out" / f"leaderboard_{folder.name}_file.json"
    stored = json.loads(path.read_text())
    assert "Members of a blend" in path.with_suffix(".rst").read_text()
    members = {one["member"]: one for one in stored["members"]}
    assert list(members) == ["popularity", "neighbours", "slist", "l3ae", "repeat"]
    assert {one["method"] for one in stored["members"]} == {"one line, fast"}
    popularity, blend = stored["rows"]
    for history in ("masked", "kept"):
        assert members["popularity"][history]["R@20"] == popularity[history]["R@20"]
        for one in stored["members"]:
            for score, key in (("R@20", "lead"), ("N@10", "lead in N@10")):
                gain, lead = blend[history][score] - one[history][score], one[history][key]
                assert lead["difference"] == pytest.approx(gain)
                assert lead["low"] <= gain <= lead["high"]


def test_the_grid_of_a_row_is_searched_on_rows_before_the_test(scripts, folder):
    board = scripts("quality/leaderboard.py")
    words = ["--data", str(folder), "--rows", "EASE", "--search", "--output", str(folder / "out")]
    board.main(words)
    stored = json.loads((folder / "out" / f"leaderboard_{folder.name}_file.json").read_text())
    assert set(stored["rows"][0]["chosen"]) == {"regularization", "history_decay"}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("kind", "suffix", "sign"),
    [("rst", "rst", "====="), ("markdown", "md", "| --- |"), ("latex", "tex", r"\toprule")],
)
def test_rows_of_ones_own_stand_beside_those_of_compare(
    compare, folder, tmp_path, capsys, kind, suffix, sign
):
    path = tmp_path / "own_rows.py"
    path.write_text(
        "from lineup import Entry\n"
        "from skace import EASEEstimator, SASRecEstimator\n"
        "from skace.item_tables import IDTable\n\n\n"
        "def rows(settings):\n"
        "    settings = settings | {'item_table': IDTable(), 'early_stopping': False}\n"
        "    network = SASRecEstimator(**settings)\n"
        "    return {'mine, short': network,\n"
        "            'mine, searched': Entry(EASEEstimator(), {'regularization': [10, 500]})}\n"
    )
    words = ["--data", str(folder), "--features", "random", "--seeds", "0,1", "--epochs", "1"]
    words += ["--width", "8", "--methods", str(path), "--against", "mine, short"]
    compare.main([*words, "--format", kind, "--output", str(folder / "out")])

    text = (folder / "out" / f"{folder.name}_sasrec.{suffix}").read_text()
    assert sign in text
    assert text in capsys.readouterr().out
    stored = json.loads((folder / "out" / f"{folder.name}_sasrec.json").read_text())
    own = {row["features"]: row for row in stored["tables"]["masked"]}
    assert list(own) == ["random", "mine, short", "mine, searched"]
    assert own["mine, searched"]["chosen"]["rec__regularization"] in (10, 500)
    by_seed = own["mine, short"]["R@20 by seed"]
    assert len(by_seed) == 2
    assert own["mine, short"]["R@20"] == pytest.approx(np.mean(by_seed))
    assert not own["mine, short"]["ended at last epoch"], "it does not stop early"
    assert own["random"]["ended at last epoch"]
    assert text.count("1 (last)") == 1
    pairs = stored["paired tests"]
    assert [pair["minus"] for pair in pairs] == ["random", "mine, searched"]
    assert all(pair["p Holm"] >= pair["p"] for pair in pairs)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_rows_of_ones_own_are_seeded_wherever_they_draw(compare, folder, tmp_path):
    path = tmp_path / "own_rows.py"
    path.write_text(
        "from skace import SASRecEstimator\n"
        "from skace.item_tables import IDTable\n"
        "from skace.recommenders import PopularityEstimator, StackingRecommender\n\n\n"
        "def rows(settings):\n"
        "    settings = settings | {'item_table': IDTable(), 'early_stopping': False}\n"
        "    members = [('net', SASRecEstimator(**settings)), ('top', PopularityEstimator())]\n"
        "    return {'stack': StackingRecommender(members)}\n"
    )
    words = ["--data", str(folder), "--features", "", "--seeds", "0,1", "--epochs", "1"]
    words += ["--width", "8", "--methods", str(path)]
    outs = [folder / "out", folder / "again"]
    ranks = []
    for out in outs:
        compare.main([*words, "--output", str(out)])
        fits = sorted((out / f"{folder.name}_sasrec_fits").glob("stack seed *.npz"))
        ranks.append([np.load(fit)["kept"] for fit in fits])
    np.testing.assert_array_equal(*ranks)
    assert (ranks[0][0] != ranks[0][1]).any()


def test_names_of_rows_are_checked_before_a_fit(compare, folder, my_rows):
    words = ["--data", str(folder), "--methods", str(my_rows), "--output", str(folder / "out")]
    with pytest.raises(SystemExit, match="--against yours is no row; there are random, pca"):
        compare.main([*words, "--against", "yours"])
    my_rows.write_text(my_rows.read_text().replace("'mine'", "'random'"))
    with pytest.raises(SystemExit, match="two rows have one name: random"):
        compare.main(words)
    with pytest.raises(SystemExit, match="no row to measure"):
        compare.main(["--data", str(folder), "--features", ""])
    my_rows.write_text(my_rows.read_text().replace("'random'", "'a/b'"))
    with pytest.raises(SystemExit, match="without '/'"):
        compare.main(words)


def test_a_row_of_ones_own_that_changes_is_fitted_anew(compare, folder, tmp_path):
    path = tmp_path / "own_rows.py"
    words = ["--data", str(folder), "--features", "", "--seeds", "0", "--methods", str(path)]
    words += ["--output", str(folder / "out")]
    text = (
        "import numpy as np\nfrom lineup import Entry\nfrom skace import EASEEstimator\n\n\n"
        "def rows(settings):\n"
        "    model = EASEEstimator(exclude_seen={}, history_decay={})\n"
        "    return {{'mine': Entry(model, {{'regularization': np.array([1, 900])}})}}\n"
    )
    found = []
    for excludes, decay in ((False, None), (True, None), (True, 0.1)):
        path.write_text(text.format(excludes, decay))
        compare.main(words)
        stored = json.loads((folder / "out" / f"{folder.name}_sasrec.json").read_text())
        found.append([stored["tables"][history][0]["N@10"] for history in ("kept", "masked")])
    assert found[0] == found[1], "history allowed or not is a matter of the column"
    assert found[1] != found[2]
    path.write_text(text.format("False", "None").replace("np.array([1, 900])", "[[1]]"))
    with pytest.raises(SystemExit, match=r"the grid of regularization holds \[1\]"):
        compare.main(words)


def test_a_long_row_is_told_in_full(scripts):
    lineup = scripts("quality/lineup.py")
    steps = [(f"step_{n}", ACETransformer(n + 1, alpha=n + 0.5)) for n in range(40)]
    one, other = Pipeline(steps), Pipeline([*steps[:-20], ("step_20", ACETransformer(5))])
    assert "'step_39__alpha': '39.5'" in lineup.in_words(one)
    assert lineup.in_words(one) != lineup.in_words(other)


def test_a_row_that_is_not_there_is_named(scripts, folder):
    with pytest.raises(SystemExit, match="no row is called 'EASY'; there are popularity; repeat; "):
        scripts("quality/leaderboard.py").main(["--data", str(folder), "--rows", "EASY"])


def test_many_tests_are_corrected_as_by_holm(scripts):
    holm = scripts("quality/leaderboard.py").holm
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.5]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:the vectors tell the model:UserWarning")
def test_said_stands_beside_the_mean_of_states(scripts, folder, make_language_model, capsys):
    item_ids = pq.read_table(folder / "items.parquet")["item_id"]
    rng = np.random.default_rng(0)
    titles = [" ".join(f"w{word}" for word in rng.integers(60, size=3)) for _ in item_ids]
    titles[0] = ""
    categories = [f"shop > {kind} > all | other" for kind in rng.choice(["a", "b"], len(titles))]
    items = {"item_id": item_ids, "title": titles, "categories": categories}
    pq.write_table(pa.table(items), folder / "items.parquet")
    said = scripts("quality/said.py")
    model = make_language_model(max_position_embeddings=80)
    words = ["--data", str(folder), "--model", str(model), "--n-items", "40", "--width", "8"]
    said.main([*words, "--network-epochs", "1", "--output", str(folder / "out")])
    record = json.loads(capsys.readouterr().out)
    assert record["items"] in (39, 40)  # one has no title
    for name in ("said", "mean of states"):
        assert 0 < record[name]["purity"] < 1
        assert 0 <= record[name]["SASRec"]["R@20"] <= 1
    assert len(record["said"]["losses"]) == 1
    stored = json.loads((folder / "out" / f"said_{folder.name}.json").read_text())
    assert stored["said"] == record["said"]


def test_purity_is_the_share_of_neighbours_of_ones_own_kind(scripts):
    said = scripts("quality/said.py")
    vectors = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1], [5, 5]], dtype=float)
    assert said.purity(vectors, ["a", "a", "b", "b", ""], 1) == 1
    assert said.purity(vectors, ["a", "b", "b", "b", ""], 1) == 0.5
    assert said.second_level("Beauty > Hair > Shampoo | Beauty > Skin") == "Hair"
    assert said.second_level("Beauty") == ""


@pytest.mark.minutes
def test_beams_are_compared_with_exact_ranks(scripts, tmp_path, capsys):
    sizes = {"users": 40, "items": 48, "events": 200, "epochs": 1, "width": 16, "beams": 2}
    words = [f"--{name}={size}" for name, size in sizes.items()]
    found = scripts("quality/beams.py").run([*words, f"--output={tmp_path}"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "popularity", "2", "exact",
    ]  # fmt: skip
    assert found[2]["reached"] < found[48]["reached"] == 1
    assert (tmp_path / "beams-48.json").exists()


def test_int8_tables_are_compared(scripts, folder, capsys):
    words = ["--data", str(folder), "--seeds", "0", "--epochs", "1", "--n-components", "8"]
    found = scripts("quality/int8_table.py").run([*words, "--output", str(folder / "out")])
    for form in ("numpy", "onnx"):
        exact, rounded = found[form][0]["float32"], found[form][0]["int8"]
        for history in ("kept", "masked"):
            assert abs(rounded[history]["recall@20"] - exact[history]["recall@20"]) < 0.1
        if form == "numpy":  # the steps of a graph weigh more than so few items
            assert rounded["bytes"] < exact["bytes"]
    tables = [found[form][0]["float32"]["masked"] for form in ("numpy", "onnx")]
    assert tables[0]["ndcg@10"] == pytest.approx(tables[1]["ndcg@10"], rel=0.05)
    assert "mean relative change of recall@20" in capsys.readouterr().out


def test_serving_is_timed_by_every_form(scripts):
    words = ["--models", "neighbours", "--items", "60", "--events", "600", "--width", "16"]
    words += ["--sessions", "5", "--k", "5"]
    found = scripts("speed/serving.py").run(words)
    assert {form for _, form in found} == {"estimator", "numpy, float32"}
    assert all(0 < p50 <= p99 for p50, p99 in found.values())


@pytest.mark.parametrize("library", ["faiss", "usearch"])
def test_indexes_are_measured(scripts, folder, library):
    pytest.importorskip(library)
    words = ["--n", "1500", "--queries", "40", "--width", "8", "--epochs", "1"]
    words += ["--libraries", library, "--data", str(folder)]
    share, p50, p99 = scripts("speed/index.py").run(words)[library]
    assert share >= 0.95
    assert 0 < p50 <= p99


def test_tuning_is_tried_on_frequent_items_and_users_who_took_several(scripts):
    script = scripts("quality/next_item_tuning.py")
    texts = pa.table({"title": [f"Item {number}" for number in range(6)]})
    users, items = [*"aaaabbbcccc"], [0, 1, 2, 5, 0, 1, 4, 2, 1, 0, 2]
    X = Interactions(users, items, np.arange(11), catalog=Catalog(np.arange(6), texts))
    found = script.smaller(X, 3, 2)
    assert found.users.tolist() == [*"aaacccc"]  # b took two of the three
    assert found.items.tolist() == [0, 1, 2, 2, 1, 0, 2]
    assert found.catalog.features["title"].to_pylist() == ["Item 0", "Item 1", "Item 2"]
    words = "learning_rate=5e-5,max_epochs=2,prompt=None"
    expected = {"learning_rate": 5e-5, "max_epochs": 2, "prompt": None}
    assert script.parameters_of(words) == expected
    assert script.parameters_of("") == {}


@pytest.mark.minutes
@pytest.mark.parametrize("of_test", [False, True])
def test_tuned_texts_stand_beside_untuned_ones(scripts, folder, make_sentence_model, of_test):
    script = scripts("quality/next_item_tuning.py")
    item_ids = pq.read_table(folder / "items.parquet")["item_id"]
    rng = np.random.default_rng(0)
    titles = ["".join(rng.choice([*"abcdefghij"], 9)) for _ in item_ids]
    pq.write_table(pa.table({"item_id": item_ids, "title": titles}), folder / "items.parquet")
    words = ["--data", str(folder), "--model", str(make_sentence_model(8)), "--fields", "title"]
    words += ["--sasrec", "--epochs", "1", "--width", "4", "--seeds", "0,1"]
    words += ["--tune", "max_epochs=1,learning_rate=0.01", "--output", str(folder / "out")]
    untuned, tuned = script.main([*words, *(["--test"] if of_test else [])])
    rows_of = "test" if of_test else "validation"
    stored = json.loads(
        (folder / "out" / f"next_item_tuning_{folder.name}_{rows_of}.json").read_text()
    )
    assert stored["fits"] == [untuned, tuned]
    for name, n_fits in (("neighbours", 1), ("SASRec", 2)):
        means = [np.mean([fit["N@10"] for fit in found[name]]) for found in (tuned, untuned)]
        assert [len(found[name]) for found in (tuned, untuned)] == [n_fits] * 2
        gain = tuned["gain in N@10"][name]
        assert gain["difference"] == pytest.approx(means[0] - means[1])
        assert gain["ratio"] == pytest.approx(means[0] / means[1])
        assert gain["low"] <= gain["difference"] <= gain["high"]


def test_neighbours_of_texts_are_ranked_without_what_was_seen(scripts):
    script = scripts("quality/next_item_tuning.py")
    vectors = np.array([[1, 0, 0], [1, 0.1, 0], [1, 0.5, 0], [-1, 0, 0.5], [0, -1, -1.0]])
    X = Interactions([*"aab"], [3, 0, 4], catalog=Catalog(np.arange(5), vectors))
    rows = Interactions([*"aaa"], [3, 0, 1], catalog=X.catalog)[[2]]
    assert script.ranks_of_neighbours(X, rows).tolist() == [0]
