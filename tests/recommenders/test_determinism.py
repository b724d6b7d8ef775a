"""What two runs of the same program have in common: seeds, generators, threads, blocks."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import Parallel, delayed

from skace import Catalog, Interactions
from skace._torch import _network
from skace.item_tables import FrozenTable
from skace.losses import SampledSoftmax
from skace.recommenders import PopularityEstimator, SASRecEstimator, _answering

N_ITEMS = 30


def sasrec(**params):
    """A network that trains in a moment, with dropout."""
    defaults = {
        "k": 5,
        "max_length": 6,
        "embedding_dim": 8,
        "batch_size": 8,
        "max_epochs": 2,
        "early_stopping": False,
        "device": "cpu",  # where the same seed gives the same bits
        "random_state": 0,
    }
    return SASRecEstimator(**defaults | params)


def popularity():
    return PopularityEstimator(k=5)


MODELS = pytest.mark.parametrize("make_model", [popularity, sasrec])


def make_log(catalog=None):
    """25 users of 1 to 12 events over 30 items."""
    rng = np.random.default_rng(5)
    return Interactions.from_sequences(
        [rng.integers(N_ITEMS, size=n).tolist() for n in rng.integers(1, 13, size=25)],
        catalog=Catalog(np.arange(N_ITEMS)) if catalog is None else catalog,
    )


@pytest.fixture
def log():
    return make_log()


@pytest.fixture(scope="module")
def fitted():
    """A network that has learned something, for tests that only ask it."""
    return sasrec(max_epochs=20, learning_rate=0.01).fit(make_log())


def bits_of(model):
    """All that a fit has learned, as bytes by name."""
    bits = {}
    for name, value in vars(model).items():
        if name.endswith("_") and not name.startswith("_"):
            parts = value.items() if isinstance(value, dict) else [("", value)]
            bits |= {name + part: np.asarray(array).tobytes() for part, array in parts}
    if "item_table_" in bits:  # the bytes of an object are its address
        bits["item_table_"] = repr(model.item_table_).encode()
    return bits


def generator_states():
    """States of all generators that a program might share with us."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 (the global one is the point)
    return random.getstate(), (name, keys.tobytes(), *rest), torch.get_rng_state().numpy().tobytes()


@contextmanager
def threads(n):
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


VARIANTS = {
    "softmax": {},
    "sampled softmax": {"loss": SampledSoftmax(7)},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.5, "max_epochs": 1},
    "truncate": {"long_sequences": "truncate", "max_length": 3},
    "weight decay": {"weight_decay": 0.1, "n_layers": 1, "n_heads": 4},
}


@pytest.mark.parametrize("params", VARIANTS.values(), ids=VARIANTS)
def test_two_fits_of_one_seed_have_the_same_bits(log, params):
    first, second = sasrec(**params).fit(log), sasrec(**params).fit(log)
    assert bits_of(first) == bits_of(second)
    again = first.fit(log)  # a second fit of the same object forgets the first
    assert bits_of(again) == bits_of(second)


@pytest.mark.parametrize("params", VARIANTS.values(), ids=VARIANTS)
def test_another_seed_gives_another_model(log, params):
    first, second = sasrec(**params).fit(log), sasrec(**params, random_state=1).fit(log)
    assert not np.array_equal(first.item_vectors_, second.item_vectors_)
    assert first.loss_curve_ != second.loss_curve_


def test_a_generator_gives_the_model_of_its_state(log):
    first = sasrec(random_state=np.random.RandomState(3)).fit(log)
    second = sasrec(random_state=np.random.RandomState(3)).fit(log)
    assert bits_of(first) == bits_of(second)


def test_without_a_seed_each_fit_differs(log):
    first, second = sasrec(random_state=None).fit(log), sasrec(random_state=None).fit(log)
    assert not np.array_equal(first.item_vectors_, second.item_vectors_)


def test_going_on_is_as_repeatable_as_starting(log):
    def grow():
        return sasrec(warm_start=True).fit(log[:100]).fit(log).partial_fit([[3, 99, 4], [1, 2]])

    first, second = grow(), grow()
    assert first.item_ids_.tolist() == [*range(N_ITEMS), 99]
    assert bits_of(first) == bits_of(second)


@pytest.mark.parametrize(
    ("params", "seed"), [*((params, 0) for params in VARIANTS.values()), ({}, None)]
)
def test_fit_leaves_global_generators_alone(log, params, seed):
    model = sasrec(**params, random_state=seed)
    before = generator_states()
    model.fit(log)
    assert generator_states() == before
    model.partial_fit(log[:10])
    assert generator_states() == before


