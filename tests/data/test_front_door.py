"""What comes in at the front door: ids, times, weights, features, of any kind and with any fault.

A table for each kind: the input, and what is right. Nothing is silently read as something else.
"""
# SPDX-License-Identifier: BSD-3-Clause

import datetime
import enum
import re
import warnings
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import KFold, TimeSeriesSplit, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline

from skace import Catalog, Interactions, LeaveLastOut, PopularityEstimator, TemporalSplit
from skace._topk import ranks_of_targets, top_k
from skace.data import k_core
from skace.embeddings import ACETransformer, OnItems
from skace.exceptions import FutureLeakageWarning, RepeatedEventsWarning, RowOrderWarning
from skace.item_tables import TrainableTable
from skace.metrics import ndcg_scorer, ranking_report
from skace.recommenders import EASEEstimator, SASRecEstimator


def matrix(values):
    """Old-fashioned matrix of numpy, which numpy itself warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.matrix(values)


class Sku(str):
    """An id that shows more than it is."""

    __slots__ = ()

    def __str__(self):
        return "sku:" + super().__str__()


class Page(str, enum.Enum):  # noqa: UP042 (str() of such a member is not its text)
    """Ids as an enumeration of texts."""

    home = "h"
    search = "s"


class Number(enum.IntEnum):
    """Ids as an enumeration of integers."""

    one = 1
    two = 2


def one_user(items, **options):
    """Log of one user, in order."""
    return Interactions([1] * len(items), items, **options)


# Ids: (given, what they are).
IDS = {
    "subclass of str": ([Sku("1001"), Sku("1002")], ["1001", "1002"]),
    "subclass of str in an array": (np.array([Sku("a"), Sku("b")], dtype=object), ["a", "b"]),
    "enumeration of texts": ([Page.search, Page.home], ["s", "h"]),
    "enumeration of integers": ([Number.two, Number.one], [2, 1]),
    "numpy texts": (np.array(["b", "a"]), ["b", "a"]),
    "StringDType": (np.array(["b", "a"], dtype=np.dtypes.StringDType()), ["b", "a"]),
    "bytes of numpy made texts": (np.array([b"b", b"a"]).astype(str), ["b", "a"]),
    "small integers": (np.array([2, 1], dtype=np.uint8), [2, 1]),
    "Python integers as objects": (np.array([2, 1], dtype=object), [2, 1]),
    "tensor": (torch.tensor([2, 1]), [2, 1]),
    "tensors in a list": ([torch.tensor(2), torch.tensor(1)], [2, 1]),
    "masked array, nothing masked": (np.ma.array([2, 1], mask=False), [2, 1]),
    "pandas, nullable": (pd.Series([2, 1], dtype="Int64"), [2, 1]),
    "pandas, string": (pd.Series(["b", "a"], dtype="string"), ["b", "a"]),
    "pandas, categories": (pd.Series(["b", "a"], dtype="category"), ["b", "a"]),
    "pandas, labelled": (pd.Series(["b", "a"], index=[9, 8]), ["b", "a"]),
    "polars": (pl.Series(["b", "a"]), ["b", "a"]),
    "pyarrow": (pa.chunked_array([["b"], ["a"]]), ["b", "a"]),
    "blanks count": (["a ", "a"], ["a ", "a"]),
    "composed and decomposed letters differ": (["\u00e9", "e\u0301"], ["\u00e9", "e\u0301"]),
}


@pytest.mark.parametrize("kind", IDS)
def test_ids_are_what_they_are(kind):
    given, expected = IDS[kind]
    assert one_user(given).items.tolist() == expected
    assert Catalog(given).item_ids.tolist() == expected
    assert Interactions(given, [1, 2]).users.tolist() == sorted(expected)


# Ids that are refused: (given, part of the text).
BAD_IDS = {
    "masked": (np.ma.masked_equal([7, -999], -999), "has 1 masked value(s), first at position 1"),
    "NUL at the end": (["a\0", "a"], "with a NUL character"),
    "NUL inside": (["a\0b", "a"], "with a NUL character"),
    "empty": (["a", ""], "is empty ('') for 1 entries, first at position 1"),
    "empty, numpy": (np.array(["a", ""]), "is empty ('') for 1 entries, first at position 1"),
    "NaN among integers": ([1, np.nan], "is missing for 1 entries, first at position 1"),
    "NA among integers": (pd.Series([1, None], dtype="Int64"), "missing for 1 entries, first at"),
    "None among texts": (["a", None], "at position 1 stands None"),
    "NA among texts": (pd.Series(["a", None], dtype="string"), "at position 1 stands"),
    "null of polars": (pl.Series(["a", None]), "at position 1 stands None"),
    "Decimals": ([Decimal(1), Decimal(2)], "must be integers or strings, got dtype float64"),
    "booleans": ([True, False], "must be integers or strings, got dtype bool"),
    "whole floats": ([1.0, 2.0], "must be integers or strings, got dtype float64"),
    "bytes": ([b"a", b"b"], "must be integers or strings"),
    "datetimes": (np.array(["2024-01-01"] * 2, "M8[D]"), "must be integers or strings"),
    "mixed": ([1, "a"], "must be all integers or all strings; at position 1 stands 'a'"),
    "matrix": (matrix([[1, 2]]), "must be one-dimensional, got an array of shape (1, 2)"),
    "too large": ([1, 2**64], "does not fit in int64"),
    "too large, unsigned": (np.array([1, 2**63], dtype=np.uint64), "does not fit in int64"),
}


@pytest.mark.parametrize("kind", BAD_IDS)
@pytest.mark.parametrize("argument", ["users", "items", "item_ids"])
def test_other_ids_are_refused_by_name_and_place(kind, argument):
    given, text = BAD_IDS[kind]
    others = {"users": [1, 2], "items": [1, 2]}
    make, arguments = (Interactions, others) if argument in others else (Catalog, {})
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is looked at
        make(**arguments | {argument: given})
    assert str(caught.value).startswith(argument)
    assert text in str(caught.value)


WORDS = ["nan", "NaN", "None", "null", "NULL", "NA", "N/A", "<NA>", "NaT"]


@pytest.mark.parametrize("word", WORDS)
def test_ids_that_look_like_missing_values_are_told(word):
    for make in (
        lambda: Interactions([word, "al"], [1, 2]),
        lambda: Interactions([1, 2], [word, "pen"]),
        lambda: Catalog([word, "pen"]),
        lambda: Interactions.from_sequences([[word, "pen"]]),
    ):
        with pytest.warns(UserWarning, match="which is how libraries write a missing value"):
            make()


def test_words_that_only_hold_such_a_word_are_ids(recwarn):
    Interactions(["nan bread", "nonesuch"], ["banana", "NAT"])
    assert len(recwarn) == 0


# Times: (given, order in which the events 0, 1, 2 come).
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
HOURS = [datetime.datetime(2024, 3, 1, hour) for hour in (12, 11, 10)]
AWARE = [
    datetime.datetime(2024, 3, 1, 12, tzinfo=BERLIN),  # 11:00 in UTC
    datetime.datetime(2024, 3, 1, 5, tzinfo=NEW_YORK),  # 10:00
    datetime.datetime(2024, 3, 1, 9, tzinfo=datetime.UTC),
]
TIMES = {
    "integers": [3, 2, 1],
    "seconds of 2023": [1_700_000_120, 1_700_000_060, 1_700_000_000],
    "floats": [0.3, 0.2, 0.1],
    "float64 seconds": np.array([1_700_000_120.5, 1_700_000_120.25, 1_700_000_000]),
    "small float32": np.array([3, 2, 1], dtype=np.float32),
    "Decimals": [Decimal("3.1"), Decimal("2.1"), Decimal("1.1")],
    "unsigned": np.array([3, 2, 1], dtype=np.uint64),
    "tensor": torch.tensor([3, 2, 1]),
    "tensor with a gradient": torch.tensor([3.0, 2.0, 1.0], requires_grad=True),
    "bfloat16": torch.tensor([3.0, 2.0, 1.0], dtype=torch.bfloat16),
    "masked array, nothing masked": np.ma.array([3, 2, 1], mask=[False] * 3),
    "datetimes": HOURS,
    "dates": [datetime.date(2024, 3, day) for day in (3, 2, 1)],
    "datetime64": np.array(HOURS, dtype="M8[s]"),
    "Timestamps": list(pd.to_datetime(HOURS)),
    "DatetimeIndex": pd.DatetimeIndex(HOURS),
    "pandas": pd.Series(HOURS),
    "polars": pl.Series(HOURS),
    "polars dates": pl.Series([datetime.date(2024, 3, day) for day in (3, 2, 1)]),
    "pyarrow": pa.chunked_array([HOURS]),
    "nullable": pd.Series([3, 2, 1], dtype="Int64"),
    "aware, of three zones": AWARE,
    "years far apart": np.array(["9999-12-31", "1816-01-01", "0001-01-01"], dtype="M8[D]"),
    "another clock": [10**12, 10**9, 10**6],
}


@pytest.mark.parametrize("kind", TIMES)
def test_times_put_events_in_order(kind):
    X = one_user(["late", "middle", "early"], timestamps=TIMES[kind])
    assert X.items.tolist() == ["early", "middle", "late"]
    assert X.timestamps.dtype.kind in "iufM"


# Times that are refused: (given, part of the text).
BAD_TIMES = {
    "float32 seconds": (
        np.array([1_700_000_060, 1_700_000_000], dtype=np.float32),
        "float32 and reach 1.7e+09",
    ),
    "float16": (np.array([4000, 3000], dtype=np.float16), "float16 and reach"),
    "huge float64": (np.array([2.0**60, 1.0]), "float64 and reach"),
    "masked": (np.ma.masked_equal([3, -999], -999), "has 1 masked value(s), first at position 1"),
    "NaN": ([1.0, np.nan], "missing for 1 event(s), first at position 1"),
    "infinity": ([1.0, np.inf], "infinite for 1 event(s), first at position 1"),
    "NaT": (np.array(["2024-01-01", "NaT"], "M8[D]"), "missing for 1 event(s), first at"),
    "None": ([HOURS[0], None], "must be numbers or datetime64"),
    "texts": (["2024-01-01", "2024-01-02"], "parse them first"),
    "booleans": ([True, False], "must be numbers or datetime64"),
    "durations": (np.array([1, 2], dtype="m8[s]"), "must be numbers or datetime64"),
    "seconds and milliseconds": (
        [1_700_000_000, 1_699_000_000_000],
        "look like seconds (1 of them) and milliseconds (1 of them) since 1970",
    ),
    "aware and naive": ([AWARE[0], HOURS[0]], "mix datetimes with a time zone and without one"),
    "two columns": ([[1, 2], [3, 4]], "must have one value per event"),
}


@pytest.mark.parametrize("kind", BAD_TIMES)
def test_times_that_cannot_tell_events_apart_are_refused(kind):
    given, text = BAD_TIMES[kind]
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is looked at
        one_user([1, 2], timestamps=given)
    assert str(caught.value).startswith("timestamps")
    assert text in str(caught.value)


# Time zones: whatever the library and the name, times are kept in UTC and the zone is known.
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "Etc/GMT+5", "UTC", "+05:30"]
FRAMES = {
    "pandas": lambda times, zone: pd.DataFrame(
        {"timestamp": pd.Series(times).dt.tz_localize(zone)}
    ),
    "polars": lambda times, zone: pl.DataFrame(
        {"timestamp": pl.Series(times).dt.replace_time_zone(zone)}
    ),
    "pyarrow": lambda times, zone: pa.table(
        {"timestamp": pa.array(pd.Series(times).dt.tz_localize(zone))}
    ),
}


def aware_log(library, zone):
    """Three events at 12, 11 and 10 o'clock of a zone."""
    frame = FRAMES[library](HOURS, zone)
    columns = {"user_id": [1, 1, 1], "item_id": ["late", "middle", "early"]}
    if library == "pyarrow":
        frame = pa.table(columns).append_column("timestamp", frame["timestamp"])
    elif library == "polars":
        frame = frame.with_columns(**{name: pl.Series(v) for name, v in columns.items()})
    else:
        frame = frame.assign(**columns)
    return frame, Interactions.from_frame(frame)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("library", FRAMES)
