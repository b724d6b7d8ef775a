"""Steam reviews."""
# SPDX-License-Identifier: BSD-3-Clause

import gzip

import pytest

from skace.datasets import load_steam

# As published: literals of Python 2.
REVIEWS = """\
{u'username': u"Al's", u'hours': 0.1, u'product_id': u'725280', u'date': u'2017-12-17', \
u'text': u'a\\'b'}
{u'username': u'bo', u'product_id': u'30', u'date': u'2011-01-05', u'text': u'\\u2713', u'page': 1}
{u'username': u"Al's", u'product_id': u'30', u'date': u'2016-02-29', u'text': u''}
"""
GAMES = """\
{u'publisher': u'Kotoshiro', u'genres': [u'Action', u'Indie'], u'app_name': u'Lost Kitty', \
u'tags': [u'Strategy'], u'specs': [u'Single-player'], u'id': u'30', u'developer': u'K\\xf6'}
{u'app_name': u'Without a number', u'genres': [u'RPG']}
{u'app_name': u'Cold', u'id': u'99'}
"""


@pytest.fixture
def files(tmp_path):
    reviews, games = tmp_path / "reviews.gz", tmp_path / "games.gz"
    reviews.write_bytes(gzip.compress(REVIEWS.encode()))
    games.write_bytes(gzip.compress(GAMES.encode()))
    return reviews, games


def test_reviews_and_games_are_read(files):
    bunch = load_steam(*files)
    X = bunch.interactions
    assert X.users.tolist() == ["Al's", "Al's", "bo"]
    assert X.items.tolist() == ["30", "725280", "30"]
    assert X.timestamps.astype("M8[D]").astype(str).tolist() == [
        "2016-02-29",
        "2017-12-17",
        "2011-01-05",
    ]
    assert bunch["items"].to_dict("list") == {
        "item_id": ["30", "725280"],
        "title": ["Lost Kitty", ""],
        "genres": ["Action, Indie", ""],
        "tags": ["Strategy", ""],
        "developer": ["Kö", ""],
    }
    assert "ratings" not in bunch


@pytest.mark.parametrize(("include_cold", "n_items"), [(False, 2), (True, 3)])
def test_games_without_reviews_come_in_only_if_asked_for(files, include_cold, n_items):
    bunch = load_steam(*files, include_cold=include_cold, columns=["specs", "publisher"])
    assert bunch.interactions.n_items == n_items
    assert bunch["items"]["publisher"].tolist()[0] == "Kotoshiro"


def test_the_time_is_cut_at_its_borders(files):
    X = load_steam(*files, start="2016-02-29", end="2017-12-17").interactions
    assert X.items.tolist() == ["30"]


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("{u'username': u'al', u'date': u'2017-12-17'}", "line 1: no field 'product_id'"),
        ("{u'username': u'al', u'product_id': u'3', u'date': u'long ago'}", "line 1: not an event"),
        ("{u'username': u'', u'product_id': u'3', u'date': u'2017-12-17'}", "'' is no id"),
    ],
)
def test_malformed_reviews_are_named_with_their_line(tmp_path, line, finding):
    (tmp_path / "r").write_text(line)
    with pytest.raises(ValueError, match=finding):
        load_steam(tmp_path / "r")
