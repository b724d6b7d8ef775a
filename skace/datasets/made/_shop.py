"""A made-up shop that resembles a real one and keeps no secrets."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import asdict, dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skace._sklearn_compat import Interval, validate_parameter_constraints
from skace._typing import FloatArray, IntArray
from skace.data import Catalog, Interactions
from skace.datasets.made._oracle import ShopOracle
from skace.datasets.made._random import (
    RANDOM_STATE,
    RandomState,
    check_generator,
    independent_generators,
)
from skace.datasets.made._shop_events import (
    Events,
    ShopLaw,
    draw_events,
    draw_law,
    draw_lengths,
    draw_timestamps,
)
from skace.datasets.made._shop_features import make_item_vectors
from skace.datasets.made._shop_titles import CATEGORIES, STYLES, make_titles

__all__ = ["make_shop"]

_LEAST_EVENTS = 3  # of a user: one to learn from, one to validate on, one to test on
_FIRST_ITEM_ID = 10_001  # ids that are no row numbers, so that a mix-up shows

_CONSTRAINTS: dict[str, list[Any]] = {
    "n_users": [Interval(Integral, 1, None, closed="left")],
    "n_items": [Interval(Integral, 6, None, closed="left")],
    "n_events": [Interval(Integral, 3, None, closed="left")],
    "n_categories": [Interval(Integral, 2, len(CATEGORIES), closed="both")],
    "n_styles": [Interval(Integral, 2, len(STYLES), closed="both")],
    "n_tastes": [Interval(Integral, 1, None, closed="left")],
    "n_features": [Interval(Integral, 3, None, closed="left")],
    "mean_cosine": [Interval(Real, 0, 0.95, closed="both")],
    "spectral_decay": [Interval(Real, 0, 1, closed="both")],
    "feature_noise": [Interval(Real, 0, None, closed="left")],
    "taste_strength": [Interval(Real, 0, 10, closed="both")],
    "sequence_strength": [Interval(Real, 0, 10, closed="both")],
    "popularity_exponent": [Interval(Real, 0, 2, closed="both")],
    "repeat_probability": [Interval(Real, 0, 1, closed="left")],
    "tie_probability": [Interval(Real, 0, 1, closed="both")],
    "random_state": RANDOM_STATE,
}

_DESCR = """\
A made-up shop
--------------
{n_events} events of {n_users} visitors, {n_items} items in {n_categories} categories and \
{n_styles} styles.

