"""NeuralRecommender: what all backbones share, from parameters that matter to scores."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import inspect
import re

import numpy as np
import pytest
import torch
from numpydoc.docscrape import ClassDoc
from sklearn.base import clone

from skace import Catalog, Interactions, leave_last_out
from skace._torch.tables._trainable import TrainableItems
from skace.datasets import make_cycle
from skace.item_tables import FrozenTable, IDTable, ItemTable, TrainableTable
from skace.losses import BCE, BPR, GBCE, InBatchSoftmax, SampledSoftmax, Softmax
from skace.recommenders import (
    BERT4RecEstimator,
    FMLPEstimator,
    GRU4RecEstimator,
    NeuralRecommender,
    SASRecEstimator,
)

QUICK = {
    "k": 2,
    "n_layers": 1,
    "max_length": 5,
    "max_epochs": 3,
    "batch_size": 8,
    "early_stopping": False,
    "random_state": 0,
}
BACKBONES = [SASRecEstimator, GRU4RecEstimator, BERT4RecEstimator, FMLPEstimator]
backbones = pytest.mark.parametrize("cls", BACKBONES)
# What all backbones inherit: one of them in every run, the others in the slow one.
one_backbone = pytest.mark.parametrize(
    "cls",
    [pytest.param(c, marks=[pytest.mark.minutes] * (c is not SASRecEstimator)) for c in BACKBONES],
)

# A value other than that of QUICK, and what else has to be set for it to matter.
MATTERS = {
    "max_length": (3, {}),
    "long_sequences": ("truncate", {}),
    "loss": (BPR(256), {}),
    "loss__n_negatives": (3, {"loss": SampledSoftmax()}),
    "loss__draw": ("popularity", {"loss": BCE(256)}),
    "loss__t": (0.1, {"loss": GBCE(2)}),
    "max_epochs": (4, {}),
    "batch_size": (3, {}),
    "learning_rate": (0.01, {}),
    "learning_rate_schedule": ("linear", {}),
    "weight_decay": (0.1, {}),
    "early_stopping": (True, {}),
    "validation_fraction": (0.3, {"early_stopping": True}),
    "train_on_held_out": (True, {"early_stopping": True}),
    "item_table": (FrozenTable(), {}),
    "precision": ("bfloat16", {"precision": "float32"}),
    "random_state": (1, {}),
}
OWN = {
    SASRecEstimator: {
        "block": "pre",
        "positions": "relative",
        "n_heads": 4,
        "attention_dropout": 0.0,
    },
    GRU4RecEstimator: {"hidden_dim": 3},
    BERT4RecEstimator: {
        "n_heads": 4,
        "attention_dropout": 0.0,
        "mask_ratio": 0.9,
        "finetune_ratio": 0.0,
    },
    FMLPEstimator: {},
}
OF_ALL_FOUR = {"n_layers": 2, "dropout": 0.1}
STOPS = "n_iter_no_change"  # changes when training ends, and is tried apart
DOES_NOT_MATTER_FOR_SCORES = {
    "k": 3,
    "exclude_seen": True,
    "handle_unknown": "ignore",
    "embedding_dim": 8,  # of the width of the features, or an error
    "device": "cpu",
    "warm_start": True,
    "verbose": False,
}


@pytest.fixture(scope="module")
def cycle():
    """Twelve walks of 9 steps around 7 items, in which the first items are more frequent."""
    return make_cycle(n_users=12, n_items=7, length=9, n_features=8, random_state=0)


@pytest.fixture(scope="module")
def without_first(cycle):
    """The same without item 0, so that items differ in how often they occur."""
    X = cycle[cycle.items != 0]
    return Interactions(X.users, X.items, X.timestamps, catalog=X.catalog)


@pytest.fixture(scope="module")
def vectors():
    """Function that fits and encodes; what many tests compare with is fitted once."""
    known = {}

    def encoded(cls, X, **parameters):
        key = cls, id(X), repr(parameters)
        if key not in known:
            model = cls(**QUICK).set_params(**parameters).fit(X)
            known[key] = model.encode(X[3:9]), X  # X, because its address names it
        return known[key][0]

    return encoded


@pytest.fixture(scope="module")
def fitted(cycle):
    """Function that gives a copy of a backbone fitted on the cycle, which it fits once."""
    known = {}

    def model(cls):
        if cls not in known:
            known[cls] = cls(**QUICK).fit(cycle)
        return copy.deepcopy(known[cls])

    return model


@backbones
def test_every_parameter_is_tried(cls):
    tried = MATTERS | OWN[cls] | OF_ALL_FOUR | DOES_NOT_MATTER_FOR_SCORES
    tried = {name: None for name in tried if not name.startswith("loss__")}
    assert tried.keys() | {STOPS} == cls().get_params(deep=False).keys()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@one_backbone
@pytest.mark.parametrize("name", MATTERS)
def test_parameter_changes_the_model(cycle, without_first, vectors, cls, name):
    value, beside = MATTERS[name]
    X = without_first if name == "loss__draw" else cycle
    # Copies, because what is set within a loss is set in the object.
    one, other = (
        vectors(cls, X, **{key: clone(each, safe=False) for key, each in beside.items()} | own)
        for own in ({}, {name: value})
    )
    assert np.abs(one - other).max() > 1e-6


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [(cls, *own) for cls in BACKBONES for own in (OWN[cls] | OF_ALL_FOUR).items()],
)
def test_parameter_of_a_backbone_changes_the_model(cycle, vectors, cls, name, value):
    assert np.abs(vectors(cls, cycle) - vectors(cls, cycle, **{name: value})).max() > 1e-6


@one_backbone
@pytest.mark.parametrize("name", DOES_NOT_MATTER_FOR_SCORES)
def test_parameter_leaves_the_model_alone(cycle, vectors, cls, name):
    same = vectors(cls, cycle, **{name: DOES_NOT_MATTER_FOR_SCORES[name]})
    np.testing.assert_array_equal(same, vectors(cls, cycle))


@backbones
def test_patience_decides_when_training_stops(cycle, cls):
    # A frozen table and next to no learning: the score stays what it is.
    watching = {"early_stopping": True, "max_epochs": 9, "learning_rate": 1e-9}
    n_epochs = [
        cls(item_table=FrozenTable(), **(QUICK | watching | {STOPS: patience})).fit(cycle).n_iter_
        for patience in (3, 1)
    ]
    assert n_epochs == [4, 2]


@pytest.mark.parametrize("name", ["embedding_dim", "item_table"])
@backbones
def test_parameters_that_matter_without_features(cycle, cls, name):
    X = Interactions(cycle.users, cycle.items, cycle.timestamps)
    parameters = {"embedding_dim": 8, "item_table": TrainableTable(init_std=0.5)}
    model = cls(**(QUICK | {"embedding_dim": 4, name: parameters[name]})).fit(X)
    if name == "embedding_dim":
        assert model.item_vectors_.shape == (7, 8)
    else:
        assert model.item_vectors_.std() > 0.2


# The signature and its description.


@backbones
def test_constructor_keeps_the_habits_of_the_house(cls):
    parameters = list(inspect.signature(cls).parameters.values())
    assert parameters[0].name == "k"
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters[1:])
    assert len(parameters) <= 30


@backbones
def test_shared_parameters_have_the_same_order_and_defaults(cls):
    shared = inspect.signature(NeuralRecommender).parameters
    own = inspect.signature(cls).parameters
    assert [p for p in own.values() if p.name in shared] == list(shared.values())


def described(cls, section):
    return {part.name: (part.type, part.desc) for part in ClassDoc(cls)[section]}


@backbones
def test_shared_parameters_are_described_in_the_same_words(cls):
    shared, own = described(NeuralRecommender, "Parameters"), described(cls, "Parameters")
    assert {name: own[name] for name in shared} == shared


@backbones
def test_attributes_are_described_in_the_same_words(cls):
    own, others = described(cls, "Attributes"), described(SASRecEstimator, "Attributes")
    of_times = {"median_gap_", "times_are_dates_"}  # which SASRec alone can read
    assert own.keys() & of_times == (of_times if cls is SASRecEstimator else set())
    assert own == {name: others[name] for name in others.keys() - (of_times - own.keys())}


@backbones
def test_every_parameter_has_a_constraint(cls):
    assert cls().get_params(deep=False).keys() <= cls._parameter_constraints.keys()


# Losses.


@pytest.fixture
def counts(monkeypatch):
    """Counts that each fit gives to its loss."""
    seen, build = [], Softmax.build

    def remember(self, counts):
        seen.append(counts)
        return build(self, counts)

    monkeypatch.setattr(Softmax, "build", remember)
    return seen


ALL, TRAIN, LAST = list(range(10)), [0, 1, 2, 4, 5, 7, 9], [3, 6, 8]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("parameters", "rows", "expected"),
    [
        ({}, ALL, [3, 3, 2, 1, 1]),
        ({"early_stopping": True}, ALL, [1, 3, 2, 1]),  # dew is held out, hence cold
        ({}, TRAIN, [1, 3, 2, 1]),
        ({"item_table": TrainableTable(cold_items="negatives")}, TRAIN, [1, 3, 2, 0, 1, 0]),
    ],
)
def test_negatives_are_counted_in_the_rows_that_are_learned(
    small_log, counts, parameters, rows, expected
):
    GRU4RecEstimator(**(QUICK | parameters)).fit(small_log[rows])
    assert [found.learned.tolist() for found in counts] == [expected]


def test_rivals_of_the_batch_are_corrected_by_how_often_they_are_targets(counts):
    """First events are in the log, but no target: [0, x] with every x alike."""
    X = Interactions.from_sequences([[0, 1 + user % 4] for user in range(40)])
    GRU4RecEstimator(**QUICK).fit(X)
    assert counts[0].asked.tolist() == [0, 10, 10, 10, 10]
    assert counts[0].learned.tolist() == [40, 10, 10, 10, 10]


def test_first_events_do_not_weigh_on_rivals_of_the_batch(training_seed, margin):
    """After 0 the items 1 to 4 are equally likely; 1 is often a first event as well."""
    X = Interactions.from_sequences([*([0, 1 + user % 4] for user in range(60)), *[[1, 5]] * 60])
    model = SASRecEstimator(
        k=1,
        embedding_dim=4,
        n_heads=1,
        n_layers=1,
        dropout=0,
        attention_dropout=0,
        loss=InBatchSoftmax(),
        learning_rate=0.02,
        max_epochs=150,
        batch_size=120,
        early_stopping=False,
        random_state=training_seed,
    ).fit(X)
    margin(np.ptp(model.decision_function([[0]])[0, 1:5]), below=0.5)  # 1.1 if they did


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@backbones
def test_rows_of_weight_0_are_as_good_as_absent(cycle, cls):
    """They are not held out, they stop nothing, and they do not count as learned."""
    _, last = leave_last_out(cycle)
    weights = np.ones(len(cycle))
    weights[last._ends] = 0
    parameters = QUICK | {"early_stopping": True, "loss": BCE(draw="popularity")}
    model = cls(**parameters).fit(cycle, sample_weight=weights)
    apart = cls(**parameters).fit(cycle[weights > 0])
    assert model.loss_curve_ == apart.loss_curve_
    assert model.validation_scores_ == apart.validation_scores_
    np.testing.assert_array_equal(model.item_vectors_, apart.item_vectors_)
    np.testing.assert_array_equal(model.is_cold_, apart.is_cold_)


@backbones
@pytest.mark.minutes
def test_weights_that_vanish_beside_the_largest_are_0(cycle, cls):
    weights = np.where(np.arange(len(cycle)) < 20, np.exp(-120.0), 1.0)
    parameters = QUICK | {"batch_size": 1, "max_epochs": 1}
    model = cls(**parameters).fit(cycle, sample_weight=weights)
    apart = cls(**parameters).fit(cycle, sample_weight=np.round(weights))
    np.testing.assert_array_equal(model.item_vectors_, apart.item_vectors_)
    tiny = cls(**parameters).fit(cycle, sample_weight=np.full(len(cycle), 1e-50))
    plain = cls(**parameters).fit(cycle)
    np.testing.assert_array_equal(tiny.item_vectors_, plain.item_vectors_)


@pytest.mark.parametrize("way", ["partial_fit", "warm_start"])
def test_other_features_than_those_of_the_fit_are_refused(cycle, way):
    X = cycle.with_features(np.eye(len(cycle.catalog.item_ids), 8) + 0.1)
    model = SASRecEstimator(**QUICK, item_table=FrozenTable(), warm_start=True).fit(X)
    state = model.item_vectors_.copy()
    other = X.with_features(2 * X.catalog.features)
    text = (
        "the item features are not those of the fit: items that the model knows have other ones "
        "now; transform X with the transformers as they were fitted then, or fit anew with "
        "warm_start=False."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.partial_fit(other) if way == "partial_fit" else model.fit(other)
    np.testing.assert_array_equal(model.item_vectors_, state)
    assert np.isfinite(model.fit(X).item_vectors_).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_without_features_cold_items_are_not_scored(small_log):
    catalog = Catalog(small_log.catalog.item_ids)
    X = Interactions(small_log.users, small_log.items, small_log.timestamps, catalog=catalog)
    ids = SASRecEstimator(**QUICK, item_table=IDTable()).fit(X).decision_function(X[1:3])
    scores = SASRecEstimator(**QUICK).fit(X).decision_function(X[1:3])
    np.testing.assert_array_equal(scores, ids)
    assert np.isneginf(scores[:, 5]).all()  # fig is in no row


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_counts_of_new_events_join_those_of_earlier_ones(small_log, counts, method):
    model = GRU4RecEstimator(**QUICK, warm_start=True).fit(small_log[TRAIN])
    getattr(model, method)(small_log[LAST])
    # A warm start counts the rows of its own X; items that were learned before still compete.
    assert (
        counts[1].learned.tolist()
        == {"partial_fit": [3, 3, 2, 1, 1], "fit": [2, 0, 0, 1, 0]}[method]
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("cls", "draw"),
    [
        pytest.param(c, draw, marks=[pytest.mark.minutes] * (c is not SASRecEstimator and i > 0))
        for c in BACKBONES
        for i, draw in enumerate(["popularity", "uniform", "in_batch"])
    ],
)
def test_held_out_rows_are_not_learned_from(cycle, cls, draw):
    X, last = leave_last_out(cycle)
    parameters = {"early_stopping": True, "loss": BCE(3, draw=draw)}
    model = cls(**(QUICK | parameters)).fit(cycle)
    apart = cls(**(QUICK | parameters)).fit(X, X_val=last)
    assert model.loss_curve_ == apart.loss_curve_
    assert model.validation_scores_ == apart.validation_scores_
    np.testing.assert_array_equal(model.item_vectors_, apart.item_vectors_)


# Item tables that change how vectors pass, or what is known.


class TwoViews(ItemTable):
    """A third party's table whose halves pass the encoder one after the other."""

    def encoder_width(self, width):
        return width // 2

    def build(self, features, *, is_cold, **_sizes):
        items = TrainableItems(torch.tensor(features), is_cold)
        items.encode = lambda encoder, x: torch.cat([encoder(v) for v in x.chunk(2, 2)], dim=2)
        return items


