"""What estimators accept in place of Interactions, and what it means there."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from skace import Catalog
from skace.data import as_interactions
from skace.data._inputs import rows_to_fit, rows_to_predict, rows_to_score

COLUMNS = {"user_id": [2, 1, 1], "item_id": ["c", "b", "a"], "timestamp": [1, 2, 1]}
HISTORIES = [["a", "b"], ["c"]]
REFUSED_FRAME = (
    "X is a frame, and a frame that was cut into folds has lost every row's past; wrap it once "
    "with Interactions.from_frame(frame), then slice."
)


def says(text):
    """Pattern for exactly this text."""
    return f"^{re.escape(text)}$"


def rows_of(X):
    """(past, item) of each row; the item is None for queries."""
    ids = X.catalog.item_ids
    items = [None] * len(X) if X.is_query else X.items.tolist()
    pasts = [ids[X._log.items[s:e]].tolist() for s, e in zip(X._starts, X._ends, strict=True)]
    return list(zip(pasts, items, strict=True))


def test_interactions_pass_through(small_log):
    assert as_interactions(small_log) is small_log
    assert as_interactions(small_log, catalog=small_log.catalog) is small_log


@pytest.mark.parametrize("frame_of", [pd.DataFrame, pl.DataFrame, pa.table])
def test_frames_are_read_by_their_standard_columns(frame_of):
    X = as_interactions(frame_of(COLUMNS))
    assert rows_of(X) == [([], "a"), (["a"], "b"), ([], "c")]


@pytest.mark.parametrize(
    "histories",
    [
        HISTORIES,
        tuple(HISTORIES),
        np.array(HISTORIES, dtype=object),
        pd.Series(HISTORIES, index=["users", "shape"]),
        pl.Series(HISTORIES),
        pa.chunked_array([HISTORIES]),
    ],
)
def test_lists_are_read_as_one_user_each(histories):
    assert rows_of(as_interactions(histories)) == [([], "a"), (["a"], "b"), ([], "c")]


def test_a_catalog_goes_with_plain_input_only(small_log):
    catalog = Catalog(["c", "b", "a"])
    assert as_interactions(HISTORIES, catalog=catalog).catalog is catalog
    assert as_interactions(pl.DataFrame(COLUMNS), catalog=catalog).catalog is catalog
    text = "X has a catalog already; pass catalog to its constructor instead."
    with pytest.raises(ValueError, match=says(text)):
        as_interactions(small_log, catalog=catalog)


def test_fit_learns_from_every_event_of_a_list():
    assert rows_of(rows_to_fit(HISTORIES)) == [([], "a"), (["a"], "b"), ([], "c")]


def test_fit_appends_one_event_of_y_to_each_sequence():
    assert rows_of(rows_to_fit(HISTORIES, ["c", "a"])) == [
        ([], "a"),
        (["a"], "b"),
        (["a", "b"], "c"),
        ([], "c"),
        (["c"], "a"),
    ]


def test_predict_asks_what_comes_after_each_sequence():
    X = rows_to_predict([*HISTORIES, []])
    assert rows_of(X) == [(["a", "b"], None), (["c"], None), ([], None)]


def test_score_counts_every_event_of_a_list_or_only_y():
    assert rows_of(rows_to_score(HISTORIES)) == [([], "a"), (["a"], "b"), ([], "c")]
    assert rows_of(rows_to_score([*HISTORIES, []], ["c", "a", "b"])) == [
        (["a", "b"], "c"),
        (["c"], "a"),
        ([], "b"),
    ]


@pytest.mark.parametrize("convert", [rows_to_fit, rows_to_score])
def test_y_may_repeat_the_items_of_the_rows(small_log, convert):
    for y in (None, small_log.items, small_log.items.tolist(), pd.Series(small_log.items)):
        assert convert(small_log, y) is small_log


@pytest.mark.parametrize("convert", [rows_to_fit, rows_to_score])
@pytest.mark.parametrize("y", [["ash"] * 10, ["ash"], [1] * 10, "ash"])
def test_y_that_contradicts_the_rows_is_refused(small_log, convert, y):
    text = "y differs from X.items. The rows of Interactions hold their own targets; leave y out."
    with pytest.raises(ValueError, match=says(text)):
        convert(small_log, y)


@pytest.mark.parametrize("convert", [rows_to_fit, rows_to_score])
@pytest.mark.parametrize(
    ("y", "text"),
    [
        (["c"], "y has 1 items, but X has 2 sequences."),
        (
            [["c"], ["a"]],
            "y must be one-dimensional, got an array of shape (2, 1); pass one id per event.",
        ),
        (
            [1, 2],
            "the ids in X must be all integers or all strings; at position 2 stands 1 "
            "of type int. Convert or drop such values first.",
        ),
    ],
)
def test_y_that_does_not_fit_the_sequences_is_refused(convert, y, text):
    with pytest.raises(ValueError, match=says(text)):
        convert(HISTORIES, y)


@pytest.mark.parametrize("frame_of", [pd.DataFrame, pl.DataFrame, pa.table])
@pytest.mark.parametrize("convert", [rows_to_predict, rows_to_score])
def test_frames_are_refused_where_they_may_have_been_cut(frame_of, convert):
    with pytest.raises(ValueError, match=says(REFUSED_FRAME)):
        convert(frame_of(COLUMNS))


def test_y_beside_a_frame_is_refused():
    text = "y must be None when X is a frame: the frame holds the items."
    with pytest.raises(ValueError, match=says(text)):
        rows_to_fit(pl.DataFrame(COLUMNS), ["a", "b", "c"])


@pytest.mark.parametrize("convert", [as_interactions, rows_to_fit, rows_to_predict, rows_to_score])
@pytest.mark.parametrize(
    ("X", "error", "pattern"),
    [
        (
            np.ones((2, 3), dtype=int),
            ValueError,
            r" is an array of shape \(2, 3\), in which padding "
            "cannot be told from items; pass a list of lists of item ids, oldest first.$",
        ),
        (
            ["a", "b"],
            ValueError,
            r"\[0\] is the single id 'a', not a sequence; pass a list of "
            r"sequences, for one visitor \[\['a', ...\]\].$",
        ),
        (
            [1, 2],
            ValueError,
            r"\[0\] is the single id 1, not a sequence; pass a list of sequences, "
            r"for one visitor \[\[1, ...\]\].$",
        ),
        (
            "ab",
            ValueError,
            r" is the string 'ab'; pass a list of sequences of item ids, for one "
            r"visitor \[\['ab'\]\].$",
        ),
        (
            {"a": 1},
            TypeError,
            "^X must be Interactions or a list of sequences of item ids, got dict.$",
        ),
        (
            None,
            TypeError,
            "^X must be Interactions or a list of sequences of item ids, got NoneType.$",
        ),
    ],
    ids=["array", "strings", "integers", "string", "dict", "None"],
)
def test_other_input_is_refused_everywhere(convert, X, error, pattern):
    if convert is rows_to_predict and isinstance(X, dict):
        # Histories by key are a question; what is no history is refused as in a list.
        error, pattern = ValueError, "is the single id 1, not a sequence; pass a list of sequences"
    with pytest.raises(error, match=pattern):
        convert(X)


def test_fit_without_rows_is_refused(small_log):
    text = "X has no rows; there is nothing to learn from."
    with pytest.raises(ValueError, match=says(text)):
        rows_to_fit(small_log[[]])


@pytest.mark.parametrize("convert", [rows_to_fit, rows_to_score])
def test_queries_are_refused_where_a_target_is_needed(small_log, convert):
    with pytest.raises(ValueError, match=r"^query rows have no item: they ask what comes next\."):
        convert(small_log.next_queries())
