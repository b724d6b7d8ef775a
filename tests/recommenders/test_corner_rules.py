"""The rules in the corners (docs/data_model.rst), one after the other."""
# SPDX-License-Identifier: BSD-3-Clause

import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Normalizer

from skace import Catalog, Interactions
from skace.embeddings import OnItems
from skace.exceptions import FutureLeakageWarning
from skace.item_tables import FrozenTable, TrainableTable
from skace.losses import SampledSoftmax
from skace.metrics import ndcg_scorer
from skace.model_selection import LeaveLastOut, TemporalSplit
from skace.recommenders import PopularityEstimator, SASRecEstimator

FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}
N_ITEMS = 12
IDS = [f"i{number:02}" for number in range(N_ITEMS)]
VECTORS = np.random.default_rng(3).normal(size=(N_ITEMS, 8))
REFUSED_FRAME = (
    "X is a frame, and a frame that was cut into folds has lost every row's past; wrap it once "
    "with Interactions.from_frame(frame), then slice."
)
REFUSED_QUERIES = (
    "query rows have no item: they ask what comes next. Use rows of the log, not "
    "next_queries(), for fit, score and target_ranks."
)


def says(text):
    """Pattern for exactly this text."""
    return f"^{re.escape(text)}$"


def sasrec(**params):
    """A network that trains in a moment."""
    settings = {
        "k": 3,
        "max_length": 4,
        "n_layers": 1,
        "n_heads": 1,
        "batch_size": 8,
        "max_epochs": 2,
        "early_stopping": False,
        "device": "cpu",  # where the same seed gives the same bits
        "random_state": 0,
    }
    return SASRecEstimator(**settings | params)


def popularity(**params):
    return PopularityEstimator(**{"k": 3} | params)


MODELS = pytest.mark.parametrize("make_model", [popularity, sasrec])


def catalog_of(ids=IDS):
    """Catalog in which each id has its own vector, whatever the order."""
    return Catalog(ids, VECTORS[[IDS.index(item) for item in ids]])


@pytest.fixture
def log():
    """14 users of 1 to 9 events; 'i10' and 'i11' are never taken; many ties in time."""
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, 10, size=14)
    users = np.repeat(np.arange(14), lengths)
    items = [IDS[i] for i in rng.integers(N_ITEMS - 2, size=users.size)]
    times = np.concatenate([np.sort(rng.integers(6, size=n)) for n in lengths])
    return Interactions(users, items, times, catalog=catalog_of(), drop_duplicates=True)


def pasts_of(X):
    """Item ids before each row, as lists."""
    ids = X.catalog.item_ids
    bounds = zip(X._starts, X._ends, strict=True)
    return [ids[X._log.items[start:end]].tolist() for start, end in bounds]


def fitted_state(model):
    """Everything that a fit has learned, as flat names and values."""
    state = {}
    for name, value in vars(model).items():
        if name.endswith("_") and not name.startswith("_"):
            parts = value if isinstance(value, dict) else {"": value}
            state |= {f"{name}{part}": array for part, array in parts.items()}
    if "item_table_" in state:  # an estimator equals itself only
        state["item_table_"] = repr(state["item_table_"])
    return state


def assert_same_model(model, other):
    state, other_state = fitted_state(model), fitted_state(other)
    assert state.keys() == other_state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(value, other_state[name], err_msg=name, strict=True)


def test_1_before_means_an_earlier_position_and_not_an_earlier_time():
    users, items = ["u"] * 4, ["i03", "i01", "i02", "i04"]
    X = Interactions(users, items, [5, 5, 5, 1], catalog=catalog_of())
    assert X.items.tolist() == ["i04", "i03", "i01", "i02"]
    model = sasrec().fit(X)
    expected = model.decision_function([["i04", "i03", "i01"]])
    np.testing.assert_allclose(model.decision_function(X[[3]]), expected, atol=1e-6)


@MODELS
def test_1_answers_keep_the_order_and_the_repeats_of_the_rows(log, make_model):
    model = make_model().fit(log)
    rows = np.array([5, 1, 20, 5, 0])
    np.testing.assert_array_equal(model.predict(log[rows]), model.predict(log)[rows])
    np.testing.assert_array_equal(model.target_ranks(log[rows]), model.target_ranks(log)[rows])
    np.testing.assert_allclose(
        model.decision_function(log[rows]), model.decision_function(log)[rows], atol=1e-6
    )