@backbones
def test_a_table_of_two_views_passes_each_through_an_encoder_of_half_the_width(cycle, cls):
    model = cls(item_table=TwoViews(), **QUICK).fit(cycle)
    assert model.encode(cycle[3:9]).shape == (6, 8)
    assert model._fitted_network().encoder(*inputs_of(model, width=4)).shape == (1, 2, 4)
    again = clone(model).fit(cycle)
    np.testing.assert_array_equal(again.item_vectors_, model.item_vectors_)


def inputs_of(model, width):
    question = model._fitted_network().layout.question(torch.zeros(1, 2).long(), torch.tensor([2]))
    x = torch.zeros(1, question.items.shape[1], width)
    return (x[:, :2], *(v[:, :2] if v.ndim == 2 else v for v in question.context.values()))


@pytest.mark.parametrize("cls", [SASRecEstimator, BERT4RecEstimator])
def test_heads_must_divide_the_width_of_the_encoder(cycle, cls):
    text = (
        "n_heads=8 does not divide the width 4; choose another n_heads, or another width: "
        "embedding_dim, or n_components of a step that makes the item vectors."
    )
    assert cls(n_heads=8, **QUICK).fit(cycle).item_vectors_.shape == (7, 8)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        cls(n_heads=8, item_table=TwoViews(), **QUICK).fit(cycle)


