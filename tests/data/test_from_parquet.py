"""Logs that are sorted on disk are those that are sorted in memory, and stay there."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import gc
import pickle
import re
import shutil
import subprocess
import sys
import warnings
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import dask.dataframe
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.base import BaseEstimator, clone

from skace import (
    Catalog,
    EASEEstimator,
    Interactions,
    LeaveLastOut,
    PopularityEstimator,
    SASRecEstimator,
    leave_last_out,
)
from skace.data import _event_spill, _from_parquet, _parquet_events
from skace.exceptions import RepeatedEventsWarning

FIELDS = ("items", "offsets", "user_ids", "timestamps", "source", "weights")
COLUMNS = {"user_id": [2, 1, 2], "item_id": [7, 9, 7], "timestamp": [3, 1, 2]}


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Let a few hundred events be many."""
    monkeypatch.setattr(_parquet_events, "_BATCH", 64)
    monkeypatch.setattr(_event_spill, "EVENTS_OF_PART", 50)


def events(n=600, seed=0, **columns):
    """Events in no order, many of one moment, of users of very different length."""
    rng = np.random.default_rng(seed)
    made = {
        "user_id": (40 * rng.random(n) ** 3).astype(int) - 5,
        "item_id": np.array([f"i{k}" for k in (25 * rng.random(n) ** 2).astype(int)]),
        "timestamp": rng.integers(0, 30, size=n),
        "weight": rng.random(n).round(2),
    }
    return pl.DataFrame({name: columns.get(name, values) for name, values in made.items()})


def write(frame, folder, bounds=(0, 150, 151, 400, 600)):
    """Files of some rows each; by their names as texts, the third would be the last."""
    for number, (begin, end) in enumerate(pairwise(bounds)):
        frame[begin:end].write_parquet(folder / f"part.{number + 8}.parquet")
    return folder