@MODELS
def test_1_the_order_in_which_events_are_handed_over_does_not_matter(log, make_model):
    order = np.random.default_rng(0).permutation(len(log))
    # Equal times would follow the new order, so they are made different.
    times = np.arange(len(log))
    mixed = Interactions(log.users[order], log.items[order], times[order], catalog=log.catalog)
    assert mixed.source_rows.tolist() == np.argsort(order).tolist()
    assert_same_model(make_model().fit(log), make_model().fit(mixed))


def training_rows(X, name):
    """Rows of the last training part of a splitter that leaves no gaps."""
    splitters = {
        "leave last out": LeaveLastOut(2),
        "temporal": TemporalSplit(2, test_size=0.2),
        "group k-fold": GroupKFold(3),
    }
    groups = X.users if name == "group k-fold" else None
    train, test = next(iter(splitters[name].split(X, groups=groups)))
    assert test.size
    return train


SPLITTERS = ["leave last out", "temporal", "group k-fold"]


def without_others(X, rows):
    """The same rows in a log from which all other events have been deleted."""
    part = X[rows]
    return Interactions(part.users, part.items, part.timestamps, catalog=X.catalog)


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize(
    "make_model",
    [
        popularity,
        sasrec,
        lambda: sasrec(early_stopping=True, max_epochs=1),
        lambda: sasrec(early_stopping=True, max_epochs=1, validation_fraction=0.4),
        lambda: sasrec(loss=SampledSoftmax(5)),
        lambda: sasrec(long_sequences="truncate", item_table=FrozenTable(cold_items="negatives")),
    ],
    ids=["popularity", "softmax", "early stopping", "some held out", "sampled softmax", "truncate"],
)
def test_2_deleting_the_events_that_a_fold_leaves_out_changes_nothing(log, splitter, make_model):
    rows = training_rows(log, splitter)
    full, bare = log[rows], without_others(log, rows)
    assert bare._log.n_events < full._log.n_events
    assert_same_model(make_model().fit(full), make_model().fit(bare))


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_2_weights_follow_the_rows_when_other_events_are_deleted(log, splitter):
    rows = training_rows(log, splitter)
    weights = np.random.default_rng(0).uniform(0.1, 2, size=rows.size)
    model = sasrec().fit(log[rows], sample_weight=weights)
    other = sasrec().fit(without_others(log, rows), sample_weight=weights)
    assert_same_model(model, other)


@pytest.mark.filterwarnings("ignore::skace.exceptions.FutureLeakageWarning")
@MODELS
def test_2_counts_are_those_of_the_rows_even_when_events_between_them_are_past(log, make_model):
    for train, _ in KFold(3, shuffle=True, random_state=0).split(log):
        model = make_model().fit(log[train])
        expected = [np.count_nonzero(log[train].items == item) for item in IDS]
        assert model.item_counts_.tolist() == expected
        assert model.popularity_.tolist() == expected


@MODELS
def test_2_a_row_that_is_repeated_counts_once(log, make_model):
    rows = np.arange(len(log))
    repeated = np.concatenate([rows, rows[::3], rows[:5]])
    assert_same_model(make_model().fit(log), make_model().fit(log[repeated]))


@pytest.mark.parametrize("batch_size", [1, 8])
def test_2_rows_of_weight_zero_teach_nothing(log, batch_size):
    # Of two users and of the ends of others, so that nothing lies between the rest.
    is_weighty = (log.users > 1) & ~np.isin(np.arange(len(log)), next(LeaveLastOut().split(log))[1])
    kept = log[is_weighty]
    assert set(kept.items) == set(log.items)  # else other items would be cold
    model = sasrec(batch_size=batch_size).fit(log, sample_weight=is_weighty)
    other = sasrec(batch_size=batch_size).fit(kept)
    assert model.loss_curve_ == other.loss_curve_
    np.testing.assert_array_equal(model.item_vectors_, other.item_vectors_)
    np.testing.assert_array_equal(model.popularity_, other.popularity_)


def test_2_a_warm_start_counts_the_rows_of_its_own_fit(log):
    model = sasrec(warm_start=True).fit(log).fit(log[:40])
    expected = [np.count_nonzero(log[:40].items == item) for item in IDS]
    assert model.item_counts_.tolist() == expected