class KnowsOnlyLearned(TrainableTable):
    """A table that knows nothing of cold items."""

    scores_cold = False


@backbones
@pytest.mark.parametrize("is_cold_scored", [True, False])
def test_cold_items_are_scored_if_the_table_knows_them(small_log, cls, is_cold_scored):
    table = TrainableTable() if is_cold_scored else KnowsOnlyLearned()
    model = cls(item_table=table, **QUICK).fit(small_log.with_features(np.eye(6)))
    scores = model.decision_function([["ash", "bay"]])[0]
    fig = model.item_ids_.tolist().index("fig")
    assert np.isfinite(np.delete(scores, fig)).all()
    assert np.isfinite(scores[fig]) == is_cold_scored


class IdsOnly(TrainableTable):
    """A table that leaves features aside and looks at ids."""

    reads_features = False
    needs_item_ids = True

    def build(self, features, *, item_ids, n_items, width, is_cold, generator):
        assert features is None
        assert len(item_ids) == n_items
        vectors = torch.randn(n_items, width, generator=generator)
        vectors[:, 0] = torch.as_tensor(item_ids % 10)
        return TrainableItems(vectors, is_cold)


@pytest.mark.parametrize("features", [None, np.eye(7), "texts"], ids=["none", "matrix", "texts"])
def test_a_table_that_leaves_features_aside_learns_the_same_with_and_without(cycle, features):
    ids = cycle.catalog.item_ids
    if isinstance(features, str):
        features = np.array([f"item {number}" for number in ids])
    X = Interactions(cycle.users, cycle.items, cycle.timestamps, catalog=Catalog(ids, features))
    model = SASRecEstimator(item_table=IdsOnly(), embedding_dim=6, **QUICK).fit(X)
    assert model.n_item_features_ is None
    plain = Interactions(cycle.users, cycle.items, cycle.timestamps)
    other = SASRecEstimator(item_table=IdsOnly(), embedding_dim=6, **QUICK).fit(plain)
    np.testing.assert_array_equal(model.item_vectors_, other.item_vectors_)