@MODELS
def test_answers_leave_global_generators_alone(log, make_model):
    # Unpickled: the network is built anew, which draws a start that the state replaces.
    model = pickle.loads(pickle.dumps(make_model().fit(log)))
    before = generator_states()
    for ask in (model.predict, model.decision_function, model.target_ranks, model.score):
        ask(log)
    assert generator_states() == before


def test_a_fit_that_fails_leaves_global_generators_alone(log):
    before = generator_states()
    with pytest.raises(FloatingPointError, match="the loss became nan"):
        sasrec(learning_rate=1e30, max_epochs=3).fit(log)
    assert generator_states() == before


def test_global_generators_do_not_decide_on_the_model(log):
    models = []
    for seed in (1, 2):
        states = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        try:
            models.append(sasrec().fit(log))
        finally:
            np.random.set_state(states[0])  # noqa: NPY002
            torch.set_rng_state(states[1])
    assert bits_of(models[0]) == bits_of(models[1])


def test_fits_in_two_threads_at_once_equal_serial_ones(log):
    settings_ = [{"random_state": seed} for seed in range(3)]
    serial = [bits_of(sasrec(**params).fit(log)) for params in settings_]
    before = generator_states()
    fits = (delayed(sasrec(**params).fit)(log) for params in settings_)
    parallel = Parallel(n_jobs=2, backend="threading")(fits)
    assert [bits_of(model) for model in parallel] == serial
    assert generator_states() == before


def test_answers_while_another_model_trains_are_the_same(log, fitted):
    expected = fitted.decision_function(log)
    is_done = threading.Event()
    answers = []

    def ask():
        while not is_done.is_set() or not answers:
            answers.append(fitted.decision_function(log))

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        try:
            model = sasrec(max_epochs=5).fit(log)
        finally:
            is_done.set()
        asking.result()
    assert bits_of(model) == bits_of(sasrec(max_epochs=5).fit(log))
    for answer in answers:
        np.testing.assert_allclose(answer, expected, atol=1e-5)


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_scores_do_not_depend_on_the_number_of_threads(log, fitted, n_threads):
    with threads(1):
        expected = fitted.decision_function(log)
    with threads(n_threads):
        np.testing.assert_allclose(fitted.decision_function(log), expected, atol=1e-5)
        np.testing.assert_allclose(fitted.target_ranks(log), _ranks(log, expected), atol=0)


def _ranks(X, scores):
    """Ranks of the own items by counting, from scores of shape (n_rows, n_items)."""
    own = scores[np.arange(len(X)), X._item_codes][:, None]
    return (scores > own).sum(axis=1) + 0.5 * ((scores == own).sum(axis=1) - 1)


@MODELS
def test_ranks_are_those_of_the_scores(log, make_model):
    model = make_model().fit(log)
    ranks = model.target_ranks(log)
    assert ranks.dtype == np.float64
    np.testing.assert_array_equal(ranks, _ranks(log, model.decision_function(log)))


