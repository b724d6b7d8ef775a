"""What all loaders of published data return and refuse."""
# SPDX-License-Identifier: BSD-3-Clause

import json
from functools import partial

import narwhals as nw
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skace import Interactions, datasets
from skace.datasets import (
    load_amazon_reviews,
    load_item_lists,
    load_mind,
    load_movielens,
    load_recbole,
    load_session_clicks,
    load_steam,
    load_yelp,
)

# Of each loader: the files of events and of items, in the order of its arguments.
FILES = {
    load_amazon_reviews: (
        json.dumps(
            {"reviewerID": "A1", "asin": "B1", "overall": 5.0, "unixReviewTime": 1369699200}
        ),
        json.dumps({"asin": "B1", "title": "Lip Balm"}),
    ),
    load_steam: (
        json.dumps({"username": "al", "product_id": "30", "date": "2017-12-17"}),
        json.dumps({"id": "30", "app_name": "Lost Kitty"}),
    ),
    load_yelp: (
        json.dumps(
            {"user_id": "u1", "business_id": "b1", "stars": 4, "date": "2019-07-07 22:09:11"}
        ),
        json.dumps({"business_id": "b1", "name": "Rosie's Inn"}),
    ),
    load_recbole: (
        "user_id:token\titem_id:token\ttimestamp:float\n7\t3\t881250949\n",
        "item_id:token\ttitle:token_seq\n3\tToy Story\n",
    ),
    load_mind: (
        "1\tU1\t11/15/2019 8:55:22 AM\t\tN5-1 N9-0\n",
        "N5\tsports\tgolf\tThe Open\tA tale\thttps://x\t[]\t[]\n",
    ),
    load_item_lists: ("7 31\n",),
    load_session_clicks: ("1,2014-04-07T10:51:09.277Z,214536502,0\n",),
}
LOADERS = [load_movielens, *FILES]
WITHOUT_TEXTS = (load_item_lists, load_session_clicks)


def test_every_loader_has_its_smallest_files_above():
    names = {name for name in datasets.__all__ if name.startswith("load_")}
    assert {load.__name__ for load in LOADERS} == names


@pytest.fixture
def load_from(tmp_path):
    """Function that calls a loader on its smallest files, changed on the way if need be."""

    def load_from(load, change=lambda text, _: text.encode(), **settings):
        if load is load_movielens:
            (tmp_path / "ratings.dat").write_bytes(change("1::10::5::978300760\n", 0))
            (tmp_path / "movies.dat").write_bytes(change("10::Heat (1995)::Drama\n", 1))
            return load(tmp_path, **settings)
        paths = [tmp_path / name for name in ("events", "items")[: len(FILES[load])]]
        for which, (path, text) in enumerate(zip(paths, FILES[load], strict=True)):
            path.write_bytes(change(text, which))
        return load(*paths, **settings)

    return load_from


@pytest.mark.parametrize("load", LOADERS)
def test_all_loaders_return_interactions_items_description_and_licence(load_from, load):
    bunch = load_from(load)
    assert isinstance(bunch.interactions, Interactions)
    assert len(bunch.interactions) == 1
    items = nw.from_native(bunch["items"])
    assert items["item_id"].to_list() == bunch.interactions.catalog.item_ids.tolist()
    assert all(items[name].to_list()[0] for name in items.columns[:2])
    assert (bunch.interactions.catalog.features is None) is (load in WITHOUT_TEXTS)
    for name in ("DESCR", "licence"):
        assert isinstance(bunch[name], str)
        assert len(bunch[name].split()) > 5
    assert bunch.licence in bunch.DESCR


@pytest.mark.parametrize("load", [load for load in LOADERS if load is not load_item_lists])
@pytest.mark.parametrize(
    ("given", "finding"),
    [
        ({"start": "soon"}, r"^start='soon' is no date"),
        ({"start": "2020", "end": "2020"}, r"^start='2020' is not before end='2020'; no event"),
    ],
)
def test_moments_are_checked_before_the_files_are_read(tmp_path, load, given, finding):
    with pytest.raises(ValueError, match=finding):
        load(tmp_path / "nowhere", **given)


@pytest.mark.parametrize("load", [load for load in LOADERS if load not in WITHOUT_TEXTS])
def test_ids_alone_have_no_texts(load_from, load):
    bunch = load_from(load, columns=None)
    assert bunch.interactions.catalog.features is None
    assert list(nw.from_native(bunch["items"]).columns) == ["item_id"]


# What files hold that are no such files, or were cut, edited or joined.
JUNK = [
    *b"\n \0 \xff \x1f\x8b PK\x03\x04 BZh91AY&SY PAR1 \xef\xbb\xbf \\ud83d 1e999 null NaN -1".split(
        b" "
    ),
    *b"\" ' [ { } , :: None".split(b" "),
    b"[" * 5000,
    b"{'a': " * 3000,
    b"9" * 5000,
    b"x" * 200_000,
]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of ids such as "null"
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    which=st.integers(0, 1),
    junk=st.sampled_from(JUNK),
    place=st.integers(0),
    n_lost=st.integers(0, 9),
)
@pytest.mark.parametrize("load", LOADERS)
def test_files_with_junk_are_read_or_refused_with_a_value_error(
    load_from, load, which, junk, place, n_lost
):
    def change(text, number):
        content = text.encode()
        if number != which:
            return content
        start = place % len(content)
        return content[:start] + junk + content[start + n_lost :]

    kind = ValueError
    try:
        load_from(load, change)
    except ValueError as error:
        kind = type(error)
    assert kind is ValueError  # and none of its kinds, such as UnicodeEncodeError


def tied_ratings(folder, n_users=30, n_items=8):
    """A folder of MovieLens in which each user rates all films, ascending, at one moment."""
    lines = [f"{u}::{i}::{1 + i % 5}::978300760" for u in range(n_users) for i in range(n_items)]
    (folder / "ratings.dat").write_text("\n".join(lines))
    return partial(load_movielens, folder, columns=None)


def test_loaders_order_ties_as_interactions_does_and_ratings_follow(tmp_path):
    load = tied_ratings(tmp_path)
    kept, bunch = load(), load(ties="shuffle", random_state=0)
    again = load(ties="shuffle", random_state=0)
    X = bunch.interactions
    assert X.items.tolist() != kept.interactions.items.tolist()
    assert X.items.tolist() == again.interactions.items.tolist()
    assert (1 + X.items % 5 == bunch.ratings).all()
    assert X.source_rows.tolist() == list(range(len(X)))
    assert "stand in random order" in bunch.DESCR
    assert "stand in the order of the file" in kept.DESCR
    ascends = np.diff(X.items.reshape(30, 8)) > 0
    assert 0.3 < ascends.mean() < 0.7


def test_loaders_hand_places_in_the_file_to_a_key(tmp_path):
    turned = tied_ratings(tmp_path)(ties=lambda places, _users, _times: -places).interactions
    assert turned.items[:8].tolist() == list(range(7, -1, -1))


@pytest.mark.parametrize("load", [load for load in LOADERS if load is not load_item_lists])
def test_loaders_refuse_an_order_of_ties_that_does_not_exist(load_from, load):
    with pytest.raises(ValueError, match=r"^ties must be 'keep', 'shuffle' or a function"):
        load_from(load, ties="sort")


def test_an_order_of_ties_needs_times(tmp_path):
    path = tmp_path / "a.inter"
    path.write_text("user_id:token\titem_id:token\n7\t3\n")
    with pytest.raises(ValueError, match="ties='shuffle' needs timestamps"):
        load_recbole(path, ties="shuffle")
