"""make_shop: sizes, determinism, planted spectrum, planted law, messages."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skace.datasets import make_shop
from skace.datasets.made._shop_events import ShopLaw, _is_seen, _Sampler, draw_events, draw_lengths
from skace.datasets.made._shop_titles import CATEGORIES, STYLES, make_titles

SMALL = {"n_users": 60, "n_items": 80, "n_events": 600, "n_features": 24}


@pytest.fixture(scope="module")
def shop():
    return make_shop(random_state=0)


@pytest.fixture(scope="module")
def busy_shop():
    return make_shop(3000, 200, 30_000, n_features=16, random_state=1)


def _mean_cosine(F):
    n = len(F)
    return (np.square(F.sum(axis=0)).sum() - n) / (n * (n - 1))


def _positions(X):
    """Place of each event in its user's log, for rows that are all events of a log."""
    return np.arange(len(X)) - X._starts


def test_the_sizes_are_as_asked(shop):
    X = shop.interactions
    assert (len(X), X.n_users, X.n_items) == (10_000, 1000, 500)
    assert shop.catalog is X.catalog
    assert shop.catalog.features.shape == (500, 64)


@pytest.mark.parametrize(
    ("n_users", "n_events"), [(50, 150), (50, 151), (50, 50 * 20), (7, 100), (1, 20)]
)
def test_histories_are_between_three_and_half_the_items(n_users, n_events):
    X = make_shop(
        n_users, 40, n_events, n_categories=3, n_styles=3, n_features=8, random_state=0
    ).interactions
    lengths = np.diff(X._log.offsets)
    assert lengths.sum() == n_events
    assert lengths.min() >= 3
    assert lengths.max() <= 20


@settings(max_examples=30, deadline=None)
@given(
    n_users=st.integers(1, 30), most=st.integers(4, 12), fill=st.floats(0, 1), seed=st.integers(0)
)
def test_drawn_lengths_keep_their_sum_and_limits(n_users, most, fill, seed):
    n_events = 3 * n_users + int(fill * (most - 3) * n_users)
    lengths = draw_lengths(n_users, n_events, (3, most), np.random.default_rng(seed))
    assert lengths.sum() == n_events
    assert lengths.min() >= 3
    assert lengths.max() <= most


def test_item_columns_follow_the_catalog(shop):
    columns = shop.item_columns
    np.testing.assert_array_equal(columns["item_id"], shop.catalog.item_ids)
    np.testing.assert_array_equal(
        columns["category"], np.array(list(CATEGORIES))[shop.latent.category]
    )
    assert {len(column) for column in columns.values()} == {500}


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_item_columns_make_a_frame(shop, library):
    frame = pytest.importorskip(library).DataFrame(shop.item_columns)
    assert frame.shape == (500, 3)


def test_titles_are_distinct_and_say_style_and_category(shop):
    titles = shop.item_columns["title"]
    assert len(set(titles.tolist())) == 500
    for title, style, category in zip(
        titles, shop.latent.style, shop.item_columns["category"], strict=True
    ):
        assert title.split()[0] in list(STYLES.values())[style]
        assert title.endswith(CATEGORIES[category])


def test_titles_stay_distinct_when_the_words_run_out():
    titles = make_titles(np.zeros(4000, int), np.zeros(4000, int), np.random.default_rng(0))
    assert len(set(titles.tolist())) == 4000
    assert sum(" No. " in title for title in titles) == 4000 - 8 * 24 * 10


@pytest.mark.parametrize("words", [CATEGORIES, STYLES], ids=["categories", "styles"])
def test_word_lists_are_disjoint_and_of_one_length(words):
    lists = list(words.values())
    assert len({len(part) for part in lists}) == 1
    assert len({word for part in lists for word in part}) == sum(map(len, lists))


@pytest.mark.parametrize(
    "state",
    [lambda: 3, lambda: np.random.RandomState(3), lambda: np.random.default_rng(3)],
    ids=["int", "RandomState", "Generator"],
)
def test_the_same_random_state_gives_the_same_shop(state):
    first, second = (make_shop(**SMALL, random_state=state()) for _ in range(2))
    for name in ("users", "items", "timestamps"):
        np.testing.assert_array_equal(
            getattr(first.interactions, name), getattr(second.interactions, name)
        )
    np.testing.assert_array_equal(first.catalog.features, second.catalog.features)
    np.testing.assert_array_equal(first.item_columns["title"], second.item_columns["title"])


