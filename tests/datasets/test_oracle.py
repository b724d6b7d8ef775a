"""ShopOracle: exact probabilities, and no ranking that beats it."""
# SPDX-License-Identifier: BSD-3-Clause

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import skace.datasets.made._oracle as oracle_module
from skace import Catalog, Interactions
from skace.datasets import ShopOracle, make_shop
from skace.datasets.made._shop_events import ShopLaw, draw_events

IDS = np.array(["a", "b", "c", "d", "e", "f"])


def make_law(repeat_probability, n_tastes=2, seed=0):
    rng = np.random.default_rng(seed)
    cells = np.array([0, 1, 2, 3, 0, 1])
    weights = rng.random(6) + 0.2
    return ShopLaw(
        cell_of_item=cells,
        item_share=weights / np.bincount(cells, weights=weights)[cells],
        taste_prior=rng.dirichlet(np.ones(n_tastes)),
        start=rng.dirichlet(np.ones(4), size=n_tastes),
        transition=rng.dirichlet(np.ones(4), size=(n_tastes, 4)),
        repeat_probability=repeat_probability,
    )


def naive_step(law, taste, past):
    """Distribution of the next item of a visitor whose taste is known, item by item."""
    if not past:
        return np.array(
            [law.start[taste, law.cell_of_item[j]] * law.item_share[j] for j in range(6)]
        )
    row = law.transition[taste, law.cell_of_item[past[-1]]]
    new = np.array(
        [0 if j in past else row[law.cell_of_item[j]] * law.item_share[j] for j in range(6)]
    )
    repeats = np.array([past.count(j) / len(past) for j in range(6)])
    return law.repeat_probability * repeats + (1 - law.repeat_probability) * new / new.sum()


def naive_sequence_probability(law, taste, sequence):
    return np.prod([naive_step(law, taste, list(sequence[:t]))[j] for t, j in enumerate(sequence)])


def naive_next(law, past):
    """P(next | past) as a ratio of sums over tastes of probabilities of whole sequences."""
    tastes = range(law.n_tastes)
    joint = np.array(
        [
            [law.taste_prior[z] * naive_sequence_probability(law, z, (*past, j)) for j in range(6)]
            for z in tastes
        ]
    ).sum(axis=0)
    return joint / joint.sum()


@pytest.fixture(scope="module")
def shop():
    return make_shop(400, 60, 4000, n_features=16, random_state=3)


@pytest.fixture(params=["one block", "many blocks"])
def blocks(request, monkeypatch):
    if request.param == "many blocks":
        monkeypatch.setattr(oracle_module, "_BLOCK_ROWS", 7)
        monkeypatch.setattr(oracle_module, "_BLOCK_ENTRIES", 180)


def last_rows(X):
    return X[np.flatnonzero(np.append(X.users[1:] != X.users[:-1], True))]


def ndcg(ranks, k=10):
    return np.where(ranks < k, 1 / np.log2(ranks + 2), 0.0)


@pytest.mark.parametrize("repeat_probability", [0.0, 0.3])
@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_probabilities_agree_with_the_enumeration_of_all_pasts(repeat_probability, length):
    law = make_law(repeat_probability)
    pasts = list(itertools.product(range(6), repeat=length))
    if repeat_probability == 0:
        pasts = [past for past in pasts if len(set(past)) == len(past)]
    found = ShopOracle(law, Catalog(IDS)).decision_function([list(IDS[list(p)]) for p in pasts])
    expected = np.array([naive_next(law, past) for past in pasts])
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-15)


