"""Bad input: an exact text before any work, and everything is left as it was."""
# SPDX-License-Identifier: BSD-3-Clause

import re
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError

from skace import Catalog, Interactions
from skace.item_tables import FrozenTable, TrainableTable
from skace.recommenders import PopularityEstimator, SASRecEstimator

HISTORIES = [["a", "b", "c", "a"], ["b", "c"], ["c"]]
VECTORS = np.array([[1.0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 3, 0]])
CONVERT = "convert the column, for example with .astype(int) after dropping missing values."


def says(text):
    """Pattern for exactly this text."""
    return f"^{re.escape(text)}$"


def sasrec(**params):
    """A network that trains in a moment."""
    settings = {
        "k": 2,
        "max_length": 3,
        "n_layers": 1,
        "n_heads": 1,
        "max_epochs": 2,
        "early_stopping": False,
        "device": "cpu",  # where the same seed gives the same bits
        "random_state": 0,
    }
    return SASRecEstimator(**settings | params)


def popularity(**params):
    return PopularityEstimator(**{"k": 2} | params)


MODELS = pytest.mark.parametrize("make_model", [popularity, sasrec])


def make_log():
    """Three users of 4, 2 and 1 events with vectors of width 4."""
    return Interactions.from_sequences(HISTORIES, catalog=Catalog(["a", "b", "c"], VECTORS))


@pytest.fixture
def log():
    """That log."""
    return make_log()


def learned(model):
    """Copies of what a fit has learned."""
    return {
        name: np.copy(value)
        for name, value in vars(model).items()
        if name.endswith("_") and not isinstance(value, dict)
    }


@cache
def fitted(make_model):
    """A model fitted on the log, one for all tests that must leave it as it is."""
    return make_model().fit(make_log())


def assert_refused(model, error, text, *args, method="fit", **kwargs):
    """The call raises exactly this, and leaves a model as it was, fitted or not."""
    before = learned(model)
    answers = model.predict(HISTORIES) if before else None
    with pytest.raises(error, match=says(text)):
        getattr(model, method)(*args, **kwargs)
    after = learned(model)
    assert after.keys() == before.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)
    if before:
        np.testing.assert_array_equal(model.predict(HISTORIES), answers)
    else:
        with pytest.raises(NotFittedError):
            model.predict(HISTORIES)


@pytest.mark.parametrize(
    ("users", "items", "times", "catalog", "text"),
    [
        (
            ["u"],
            [1],
            None,
            Catalog(["1"]),
            "items are integers (first 1), but the catalog's item_ids are strings (first '1'); "
            "convert one of them.",
        ),
        (
            ["u", "u"],
            ["a", "z"],
            None,
            Catalog(["a"]),
            "the catalog lacks 1 item(s) of the log: 'z'; add them to the catalog or drop their "
            "events.",
        ),
        ([], [], None, None, "the log is empty; Interactions needs at least one event."),
        (
            ["u", "u"],
            ["a", "b"],
            [1, np.nan],
            None,
            "timestamps is missing for 1 event(s), first at position 1; drop these events, or pass "
            "timestamps=None if the events are in time order.",
        ),
        (
            ["u", "u"],
            ["a", None],
            None,
            None,
            "items must be all integers or all strings; at position 1 stands None of type "
            "NoneType. Convert or drop such values first.",
        ),
        (
            [1, np.nan],
            ["a", "b"],
            None,
            None,
            "users is missing for 1 entries, first at position 1, which made the others float64; "
            "drop these rows, then convert the column with .astype(int).",
        ),
    ],
    ids=["other type", "missing item", "empty log", "missing time", "missing id", "missing user"],
)
def test_a_log_that_makes_no_sense_is_refused(users, items, times, catalog, text):
    with pytest.raises(ValueError, match=says(text)):
        Interactions(users, items, times, catalog=catalog)