def assert_same_log(one, other):
    """Every field has the same type and bits."""
    for name in FIELDS:
        a, b = getattr(one._log, name), getattr(other._log, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert type(a) is type(b) is np.ndarray
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(a, b, err_msg=name)
    for fact in ("tied", "repeated", "last tied", "users with two"):
        assert one._log.count(fact) == other._log.count(fact)
    assert one.time_zone == other.time_zone
    assert one._log.n_inputs == other._log.n_inputs
    assert one.catalog.fingerprint == other.catalog.fingerprint
    assert len(one) == len(other)
    np.testing.assert_array_equal(one.items, other.items)


NAMES = np.array(["zoë", "Ann", "ann", "日本", "b"])
KINDS = {
    "integers": {},
    "texts": {"user_id": NAMES[np.arange(600) % 5]},
    "categories": {"user_id": pl.Series(NAMES[np.arange(600) % 5]).cast(pl.Categorical)},
    "small integers": {"user_id": pl.Series(np.arange(600) % 9, dtype=pl.Int16)},
    "floats as times": {"timestamp": np.arange(600)[::-1] / 8},
    "days": {"timestamp": pl.Series(np.arange(600) % 40).cast(pl.Date)},
    "times with a zone": {
        "timestamp": pl.Series(np.arange(600) % 9 * 10**6)
        .cast(pl.Datetime("us"))
        .dt.replace_time_zone("UTC")
        .dt.convert_time_zone("Asia/Tokyo")
    },
}
OPTIONS = {
    "as it is": {},
    "without repeats": {"drop_duplicates": True},
    "without times": {"timestamp": None},
    "with weights": {"weight": "weight"},
    "a catalog": {"catalog": Catalog([f"i{k}" for k in range(30)][::-1])},
    "a key": {"tie_key": np.arange(25)[::-1]},
}


@pytest.mark.filterwarnings("ignore::skace.exceptions.RepeatedEventsWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_files_give_the_log_of_their_rows(kind, tmp_path):
    frame = events(**KINDS[kind])
    found = Interactions.from_parquet(write(frame, tmp_path))
    assert_same_log(found, Interactions.from_frame(frame))
    assert len(found._log.files.arrays) == 5


@pytest.mark.filterwarnings("ignore::skace.exceptions.RepeatedEventsWarning")
@pytest.mark.parametrize("option", OPTIONS)
def test_options_are_those_of_frames(option, tmp_path):
    frame, options = events(), OPTIONS[option]
    if option == "a key":  # one value for each item
        options = {"tie_key": np.arange(frame["item_id"].n_unique())[::-1]}
    expected = Interactions.from_frame(frame, **options)
    found = Interactions.from_parquet(write(frame, tmp_path), **options)
    assert_same_log(found, expected)
    assert_same_log(Interactions.from_frame(frame.lazy(), **options), expected)
    if option == "a key":
        for X in (found, expected):
            assert X._log.tie_key.ranks(X.catalog).tolist() == options["tie_key"].tolist()


@pytest.mark.parametrize("n_events", [1, 7, 10_000])
def test_the_size_of_parts_changes_nothing(n_events, tmp_path, monkeypatch):
    frame = events().unique(["user_id", "item_id", "timestamp"], maintain_order=True)
    write(frame, tmp_path, (0, 200, len(frame)))
    monkeypatch.setattr(_event_spill, "EVENTS_OF_PART", n_events)
    assert_same_log(Interactions.from_parquet(tmp_path), Interactions.from_frame(frame))


LAZY = {
    "polars": (lambda frame: frame.lazy(), pl.DataFrame),
    "dask": (lambda frame: dask.dataframe.from_pandas(frame.to_pandas(), npartitions=12), None),
}


@pytest.mark.filterwarnings("ignore::skace.exceptions.RepeatedEventsWarning")
# What narwhals and Dask say of each other and of pandas; goes with narwhals-dask and a new Dask.
@pytest.mark.filterwarnings("ignore:Dask support is moving out of Narwhals:FutureWarning")
@pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.set_index")
@pytest.mark.parametrize("library", LAZY)
def test_lazy_frames_are_streamed(library, tmp_path, monkeypatch):
    make, kind = LAZY[library]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    frame = events()
    options = {"ties": "shuffle", "random_state": 3}
    found = Interactions.from_frame(make(frame), **options)
    assert_same_log(found, Interactions.from_frame(frame, **options))
    assert kind is None or isinstance(found.to_frame(), kind)
    assert len(list(tmp_path.iterdir())) == 1  # the log; what was streamed has gone


def test_duckdb_relations_are_streamed():
    duckdb = pytest.importorskip("duckdb")
    frame = events().unique(["user_id", "item_id", "timestamp"], maintain_order=True)
    relation = duckdb.sql("select * from frame where timestamp > 3")
    assert_same_log(
        Interactions.from_frame(relation),
        Interactions.from_frame(frame.filter(pl.col("timestamp") > 3)),
    )


@pytest.mark.parametrize(
    "name",
    [
        lambda folder: folder,
        lambda folder: str(folder / "*.parquet"),
        lambda folder: [
            folder / "part.8.parquet",
            folder / "part.9.parquet",
            f"{folder}/part.1?.*",
        ],
    ],
    ids=["folder", "pattern", "list"],
)
def test_files_are_named_in_three_ways(name, tmp_path):
    frame = events().unique(["user_id", "item_id", "timestamp"], maintain_order=True)
    write(frame, tmp_path, (0, 150, 151, 400, len(frame)))
    assert_same_log(Interactions.from_parquet(name(tmp_path)), Interactions.from_frame(frame))


def test_the_order_of_files_is_that_of_their_names(tmp_path, monkeypatch):
    names = ["1.parquet", "01.parquet", "001.parquet", "2.parquet", "10.parquet"]
    for number, name in enumerate(names):
        pq.write_table(pa.table(COLUMNS | {"item_id": [number] * 3}), tmp_path / name)
    for order in (names, names[::-1]):
        found = [tmp_path / name for name in order]
        monkeypatch.setattr(Path, "rglob", lambda *_, found=found: iter(found))
        X = Interactions.from_parquet(tmp_path, timestamp=None)
        assert X.items[np.argsort(X.source_rows)][::3].tolist() == [2, 1, 0, 3, 4]


def test_a_link_is_the_file_itself(tmp_path):
    pq.write_table(pa.table(COLUMNS), tmp_path / "a.parquet")
    (tmp_path / "b.parquet").symlink_to(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"twice, as '.*a\.parquet' and as '.*b\.parquet'"):
        Interactions.from_parquet(tmp_path)


@pytest.mark.parametrize("dtype", ["float64", "object", "string", "int64"])
@pytest.mark.parametrize("name", ["0.parquet", "2.parquet"])
def test_an_empty_day_may_have_other_types(name, dtype, tmp_path):
    pq.write_table(pa.table(COLUMNS), tmp_path / "1.parquet")
    pd.DataFrame(columns=list(COLUMNS), dtype=dtype).to_parquet(tmp_path / name)
    assert_same_log(
        Interactions.from_parquet(tmp_path), Interactions.from_frame(pd.DataFrame(COLUMNS))
    )


def test_an_empty_day_has_all_columns(tmp_path):
    pq.write_table(pa.table(COLUMNS), tmp_path / "1.parquet")
    pd.DataFrame(columns=["user_id", "timestamp"]).to_parquet(tmp_path / "2.parquet")
    with pytest.raises(ValueError, match=r"the file '.*2\.parquet' .*item_id"):
        Interactions.from_parquet(tmp_path)


TREE = (
    "m/1.parquet",
    "m/2.parquet/part-0.parquet",  # a folder, as Spark and Dask write it
    "m/2.parquet/part-1.parquet",
    "m/2.parquet/_temporary/0/part-1.parquet",
    "m/2.parquet/.part-0.parquet",
    "m/_3.parquet",
    "m/_4.parquet/part-0.parquet",
    "m/day=3/part-0.parquet",
)
FOUND = {
    "m": [0, 1, 2, 7],
    "m/*.parquet": [0, 1, 2],
    "m/*": [0, 1, 2, 7],
    "m/**": [0, 1, 2, 7],
    "m/**/*": [0, 1, 2, 7],
    "m/_*.parquet": [5, 6],
    "m/_3.parquet": [5],
    "m/_4.parquet": [6],
    "m/2*/_temporary/**/*.parquet": [3],
}


@pytest.mark.parametrize("name", FOUND)
def test_finished_files_of_folders_are_found(name, tmp_path):
    for number, file in enumerate(TREE):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(COLUMNS | {"item_id": [number] * 3}), tmp_path / file)
    X = Interactions.from_parquet(tmp_path / name)
    assert np.unique(X.items).tolist() == FOUND[name]
    assert len(X) == 3 * len(FOUND[name])


@pytest.fixture
def mapped(tmp_path):
    """The same log from files and from memory."""
    frame = events(300).unique(["user_id", "item_id", "timestamp"], maintain_order=True)
    frame.write_parquet(tmp_path / "log.parquet")
    path = tmp_path / "log.parquet"
    return Interactions.from_parquet(path, folder=tmp_path / "map"), Interactions.from_frame(frame)


@pytest.mark.parametrize(
    "model",
    [
        PopularityEstimator(),
        EASEEstimator(),
        SASRecEstimator(embedding_dim=8, max_epochs=2, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore::skace.exceptions.TiedTargetsWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_models_learn_the_same_from_a_map(model, mapped):
    train, test = zip(*map(leave_last_out, mapped), strict=True)
    first, second = (model.fit(X).decision_function(X) for X in train)
    np.testing.assert_array_equal(first, second)
    assert model.score(test[0]) == model.score(test[1])
    assert len(list(LeaveLastOut().split(mapped[0]))) == 1


def test_all_rows_take_no_memory(mapped):
    X, _ = mapped
    assert X._numbers == X[:]._numbers == range(len(X))
    assert X[2:9:3]._numbers == range(2, 9, 3)
    assert X.drop_duplicates()._numbers == X.k_core(1)._numbers == range(len(X))
    np.testing.assert_array_equal(X[::-2].items, X.items[::-2])
    np.testing.assert_array_equal(X[np.array([5, -1])].source_rows, X.source_rows[[5, -1]])
    with pytest.raises(ValueError, match="read-only"):
        X._log.items[0] = 1
    X.items[0] = X.timestamps[0] = 0  # copies, which belong to the caller


def a_pickle(X):
    return pickle.loads(pickle.dumps(X))


def a_joblib_file(X):
    path = X._log.files.folder.parent / "X.joblib"
    joblib.dump(X, path)
    assert path.stat().st_size < 10_000
    return joblib.load(path)


@pytest.mark.parametrize("copied", [a_pickle, a_joblib_file])
def test_copies_hold_the_path_of_the_log(copied, mapped):
    X, other = mapped
    again = copied(X)
    assert_same_log(again, other)
    assert again._log.files.folder == X._log.files.folder
    assert again._log.items.base is not None
    half = a_pickle(X[::2])
    np.testing.assert_array_equal(half.items, other.items[::2])
    # What was made anew goes as it is.
    weights = np.arange(len(X)) / 8
    np.testing.assert_array_equal(a_pickle(X.with_weights(weights)).weights, weights)
    turned = X.reorder_ties("shuffle", random_state=0)
    assert_same_log(a_pickle(turned), other.reorder_ties("shuffle", random_state=0))


class Holder(BaseEstimator):
    """An estimator with a log as a parameter."""

    def __init__(self, X=None):
        self.X = X


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda X: clone(Holder(X)).X],
    ids=["copy", "deep", "clone"],
)
def test_copies_keep_a_temporary_log(copied, tmp_path):
    pq.write_table(pa.table(COLUMNS), tmp_path / "log.parquet")
    X = Interactions.from_parquet(tmp_path)
    again, folder = copied(X), X._log.files.folder
    del X
    gc.collect()
    assert copied(again).items.tolist() == [9, 7, 7]
    assert a_pickle(again)._log.files.folder == folder
    del again
    gc.collect()
    assert not folder.exists()


def test_a_log_is_found_from_another_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table(COLUMNS), "log.parquet")
    X = Interactions.from_parquet("log.parquet", folder="map")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir("other")
    assert a_pickle(X).items.tolist() == [9, 7, 7]
    assert X._log.files.folder == tmp_path / "map"


def test_a_log_that_was_written_anew_is_not_taken_for_the_old_one(mapped):
    X, other = mapped
    folder, stored = X._log.files.folder, pickle.dumps(X)
    shutil.rmtree(folder)
    again = Interactions.from_parquet(folder.parent / "log.parquet", folder=folder)
    assert_same_log(a_pickle(again), other)
    for each in (stored, pickle.dumps(X)):
        with pytest.raises(ValueError, match=r"the log in .*map' was written anew since; read it"):
            pickle.loads(each)


def test_workers_map_the_log_of_their_parent(mapped):
    X, other = mapped
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(_base_of)(X, k) for k in range(2))
    assert [items for items, _ in found] == [other.items[0], other.items[1]]
    assert all(is_mapped for _, is_mapped in found)


