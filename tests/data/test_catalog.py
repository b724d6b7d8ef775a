"""Catalog: what it refuses, what it keeps, and that nobody can change or copy it."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import io
import pickle
import re
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from skace import Catalog, Interactions
from skace.data import _catalog
from skace.data.features import _rows

FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}
# NumPy drops a null character at the end of a string.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=4)
VECTORS = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 2.0]])


def says(text):
    """Pattern for exactly this text."""
    return f"^{re.escape(text)}$"


@pytest.fixture(params=FRAMES)
def frame_of(request):
    return FRAMES[request.param]


def vectors_with(**rows):
    """VECTORS with some rows replaced: ``vectors_with(r1=[0, 0])``."""
    vectors = VECTORS.copy()
    for name, row in rows.items():
        vectors[int(name[1:])] = row
    return vectors


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        (["b", "a", "c", "b", "a"], "2 duplicate id(s): 'a', 'b'"),
        ([7, 8, 7], "1 duplicate id(s): 7"),
        ([4, 4, 3, 3, 2, 2, 1, 1], "4 duplicate id(s): 1, 2, 3, ..."),
    ],
)
def test_duplicate_ids_are_refused(ids, text):
    with pytest.raises(ValueError, match=says(f"item_ids holds {text}; give each item once.")):
        Catalog(ids)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_features_that_are_not_finite_are_refused(bad, dtype):
    features = vectors_with(r0=[bad, 0], r2=[1, bad]).astype(dtype)
    text = (
        "features holds NaN or infinity for 2 item(s): 'a', 'c'; drop or encode these items again."
    )
    with pytest.raises(ValueError, match=says(text)):
        Catalog(["a", "b", "c"], features)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (np.asarray, "2 item(s): 20, 30"),
        (sp.csr_array, "2 item(s): 20, 30"),
        (sp.coo_matrix, "2 item(s): 20, 30"),
        (pd.DataFrame, "2 item(s): 20, 30"),
    ],
)
def test_zero_rows_are_refused_in_any_form(form, text):
    features = form(vectors_with(r1=[0, 0], r2=[0, -0.0]))
    remedy = "encode these items, or pass missing='mean' to give them the mean of the others."
    with pytest.raises(ValueError, match=says(f"features is zero for {text}; {remedy}")):
        Catalog([10, 20, 30], features)


def test_explicit_zeros_of_a_sparse_matrix_count_as_zero():
    features = sp.csr_array(([1.0, 0.0], ([0, 1], [0, 1])), shape=(2, 2))
    with pytest.raises(ValueError, match="features is zero for 1 item"):
        Catalog(["a", "b"], features)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([],), "item_ids is empty; a catalog needs at least one item."),
        (
            (["a", "b"], VECTORS),
            "features has 3 rows, but there are 2 item_ids; give one row per item.",
        ),
        (
            (["a", "b"], ["only one text"]),
            "features has 1 rows, but there are 2 item_ids; give one row per item.",
        ),
        (
            (["a", "b"], ["text", 3]),
            "features holds texts, but row 1 is 3; give every item a text, or None.",
        ),
        (
            (["a", "b"], [None, None]),
            "features holds no text at all: it is missing for all 2 items.",
        ),
        (
            (["a", "b"], np.zeros((2, 2, 2))),
            "features must be numbers of shape (n_items, n_features) or one text per item, got "
            "dtype float64 and shape (2, 2, 2).",
        ),
        (
            (["a", "b"], [1.0, 2.0]),
            "features must be numbers of shape (n_items, n_features) or one text per item, got "
            "dtype float64 and shape (2,).",
        ),
        (
            (["a", "b"], np.ones((2, 2), dtype=complex)),
            "features must be numbers of shape (n_items, n_features) or one text per item, got "
            "dtype complex128 and shape (2, 2).",
        ),
        (
            ([1.0, 2.0],),
            "item_ids must be integers or strings, got dtype float64 (first value 1.0); convert "
            "the column, for example with .astype(int) after dropping missing values.",
        ),
        (
            (["a", 1],),
            "item_ids must be all integers or all strings; at position 1 stands 1 of type int. "
            "Convert or drop such values first.",
        ),
    ],
)
def test_misfits_are_refused(arguments, text):
    with pytest.raises(ValueError, match=says(text)):
        Catalog(*arguments)


@pytest.mark.parametrize(
    ("features", "missing", "text"),
    [
        (np.zeros((3, 2)), "mean", "features is zero for every item; there is no mean to fill in."),
        (
            sp.csr_array(vectors_with(r0=[0, 0])),
            "mean",
            "missing='mean' needs dense features; call .toarray() first.",
        ),
        (VECTORS, "drop", "missing must be 'error' or 'mean', got 'drop'."),
    ],
)
def test_missing_vectors_that_cannot_be_filled_are_refused(features, missing, text):
    with pytest.raises(ValueError, match=says(text)):
        Catalog(["a", "b", "c"], features, missing=missing)


def test_missing_mean_gives_zero_rows_the_mean_of_the_others_and_copies():
    features = vectors_with(r1=[0, 0]).astype(np.float32)
    catalog = Catalog(["a", "b", "c"], features, missing="mean")
    np.testing.assert_array_equal(catalog.features, [[1, 0], [0.5, 1], [0, 2]])
    assert catalog.features.dtype == np.float32
    np.testing.assert_array_equal(features[1], [0, 0])


def test_missing_mean_without_zero_rows_copies_nothing():
    assert np.shares_memory(Catalog([1, 2, 3], VECTORS, missing="mean").features, VECTORS)


@pytest.mark.parametrize("row", [0, 1, 2])
def test_offenders_are_found_in_whatever_block_they_are(row, monkeypatch):
    monkeypatch.setattr(_rows, "_CHUNK_BYTES", 1)  # one row a block
    ids = ["a", "b", "c"]
    with pytest.raises(ValueError, match=rf"for 1 item\(s\): '{ids[row]}'; drop"):
        Catalog(ids, vectors_with(**{f"r{row}": [np.nan, 1]}))
    with pytest.raises(ValueError, match=rf"for 1 item\(s\): '{ids[row]}'; encode"):
        Catalog(ids, sp.csr_array(vectors_with(**{f"r{row}": [0, 0]})))


@pytest.mark.parametrize(
    ("items", "catalog_ids", "text"),
    [
        (
            [7, 8],
            ["7", "8"],
            "items are integers (first 7), but the catalog's item_ids are strings "
            "(first '7'); convert one of them.",
        ),
        (
            ["7", "8"],
            [7, 8],
            "items are strings (first '7'), but the catalog's item_ids are "
            "integers (first 7); convert one of them.",
        ),
        (
            ["x", "a", "y", "x"],
            ["a"],
            "the catalog lacks 2 item(s) of the log: 'x', 'y'; add them "
            "to the catalog or drop their events.",
        ),
        (
            [5, 4, 3, 2, 1],
            [1],
            "the catalog lacks 4 item(s) of the log: 2, 3, 4, ...; add them to "
            "the catalog or drop their events.",
        ),
        (
            ["1015", "7"],
            ["01015", "7"],
            "the catalog lacks 1 item(s) of the log: '1015'; add them to the catalog or drop their "
            "events. It has '01015': were leading zeros lost? Read ids as texts, with dtype=str.",
        ),
    ],
)
def test_a_log_and_a_catalog_that_do_not_match_are_refused(items, catalog_ids, text):
    with pytest.raises(ValueError, match=says(text)):
        Interactions(["u"] * len(items), items, catalog=Catalog(catalog_ids))


def test_features_given_in_place_of_a_catalog_are_refused():
    text = (
        "catalog must be a Catalog, got ndarray; build one with Catalog(item_ids, features) or "
        "Catalog.from_frame(items)."
    )
    with pytest.raises(TypeError, match=says(text)):
        Interactions(["u"], ["a"], catalog=VECTORS)


def test_items_are_aligned_with_the_catalog_by_id_and_not_by_place():
    catalog = Catalog(["c", "a", "b"], VECTORS)
    X = Interactions(["u"] * 3, ["a", "b", "c"], catalog=catalog)
    np.testing.assert_array_equal(X.catalog.features[X._item_codes], VECTORS[[1, 2, 0]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_keep_their_type_and_are_not_copied(dtype):
    features = VECTORS.astype(dtype)
    kept = Catalog([1, 2, 3], features).features
    assert kept.dtype == dtype
    assert np.shares_memory(kept, features)


def test_memmaps_stay_on_disk(tmp_path):
    path = tmp_path / "vectors.bin"
    VECTORS.tofile(path)
    features = np.memmap(path, dtype=np.float64, mode="r", shape=(3, 2))
    kept = Catalog([1, 2, 3], features).features
    assert isinstance(kept, np.memmap)
    assert np.shares_memory(kept, features)


@pytest.mark.parametrize(
    ("features", "expected_type", "n_features"),
    [
        (None, type(None), None),
        ([[1, 2], [3, 4]], np.ndarray, 2),
        (sp.coo_array([[1.0, 2.0], [3.0, 4.0]]), sp.csr_array, 2),
        (["a pen", "an ink"], np.ndarray, None),
        (pl.DataFrame({"title": ["a pen", "an ink"]}), pl.DataFrame, None),
        (pd.DataFrame({"x": [1, 2], "y": [0.5, 1]}), np.ndarray, 2),
    ],
)
def test_features_take_one_of_few_forms(features, expected_type, n_features):
    catalog = Catalog(["pen", "ink"], features)
    assert type(catalog.features) is expected_type
    assert catalog.n_features == n_features


def test_integer_features_become_float64():
    assert Catalog([1, 2], [[1, 2], [3, 4]]).features.dtype == np.float64


def test_numbers_in_a_frame_are_checked_like_any_other():
    features = pd.DataFrame({"x": [1.0, np.nan], "y": [0.5, 1]})
    with pytest.raises(ValueError, match=r"features holds NaN or infinity for 1 item\(s\): 2;"):
        Catalog([1, 2], features)


def test_frame_column_of_vectors_becomes_a_matrix(frame_of):
    frame = frame_of({"item_id": ["a", "b", "c"], "vector": VECTORS.tolist()})
    catalog = Catalog.from_frame(frame, features="vector")
    np.testing.assert_array_equal(catalog.features, VECTORS)
    np.testing.assert_array_equal(catalog.item_ids, ["a", "b", "c"])


def test_frame_column_of_texts_becomes_an_array_of_texts(frame_of):
    frame = frame_of({"item_id": [1, 2], "title": ["a pen", "an ink"]})
    catalog = Catalog.from_frame(frame, features="title")
    assert catalog.features.tolist() == ["a pen", "an ink"]
    assert catalog.n_features is None


def test_frame_column_of_numbers_becomes_a_matrix_of_one_column(frame_of):
    frame = frame_of({"item_id": [1, 2], "price": [3, 5]})
    np.testing.assert_array_equal(Catalog.from_frame(frame, features="price").features, [[3], [5]])


def test_frame_columns_of_numbers_become_a_matrix(frame_of):
    frame = frame_of({"item_id": [1, 2], "x": [3, 5], "y": [0.5, 1.0]})
    features = Catalog.from_frame(frame, features=["y", "x"]).features
    np.testing.assert_array_equal(features, [[0.5, 3], [1, 5]])


def test_frame_columns_with_a_text_stay_a_frame(frame_of):
    frame = frame_of({"item_id": [1, 2], "title": ["a", "b"], "price": [3, 5]})
    with pytest.warns(
        UserWarning, match=r"columns of numbers \('price'\) beside others \('title"
    ) as told:
        catalog = Catalog.from_frame(frame, features=["title", "price"])
    assert Path(told[0].filename) == Path(__file__)
    assert repr(catalog) == "Catalog(2 items, features: frame with columns title, price)"
    assert type(catalog.features) is type(frame)


def test_frame_without_features_gives_ids_only(frame_of):
    catalog = Catalog.from_frame(frame_of({"asin": ["b", "a"]}), item="asin")
    assert catalog.item_ids.tolist() == ["b", "a"]
    assert catalog.features is None


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"item": "asin"},
            "frame has no column 'asin'; its columns are 'item_id', 'ragged', 'holes', 'empty'.",
        ),
        (
            {"features": ["x", "y"]},
            "frame has no column 'x', 'y'; its columns are 'item_id', 'ragged', 'holes', 'empty'.",
        ),
        (
            {"features": "ragged"},
            "column 'ragged' must hold vectors of equal length; row 0 is 2 long, row 1 is 1 long.",
        ),
        ({"features": "holes"}, "column 'holes' must hold vectors; row 1 is None."),
        (
            {"features": "empty"},
            "column 'empty' holds no text at all: it is missing for all 2 items.",
        ),
    ],
)
def test_frames_that_do_not_hold_what_was_asked_for_are_refused(options, text):
    frame = pl.DataFrame(
        {
            "item_id": [1, 2],
            "ragged": [[1.0, 2.0], [3.0]],
            "holes": [[1.0, 2.0], None],
            "empty": pl.Series([None, None], dtype=pl.String),
        }
    )
    with pytest.raises(ValueError, match=says(text)):
        Catalog.from_frame(frame, **options)


def test_frame_options_reach_the_constructor():
    frame = pl.DataFrame({"item_id": [1, 2], "vector": [[0.0, 0.0], [1.0, 3.0]]})
    catalog = Catalog.from_frame(
        frame, features="vector", missing="mean", provenance={"model": "made up"}
    )
    np.testing.assert_array_equal(catalog.features, [[1, 3], [1, 3]])
    assert catalog.provenance == {"model": "made up"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Catalog(["a", "b"]),
        lambda: Catalog([1, 2], [[1.0, 0.5], [2.0, 0.25]]),
        lambda: Catalog([1, 2], sp.csr_array([[1.0, 0.5], [2.0, 0.25]])),
        lambda: Catalog([1, 2], ["a pen", "an ink"]),
        lambda: Catalog([1, 2], pl.DataFrame({"title": ["a pen", "an ink"]})),
    ],
)
def test_equal_content_has_equal_fingerprints(make):
    assert make() is not make()
    assert make().fingerprint == make().fingerprint


@pytest.mark.parametrize(
    "other",
    [
        Catalog([1, 2, 4], VECTORS),
        Catalog([1, 3, 2], VECTORS),
        Catalog(["1", "2", "3"], VECTORS),
        Catalog([1, 2, 3]),
        Catalog([1, 2, 3], VECTORS.astype(np.float32)),
        Catalog([1, 2, 3], sp.csr_array(VECTORS)),
        Catalog([1, 2, 3], VECTORS[::-1]),
        Catalog([1, 2, 3], ["1.0 0.0", "0.6 0.8", "0.0 2.0"]),
    ],
)
def test_other_content_has_another_fingerprint(other):
    assert Catalog([1, 2, 3], VECTORS).fingerprint != other.fingerprint


@pytest.mark.parametrize("place", [(0, 0), (1, 1), (2, 1)])
def test_one_changed_bit_changes_the_fingerprint(place):
    changed = VECTORS.copy()
    changed[place] = np.nextafter(changed[place], np.inf)
    assert Catalog([1, 2, 3], VECTORS).fingerprint != Catalog([1, 2, 3], changed).fingerprint
    dense, sparse = Catalog([1, 2, 3], sp.csr_array(VECTORS)), sp.csr_array(changed)
    assert dense.fingerprint != Catalog([1, 2, 3], sparse).fingerprint


def test_width_of_a_sparse_matrix_is_part_of_its_fingerprint():
    narrow = sp.csr_array(np.eye(2))
    wide = sp.csr_array((narrow.data, narrow.indices, narrow.indptr), shape=(2, 3))
    assert Catalog([1, 2], narrow).fingerprint != Catalog([1, 2], wide).fingerprint


def test_fingerprint_does_not_depend_on_how_the_content_is_stored(tmp_path, monkeypatch):
    path = tmp_path / "vectors.bin"
    VECTORS.tofile(path)
    plain = Catalog(np.array(["a", "b", "c"]), VECTORS).fingerprint
    mapped = np.memmap(path, dtype=np.float64, mode="r", shape=(3, 2))
    assert Catalog(["a", "b", "c"], mapped).fingerprint == plain
    assert Catalog(np.array(["a", "b", "c"], dtype="<U9"), VECTORS).fingerprint == plain
    assert Catalog(["a", "b", "c"], np.asfortranarray(VECTORS)).fingerprint == plain
    monkeypatch.setattr(_rows, "_CHUNK_BYTES", 1)
    assert Catalog(["a", "b", "c"], VECTORS).fingerprint == plain


def test_fingerprint_is_computed_once(monkeypatch):
    catalog = Catalog([1, 2, 3], VECTORS)
    first = catalog.fingerprint
    monkeypatch.setattr(_catalog, "_fingerprint", None)
    assert catalog.fingerprint == first
    assert pickle.loads(pickle.dumps(catalog)).fingerprint == first


@pytest.mark.parametrize("ids", [st.integers(-(2**63), 2**63 - 1), TEXTS])
def test_row_of_agrees_with_a_dictionary(ids):
    @given(st.lists(ids, min_size=1, unique=True), st.lists(ids))
    def check(item_ids, asked):
        asked = asked + item_ids[::2]
        expected = [
            dict(zip(item_ids, range(len(item_ids)), strict=True)).get(i, -1) for i in asked
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "NA" is an id here
            rows = Catalog(item_ids).row_of(asked)
        assert rows.tolist() == expected
        assert rows.dtype == np.int64

    check()


def test_row_of_nothing_is_nothing():
    assert Catalog(["a"]).row_of([]).shape == (0,)


def test_row_of_ids_of_another_type_is_refused():
    text = (
        "ids are integers (first 1), but the catalog's item_ids are strings (first 'a'); convert "
        "one of them."
    )
    with pytest.raises(ValueError, match=says(text)):
        Catalog(["a"]).row_of([1])


@pytest.mark.parametrize(
    "features",
    [
        VECTORS,
        sp.csr_array(VECTORS),
        np.array(["x", "y", "z"]),
        pl.DataFrame({"t": ["x", "y", "z"]}),
        pd.DataFrame({"t": ["x", "y", "z"]}),
        pa.table({"t": ["x", "y", "z"]}),
        None,
    ],
)
def test_take_keeps_ids_and_features_together(features):
    catalog = Catalog(["a", "b", "c"], features, provenance={"model": "made up"})
    part = catalog.take([2, 0])
    assert part.item_ids.tolist() == ["c", "a"]
    assert part.provenance == {"model": "made up"}
    if features is None:
        assert part.features is None
    else:
        assert type(part.features) is type(catalog.features)
        back = catalog.take([2, 0, 1]).take([1, 2, 0])
        assert back.fingerprint == catalog.fingerprint


def test_take_of_a_row_twice_is_refused():
    text = "item_ids holds 1 duplicate id(s): 'b'; give each item once."
    with pytest.raises(ValueError, match=says(text)):
        Catalog(["a", "b"]).take([1, 1])


def test_with_features_leaves_the_catalog_as_it_was():
    catalog = Catalog(["a", "b", "c"], VECTORS, provenance={"model": "made up"})
    before = catalog.fingerprint
    other = catalog.with_features(VECTORS * 2)
    np.testing.assert_array_equal(other.features, VECTORS * 2)
    assert catalog.features is not other.features
    assert catalog.fingerprint == before != other.fingerprint
    assert other.provenance == {"model": "made up"}
    assert catalog.with_features(VECTORS, {"model": "other"}).provenance == {"model": "other"}


def test_with_features_accepts_zero_rows_because_transformers_make_them():
    catalog = Catalog(["a", "b", "c"], VECTORS)
    assert not catalog.with_features(np.zeros((3, 1))).features.any()


@pytest.mark.parametrize(
    ("features", "text"),
    [
        (VECTORS[:2], "features has 2 rows, but there are 3 item_ids; give one row per item."),
        (
            vectors_with(r1=[0, np.nan]),
            "features holds NaN or infinity for 1 item(s): 'b'; drop or encode these items again.",
        ),
    ],
)
def test_with_features_refuses_what_the_constructor_refuses(features, text):
    with pytest.raises(ValueError, match=says(text)):
        Catalog(["a", "b", "c"], VECTORS).with_features(features)


@pytest.mark.parametrize(
    "pass_on",
    [
        lambda catalog: catalog,
        lambda catalog: pickle.loads(pickle.dumps(catalog)),
        lambda catalog: catalog.take([0, 1, 2]),
        lambda catalog: catalog.with_features(catalog.features * 1.0),
    ],
    ids=["itself", "unpickled", "taken", "other features"],
)
def test_arrays_cannot_be_written_to(pass_on):
    catalog = pass_on(Catalog(["a", "b", "c"], VECTORS.copy()))
    with pytest.raises(ValueError, match="read-only"):
        catalog.features[0, 0] = 5
    with pytest.raises(ValueError, match="read-only"):
        catalog.item_ids[0] = "z"
    with pytest.raises(AttributeError, match="features"):
        catalog.features = VECTORS


def test_the_arrays_of_the_caller_stay_writable():
    ids, features = np.array([1, 2, 3]), VECTORS.copy()
    catalog = Catalog(ids, features)
    ids[0], features[0, 0] = 9, 9
    assert catalog.item_ids[0] == 1  # ids are copied, the matrix is not


def test_provenance_is_a_copy():
    source = {"model": "made up"}
    catalog = Catalog([1], provenance=source)
    source["model"] = catalog.provenance["model"] = "other"
    assert catalog.provenance == {"model": "made up"}


@pytest.mark.parametrize("make_copy", [copy.copy, copy.deepcopy, clone])
def test_copies_are_the_same_object(make_copy):
    catalog = Catalog(["a", "b", "c"], VECTORS)
    assert make_copy(catalog) is catalog
    assert copy.deepcopy({"nested": [catalog]})["nested"][0] is catalog


@pytest.mark.parametrize(
    "features",
    [None, VECTORS, sp.csr_array(VECTORS), ["x", "y", "z"], pl.DataFrame({"t": ["x", "y", "z"]})],
)
def test_joblib_and_pickle_bring_everything_back(features):
    catalog = Catalog(["a", "b", "c"], features, provenance={"model": "made up"})
    dumped = io.BytesIO()
    joblib.dump(catalog, dumped)
    dumped.seek(0)
    for other in (pickle.loads(pickle.dumps(catalog)), joblib.load(dumped)):
        assert other.fingerprint == catalog.fingerprint
        assert other.provenance == catalog.provenance
        assert other.row_of(["c", "q"]).tolist() == [2, -1]


WRITTEN = [
    "[0.12 -0.3 1e-3]",
    "[0.1, 2, .5,]",
    " (1., 2.) ",
    "[nan, -1]",
    str(np.linspace(-1, 1, 2000)),  # with dots in the middle
]


@pytest.mark.parametrize("text", WRITTEN, ids=["numpy", "list", "tuple", "nan", "long"])
def test_vectors_that_a_csv_made_texts_are_refused(text):
    frame = pl.DataFrame({"item_id": [1, 2, 3], "vector": [text, text, None]})
    with pytest.raises(ValueError, match=r"column 'vector' holds vectors that are written as tex"):
        Catalog.from_frame(frame, features="vector")
    with pytest.raises(ValueError, match="features holds vectors that are written as texts"):
        Catalog([1, 2], [text, text])


@pytest.mark.parametrize(
    "texts", [["[1999]", "(2)"], ["[1, 2]", "a pen"], ["1 2", "3 4"], ["", ""]]
)
def test_other_texts_with_numbers_are_texts(texts):
    assert Catalog([1, 2], texts).features.tolist() == texts


@pytest.mark.parametrize(
    ("features", "text"),
    [
        (None, "none"),
        (VECTORS.astype(np.float32), "float32 of shape (3, 2)"),
        (sp.csr_array(VECTORS), "sparse float64 of shape (3, 2)"),
        (["x", "y", "z"], "one text per item"),
        (pa.table({"t": ["x", "y", "z"]}), "frame with columns t"),
    ],
)
def test_repr_tells_size_and_features(features, text):
    catalog = Catalog(["a", "b", "c"], features)
    assert repr(catalog) == f"Catalog(3 items, features: {text})"
    assert len(catalog) == catalog.n_items == 3
