"""Checks of fit: what it takes, what it sets, what it may look at."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from unittest import SkipTest

import numpy as np

from skace.data import Interactions
from skace.exceptions import FutureLeakageWarning
from skace.testing._data import log_of_rows
from skace.testing._lacking import learns_from
from skace.testing._tools import (
    assert_same_answers,
    fitted,
    has_parameter,
    must_raise,
    require,
    unfitted,
)

__all__ = ["FITTING_CHECKS"]


def check_fit_returns_self(estimator, data):
    """Fit returns the estimator itself."""
    model = unfitted(estimator)
    require(model.fit(data.X) is model, "fit must return self.")


def check_fit_sets_the_common_attributes(estimator, data):
    """Fit sets ids in catalog order and counts of the training rows."""
    model = fitted(estimator, data.X_train)
    ids = data.X.catalog.item_ids
    counts = (data.X_train.items[:, None] == ids).sum(axis=0)
    np.testing.assert_array_equal(model.item_ids_, ids)
    np.testing.assert_array_equal(model.item_counts_, counts)
    require(model.item_counts_.dtype == np.int64, "item_counts_ must be int64.")
    np.testing.assert_allclose(model.popularity_, counts)


def check_fit_leaves_the_parameters(estimator, data):
    """Fit changes no parameter and sets only names that end or begin with an underscore."""
    model = unfitted(estimator)
    before = {name: (value, repr(value)) for name, value in model.get_params(deep=False).items()}
    model.fit(data.X)
    for name, (value, text) in before.items():
        now = getattr(model, name)
        require(now is value and repr(now) == text, f"fit changed the parameter {name}.")
    public = [name for name in vars(model) if name[0] != "_" and name[-1] != "_"]
    added = sorted(set(public) - before.keys())
    require(not added, f"fit set public attributes without a trailing underscore: {added}.")


@learns_from("frames")
def check_fit_accepts_frames(estimator, data):
    """A frame with the standard columns gives the model of the same rows."""
    X = log_of_rows(data.X, catalog=Interactions(data.X.users, data.X.items).catalog)
    try:
        frame = X.to_frame()
    except ImportError as error:
        raise SkipTest(str(error)) from error
    assert_same_answers(fitted(estimator, frame), fitted(estimator, X), X, "frame and rows")


@learns_from("lists")
def check_fit_accepts_lists(estimator, data):
    """A list of sequences is learned from in full."""
    sequences = _sequences_of(data.X)
    model = fitted(estimator, sequences)
    other = fitted(estimator, Interactions.from_sequences(sequences))
    assert_same_answers(model, other, sequences, "lists and rows")


@learns_from("lists")
def check_fit_appends_y_to_lists(estimator, data):
    """With lists, y is one more event of each sequence."""
    sequences = [sequence for sequence in _sequences_of(data.X) if len(sequence) > 1]
    model = unfitted(estimator).fit([s[:-1] for s in sequences], [s[-1] for s in sequences])
    assert_same_answers(model, fitted(estimator, sequences), sequences, "y and whole sequences")


def check_fit_accepts_the_items_as_y(estimator, data):
    """With rows, y may repeat their items and nothing else."""
    model = unfitted(estimator).fit(data.X, data.X.items)
    assert_same_answers(model, fitted(estimator, data.X), data.X, "y=X.items and no y")
    with must_raise(ValueError, "fit with y that differs from X.items", "y differs"):
        unfitted(estimator).fit(data.X, data.X.items[::-1])


def check_repeated_and_reordered_rows_change_nothing(estimator, data):
    """Each event is learned from once, whatever the order and repeats of the rows."""
    order = np.random.RandomState(0).permutation(len(data.X))
    X = data.X[np.concatenate([order, order[:5]])]
    assert_same_answers(
        fitted(estimator, X), fitted(estimator, data.X), data.X, "shuffled, repeated rows"
    )


def check_tied_events_stand_as_in_the_log(estimator, data):
    """Events of one moment are read in the order of the log, not in that of the input."""
    X = data.X.reorder_ties("shuffle", random_state=0)
    written_down = log_of_rows(X)
    model = fitted(estimator, X)
    other = fitted(estimator, written_down)
    assert_same_answers(model, other, written_down, "ties shuffled, and written down so")
    assert_same_answers(
        model, other, X.next_queries(), "queries with ties shuffled, and written down so"
    )


def check_second_fit_equals_first(estimator, data):
    """A second fit starts from nothing."""
    model = fitted(estimator, data.X_train[: len(data.X_train) // 2])
    model.fit(data.X)
    assert_same_answers(model, fitted(estimator, data.X), data.X, "second fit and fresh fit")


def check_left_out_events_do_not_matter(estimator, data):
    """Deleting the events behind a fold that are not its rows changes nothing."""
    X = data.X_train[data.X_train.users < "user-20"]
    model = fitted(estimator, X)
    other = fitted(estimator, log_of_rows(X))
    assert_same_answers(model, other, data.X, "with and without the left-out events in the log")


def check_leak_warning(estimator, data):
    """Rows that enclose an event which is not a row are warned of; other gaps are not."""
    enclosed = np.flatnonzero(data.X.users == data.X.users[np.argmax(_user_sizes(data.X))])[2]
    leaking = data.X[np.delete(np.arange(len(data.X)), enclosed)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted(estimator, leaking)
    texts = [str(w.message) for w in caught if issubclass(w.category, FutureLeakageWarning)]
    require(len(texts) == 1, f"one FutureLeakageWarning is due, got {len(texts)}.")
    require("1 event(s)" in texts[0] and "LeaveLastOut" in texts[0], f"unhelpful: {texts[0]}")
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureLeakageWarning)
        fitted(estimator, data.X_train)
        fitted(estimator, data.X[np.unique(data.X.users, return_index=True)[1][3] :])


def check_constant_weights_change_nothing(estimator, data):
    """Rows of equal weight are rows without weights."""
    model = unfitted(estimator).fit(data.X, sample_weight=np.ones(len(data.X)))
    assert_same_answers(model, fitted(estimator, data.X), data.X, "weights of one and none")


def check_rows_of_weight_zero_do_not_count(estimator, data):
    """A weight of zero takes a row out of the popularity and breaks nothing."""
    weights = (data.X.users < "user-12").astype(np.float64)
    model = unfitted(estimator)
    if has_parameter(model, "batch_size"):
        model.set_params(batch_size=1)  # so that some batches have no weight at all
    model.fit(data.X, sample_weight=weights)
    counted = data.X.items[weights > 0]
    popularity = (counted[:, None] == model.item_ids_).sum(axis=0)
    np.testing.assert_allclose(model.popularity_, popularity)
    require(not np.isnan(model.decision_function(data.X)).any(), "weights of 0 spoil the scores.")


def check_bad_weights_are_refused(estimator, data):
    """Weights must be one per row, finite, not negative and not all zero."""
    n_rows = len(data.X)
    for weights in (np.ones(n_rows - 1), -np.ones(n_rows), np.full(n_rows, np.nan)):
        with must_raise(ValueError, "fit with bad weights", "sample_weight"):
            unfitted(estimator).fit(data.X, sample_weight=weights)
    with must_raise(ValueError, "fit with weights of zero", "sample_weight"):
        unfitted(estimator).fit(data.X, sample_weight=np.zeros(n_rows))


def check_validation_rows_are_accepted(estimator, data):
    """X_val may be rows or their holder, with the same result, but no training rows."""
    model = unfitted(estimator).fit(data.X_train, X_val=data.X_test)
    other = unfitted(estimator).fit(data.X_train, X_val=data.X_test.as_validation())
    assert_same_answers(model, other, data.X, "X_val with and without its holder")
    with must_raise(ValueError, "fit with training rows in X_val", "X_val shares"):
        unfitted(estimator).fit(data.X, X_val=data.X_test)


def check_integer_ids(estimator, data):
    """Integer ids come back as integers."""
    codes = data.X.catalog.row_of(data.X.items)
    catalog = type(data.X.catalog)(np.arange(data.X.n_items) * 10, data.X.catalog.features)
    X = Interactions(data.X.users, codes * 10, data.X.timestamps, catalog=catalog)
    predicted = fitted(estimator, X).predict(X)
    require(predicted.dtype.kind == "i", f"predict gave {predicted.dtype} for integer ids.")
    by_name = fitted(estimator, log_of_rows(data.X)).predict(X=log_of_rows(data.X))
    np.testing.assert_array_equal(data.X.catalog.item_ids[predicted // 10], by_name)


def _sequences_of(X):
    """Items of each user of X as lists."""
    return [X.items[X.users == user].tolist() for user in np.unique(X.users)]


def _user_sizes(X):
    """For each row, the number of rows of its user."""
    return (X.users[:, None] == X.users).sum(axis=1)


FITTING_CHECKS = (
    check_fit_returns_self,
    check_fit_sets_the_common_attributes,
    check_fit_leaves_the_parameters,
    check_fit_accepts_frames,
    check_fit_accepts_lists,
    check_fit_appends_y_to_lists,
    check_fit_accepts_the_items_as_y,
    check_repeated_and_reordered_rows_change_nothing,
    check_tied_events_stand_as_in_the_log,
    check_second_fit_equals_first,
    check_left_out_events_do_not_matter,
    check_leak_warning,
    check_constant_weights_change_nothing,
    check_rows_of_weight_zero_do_not_count,
    check_bad_weights_are_refused,
    check_validation_rows_are_accepted,
    check_integer_ids,
)
