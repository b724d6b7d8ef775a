"""Persistence: a fitted model survives every kind of file, and opens without its GPU."""
# SPDX-License-Identifier: BSD-3-Clause

import io
import os
import pickle
import subprocess
import sys
import textwrap

import cloudpickle
import joblib
import numpy as np
import pytest
import skops.io

from skace import PopularityEstimator, SASRecEstimator, leave_last_out
from skace.datasets import make_cycle
from skace.item_tables import FrozenTable, TrainableTable

QUICK = {
    "k": 3,
    "n_layers": 1,
    "max_length": 6,
    "max_epochs": 2,
    "batch_size": 8,
    "learning_rate": 1e-9,  # so that the best epoch is not the last one
    "random_state": 0,
}
MODELS = {
    "popularity": PopularityEstimator(k=3),
    "trainable": SASRecEstimator(**QUICK),
    "frozen": SASRecEstimator(item_table=FrozenTable(), **QUICK),
    "table named": SASRecEstimator(item_table=TrainableTable(init_std=0.1), **QUICK),
}


@pytest.fixture(scope="module")
def cycle():
    return make_cycle(n_users=12, n_items=9, length=8, n_features=8, random_state=0)


@pytest.fixture(params=MODELS, scope="module")
def model(request, cycle):
    return MODELS[request.param].fit(leave_last_out(cycle)[0])


def by_pickle(model, tmp_path):  # noqa: ARG001 - all ways are called alike
    return pickle.loads(pickle.dumps(model))


def by_old_pickle(model, tmp_path):  # noqa: ARG001
    return pickle.loads(pickle.dumps(model, protocol=2))


def by_cloudpickle(model, tmp_path):  # noqa: ARG001
    return cloudpickle.loads(cloudpickle.dumps(model))


def by_joblib(model, tmp_path):
    joblib.dump(model, tmp_path / "model.joblib")
    return joblib.load(tmp_path / "model.joblib")


def by_compressed_joblib(model, tmp_path):
    joblib.dump(model, tmp_path / "model.joblib", compress=3)
    return joblib.load(tmp_path / "model.joblib")


def by_joblib_mapped(model, tmp_path):
    joblib.dump(model, tmp_path / "model.joblib")
    return joblib.load(tmp_path / "model.joblib", mmap_mode="r")


def by_skops(model, tmp_path):
    skops.io.dump(model, tmp_path / "model.skops")
    trusted = skops.io.get_untrusted_types(file=tmp_path / "model.skops")
    assert all(name.startswith("skace.") for name in trusted)
    return skops.io.load(tmp_path / "model.skops", trusted=trusted)


WAYS = [
    by_pickle,
    by_old_pickle,
    by_cloudpickle,
    by_joblib,
    by_compressed_joblib,
    by_joblib_mapped,
    by_skops,
]


@pytest.mark.parametrize("way", WAYS)
def test_a_file_gives_equal_answers(model, cycle, way, tmp_path):
    loaded = way(model, tmp_path)
    assert type(loaded) is type(model)
    assert repr(loaded) == repr(model)
    histories = [[1, 2], [], [5, 0, 5]]
    for X in (cycle, cycle.next_queries(), histories):
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
        np.testing.assert_array_equal(loaded.decision_function(X), model.decision_function(X))
    np.testing.assert_array_equal(loaded.target_ranks(cycle), model.target_ranks(cycle))
    assert loaded.score(cycle) == model.score(cycle)


@pytest.mark.parametrize("way", WAYS)
def test_a_loaded_model_learns_on(model, cycle, way, tmp_path):
    _, X = leave_last_out(cycle)
    loaded, expected = way(model, tmp_path), by_pickle(model, tmp_path)
    loaded.partial_fit(X)
    expected.partial_fit(X)
    np.testing.assert_array_equal(loaded.item_counts_, expected.item_counts_)
    np.testing.assert_array_equal(loaded.decision_function(X), expected.decision_function(X))


def arrays_of(value):
    """All arrays inside nested dicts."""
    if isinstance(value, dict):
        return [array for part in value.values() for array in arrays_of(part)]
    return [value] if isinstance(value, np.ndarray) else []


def test_a_file_holds_each_array_once_and_little_else(model):
    arrays = {id(array): array for array in arrays_of(vars(model))}
    n_bytes = sum(array.nbytes for array in arrays.values())
    assert len(pickle.dumps(model)) < n_bytes + 4000
    file = io.BytesIO()
    joblib.dump(model, file)
    assert file.tell() < n_bytes + 200 * len(arrays) + 4000


def test_a_file_holds_neither_network_nor_catalog_nor_log(model):
    model.predict([[1]])  # which may have built what is rebuilt on use
    content = pickle.dumps(model)
    for word in (b"torch", b"_network", b"Catalog", b"Interactions", b"EventLog"):
        assert word not in content, word


def run_without_gpu(code):
    """Standard output and error of Python code in a process that sees no GPU."""
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return run.stdout, run.stderr


@pytest.mark.minutes
def test_a_file_opens_where_torch_sees_no_gpu(cycle, tmp_path):
    model = SASRecEstimator(**QUICK).fit(cycle)
    model.set_params(device="cuda")  # as if it had been fitted there
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps(model))
    out, err = run_without_gpu(f"""
        import pickle, torch
        assert not torch.cuda.is_available()
        model = pickle.load(open({str(path)!r}, "rb"))
        print(model.predict([[1, 2], []]).tolist())
        print(model.predict([[1, 2], []]).tolist())
    """)
    expected = str(model.set_params(device="auto").predict([[1, 2], []]).tolist())
    assert out.splitlines() == [expected, expected]
    text = "device='cuda' asks for CUDA, but torch sees 0 CUDA device(s); computing on the CPU."
    assert err.count(text) == 1


@pytest.mark.cuda
def test_a_model_fitted_on_a_gpu_answers_alike_without(cycle, tmp_path):
    model = SASRecEstimator(device="cuda", **QUICK).fit(cycle)
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps(model))
    out, _ = run_without_gpu(f"""
        import pickle
        model = pickle.load(open({str(path)!r}, "rb"))
        print(model.decision_function([[1, 2], [3]]).tolist())
    """)
    expected = model.decision_function([[1, 2], [3]])
    np.testing.assert_allclose(np.array(eval(out)), expected, atol=1e-4)  # noqa: S307