def _base_of(X, row):
    return X.items[row], X._log.files is not None


def test_a_temporary_log_goes_with_its_object(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    source = tmp_path / "log"
    source.mkdir()
    events(50).unique(["user_id", "item_id", "timestamp"]).write_parquet(source / "a.parquet")
    X = Interactions.from_parquet(source)
    folder, stored, part = X._log.files.folder, pickle.dumps(X), X[[3]].with_weights([1])
    del X
    gc.collect()
    assert sorted(path.stem for path in folder.iterdir()) == sorted(
        [*part._log.files.arrays, "token"]
    )
    assert len(part.items) == 1  # of the same log, which therefore is still there
    del part
    gc.collect()
    assert not folder.exists()
    with pytest.raises(FileNotFoundError, match=r"is gone\. A temporary folder .* folder=\.\.\."):
        pickle.loads(stored)


def test_the_end_of_a_process_cleans_up(tmp_path):
    pq.write_table(pa.table(COLUMNS), tmp_path / "a.parquet")
    lines = (
        "import os, tempfile",
        f"tempfile.tempdir = {str(tmp_path)!r}",
        "from skace import Interactions",
        f"X = Interactions.from_parquet({str(tmp_path / 'a.parquet')!r})",
        "if os.fork() == 0: raise SystemExit",  # what was forked leaves the files alone
        "os.wait(); print(len(os.listdir(tempfile.tempdir)), X.items.tolist())",
    )
    run = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    assert run.stdout == "2 [9, 7, 7]\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


BAD = {
    "no such file": ({}, {"path": "nowhere.parquet"}, FileNotFoundError, "names no file"),
    "no path": ({}, {"path": 3}, TypeError, "path must be a text, a path, or a list"),
    "an empty list": ({}, {"path": []}, ValueError, "path is an empty list"),
    "an empty text": ({}, {"path": ""}, ValueError, "path holds an empty text"),
    "an empty text of two": ({}, {"path": ["log.parquet", ""]}, ValueError, "an empty text"),
    "a file named twice": (
        {},
        {"path": ["log.parquet", "*.parquet"]},
        ValueError,
        r"a file twice, as 'log\.parquet' and as 'log\.parquet'; name it once",
    ),
    "an absent column": ({}, {"user": "who"}, ValueError, "has no column 'who'; its columns are"),
    "absent times": ({}, {"timestamp": "when"}, ValueError, "Name the column of times"),
    "a folder in use": ({}, {"folder": "."}, ValueError, "is no empty folder"),
    "no key": ({}, {"tie_key": "price"}, ValueError, "names a column, but the catalog has no feat"),
    "no catalog": ({}, {"catalog": [7, 9]}, TypeError, "catalog must be a Catalog"),
    "a small catalog": ({}, {"catalog": Catalog([7])}, ValueError, "lacks 1 item.* 9;"),
    "ids in floats": ({"user_id": [1.0, 2, 3]}, {}, ValueError, "'user_id' .*is double; ids must"),
    "a missing id": ({"user_id": [1, None, 3]}, {}, ValueError, "1 event.*first in row 1; drop"),
    "an empty id": ({"item_id": ["a", "b", ""]}, {}, ValueError, "holds '' in row 2, which is no"),
    "a large id": (
        {"user_id": np.array([1, 2, 2**63], dtype=np.uint64)},
        {},
        ValueError,
        "do not fit in int64",
    ),
    "a missing time": ({"timestamp": [1, None, 3]}, {}, ValueError, "missing for 1.*position 1"),
    "two units": (
        {"timestamp": [1_700_000_000, 1_700_000_000_000, 1_700_000_000]},
        {},
        ValueError,
        "look like seconds",
    ),
    "a negative weight": ({"w": [1, 2, -1]}, {"weight": "w"}, ValueError, r"weights\[2\] is -1"),
    "no events": ({name: np.zeros(0, int) for name in COLUMNS}, {}, ValueError, "the log is empty"),
}


@pytest.mark.parametrize("fault", BAD)
def test_what_cannot_be_read_is_refused(fault, tmp_path, monkeypatch):
    columns, options, error, text = BAD[fault]
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table(COLUMNS | columns), "log.parquet")
    options = {"path": "log.parquet", "folder": "map"} | options
    with pytest.raises(error, match=text):
        Interactions.from_parquet(options.pop("path"), **options)
    assert [path.name for path in tmp_path.iterdir()] == ["log.parquet"]