def test_zones_of_any_name_are_known_and_remembered(library, zone):
    if library == "polars" and zone == "+05:30":
        pytest.skip("polars has no fixed distances from UTC")
    frame, X = aware_log(library, zone)
    utc = pd.Series(HOURS).dt.tz_localize(zone).dt.tz_convert("UTC").dt.tz_localize(None)
    assert X.timestamps.tolist() == sorted(utc.dt.to_pydatetime())
    assert X.time_zone.removeprefix("UTC") == zone.removeprefix("UTC")
    constructed = one_user(["late", "middle", "early"], timestamps=frame["timestamp"])
    assert constructed.time_zone == X.time_zone
    # A moment without a zone is read in that of the log.
    for X_aware in (X, constructed):
        assert X_aware.next_queries(at="2024-03-01T11:00")._ends.tolist() == [1]
        ((train, test),) = TemporalSplit(cuts="2024-03-01 11:00").split(X_aware)
        assert X_aware[train].items.tolist() == ["early"]
        assert X_aware[test].items.tolist() == ["middle", "late"]


def test_a_log_with_a_zone_comes_back_from_its_frame():
    _, X = aware_log("pandas", "America/New_York")
    again = Interactions.from_frame(X.to_frame())
    np.testing.assert_array_equal(again.timestamps, X.timestamps)
    assert again.time_zone == X.time_zone == "America/New_York"
    assert "2024-03-01T10:00:00 to 2024-03-01T12:00:00 in America/New_York" in repr(X)


