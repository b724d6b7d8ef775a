"""recommendation_pipeline: what it looks at, what it chooses, what it says."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.pipeline import Pipeline

import skace.recommenders._recommendation_pipeline as module
from skace import Catalog, Interactions, leave_last_out, ndcg_scorer, recommendation_pipeline
from skace._windows import cut_windows
from skace.datasets import make_shop
from skace.item_tables import IDTable
from skace.recommenders import (
    ItemKNNEstimator,
    PopularityEstimator,
    SeedEnsemble,
    StackingRecommender,
)


@pytest.fixture(scope="module")
def shop():
    return make_shop(150, 60, 2_400, n_features=16, random_state=0)


def texts_of(shop):
    titles = shop.item_columns["title"]
    ids = shop.catalog.item_ids
    X = shop.interactions
    catalog = Catalog(ids, np.array(titles, dtype=object))
    return Interactions(X.users, X.items, X.timestamps, catalog=catalog)


def log(shop, kind):
    X = shop.interactions
    if kind == "texts":
        return texts_of(shop)
    features = {"vectors": X.catalog.features, "ids": None, "sparse": None}[kind]
    if kind == "sparse":
        features = sp.csr_array(X.catalog.features)
    return X.with_features(features)


def types_of(estimator):
    """Names of the classes of all that is in an estimator."""
    if isinstance(estimator, Pipeline):
        return [name for _, step in estimator.steps for name in types_of(step)]
    if isinstance(estimator, StackingRecommender):
        inner = [name for _, member in estimator.estimators for name in types_of(member)]
        return [*inner, "StackingRecommender"]
    inner = types_of(estimator.estimator) if isinstance(estimator, SeedEnsemble) else []
    return [*inner, type(estimator).__name__]


QUICK = ["PopularityEstimator", "ItemKNNEstimator", "SLISTEstimator"]
LAST = ["RepeatEstimator", "StackingRecommender"]  # people of made-up shops come back
READS = [*QUICK, "L3AEEstimator", *LAST]
ONLY_IDS = [*QUICK, "EASEEstimator", *LAST]
ACE = ["ACETransformer", "SASRecEstimator"]
CHOICES = [
    ("vectors", "fast", READS),
    ("ids", "fast", ONLY_IDS),
    ("texts", "fast", ["OnItems", *READS]),
    ("sparse", "fast", ["OnItems", *READS]),
    ("vectors", "balanced", [*ACE, *READS]),
    ("ids", "balanced", ["SASRecEstimator", *ONLY_IDS]),
    ("vectors", "best", [*ACE, "SeedEnsemble", *READS]),
    ("ids", "best", ["SASRecEstimator", "SeedEnsemble", *ONLY_IDS]),
]


@pytest.mark.parametrize(("kind", "effort", "expected"), CHOICES)
def test_what_is_chosen_suits_what_is_known(shop, kind, effort, expected, caplog):
    pipe = recommendation_pipeline(log(shop, kind), effort, k=4, random_state=0)
    assert types_of(pipe) == expected
    assert isinstance(pipe, Pipeline)
    assert not hasattr(pipe[-1], "item_ids_")
    assert pipe[-1].k == 4
    assert repr(clone(pipe)) == repr(pipe)
    printed = caplog.text
    assert "exclude_seen=" in printed
    assert "repeat: RepeatEstimator" in printed
    assert len(printed.splitlines()) >= 2


@pytest.mark.parametrize("kind", ["vectors", "ids", "texts", "sparse"])
def test_what_is_chosen_learns_and_answers(shop, kind):
    X = log(shop, kind)
    pipe = recommendation_pipeline(X, "fast", k=3, random_state=0, verbose=False)
    assert pipe.fit(X).predict(X.next_queries()).shape == (X.n_users, 3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of two epochs
@pytest.mark.minutes
@pytest.mark.parametrize("effort", ["balanced", "best"])
def test_a_blend_learns_and_answers(shop, effort):
    X = log(shop, "vectors")
    pipe = recommendation_pipeline(X, effort, k=3, random_state=0, verbose=False)
    names = [name for name in pipe.get_params() if name.endswith("max_epochs")]
    pipe.set_params(**dict.fromkeys(names, 2))
    assert pipe.fit(X).predict(X.next_queries()).shape == (X.n_users, 3)


def test_a_language_model_is_asked_where_it_can_be(shop, monkeypatch):
    X = texts_of(shop)
    for spec, expected in ((object(), "TextEncoder"), (None, "OnItems")):
        monkeypatch.setattr(module, "find_spec", lambda _, spec=spec: spec)
        assert types_of(recommendation_pipeline(X, verbose=False))[0] == expected


@pytest.mark.parametrize("kind", ["vectors", "ids"])
def test_one_member_reads_all_events_of_a_history_alike(shop, kind):
    members = dict(recommendation_pipeline(log(shop, kind), "fast", verbose=False)[-1].estimators)
    members.pop("popularity")
    alike = [name for name, member in members.items() if member.history_decay is None]
    assert alike == ["l3ae" if kind == "vectors" else "ease"]


def test_few_events_get_no_network(shop, caplog):
    pipe = recommendation_pipeline(shop.interactions[:500], "best")
    assert types_of(pipe) == READS
    assert "no network: 500 events" in caplog.text


def test_many_items_get_neighbours(shop, monkeypatch):
    monkeypatch.setattr(module, "_MOST_ITEMS", 10)
    found = types_of(recommendation_pipeline(shop.interactions, "fast", verbose=False))
    assert found == ["PopularityEstimator", "ItemKNNEstimator", *LAST]


@pytest.mark.parametrize(
    ("short", "long", "expected"),
    [
        (60, 60, {"max_length": 200, "batch_size": 64, "learning_rate": 0.002}),
        (5, 60, {"max_length": 200, "batch_size": 256, "learning_rate": 0.003}),
        (51, 51, {"max_length": 200, "batch_size": 64, "learning_rate": 0.002}),
        (49, 49, {"max_length": 50, "batch_size": 256, "learning_rate": 0.003}),
        (5, 5, {"max_length": 50, "batch_size": 256, "learning_rate": 0.003}),
    ],
)
def test_long_histories_are_read_in_small_batches(short, long, expected, caplog):
    rng = np.random.default_rng(0)
    lengths = [long if user % 5 == 0 else short for user in range(500)]
    items = np.concatenate([rng.permutation(80)[:length] for length in lengths])
    X = Interactions(np.repeat(np.arange(500), lengths), items)
    pipe = recommendation_pipeline(X)
    network = dict(pipe[-1].estimators)["sasrec"]
    assert {name: getattr(network, name) for name in expected} == expected
    for name, value in expected.items():
        assert f"sasrec: {name}={value}" in caplog.text
    assert pipe[-1].exclude_seen  # nobody takes an item twice
    assert "repeat" not in dict(pipe[-1].estimators)


@pytest.mark.parametrize(("n_users", "expected"), [(500, 50), (10_240, 25), (40_000, 12)])
def test_few_users_are_seen_more_often(n_users, expected, caplog):
    lengths = [*[4] * n_users, *[1] * 9_000]  # of users with one event nothing is learned
    users = np.repeat(np.arange(len(lengths)), lengths)
    X = Interactions(users, np.random.default_rng(0).integers(50, size=users.size))
    network = dict(recommendation_pipeline(X)[-1].estimators)["sasrec"]
    assert (network.max_epochs, network.learning_rate_schedule) == (expected, "linear")
    assert f"falling to 0 over {expected} epochs" in caplog.text
    # Only a number of epochs that may be too large is worth events that are held out for it.
    assert network.early_stopping is (expected == 50)
    assert ("no event has to be held out" in caplog.text) is (expected != 50)


def test_what_is_not_held_out_is_not_learned_afterwards():
    """Though all users have enough events, a fit would refuse it."""
    users = np.repeat(np.arange(22_000), 5)
    X = Interactions(users, np.random.default_rng(0).integers(50, size=users.size))
    network = dict(recommendation_pipeline(X, verbose=False)[-1].estimators)["sasrec"]
    assert (network.max_epochs, network.early_stopping) == (12, False)
    assert network.train_on_held_out is False


def test_a_pipeline_that_holds_nothing_out_takes_validation_rows():
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(12_000), 3)
    X = Interactions(users, rng.integers(40, size=users.size))
    pipe = recommendation_pipeline(X, verbose=False)
    network = dict(pipe[-1].estimators)["sasrec"]
    assert not network.early_stopping
    small = [("sasrec", network.set_params(embedding_dim=2, max_epochs=1, n_layers=1))]
    train, rows = leave_last_out(X)
    stack = pipe[-1].set_params(estimators=[*small, ("popularity", PopularityEstimator())])
    assert stack.fit(train, X_val=rows).weights_.shape == (2,)


def test_windows_of_long_users_count():
    lengths = np.array([1, 2, 30, 51, 52, 76, 77, 300])
    items = np.zeros(lengths.sum(), dtype=int)
    X = Interactions(np.repeat(np.arange(lengths.size), lengths), items)
    windows = cut_windows(np.ones(len(X), dtype=bool), X._log.offsets, 50)
    assert module._n_windows(lengths, 50) == len(windows)


@pytest.mark.parametrize(
    ("long_users", "length", "expected"), [(0, 3, False), (120, 6, True), (40, 6, False)]
)
def test_held_out_events_are_learned_where_some_remain(long_users, length, expected, caplog):
    """Of users with few events none would be left to hold out."""
    lengths = np.where(np.arange(1000) < long_users, length, 3)
    users = np.repeat(np.arange(1000), lengths)
    items = np.random.default_rng(0).integers(50, size=users.size)
    X = Interactions(users, items)
    for effort in ("balanced", "best"):
        caplog.clear()
        last = dict(recommendation_pipeline(X, effort)[-1].estimators)["sasrec"]
        network = last.estimator if effort == "best" else last
        assert network.train_on_held_out is expected
        assert ("events held out to find it are learned" in caplog.text) is expected


@pytest.mark.parametrize("seed", range(3))
def test_what_is_fast_is_above_popularity_and_near_its_best_member(seed):
    train, test = leave_last_out(make_shop(400, 150, 3200, random_state=seed).interactions)
    score = ndcg_scorer(k=10)
    pipe = recommendation_pipeline(train, "fast", verbose=False).fit(train)
    alone = {name: score(model, test) for name, model in pipe[-1].named_estimators_.items()}
    assert score(pipe, test) > 1.3 * alone["popularity"]
    assert score(pipe, test) > 0.9 * max(alone.values())


def test_ties_at_the_end_are_told(caplog):
    X = Interactions(np.repeat(np.arange(30), 3), np.tile([3, 5, 4], 30), np.tile([1, 2, 2], 30))
    recommendation_pipeline(X, "fast")
    assert "100% of the users have their last two events at one moment" in caplog.text
    caplog.clear()
    recommendation_pipeline(X.reorder_ties("shuffle", random_state=0), "fast")
    assert "at one moment" not in caplog.text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"effort": "most"}, "'effort' parameter of recommendation_pipeline must be a str among"),
        ({"k": 0}, "'k' parameter of recommendation_pipeline must be an int in the range"),
    ],
)
def test_bad_arguments_are_named(shop, change, text):
    with pytest.raises(ValueError, match=text):
        recommendation_pipeline(**{"X": shop.interactions} | change)


@pytest.mark.parametrize("X", [[["a", "b"]], pd.DataFrame({"user_id": [1], "item_id": [2]})])
def test_what_is_no_log_is_refused(X):
    with pytest.raises(TypeError, match=f"got {type(X).__name__}; wrap a frame with Inter") as told:
        recommendation_pipeline(X)
    assert len(str(told.value)) < 120


def test_no_rows_are_refused(shop):
    with pytest.raises(ValueError, match="X has no rows; there is nothing to choose for"):
        recommendation_pipeline(shop.interactions[:0])


@pytest.mark.parametrize("effort", ["balanced", "best"])
def test_one_number_an_item_is_no_start_for_a_network(shop, effort):
    X = shop.interactions
    pipe = recommendation_pipeline(X.with_features(X.catalog.features[:, :1]), effort)
    assert "ACETransformer" not in types_of(pipe)
    assert "IDTable()" in repr(pipe)


def test_nothing_is_told_unless_asked_for(shop, caplog):
    caplog.set_level("INFO", logger="skace")
    recommendation_pipeline(shop.interactions, "fast", verbose=False)
    assert not caplog.messages


@pytest.mark.parametrize("effort", ["balanced", "best"])
@pytest.mark.parametrize(
    ("n_events", "n_rare", "n_cold", "from_ids"),
    [
        (100, 0, 0, True),
        (99, 0, 0, False),
        (100, 26, 0, False),
        (100, 24, 0, True),
        (100, 0, 1, False),
    ],
)
def test_items_of_many_events_tell_more_by_their_ids(
    n_events, n_rare, n_cold, from_ids, effort, caplog
):
    counts = [*[1] * n_rare, *[n_events] * (50 - n_rare), *[0] * n_cold]
    items = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    vectors = np.random.default_rng(0).normal(size=(len(counts), 8))
    X = Interactions(
        np.arange(items.size) // 10, items, catalog=Catalog(range(len(counts)), vectors)
    )
    network = dict(recommendation_pipeline(X, effort)[-1].estimators)["sasrec"]
    assert isinstance(network, Pipeline) == (not from_ids)
    assert ("sasrec: IDTable - 100 events of the median item" in caplog.text) == from_ids
    if from_ids:
        table = (network.estimator if effort == "best" else network).item_table
        assert type(table) is IDTable


def short_log(n_events, features=None, n_users=60):
    """As many events of each user."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(n_users), n_events)
    catalog = Catalog(np.arange(20), features)
    return Interactions(users, rng.integers(20, size=users.size), catalog=catalog)


