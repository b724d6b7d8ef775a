"""The Yelp Open Dataset."""
# SPDX-License-Identifier: BSD-3-Clause

import json
import re

import pytest

from skace.datasets import load_yelp

REVIEWS = [
    ("u1", "b1", 4.0, "2018-12-31 23:59:59"),
    ("u1", "b2", 2.0, "2019-01-01 00:00:00"),
    ("u2", "b1", 5.0, "2019-07-07 22:09:11"),
    ("u2", "b1", 1.0, "2020-01-01"),
]
BUSINESS = {
    "business_id": "b1",
    "name": "Rosie&#39;s Inn",
    "address": "1 Main St",
    "city": "Reno",
    "state": "NV",
    "attributes": {"WiFi": "u'free'"},
    "categories": "Coffee & Tea, Food",
    "hours": None,
}


@pytest.fixture
def files(tmp_path):
    names = ("user_id", "business_id", "stars", "date")
    records = [dict(zip(names, review, strict=True)) | {"text": "a\nb"} for review in REVIEWS]
    reviews, businesses = tmp_path / "review.json", tmp_path / "business.json"
    reviews.write_text("\n".join(map(json.dumps, records)))
    other = {"business_id": "b9", "name": "Closed", "categories": None}
    businesses.write_text("\n".join(map(json.dumps, [BUSINESS, other])))
    return reviews, businesses


def test_reviews_and_businesses_are_read(files):
    bunch = load_yelp(*files)
    X = bunch.interactions
    assert X.items.tolist() == ["b1", "b2", "b1", "b1"]
    assert X.timestamps.astype(str).tolist() == [
        "2018-12-31T23:59:59",
        "2019-01-01T00:00:00",
        "2019-07-07T22:09:11",
        "2020-01-01T00:00:00",
    ]
    assert bunch.ratings.tolist() == [4, 2, 5, 1]
    assert bunch["items"].to_dict("list") == {
        "item_id": ["b1", "b2"],
        "name": ["Rosie's Inn", ""],
        "categories": ["Coffee & Tea, Food", ""],
        "city": ["Reno", ""],
        "state": ["NV", ""],
    }


def test_the_year_of_the_papers_is_cut_out_at_its_borders(files):
    X = load_yelp(*files, start="2019-01-01", end="2020-01-01").interactions
    assert X.items.tolist() == ["b2", "b1"]


@pytest.mark.parametrize(
    ("include_cold", "ids"), [(False, ["b1", "b2"]), (True, ["b1", "b2", "b9"])]
)
def test_businesses_without_reviews_come_in_only_if_asked_for(files, include_cold, ids):
    bunch = load_yelp(*files, include_cold=include_cold, columns="address")
    assert bunch["items"]["item_id"].tolist() == ids
    assert bunch["items"]["address"].tolist()[0] == "1 Main St"


def test_without_businesses_items_have_ids_only(files):
    bunch = load_yelp(files[0])
    assert bunch.interactions.catalog.features is None


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"date": "yesterday"}, "line 1: not an event: Invalid isoformat"),
        ({"date": None}, "line 1: not an event"),
        ({"user_id": None}, "line 1: not an event: None is no id"),
        ({"stars": None}, "line 1: not an event"),
    ],
)
def test_malformed_reviews_are_named_with_their_line(tmp_path, change, finding):
    record = {"user_id": "u", "business_id": "b", "stars": 1.0, "date": "2019-01-01"} | change
    (tmp_path / "r.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=rf"^{re.escape(str(tmp_path))}/r\.json, {finding}"):
        load_yelp(tmp_path / "r.json")


def test_a_business_without_id_is_named_with_its_line(files):
    with files[1].open("a") as file:
        file.write('\n{"name": "Nobody"}\n')
    with pytest.raises(
        ValueError, match=r"business\.json, line 3: no field 'business_id' among name; a"
    ):
        load_yelp(*files)


def test_columns_are_checked_before_the_files_are_read(tmp_path):
    with pytest.raises(
        ValueError, match=r"^columns must be distinct names out of 'name', 'categor"
    ):
        load_yelp(tmp_path / "gone", columns=["stars"])