@pytest.mark.parametrize("other", [1, None])
def test_another_seed_gives_another_shop(other):
    first, second = (make_shop(**SMALL, random_state=seed) for seed in (0, other))
    assert not np.array_equal(first.interactions.items, second.interactions.items)
    assert not np.allclose(first.catalog.features, second.catalog.features)


@pytest.mark.parametrize("random_state", [0, None])
def test_the_global_generator_is_untouched(random_state):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_shop(**SMALL, random_state=random_state)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    "changed",
    [{"n_features": 40}, {"mean_cosine": 0.7}, {"spectral_decay": 1.0}, {"feature_noise": 3.0}],
    ids=lambda changed: next(iter(changed)),
)
def test_parameters_of_the_vectors_do_not_change_the_log(changed):
    plain = make_shop(**SMALL, random_state=0)
    other = make_shop(**(SMALL | changed), random_state=0)
    np.testing.assert_array_equal(plain.interactions.items, other.interactions.items)
    assert plain.catalog.fingerprint != other.catalog.fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        {"n_categories": 5},
        {"n_styles": 4},
        {"n_tastes": 2},
        {"taste_strength": 1.0},
        {"sequence_strength": 1.0},
        {"popularity_exponent": 1.5},
        {"repeat_probability": 0.5},
        {"n_items": 90},
        {"n_events": 700},
        {"n_users": 61},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_parameters_of_the_law_change_the_log(changed):
    plain = make_shop(**SMALL, random_state=0)
    other = make_shop(**(SMALL | changed), random_state=0)
    assert not np.array_equal(plain.interactions.items, other.interactions.items)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"n_features": 13},
        {"n_features": 128},  # more than there are items
        {"mean_cosine": 0.0},
        {"mean_cosine": 0.95},
        {"spectral_decay": 0.0},
        {"spectral_decay": 1.0},
        {"feature_noise": 0.0},
    ],
    ids=str,
)
def test_the_planted_spectrum_is_recovered(parameters):
    shop = make_shop(**(SMALL | parameters), random_state=0)
    F = shop.catalog.features
    rank = min(F.shape)
    found = np.linalg.svd(F, compute_uv=False)
    np.testing.assert_allclose(found, shop.singular_values, rtol=0, atol=1e-10)
    assert shop.singular_values.shape == (rank,)
    assert (np.diff(shop.singular_values) <= 0).all()
    np.testing.assert_allclose(np.square(shop.singular_values).sum(), 80)
    np.testing.assert_allclose(np.linalg.norm(F, axis=1), 1.0, atol=1e-12)


@pytest.mark.parametrize("n_features", [13, 128])
def test_components_are_the_right_singular_vectors(n_features):
    shop = make_shop(**(SMALL | {"n_features": n_features}), random_state=0)
    components = shop.components
    np.testing.assert_allclose(components @ components.T, np.eye(len(components)), atol=1e-12)
    scores = shop.catalog.features @ components.T
    np.testing.assert_allclose(scores @ components, shop.catalog.features, atol=1e-12)
    gram = np.diag(np.square(shop.singular_values))
    np.testing.assert_allclose(scores.T @ scores, gram, atol=1e-9)


@pytest.mark.parametrize("decay", [0.0, 0.5, 1.0])
def test_the_spectrum_falls_like_the_asked_power(decay):
    values = make_shop(**SMALL, spectral_decay=decay, random_state=0).singular_values
    common = np.sqrt(1 + 79 * 0.4)
    others = np.delete(values, np.argmin(np.abs(values - common)))
    np.testing.assert_allclose(others / others[0], np.arange(1, 24.0) ** -decay)