@pytest.mark.parametrize(("n_events", "share"), [(2, 0.2), (3, 1.0), (8, 1.0)])
def test_short_histories_are_not_all_held_out(n_events, share):
    X = short_log(n_events)
    pipe = recommendation_pipeline(X, "fast", k=3, verbose=False)
    assert pipe["rec"].validation_fraction == share
    assert pipe.fit(X).predict(X.next_queries()).shape == (60, 3)


@pytest.mark.parametrize(("n_events", "share"), [(2, 0.2), (3, 0.2), (4, 1.0)])
def test_a_network_leaves_itself_something_to_learn_from(n_events, share):
    X = short_log(n_events, n_users=1500)
    pipe = recommendation_pipeline(X, "balanced", k=3, random_state=0, verbose=False)
    network = dict(pipe["rec"].estimators)["sasrec"]
    assert network.early_stopping
    assert network.validation_fraction == share
    for one in pipe["rec"].estimators:
        one[1].set_params(**({"max_epochs": 1} if one[0] == "sasrec" else {}))
    assert pipe.fit(X).predict(X.next_queries()).shape == (1500, 3)


@pytest.mark.parametrize("has_features", [False, True])
def test_a_log_without_a_past_is_answered_by_what_needs_none(has_features):
    X = short_log(1, np.random.default_rng(0).standard_normal((20, 4)) if has_features else None)
    pipe = recommendation_pipeline(X, "fast", k=3, verbose=False)
    assert type(pipe["rec"]) is (ItemKNNEstimator if has_features else PopularityEstimator)
    lists = pipe.fit(X).predict([[3], [7]])
    assert lists.shape == (2, 3)
    assert (lists[0].tolist() != lists[1].tolist()) == has_features


def test_a_stack_says_what_would_be_left():
    members = [("popular", PopularityEstimator()), ("near", ItemKNNEstimator())]
    with pytest.raises(ValueError, match="to learn the weights from; lower validation_fraction"):
        StackingRecommender(members).fit(short_log(2))
