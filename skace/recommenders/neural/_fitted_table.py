"""Item tables of fitted networks: kept as they were built, and refused when changed."""
# SPDX-License-Identifier: BSD-3-Clause

import joblib
import numpy as np
from sklearn.frozen import FrozenEstimator

__all__ = ["check_same_parameters", "check_same_table"]


def check_same_table(table, fitted):
    """Raise if an item table asks for another module than the fitted one.

    Parameters
    ----------
    table : ItemTable
        What the parameter says now.

    fitted : ItemTable
        Copy of what it said when the network was built.

    Raises
    ------
    ValueError
        If they differ in their class, or in a parameter, which is then named.
    """
    check_same_parameters("item_table", table, fitted)


def check_same_parameters(parameter, wanted, fitted):
    """Raise if an object that a network was built with is asked to be another one.

    Parameters
    ----------
    parameter : str
        Name of the parameter that takes the object.

    wanted : object
        What the parameter says now.

    fitted : object
        Copy of what it said when the network was built.

    Raises
    ------
    ValueError
        If they differ in their class, or in a parameter, which is then named.
    """
    if type(wanted) is not type(fitted):
        _refuse(parameter, wanted, fitted)
    if not hasattr(wanted, "get_params"):
        return
    was = fitted.get_params()
    for name, value in wanted.get_params().items():
        if name not in was or not _is_same(value, was[name]):
            _refuse(f"{parameter}__{name}", value, was.get(name))


def _is_same(value, other):
    """Whether two parameter values are equal; estimators are compared by their parameters."""
    if isinstance(value, FrozenEstimator) or isinstance(other, FrozenEstimator):
        return _unfrozen(value) is _unfrozen(other)
    if hasattr(value, "get_params"):
        return type(value) is type(other)
    if isinstance(value, (list, tuple)) and isinstance(other, (list, tuple)):
        # The steps of a pipeline; what is in them is compared by its own parameters.
        return len(value) == len(other) and all(map(_is_same, value, other))
    if value is other or np.array_equal(value, other):
        return True
    # What knows no equality, such as a splitter, is compared by what it holds.
    return type(value) is type(other) and joblib.hash(value) == joblib.hash(other)


def _unfrozen(value):
    return value.estimator if isinstance(value, FrozenEstimator) else value


def _shown(value):
    """Value as one line of text."""
    return " ".join(repr(value).split())


def _refuse(name, value, fitted):
    raise ValueError(
        f"{name}={_shown(value)}, but the fitted network, which is to be trained on, has "
        f"{name}={_shown(fitted)}; set it back, or fit anew with warm_start=False."
    )