@pytest.mark.parametrize(
    ("ids", "features", "text"),
    [
        (["a", "b", "a"], VECTORS, "item_ids holds 1 duplicate id(s): 'a'; give each item once."),
        (
            ["a", "b", "c"],
            np.where(VECTORS == 2, np.nan, VECTORS),
            "features holds NaN or infinity for 1 item(s): 'b'; drop or encode these items again.",
        ),
        (
            ["a", "b", "c"],
            np.where(VECTORS > 1, np.inf, VECTORS),
            "features holds NaN or infinity for 2 item(s): 'b', 'c'; drop or encode these items "
            "again.",
        ),
        (
            ["a", "b", "c"],
            VECTORS * [0, 1, 1, 1],
            "features is zero for 1 item(s): 'a'; encode these items, or pass missing='mean' to "
            "give them the mean of the others.",
        ),
        (
            ["a", "b"],
            VECTORS,
            "features has 3 rows, but there are 2 item_ids; give one row per item.",
        ),
    ],
    ids=["duplicates", "NaN", "infinity", "zero row", "too many rows"],
)
def test_a_catalog_that_makes_no_sense_is_refused(ids, features, text):
    with pytest.raises(ValueError, match=says(text)):
        Catalog(ids, features)


@MODELS
def test_unsorted_times_are_sorted_and_not_refused(make_model):
    users, items, times = ["u"] * 4 + ["v"] * 2, ["c", "a", "b", "a", "c", "b"], [3, 1, 2, 4, 9, 8]
    params = {} if make_model is popularity else {"embedding_dim": 4}
    model = make_model(**params).fit(Interactions(users, items, times))
    same = make_model(**params).fit([["a", "b", "c", "a"], ["b", "c"]])
    np.testing.assert_array_equal(model.item_vectors_, same.item_vectors_)


@MODELS
def test_users_of_one_event_are_no_obstacle(log, make_model):
    model = make_model().fit(log)
    assert model.predict(log.next_queries()).shape == (3, 2)
    assert np.isfinite(model.target_ranks(log)).all()


@MODELS
def test_users_longer_than_max_length_are_no_obstacle(make_model):
    params = {} if make_model is popularity else {"embedding_dim": 4, "max_length": 2}
    history = ["a", "b", "c"] * 20
    model = make_model(**params).fit([history, ["a", "c"]])
    assert model.predict([history]).shape == (1, 2)
    assert model.target_ranks([history]).shape == (60,)


@MODELS
def test_nothing_at_all_is_answered_by_nothing(log, make_model):
    model = make_model().fit(log)
    assert model.predict([]).shape == (0, 2)
    assert model.decision_function([]).shape == (0, 3)
    assert model.encode(log[[]]).shape[0] == 0
    assert model.target_ranks(log[[]]).shape == (0,)


REFUSED_BY_FIT = {
    "no rows": (lambda X: X[[]], ValueError, "X has no rows; there is nothing to learn from."),
    "queries": (
        lambda X: X.next_queries(),
        ValueError,
        "query rows have no item: they ask what comes next. Use rows of the log, not "
        "next_queries(), for fit, score and target_ranks.",
    ),
    "strings": (
        lambda _: ["a", "b"],
        ValueError,
        "X[0] is the single id 'a', not a sequence; pass a list of sequences, for one visitor "
        "[['a', ...]].",
    ),
    "integers": (
        lambda _: [4, 5],
        ValueError,
        "X[0] is the single id 4, not a sequence; pass a list of sequences, for one visitor "
        "[[4, ...]].",
    ),
    "string": (
        lambda _: "abc",
        ValueError,
        "X is the string 'abc'; pass a list of sequences of item ids, for one visitor [['abc']].",
    ),
    "array": (
        lambda _: np.ones((3, 2), dtype=int),
        ValueError,
        "X is an array of shape (3, 2), in which padding cannot be told from items; pass a list of "
        "lists of item ids, oldest first.",
    ),
    "sparse": (
        lambda _: sp.csr_array(np.eye(3)),
        TypeError,
        "X must be Interactions or a list of sequences of item ids, got csr_array.",
    ),
    "frame": (
        lambda _: pl.DataFrame({"user": [1], "item": [1]}),
        ValueError,
        "frame has no column 'user_id', 'item_id'; its columns are 'user', 'item'.",
    ),
    "frame without times": (
        lambda _: pd.DataFrame({"user_id": [1, 1], "item_id": [1, 2], "timestamp": [1, None]}),
        ValueError,
        "timestamps is missing for 1 event(s), first at position 1; drop these events, or pass "
        "timestamps=None if the events are in time order.",
    ),
    "mixed ids": (
        lambda _: [["a", "b"], [3]],
        ValueError,
        "the ids in X must be all integers or all strings; at position 2 stands 3 of type int. "
        "Convert or drop such values first.",
    ),
    "empty lists": (
        lambda _: [[], []],
        ValueError,
        "the log is empty; Interactions needs at least one event.",
    ),
}