@MODELS
def test_2_partial_fit_adds_its_rows_to_the_counts(log, make_model):
    model = make_model().fit(log[:40]).partial_fit(log[40:])
    expected = [np.count_nonzero(log.items == item) for item in IDS]
    assert model.item_counts_.tolist() == expected


@MODELS
@pytest.mark.parametrize("exclude_seen", [False, True])
def test_3_a_row_is_answered_from_its_own_past_whatever_else_is_in_x(log, make_model, exclude_seen):
    train, test = next(LeaveLastOut(2).split(log))
    model = make_model(exclude_seen=exclude_seen).fit(log[train])
    expected = model.decision_function(pasts_of(log))
    np.testing.assert_allclose(model.decision_function(log), expected, atol=1e-5)
    np.testing.assert_allclose(model.decision_function(log[test]), expected[test], atol=1e-5)


def leak(n_events):
    return (
        f"{n_events} event(s) that are not training rows lie between training rows of the same "
        "user, so the model learns from what came after them. If they are to be tested, the "
        "scores flatter. Split with LeaveLastOut, or with GroupKFold and groups=X.users."
    )


FIVE_AND_FOUR = Interactions.from_sequences([IDS[:5], IDS[5:9]], catalog=catalog_of())


@MODELS
@pytest.mark.parametrize(
    ("rows", "n_enclosed"),
    [
        ([0, 2, 3, 4], 1),
        ([0, 4], 3),
        ([4, 0, 2, 0], 2),
        ([0, 2, 4, 5, 8], 4),
    ],
)
def test_4_events_between_training_rows_of_a_user_are_warned_of(make_model, rows, n_enclosed):
    with pytest.warns(FutureLeakageWarning, match=says(leak(n_enclosed))) as record:
        make_model().fit(FIVE_AND_FOUR[rows])
    assert [warning.filename for warning in record] == [__file__]


