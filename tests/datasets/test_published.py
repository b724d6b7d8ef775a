"""What all loaders of published data return and refuse."""
# SPDX-License-Identifier: BSD-3-Clause

import json

import narwhals as nw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skace import Interactions
from skace.datasets import load_amazon_reviews, load_movielens, load_steam, load_yelp

# Of each loader: the lines of the events and of the items, in the order of its arguments.
FILES = {
    load_amazon_reviews: (
        {"reviewerID": "A1", "asin": "B1", "overall": 5.0, "unixReviewTime": 1369699200},
        {"asin": "B1", "title": "Lip Balm"},
    ),
    load_steam: (
        {"username": "al", "product_id": "30", "date": "2017-12-17"},
        {"id": "30", "app_name": "Lost Kitty"},
    ),
    load_yelp: (
        {"user_id": "u1", "business_id": "b1", "stars": 4, "date": "2019-07-07 22:09:11"},
        {"business_id": "b1", "name": "Rosie's Inn"},
    ),
}
LOADERS = [load_movielens, *FILES]


@pytest.fixture
def load_from(tmp_path):
    """Function that calls a loader on its smallest files, changed on the way if need be."""

    def load_from(load, change=lambda text, _: text.encode(), **settings):
        if load is load_movielens:
            (tmp_path / "ratings.dat").write_bytes(change("1::10::5::978300760\n", 0))
            (tmp_path / "movies.dat").write_bytes(change("10::Heat (1995)::Drama\n", 1))
            return load(tmp_path, **settings)
        paths = [tmp_path / "events", tmp_path / "items"]
        for which, (path, record) in enumerate(zip(paths, FILES[load], strict=True)):
            path.write_bytes(change(json.dumps(record), which))
        return load(*paths, **settings)

    return load_from


@pytest.mark.parametrize("load", LOADERS)
def test_all_loaders_return_interactions_items_description_and_licence(load_from, load):
    bunch = load_from(load)
    assert isinstance(bunch.interactions, Interactions)
    assert len(bunch.interactions) == 1
    items = nw.from_native(bunch["items"])
    assert items["item_id"].to_list() == bunch.interactions.catalog.item_ids.tolist()
    assert all(items[items.columns[1]].to_list())
    for name in ("DESCR", "licence"):
        assert isinstance(bunch[name], str)
        assert len(bunch[name].split()) > 5
    assert bunch.licence in bunch.DESCR


@pytest.mark.parametrize("load", LOADERS)
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


@pytest.mark.parametrize("load", LOADERS)
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


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
