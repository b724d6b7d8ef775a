"""Amazon reviews in the layouts of 2014, 2018 and 2023."""
# SPDX-License-Identifier: BSD-3-Clause

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from skace.datasets import load_amazon_reviews

SECONDS = {"A1": [1369699200, 1355443200], "A2": [1374710400]}
EVENTS = [
    ("A1", "B07", 5.0, 1369699200),
    ("A2", "B07", 1.0, 1374710400),
    ("A1", "B09", 3.0, 1355443200),
]


def _review(version, user, item, stars, seconds):
    if version == "2023":
        return {
            "rating": stars,
            "title": "Good",
            "text": "Really.\nYes",
            "images": [],
            "asin": f"{item}-variant",
            "parent_asin": item,
            "user_id": user,
            "timestamp": 1000 * seconds + 123,
            "verified_purchase": True,
        }
    return {
        "reviewerID": user,
        "asin": item,
        "reviewerName": 'Al "the" Man',
        **({"helpful": [0, 0]} if version == "2014" else {"verified": True, "vote": "3"}),
        "overall": stars,
        "reviewText": "Can't say",
        "unixReviewTime": seconds,
        "reviewTime": "05 28, 2013",
    }


PRODUCTS = {
    "2014": {
        "asin": "B07",
        "title": "Burt's  Bees &amp; Co",
        "brand": 'The "B"',
        "categories": [["Beauty", "Lips"], ["Gifts"]],
        "description": "For\nlips",
        "related": {"also_bought": ["B01"]},
        "price": 8.35,
    },
    "2018": {
        "category": ["Beauty", "Lips"],
        "description": ["For", "", "lips"],
        "title": "Burt's Bees &amp; Co",
        "brand": 'The "B"',
        "feature": ["Soft", "Red"],
        "main_cat": "All Beauty",
        "asin": "B07",
        "price": "$7.86",
    },
    "2023": {
        "main_category": "All Beauty",
        "title": "Burt's Bees & Co",
        "store": 'The "B"',
        "features": ["Soft", "Red"],
        "description": ["For lips"],
        "categories": ["Beauty", "Lips"],
        "details": {"UPC": "1"},
        "parent_asin": "B07",
        "price": None,
    },
}


def _key(version):
    return "parent_asin" if version == "2023" else "asin"


def _files(tmp_path, version, *, packed=True, products=None):
    tmp_path.mkdir(exist_ok=True)
    reviews, meta = tmp_path / "reviews", tmp_path / "meta"
    lines = "\n".join(json.dumps(_review(version, *event)) for event in EVENTS)
    write = repr if version == "2014" else json.dumps
    others = [{_key(version): "B99", "title": "Cold"}, {_key(version): "B07", "title": "Repeated"}]
    texts = "\n".join(write(product) for product in products or [PRODUCTS[version], *others])
    for path, text in ((reviews, lines), (meta, texts)):
        path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return reviews, meta


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("version", ["2014", "2018", "2023"])
def test_reviews_and_products_are_read(tmp_path, version, packed):
    reviews, meta = _files(tmp_path, version, packed=packed)
    columns = ["title", "brand", "categories", "description"]
    bunch = load_amazon_reviews(reviews, meta, version=version, columns=columns)
    X = bunch.interactions
    assert X.users.tolist() == ["A1", "A1", "A2"]
    assert X.items.tolist() == ["B09", "B07", "B07"]
    assert bunch.ratings.tolist() == [3, 5, 1]
    categories = "Beauty > Lips | Gifts" if version == "2014" else "Beauty > Lips"
    assert bunch["items"].to_dict("list") == {
        "item_id": ["B07", "B09"],
        "title": ["Burt's Bees & Co", ""],
        "brand": ['The "B"', ""],
        "categories": [categories, ""],
        "description": ["For lips", ""],
    }


@pytest.mark.parametrize(("version", "unit"), [("2014", "s"), ("2018", "s"), ("2023", "ms")])
def test_times_keep_the_resolution_of_the_release(tmp_path, version, unit):
    reviews, _ = _files(tmp_path, version)
    times = load_amazon_reviews(reviews, version=version).interactions.timestamps
    assert times.dtype == f"datetime64[{unit}]"
    assert times[0].astype("M8[D]") == np.datetime64("2012-12-14")