@MODELS
@pytest.mark.parametrize(
    "rows",
    [[2, 3, 4], [3, 4, 7, 8], [0, 1], [1, 2, 5, 6], [1], [0, 1, 2, 3, 4]],
    ids=["leading", "leading, two users", "trailing", "both ends", "one row", "a whole user"],
)
def test_4_gaps_at_the_ends_of_a_user_are_legitimate_and_silent(make_model, rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_model().fit(FIVE_AND_FOUR[rows])


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_4_the_splitters_that_the_warning_names_are_silent(log, splitter):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        popularity().fit(log[training_rows(log, splitter)])


def test_4_a_shuffled_k_fold_warns(log):
    train, _ = next(KFold(3, shuffle=True, random_state=0).split(log))
    with pytest.warns(FutureLeakageWarning, match="lie between training rows of the same user"):
        popularity().fit(log[train])


def test_5_first_events_count_for_popularity_but_not_for_the_loss(log):
    is_first = log._ends == log._starts
    first_only = set(log.items[is_first]) - set(log.items[~is_first])
    assert not first_only  # else other items would be cold
    model, other = sasrec().fit(log), sasrec().fit(log[~is_first])
    assert model.loss_curve_ == other.loss_curve_
    np.testing.assert_array_equal(model.item_vectors_, other.item_vectors_)
    assert model.popularity_.sum() == len(log)
    assert other.popularity_.sum() == len(log) - is_first.sum()


@MODELS
def test_5_an_empty_past_is_answered_by_popularity(log, make_model):
    model = make_model(k=5).fit(log)
    counts = np.array([np.count_nonzero(log.items == item) for item in IDS])
    np.testing.assert_array_equal(model.decision_function([[], ["i01"], []])[[0, 2]], [counts] * 2)
    best = np.array(IDS)[np.argsort(-counts, kind="stable")]
    assert model.predict([[]]).tolist() == [best[:5].tolist()]
    assert not model.encode([[]]).any()


@MODELS
def test_5_a_first_event_is_ranked_by_popularity(log, make_model):
    first = np.flatnonzero(log._ends == log._starts)
    counts = np.array([np.count_nonzero(log.items == item) for item in IDS])
    own = counts[[IDS.index(item) for item in log[first].items]]
    better = (counts > own[:, None]).sum(axis=1)
    equal = (counts == own[:, None]).sum(axis=1) - 1
    ranks = make_model().fit(log).target_ranks(log)[first]
    np.testing.assert_array_equal(ranks, better + equal / 2)


def test_5_popularity_counts_by_the_weights_of_the_rows(log):
    weights = np.random.default_rng(0).uniform(0.1, 2, size=len(log))
    model = sasrec().fit(log, sample_weight=weights)
    expected = [weights[log.items == item].sum() for item in IDS]
    np.testing.assert_allclose(model.decision_function([[]])[0], expected, rtol=1e-6)


@pytest.mark.parametrize("n_splits", [1, 2, 3])
def test_5_only_users_with_a_row_to_learn_from_are_tested(log, n_splits):
    n_rows = {user: np.count_nonzero(log.users == user) for user in set(log.users)}
    for train, test in LeaveLastOut(n_splits).split(log):
        assert set(log[test].users) == {user for user, n in n_rows.items() if n > n_splits}
        assert set(log[test].users) <= set(log[train].users)


@MODELS
def test_6_queries_are_answered_like_lists_of_the_histories(log, make_model):
    model = make_model().fit(log)
    queries = log.next_queries()
    histories = [log.items[log.users == user].tolist() for user in np.unique(log.users)]
    np.testing.assert_array_equal(model.predict(queries), model.predict(histories))
    np.testing.assert_allclose(
        model.decision_function(queries), model.decision_function(histories), atol=1e-6
    )


@MODELS
def test_6_the_history_of_a_query_ends_at_the_last_row_in_x(log, make_model):
    model = make_model().fit(log)
    train, _ = next(LeaveLastOut().split(log))
    part = log[train]
    histories = [part.items[part.users == user].tolist() for user in np.unique(part.users)]
    np.testing.assert_array_equal(model.predict(part.next_queries()), model.predict(histories))


@MODELS
@pytest.mark.parametrize("method", ["fit", "partial_fit", "score", "target_ranks"])
def test_6_queries_are_refused_where_a_target_is_needed(log, make_model, method):
    model = make_model().fit(log)
    with pytest.raises(ValueError, match=says(REFUSED_QUERIES)):
        getattr(model, method)(log.next_queries())


@MODELS
@pytest.mark.parametrize("backend", FRAMES)
def test_7_fit_reads_a_frame_with_the_standard_columns(log, make_model, backend):
    frame = FRAMES[backend](
        {"user_id": log.users.tolist(), "item_id": log.items.tolist(), "timestamp": log.timestamps}
    )
    params = {} if make_model is popularity else {"embedding_dim": 8}
    expected = make_model(**params).fit(Interactions(log.users, log.items, log.timestamps))
    assert_same_model(make_model(**params).fit(frame), expected)


@MODELS
@pytest.mark.parametrize("backend", FRAMES)
def test_7_weights_are_in_the_order_of_the_frame(make_model, backend):
    frame = FRAMES[backend](
        {"user_id": ["v", "u", "u"], "item_id": ["x", "y", "z"], "timestamp": [1, 3, 2]}
    )
    params = {} if make_model is popularity else {"embedding_dim": 8}
    model = make_model(k=1, **params).fit(frame, sample_weight=[9, 5, 2])
    popularity_of = dict(zip(model.item_ids_.tolist(), model.popularity_.tolist(), strict=True))
    assert popularity_of == {"x": 9, "y": 5, "z": 2}


@MODELS
@pytest.mark.parametrize(
    "method", ["predict", "decision_function", "recommend", "encode", "score", "target_ranks"]
)
@pytest.mark.parametrize("backend", FRAMES)
def test_7_a_frame_is_refused_elsewhere(log, make_model, method, backend):
    model = make_model().fit(log)
    frame = log.to_frame(backend)
    with pytest.raises(ValueError, match=says(REFUSED_FRAME)):
        getattr(model, method)(frame)


@pytest.mark.parametrize(
    "use",
    [
        lambda frame, model: ndcg_scorer(k=10)(model, frame),
        lambda frame, _: next(LeaveLastOut().split(frame)),
        lambda frame, _: next(TemporalSplit().split(frame)),
    ],
    ids=["scorer", "LeaveLastOut", "TemporalSplit"],
)
def test_7_a_frame_is_refused_by_scorers_and_splitters(log, use):
    with pytest.raises(ValueError, match=says(REFUSED_FRAME)):
        use(log.to_frame("pandas"), popularity().fit(log))


HISTORIES = [["i01", "i02", "i03"], ["i02"], ["i03", "i01", "i02", "i01", "i04"]]


@MODELS
def test_7_fit_learns_from_every_event_of_a_list(make_model):
    params = {} if make_model is popularity else {"embedding_dim": 8}
    model = make_model(**params).fit(HISTORIES)
    assert_same_model(model, make_model(**params).fit(Interactions.from_sequences(HISTORIES)))
    assert model.item_counts_.tolist() == [3, 3, 2, 1]


@MODELS
def test_7_y_appends_one_event_to_each_sequence(make_model):
    params = {} if make_model is popularity else {"embedding_dim": 8}
    targets = [sequence[-1] for sequence in HISTORIES]
    model = make_model(**params).fit([sequence[:-1] for sequence in HISTORIES], targets)
    assert_same_model(model, make_model(**params).fit(HISTORIES))


@MODELS
def test_7_score_counts_only_y_or_every_event(log, make_model):
    model = make_model().fit(log)
    X = Interactions.from_sequences(HISTORIES, catalog=log.catalog)
    assert model.score(HISTORIES) == pytest.approx(model.score(X))
    pasts, targets = [s[:-1] for s in HISTORIES], [s[-1] for s in HISTORIES]
    assert model.score(pasts, targets) == pytest.approx(model.score(X[[2, 3, 8]]))


@MODELS
def test_7_predict_answers_what_comes_after_each_sequence(log, make_model):
    model = make_model().fit(log)
    answers = model.predict(HISTORIES)
    assert answers.shape == (3, 3)
    X = Interactions.from_sequences([[*history, "i00"] for history in HISTORIES])
    np.testing.assert_array_equal(answers, model.predict(X[[3, 5, 11]]))


@MODELS
@pytest.mark.parametrize("method", ["fit", "predict", "score", "target_ranks", "encode"])
def test_7_a_rectangle_of_integers_is_refused(make_model, method):
    model = make_model(k=2, **({} if make_model is popularity else {"embedding_dim": 8}))
    model.fit([[1, 2, 3], [2, 1]])
    text = (
        "X is an array of shape (2, 3), in which padding cannot be told from items; pass a list of "
        "lists of item ids, oldest first."
    )
    with pytest.raises(ValueError, match=says(text)):
        getattr(model, method)(np.array([[1, 2, 3], [2, 1, 0]]))


def test_7_an_item_transformer_in_a_pipeline_hands_lists_on(log):
    pipe = Pipeline([("norm", OnItems(Normalizer())), ("rec", sasrec())]).fit(log)
    np.testing.assert_array_equal(pipe.predict(HISTORIES), pipe[-1].predict(HISTORIES))
    np.testing.assert_array_equal(pipe.decision_function([[]]), pipe[-1].decision_function([[]]))


def test_7_a_search_answers_a_list_of_ids(log):
    pipe = Pipeline([("norm", OnItems(Normalizer())), ("rec", sasrec(max_epochs=1))])
    search = GridSearchCV(
        pipe,
        {"norm__transformer__norm": ["l1", "l2"]},
        cv=LeaveLastOut(),
        scoring=ndcg_scorer(k=10),
    ).fit(log)
    assert search.predict(HISTORIES).shape == (3, 3)
    np.testing.assert_array_equal(
        search.predict(log.next_queries()),
        search.predict([log.items[log.users == u].tolist() for u in np.unique(log.users)]),
    )


def in_catalog(X, catalog):
    """The same log over another catalog."""
    return Interactions(X.users, X.items, X.timestamps, catalog=catalog)


@MODELS
@pytest.mark.parametrize("ids", [IDS[::-1], IDS[:10], IDS[5:] + IDS[:5]])
def test_8_columns_are_the_fitted_ones_whatever_the_catalog_of_x(log, make_model, ids):
    model = make_model().fit(log)
    other = in_catalog(log, catalog_of(ids))
    assert model.item_ids_.tolist() == IDS
    np.testing.assert_array_equal(model.predict(other), model.predict(log))
    np.testing.assert_array_equal(model.target_ranks(other), model.target_ranks(log))
    np.testing.assert_array_equal(model.decision_function(other), model.decision_function(log))


@pytest.mark.parametrize("make_model", [lambda: popularity(handle_unknown="error"), sasrec])
def test_8_an_unknown_item_in_a_history_is_an_error(log, make_model):
    model = make_model().fit(log)
    text = (
        "the history of X[1] holds item ids that the model has not been fitted on: 'x', 'y' (2 "
        "row(s) affected); set handle_unknown='ignore' to skip such events, or partial_fit the "
        "model with a catalog that holds them."
    )
    with pytest.raises(ValueError, match=says(text)):
        model.predict([["i01"], ["x", "i01", "y"], [], ["y"]])


@pytest.mark.parametrize("make_model", [popularity, lambda: sasrec(handle_unknown="ignore")])
def test_8_an_unknown_item_in_a_history_can_be_skipped(log, make_model):
    model = make_model().fit(log)
    found = model.decision_function([["x", "i01", "y", "i02", "x"], ["x"], ["i03"]])
    np.testing.assert_allclose(
        found, model.decision_function([["i01", "i02"], [], ["i03"]]), atol=1e-6
    )


@pytest.mark.parametrize("item_table", [TrainableTable(), FrozenTable()], ids=repr)
@pytest.mark.parametrize("handle_unknown", ["error", "ignore"])
def test_8_an_unknown_item_with_features_is_embedded(log, item_table, handle_unknown):
    model = sasrec(item_table=item_table, handle_unknown=handle_unknown).fit(log)
    # 'i11' is cold, so its vector is its features; 'new' has the same ones.
    new = Catalog([*IDS, "new"], np.vstack([VECTORS, VECTORS[[11]]]))
    sequences = [["i01", "new", "i02"], ["new", "i01"]]
    twins = [["i01", "i11", "i02"], ["i11", "i01"]]
    found = model.decision_function(Interactions.from_sequences(sequences, catalog=new)[[2, 4]])
    assert found.shape == (2, N_ITEMS)
    X = Interactions.from_sequences(twins, catalog=new)
    np.testing.assert_allclose(found, model.decision_function(X[[2, 4]]), atol=1e-6)
    skipped = model.decision_function([["i01"], []])
    assert np.abs(found - skipped).max() > 1e-4


def test_8_unknown_items_with_features_of_another_width_are_not_embedded(log):
    model = sasrec().fit(log)
    wide = Catalog([*IDS, "new"], np.ones((N_ITEMS + 1, 5)))
    X = Interactions.from_sequences([["new", "i01"]], catalog=wide)
    with pytest.raises(ValueError, match=r"^the history of X\[1\] holds item ids"):
        model.predict(X)


@pytest.mark.parametrize("make_model", [popularity, lambda: sasrec(handle_unknown="ignore")])
def test_8_an_unknown_target_is_a_miss_and_is_never_dropped(log, make_model):
    model = make_model().fit(log)
    X = Interactions.from_sequences([["i01", "x"], ["i01", "i02"]])
    ranks = model.target_ranks(X)
    assert ranks.shape == (4,)
    assert np.isinf(ranks).tolist() == [False, True, False, False]
    assert model.score(X[[1]]) == 0
    assert model.score(X) == pytest.approx(model.score(X[[0, 2, 3]]) * 3 / 4)


def test_8_ids_of_another_type_than_the_fitted_ones_are_refused(log):
    model = popularity().fit(log)
    text = (
        "the item ids of X are integers (first 1), but the model was fitted on strings (first "
        "'i00'); convert one of them."
    )
    with pytest.raises(ValueError, match=says(text)):
        model.predict([[1, 2]])


COLD = [10, 11]  # 'i10' and 'i11' are in no log


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"loss": SampledSoftmax(6)},
        {"weight_decay": 0.1},
        {"early_stopping": True, "max_epochs": 1},
        {"item_table": FrozenTable()},
    ],
    ids=["softmax", "sampled softmax", "weight decay", "early stopping", "frozen"],
)
def test_9_the_vector_of_a_cold_item_stays_that_of_its_features(log, params):
    model = sasrec(**params).fit(log)
    features = VECTORS.astype(np.float32)
    assert np.flatnonzero(model.item_counts_ == 0).tolist() == COLD
    np.testing.assert_array_equal(model.item_vectors_[COLD], features[COLD])
    if "item_table" not in params:
        assert (model.item_vectors_[:10] != features[:10]).any(axis=1).all()


