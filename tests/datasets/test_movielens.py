"""MovieLens in its three layouts, from folders and archives."""
# SPDX-License-Identifier: BSD-3-Clause

import zipfile

import numpy as np
import pandas as pd
import pytest

from skace import Catalog
from skace.data import k_core
from skace.datasets import load_movielens

RATINGS = [(1, 20, 5, 100), (2, 10, 3, 300), (1, 10, 4, 50), (2, 30, 1, 200)]
MOVIES = {10: ("Café Society (2016)", "Comedy|Drama"), 20: ("Heat, The (1995)", "")}
COLD = {40: ("Unrated (2001)", "Drama")}


def _csv(movies=MOVIES | COLD):
    ratings = ["userId,movieId,rating,timestamp", *(f"{u},{i},{r},{t}" for u, i, r, t in RATINGS)]
    rows = [
        f'{i},"{title}",{genres or "(no genres listed)"}' for i, (title, genres) in movies.items()
    ]
    return {
        "ratings.csv": "\n".join(ratings).encode(),
        "movies.csv": "\n".join(["movieId,title,genres", *rows]).encode(),
        "tags.csv": b"userId,movieId,tag,timestamp\n",
    }


def _dat(encoding="latin-1"):
    movies = [f"{i}::{title}::{genres}" for i, (title, genres) in (MOVIES | COLD).items()]
    return {
        "ratings.dat": "\n".join(f"{u}::{i}::{r}::{t}" for u, i, r, t in RATINGS).encode(),
        "movies.dat": "\n".join(movies).encode(encoding),
    }


def _tab():
    names = ["unknown", "Comedy", "Drama"]
    movies = []
    for item, (title, genres) in (MOVIES | COLD).items():
        flags = [
            "1" if name in (genres.split("|") if genres else ["unknown"]) else "0" for name in names
        ]
        movies.append("|".join([str(item), title, "01-Jan-1995", "", "http://host/", *flags]))
    return {
        "u.data": "\n".join(f"{u}\t{i}\t{r}\t{t}" for u, i, r, t in RATINGS).encode(),
        "u.item": "\n".join(movies).encode("latin-1"),
        "u.genre": "\n".join(f"{name}|{n}" for n, name in enumerate(names)).encode() + b"\n\n",
    }


LAYOUTS = {"csv": _csv(), "dat": _dat(), "dat in UTF-8": _dat("utf-8"), "tab": _tab()}