@pytest.mark.parametrize("version", ["2018", "2023"])
def test_later_releases_have_more_columns(tmp_path, version):
    bunch = load_amazon_reviews(
        *_files(tmp_path, version), version=version, columns=["features", "main_category"]
    )
    assert bunch["items"]["features"].tolist() == ["Soft Red", ""]
    assert bunch["items"]["main_category"].tolist() == ["All Beauty", ""]


@pytest.mark.parametrize(
    ("version", "lines"),
    [
        ("2014", ["A1,B07,5.0,1369699200", "A1,B09,3.0,1355443200"]),
        ("2018", ["B07,A1,5.0,1369699200", "B09,A1,3.0,1355443200"]),
        (
            "2023",
            [
                "user_id,parent_asin,rating,timestamp",
                "A1,B07,5.0,1369699200000",
                "A1,B09,3.0,1355443200000",
            ],
        ),
        (
            "2023",
            [
                "user_id,parent_asin,rating,timestamp,history",
                "A1,B07,5.0,1369699200000,B01 B02",
                "A1,B09,3.0,1355443200000,",
            ],
        ),
    ],
)
def test_ratings_without_texts_are_read_in_the_order_of_their_release(tmp_path, version, lines):
    (tmp_path / "ratings.csv").write_text("\n".join(lines))
    bunch = load_amazon_reviews(tmp_path / "ratings.csv", version=version)
    X = bunch.interactions
    assert (X.users.tolist(), X.items.tolist()) == (["A1", "A1"], ["B09", "B07"])
    assert X.catalog.features is None
    assert list(bunch["items"].columns) == ["item_id"]


def test_cold_products_come_in_only_if_asked_for(tmp_path):
    bunch = load_amazon_reviews(*_files(tmp_path, "2014"), include_cold=True)
    assert bunch["items"]["item_id"].tolist() == ["B07", "B09", "B99"]
    assert bunch["items"]["title"].tolist() == ["Burt's Bees & Co", "", "Cold"]


def test_one_column_may_be_named_alone(tmp_path):
    bunch = load_amazon_reviews(*_files(tmp_path, "2014"), columns="title")
    assert list(bunch["items"].columns) == ["item_id", "title"]


def test_the_citation_is_that_of_the_release(tmp_path):
    bunch = load_amazon_reviews(_files(tmp_path, "2023")[0], version="2023")
    assert "arXiv:2403.03952" in bunch.licence
    assert bunch.DESCR.startswith("Amazon reviews 2023\n-------------------\n3 of 3 events of 2 u")


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        (
            '{"reviewerID": "A1"}',
            r"reviews, line 2: no field 'asin' among reviewerID; an event has it\.$",
        ),
        ('{"reviewerID": null, "asin": "B1", "overall": 1, "unixReviewTime": 1}', "None is no id"),
        ('{"reviewerID": "", "asin": "B1", "overall": 1, "unixReviewTime": 1}', "'' is no id"),
        ('{"reviewerID": "A", "asin": "B", "overall": "x", "unixReviewTime": 1}', "line 2: not an"),
        (
            '{"reviewerID": "A", "asin": "B", "overall": 1, "unixReviewTime": null}',
            "line 2: not an",
        ),
        ('{"reviewerID": "A"', "line 2: neither JSON nor a Python literal"),
    ],
)
def test_malformed_reviews_are_named_with_their_line(tmp_path, line, finding):
    first = json.dumps(_review("2014", *EVENTS[0]))
    (tmp_path / "reviews").write_text(f"{first}\n{line}\n")
    with pytest.raises(ValueError, match=finding):
        load_amazon_reviews(tmp_path / "reviews")


@pytest.mark.parametrize(
    ("product", "finding"),
    [
        ({"title": "A"}, r"meta, line 1: no field 'asin' among title; a product"),
        ({"asin": 7}, "line 1: not a product"),
    ],
)
def test_malformed_products_are_named_with_their_line(tmp_path, product, finding):
    with pytest.raises(ValueError, match=finding):
        load_amazon_reviews(*_files(tmp_path, "2014", products=[product]))


