"""Event logs: made-up logs with known right answers, and published logs."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.datasets._amazon import load_amazon_reviews
from skace.datasets._fetch import fetch_amazon_reviews, fetch_movielens, fetch_steam
from skace.datasets._item_lists import load_item_lists
from skace.datasets._mind import load_mind
from skace.datasets._movielens import load_movielens
from skace.datasets._recbole import load_recbole
from skace.datasets._session_clicks import load_session_clicks
from skace.datasets._steam import load_steam
from skace.datasets._yelp import load_yelp
from skace.datasets.made._known_answers import make_checkerboard, make_cycle
from skace.datasets.made._oracle import ShopOracle
from skace.datasets.made._shop import make_shop

__all__ = [
    "ShopOracle",
    "fetch_amazon_reviews",
    "fetch_movielens",
    "fetch_steam",
    "load_amazon_reviews",
    "load_item_lists",
    "load_mind",
    "load_movielens",
    "load_recbole",
    "load_session_clicks",
    "load_steam",
    "load_yelp",
    "make_checkerboard",
    "make_cycle",
    "make_shop",
]