@MODELS
def test_the_best_are_those_of_the_scores_and_ties_follow_the_items(log, make_model):
    model = make_model().fit(log)
    expected = np.argsort(-model.decision_function(log), axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(model.predict(log), model.item_ids_[expected])


def test_items_of_equal_vectors_share_their_rank():
    vectors = np.random.default_rng(0).normal(size=(N_ITEMS, 8))
    vectors[[7, 11, 20]] = vectors[3]
    X = make_log(Catalog(np.arange(N_ITEMS), vectors))
    model = sasrec(item_table=FrozenTable()).fit(X)
    has_past = X._ends > X._starts
    of_group = model.target_ranks(X[has_past & np.isin(X.items, [3, 7, 11, 20])])
    assert of_group.size
    assert (of_group % 1 == 0.5).all()  # 3 others are equal: 1.5 places above the best of them
    lists = model.set_params(k=N_ITEMS).predict(X[has_past])
    for row in lists:
        assert row[np.isin(row, [3, 7, 11, 20])].tolist() == [3, 7, 11, 20]


@pytest.mark.parametrize("seed", range(3))
def test_scores_do_not_depend_on_the_order_of_the_catalog(log, fitted, seed):
    order = np.random.default_rng(seed).permutation(N_ITEMS)
    other = make_log(Catalog(order))
    np.testing.assert_allclose(
        fitted.decision_function(other), fitted.decision_function(log), atol=1e-5
    )
    np.testing.assert_array_equal(fitted.target_ranks(other), fitted.target_ranks(log))


@MODELS
@pytest.mark.parametrize("block_bytes", [1, 4 * N_ITEMS * 7, 2**30])
@pytest.mark.parametrize(("positions", "rows_ahead"), [(1, 5), (40, 1), (10**6, 10**6)])
@pytest.mark.minutes
def test_answers_do_not_depend_on_the_size_of_blocks(
    log, make_model, block_bytes, positions, rows_ahead, monkeypatch
):
    model = make_model().fit(log)
    scores, ranks = model.decision_function(log), model.target_ranks(log)
    best, vectors = model.predict(log), model.encode(log)
    masked = model.target_ranks(log, exclude_seen=True)
    monkeypatch.setattr(_answering, "_BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(_answering, "_ROWS_AHEAD", rows_ahead)
    monkeypatch.setattr(_network, "_POSITIONS", positions)
    np.testing.assert_allclose(model.decision_function(log), scores, atol=1e-5)
    np.testing.assert_allclose(model.encode(log), vectors, atol=1e-5)
    np.testing.assert_array_equal(model.target_ranks(log), ranks)
    np.testing.assert_array_equal(model.target_ranks(log, exclude_seen=True), masked)
    np.testing.assert_array_equal(model.predict(log), best)


# Drawn histories may look padded, which is warned of.
@pytest.mark.filterwarnings("ignore:X are all .* long, and")
@settings(deadline=None, max_examples=25)
@given(
    history=st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=8),
    company=st.lists(st.lists(st.integers(0, N_ITEMS - 1), max_size=15), max_size=6),
)
def test_scores_do_not_depend_on_who_shares_the_batch(fitted, history, company):
    alone = fitted.decision_function([history])
    together = fitted.decision_function([*company, history])
    np.testing.assert_allclose(together[[-1]], alone, atol=1e-5)


@pytest.mark.parametrize("length", [1, 2, 5, 6])
def test_longer_padding_does_not_change_scores(fitted, length):
    history = list(range(length))
    alone = fitted.decision_function([history])
    padded = fitted.decision_function([history, list(range(N_ITEMS))])
    np.testing.assert_allclose(padded[[0]], alone, atol=1e-5)


@MODELS
def test_an_added_future_event_does_not_change_scores(log, make_model):
    model = make_model().fit(log)
    future = Interactions.from_sequences([[7, 8]] * 25, catalog=log.catalog)
    longer = Interactions.concat([log, future])
    is_old = longer.source_rows < len(log)
    assert len(longer) == len(log) + 50
    np.testing.assert_allclose(
        model.decision_function(longer[is_old]), model.decision_function(log), atol=1e-5
    )
    np.testing.assert_array_equal(model.target_ranks(longer[is_old]), model.target_ranks(log))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, N_ITEMS - 1), min_size=2, max_size=12), st.data())
def test_changing_a_later_event_never_changes_an_earlier_answer(fitted, history, data):
    place = data.draw(st.integers(1, len(history) - 1))
    changed = [*history[:place], data.draw(st.integers(0, N_ITEMS - 1)), *history[place + 1 :]]
    catalog = Catalog(np.arange(N_ITEMS))
    before, after = (
        fitted.decision_function(Interactions.from_sequences([events], catalog=catalog))
        for events in (history, changed)
    )
    np.testing.assert_allclose(after[: place + 1], before[: place + 1], atol=1e-5)


def test_inference_is_float32_even_after_training_in_bfloat16(log):
    model = sasrec(precision="bfloat16").fit(log)
    assert model.item_vectors_.dtype == np.float32
    scores = model.decision_function(log)
    assert scores.dtype == model.encode(log).dtype == np.float32
    has_past = log._ends > log._starts
    expected = model.encode(log).astype(np.float64) @ model.item_vectors_.T.astype(np.float64)
    expected[:, model.is_cold_] = -np.inf
    np.testing.assert_allclose(scores[has_past], expected[has_past], atol=1e-5)


@MODELS
def test_an_unpickled_model_answers_with_the_same_bits(log, make_model):
    model = make_model().fit(log)
    other = pickle.loads(pickle.dumps(model))
    assert bits_of(other) == bits_of(model)
    np.testing.assert_array_equal(other.decision_function(log), model.decision_function(log))