@MODELS
@pytest.mark.parametrize("is_fitted", [False, True])
@pytest.mark.parametrize(("make", "error", "text"), REFUSED_BY_FIT.values(), ids=REFUSED_BY_FIT)
def test_fit_refuses_what_holds_no_rows(log, make_model, is_fitted, make, error, text):
    model = make_model()
    if is_fitted:
        model.fit(log)
    assert_refused(model, error, text, make(log))


@MODELS
@pytest.mark.parametrize("is_fitted", [False, True])
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"y": ["a"]},
            "y differs from X.items. The rows of Interactions hold their own targets; leave y out.",
        ),
        (
            {"sample_weight": [1.0]},
            "sample_weight must have one value per row: expected shape (7,), got (1,).",
        ),
        (
            {"sample_weight": [1, 1, 1, -1, 1, 1, 1]},
            "sample_weight[3] is -1.0; weights must be finite and at least 0.",
        ),
        (
            {"sample_weight": [1, 1, 1, np.nan, 1, 1, 1]},
            "sample_weight[3] is nan; weights must be finite and at least 0.",
        ),
        (
            {"sample_weight": np.zeros(7)},
            "sample_weight is 0 in every row; at least one row must count.",
        ),
    ],
    ids=["y", "too few weights", "negative weight", "NaN weight", "no weight"],
)
def test_fit_refuses_what_does_not_fit_its_rows(log, make_model, is_fitted, arguments, text):
    model = make_model()
    if is_fitted:
        model.fit(log)
    assert_refused(model, ValueError, text, log, **arguments)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda X: X[[6]],
            "X_val shares 1 row(s) with X, so early stopping would watch what it trains on; split "
            "first, for example with leave_last_out(X).",
        ),
        (
            lambda X: X.as_validation(),
            "X_val shares 7 row(s) with X, so early stopping would watch what it trains on; split "
            "first, for example with leave_last_out(X).",
        ),
        (lambda X: X[[]], "X_val has no rows; leave it out, or give rows."),
        (
            lambda X: X.next_queries(),
            "X_val: query rows have no item: they ask what comes next. Use rows of the log, not "
            "next_queries(), for fit, score and target_ranks.",
        ),
    ],
    ids=["shared rows", "all rows", "no rows", "queries"],
)
@MODELS
def test_fit_refuses_validation_rows_that_cannot_validate(log, make_model, make, text):
    assert_refused(make_model(), ValueError, text, log, X_val=make(log))


@pytest.mark.parametrize("is_fitted", [False, True])
def test_unknown_items_in_validation_histories_are_found_before_the_first_epoch(
    log, is_fitted, monkeypatch
):
    from skace._torch.training._trainer import Trainer

    model = sasrec()
    if is_fitted:
        model.fit(log)
    monkeypatch.setattr(Trainer, "run_epoch", None)
    text = (
        "X_val: the history of X[1] holds item ids that the model has not been fitted on: 'x' (1 "
        "row(s) affected); set handle_unknown='ignore' to skip such events, or partial_fit the "
        "model with a catalog that holds them."
    )
    assert_refused(model, ValueError, text, log, X_val=[["x", "a"]])


