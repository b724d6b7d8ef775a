"""Fetchers: from a server to interactions, through the data home."""
# SPDX-License-Identifier: BSD-3-Clause

import gzip
import hashlib
import io
import json
import re
import zipfile

import pytest

from skace.datasets import _fetch, fetch_amazon_reviews, fetch_movielens, fetch_steam
from skace.datasets._download import RemoteFile

REVIEW = {"reviewerID": "A1", "asin": "B1", "overall": 5.0, "unixReviewTime": 1369699200}
STEAM = {"username": "al", "product_id": "30", "date": "2017-12-17"}


def _archive():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("ml-1m/ratings.dat", "1::10::5::100\n1::20::3::200\n")
        archive.writestr("ml-1m/movies.dat", "10::A (1999)::Drama\n")
    return content.getvalue()


def _packed(record, write):
    return gzip.compress(write(record).encode())


@pytest.fixture
def movielens(server, monkeypatch):
    """A server with a small ml-1m.zip, whose checksum is taken for the right one."""
    content = _archive()
    for version in ("1m", "latest"):
        server.files[f"/ml-{version}.zip"] = content
    monkeypatch.setitem(_fetch._MOVIELENS, "1m", hashlib.sha256(content).hexdigest())
    return server


def test_movielens_is_fetched_once_and_loaded(movielens, tmp_path):
    settings = {"base_url": movielens.url, "data_home": tmp_path}
    for _ in range(2):
        bunch = fetch_movielens("1m", min_rating=4, **settings)
        assert bunch.interactions.items.tolist() == [10]
    assert [path for path, _ in movielens.requests] == ["/ml-1m.zip"]
    assert (tmp_path / "skace" / "movielens" / "ml-1m.zip").is_file()


def test_a_tampered_archive_is_refused(movielens, tmp_path):
    movielens.files["/ml-1m.zip"] += b"\0"
    with pytest.raises(OSError, match=r"^The SHA256 checksum of ml-1m\.zip \(.*\) differs"):
        fetch_movielens("1m", base_url=movielens.url, data_home=tmp_path)
    assert not list(tmp_path.rglob("*.zip"))


def test_a_truncated_download_is_gone_on_with(movielens, tmp_path):
    movielens.cuts = [50]
    with pytest.warns(UserWarning, match="ended after 50 of"):
        bunch = fetch_movielens("1m", base_url=movielens.url, data_home=tmp_path, delay=0)
    assert len(bunch.interactions) == 2
    assert movielens.ranges == [None, "bytes=50-"]


def test_a_truncated_file_without_checksum_is_noticed_by_its_length(movielens, tmp_path):
    movielens.cuts = [50]
    with pytest.raises(OSError, match="ended after 50 of"):
        fetch_movielens("latest", base_url=movielens.url, data_home=tmp_path, n_retries=0)


def test_nothing_is_downloaded_against_the_will_of_the_caller(movielens, tmp_path):
    settings = {"base_url": movielens.url, "data_home": tmp_path, "download_if_missing": False}
    with pytest.raises(OSError, match=r"ml-1m\.zip is not in .*, and download_if_missing=False\.$"):
        fetch_movielens("1m", **settings)
    folder = tmp_path / "skace" / "movielens"
    folder.mkdir(parents=True)
    (folder / "ml-1m.zip").write_bytes(b"x")
    with pytest.raises(OSError, match=r"ml-1m\.zip has another SHA256 checksum than "):
        fetch_movielens("1m", **settings)
    assert movielens.requests == []
    assert [path.name for path in folder.iterdir()] == ["ml-1m.zip"]


def test_a_damaged_file_is_not_replaced_against_the_will_of_the_caller(movielens, tmp_path):
    settings = {"base_url": movielens.url, "data_home": tmp_path}
    fetch_movielens("1m", **settings)
    path = next(tmp_path.rglob("ml-1m.zip"))
    path.write_bytes(b"damaged")
    with pytest.raises(OSError, match=r"ml-1m\.zip has another SHA256 checksum than .* leave that"):
        fetch_movielens("1m", download_if_missing=False, **settings)
    assert path.read_bytes() == b"damaged"


def test_two_wishes_that_exclude_each_other_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^force_download=True downloads; leave out"):
        fetch_movielens(data_home=tmp_path, download_if_missing=False, force_download=True)