# Moments: (kind of log, moment, how many of its three events are before it; None: refused).
DAYS = np.array(["2024-03-01", "2024-03-02", "2024-03-03"], dtype="M8[D]")
MOMENTS = {
    "number": ([1, 2, 3], 2, 1),
    "float for integers": ([1, 2, 3], 2.5, 2),
    "numpy number": ([1, 2, 3], np.int16(3), 2),
    "infinity": ([1, 2, 3], np.inf, None),
    "NaN": ([1, 2, 3], float("nan"), None),
    "boolean": ([1, 2, 3], True, None),
    "text for numbers": ([1, 2, 3], "2024-03-02", None),
    "list": ([1, 2, 3], [2], None),
    "array": ([1, 2, 3], np.array([2]), None),
    "date": (DAYS, datetime.date(2024, 3, 2), 1),
    "datetime": (DAYS, datetime.datetime(2024, 3, 2, 12), 2),
    "datetime64": (DAYS, np.datetime64("2024-03-03"), 2),
    "Timestamp": (DAYS, pd.Timestamp("2024-03-02"), 1),
    "ISO date": (DAYS, "2024-03-02", 1),
    "ISO month": (DAYS, "2024-04", 3),
    "ISO moment": (DAYS, "2024-03-02T00:00:01", 2),
    "the last day there is": (DAYS.astype("M8[ns]"), "9999-12-31", 3),
    "the first day there is": (DAYS.astype("M8[ns]"), "0001-01-01", 0),
    "NaT": (DAYS, np.datetime64("NaT"), None),
    "NaT of pandas": (DAYS, pd.NaT, None),
    "NaT as text": (DAYS, "NaT", None),
    "empty text": (DAYS, "", None),
    "no date": (DAYS, "noon", None),
    "number for dates": (DAYS, 1_709_337_600, None),
    "aware for naive": (DAYS, datetime.datetime(2024, 3, 2, tzinfo=datetime.UTC), None),
}