@pytest.mark.parametrize("was_there", [True, False])
@pytest.mark.parametrize("column", [{"item_id": ["a", "b", ""]}, {"timestamp": [1, None, 3]}])
def test_an_error_leaves_the_folder_as_it_was(column, was_there, tmp_path):
    pq.write_table(pa.table(COLUMNS | column), tmp_path / "log.parquet")
    folder = tmp_path / "map"
    if was_there:
        folder.mkdir()
    with pytest.raises(ValueError, match=r"row 2|position 1"):
        Interactions.from_parquet(tmp_path, folder=folder)
    assert folder.exists() == was_there
    assert not was_there or not list(folder.iterdir())


def test_a_log_is_cleared_after_a_late_error(tmp_path, mapped):
    folder = tmp_path / "joined"
    folder.mkdir()
    with warnings.catch_warnings(action="error"), pytest.raises(RepeatedEventsWarning):
        mapped[0].append(mapped[0], folder=folder)
    assert list(folder.iterdir()) == []


def test_files_that_differ_or_are_none_are_refused(tmp_path):
    pq.write_table(pa.table(COLUMNS), tmp_path / "a.parquet")
    times = [datetime(2024, 1, day) for day in (1, 2, 3)]
    pq.write_table(pa.table(COLUMNS | {"timestamp": times}), tmp_path / "b.parquet")
    with pytest.raises(
        ValueError, match=r"'timestamp' is int64 in .*a\.parquet' and timestamp\[us"
    ):
        Interactions.from_parquet(tmp_path)
    (tmp_path / "b.parquet").write_text("PAR1")
    with pytest.raises(ValueError, match=r"b\.parquet' is no parquet file, or a damaged one"):
        Interactions.from_parquet(tmp_path)


