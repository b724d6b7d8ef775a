"""Texts from lists, arrays, series and frames."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp

from skace.embeddings.text._columns import TextColumns
from skace.embeddings.text._table import TextTable
from skace.embeddings.text._template import TextTemplate

FRAMES = [pd.DataFrame, pl.DataFrame, pa.table]
TEXTS = [" a pen", "", "ink"]


@pytest.mark.parametrize(
    "X",
    [
        TEXTS,
        tuple(TEXTS),
        [" a pen", None, "ink"],
        [" a pen", float("nan"), "ink"],
        np.array(TEXTS),
        np.array([" a pen", None, "ink"], dtype=object),
        np.array(TEXTS, dtype=np.dtypes.StringDType()),
        pd.Series(TEXTS),
        pd.Series([" a pen", None, "ink"]),
        pd.Series([" a pen", pd.NA, "ink"], dtype="string"),
        pl.Series([" a pen", None, "ink"]),
        pa.chunked_array([TEXTS]),
    ],
    ids=lambda X: f"{type(X).__module__.split('.')[0]} {getattr(X, 'dtype', '')}",
)
def test_one_text_per_item_comes_in_many_forms(X):
    columns = TextColumns(X)
    assert (columns.names, columns.n_rows) == (["text"], 3)
    assert columns.rows(0, 3) == {"text": ["a pen", "", "ink"]}
    assert columns.rows(1, 9) == {"text": ["", "ink"]}


@pytest.mark.parametrize("make", FRAMES)
def test_frames_give_their_text_columns_without_the_id(make):
    frame = make(
        {"item_id": ["B1", "B2"], "title": ["a", "b"], "price": [1.5, 2.5], "x": ["", "c"]}
    )
    columns = TextColumns(frame)
    assert columns.names == ["title", "x"]
    assert columns.rows(0, 2) == {"title": ["a", "b"], "x": ["", "c"]}


@pytest.mark.parametrize("make", FRAMES)
def test_named_fields_come_in_their_order_and_numbers_are_written_out(make):
    frame = make({"title": ["a", None], "year": [1999, 2001], "tags": [["x", "y"], []]})
    columns = TextColumns(frame, ["year", "title", "tags"])
    assert columns.rows(0, 2) == {
        "year": ["1999", "2001"],
        "title": ["a", ""],
        "tags": ["x, y", ""],
    }


def test_categories_are_texts():
    frame = pd.DataFrame(
        {"kind": pd.Categorical(["a", None, "b"]), "size": pd.Categorical([1, 2, 1])}
    )
    columns = TextColumns(frame)
    assert columns.rows(0, 3) == {"kind": ["a", "", "b"]}


@pytest.mark.parametrize(
    ("X", "what"),
    [
        (np.eye(2), r"an array of shape \(2, 2\) and dtype float64"),
        (np.array([["a"], ["b"]]), r"an array of shape \(2, 1\) and dtype <U1"),
        (np.arange(3.0), r"an array of shape \(3,\) and dtype float64"),
        (sp.eye_array(2), "a dia_array"),
        ("one text", "a str"),
        ([["a", "b"], ["c"]], "a list"),
        ([1, 2], "a list"),
        (7, "a int"),
        ((text for text in TEXTS), "a generator"),
    ],
)
def test_what_holds_no_texts_is_refused(X, what):
    with pytest.raises(ValueError, match=rf"^X must hold texts: .*; got {what}\.$"):
        TextColumns(X)


@pytest.mark.parametrize(
    ("fields", "finding"),
    [
        (
            ["brand"],
            r"^fields must name columns of X, which are 'title', 'price'; got \['brand'\]\.$",
        ),
        ([], r"^fields must name columns of X, .*; got \[\]\.$"),
    ],
)
def test_fields_that_are_not_there_are_refused(fields, finding):
    with pytest.raises(ValueError, match=finding):
        TextColumns(pd.DataFrame({"title": ["a"], "price": [1]}), fields)


def test_a_frame_of_numbers_has_no_texts():
    with pytest.raises(ValueError, match=r"^X has no column of texts; its columns are 'a'\.$"):
        TextColumns(pd.DataFrame({"a": [1]}))


def test_several_fields_need_a_frame():
    expected = r"^fields=\['a', 'b'\] needs a frame with these columns, but X is a list"
    with pytest.raises(ValueError, match=expected):
        TextColumns(["x"], ["a", "b"])


def test_other_cells_are_named_by_column_and_row():
    frame = pd.DataFrame({"title": ["a", {"b": 1}]})
    expected = r"^column 'title' must hold texts, but row 1 is of type dict: \{'b': 1\}\.$"
    with pytest.raises(ValueError, match=expected):
        TextColumns(frame, ["title"]).rows(0, 2)


def _table(X, fields=None, template="{values}"):
    return TextTable(X, fields, TextTemplate(template))


def test_a_template_with_names_reads_these_columns_only():
    frame = pd.DataFrame({"title": ["a"], "junk": ["z"]})
    assert _table(frame, template="<{title}>").fields == ["title"]
    assert _table(frame, "junk").fields == ["junk"]
    assert _table(["a"], template="<{text}>").texts_at(np.array([0])) == ["<a>"]


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_texts_are_the_same_in_pieces_of_any_size(monkeypatch, chunk):
    monkeypatch.setattr("skace.embeddings.text._table._CHUNK", chunk)
    texts = ["a", "", "b", "a", "c"]
    table = _table(texts)
    assert table.is_empty.tolist() == [False, True, False, False, False]
    assert table.keys[0] == table.keys[3]
    assert np.unique(table.keys).size == 4
    for rows in ([0], [1, 4], [0, 1, 2, 3, 4], [2, 3]):
        assert table.texts_at(np.array(rows)) == [texts[row] for row in rows]


@pytest.mark.parametrize(
    ("ids", "named"),
    [(None, r"row\(s\) .*: 1, 3\."), (np.array([7, 8, 9, 6]), r"item\(s\) .*: 8, 6\.")],
)
def test_items_without_text_are_named(ids, named):
    table = _table(pd.DataFrame({"a": ["x", "", "y", " "], "b": [""] * 4}))
    with pytest.raises(ValueError, match=rf"^2 {named} Give them one, or pass missing='mean' or"):
        table.refuse_empty(ids)