def _put(tmp_path, files, kind):
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "ml.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(f"ml-test/{name}", content)
            archive.writestr("__MACOSX/ml-test/._ratings.csv", b"junk")
        return tmp_path / "ml.zip"
    folder = tmp_path / "ml-test" if kind == "subfolder" else tmp_path
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize("kind", ["zip", "folder", "subfolder"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_layouts_give_the_same_data(tmp_path, layout, kind):
    bunch = load_movielens(_put(tmp_path, LAYOUTS[layout], kind))
    X = bunch.interactions
    assert X.users.tolist() == [1, 1, 2, 2]
    assert X.items.tolist() == [10, 20, 30, 10]
    assert X.timestamps.astype(np.int64).tolist() == [50, 100, 200, 300]
    assert X.timestamps.dtype == "datetime64[s]"
    assert bunch.ratings.tolist() == [4, 5, 1, 3]
    assert bunch["items"].to_dict("list") == {
        "item_id": [10, 20, 30],
        "title": ["Café Society (2016)", "Heat, The (1995)", ""],
        "genres": ["Comedy, Drama", "", ""],
    }


def test_the_catalog_holds_the_texts_and_says_where_they_are_from(tmp_path):
    bunch = load_movielens(_put(tmp_path, _dat(), "folder"))
    catalog = bunch.interactions.catalog
    assert isinstance(catalog.features, pd.DataFrame)
    assert catalog.features.columns.tolist() == ["title", "genres"]
    assert catalog.provenance == {"data": "MovieLens"}
    again = Catalog.from_frame(bunch["items"], features=["title", "genres"])
    assert again.fingerprint == catalog.fingerprint


def test_the_description_has_counts_and_the_licence(tmp_path):
    bunch = load_movielens(_put(tmp_path, _dat(), "folder"), min_rating=3)
    assert "\n3 of 4 events of 2 users over 2 items, 2 of them with text, 1970-" in bunch.DESCR
    assert bunch.licence in bunch.DESCR
    assert "no redistribution" in bunch.licence


@pytest.mark.parametrize(
    ("selection", "kept"),
    [
        ({"min_rating": 4}, [10, 20]),
        ({"start": "1970-01-01T00:01:40"}, [20, 30, 10]),
        ({"end": "1970-01-01T00:01:40"}, [10]),
        ({"start": np.datetime64(60, "s"), "end": np.datetime64(300, "s")}, [20, 30]),
        ({"min_rating": 3, "start": "1970-01-01T00:01:41"}, [10]),
    ],
)
def test_events_are_chosen_by_rating_and_time(tmp_path, selection, kept):
    bunch = load_movielens(_put(tmp_path, _csv(), "folder"), **selection)
    assert bunch.interactions.items.tolist() == kept
    assert bunch["items"]["item_id"].tolist() == sorted(set(kept))


def test_cold_movies_come_last_and_only_if_asked_for(tmp_path):
    path = _put(tmp_path, _csv(), "folder")
    bunch = load_movielens(path, include_cold=True)
    assert bunch["items"]["item_id"].tolist() == [10, 20, 30, 40]
    assert bunch["items"]["title"].tolist()[-1] == "Unrated (2001)"
    assert bunch.interactions.n_items == 4


@pytest.mark.parametrize(
    ("name", "content", "finding"),
    [
        (
            "ratings.csv",
            b"userId,movieId,rating,timestamp\n1,2,3\n",
            r"ratings\.csv, line 2: 4 fields exp",
        ),
        (
            "ratings.csv",
            b"userId,movieId,rating,timestamp\n1,2,3,4\n1,2,x,4\n",
            "line 3: not an ev",
        ),
        (
            "ratings.csv",
            b"userId,movieId,rating,timestamp\n1,2,3,1e99\n",
            r"line 2: not an event: the time 9{16}\d{4}, in units of s since 1970, is b",
        ),
        (
            "ratings.csv",
            b"user,item,rating,time\n1,2,3,4\n",
            "line 1: header userId,movieId,rating",
        ),
        ("ratings.csv", b"userId,movieId,rating,timestamp\n", r"ratings\.csv holds no events\.$"),
        (
            "movies.csv",
            b"movieId,title,genres\nten,A,B\n",
            r"movies\.csv, line 2: not a movie: inv",
        ),
        ("movies.csv", b"movieId,title,genres\n10\n", "line 2: 3 fields expected, got 1"),
        ("movies.csv", b"title\n", "line 1: header movieId,title,genres expected, got title"),
    ],
)
def test_malformed_files_are_named_with_their_line(tmp_path, name, content, finding):
    path = _put(tmp_path, _csv() | {name: content}, "folder")
    with pytest.raises(ValueError, match=finding):
        load_movielens(path)


def test_flags_without_a_genre_are_named_with_their_line(tmp_path):
    files = _tab()
    files["u.genre"] = b"unknown|0\n"
    with pytest.raises(ValueError, match=r"u\.item, line 1: not a movie: zip\(\)"):
        load_movielens(_put(tmp_path, files, "folder"))


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_a_missing_file_is_named(tmp_path, kind):
    files = _dat()
    del files["movies.dat"]
    with pytest.raises(
        FileNotFoundError, match=r"holds no (ml-test/)?movies\.dat, .*or pass columns=None for ids"
    ):
        load_movielens(_put(tmp_path, files, kind))


def test_a_folder_without_a_release_says_what_was_looked_for(tmp_path):
    expected = r"holds none of ratings\.csv, ratings\.dat, u\.data\.$"
    with pytest.raises(FileNotFoundError, match=expected):
        load_movielens(tmp_path)


@pytest.mark.parametrize("other", ["csv", "dat"])
def test_two_releases_in_one_folder_are_refused(tmp_path, other):
    _put(tmp_path, _csv(), "folder")
    _put(tmp_path, LAYOUTS[other], "subfolder")
    expected = (
        rf"holds several releases: ml-test/ratings\.{other}, ratings\.csv; give path='.*/ml-test/"
        rf"ratings\.{other}' or '.*/ratings\.csv'\.$"
    )
    with pytest.raises(ValueError, match=expected):
        load_movielens(tmp_path)


def test_a_cut_archive_is_refused(tmp_path):
    path = _put(tmp_path, _csv(), "zip")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"ml\.zip is damaged or cut off .*; download it again"):
        load_movielens(path)


def test_a_path_that_is_nothing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^path='.*nowhere' is no file and no folder\.$"):
        load_movielens(tmp_path / "nowhere")


def test_names_in_an_archive_lead_nowhere_else(tmp_path):
    outside = tmp_path / "movies.dat"
    outside.write_bytes(b"10::Outside::Drama")
    folder = tmp_path / "in"
    folder.mkdir()
    with zipfile.ZipFile(folder / "ml.zip", "w") as archive:
        for name, content in _dat().items():
            archive.writestr(f"../{name}", content)
    bunch = load_movielens(folder / "ml.zip")
    assert bunch["items"]["title"].tolist()[0] == "Café Society (2016)"
    assert outside.read_bytes() == b"10::Outside::Drama"
    assert [path.name for path in folder.iterdir()] == ["ml.zip"]


@pytest.mark.parametrize(
    ("parameters", "finding"),
    [
        ({"min_rating": 9}, r"^none of the 4 events is kept by min_rating=9\.$"),
        ({"start": "2020-01-01"}, r"is kept by start='2020-01-01'\.$"),
        ({"start": "soon"}, r"^start='soon' is no date; pass an ISO string such as '2019-01-01'"),
        ({"end": 5}, r"^end=5 is no date"),
        ({"end": "NaT"}, r"^end='NaT' is no date"),
        ({"min_rating": "4"}, "The 'min_rating' parameter of load_movielens must be"),
        ({"include_cold": "yes"}, "The 'include_cold' parameter of load_movielens must be"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(tmp_path, parameters, finding):
    with pytest.raises(ValueError, match=finding):
        load_movielens(_put(tmp_path, _csv(), "folder"), **parameters)


def test_without_a_library_for_frames_the_error_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("skace.datasets.reading._item_texts.find_spec", lambda _: None)
    expected = r"^loading a data set needs pandas, polars or pyarrow; install one of them\.$"
    with pytest.raises(ImportError, match=expected):
        load_movielens(_put(tmp_path, _csv(), "folder"))


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_items_come_in_the_library_that_is_installed(tmp_path, monkeypatch, library):
    monkeypatch.setattr(
        "skace.datasets.reading._item_texts.find_spec", lambda name: name == library
    )
    bunch = load_movielens(_put(tmp_path, _csv(), "folder"))
    assert type(bunch["items"]).__module__.split(".")[0] == library
    assert type(bunch.interactions.catalog.features) is type(bunch["items"])


@pytest.mark.parametrize(("layout", "name"), [("csv", "ratings.csv"), ("tab", "u.data")])
def test_the_file_of_ratings_stands_for_its_folder(tmp_path, layout, name):
    path = _put(tmp_path, LAYOUTS[layout], "folder")
    _put(tmp_path, _dat(), "subfolder")
    bunch = load_movielens(path / name)
    assert bunch["items"]["title"].tolist() == ["Café Society (2016)", "Heat, The (1995)", ""]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("columns", "kept"),
    [("genres", ["genres"]), (["genres", "title"], ["genres", "title"]), (None, [])],
)
def test_columns_are_chosen(tmp_path, layout, columns, kept):
    bunch = load_movielens(_put(tmp_path, LAYOUTS[layout], "folder"), columns=columns)
    assert bunch["items"].columns.tolist() == ["item_id", *kept]
    if kept:
        assert bunch["items"]["genres"].tolist() == ["Comedy, Drama", "", ""]


def test_ids_alone_take_no_file_of_movies(tmp_path):
    (tmp_path / "ratings.csv").write_bytes(_csv()["ratings.csv"])
    bunch = load_movielens(tmp_path, columns=None)
    assert bunch.interactions.catalog.features is None
    assert bunch.interactions.items.tolist() == [10, 20, 30, 10]


def test_what_is_no_release_is_refused(tmp_path):
    (tmp_path / "sample.csv").write_text("user_id,movie_id\n")
    with pytest.raises(
        ValueError, match=r"is neither a zip archive as GroupLens publishes it, nor"
    ):
        load_movielens(tmp_path / "sample.csv")


def test_ratings_belong_to_the_rows_of_a_core(tmp_path):
    rows = ["2,1,1.0,9", "2,2,2.0,8", "1,1,3.0,7", "1,2,4.0,6", "1,9,5.0,1"]
    files = {"ratings.csv": "\n".join(["userId,movieId,rating,timestamp", *rows]).encode()}
    bunch = load_movielens(_put(tmp_path, files, "folder"), columns=None)
    core = k_core(bunch.interactions, 2)
    ratings = bunch.ratings[core.source_rows]
    found = set(zip(core.users.tolist(), core.items.tolist(), ratings.tolist(), strict=True))
    assert found == {(2, 1, 1), (2, 2, 2), (1, 1, 3), (1, 2, 4)}
    test = core[core.users == 2]
    assert bunch.ratings[test.source_rows].tolist() == [2, 1]