CHANGED = {
    "an event less": lambda frame: frame[:-1],
    "an event more": lambda frame: pl.concat([frame, frame[:1]]),
    "an event of another user": lambda frame: frame.sort("user_id").with_columns(
        user_id=frame["user_id"].sort().shift(1, fill_value=frame["user_id"].min())
    ),
    "a new user between": lambda frame: frame.with_columns(user_id=frame["user_id"] * 2 + 1),
    "a new last user": lambda frame: frame.with_columns(user_id=frame["user_id"] + 9),
    "a new item": lambda frame: frame.with_columns(item_id=pl.lit("i7b")),
    "no events": lambda frame: frame[:0],
}


@pytest.mark.parametrize("change", CHANGED)
def test_files_that_change_are_refused(change, tmp_path, monkeypatch):
    frame, path, first_reading = events(), tmp_path / "log.parquet", _from_parquet._coding_of
    frame.write_parquet(path)

    def coding_of(*args):
        coding = first_reading(*args)
        path.unlink()  # what is mapped still is the file before
        CHANGED[change](frame).write_parquet(path)
        return coding

    monkeypatch.setattr(_from_parquet, "_coding_of", coding_of)
    with pytest.raises(RuntimeError, match=r"changed while they were read; .*read a copy"):
        Interactions.from_parquet(tmp_path, folder=tmp_path / "map")
    assert [path.name for path in tmp_path.iterdir()] == ["log.parquet"]