@pytest.mark.parametrize("found", ["2014", "2018", "2023"])
@pytest.mark.parametrize("said", ["2014", "2018", "2023"])
def test_a_release_is_told_by_its_fields(tmp_path, found, said):
    reviews, meta = _files(tmp_path, found)
    if found == said:
        load_amazon_reviews(reviews, meta, version=said)
        return
    text = rf"looks like the release of {found}, but version='{said}'; pass version='{found}'\.$"
    with pytest.raises(ValueError, match=rf"^reviews=.*{text}"):
        load_amazon_reviews(reviews, version=said)
    with pytest.raises(ValueError, match=rf"^metadata=.*{text}"):
        load_amazon_reviews(_files(tmp_path / "own", said)[0], meta, version=said)


@pytest.mark.parametrize(
    ("line", "said", "found"),
    [
        ("B004LLIKVU,A31XYZ,5.0,1529193600", "2014", "2018"),
        ("A31XYZ,B004LLIKVU,5.0,1529193600", "2018", "2014"),
        ("A31XYZ,0123456789,5.0,1529193600", "2018", "2014"),
    ],
)
def test_swapped_columns_are_told_by_what_products_look_like(tmp_path, line, said, found):
    path = tmp_path / "ratings.csv"
    path.write_text(f"{line}\n")
    with pytest.raises(ValueError, match=rf"looks like the release of {found}, but"):
        load_amazon_reviews(path, version=said)
    assert load_amazon_reviews(path, version=found).interactions.users.tolist() == ["A31XYZ"]


@pytest.mark.parametrize("include_cold", [False, True])
def test_products_of_something_else_are_refused(tmp_path, include_cold):
    reviews, meta = _files(tmp_path, "2018")
    meta.write_bytes(gzip.compress(json.dumps({"asin": "Z", "title": "x"}).encode()))
    text = (
        r"^none of the 2 items of the events \(first 'B07', 'B09'\) is described by the other file"
    )
    with pytest.raises(ValueError, match=text):
        load_amazon_reviews(reviews, meta, version="2018", include_cold=include_cold)


def test_products_that_are_mostly_of_something_else_are_warned_of(tmp_path):
    rows = [f"A1,B{item:02d},5.0,{item}" for item in range(20)]
    (tmp_path / "ratings.csv").write_text("\n".join(rows))
    (tmp_path / "meta").write_text('{"asin": "B07", "title": "x"}\n{"asin": "Z", "title": "y"}')
    text = r"^only 1 of the 20 items of the events .* is described by the other file, which descri"
    with pytest.warns(UserWarning, match=text):
        load_amazon_reviews(tmp_path / "ratings.csv", tmp_path / "meta")


