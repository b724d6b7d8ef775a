"""Recommendations: a pair as ever, and a frame in any library."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import pickle

import narwhals as nw
import numpy as np
import pandas
import polars
import pyarrow
import pytest

from skace import Catalog, PopularityEstimator
from skace.data import _repr
from skace.recommenders import Recommendations

LIBRARIES = {"pandas": pandas.DataFrame, "polars": polars.DataFrame, "pyarrow": pyarrow.table}
ITEMS = {
    "item_id": ["fig", "elm", "dew", "cob", "bay", "ash"],  # not in the order of the model
    "title": ["Fig", "Elm", "Dew", "Cob", "Bay", "Ash"],
    "price": [6, 5, 4, 3, 2, 1],
}


@pytest.fixture
def model(small_log):
    return PopularityEstimator(k=2).fit(small_log)


def as_dict(frame):
    return nw.from_native(frame, eager_only=True).to_dict(as_series=False)


def test_recommendations_are_a_pair(model):
    item_ids, scores = found = model.recommend([["ash"], []])
    assert isinstance(found, tuple)
    assert len(found) == 2
    assert found[0] is found.item_ids is item_ids
    assert found[1] is found.scores is scores
    assert repr(found).startswith("Recommendations(item_ids=array([['ash', 'bay'],")


@pytest.mark.parametrize("copied", [copy.copy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_keeps_the_users(model, small_log, copied):
    found = copied(model.recommend(small_log.next_queries()))
    assert isinstance(found, Recommendations)
    assert found.users.tolist() == ["u1", "u2", "u3", "u4"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_frame_of_queries_has_a_line_per_user_and_rank(model, small_log, library):
    frame = model.recommend(small_log.next_queries()[:2]).to_frame(library)
    assert isinstance(frame, type(LIBRARIES[library]({"a": [1]})))
    assert as_dict(frame) == {
        "row": [0, 0, 1, 1],
        "user_id": ["u1", "u1", "u2", "u2"],
        "rank": [1, 2, 1, 2],
        "item_id": ["ash", "bay", "ash", "bay"],
        "score": [3.0, 3.0, 3.0, 3.0],
    }


def test_frame_of_plain_lists_has_no_users(model):
    frame = model.recommend([["ash"], [], ["bay"]], k=1).to_frame("polars")
    assert frame.columns == ["row", "rank", "item_id", "score"]
    assert frame["row"].to_list() == [0, 1, 2]
    assert frame["score"].dtype == polars.Float32


def test_pandas_comes_first_if_no_library_is_named(model):
    assert isinstance(model.recommend([[]]).to_frame(), pandas.DataFrame)


def test_seen_items_that_fill_up_a_row_have_no_line(model):
    found = model.recommend([["ash"], []], k=6, exclude_seen=True)
    assert found.item_ids[0, -1] == "ash"
    frame = found.to_frame("polars")
    assert frame["row"].to_list() == [0] * 5 + [1] * 6
    assert frame["rank"].to_list() == [*range(1, 6), *range(1, 7)]
    assert "ash" not in frame["item_id"].to_list()[:5]
    assert np.isfinite(frame["score"].to_numpy()).all()


@pytest.mark.parametrize("backend", [None, "polars"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_fields_of_a_frame_of_items_are_joined_by_id(model, library, backend):
    items = LIBRARIES[library](ITEMS)
    frame = model.recommend([["ash"], []]).to_frame(backend, items=items)
    assert isinstance(frame, polars.DataFrame if backend else type(items))
    found = as_dict(frame)
    assert list(found) == ["row", "rank", "item_id", "score", "title", "price"]
    assert found["title"] == ["Ash", "Bay", "Ash", "Bay"]
    assert found["price"] == [1, 2, 1, 2]


def test_the_index_of_a_pandas_frame_of_items_does_not_matter(model):
    items = pandas.DataFrame(ITEMS, index=[9, 9, 8, 7, 6, 5])
    frame = model.recommend([[]]).to_frame(items=items)
    assert frame["title"].tolist() == ["Ash", "Bay"]
    assert frame.index.tolist() == [0, 1]


def test_the_column_of_ids_may_have_another_name(model):
    items = polars.DataFrame(ITEMS).rename({"item_id": "asin"})
    frame = model.recommend([[]]).to_frame(items=items, item="asin")
    assert frame.columns == ["row", "rank", "item_id", "score", "title", "price"]


@pytest.mark.parametrize(
    ("features", "name"),
    [
        (polars.DataFrame({"title": ITEMS["title"], "kind": ITEMS["title"]}), "title"),
        (np.array(ITEMS["title"]), "text"),
    ],
)
def test_texts_of_a_catalog_are_joined(model, features, name):
    catalog = Catalog(ITEMS["item_id"], features)
    frame = model.recommend([["ash"]]).to_frame(items=catalog)
    assert isinstance(frame, pandas.DataFrame)
    assert frame[name].tolist() == ["Ash", "Bay"]


@pytest.mark.parametrize(
    ("items", "error", "text"),
    [
        (
            polars.DataFrame(ITEMS)[:4],
            ValueError,
            r"^items lacks 2 recommended item\(s\): 'ash', 'bay'; pass a frame that has them\.$",
        ),
        (
            polars.DataFrame(ITEMS).rename({"price": "rank"}),
            ValueError,
            r"^items has the column\(s\) 'rank', which recommendations have themselves; rename or",
        ),
        (
            polars.DataFrame({"item_id": ["ash", "ash", "bay"]}),
            ValueError,
            r"^item_ids holds 1 duplicate id\(s\): 'ash'; give each item once\.$",
        ),
        (
            polars.DataFrame({"item_id": [1, 2]}),
            ValueError,
            r"^ids are strings \(first 'ash'\), but the catalog's item_ids are integers",
        ),
        (polars.DataFrame({"id": ["ash"]}), ValueError, r"^items has no column 'item_id'; its co"),
        (Catalog(["ash", "bay"]), ValueError, r"^items is a catalog without texts, so it has no"),
        (Catalog(["ash"], np.ones((1, 2))), ValueError, r"^items is a catalog without texts"),
        ({"item_id": ["ash"]}, TypeError, r"^items must be a frame or a Catalog of texts, got d"),
    ],
)
def test_items_that_do_not_fit_are_refused(model, items, error, text):
    with pytest.raises(error, match=text):
        model.recommend([[]]).to_frame(items=items)


def test_without_a_library_of_frames_it_is_said_what_to_install(model, monkeypatch):
    monkeypatch.setattr(_repr, "find_spec", lambda _name: None)
    with pytest.raises(ImportError, match=r"^to_frame needs pandas, polars or pyarrow; install on"):
        model.recommend([[]]).to_frame()