# What is fitted.


@backbones
def test_state_is_numpy_and_plain_values(fitted, cls):
    model = fitted(cls)
    learned = {name: value for name, value in vars(model).items() if name.endswith("_")}
    assert isinstance(learned.pop("item_table_"), TrainableTable)
    assert {type(value) for value in learned.values()} == {np.ndarray, dict, int, list}
    assert {type(v) for v in model.encoder_state_.values()} == {np.ndarray}
    assert {v.dtype for v in model.encoder_state_.values()} == {np.dtype(np.float32)}
    assert {type(v) for v in model.loss_curve_} == {float}
    assert model.item_vectors_.dtype == np.float32
    assert model.item_vectors_ is model.item_table_state_["weight"]


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        *((cls, name) for cls in BACKBONES for name in ("max_length", "n_layers")),
        (SASRecEstimator, "n_heads"),
        (BERT4RecEstimator, "n_heads"),
        (GRU4RecEstimator, "hidden_dim"),
    ],
)
def test_another_network_cannot_be_trained_on(cycle, fitted, cls, name):
    model = fitted(cls)
    before = getattr(model, name)
    text = f"{name}=7, but the fitted network, which is to be trained on, has {name}={before!r};"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        model.set_params(**{name: 7}).partial_fit(cycle)


@one_backbone
def test_the_loss_falls(cycle, cls, training_seed, margin):
    parameters = {"max_epochs": 25, "learning_rate": 0.01, "dropout": 0.1}
    curve = cls(**(QUICK | parameters | {"random_state": training_seed})).fit(cycle).loss_curve_
    margin(np.mean(curve[-3:]) / curve[0], below=0.9)