def test_9_an_item_that_is_cold_although_it_is_in_pasts_keeps_its_vector():
    # Left-out leading events are past only; an item that occurs nowhere else is cold.
    X = Interactions.from_sequences(
        [["i11", "i01", "i02"], ["i11", "i02", "i03", "i01"]], catalog=catalog_of()
    )[[1, 2, 4, 5, 6]]
    model = sasrec().fit(X)
    assert model.item_counts_[11] == 0
    np.testing.assert_array_equal(model.item_vectors_[11], VECTORS[11].astype(np.float32))


@pytest.mark.parametrize("params", [{}, {"loss": SampledSoftmax(6)}], ids=["softmax", "sampled"])
def test_9_cold_items_do_not_take_part_in_the_training_of_others(log, params):
    with_cold = sasrec(**params).fit(log)
    without = sasrec(**params).fit(in_catalog(log, catalog_of(IDS[:10])))
    np.testing.assert_allclose(with_cold.loss_curve_, without.loss_curve_, rtol=1e-6)
    np.testing.assert_allclose(with_cold.item_vectors_[:10], without.item_vectors_, atol=1e-6)


@MODELS
def test_9_cold_items_are_candidates(log, make_model):
    model = make_model(k=N_ITEMS).fit(log)
    assert np.isfinite(model.decision_function([["i01"]])).all()
    assert {"i10", "i11"} <= set(model.predict([["i01"]])[0])
    X = Interactions.from_sequences([["i01", "i10"]], catalog=log.catalog)
    assert np.isfinite(model.target_ranks(X)).all()
    assert model.recommend([["i01"]], candidates=["i10", "i11"])[0].shape == (1, 2)


