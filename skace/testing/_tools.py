"""What checks are written with."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from contextlib import contextmanager

import numpy as np
from sklearn.base import clone

__all__ = [
    "assert_same_answers",
    "assert_same_scores",
    "fitted",
    "has_parameter",
    "must_raise",
    "predicted",
    "require",
    "require_scores",
    "unfitted",
]

# What a fitted model may differ by when the same question is put in another way.
TOLERANCE = 1e-5


def require(condition, message):
    """Raise an AssertionError with the message unless the condition holds."""
    if not condition:
        raise AssertionError(message)


def require_scores(scores, model, what):
    """Fail unless scores are finite; cold items may be -inf, all of them in every row."""
    is_cold = model.item_counts_ == 0
    require(np.isfinite(scores[:, ~is_cold]).all(), f"{what} must be finite.")
    of_cold = scores[:, is_cold]
    require(
        np.isneginf(of_cold).all() or np.isfinite(of_cold).all(),
        f"{what} of cold items must be all finite or all -inf.",
    )


@contextmanager
def must_raise(error, what, mentions=""):
    """Fail unless the block raises ``error`` with a text that mentions something."""
    try:
        yield
    except error as raised:
        require(
            mentions in str(raised),
            f"{what} must raise an error that mentions {mentions!r}, got: {raised}",
        )
        return
    except Exception as raised:
        message = f"{what} must raise {error}, got {type(raised).__name__}: {raised}"
        raise AssertionError(message) from raised
    raise AssertionError(f"{what} must raise {error}, but nothing was raised.")


def has_parameter(estimator, name):
    """Whether the constructor has a parameter."""
    return name in estimator.get_params(deep=False)


def unfitted(estimator, **parameters):
    """Clone with k=4, a fixed seed and other parameters set."""
    model = clone(estimator).set_params(**({"k": 4} | parameters))
    if has_parameter(model, "random_state") and "random_state" not in parameters:
        model.set_params(random_state=0)
    return model


def fitted(estimator, X, **parameters):
    """Such a clone, fitted on X."""
    return unfitted(estimator, **parameters).fit(X)


def predicted(model, X):
    """Lists of the model; that they hold items which may not be recommended is fine here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*that may be recommended", UserWarning)
        return model.predict(X)


def assert_same_scores(actual, expected, what, *, atol=TOLERANCE):
    """Fail unless two arrays of scores agree."""
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE, atol=atol, err_msg=what)


def assert_same_answers(model, other, X, what):
    """Fail unless two fitted models have the same columns and scores."""
    np.testing.assert_array_equal(model.item_ids_, other.item_ids_, err_msg=what)
    assert_same_scores(model.decision_function(X), other.decision_function(X), what)