@pytest.mark.parametrize("kind", MOMENTS)
def test_moments_cut_where_they_say_or_are_refused(kind):
    times, moment, n_before = MOMENTS[kind]
    X = one_user([1, 2, 3], timestamps=times)
    if n_before is None:
        with pytest.raises(ValueError, match=r"^at "):
            X.next_queries(at=moment)
        if not isinstance(moment, (list, np.ndarray)):
            with pytest.raises(ValueError, match=r"^cuts "):
                list(TemporalSplit(cuts=moment).split(X))
        return
    assert X.next_queries(at=moment)._ends.tolist() == [n_before]
    if 0 < n_before < 3:
        ((train, _),) = TemporalSplit(cuts=moment).split(X)
        assert train.size == n_before


def test_aware_moments_cut_aware_logs_whatever_their_zone():
    _, X = aware_log("polars", "Asia/Tokyo")  # 10, 11, 12 o'clock: 1, 2 and 3 in UTC
    for moment in (
        datetime.datetime(2024, 3, 1, 2, tzinfo=datetime.UTC),
        datetime.datetime(2024, 3, 1, 3, tzinfo=BERLIN),
        pd.Timestamp("2024-03-01 11:00", tz="Asia/Tokyo"),
        "2024-03-01T11:00+09:00",
        "2024-03-01T02:00Z",
    ):
        assert X.next_queries(at=moment)._ends.tolist() == [1]


# Logs that are joined: (times of the one, times of the other, items in order; None: refused).
UTC_TIMES, TOKYO = (
    pd.Series(pd.to_datetime(["2024-03-01 12:00"])).dt.tz_localize(zone)
    for zone in ("UTC", "Asia/Tokyo")
)
JOINED = {
    "integers": ([5], [3], [2, 1]),
    "integers and floats": ([5], [5.5], [1, 2]),
    "days and seconds": (
        np.array(["2024-03-02"], "M8[D]"),
        np.array(["2024-03-01T23:59:59"], "M8[s]"),
        [2, 1],
    ),
    "a far day and nanoseconds": (
        np.array(["9999-12-31"], "M8[s]"),
        np.array(["2024-03-01"], "M8[ns]"),
        [2, 1],
    ),
    "two zones": (UTC_TIMES, TOKYO, [2, 1]),
    "aware and naive": (TOKYO, UTC_TIMES.dt.tz_localize(None), None),
    "numbers and dates": ([1], np.array(["2024-03-01"], "M8[D]"), None),
    "seconds and milliseconds": ([1_700_000_000], [1_699_000_000_000], None),
    "milliseconds and microseconds": ([1_699_000_000_000], [1_700_000_000_000_000], None),
    "with and without": ([1], None, None),
    "a far day and a fine one": (
        np.array(["9999-12-31"], "M8[s]"),
        np.array([1], "M8[ns]"),
        None,
    ),
}


@pytest.mark.parametrize("kind", JOINED)
def test_joined_times_are_compared_or_refused(kind):
    first, second, expected = JOINED[kind]
    logs = [Interactions([1], [1], first), Interactions([1], [2], second)]
    if expected is None:
        with pytest.raises(ValueError, match="timestamps"):
            Interactions.concat(logs)
        return
    assert Interactions.concat(logs).items.tolist() == expected
    assert Interactions.concat(logs[::-1]).items.tolist() == expected


# Weights stay with their events.
LOG = pd.DataFrame(
    {
        "user_id": [2, 1, 2, 1],
        "item_id": [5, 6, 7, 8],
        "timestamp": [4, 3, 2, 1],
        "weight": [9.0, 1, 1, 2],
    }
)