@pytest.mark.parametrize("params", [{}, {"loss": SampledSoftmax(50)}], ids=["softmax", "sampled"])
def test_9_the_switch_makes_cold_items_wrong_answers_as_elsewhere(log, params):
    table = TrainableTable(cold_items="negatives")
    model = sasrec(item_table=table, **params).fit(log)
    moved = np.abs(model.item_vectors_[COLD] - VECTORS[COLD].astype(np.float32))
    assert (moved.max(axis=1) > 1e-4).all()


def test_9_cold_items_are_pushed_down_only_by_the_switch(log):
    params = {"max_epochs": 30, "learning_rate": 0.01}
    usual = sasrec(item_table=TrainableTable(cold_items="negatives"), **params).fit(log)
    ours = sasrec(**params).fit(log)
    scores = usual.decision_function(log)[:, COLD].mean() - usual.decision_function(log).mean()
    assert scores < ours.decision_function(log)[:, COLD].mean() - ours.decision_function(log).mean()


LONG = ["i00", "i01", "i02", "i03", "i04", "i05", "i06"]  # max_length is 4


@MODELS
def test_10_seen_means_the_full_past_and_not_the_last_window(log, make_model):
    model = make_model(k=5, exclude_seen=True).fit(log)
    answers = model.predict([LONG, LONG[:2], []])
    assert not set(answers[0]) & set(LONG)
    assert not set(answers[1]) & set(LONG[:2])
    scores = model.decision_function([LONG])
    assert np.flatnonzero(np.isneginf(scores[0])).tolist() == list(range(7))