@settings(max_examples=10, deadline=None)
@given(
    mean_cosine=st.floats(0, 0.95),
    decay=st.floats(0, 1),
    n_features=st.integers(13, 100),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_mean_cosine_is_met(mean_cosine, decay, n_features, seed):
    sizes = SMALL | {"n_features": n_features}
    shop = make_shop(**sizes, mean_cosine=mean_cosine, spectral_decay=decay, random_state=seed)
    assert _mean_cosine(shop.catalog.features) == pytest.approx(mean_cosine, abs=0.01)


@pytest.mark.parametrize("code", ["category", "style"])
def test_vectors_tell_the_latent_codes(shop, code):
    F = shop.catalog.features
    labels = shop.latent[code]
    targets = np.eye(labels.max() + 1)[labels]
    half = np.arange(500) % 2 == 0
    weights = np.linalg.lstsq(F[half], targets[half], rcond=None)[0]
    accuracy = np.mean(np.argmax(F[~half] @ weights, axis=1) == labels[~half])
    assert accuracy > 0.6


def test_noise_hides_the_latent_codes():
    clear, hidden = (make_shop(feature_noise=noise, random_state=0) for noise in (0.0, 50.0))

    def spread(shop):
        means = [shop.catalog.features[shop.latent.style == s].mean(axis=0) for s in range(6)]
        return np.linalg.norm(np.std(means, axis=0))

    assert spread(clear) > 1.5 * spread(hidden)


def test_times_increase_within_users_with_the_asked_share_of_ties(busy_shop):
    X = busy_shop.interactions
    is_later = _positions(X) > 0
    gaps = np.diff(X.timestamps, prepend=0)[is_later]
    assert (gaps >= 0).all()
    assert np.mean(gaps == 0) == pytest.approx(0.2, abs=0.01)
    np.testing.assert_array_equal(X.source_rows, np.arange(len(X)))


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_ties_are_none_or_all_at_the_limits(probability):
    X = make_shop(**SMALL, tie_probability=probability, random_state=0).interactions
    gaps = np.diff(X.timestamps)[_positions(X)[1:] > 0]
    if probability == 0:
        assert (gaps > 0).all()
        return
    # But for items that a visitor takes again, before which time moves on.
    pairs = np.unique(np.stack([X.users, X.items]), axis=1).shape[1]
    assert (gaps > 0).sum() == len(X) - pairs


@pytest.mark.parametrize("probability", [0.0, 0.1, 0.6])
def test_repeats_have_the_asked_share_and_are_marked(probability):
    shop = make_shop(
        3000, 200, 30_000, n_features=16, repeat_probability=probability, random_state=2
    )
    X = shop.interactions
    pairs = X._row_users * X.n_items + X._item_codes
    is_first = np.zeros(len(X), dtype=bool)
    is_first[np.unique(pairs, return_index=True)[1]] = True
    np.testing.assert_array_equal(~is_first, shop.latent.is_repeat)
    share = shop.latent.is_repeat[_positions(X) > 0].mean()
    assert share == pytest.approx(probability, abs=0.01)


def test_popularity_has_a_long_tail_with_cold_items():
    shop = make_shop(1000, 1500, 8000, random_state=0)
    counts = np.sort(np.bincount(shop.interactions._item_codes, minlength=1500))[::-1]
    assert counts[:300].sum() > 0.5 * counts.sum()
    assert 0.02 < np.mean(counts == 0) < 0.3


def test_first_events_follow_the_law(busy_shop):
    latent, X = busy_shop.latent, busy_shop.interactions
    cells = latent.cell[X._item_codes[_positions(X) == 0]]
    expected = latent.taste_prior @ latent.start
    found = np.bincount(cells, minlength=expected.size) / cells.size
    error = np.sqrt(expected * (1 - expected) / cells.size)
    assert np.abs((found - expected) / error).max() < 4.5


def test_the_followed_category_is_the_next_one_in_a_cycle(busy_shop):
    latent, X = busy_shop.latent, busy_shop.interactions
    is_new = ~latent.is_repeat & (_positions(X) > 0)
    category = latent.category[X._item_codes]
    table = np.zeros((8, 8))
    np.add.at(table, (category[np.flatnonzero(is_new) - 1], category[is_new]), 1)
    # The attraction of categories differs by taste; dividing it out leaves the order.
    follower = np.argmax(table / table.sum(axis=0), axis=1)
    visited = {0}
    place = 0
    for _ in range(7):
        place = int(follower[place])
        visited.add(place)
    assert visited == set(range(8))


def test_law_rows_are_probabilities(shop):
    latent = shop.latent
    for table in (latent.taste_prior, latent.start, latent.transition, latent.popularity):
        np.testing.assert_allclose(table.sum(axis=-1), 1.0)
    share = np.bincount(latent.cell, weights=latent.item_share)
    np.testing.assert_allclose(share, np.ones(48))


def _tiny_law(rng, n_items=6, repeat_probability=0.0):
    cells = np.array([0, 1, 2, 3, 0, 1])[:n_items]
    weights = rng.random(n_items) + 0.2
    transition = rng.dirichlet(np.ones(4), size=(2, 4))
    return ShopLaw(
        cell_of_item=cells,
        item_share=weights / np.bincount(cells, weights=weights)[cells],
        taste_prior=np.array([0.3, 0.7]),
        start=rng.dirichlet(np.ones(4), size=2),
        transition=transition,
        repeat_probability=repeat_probability,
    )


@pytest.mark.parametrize("max_redraws", [0, 1, 32])
def test_unseen_items_are_drawn_alike_with_and_without_rejection(max_redraws, monkeypatch):
    monkeypatch.setattr("skace.datasets.made._shop_events._MAX_REDRAWS", max_redraws)
    law = _tiny_law(np.random.default_rng(0))
    n = 40_000
    items = np.tile([0, 1, 4], n)
    tastes = np.zeros(n, dtype=np.int64)
    sampler = _Sampler(law, np.random.default_rng(1))
    drawn = sampler.draw_unseen(tastes, items, np.arange(n) * 3, 3)
    expected = law.transition[0, 0][law.cell_of_item] * law.item_share
    expected[[0, 1, 4]] = 0
    expected /= expected.sum()
    found = np.bincount(drawn, minlength=6) / n
    np.testing.assert_allclose(found, expected, atol=0.012)


def test_exact_draws_are_made_in_blocks(monkeypatch):
    monkeypatch.setattr("skace.datasets.made._shop_events._MAX_REDRAWS", 0)
    monkeypatch.setattr("skace.datasets.made._shop_events._BLOCK_ENTRIES", 12)
    law = _tiny_law(np.random.default_rng(0))
    events = draw_events(law, np.full(15, 5), np.random.default_rng(0))
    rows = np.sort(events.items.reshape(15, 5), axis=1)
    assert (np.diff(rows, axis=1) > 0).all()


@pytest.mark.parametrize(
    ("drawn", "is_seen"),
    [([5, 7], [True, True]), ([6, 9], [True, False]), ([1, 8], [False, True])],
)
def test_only_the_past_counts_as_seen(drawn, is_seen):
    items = np.array([5, 6, 1, 7, 8, 9])  # two users; the past is the first two events of each
    found = _is_seen(np.array(drawn), items, np.array([0, 3]), 2)
    np.testing.assert_array_equal(found, is_seen)


def test_a_shop_can_be_pickled(shop):
    again = pickle.loads(pickle.dumps(shop))
    queries = shop.interactions[:20]
    np.testing.assert_allclose(
        again.oracle.decision_function(queries),
        shop.oracle.decision_function(queries),
        rtol=1e-12,
    )


def test_the_description_names_the_sizes(shop):
    assert "10000 events of 1000 visitors, 500 items in 8 categories" in shop.DESCR


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"n_users": 0},
            "The 'n_users' parameter of make_shop must be an int in the range [1, inf). "
            "Got 0 instead.",
        ),
        (
            {"n_categories": 13},
            "The 'n_categories' parameter of make_shop must be an int in the range [2, 12]. "
            "Got 13 instead.",
        ),
        (
            {"n_styles": 1},
            "The 'n_styles' parameter of make_shop must be an int in the range [2, 8]. "
            "Got 1 instead.",
        ),
        (
            {"mean_cosine": 1.0},
            "The 'mean_cosine' parameter of make_shop must be a float in the range [0.0, 0.95]. "
            "Got 1.0 instead.",
        ),
        (
            {"spectral_decay": -0.1},
            "The 'spectral_decay' parameter of make_shop must be a float in the range [0.0, 1.0]. "
            "Got -0.1 instead.",
        ),
        (
            {"repeat_probability": 1.0},
            "The 'repeat_probability' parameter of make_shop must be a float in the range "
            "[0.0, 1.0). Got 1.0 instead.",
        ),
        (
            {"n_items": 47},
            "n_items must be at least n_categories * n_styles = 48, so that every style of every "
            "category has an item, got 47.",
        ),
        (
            {"n_events": 2999},
            "n_events must be from 3000 to 250000, that is 3 to n_items // 2 for each of 1000 "
            "users, got 2999.",
        ),
        (
            {"n_features": 12},
            "n_features must be at least n_categories + n_styles - 1 = 13, so that the vectors "
            "can tell them apart, got 12.",
        ),
        (
            {"n_events": 5, "n_features": 12},
            "n_events must be from 3000 to 250000, that is 3 to n_items // 2 for each of 1000 "
            "users, got 5. n_features must be at least n_categories + n_styles - 1 = 13, so that "
            "the vectors can tell them apart, got 12.",
        ),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make_shop(**parameters)