def test_weights_stay_with_their_events():
    X = Interactions.from_frame(LOG, weight="weight")
    assert X.items.tolist() == [8, 6, 7, 5]
    assert X.weights.tolist() == [2, 1, 1, 9]
    assert X[[3, 0]].weights.tolist() == [9, 2]
    assert Interactions.from_frame(LOG).weights is None
    assert X.to_frame()["weight"].tolist() == [2, 1, 1, 9]
    again = Interactions.from_frame(X.to_frame(), weight="weight")
    assert again.weights.tolist() == [2, 1, 1, 9]
    assert k_core(X, 1).weights.tolist() == [2, 1, 1, 9]
    assert X.with_features(np.eye(4)).weights.tolist() == [2, 1, 1, 9]
    with pytest.raises(ValueError, match=r"^query rows have no weights"):
        _ = X.next_queries().weights


def test_weights_stand_for_sample_weight():
    X, plain = Interactions.from_frame(LOG, weight="weight"), Interactions.from_frame(LOG)
    model = PopularityEstimator(k=1).fit(X)
    given = PopularityEstimator(k=1).fit(LOG, sample_weight=LOG["weight"])
    assert model.popularity_.tolist() == given.popularity_.tolist() == [9, 1, 1, 2]
    assert model.predict([[]]).tolist() == [[5]]
    for score in (PopularityEstimator.score, ndcg_scorer(k=1)):
        assert score(model, X) != score(model, plain)
        assert score(model, X) == score(model, plain.with_weights(X.weights))
    reports = [ranking_report(model, rows)["overall"]["ndcg@10"] for rows in (X, plain)]
    assert reports[0] != reports[1]
    assert reports[0] == ranking_report(model, plain.with_weights(X.weights))["overall"]["ndcg@10"]


def test_two_kinds_of_weights_are_refused():
    X = Interactions.from_frame(LOG, weight="weight")
    model = PopularityEstimator(k=1).fit(X)
    for call in (
        lambda: model.fit(X, sample_weight=np.ones(4)),
        lambda: model.score(X, sample_weight=np.ones(4)),
        lambda: ndcg_scorer(k=1)(model, X, sample_weight=np.ones(4)),
        lambda: ranking_report(model, X, sample_weight=np.ones(4)),
    ):
        with pytest.raises(ValueError, match=r"^sample_weight is given, but X has weights of its"):
            call()
    assert model.fit(X.with_weights(None)).popularity_.tolist() == [1, 1, 1, 1]


def test_weighted_and_unweighted_logs_are_not_joined():
    X = Interactions.from_frame(LOG, weight="weight")
    other = Interactions([9], [9], [9])
    with pytest.raises(ValueError, match=r"^some parts have weights and others have none"):
        Interactions.concat([X, other])
    joined = Interactions.concat([X, other.with_weights([7])])
    assert joined.weights.tolist() == [2, 1, 1, 9, 7]


# Weights in the wrong order: (what is given, whether it is told).
ORDERS = {
    "a column of the frame": (LOG["weight"], True),
    "an array": (LOG["weight"].to_numpy(), True),
    "a list": (LOG["weight"].tolist(), True),
    "of another library": (pl.Series(LOG["weight"].tolist()), True),
    "a column in the order of the rows": (
        LOG.sort_values(["user_id", "timestamp"])["weight"],
        False,
    ),
}


@pytest.mark.parametrize("kind", ORDERS)
def test_weights_that_may_be_in_the_order_of_the_input_are_told(kind):
    X = Interactions.from_frame(LOG)
    given, is_told = ORDERS[kind]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        PopularityEstimator(k=1).fit(X, sample_weight=given)
    told = [w for w in caught if w.category is RowOrderWarning]
    assert bool(told) == is_told
    assert all(w.filename == __file__ for w in told)  # it points to the line of the caller


def test_the_remedies_of_weights_work():
    X = Interactions.from_frame(LOG)
    expected = Interactions.from_frame(LOG, weight="weight").weights
    assert X.in_row_order(LOG["weight"]).tolist() == expected.tolist()
    moved = X.with_weights(X.in_row_order(LOG["weight"]))
    assert PopularityEstimator(k=1).fit(moved).popularity_.tolist() == [9, 1, 1, 2]
    ordered = Interactions.from_frame(LOG.sort_values(["user_id", "timestamp"]))
    PopularityEstimator(k=1).fit(ordered, sample_weight=np.ones(4))  # nothing was moved


# Weights that are refused: (given, part of the text).
BAD_WEIGHTS = {
    "negative": ([1, -1, 1, 1], "[1] is -1.0; weights must be finite and at least 0."),
    "NaN": ([1, 1, np.nan, 1], "[2] is nan; weights must be finite and at least 0."),
    "infinite": ([np.inf, 1, 1, 1], "[0] is inf; weights must be finite and at least 0."),
    "masked": (np.ma.masked_equal([1.0, -9, 1, 1], -9), "has 1 masked value(s), first at"),
    "too few": ([1, 1], "must have one value per row: expected shape (4,), got (2,)."),
    "texts": (["a", "b", "c", "d"], "must be numbers, got list"),
}