def test_a_file_that_is_there_is_fetched_again_when_that_is_forced(movielens, tmp_path):
    settings = {"base_url": movielens.url, "data_home": tmp_path}
    for force in (False, True):
        fetch_movielens("latest", force_download=force, **settings)
    assert len(movielens.requests) == 2


def test_the_data_home_is_that_of_scikit_learn(movielens, tmp_path, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "home"))
    fetch_movielens("1m", base_url=movielens.url)
    assert (tmp_path / "home" / "skace" / "movielens" / "ml-1m.zip").is_file()


@pytest.mark.parametrize("version", sorted(set(_fetch._MOVIELENS) - {"latest", "latest-small"}))
def test_releases_that_do_not_change_have_a_checksum(version):
    assert re.fullmatch(r"[0-9a-f]{64}", _fetch._MOVIELENS[version])


AMAZON_PATHS = {
    ("2014", "5-core"): ["/reviews_Beauty_5.json.gz", "/meta_Beauty.json.gz"],
    ("2014", "all"): ["/ratings_Beauty.csv", "/meta_Beauty.json.gz"],
    ("2018", "5-core"): ["/categoryFilesSmall/Beauty_5.json.gz", "/metaFiles2/meta_Beauty.json.gz"],
    ("2018", "all"): ["/categoryFilesSmall/Beauty.csv", "/metaFiles2/meta_Beauty.json.gz"],
    ("2023", "5-core"): [
        "/benchmark/5core/rating_only/Beauty.csv.gz",
        "/raw/meta_categories/meta_Beauty.jsonl.gz",
    ],
    ("2023", "all"): [
        "/benchmark/0core/rating_only/Beauty.csv.gz",
        "/raw/meta_categories/meta_Beauty.jsonl.gz",
    ],
}


def _amazon_ratings(version):
    if version == "2023":
        return b"user_id,parent_asin,rating,timestamp\nA1,B1,5.0,1369699200000\n"
    return b"A1,B1,5.0,1369699200\n" if version == "2014" else b"B1,A1,5.0,1369699200\n"


@pytest.mark.parametrize(("version", "subset"), AMAZON_PATHS)
def test_amazon_reviews_are_fetched_from_where_each_release_lies(server, tmp_path, version, subset):
    paths = AMAZON_PATHS[version, subset]
    is_table = ".csv" in paths[0]
    reviews = _amazon_ratings(version) if is_table else json.dumps(REVIEW).encode()
    server.files[paths[0]] = gzip.compress(reviews) if paths[0].endswith("gz") else reviews
    product = {"parent_asin" if version == "2023" else "asin": "B1", "title": "Lip Balm"}
    server.files[paths[1]] = _packed(product, repr if version == "2014" else json.dumps)
    bunch = fetch_amazon_reviews(
        "Beauty", version=version, subset=subset, base_url=server.url, data_home=tmp_path
    )
    assert [path for path, _ in server.requests] == paths
    assert bunch["items"]["title"].tolist() == ["Lip Balm"]


def test_subsets_of_one_name_do_not_overwrite_each_other(server, tmp_path):
    for core, user in (("5core", "A5"), ("0core", "A0")):
        text = f"user_id,parent_asin,rating,timestamp\n{user},B1,5.0,1369699200000\n"
        path = f"/benchmark/{core}/rating_only/Beauty.csv.gz"
        server.files[path] = gzip.compress(text.encode())
    server.files["/raw/meta_categories/meta_Beauty.jsonl.gz"] = gzip.compress(
        json.dumps({"parent_asin": "B1", "title": "Lipstick"}).encode()
    )
    users = [
        fetch_amazon_reviews(
            "Beauty", version="2023", subset=subset, base_url=server.url, data_home=tmp_path
        ).interactions.users.tolist()
        for subset in ("5-core", "all", "5-core")
    ]
    assert users == [["A5"], ["A0"], ["A5"]]


@pytest.mark.parametrize("category", ["../Beauty", "Beauty/..", "", "a b", "Beauty%2f", "Schönes"])
def test_categories_that_are_no_names_are_refused(tmp_path, category):
    with pytest.raises(ValueError, match="is no name of letters, digits and underscores"):
        fetch_amazon_reviews(category, data_home=tmp_path)