def test_validation_rows_that_are_none_are_named(log):
    text = "X_val: X must be Interactions or a list of sequences of item ids, got int"
    with pytest.raises(TypeError, match=f"^{text}"):
        sasrec().fit(log, X_val=5)


def test_the_index_of_a_series_only_names_the_rows(log):
    rows = pd.Series([["a", "b"], ["c"]], index=["interactions", "users"])
    from_list = sasrec().fit(log.with_features(None), X_val=rows.tolist())
    model = sasrec().fit(log.with_features(None), X_val=rows)
    assert model.loss_curve_ == from_list.loss_curve_
    frame = model.recommend(rows).to_frame("pandas")
    assert frame.pop("user_id").unique().tolist() == ["interactions", "users"]
    pd.testing.assert_frame_equal(frame, model.recommend(rows.tolist()).to_frame("pandas"))


@pytest.mark.parametrize(
    ("rows", "early_stopping", "text"),
    [
        (
            [0, 4, 6],
            False,
            "no row of X has a past, so a sequence model has nothing to learn from; X holds only "
            "the first event of each user. PopularityEstimator needs no past, nor do neighbours "
            "by text (ItemKNNEstimator).",
        ),
        (
            [0, 4, 6],
            True,
            "no row of X has a past, so a sequence model has nothing to learn from; X holds only "
            "the first event of each user. PopularityEstimator needs no past, nor do neighbours "
            "by text (ItemKNNEstimator).",
        ),
        (
            [0, 1, 4, 5],
            True,
            "all 2 row(s) of X with a past would be held out for early stopping; set "
            "early_stopping=False, lower validation_fraction, or pass X_val.",
        ),
    ],
)
@pytest.mark.parametrize("is_fitted", [False, True])
def test_rows_without_a_past_teach_a_network_nothing(log, is_fitted, rows, early_stopping, text):
    model = sasrec(early_stopping=early_stopping, max_epochs=1)
    if is_fitted:
        model.fit(log)
    assert_refused(model, ValueError, text, log[rows])


@MODELS
@pytest.mark.parametrize("is_fitted", [False, True])
def test_k_above_the_catalog_is_refused(log, make_model, is_fitted):
    model = make_model()
    if is_fitted:
        model.fit(log)
    answers = model.predict(HISTORIES) if is_fitted else None
    text = "k=4 exceeds the 3 items of the catalog; lower k."
    with pytest.raises(ValueError, match=says(text)):
        model.set_params(k=4).fit(log)
    assert hasattr(model, "item_ids_") == is_fitted
    if is_fitted:
        np.testing.assert_array_equal(model.set_params(k=2).predict(HISTORIES), answers)


@MODELS
def test_k_of_a_later_fit_is_compared_with_all_items_of_the_model(log, make_model):
    params = {} if make_model is popularity else {"warm_start": True}
    model = make_model(k=3, **params).fit(log)
    model.partial_fit([["a", "b"]])  # a catalog of two items
    assert model.predict([["a"]]).shape == (1, 3)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (
            {"embedding_dim": 2},
            "embedding_dim=2, but the item features have 4 columns, and TrainableTable takes them "
            "as they are; set embedding_dim=None, or reduce them first with "
            "ACETransformer(n_components=2).",
        ),
        (
            {"embedding_dim": 6, "item_table": FrozenTable()},
            "embedding_dim=6, but the item features have 4 columns, and FrozenTable takes them as "
            "they are; set embedding_dim=None, or reduce them first with "
            "ACETransformer(n_components=6).",
        ),
        (
            {"n_heads": 3},
            "n_heads=3 does not divide the width 4; choose another n_heads, or another "
            "width: embedding_dim, or n_components of a step that makes the item vectors.",
        ),
    ],
)
@pytest.mark.parametrize("is_fitted", [False, True])
def test_features_of_another_width_are_refused(log, is_fitted, params, text):
    model = sasrec()
    if is_fitted:
        model.fit(log)
    own = model.get_params(deep=False)
    model.set_params(**params)
    with pytest.raises(ValueError, match=says(text)):
        model.fit(log)
    model.set_params(**{name: own[name] for name in params})
    assert hasattr(model, "item_vectors_") == is_fitted
    if is_fitted:
        assert model.predict(HISTORIES).shape == (3, 2)


