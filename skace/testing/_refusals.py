"""Checks of bad input: an error that names it, before any work."""
# SPDX-License-Identifier: BSD-3-Clause

from unittest import SkipTest

import numpy as np
from sklearn.exceptions import NotFittedError

from skace.data import Interactions
from skace.testing._tools import assert_same_scores, fitted, must_raise, require, unfitted

__all__ = ["REFUSAL_CHECKS"]

_ANSWERS = ("predict", "decision_function", "recommend", "encode", "target_ranks", "score")


def _answers_of(model):
    """Methods that answer; `encode` is missing where scores are no inner products."""
    return [name for name in _ANSWERS if name != "encode" or hasattr(model, name)]


def check_unfitted_models_say_so(estimator, data):
    """All methods that answer raise NotFittedError before fit."""
    for name in _answers_of(estimator):
        with must_raise(NotFittedError, f"{name} before fit"):
            getattr(unfitted(estimator), name)(data.X)


def check_every_parameter_is_validated(estimator, data):
    """A senseless value of any parameter raises in fit, naming the parameter."""
    for name in estimator.get_params(deep=False):
        model = unfitted(estimator).set_params(**{name: object()})
        with must_raise(ValueError, f"fit with a senseless {name}", f"'{name}' parameter"):
            model.fit(data.X)


def check_k_beyond_the_catalog_is_refused(estimator, data):
    """More items cannot be asked for than there are."""
    with must_raise(ValueError, "fit with k above the number of items", "k=15"):
        fitted(estimator, data.X, k=15)
    model = fitted(estimator, data.X)
    with must_raise(ValueError, "recommend with k above the number of items", "k=15"):
        model.recommend(data.X, k=15)
    with must_raise(ValueError, "recommend with k=0", "k must"):
        model.recommend(data.X, k=0)


def check_queries_are_refused_where_targets_are_needed(estimator, data):
    """Rows without a target cannot be learned from or scored."""
    queries, model = data.X.next_queries(), fitted(estimator, data.X)
    for method in (unfitted(estimator).fit, model.partial_fit, model.score, model.target_ranks):
        with must_raise(ValueError, f"{method.__name__} of queries", "query rows"):
            method(queries)


def check_frames_are_refused_but_by_fit(estimator, data):
    """A frame that was cut into folds has lost the pasts, so only fit takes frames."""
    try:
        frame = data.X.to_frame()
    except ImportError as error:
        raise SkipTest(str(error)) from error
    model = fitted(estimator, data.X)
    for name in _answers_of(model):
        with must_raise(ValueError, f"{name} of a frame", "Interactions.from_frame"):
            getattr(model, name)(frame)


def check_other_types_are_refused(estimator, data):
    """Arrays, flat lists and single strings are no histories."""
    model = fitted(estimator, data.X)
    ids = data.histories[0]
    codes = np.zeros((3, 2), dtype=np.int64)
    for X, mentions in ((codes, "array"), (ids, "single id"), (ids[0], "string"), (None, "X")):
        for method in (unfitted(estimator).fit, model.predict, model.score):
            with must_raise((ValueError, TypeError), f"{method.__name__} of {X!r}", mentions):
                method(X)


def check_no_rows_cannot_be_learned_from(estimator, data):
    """Fit and score need a row."""
    with must_raise(ValueError, "fit without rows", "no rows"):
        unfitted(estimator).fit(data.X[[]])
    with must_raise(ValueError, "score without rows", "no rows"):
        fitted(estimator, data.X).score(data.X[[]])


def check_ids_of_another_type_are_refused(estimator, data):
    """Integers are not looked up among strings."""
    model = fitted(estimator, data.X)
    other = Interactions.from_sequences([[1, 2, 3], [2, 3]])
    for method in (model.predict, model.target_ranks, model.partial_fit):
        with must_raise(ValueError, f"{method.__name__} of integer ids", "integers"):
            method(other)


def check_errors_leave_the_model_as_it_was(estimator, data):
    """A fit that is refused changes nothing of a fitted model."""
    model = fitted(estimator, data.X)
    before = model.decision_function(data.X)
    for X in (data.X.next_queries(), data.X[[]], data.histories[0]):
        with must_raise(ValueError, "fit of bad input"):
            model.fit(X)
    model.set_params(k=99)
    with must_raise(ValueError, "fit with k=99"):
        model.fit(data.X)
    model.set_params(k=4)
    require(hasattr(model, "item_ids_"), "a refused fit must not unfit the model.")
    assert_same_scores(model.decision_function(data.X), before, "after refused fits", atol=0)


REFUSAL_CHECKS = (
    check_unfitted_models_say_so,
    check_every_parameter_is_validated,
    check_k_beyond_the_catalog_is_refused,
    check_queries_are_refused_where_targets_are_needed,
    check_frames_are_refused_but_by_fit,
    check_other_types_are_refused,
    check_no_rows_cannot_be_learned_from,
    check_ids_of_another_type_are_refused,
    check_errors_leave_the_model_as_it_was,
)