def test_checksums_of_the_caller_are_heeded(server, tmp_path):
    server.files["/steam_reviews.json.gz"] = _packed(STEAM, repr)
    server.files["/steam_games.json.gz"] = _packed({"id": "30", "app_name": "A"}, repr)
    right = {
        name[1:]: hashlib.sha256(content).hexdigest() for name, content in server.files.items()
    }
    settings = {"base_url": server.url, "data_home": tmp_path}
    bunch = fetch_steam(checksums=right, **settings)
    assert bunch["items"]["title"].tolist() == ["A"]
    settings["data_home"] = tmp_path / "new"
    wrong = right | {"steam_games.json.gz": "0" * 64}
    with pytest.raises(OSError, match=r"checksum of steam_games\.json\.gz"):
        fetch_steam(checksums=wrong, **settings)


def test_a_damaged_file_without_checksum_is_noticed_by_gzip(server, tmp_path):
    content = bytearray(_packed(STEAM, repr))
    content[-8] ^= 1
    server.files["/steam_reviews.json.gz"] = bytes(content)
    server.files["/steam_games.json.gz"] = gzip.compress(b"")
    with pytest.raises(OSError, match=r"^steam_reviews\.json\.gz is no whole gzip file \(CRC che"):
        fetch_steam(base_url=server.url, data_home=tmp_path)


@pytest.mark.parametrize(
    ("fetch", "given"),
    [
        (lambda **settings: fetch_movielens("1m", **settings), "metadata"),
        (lambda **settings: fetch_amazon_reviews("Beauty", **settings), "metadata"),
        (fetch_steam, "min_rating"),
    ],
)
def test_parameters_of_the_loader_are_checked_before_the_download(server, tmp_path, fetch, given):
    with pytest.raises(TypeError, match=rf"^load_\w+ takes no parameter '{given}'; it takes "):
        fetch(base_url=server.url, data_home=tmp_path, **{given: 1})
    assert server.requests == []


BAD_VALUES = [
    (
        "movielens",
        {"min_rating": "x"},
        r"^The 'min_rating' parameter of fetch_movielens must be an",
    ),
    ("movielens", {"include_cold": 3}, r"^The 'include_cold' parameter of fetch_movielens must be"),
    ("movielens", {"start": "not a date"}, r"^start='not a date' is no date; pass an ISO string"),
    ("movielens", {"end": "NaT"}, r"^end='NaT' is no date"),
    (
        "movielens",
        {"start": "2020", "end": "2019-12-31"},
        r"^start='2020' is not before end='2019-12-31'; no event would be kept\.$",
    ),
    ("amazon", {"min_rating": "x"}, r"^The 'min_rating' parameter of fetch_amazon_reviews must"),
    ("amazon", {"start": 5}, r"^start=5 is no date"),
    ("amazon", {"columns": ["features"]}, r"^columns must be distinct names out of 'title'"),
    ("amazon", {"columns": 3}, r"^columns must be distinct names out of .*; got 3\.$"),
    ("steam", {"include_cold": None}, r"^The 'include_cold' parameter of fetch_steam must be"),
    ("steam", {"end": "later"}, r"^end='later' is no date"),
    ("steam", {"columns": []}, r"^columns must be distinct names out of 'title', .*; got \[\]\.$"),
]
FETCHERS = {
    "movielens": lambda **settings: fetch_movielens("1m", **settings),
    "amazon": lambda **settings: fetch_amazon_reviews("Beauty", **settings),
    "steam": fetch_steam,
}


@pytest.mark.parametrize(("name", "given", "finding"), BAD_VALUES)
def test_values_for_the_loader_are_checked_before_the_download(
    server, tmp_path, name, given, finding
):
    with pytest.raises(ValueError, match=finding):
        FETCHERS[name](base_url=server.url, data_home=tmp_path, n_retries=0, **given)
    assert server.requests == []


@pytest.mark.parametrize(
    "url",
    [
        f"{_fetch._MOVIELENS_URL}/ml-1m.zip",
        *(f"{base}/x.gz" for base in _fetch._AMAZON_URLS.values()),
        f"{_fetch._STEAM_URL}/steam_games.json.gz",
    ],
)
def test_published_addresses_are_encrypted_ones_of_files(url):
    assert url.startswith("https://")
    assert RemoteFile(url).name
