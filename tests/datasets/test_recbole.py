"""Atomic files of RecBole."""
# SPDX-License-Identifier: BSD-3-Clause

import pytest

from skace.datasets import load_recbole

INTER = [
    "user_id:token\titem_id:token\trating:float\ttimestamp:float",
    "196\t242\t3\t881250949",
    "186\t302\t2.5\t891717742.0",
    "196\t302\t4\t881250948.5",
]
ITEM = [
    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\tscore:float",
    "242\tToy Story\t1995\tAnimation Children's\t3.5",
    '302\tL.A. "Q"\t1997\t\t',
    "7\tCold\t\t\t1",
]


def _files(tmp_path, inter=INTER, item=ITEM):
    paths = tmp_path / "x.inter", tmp_path / "x.item"
    for path, lines in zip(paths, (inter, item), strict=True):
        path.write_text("\n".join(lines))
    return paths


def test_events_and_items_are_read(tmp_path):
    bunch = load_recbole(*_files(tmp_path))
    X = bunch.interactions
    assert X.users.tolist() == [186, 196, 196]
    assert X.items.tolist() == [302, 302, 242]
    assert X.timestamps.astype("M8[ms]").astype(int).tolist() == [
        891717742000,
        881250948500,
        881250949000,
    ]
    assert bunch.ratings.tolist() == [2.5, 4, 3]
    assert bunch["items"].to_dict("list") == {
        "item_id": [242, 302],
        "movie_title": ["Toy Story", 'L.A. "Q"'],
        "release_year": ["1995", "1997"],
        "class": ["Animation Children's", ""],
    }


def test_whole_seconds_stay_seconds(tmp_path):
    X = load_recbole(*_files(tmp_path, INTER[:3])).interactions
    assert X.timestamps.dtype == "M8[s]"


def test_milliseconds_are_read_as_such(tmp_path):
    lines = [INTER[0], "1\t2\t3\t881250949123"]
    X = load_recbole(*_files(tmp_path, lines), columns=None, time_unit="ms").interactions
    assert X.timestamps.astype(str).tolist() == ["1997-12-04T15:55:49.123"]


def test_ids_that_are_no_numbers_are_texts(tmp_path):
    inter = [INTER[0], "u1\t007\t3\t1", "2\t7\t3\t2"]
    item = [ITEM[0], "007\tBond\t\t\t", "7\tSeven\t\t\t"]
    bunch = load_recbole(*_files(tmp_path, inter, item))
    assert bunch.interactions.users.tolist() == ["2", "u1"]
    assert bunch["items"]["item_id"].tolist() == ["007", "7"]
    assert bunch["items"]["movie_title"].tolist() == ["Bond", "Seven"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, ["movie_title", "release_year", "class"]),
        ({"columns": "class"}, ["class"]),
        ({"columns": ["score", "class"]}, ["score", "class"]),
        ({"columns": None}, []),
    ],
)
def test_columns_are_chosen(tmp_path, given, kept):
    assert load_recbole(*_files(tmp_path), **given)["items"].columns.tolist() == ["item_id", *kept]


def test_cold_items_come_in_only_if_asked_for(tmp_path):
    bunch = load_recbole(*_files(tmp_path), include_cold=True)
    assert bunch["items"]["item_id"].tolist() == [242, 302, 7]


def test_fields_that_are_not_there_are_left_out(tmp_path):
    lines = ["item_id:token\tsession_id:token\textra:float_seq", "3\t9\t1 2", "2\t9\t"]
    bunch = load_recbole(_files(tmp_path, lines)[0], user="session_id")
    assert "ratings" not in bunch
    assert bunch.interactions.timestamps is None
    assert bunch.interactions.items.tolist() == [3, 2]


def test_parts_follow_each_other(tmp_path):
    first, _ = _files(tmp_path)
    second = tmp_path / "x.test.inter"
    second.write_text("\n".join([INTER[0], "196\t9\t1\t5"]))
    bunch = load_recbole([first, second])
    assert bunch.interactions.items.tolist() == [302, 9, 302, 242]
    assert bunch.parts.tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("inter", "given", "finding"),
    [
        (["user_id\titem_id"], {}, r"line 1: a header of names with types expected, as in 'user_"),
        (["user_id:token\titem_id:words"], {}, r"line 1: a header of names with types expected"),
        (["uid:token\titem_id:token"], {}, r"no field 'user_id' among uid, item_id; name the one"),
        (["user_id:token\titem_id_list:token_seq"], {}, r"the field item_id_list: these are sampl"),
        ([INTER[0], "1\t2\t3"], {}, r"x\.inter, line 2: 4 fields expected, got 3\.$"),
        ([INTER[0], "1\t2\tx\t4"], {}, r"x\.inter, line 2: not an event: could not convert"),
        ([INTER[0], "1\t2\t3\tnan"], {}, r"x\.inter, line 2: not an event: cannot convert"),
        ([INTER[0], "\t2\t3\t4"], {}, r"x\.inter, line 2: not an event: '' is no id"),
        ([INTER[0]], {}, r"x\.inter holds no events\.$"),
        (["user_id:token\titem_id:token", "1\t2"], {"min_rating": 1}, r"^min_rating is given, but"),
        (["user_id:token\titem_id:token", "1\t2"], {"start": "2020"}, r"^start or end is given"),
        (INTER, {"columns": "title"}, r"^columns must be distinct names out of 'movie_title', 're"),
    ],
)
def test_what_is_no_atomic_file_is_refused(tmp_path, inter, given, finding):
    with pytest.raises(ValueError, match=finding):
        load_recbole(*_files(tmp_path, inter), **given)


def test_an_item_file_without_ids_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"x\.item, line 1: no field 'item_id' among asin\.$"):
        load_recbole(*_files(tmp_path, item=["asin:token"]))