@pytest.mark.parametrize("kind", BAD_WEIGHTS)
def test_bad_weights_are_refused(kind):
    given, text = BAD_WEIGHTS[kind]
    columns = [LOG[name] for name in ("user_id", "item_id", "timestamp")]
    for name, call in {
        "weights": lambda: Interactions(*columns, weights=given),
        "sample_weight": lambda: PopularityEstimator(k=1).fit(LOG, sample_weight=given),
    }.items():
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is looked at
            call()
        assert str(caught.value).startswith(name)
        assert text in str(caught.value)


@pytest.mark.parametrize(
    "weights",
    [[Decimal(1)] * 4, torch.ones(4, requires_grad=True), pd.Series([1, 1, 1, 1], dtype="Int64")],
    ids=["Decimals", "tensor", "nullable"],
)
def test_weights_of_any_library_are_numbers(weights):
    columns = [LOG[name] for name in ("user_id", "item_id", "timestamp")]
    assert Interactions(*columns, weights=weights).weights.tolist() == [1, 1, 1, 1]


# Features: (given, row of the item "a" of the catalog "a", "b", "c"; None: refused).
ROWS = np.array([[3.0, 2.0], [2.0, 1.0], [1.0, 5.0]])
IN_REVERSE = pd.Index(["c", "b", "a"], name="item_id")
FEATURES = {
    "array": (ROWS, [3, 2]),
    "list": (ROWS.tolist(), [3, 2]),
    "matrix": (matrix(ROWS), [3, 2]),
    "masked array, nothing masked": (np.ma.array(ROWS, mask=False), [3, 2]),
    "masked": (np.ma.masked_equal(ROWS, 5.0), None),
    "Decimals": (np.array([[Decimal(3), Decimal(2)]] * 3), [3, 2]),
    "bfloat16": (torch.tensor(ROWS, dtype=torch.bfloat16), [3, 2]),
    "tensor with a gradient": (torch.tensor(ROWS, requires_grad=True), [3, 2]),
    "sparse": (sp.csr_array(ROWS), [3, 2]),
    "booleans": (ROWS > 1.5, [1, 1]),
    "frame": (pd.DataFrame(ROWS), [3, 2]),
    "frame with booleans": (pd.DataFrame({"x": [3, 2, 1], "y": [True, False, True]}), [3, 1]),
    "polars": (pl.DataFrame(ROWS), [3, 2]),
    "labelled by id": (pd.DataFrame(ROWS, index=IN_REVERSE), [1, 5]),
    "labelled by id, without a name": (pd.DataFrame(ROWS, index=["c", "b", "a"]), [1, 5]),
    "labelled by something else": (pd.DataFrame(ROWS, index=[5, 6, 7]), None),
    "labelled by some ids": (pd.DataFrame(ROWS, index=["a", "b", "x"]), None),
    "labelled by an id twice": (pd.DataFrame(ROWS, index=["a", "a", "b"]), None),
    "a LazyFrame": (pl.LazyFrame(ROWS), None),
    "NaN": (np.where(ROWS == 5, np.nan, ROWS), None),
}


@pytest.mark.parametrize("kind", FEATURES)
def test_features_are_those_of_their_item(kind):
    given, expected = FEATURES[kind]
    X = one_user(["a", "b", "c"])
    for make in (lambda: Catalog(["a", "b", "c"], given), lambda: X.with_features(given).catalog):
        if expected is None:
            with pytest.raises((ValueError, TypeError), match="features"):
                make()
            continue
        features = make().features
        row = features[[0]].toarray()[0] if sp.issparse(features) else features[0]
        assert row.tolist() == expected
        assert type(features) in (np.ndarray, sp.csr_array)


def test_texts_labelled_by_id_are_those_of_their_item():
    texts = pd.Series(["red", "blue"], index=["b", "a"])
    assert Catalog(["a", "b"], texts).features.tolist() == ["blue", "red"]
    frame = pd.DataFrame({"title": ["red", "blue"]}, index=["b", "a"])
    assert Catalog(["a", "b"], frame).features["title"].tolist() == ["blue", "red"]


def test_columns_of_one_frame_belong_together_whatever_its_labels():
    items = pd.DataFrame({"item_id": ["a", "b", "c"], "x": [1.0, 2, 3], "y": [1.0, 2, 3]})
    items = items[items["x"] > 1]  # labelled 1, 2
    for catalog in (
        Catalog.from_frame(items, features=["x", "y"]),
        Catalog(items["item_id"], items[["x", "y"]]),
    ):
        assert catalog.item_ids.tolist() == ["b", "c"]
        assert catalog.features.tolist() == [[2, 2], [3, 3]]


# Texts of which some are missing: taken alike by every way into a catalog.
MISSING = [None, float("nan"), pd.NA]