@pytest.mark.parametrize(
    ("features", "params", "text"),
    [
        (
            sp.csr_array(VECTORS),
            {},
            "the item features are sparse; make them dense and narrow in a step before the model, "
            "for example OnItems(TruncatedSVD(2)).",
        ),
        (
            ["a pen", "an ink", "a cap"],
            {},
            "the item features are texts; encode them in a step before the model, with "
            "make_pipeline(TextEncoder(), model) or without a language model with "
            "make_pipeline(OnItems(make_pipeline(TfidfVectorizer(), TruncatedSVD(2))), model), or "
            "leave them out with X.with_features(None). The last step of a fitted Pipeline takes "
            "pipe[:-1].transform(X).",
        ),
        (
            pd.DataFrame({"title": ["a pen", "an ink", "a cap"]}),
            {},
            "the item features are texts; encode them in a step before the model, with "
            "make_pipeline(TextEncoder(), model) or without a language model with "
            "make_pipeline(OnItems(make_pipeline(TfidfVectorizer(), TruncatedSVD(2))), model), or "
            "leave them out with X.with_features(None). The last step of a fitted Pipeline takes "
            "pipe[:-1].transform(X).",
        ),
        (
            pl.DataFrame({"title": ["a pen", "an ink", "a cap"]}),
            {},
            "the item features are texts; encode them in a step before the model, with "
            "make_pipeline(TextEncoder(), model) or without a language model with "
            "make_pipeline(OnItems(make_pipeline(TfidfVectorizer(), TruncatedSVD(2))), model), or "
            "leave them out with X.with_features(None). The last step of a fitted Pipeline takes "
            "pipe[:-1].transform(X).",
        ),
        (
            None,
            {"item_table": FrozenTable()},
            "FrozenTable needs item features, but the catalog has none; build it with "
            "Catalog(item_ids, features), or use TrainableTable().",
        ),
    ],
    ids=["sparse", "texts", "pandas frame", "polars frame", "none"],
)
def test_features_that_a_network_cannot_read_are_refused(features, params, text):
    X = Interactions.from_sequences(HISTORIES, catalog=Catalog(["a", "b", "c"], features))
    assert_refused(sasrec(**params), ValueError, text, X)


@pytest.mark.parametrize(
    ("catalog", "text"),
    [
        (
            Catalog(["a", "new"], np.ones((2, 5))),
            "the item features have 5 columns, but the model was fitted on 4; transform X with the "
            "fitted transformers first.",
        ),
        (
            Catalog(["a", "new"]),
            "1 new item(s) come without features, but the model was fitted with features; give X a "
            "catalog that has them.",
        ),
    ],
)
@pytest.mark.parametrize("item_table", [None, FrozenTable()], ids=repr)
def test_new_items_that_cannot_join_are_refused(log, item_table, catalog, text):
    model = sasrec(item_table=item_table).fit(log)
    X = Interactions.from_sequences([["a", "new"]], catalog=catalog)
    assert_refused(model, ValueError, text, X, method="partial_fit")