def test_repeats_are_warned_of_as_in_memory(tmp_path):
    frame = pl.concat([events(200), events(200)])
    write(frame, tmp_path, (0, 150, 400))
    messages = []
    for make in (
        lambda: Interactions.from_frame(frame),
        lambda: Interactions.from_parquet(tmp_path),
        lambda: Interactions.from_frame(frame.lazy()),
    ):
        with pytest.warns(RepeatedEventsWarning) as caught:
            make()
        messages.append(str(caught[0].message))
        assert caught[0].filename == __file__
    assert len(set(messages)) == 1


def test_ids_like_missing_values_are_warned_of(tmp_path):
    columns = COLUMNS | {"item_id": ["nan", "b", "b"], "user_id": ["u", "NA", "u"]}
    pq.write_table(pa.table(columns), tmp_path / "log.parquet")
    with pytest.warns(UserWarning, match="holds") as caught:
        Interactions.from_parquet(tmp_path)
    assert [re.match(r"\w+ holds '\w+'", str(w.message))[0] for w in caught] == [
        "items holds 'nan'",
        "users holds 'NA'",
    ]


def test_fit_takes_a_lazy_frame():
    frame = pd.DataFrame(COLUMNS)
    lazy = pl.from_pandas(frame).lazy()
    with warnings.catch_warnings(action="error"):
        scores = [PopularityEstimator(k=1).fit(X).decision_function([[7]]) for X in (frame, lazy)]
    np.testing.assert_array_equal(*scores)


def test_pyarrow_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(_parquet_events, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match="from_parquet needs pyarrow; install it"):
        Interactions.from_parquet(tmp_path)


def test_an_eager_frame_is_not_lazy():
    assert not _from_parquet.is_lazy(pl.DataFrame(COLUMNS))
    assert not _from_parquet.is_lazy([[1, 2]])