@MODELS
def test_10_the_default_recommends_seen_items_too(log, make_model):
    model = make_model(k=N_ITEMS).fit(log)
    assert model.exclude_seen is False
    assert np.isfinite(model.decision_function([LONG])).all()
    np.testing.assert_array_equal(np.sort(model.predict([LONG])[0]), IDS)


@MODELS
def test_10_a_masked_target_is_a_miss_and_others_rise(log, make_model):
    X = Interactions.from_sequences(
        [["i01", "i02", "i01", "i03"], [*LONG, "i00"]], catalog=log.catalog
    )
    model = make_model().fit(log)
    plain, masked = model.target_ranks(X), model.target_ranks(X, exclude_seen=True)
    is_repeat = np.zeros(12, dtype=bool)
    is_repeat[[2, 11]] = True
    assert np.isfinite(plain).all()
    assert np.isinf(masked).tolist() == is_repeat.tolist()
    assert (masked[~is_repeat] <= plain[~is_repeat]).all()
    excluding = make_model(exclude_seen=True).fit(log)
    np.testing.assert_array_equal(excluding.target_ranks(X), masked)
    np.testing.assert_array_equal(excluding.target_ranks(X, exclude_seen=False), plain)
    assert excluding.score(X[is_repeat]) == 0 < model.score(X[is_repeat])