@backbones
def test_an_untrained_model_costs_the_logarithm_of_the_number_of_items(cycle, cls):
    X = Interactions(cycle.users, cycle.items, cycle.timestamps)
    parameters = QUICK | {"max_epochs": 1, "learning_rate": 1e-9, "embedding_dim": 8}
    parameters |= {"precision": "float32"}
    if cls is BERT4RecEstimator:  # the mean is over the rows that an epoch is expected to ask for
        parameters |= {"mask_ratio": 1.0, "finetune_ratio": 0.0}
    model = cls(item_table=TrainableTable(init_std=1e-6), **parameters).fit(X)
    assert model.loss_curve_[0] == pytest.approx(np.log(7), rel=1e-5)


def test_features_that_float32_cannot_hold_are_refused(cycle):
    features = np.ones((len(cycle.catalog.item_ids), 4))
    features[3, 2] = -1e60
    text = (
        "the item features reach 1e+60, which float32 cannot hold; scale them first, for example "
        "with OnItems(GlobalScaler())."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        SASRecEstimator(**QUICK).fit(cycle.with_features(features))


def test_a_wrong_handle_unknown_is_found_when_it_is_asked(fitted):
    model = fitted(SASRecEstimator).set_params(handle_unknown="skip")
    text = "handle_unknown must be 'error' or 'ignore', got 'skip'."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.predict([[1, 999]])