@settings(max_examples=40, deadline=None)
@given(
    past=st.lists(st.integers(0, 5), max_size=5).filter(lambda past: len(set(past)) < 5),
    n_tastes=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_probabilities_agree_with_the_naive_sum_over_tastes(past, n_tastes, seed):
    law = make_law(0.25, n_tastes, seed)
    found = ShopOracle(law, Catalog(IDS)).decision_function([IDS[past]])
    np.testing.assert_allclose(found[0], naive_next(law, tuple(past)), rtol=1e-9, atol=1e-15)


def test_probabilities_agree_with_simulated_frequencies():
    law = make_law(0.3)
    drawn = draw_events(law, np.full(60_000, 3), np.random.default_rng(0)).items.reshape(-1, 3)
    pasts, counts = np.unique(drawn[:, :2], axis=0, return_counts=True)
    common = pasts[counts > 2000]
    assert len(common) > 4
    expected = ShopOracle(law, Catalog(IDS)).decision_function([IDS[past] for past in common])
    for past, p in zip(common, expected, strict=True):
        third = drawn[(drawn[:, :2] == past).all(axis=1), 2]
        found = np.bincount(third, minlength=6) / third.size
        error = np.sqrt(p * (1 - p) / third.size)
        assert (np.abs(found - p) <= 4.5 * error + 1e-12).all()


def test_the_posterior_agrees_with_bayes_rule_on_whole_sequences():
    law = make_law(0.3)
    past = (0, 2, 2, 4)
    joint = law.taste_prior * [naive_sequence_probability(law, z, past) for z in range(2)]
    found = ShopOracle(law, Catalog(IDS)).taste_posterior([IDS[list(past)], []])
    np.testing.assert_allclose(found, [joint / joint.sum(), law.taste_prior])


def test_the_posterior_finds_the_true_taste(shop):
    posterior = shop.oracle.taste_posterior(shop.interactions.next_queries())
    own = posterior[np.arange(400), shop.latent.taste]
    assert own.mean() > 0.6
    # Calibrated: the mean probability of the most likely taste is the share of hits.
    hits = np.argmax(posterior, axis=1) == shop.latent.taste
    assert hits.mean() == pytest.approx(posterior.max(axis=1).mean(), abs=0.07)


@pytest.mark.usefixtures("blocks")
def test_probabilities_sum_to_one(shop):
    p = shop.oracle.decision_function(shop.interactions[:300])
    assert p.shape == (300, 60)
    assert p.min() >= 0
    np.testing.assert_allclose(p.sum(axis=1), 1.0)


@pytest.mark.parametrize("exclude_seen", [False, True])
@pytest.mark.usefixtures("blocks")
def test_ranks_agree_with_sorted_probabilities(shop, exclude_seen):
    X = shop.interactions[np.r_[40:100, 3, 3, 2000:2040]]
    scores = shop.oracle.decision_function(X)
    found = shop.oracle.target_ranks(X, exclude_seen=exclude_seen)
    for i in range(len(X)):
        past = X._log.items[X._starts[i] : X._ends[i]]
        if exclude_seen:
            scores[i, past] = -1
        target = X._item_codes[i]
        others = np.delete(scores[i], target)
        own = scores[i, target]
        rank = np.sum(others > own) + 0.5 * np.sum(others == own)
        assert found[i] == (np.inf if own < 0 else rank)


@pytest.mark.usefixtures("blocks")
def test_predictions_are_the_most_probable_items(shop):
    queries = shop.interactions.next_queries()[:30]
    items = shop.oracle.predict(queries, k=60)
    p = shop.oracle.decision_function(queries)
    columns = shop.catalog.row_of(items.ravel()).reshape(30, 60)
    assert (np.diff(np.take_along_axis(p, columns, axis=1), axis=1) <= 0).all()
    np.testing.assert_array_equal(items[:, :4], shop.oracle.predict(queries, k=4))


def test_excluded_items_come_last(shop):
    history = shop.catalog.item_ids[:3].tolist()
    items = shop.oracle.predict([history], k=60, exclude_seen=True)[0]
    assert set(items[-3:].tolist()) == set(history)


@pytest.mark.parametrize("score", ["best_ndcg", "best_recall"])
@pytest.mark.parametrize("exclude_seen", [False, True])
@pytest.mark.parametrize("k", [1, 10, 60])
@pytest.mark.usefixtures("blocks")
def test_the_best_score_is_the_expected_gain_of_the_oracle_ranking(shop, score, exclude_seen, k):
    X = shop.interactions[50:150]
    p = shop.oracle.decision_function(X)
    if exclude_seen:
        for i in range(len(X)):
            p[i, X._log.items[X._starts[i] : X._ends[i]]] = 0
    gains = 1 / np.log2(np.arange(k) + 2) if score == "best_ndcg" else np.ones(k)
    expected = (np.sort(p, axis=1)[:, ::-1][:, :k] * gains).sum(axis=1).mean()
    found = getattr(shop.oracle, score)(X, k, exclude_seen=exclude_seen)
    assert found == pytest.approx(expected)
    assert 0 < found <= 1 + 1e-12


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), noise=st.floats(0.01, 3.0))
def test_no_perturbed_ranking_has_a_higher_expected_ndcg(shop, seed, noise):
    X = shop.interactions[:60]
    p = shop.oracle.decision_function(X)
    perturbed = np.log(p + 1e-12) + noise * np.random.default_rng(seed).standard_normal(p.shape)
    order = np.argsort(-perturbed, axis=1)[:, :10]
    expected = (np.take_along_axis(p, order, axis=1) / np.log2(np.arange(10) + 2)).sum(axis=1)
    assert expected.mean() < shop.oracle.best_ndcg(X, 10) + 1e-12


