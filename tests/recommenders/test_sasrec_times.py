"""SASRecEstimator(positions="time"): whose times are read, in what unit, and what lacks them."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
import re

import numpy as np
import pytest

from skace import Catalog, Interactions, SASRecEstimator, leave_last_out
from skace.item_tables import DualViewTable
from skace.recommenders import MELTEstimator, SeedEnsemble, VotingRecommender
from skace.recommenders.neural._event_times import median_gap

QUICK = {
    "k": 2,
    "positions": "time",
    "n_layers": 1,
    "n_heads": 2,
    "max_length": 5,
    "max_epochs": 2,
    "batch_size": 8,
    "learning_rate": 0.01,
    "early_stopping": False,
    "random_state": 0,
}
RNG = np.random.default_rng(0)
USERS = np.repeat(np.arange(12), 7)
ITEMS = np.cumsum(RNG.integers(1, 6, size=USERS.size)) % 6  # none twice in a row
# Whole seconds, from one to many, with ties.
SECONDS = np.cumsum((2.0 ** RNG.integers(-1, 12, size=USERS.size)).astype(np.int64)) + 10**9
VECTORS = RNG.standard_normal((6, 8)) / 3


def log_at(times):
    return Interactions(USERS, ITEMS, times, catalog=Catalog(np.arange(6), VECTORS))


@pytest.fixture(scope="module")
def log():
    return log_at(SECONDS)


@pytest.fixture(scope="module")
def fitted(log):
    return SASRecEstimator(**QUICK).fit(log)


@pytest.mark.parametrize(
    "times",
    [
        SECONDS * 1000,
        SECONDS + 12_345,
        SECONDS / 3600,
        SECONDS.astype("M8[s]"),
        (SECONDS - 10**9).astype("M8[s]").astype("M8[ns]"),
    ],
    ids=["milliseconds", "later", "hours", "dates", "dates at another time"],
)
def test_neither_the_unit_of_times_nor_their_origin_matters(log, fitted, times):
    other = log_at(times)
    found = SASRecEstimator(**QUICK).fit(other).decision_function(other.next_queries())
    np.testing.assert_array_equal(found, fitted.decision_function(log.next_queries()))


def test_the_unit_is_the_median_gap_of_training_rows(log, fitted):
    gaps = np.diff(SECONDS.reshape(12, 7), axis=1)
    assert fitted.median_gap_ == np.median(gaps[gaps > 0])
    assert fitted.times_are_dates_ is False
    train, _ = leave_last_out(log)
    gaps = gaps[:, :-1]
    assert SASRecEstimator(**QUICK).fit(train).median_gap_ == np.median(gaps[gaps > 0])
    dates = log_at(SECONDS.astype("M8[s]"))
    in_days = SASRecEstimator(**QUICK).fit(dates)
    assert in_days.median_gap_ == pytest.approx(fitted.median_gap_ / 86_400)
    assert in_days.times_are_dates_ is True


@pytest.mark.parametrize(
    ("times", "rows", "expected"),
    [
        ([0, 1, 5, 0, 3], [0, 1, 2, 3, 4], 3.0),  # the gaps 1, 4 and 3; not that between users
        ([0, 1, 5, 0, 3], [2], 4.0),
        ([0, 0, 5, 2, 2], [0, 1, 2, 3, 4], 5.0),  # ties are no gaps
        ([7, 7, 7, 7, 7], [0, 1, 2, 3, 4], 1.0),
        ([0, 1, 5, 0, 3], [0, 3], 1.0),
    ],
)
def test_the_median_is_over_gaps_before_rows(times, rows, expected):
    is_row = np.isin(np.arange(5), rows)
    # Between the two users is one without events.
    assert median_gap(np.array(times, dtype=float), np.array([0, 3, 3, 5]), is_row) == expected


@pytest.mark.parametrize("block", ["post", "hstu"])
def test_answers_depend_on_the_gaps_of_the_history(log, block):
    model = SASRecEstimator(**QUICK, block=block).fit(log)
    stretched = log_at(np.where(USERS < 6, SECONDS, 50 * SECONDS))
    one, other = (model.decision_function(X.next_queries()) for X in (log, stretched))
    np.testing.assert_array_equal(other[:6], one[:6])
    assert (np.abs(other[6:] - one[6:]).max(axis=1) > 1e-7).all()


def test_a_row_is_answered_without_its_own_time(log, fitted):
    """Nobody knows when the next event comes."""
    is_last = np.append(np.diff(USERS) > 0, True)
    later = log_at(SECONDS + 10**6 * is_last)
    for X in (log, later):
        scores = fitted.decision_function(X[is_last])
        np.testing.assert_array_equal(scores, fitted.decision_function(log[is_last]))


MELT = {"user_threshold": 4, "item_threshold": 3, "max_epochs": 2}
WRAPPED = {
    "itself": SASRecEstimator,
    "melt": lambda **own: MELTEstimator(SASRecEstimator(**own), k=2, **MELT),
    "melt, through": lambda **own: MELTEstimator(
        SASRecEstimator(**own), k=2, contexts="through", **MELT
    ),
    "two views": lambda **own: SASRecEstimator(**own, embedding_dim=8, item_table=DualViewTable()),
    "votes": lambda **own: VotingRecommender([("a", SASRecEstimator(**own))], k=2),
    "seeds": lambda **own: SeedEnsemble(SASRecEstimator(**own), n_members=2, k=2, random_state=0),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_wrappers_hand_times_on(log, name):
    model = WRAPPED[name](**QUICK).fit(log)
    assert model.predict(log.next_queries()).shape == (12, 2)
    stretched = log_at(50 * SECONDS)
    one, other = (model.decision_function(X.next_queries()) for X in (log, stretched))
    assert (one != other).any(axis=1).all()
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.decision_function(log.next_queries()), one)
    with pytest.raises(ValueError, match='positions="time" needs timestamps, but X has none'):
        model.predict([[1, 2]])


def test_training_goes_on_in_the_unit_of_the_first_fit(log):
    model = SASRecEstimator(**QUICK | {"warm_start": True}).fit(log)
    was = model.median_gap_
    for learn in (model.partial_fit, model.fit):
        assert learn(log_at(7 * SECONDS)).median_gap_ == was
    anew = model.set_params(warm_start=False, positions="relative").fit(log)
    assert not hasattr(anew, "median_gap_")
    assert anew.predict([[1, 2]]).shape == (1, 2)


def test_the_fitted_network_answers_whatever_the_parameter_says_now(log, fitted):
    expected = fitted.decision_function(log)
    other = pickle.loads(pickle.dumps(fitted)).set_params(positions="absolute")
    np.testing.assert_array_equal(other.decision_function(log), expected)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("again", [False, True])
def test_early_stopping_watches_rows_with_their_times(log, again):
    own = {"early_stopping": True, "train_on_held_out": again}
    model = SASRecEstimator(**QUICK | own).fit(log)
    assert len(model.validation_scores_) == 2
    gaps = np.diff(SECONDS.reshape(12, 7), axis=1)
    learned = gaps if again else gaps[:, :-1]
    assert model.median_gap_ == np.median(learned[learned > 0])


NONE = (
    'positions="time" needs timestamps, but {} has none; pass Interactions with timestamps, or fit '
    'with positions="relative".'
)
KIND = (
    'positions="time" was fitted with timestamps that are {}, but those of {} are {}; convert them.'
)


def test_a_log_without_times_is_refused_before_any_work(log, monkeypatch):
    monkeypatch.setattr(SASRecEstimator, "_fit_rows", None)
    model, bare = SASRecEstimator(**QUICK), log_at(None)
    some, dates = log[USERS < 6], log_at(SECONDS.astype("M8[s]"))
    for text, fit in [
        (NONE.format("X"), lambda: model.fit(bare)),
        (NONE.format("X"), lambda: model.fit([[1, 2], [2, 3]])),
        (NONE.format("X"), lambda: model.partial_fit(bare)),
        (NONE.format("X_val"), lambda: model.fit(some, X_val=bare[USERS > 5])),
        (
            KIND.format("numbers", "X_val", "datetimes"),
            lambda: model.fit(some, X_val=dates[USERS > 5]),
        ),
        (NONE.format("X"), lambda: MELTEstimator(model, k=2).fit(bare)),
    ]:
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            fit()


@pytest.mark.parametrize("method", ["predict", "recommend", "decision_function", "score", "encode"])
def test_what_lacks_times_is_not_answered(fitted, method):
    with pytest.raises(ValueError, match=f"^{re.escape(NONE.format('X'))}$"):
        getattr(fitted, method)([[1, 2, 3], [2]])


def test_an_empty_history_needs_no_times(fitted):
    assert fitted.predict([[]]).shape == (1, 2)


def test_times_of_another_kind_are_refused(log, fitted):
    dates = log_at(SECONDS.astype("M8[s]"))
    with pytest.raises(ValueError, match=re.escape(KIND.format("numbers", "X", "datetimes"))):
        fitted.predict(dates)
    model = pickle.loads(pickle.dumps(fitted))
    with pytest.raises(ValueError, match=re.escape(KIND.format("numbers", "X", "datetimes"))):
        model.partial_fit(dates)
    in_days = SASRecEstimator(**QUICK).fit(dates)
    with pytest.raises(ValueError, match=re.escape(KIND.format("datetimes", "X", "numbers"))):
        in_days.predict(log)


def test_other_positions_are_told_no_times(log, monkeypatch):
    from skace._torch import _batches

    told, make = [], _batches.DeviceLog.__init__

    def remember(self, *args, **options):
        make(self, *args, **options)
        told.append(self.times)

    monkeypatch.setattr(_batches.DeviceLog, "__init__", remember)
    SASRecEstimator(**QUICK | {"positions": "relative"}).fit(log)
    assert told == [None, None]  # of the log, and of what the untrained network is tried on