@pytest.mark.parametrize("item_table", [None, FrozenTable()], ids=repr)
def test_new_events_of_known_items_may_come_without_features(log, item_table):
    model = sasrec(item_table=item_table).fit(log)
    before = model.item_vectors_.copy()
    model.partial_fit([["a", "b", "a"]])
    assert model.item_ids_.tolist() == ["a", "b", "c"]
    assert (model.item_vectors_ == before).all() == (item_table is not None)


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
@pytest.mark.parametrize("is_fitted", [False, True])
def test_cuda_is_refused_where_there_is_none(log, device, is_fitted, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model = sasrec()
    if is_fitted:
        model.fit(log)
    text = (
        f"device='{device}' asks for CUDA, but torch sees 0 CUDA device(s); use device='auto' or "
        "device='cpu'."
    )
    with pytest.raises(ValueError, match=says(text)):
        model.set_params(device=device).fit(log)
    assert hasattr(model, "item_ids_") == is_fitted


@pytest.mark.parametrize("device", ["gpu", "cuda:x", ""])
def test_a_device_that_torch_does_not_know_is_refused(log, device):
    text = f"device='{device}' is not known to torch; use 'auto', 'cpu', 'cuda' or 'cuda:0'."
    assert_refused(sasrec(device=device), ValueError, text, log)


def test_a_loss_that_is_no_number_ends_the_fit_and_undoes_it(log):
    text = (
        "the loss became nan in epoch 2; lower learning_rate (now 1e+30) or check the scale of the "
        "item features."
    )
    assert_refused(sasrec(learning_rate=1e30), FloatingPointError, text, log)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@MODELS
@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"k": 0}, "must be an int in the range [1, inf). Got 0 instead."),
        ({"k": 2.5}, "must be an int in the range [1, inf). Got 2.5 instead."),
        ({"k": None}, "must be an int in the range [1, inf). Got None instead."),
        (
            {"exclude_seen": "no"},
            "must be an instance of 'bool' or an instance of 'numpy.bool'. Got 'no' instead.",
        ),
    ],
)
def test_shared_parameters_out_of_range_are_refused(log, make_model, method, params, text):
    model = make_model(**params)
    name = next(iter(params))
    text = f"The '{name}' parameter of {type(model).__name__} {text}"
    assert_refused(model, ValueError, text, log, method=method)


AN_INT = "must be an int in the range [1, inf). Got {} instead."


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("max_length", 0, AN_INT.format(0)),
        ("embedding_dim", 0, "must be an int in the range [1, inf) or None. Got 0 instead."),
        ("n_layers", 0, AN_INT.format(0)),
        ("n_heads", 1.5, AN_INT.format(1.5)),
        ("dropout", 1.0, "must be a float in the range [0.0, 1.0). Got 1.0 instead."),
        ("dropout", -0.1, "must be a float in the range [0.0, 1.0). Got -0.1 instead."),
        ("attention_dropout", 1, "must be a float in the range [0.0, 1.0). Got 1 instead."),
        ("max_epochs", 0, AN_INT.format(0)),
        ("batch_size", -8, AN_INT.format(-8)),
        ("learning_rate", 0, "must be a float in the range (0.0, inf). Got 0 instead."),
        ("weight_decay", -1, "must be a float in the range [0.0, inf). Got -1 instead."),
        ("n_iter_no_change", 0, AN_INT.format(0)),
        ("validation_fraction", 0, "must be a float in the range (0.0, 1.0]. Got 0 instead."),
        ("validation_fraction", 1.5, "must be a float in the range (0.0, 1.0]. Got 1.5 instead."),
        (
            "item_table",
            0,
            "must be an object implementing 'width' and 'build' or None. Got 0 instead.",
        ),
        ("loss", 0, "must be an object implementing 'build' or None. Got 0 instead."),
        ("device", 0, "must be an instance of 'str'. Got 0 instead."),
        (
            "verbose",
            -1,
            "must be an int in the range [0, inf), an instance of 'bool' or an instance of "
            "'numpy.bool'. Got -1 instead.",
        ),
        (
            "random_state",
            "seed",
            "must be an int in the range [0, 4294967295], an instance of "
            "'numpy.random.mtrand.RandomState' or None. Got 'seed' instead.",
        ),
    ],
)
def test_parameters_of_the_network_out_of_range_are_refused(log, name, value, text):
    model = sasrec(**{name: value})
    text = f"The '{name}' parameter of SASRecEstimator {text}"
    assert_refused(model, ValueError, text, log)


