"""Checks of scikit-learn that hold for recommenders, called directly.

scikit-learn's own runner skips nearly all of them, because rows with a past are no 2-D array.
They live in a public module but are not documented, so this file alone names them; it was
written for scikit-learn 1.9.
"""
# SPDX-License-Identifier: BSD-3-Clause

from functools import partial
from importlib import import_module

__all__ = ["EXPECTED_FAILURES", "SKLEARN_CHECKS"]

_NAMES = {
    "check_estimator_repr": "The repr shows the parameters.",
    "check_no_attributes_set_in_init": "The constructor sets its parameters and nothing else.",
    "check_parameters_default_constructible": "The class can be built without arguments.",
    "check_get_params_invariance": "Shallow parameters are a subset of the deep ones.",
    "check_set_params": "set_params sets what get_params returns.",
    "check_mixin_order": "Mixins stand before the base estimator.",
    "check_estimator_tags_renamed": "Tags are told by __sklearn_tags__ alone.",
    "check_valid_tag_types": "Tags have the types that scikit-learn expects.",
    "check_estimators_unfitted": "Predicting before fitting raises NotFittedError.",
    "check_positive_only_tag_during_fit": "Negative numbers are accepted unless the tags say no.",
    "check_do_not_raise_errors_in_init_or_set_params": "Parameters are checked in fit, not before.",
    "check_estimator_cloneable": "The estimator can be cloned.",
}

# These hold for every recommender; they are run, and must go on failing.
EXPECTED_FAILURES = {
    "check_positive_only_tag_during_fit": "The check fits a 2-D array, which recommenders refuse.",
}


def _call(estimator, data, *, name):  # noqa: ARG001 - all checks are called alike
    """Run the check of this name."""
    # scikit-learn's checks import pytest where it is installed, so they wait until they run.
    module = import_module("sklearn.utils.estimator_checks")
    getattr(module, name)(type(estimator).__name__, estimator)


def _named(name, purpose):
    """Check function that carries name and purpose."""
    check = partial(_call, name=name)
    check.__name__ = name
    check.__doc__ = purpose
    return check


SKLEARN_CHECKS = tuple(_named(name, purpose) for name, purpose in _NAMES.items())