@pytest.mark.parametrize("nothing", MISSING, ids=["None", "NaN", "NA"])
def test_missing_texts_are_taken_by_every_way_in(nothing):
    items = pd.DataFrame({"item_id": [1, 2], "title": pd.Series(["pen", nothing], dtype=object)})
    for catalog in (
        Catalog.from_frame(items, features="title"),
        Catalog.from_frame(items, features="title", missing="mean"),
        Catalog([1, 2], ["pen", nothing]),
        Catalog([1, 2], items["title"]),
    ):
        assert catalog.features.tolist() == ["pen", None]
    assert Catalog.from_frame(items, features=["title"]).n_items == 2


# Repeated events: (times, number of repeats).
REPEATED = {
    "log read twice": ([1, 2, 1, 2], ["a", "b", "a", "b"], 2),
    "another item": ([1, 1], ["a", "b"], 0),
    "another time": ([1, 2], ["a", "a"], 0),
    "apart within a moment": ([1, 1, 1], ["a", "b", "a"], 1),
    "three times": ([1, 1, 1], ["a", "a", "a"], 2),
    "no times": (None, ["a", "a"], 0),
}


@pytest.mark.parametrize("kind", REPEATED)
def test_repeated_events_are_counted_told_and_dropped(kind):
    times, items, n_repeats = REPEATED[kind]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        X = one_user(items, timestamps=times)
    told = [str(w.message) for w in caught if w.category is RepeatedEventsWarning]
    assert len(told) == (n_repeats > 0)
    assert all(text.startswith(f"{n_repeats} of {len(items)} events repeat") for text in told)
    assert (f"{n_repeats} repeated" in repr(X)) == (n_repeats > 0)
    dropped = one_user(items, timestamps=times, drop_duplicates=True)
    assert len(dropped) == len(items) - n_repeats
    assert dropped.in_row_order(items).tolist() == dropped.items.tolist()


def test_logs_that_overlap_are_told_and_joined_once():
    monday, tuesday = one_user([1, 2], timestamps=[1, 2]), one_user([2, 3], timestamps=[2, 3])
    with pytest.warns(RepeatedEventsWarning, match=r"^1 of 4 events repeat"):
        assert len(Interactions.concat([monday, tuesday])) == 4
    once = Interactions.concat([monday, tuesday], drop_duplicates=True)
    assert once.items.tolist() == [1, 2, 3]
    assert once.source_rows.tolist() == [0, 1, 3]


def test_events_at_one_moment_are_counted():
    X = Interactions([1, 1, 1, 2, 2], [1, 2, 3, 1, 2], [5, 5, 6, 6, 6])
    assert "40% of the log at the time of the event before" in repr(X)
    assert "2 (40.0%), in the order of the input" in X._repr_html_()


# Lists that are padded: (sequences, whether it is told).
PADDED = {
    "zeros in front": ([[0, 0, 0, 5, 7], [0, 0, 3, 4, 9], [0, 0, 0, 0, 5]], True),
    "zeros behind": ([[5, 7, 0, 0], [3, 4, 9, 0], [3, 0, 0, 0]], True),
    "a word": ([["pad", "pad", "a"], ["pad", "b", "c"], ["pad", "pad", "d"]], True),
    "one full": ([[0, 0, 5], [3, 4, 9], [0, 4, 5], [0, 0, 4]], True),
    "lengths differ": ([[0, 0, 0, 5], [0, 0, 3]], False),
    "the same first item": ([[1, 2, 3], [1, 3, 4], [1, 4, 2]], False),
    "an item like any other": ([[1, 1, 2], [1, 2, 3], [2, 3, 1]], False),
    "one visitor": ([[0, 0, 5]], False),
}


