"""Appending gives what joining gives."""
# SPDX-License-Identifier: BSD-3-Clause

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skace import Catalog, Interactions
from skace.data import _event_spill
from skace.exceptions import RepeatedEventsWarning

FIELDS = ("items", "offsets", "user_ids", "timestamps", "source", "weights")
EVENTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=15
)


def assert_same(one, other):
    for name in FIELDS:
        a, b = getattr(one._log, name), getattr(other._log, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(a, b, err_msg=name)
    assert one._log.n_inputs == other._log.n_inputs
    assert one._log.ties == other._log.ties
    assert one._log.count("repeated") == other._log.count("repeated")
    np.testing.assert_array_equal(one.items, other.items)
    np.testing.assert_array_equal(one.source_rows, other.source_rows)


@pytest.mark.filterwarnings("ignore::skace.exceptions.RepeatedEventsWarning")
@given(EVENTS, EVENTS, st.booleans(), st.booleans(), st.booleans(), st.sampled_from([1, 3, 100]))
@settings(max_examples=60, deadline=None)
def test_append_is_concat(old, new, has_times, drops, on_disk, n_events):
    def log(events):
        users, items, times = zip(*events, strict=True)
        return Interactions(users, items, times if has_times else None, weights=np.array(items) / 4)

    X, other = log(old), log(new)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(_event_spill, "EVENTS_OF_PART", n_events)
        where = Path(folder) / "joined" if on_disk else None
        found = X.append(other, drop_duplicates=drops, folder=where)
        assert_same(found, Interactions.concat([X, other], drop_duplicates=drops))
        assert (found._log.files is not None) == on_disk
        where = Path(folder) / "again" if on_disk else None
        rows = X.append(other, drop_duplicates=drops, folder=where, only_new=True)
        is_new = found.source_rows >= len(old)
        np.testing.assert_array_equal(rows.source_rows, found.source_rows[is_new])
        np.testing.assert_array_equal(rows.items, found.items[is_new])
        np.testing.assert_array_equal(rows._starts, found._starts[is_new])  # pasts hold all events
        np.testing.assert_array_equal(rows._ends, found._ends[is_new])


def test_a_mapped_log_grows_on_disk(tmp_path):
    days = []
    for day in range(3):
        rng = np.random.default_rng(day)
        n = 40
        columns = {
            "user_id": rng.integers(0, 9, size=n) + day,
            "item_id": rng.integers(0, 9, size=n) - day,
            "timestamp": rng.permutation(n) + n * day,
        }
        pq.write_table(pa.table(columns), tmp_path / f"{day}.parquet")
        days.append(Interactions.from_parquet(tmp_path / f"{day}.parquet"))
    before = days[0].items
    grown = days[0].append(days[1], folder=tmp_path / "two").append(days[2])
    assert_same(grown, Interactions.concat(days))
    at_once = Interactions.from_parquet(tmp_path / "[012].parquet")
    for name in ("users", "items", "timestamps", "source_rows"):
        np.testing.assert_array_equal(getattr(grown, name), getattr(at_once, name))
    assert grown._numbers == range(120)
    assert grown._log.files.folder.name != "two"
    np.testing.assert_array_equal(days[0].items, before)


def test_catalogs_and_times_are_brought_together():
    features = Catalog(["b", "a", "c"], np.eye(3))
    X = Interactions(["u", "v"], ["a", "b"], np.array([3, 1], dtype="M8[s]"))
    other = Interactions(["u"], ["c"], np.array([2_000], dtype="M8[ms]"), catalog=features)
    found = X.append(other)
    assert found.catalog.item_ids.tolist() == ["b", "a", "c"]
    assert found.items.tolist() == ["c", "a", "b"]
    assert found.timestamps.dtype == "M8[s]"
    assert found.source_rows.tolist() == [2, 0, 1]
    # Users of lists that were empty go, as they do where logs are joined.
    lists = Interactions.from_sequences([["a"], [], ["b"]])
    joined = lists.append(Interactions.from_sequences([[], [], ["a"]]))
    assert joined._log.user_ids.tolist() == [0, 2]
    assert joined.items.tolist() == ["a", "b", "a"]


TWO = Interactions(["u", "v"], [1, 2], [1, 2])
REFUSED = {
    "a frame": (TWO, {"user_id": [1]}, TypeError, "new_events must be Interactions, got dict"),
    "a slice": (TWO[:1], TWO, ValueError, "X must hold all rows.*got 1 rows of 2 events; join"),
    "queries": (TWO, TWO.next_queries(), ValueError, "new_events must .*got 2 queries of 2"),
    "other users": (TWO, Interactions([1], [1], [1]), ValueError, "users are strings in one part"),
    "no times": (TWO, Interactions(["u"], [1]), ValueError, "some parts have timestamps"),
    "weights": (TWO.with_weights([1, 2]), TWO, ValueError, "some parts have weights"),
    "datetimes": (
        TWO,
        Interactions(["u"], [1], np.array([1], dtype="M8[s]")),
        ValueError,
        "are datetimes, those of",
    ),
    "finer times": (
        TWO,
        Interactions(["u"], [1], [2.5]),
        ValueError,
        "new_events are float64 and lose something as int64.*with Interactions.concat",
    ),
    "times below zero": (
        Interactions(["u"], [1], np.array([1], dtype=np.uint64)),
        Interactions(["u"], [1], [-1]),
        ValueError,
        "new_events are int64 and lose something as uint64.*with Interactions.concat",
    ),
    "times above all": (
        TWO,
        Interactions(["u"], [1], np.array([2**64 - 1], dtype=np.uint64)),
        ValueError,
        "new_events are uint64 and lose something as int64.*with Interactions.concat",
    ),
    "negative times in floats": (
        Interactions(["u"], [1], np.array([1], dtype=np.uint64)),
        Interactions(["u"], [1], [-1.0]),
        ValueError,
        "new_events are float64 and lose something as uint64",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_be_appended_is_refused(fault):
    X, other, error, text = REFUSED[fault]
    with pytest.raises(error, match=text):
        X.append(other)


@pytest.mark.parametrize("on_disk", [False, True])
def test_repeats_are_warned_of(on_disk, tmp_path):
    with pytest.warns(RepeatedEventsWarning, match=r"2 of 4 events.*at position 2, 3") as caught:
        TWO.append(TWO, folder=tmp_path / "joined" if on_disk else None)
    assert caught[0].filename == __file__


def test_only_new_rows_are_told_by_their_place_in_the_inputs():
    old = Interactions([1, 1, 2], [5, 5, 6], [1, 1, 2], drop_duplicates=True)
    rows = old.append(Interactions([1, 2], [7, 7], [3, 3]), only_new=True)
    assert (len(old), rows.items.tolist(), rows.source_rows.tolist()) == (2, [7, 7], [3, 4])