@pytest.mark.parametrize("rows", ["last events", "all events"])
def test_the_ranks_of_what_came_next_match_the_expected_ndcg(rows):
    shop = make_shop(3000, 120, 24_000, n_features=16, random_state=5)
    X = shop.interactions
    X = last_rows(X) if rows == "last events" else X[::5]
    gains = ndcg(shop.oracle.target_ranks(X))
    standard_error = gains.std() / np.sqrt(len(X))
    assert abs(gains.mean() - shop.oracle.best_ndcg(X)) < 4 * standard_error


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_oracle_beats_popularity(seed):
    shop = make_shop(random_state=seed)
    X = shop.interactions
    test = last_rows(X)
    train = np.setdiff1d(np.arange(len(X)), X._ends.searchsorted(test._ends))
    counts = np.bincount(X._item_codes[train], minlength=500)
    ranks = np.count_nonzero(counts > counts[test._item_codes][:, None], axis=1)
    assert ndcg(shop.oracle.target_ranks(test)).mean() > 1.5 * ndcg(ranks).mean()


def test_without_structure_the_oracle_ranks_by_popularity():
    shop = make_shop(
        100,
        60,
        1000,
        n_features=16,
        taste_strength=0,
        sequence_strength=0,
        repeat_probability=0,
        random_state=0,
    )
    history = shop.catalog.item_ids[:4]
    p = shop.oracle.decision_function([history])[0]
    np.testing.assert_array_equal(p[:4], 0)
    expected = shop.latent.popularity[4:] / shop.latent.popularity[4:].sum()
    np.testing.assert_allclose(p[4:], expected)


def test_only_the_past_matters(shop):
    X = shop.interactions
    start, end = int(X._log.offsets[9]), int(X._log.offsets[10])
    row = start + 2
    history = X.items[start:row].tolist()
    assert end - row > 0
    np.testing.assert_allclose(
        shop.oracle.decision_function(X[[row]]), shop.oracle.decision_function([history])
    )


def test_queries_continue_the_whole_history(shop):
    X = shop.interactions
    histories = np.split(X.items, X._log.offsets[1:-1])
    np.testing.assert_allclose(
        shop.oracle.decision_function(X.next_queries()),
        shop.oracle.decision_function([history.tolist() for history in histories]),
    )


def test_another_catalog_is_matched_by_id(shop):
    X = shop.interactions[:50]
    shuffled = Catalog(shop.catalog.item_ids[::-1].copy())
    other = Interactions(X.users, X.items, X.timestamps, catalog=shuffled)
    np.testing.assert_array_equal(shop.oracle.target_ranks(X), shop.oracle.target_ranks(other))


def test_a_target_that_the_shop_lacks_is_a_miss(shop):
    known = int(shop.catalog.item_ids[0])
    ranks = shop.oracle.target_ranks(Interactions([1, 1], [known, 99], [1, 2]))
    assert np.isfinite(ranks[0])
    assert np.isinf(ranks[1])


def test_no_rows_give_no_answers(shop):
    none = shop.interactions[:0]
    assert shop.oracle.decision_function(none).shape == (0, 60)
    assert shop.oracle.predict(none, k=3).shape == (0, 3)
    assert shop.oracle.target_ranks(none).shape == (0,)
    assert shop.oracle.taste_posterior(none).shape == (0, 6)


def test_lists_of_empty_histories_get_the_first_item_distribution(shop):
    law = shop.latent
    expected = (law.taste_prior @ law.start)[law.cell] * law.item_share
    np.testing.assert_allclose(shop.oracle.decision_function([[], []]), [expected, expected])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda s: s.oracle.best_ndcg(s.interactions[:0]),
            "X has no rows; there is nothing to score.",
        ),
        (lambda s: s.oracle.predict([[]], k=61), "k must be in the range [1, 60], got 61."),
        (lambda s: s.oracle.best_recall([[]], k=0), "k must be in the range [1, 60], got 0."),
        (
            lambda s: s.oracle.predict([[10001, 7, 8]]),
            "the shop has no item(s) 7, 8 of the pasts in X; the oracle knows only what its shop "
            "sells.",
        ),
        (
            lambda s: s.oracle.target_ranks(s.interactions.next_queries()),
            "query rows have no item: they ask what comes next. Use rows of the log, not "
            "next_queries(), for fit, score and target_ranks.",
        ),
    ],
)
def test_bad_input_is_named(shop, call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call(shop)


def test_repr_tells_the_size_of_the_shop():
    assert repr(ShopOracle(make_law(0.1), Catalog(IDS))) == "ShopOracle(6 items)"