@MODELS
def test_10_seen_items_fill_up_with_minus_infinity(log, make_model):
    model = make_model(k=8, exclude_seen=True).fit(log)
    ids, scores = model.recommend([LONG, ["i09"]])
    assert ids.shape == scores.shape == (2, 8)
    assert np.isfinite(scores[0]).tolist() == [True] * 5 + [False] * 3
    assert np.isneginf(scores[0, 5:]).all()
    assert set(ids[0, :5]) == set(IDS) - set(LONG)
    assert ids[0, 5:].tolist() == LONG[:3]  # ties in the order of item_ids_
    assert np.isfinite(scores[1]).all()
    with pytest.warns(UserWarning, match=r"^1 of 2 row\(s\) have fewer than 8 items that may be"):
        np.testing.assert_array_equal(model.predict([LONG, ["i09"]]), ids)


@MODELS
def test_10_fewer_candidates_than_k_give_fewer_columns(log, make_model):
    model = make_model(k=5).fit(log)
    ids, scores = model.recommend([LONG, []], candidates=["i03", "i09", "i03"])
    assert ids.shape == scores.shape == (2, 2)
    assert {*ids[0]} == {*ids[1]} == {"i03", "i09"}
    masked, scores = model.recommend([LONG], candidates=["i03", "i09"], exclude_seen=True)
    assert masked.tolist() == [["i09", "i03"]]
    assert np.isfinite(scores).tolist() == [[True, False]]
    assert model.recommend([LONG], k=1, candidates=["i03", "i09"])[0].shape == (1, 1)


@MODELS
def test_10_candidates_keep_the_scores_and_the_order_of_all_items(log, make_model):
    model = make_model(k=N_ITEMS).fit(log)
    histories = [LONG, ["i09"], []]
    ids, scores = model.recommend(histories)
    chosen = ["i07", "i02", "i10", "i05"]
    some_ids, some_scores = model.recommend(histories, candidates=chosen)
    for row in range(3):
        is_chosen = np.isin(ids[row], chosen)
        assert some_ids[row].tolist() == ids[row][is_chosen].tolist()
        np.testing.assert_allclose(some_scores[row], scores[row][is_chosen], atol=1e-6)


@pytest.mark.parametrize("max_length", [1, 3, 4])
def test_11_at_prediction_the_last_events_count(log, max_length):
    model = sasrec(max_length=max_length).fit(log)
    expected = model.decision_function([LONG[-max_length:]])
    np.testing.assert_allclose(model.decision_function([LONG]), expected, atol=1e-6)
    shorter = model.decision_function([LONG[1 - max_length :]]) if max_length > 1 else 0
    assert np.abs(expected - shorter).max() > 1e-4


@pytest.mark.parametrize("max_length", [1, 2, 4, 9, 50])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_11_every_row_with_a_past_is_learned_from_once_an_epoch(
    log, max_length, early_stopping, monkeypatch
):
    from skace._torch.training._trainer import Trainer

    n_learned = []
    step = Trainer.step

    def counting_step(self, batch):
        n_learned.append(batch.weights.sum().item())
        return step(self, batch)

    monkeypatch.setattr(Trainer, "step", counting_step)
    sasrec(max_length=max_length, max_epochs=1, early_stopping=early_stopping).fit(log)
    n_with_past = np.count_nonzero(log._ends > log._starts)
    n_held_out = sum(np.count_nonzero(log.users == user) > 1 for user in set(log.users))
    assert sum(n_learned) == n_with_past - early_stopping * n_held_out


def test_11_truncating_learns_from_the_last_window_only(log):
    # Of each user the last 4 rows with a past are in the last window of length 4.
    from_end = np.concatenate([np.arange(n)[::-1] for n in np.bincount(log.users)])
    rows = np.flatnonzero(from_end < 4)
    assert set(log[rows].items) == set(log.items)  # else other items would be cold
    model = sasrec(long_sequences="truncate").fit(log)
    other = sasrec(long_sequences="truncate").fit(log[rows])
    np.testing.assert_array_equal(model.item_vectors_, other.item_vectors_)
    assert model.loss_curve_ == other.loss_curve_
    assert sasrec().fit(log).loss_curve_ != model.loss_curve_


def test_11_where_no_user_is_long_both_ways_are_one(log):
    model = sasrec(max_length=50).fit(log)
    other = sasrec(max_length=50, long_sequences="truncate").fit(log)
    assert_same_model(model, other)