@pytest.mark.parametrize(
    ("name", "value", "options"),
    [
        ("handle_unknown", "skip", {"error", "ignore"}),
        ("long_sequences", "split", {"overlap", "truncate"}),
        ("block", "sandwich", {"post", "pre", "ligr", "hstu"}),
        ("positions", "sinusoidal", {"absolute", "relative", "rotary", "time"}),
        ("precision", "float16", {"auto", "float32", "bfloat16"}),
    ],
)
def test_options_that_do_not_exist_are_refused_with_those_that_do(log, name, value, options):
    # A set has no order, so the text is taken apart.
    pattern = (
        rf"^The '{name}' parameter of SASRecEstimator must be a str among \{{(.*)\}}\. "
        rf"Got '{value}' instead\.$"
    )
    with pytest.raises(ValueError, match=pattern) as info:
        sasrec(**{name: value}).fit(log)
    found = re.match(pattern, str(info.value)).group(1)
    assert set(found.replace("'", "").split(", ")) == options


@pytest.mark.parametrize(
    ("item_table", "text"),
    [
        (
            TrainableTable(init_std=-1),
            "The 'init_std' parameter of TrainableTable must be a float in the range [0.0, inf). "
            "Got -1 instead.",
        ),
        (
            FrozenTable(cold_items=3),
            "The 'cold_items' parameter of FrozenTable must be a str among {OPTIONS}. Got 3 "
            "instead.",
        ),
    ],
)
@pytest.mark.parametrize("is_fitted", [False, True])
def test_parameters_of_the_item_table_out_of_range_are_refused(log, is_fitted, item_table, text):
    model = sasrec()
    if is_fitted:
        model.fit(log)
    pattern = says(text).replace("OPTIONS", ".*")
    with pytest.raises(ValueError, match=pattern):
        model.set_params(item_table=item_table).fit(log)
    assert hasattr(model, "item_ids_") == is_fitted


ANSWERS = ["predict", "decision_function", "recommend", "encode"]
RANKS = ["score", "target_ranks"]


@MODELS
@pytest.mark.parametrize("method", [*ANSWERS, *RANKS])
def test_a_model_that_is_not_fitted_does_not_answer(log, make_model, method):
    name = "PopularityEstimator" if make_model is popularity else "SASRecEstimator"
    text = (
        f"This {name} instance is not fitted yet. Call 'fit' with appropriate arguments before "
        "using this estimator."
    )
    with pytest.raises(NotFittedError, match=says(text)):
        getattr(make_model(), method)(log)


@MODELS
@pytest.mark.parametrize("method", [*ANSWERS, *RANKS])
@pytest.mark.parametrize(
    ("X", "error", "text"),
    [
        (
            pd.DataFrame({"user_id": [1], "item_id": ["a"], "timestamp": [1]}),
            ValueError,
            "X is a frame, and a frame that was cut into folds has lost every row's past; wrap it "
            "once with Interactions.from_frame(frame), then slice.",
        ),
        (np.ones((3, 2), dtype=int), *REFUSED_BY_FIT["array"][1:]),
        (["a", "b"], *REFUSED_BY_FIT["strings"][1:]),
        ("abc", *REFUSED_BY_FIT["string"][1:]),
        ([["a", "b"], [3]], *REFUSED_BY_FIT["mixed ids"][1:]),
        (sp.csr_array(np.eye(3)), *REFUSED_BY_FIT["sparse"][1:]),
        (
            [[1, 2]],
            ValueError,
            "the item ids of X are integers (first 1), but the model was fitted on strings (first "
            "'a'); convert one of them.",
        ),
    ],
    ids=["frame", "array", "strings", "string", "mixed ids", "sparse", "other type"],
)
def test_answers_are_refused_to_what_holds_no_histories(make_model, method, X, error, text):
    assert_refused(fitted(make_model), error, text, X, method=method)