def test_ratings_belong_to_the_rows_of_whatever_is_made_of_them(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("A2,B2,1.0,9\nA2,B1,2.0,8\nA1,B2,3.0,7\nA1,B1,4.0,6\nA1,B9,5.0,1\n")
    bunch = load_amazon_reviews(path)
    core = bunch.interactions.k_core(2)
    ratings = bunch.ratings[core.source_rows]
    found = set(zip(core.users.tolist(), core.items.tolist(), ratings.tolist(), strict=True))
    assert found == {("A2", "B2", 1), ("A2", "B1", 2), ("A1", "B2", 3), ("A1", "B1", 4)}
    assert "0 events (0.0%) have the time of the event before them" in bunch.DESCR


@pytest.mark.parametrize(
    ("header", "version"),
    [
        ("UserId,ProductId,Rating,Timestamp", "2014"),
        ("user_id,item_id,rating,timestamp", "2018"),
        ("userId,asin,score,time", "2018"),
        ("user_id,parent_asin,rating,timestamp", "2023"),
    ],
)
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
def test_columns_of_a_table_are_found_by_their_names(tmp_path, header, version, order):
    seconds = 1_300_000_000 * (1000 if version == "2023" else 1)
    rows = [
        header.split(","),
        ["A1", "B07", "5.0", str(seconds)],
        ["A1", "B09", "3", f"{seconds + 1}"],
    ]
    lines = [",".join(["", *(row[place] for place in order)]) for row in rows]
    (tmp_path / "ratings.csv").write_text("\n".join(lines))
    bunch = load_amazon_reviews(tmp_path / "ratings.csv", version=version)
    assert bunch.interactions.users.tolist() == ["A1", "A1"]
    assert bunch.interactions.items.tolist() == ["B07", "B09"]
    assert bunch.ratings.tolist() == [5, 3]


def test_a_table_of_2023_is_told_by_its_header(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("user_id,parent_asin,rating,timestamp\nA1,B07,5.0,1369699200000\n")
    with pytest.raises(ValueError, match=r"looks like the release of 2023, but version='2014'"):
        load_amazon_reviews(path)


def test_seconds_where_milliseconds_are_published_are_warned_of(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("user_id,parent_asin,rating,timestamp\nA1,B07,5.0,1369699200\n")
    with pytest.warns(UserWarning, match=r"^the last event is of 1970-01-16T20:28:19.200, before"):
        load_amazon_reviews(path, version="2023")


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("A1,B07,5.0,1369699200000", r"the time 1369699200000, in units of s since 1970, is bey"),
        ("A1,B07,5.0,9" + 400 * "9", r"the time 9{20}, in units of s since 1970, is beyond the y"),
        ("A1,B07,5.0,1.5", r"not an event: 1.5 is no whole number"),
        ("A1,B07,nan,1", r"not an event: 'nan' is no rating"),
        ("A1,B07,5.0", r"not an event: 4 fields expected, got 3"),
        ('A1,"B07,5.0,1', r"line 1: no row of fields with ',' between them, in double quotes wh"),
        ("A1,B\0,5.0,1", r"not an event: 'B\\x00' is no id: it holds a NUL character or half a"),
    ],
)
def test_malformed_rows_are_named_with_their_line(tmp_path, line, finding):
    (tmp_path / "ratings.csv").write_text(f"{line}\n")
    with pytest.raises(ValueError, match=finding):
        load_amazon_reviews(tmp_path / "ratings.csv")


def test_a_field_may_be_of_any_length(tmp_path):
    history = "B000000000 " * 20_000
    (tmp_path / "ratings.csv").write_text(
        f"user_id,parent_asin,rating,timestamp,history\nA1,B07,5.0,1369699200000,{history}\n"
    )
    bunch = load_amazon_reviews(tmp_path / "ratings.csv", version="2023")
    assert bunch.interactions.items.tolist() == ["B07"]


def _parts(tmp_path):
    """Files of train, valid and test as the release of 2023 has them."""
    parts = {
        "train": ["B1,5.0,1369699200000"],
        "valid": ["B2,4.0,1369699300000"],
        "test": ["B3,3.0,1369699400000"],
    }
    paths = []
    for name, rows in parts.items():
        paths.append(tmp_path / f"All_Beauty.{name}.csv")
        lines = [f"{user},{row}" for user in ("A1", "A2") for row in rows]
        paths[-1].write_text("\n".join(["user_id,parent_asin,rating,timestamp", *lines]))
    return paths


def test_rows_tell_which_part_of_a_log_they_are_from(tmp_path):
    bunch = load_amazon_reviews(_parts(tmp_path), version="2023", min_rating=4)
    X = bunch.interactions
    assert X.items.tolist() == ["B1", "B2", "B1", "B2"]
    assert bunch.parts.tolist() == [0, 1, 0, 1]
    assert X[bunch.parts == 0].items.tolist() == ["B1", "B1"]
    assert "parts" not in load_amazon_reviews(_parts(tmp_path)[:1], version="2023")


@pytest.mark.parametrize(
    ("choose", "error", "finding"),
    [
        (lambda _: [], ValueError, r"^reviews is an empty list; give at least one path\.$"),
        (lambda paths: paths[:1] * 2, ValueError, r"^reviews has '.*train\.csv' twice; give each"),
        (lambda paths: [paths[0].parent], IsADirectoryError, r"is a folder; give the path of a f"),
        (lambda _: [3], TypeError, r"^reviews must be a path or a list of paths, but holds 3"),
        (lambda _: 3, TypeError, r"^reviews must be a path or a list of paths, got 3\.$"),
    ],
)
def test_what_is_no_list_of_parts_is_refused(tmp_path, choose, error, finding):
    with pytest.raises(error, match=finding):
        load_amazon_reviews(choose(_parts(tmp_path)), version="2023")


@pytest.mark.parametrize("library", ["pyarrow", "polars"])
def test_the_release_of_2023_is_read_as_parquet(tmp_path, monkeypatch, library):
    monkeypatch.setattr("skace.datasets.reading._parquet.find_spec", lambda name: name == library)
    reviews = [_review("2023", *event) for event in EVENTS]
    pd.DataFrame(reviews).to_parquet(tmp_path / "reviews.parquet")
    pd.DataFrame([PRODUCTS["2023"]]).to_parquet(tmp_path / "meta.parquet")
    bunch = load_amazon_reviews(
        tmp_path / "reviews.parquet", tmp_path / "meta.parquet", version="2023"
    )
    assert bunch.interactions.items.tolist() == ["B09", "B07", "B07"]
    assert bunch["items"]["categories"].tolist() == ["Beauty > Lips", ""]


def test_tags_of_the_release_of_2018_are_taken_out(tmp_path):
    product = {
        "asin": "B07",
        "title": "A &amp; B",
        "main_cat": '<img src="x.png" alt="AMAZON FASHION"/>',
        "category": ["Gift Cards", "</span></span></span>"],
        "description": ["<b>One</b><br/>two"],
        "brand": "by\n\n  Foo",
    }
    columns = ["title", "brand", "categories", "description", "main_category"]
    bunch = load_amazon_reviews(
        *_files(tmp_path, "2018", products=[product]), version="2018", columns=columns
    )
    assert bunch["items"].iloc[0].tolist() == [
        "B07",
        "A & B",
        "by Foo",
        "Gift Cards",
        "One two",
        "AMAZON FASHION",
    ]


def test_half_a_character_is_replaced(tmp_path):
    reviews, meta = _files(tmp_path, "2018", packed=False)
    meta.write_text('{"asin": "B07", "title": "cut \\ud83d", "category": []}\n')
    bunch = load_amazon_reviews(reviews, meta, version="2018")
    assert bunch["items"]["title"].tolist() == ["cut \N{REPLACEMENT CHARACTER}", ""]


def test_a_file_of_another_release_is_noticed(tmp_path):
    (tmp_path / "ratings.csv").write_text("A1,B07,5.0,1369699200\n")
    with pytest.raises(
        ValueError, match=r"line 1: header user_id,parent_asin,rating,timestamp exp"
    ):
        load_amazon_reviews(tmp_path / "ratings.csv", version="2023")


@pytest.mark.parametrize(
    ("parameters", "finding"),
    [
        ({"version": "2020"}, "The 'version' parameter of load_amazon_reviews must be"),
        ({"columns": ["title", "price"]}, r"^columns must be distinct names out of 'title', 'bra"),
        ({"columns": ["title", "title"]}, r"^columns must be distinct names"),
        ({"columns": []}, r"^columns must be distinct names"),
        ({"columns": "features"}, r"'description', or None for ids only; got 'features'\.$"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(tmp_path, parameters, finding):
    with pytest.raises(ValueError, match=finding):
        load_amazon_reviews(tmp_path / "not even looked at", **parameters)


@pytest.mark.parametrize("argument", ["reviews", "metadata"])
def test_missing_files_are_named(tmp_path, argument):
    reviews, meta = _files(tmp_path, "2014")
    files = {"reviews": reviews, "metadata": meta} | {argument: tmp_path / "gone"}
    with pytest.raises(FileNotFoundError, match=rf"^{argument}='.*gone' is no file\.$"):
        load_amazon_reviews(**files)