Every visitor has one of {n_tastes} hidden tastes, that is, leans towards one style and towards
some categories. After the first event, each event is with probability {repeat_probability} a
repeat (one of the visitor's past events, each equally likely). Otherwise a (category, style)
cell is drawn, given the taste and the last item: its own category and the one that follows it in
a fixed cycle of categories are more likely (sequence_strength {sequence_strength}), and so is
the favourite style (taste_strength {taste_strength}); then an item of the cell by its
popularity, and both again until the visitor has not had the item. Popularity falls like
rank ** -{popularity_exponent}.

The item vectors have length 1, {n_features} features, a mean cosine of about {mean_cosine}, and
known singular values: one for what all items share, then a power law with exponent
-{spectral_decay}. Categories lie in the directions of large variance, wording without meaning
behind them, then styles, then noise.
"""


@dataclass(frozen=True, slots=True)
class _Settings:
    """Parameters of `make_shop`."""

    n_users: int
    n_items: int
    n_events: int
    n_categories: int
    n_styles: int
    n_tastes: int
    n_features: int
    mean_cosine: float
    spectral_decay: float
    feature_noise: float
    taste_strength: float
    sequence_strength: float
    popularity_exponent: float
    repeat_probability: float
    tie_probability: float
    random_state: RandomState


def make_shop(  # noqa: PLR0913 - one argument per property of the shop
    n_users: int = 1000,
    n_items: int = 500,
    n_events: int = 10_000,
    *,
    n_categories: int = 8,
    n_styles: int = 6,
    n_tastes: int = 6,
    n_features: int = 64,
    mean_cosine: float = 0.4,
    spectral_decay: float = 0.5,
    feature_noise: float = 0.5,
    taste_strength: float = 3.0,
    sequence_strength: float = 3.0,
    popularity_exponent: float = 0.8,
    repeat_probability: float = 0.1,
    tie_probability: float = 0.2,
    random_state: RandomState = None,
) -> Bunch:
    """Make a shop: items with titles and vectors, visitors, and the best possible score.

    The log resembles that of a real shop: few events per item, a long tail with items that nobody
    takes, repeats, ties in time, anisotropic item vectors. But the law behind it is known. Every
    visitor has one of a few hidden tastes. The next item depends on the taste, on the category of
    the last item, and on the items taken before. So the exact probability of every next item, given
    only what a recommender sees, can be computed, and also the score that no model can beat.

    Parameters
    ----------
    n_users : int, default=1000
        Number of visitors; their ids are 1 to ``n_users``.

    n_items : int, default=500
        Number of items, at least ``n_categories * n_styles``; their ids are 10001 and up.

    n_events : int, default=10000
        Exact number of events. Each visitor has at least 3 and at most ``n_items // 2``. Lengths of
        histories fall off exponentially.

    n_categories : int, default=8
        Number of categories (lips, hair care, ...), from 2 to 12. The category of the last item
        decides which category is likely next.

    n_styles : int, default=6
        Number of styles (luxurious, natural, ...), from 2 to 8. Each taste has a favourite.

    n_tastes : int, default=6
        Number of hidden tastes, at least 1.

    n_features : int, default=64
        Width of the item vectors, at least ``n_categories + n_styles - 1``.

    mean_cosine : float, default=0.4
        Mean cosine between two item vectors, in [0, 0.95], met within 0.01. Sentence
        encoders give 0.3 to 0.6 for the items of one shop.

    spectral_decay : float, default=0.5
        The singular values other than the one of the common direction fall like ``k **
        -spectral_decay``, k = 1, 2, ...; in [0, 1]. 0 is isotropic except for the mean;
        sentence encoders give about 0.45.

    feature_noise : float, default=0.5
        Standard deviation of the noise on the category and style in the vectors, 0 or
        more, in units of the signal's. Large values make the vectors useless.

    taste_strength : float, default=3.0
        How much tastes differ, in [0, 10] (nats). With 0 all visitors have the same taste.

    sequence_strength : float, default=3.0
        How much more likely the following category is, in [0, 10] (nats); the same
        category gets half of it. At 0 the order of events means nothing.

    popularity_exponent : float, default=0.8
        Zipf exponent of item popularity, in [0, 2].

    repeat_probability : float, default=0.1
        Probability, in [0, 1), that an event after the first repeats a past one. All
        other events are items that are new to the visitor.

    tie_probability : float, default=0.2
        Probability, in [0, 1], that an event has the time of the event before it. The same item
        never comes twice at one moment; time then moves on.

    random_state : int, RandomState, Generator or None, default=None
        Source of all draws. The parameters of the vectors do not influence the log. None
        gives another shop at each call; numpy's global generator is never used.

    Returns
    -------
    shop : Bunch
        With these fields:

        interactions : Interactions
            The log, with ``catalog``; times in seconds.
        catalog : Catalog
            Item ids and vectors of unit length, float64 of shape (n_items, n_features).
        item_columns : dict of str to ndarray of shape (n_items,)
            Columns ``item_id``, ``title`` (all distinct, such as "Velvet Rose Lipstick")
            and ``category``, in the order of the catalog; frame libraries take it as it is.
        singular_values : ndarray of shape (min(n_items, n_features),)
            Exact singular values of the vectors, descending. Their squares sum to n_items.
        components : ndarray of shape (min(n_items, n_features), n_features)
            Right singular vectors, as rows; signs are arbitrary.
        oracle : ShopOracle
            Best possible ranking (``target_ranks``, ``decision_function``) and its
            expected score (``best_ndcg``, ``best_recall``).
        latent : Bunch
            The truth: ``category``, ``style``, ``cell`` and ``popularity`` of each item,
            ``taste`` of each visitor, ``is_repeat`` of each event in log order, and the
            law (``taste_prior``, ``start``, ``transition``, ``item_share``).
        DESCR : str
            Description.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or too small for the others.

    See Also
    --------
    ShopOracle : Computes the best possible ranking.
    make_cycle : A log in which the next item is certain.

    Notes
    -----
    Time and memory are linear in the number of events, except for the search for
    repeats, which compares each event with its past. The vectors take O(n_items *
    n_features ** 2).

    Stability: provisional.

    Examples
    --------
    >>> import numpy as np
    >>> from skace.datasets import make_shop
    >>> shop = make_shop(200, 100, 1600, n_features=32, random_state=0)
    >>> X = shop.interactions
    >>> len(X), X.n_users, X.n_items
    (1600, 200, 100)
    >>> len(set(shop.item_columns["title"].tolist()))
    100
    >>> random_ranking = sum(1 / np.log2(rank + 2) for rank in range(10)) / 100
    >>> bool(shop.oracle.best_ndcg(X.next_queries(), k=10) > 5 * random_ranking)
    True
    """
    settings = _Settings(
        n_users=n_users,
        n_items=n_items,
        n_events=n_events,
        n_categories=n_categories,
        n_styles=n_styles,
        n_tastes=n_tastes,
        n_features=n_features,
        mean_cosine=mean_cosine,
        spectral_decay=spectral_decay,
        feature_noise=feature_noise,
        taste_strength=taste_strength,
        sequence_strength=sequence_strength,
        popularity_exponent=popularity_exponent,
        repeat_probability=repeat_probability,
        tie_probability=tie_probability,
        random_state=random_state,
    )
    values = asdict(settings)
    validate_parameter_constraints(_CONSTRAINTS, values, caller_name="make_shop")
    _check_sizes(settings)
    return _build_shop(settings, _DESCR.format(**values))


def _check_sizes(s: _Settings) -> None:
    """Raise one ValueError that names every size too small or too large for the others."""
    n_cells = s.n_categories * s.n_styles
    least, most = _LEAST_EVENTS * s.n_users, s.n_items // 2 * s.n_users
    width = s.n_categories + s.n_styles - 1
    faults = []
    if s.n_items < n_cells:
        faults.append(
            f"n_items must be at least n_categories * n_styles = {n_cells}, so that every style "
            f"of every category has an item, got {s.n_items}."
        )
    if not least <= s.n_events <= most:
        faults.append(
            f"n_events must be from {least} to {most}, that is 3 to n_items // 2 for each of "
            f"{s.n_users} users, got {s.n_events}."
        )
    if s.n_features < width:
        faults.append(
            f"n_features must be at least n_categories + n_styles - 1 = {width}, so that the "
            f"vectors can tell them apart, got {s.n_features}."
        )
    if faults:
        raise ValueError(" ".join(faults))


def _build_shop(s: _Settings, description: str) -> Bunch:
    """All parts, each from a generator of its own."""
    rng_items, rng_titles, rng_law, rng_events, rng_times, rng_vectors = independent_generators(
        check_generator(s.random_state), 6
    )
    (category, style), popularity = _draw_items(s, rng_items)
    law = draw_law(
        category * s.n_styles + style,
        popularity,
        (s.n_categories, s.n_styles, s.n_tastes),
        rng_law,
        taste_strength=s.taste_strength,
        sequence_strength=s.sequence_strength,
        repeat_probability=s.repeat_probability,
    )
    vectors = make_item_vectors(
        (category, style),
        s.n_features,
        rng_vectors,
        mean_cosine=s.mean_cosine,
        spectral_decay=s.spectral_decay,
        feature_noise=s.feature_noise,
    )
    item_ids = np.arange(s.n_items) + _FIRST_ITEM_ID
    catalog = Catalog(item_ids, vectors.vectors, provenance={"made by": "make_shop"})
    lengths = draw_lengths(s.n_users, s.n_events, (_LEAST_EVENTS, s.n_items // 2), rng_events)
    events = draw_events(law, lengths, rng_events)
    interactions = Interactions(
        np.repeat(np.arange(s.n_users) + 1, lengths),
        item_ids[events.items],
        draw_timestamps(events.items, lengths, s.tie_probability, rng_times),
        catalog=catalog,
    )
    return Bunch(
        interactions=interactions,
        catalog=catalog,
        item_columns={
            "item_id": item_ids,
            "title": make_titles(category, style, rng_titles),
            "category": np.array(list(CATEGORIES))[category],
        },
        singular_values=vectors.singular_values,
        components=vectors.components,
        oracle=ShopOracle(law, catalog),
        latent=_latent_truth(law, events, (category, style), popularity),
        DESCR=description,
    )


def _draw_items(
    s: _Settings, rng: np.random.Generator
) -> tuple[tuple[IntArray, IntArray], FloatArray]:
    """Category and style of each item, and Zipf weights that sum to 1.

    Going down the ranks, every cell gets one item before any gets the next one: no cell is
    empty, and none owes its popularity to a single bestseller.
    """
    n_cells = s.n_categories * s.n_styles
    n_rounds = -(-s.n_items // n_cells)
    rounds = np.tile(np.arange(n_cells), (n_rounds, 1))
    cells = rng.permuted(rounds, axis=1).ravel()[: s.n_items]
    weights = np.arange(1, s.n_items + 1) ** -float(s.popularity_exponent)
    order = rng.permutation(s.n_items)
    return np.divmod(cells[order], s.n_styles), weights[order] / weights.sum()


def _latent_truth(
    law: ShopLaw, events: Events, codes: tuple[IntArray, IntArray], popularity: FloatArray
) -> Bunch:
    """What a recommender cannot see."""
    category, style = codes
    return Bunch(
        category=category,
        style=style,
        cell=law.cell_of_item,
        popularity=popularity,
        item_share=law.item_share,
        taste=events.tastes,
        is_repeat=events.is_repeat,
        taste_prior=law.taste_prior,
        start=law.start,
        transition=law.transition,
    )