@pytest.mark.parametrize("kind", PADDED)
def test_padding_is_told(kind):
    sequences, is_told = PADDED[kind]
    model = PopularityEstimator(k=1).fit([sorted({item for s in sequences for item in s})])
    for call in (
        lambda: Interactions.from_sequences(sequences),
        lambda: model.predict(sequences),
        lambda: PopularityEstimator(k=1).fit(sequences),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        assert any("it seems to be padding" in str(w.message) for w in caught) == is_told


# Nothing left to recommend: (candidates, history, how many rows are told of).
def test_lists_that_are_filled_up_are_told():
    model = EASEEstimator(k=2, exclude_seen=True).fit([[1, 2, 3], [2, 3, 1]])
    with pytest.warns(UserWarning, match=r"^2 of 3 row\(s\) have fewer than 2 items that may be"):
        lists = model.predict([[1, 2, 3], [1, 2], [1]])
    assert lists[2].tolist() == [2, 3]
    assert np.isneginf(model.recommend([[1, 2, 3]]).scores).all()  # which says so
    assert model.recommend([[1, 2]], k=1).item_ids.tolist() == [[3]]


def test_items_of_which_nothing_is_known_are_told():
    X = Interactions.from_sequences([[1, 2], [2, 1]], catalog=Catalog([1, 2, 77]))
    model = EASEEstimator(k=3).fit(X)
    with pytest.warns(UserWarning, match=r"^1 of 1 row\(s\) have fewer than 3 items"):
        assert model.predict([[1]])[0, 2] == 77


# Messages that name a remedy: it works when it is typed.
def test_the_remedy_of_texts_works_when_typed():
    words = [ACETransformer, OnItems, TfidfVectorizer, TruncatedSVD, make_pipeline]
    names = {word.__name__: word for word in words}
    items = pd.DataFrame({"item_id": range(1, 9), "title": [f"t{i} pen" for i in range(8)]})
    items["genre"] = ["drama", None] * 4
    catalog = Catalog.from_frame(items, features=["title", "genre"])
    X = Interactions.from_sequences([[1, 2, 3], [4, 5, 6], [7, 8, 1]], catalog=catalog)
    model = SASRecEstimator(k=2, max_epochs=1, early_stopping=False)
    for given in (model, ACETransformer(n_components=2)):
        with pytest.raises(ValueError, match="texts") as caught:
            given.fit(X)
        typed = re.search(
            r"(?:for example|language model with) (.*?)(?:, or|\.$)", str(caught.value)
        ).group(1)
        eval(typed, names | {"model": model}).fit(X)  # noqa: S307 (our own message)
    model.fit(X.with_features(None))


def test_parameters_of_a_table_that_is_none_are_refused_with_the_remedy():
    model = SASRecEstimator()
    with pytest.raises(
        ValueError, match=r"^item_table__init_std cannot be set.*TrainableTable\(\)"
    ):
        model.set_params(item_table__init_std=0.1)
    model.set_params(item_table=TrainableTable(), item_table__init_std=0.1)
    assert model.item_table.init_std == 0.1


def test_scores_that_are_not_numbers_never_count_as_best():
    scores = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan], [2.0, 1.0, np.nan]])
    assert ranks_of_targets(scores, np.array([0, 1, 2])).tolist() == [1, np.inf, np.inf]
    assert top_k(scores, 2).tolist() == [[2, 0], [0, 1], [0, 1]]


# Frames: what is not there, or not there yet.
def test_what_a_frame_lacks_is_named_with_the_remedy():
    frame = pl.DataFrame({"user_id": [1], "item_id": [2], "when": [3]})
    with pytest.raises(ValueError, match="Name the column of times with timestamp=, or pass"):
        Interactions.from_frame(frame)
    assert Interactions.from_frame(frame, timestamp="when").timestamps.tolist() == [3]
    assert Interactions.from_frame(frame, timestamp=None).timestamps is None
    with pytest.raises(ValueError, match="Name the column of times with timestamp=, or pass"):
        Interactions.from_frame(frame.lazy())
    with pytest.raises(TypeError, match=r"^frame is a LazyFrame.*call \.collect\(\) first"):
        Catalog.from_frame(frame.lazy())
    assert Interactions.from_frame(frame.lazy().collect(), timestamp="when").n_items == 1


def test_catalogs_of_the_same_columns_of_text_are_joined():
    def log(ids, user):
        items = pd.DataFrame({"item_id": ids, "title": [f"t{i}" for i in ids], "genre": "g"})
        catalog = Catalog.from_frame(items, features=["title", "genre"])
        return Interactions([user] * len(ids), ids, catalog=catalog)

    X = Interactions.concat([log([1, 2], "a"), log([2, 3], "b")])
    assert X.catalog.item_ids.tolist() == [1, 2, 3]
    assert X.catalog.features["title"].tolist() == ["t1", "t2", "t3"]
    other = Interactions(
        ["z"], [2], catalog=Catalog([2], pd.DataFrame({"title": ["x"], "genre": "g"}))
    )
    with pytest.raises(ValueError, match=r"disagree on the features of 1 item\(s\): 2;"):
        Interactions.concat([log([1, 2], "a"), other])


# Splitters that take the order of rows for that of time.
def test_splitters_of_scikit_learn_that_claim_order_are_told():
    X = Interactions([1, 1, 1, 2, 2, 2, 3, 3, 3], [1, 2, 3, 2, 3, 1, 3, 1, 2],
                     [10, 20, 30, 1, 2, 3, 11, 12, 13])  # fmt: skip
    with pytest.warns(FutureLeakageWarning, match="TimeSeriesSplit"):
        cross_val_score(EASEEstimator(k=1), X, cv=TimeSeriesSplit(2))
    train, test = train_test_split(X, shuffle=False, test_size=4)
    model = EASEEstimator(k=1).fit(train)
    for score in (EASEEstimator.score, EASEEstimator.target_ranks, ndcg_scorer()):
        with pytest.warns(FutureLeakageWarning, match="train_test_split"):
            score(model, test)
    # These are told of nothing: they split by time or by user.
    for splitter in (LeaveLastOut(), TemporalSplit(cuts=11)):
        cross_val_score(EASEEstimator(k=1), X, cv=splitter)
    EASEEstimator(k=1).fit(X[X.users < 3]).score(X[X.users == 3])
    cross_val_score(EASEEstimator(k=1), X, cv=KFold(3))  # which cuts between users here
