"""Counts of published files, where the environment names a folder of them."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from pathlib import Path

import numpy as np
import pytest

from skace.datasets import (
    load_amazon_reviews,
    load_movielens,
    load_recbole,
    load_session_clicks,
)

pytestmark = pytest.mark.filterwarnings("ignore::skace.exceptions.RepeatedEventsWarning")


@pytest.fixture
def raw():
    """Function from the place of a file to its path; skips where it is not there."""

    def raw(place):
        folder = os.environ.get("SKACE_DATA")
        if not folder or not (Path(folder) / place).exists():
            pytest.skip(f"SKACE_DATA does not name a folder with {place}")
        return Path(folder) / place

    return raw


def _counts(X):
    """Events, users, and items that have one."""
    return len(X), X.n_users, np.unique(X.items).size


@pytest.mark.parametrize(("include_cold", "n_described"), [(False, 9724), (True, 9742)])
def test_movielens_latest_small(raw, include_cold, n_described):
    bunch = load_movielens(raw("ml-latest-small"), include_cold=include_cold)
    assert _counts(bunch.interactions) == (100_836, 610, 9724)
    assert f"{n_described:,} of them with text" in bunch.DESCR
    assert sorted(set(bunch.ratings.tolist())) == [stars / 2 for stars in range(1, 11)]


@pytest.mark.parametrize("end", ["", ".gz"])
def test_amazon_gift_cards(raw, end):
    reviews = raw(f"amazon18/Gift_Cards_5.json{end}")
    products = raw(f"amazon18/meta_Gift_Cards.json{end}")
    columns = ["title", "brand", "categories", "description", "features", "main_category"]
    bunch = load_amazon_reviews(reviews, products, version="2018", columns=columns)
    assert len(bunch.interactions) == 2972
    texts = [text for name in columns for text in bunch["items"][name].to_list()]
    assert not any("</" in text or "&amp;" in text for text in texts)
    with pytest.raises(ValueError, match="looks like the release of 2018"):
        load_amazon_reviews(reviews, version="2014")


def test_atomic_files_of_movielens(raw):
    bunch = load_recbole(raw("recbole/ml-100k.inter"), raw("recbole/ml-100k.item"))
    assert _counts(bunch.interactions) == (100_000, 943, 1682)
    assert bunch["items"].columns[1:].to_list() == ["movie_title", "release_year", "class"]
    assert "1,682 of them with text" in bunch.DESCR
    assert bunch.interactions.timestamps.dtype == "M8[s]"


@pytest.mark.parametrize(
    ("place", "n_events"),
    [
        ("otto/train.jsonl", 862),
        ("diginetica/sample_train-item-views.csv", 12_391),
        ("rechub/train-item-views-sample.csv", 500),
        ("rechub/yoochoose-clicks-sample.dat", 500),
    ],
)
def test_sessions(raw, place, n_events):
    X = load_session_clicks(raw(place)).interactions
    assert len(X) == n_events
    if place.startswith("otto"):
        assert X.n_users == 20


def test_frames_tell_the_order_of_a_session_that_dates_leave_open(raw):
    X = load_session_clicks(raw("diginetica/sample_train-item-views.csv")).interactions
    days = X.timestamps.astype("M8[D]")
    same_day = (days[1:] == days[:-1]) & (X.users[1:] == X.users[:-1])
    tied = (X.timestamps[1:] == X.timestamps[:-1]) & (X.users[1:] == X.users[:-1])
    assert tied.sum() < same_day.sum() / 100