@pytest.mark.parametrize("make_model", [lambda: popularity(handle_unknown="error"), sasrec])
@pytest.mark.parametrize("method", ANSWERS)
def test_unknown_ids_are_refused_with_row_and_id(log, make_model, method):
    text = (
        "the history of X[1] holds item ids that the model has not been fitted on: 'x' (1 row(s) "
        "affected); set handle_unknown='ignore' to skip such events, or partial_fit the model with "
        "a catalog that holds them."
    )
    X = [["a"], ["b", "x"]]
    assert_refused(make_model().fit(log), ValueError, text, X, method=method)


@MODELS
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"k": 4}, "k=4 exceeds the 3 items of the model; lower k."),
        ({"k": 0}, "k must be an int in the range [1, inf), got 0."),
        ({"k": 1.5}, "k must be an int in the range [1, inf), got 1.5."),
        (
            {"candidates": ["a", "x", "y"]},
            "candidates holds 2 item id(s) that the model does not know: 'x', 'y'; leave them out, "
            "for example with unknown_ids='ignore', or partial_fit the model with them.",
        ),
        (
            {"candidates": []},
            "candidates is empty; give at least one item id that the model knows, or None for all.",
        ),
        (
            {"candidates": [1]},
            "candidates are integers (first 1), but the model was fitted on strings (first 'a'); "
            "convert one of them.",
        ),
    ],
)
def test_recommend_refuses_lists_that_cannot_be_made(log, make_model, arguments, text):
    model = make_model().fit(log)
    assert_refused(model, ValueError, text, HISTORIES, method="recommend", **arguments)


@MODELS
def test_k_that_was_raised_after_the_fit_is_refused(log, make_model):
    model = make_model().fit(log).set_params(k=4)
    with pytest.raises(ValueError, match=says("k=4 exceeds the 3 items of the model; lower k.")):
        model.predict(HISTORIES)


@MODELS
@pytest.mark.parametrize(
    ("make", "arguments", "text"),
    [
        (lambda X: X[[]], {}, "X has no rows; there is nothing to score."),
        (
            lambda X: X,
            {"y": ["b"] * 7},
            "y differs from X.items. The rows of Interactions hold their own targets; leave y out.",
        ),
        (lambda _: HISTORIES, {"y": ["a"]}, "y has 1 items, but X has 3 sequences."),
    ],
)
def test_score_refuses_targets_that_do_not_fit(log, make_model, make, arguments, text):
    model = make_model().fit(log)
    assert_refused(model, ValueError, text, make(log), method="score", **arguments)


def snapshot(X):
    arrays = (X._log.items, X._log.offsets, X._log.source, X._log.user_ids, X._ends)
    return [array.tobytes() for array in arrays] + [X.catalog.features.tobytes()]


@MODELS
@pytest.mark.filterwarnings("ignore:.*have fewer than 2 items:UserWarning")
@pytest.mark.parametrize("method", ["fit", "partial_fit", *ANSWERS, *RANKS])
def test_x_is_not_modified(log, make_model, method):
    X = log[[0, 1, 2, 4, 6, 5]]
    model = make_model(exclude_seen=True).fit(log)
    before = snapshot(X)
    getattr(model, method)(X)
    assert snapshot(X) == before
    assert X.source_rows.tolist() == [0, 1, 2, 4, 6, 5]


@MODELS
def test_lists_are_not_modified(make_model):
    histories, targets = [["a", "b"], ["c"]], ["c", "a"]
    params = {} if make_model is popularity else {"embedding_dim": 4}
    model = make_model(**params).fit(histories, targets)
    model.score(histories, targets)
    assert (histories, targets) == ([["a", "b"], ["c"]], ["c", "a"])


@MODELS
def test_a_refused_fit_does_not_modify_x_either(log, make_model):
    before = snapshot(log)
    with pytest.raises(ValueError, match="k=9 exceeds"):
        make_model(k=9).fit(log)
    assert snapshot(log) == before
