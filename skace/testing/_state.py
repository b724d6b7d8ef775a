"""Checks of state: seeds, copies, files, and what must not be in them."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import io
import os
import pickle
import random
import sys

import joblib
import numpy as np
from sklearn.base import clone

from skace.testing._data import doubled_log
from skace.testing._lacking import answers_lists
from skace.testing._tools import assert_same_answers, fitted, require, unfitted

__all__ = ["STATE_CHECKS"]


def check_same_seed_same_model(estimator, data):
    """Two fits with the same seed agree to the bit."""
    scores = fitted(estimator, data.X).decision_function(data.X)
    again = fitted(estimator, data.X).decision_function(data.X)
    np.testing.assert_array_equal(again, scores)


def check_globals_are_left_alone(estimator, data):
    """Neither fit nor predict touches a global generator, the environment or torch's set-up."""
    fitted(estimator, data.X)  # what is imported on first use is imported now
    before = _globals()
    model = fitted(estimator, data.X)
    model.partial_fit(data.X)
    model.predict(data.X)
    model.score(data.X)
    for (name, value), now in zip(before.items(), _globals().values(), strict=True):
        require(value == now, f"{name} has been changed.")


@answers_lists
def check_input_is_not_changed(estimator, data):
    """Neither fit nor predict writes into what it is given."""
    histories, weights = data.histories, np.ones(len(data.X))
    arrays = _arrays_of(data.X)
    before = copy.deepcopy([histories, weights, arrays])
    model = unfitted(estimator).fit(data.X, sample_weight=weights)
    model.partial_fit(data.X_test)
    for name in ("predict", "recommend", "decision_function", "encode"):
        if hasattr(model, name):
            getattr(model, name)(data.X)
            getattr(model, name)(histories)
    model.set_params(exclude_seen=True).score(data.X, sample_weight=weights)
    for now, then in zip(_flat([histories, weights, arrays]), _flat(before), strict=True):
        np.testing.assert_array_equal(now, then, err_msg="the input was changed")


def check_read_only_input_is_accepted(estimator, data):
    """Arrays that may not be written to, as joblib gives them to workers, are no obstacle."""
    for array in _arrays_of(data.X):
        array.flags.writeable = False
    model = fitted(estimator, data.X)
    require(model.score(data.X) >= 0, "score of read-only rows must work.")


def check_clones_are_unfitted(estimator, data):
    """A clone has the parameters and nothing learned."""
    model = fitted(estimator, data.X)
    copied = clone(model)
    learned = [name for name in vars(copied) if name.endswith("_")]
    require(not learned, f"a clone must be unfitted, but has {learned}.")
    require(repr(copied) == repr(model), "a clone must have the same parameters.")


def check_copies_answer_alike(estimator, data):
    """Copy, deepcopy, pickle and joblib keep the answers; a copy leads a life of its own."""
    model = fitted(estimator, data.X_train)
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    copies = {
        "copy": copy.copy(model),
        "deepcopy": copy.deepcopy(model),
        "pickle": pickle.loads(pickle.dumps(model)),  # noqa: S301 - our own bytes
        "joblib": joblib.load(file),
    }
    for name, copied in copies.items():
        assert_same_answers(copied, model, data.X, f"{name} and original")
        np.testing.assert_array_equal(copied.predict(data.X), model.predict(data.X))
    before = model.decision_function(data.X)
    for copied in copies.values():
        copied.partial_fit(data.X_test)
    np.testing.assert_array_equal(model.decision_function(data.X), before)


def check_fitted_models_have_a_repr(estimator, data):
    """Text and HTML representations work before and after fit."""
    model = unfitted(estimator)
    text = repr(model)
    model.fit(data.X)
    require(repr(model) == text, "fit must not change the repr.")
    require(type(model).__name__ in model._repr_html_(), "the HTML repr must name the class.")


def check_files_hold_no_user_ids(estimator, data):
    """No user id is in a pickle of the fitted model."""
    content = pickle.dumps(fitted(estimator, data.X))
    found = [
        user
        for user in np.unique(data.X.users).tolist()
        # numpy stores str arrays as UTF-32, Python as UTF-8
        if user.encode() in content or user.encode(f"utf-32-{sys.byteorder[0]}e") in content
    ]
    require(not found, f"a pickle of the fitted model holds user ids: {found[:3]}.")


def check_files_hold_no_histories(estimator, data):
    """A pickle of the fitted model does not grow with users who do what others do."""
    small = doubled_log(data.X)
    large = doubled_log(small)
    n_new = len(large) - len(small)
    growth = len(pickle.dumps(fitted(estimator, large))) - len(
        pickle.dumps(fitted(estimator, small))
    )
    # Loss curves may differ by an epoch or two; a history takes at least a byte per event.
    require(
        growth < n_new,
        f"{n_new} more events of users who do what others do made the pickle {growth} bytes "
        "larger; a model must not keep histories.",
    )


def _globals():
    """What a fit must leave as it is, comparable."""
    state = {
        "numpy's generator": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "Python's generator": random.getstate(),
        "numpy's error handling": np.geterr(),
        "the environment": dict(os.environ),
        "the working folder": os.getcwd(),  # noqa: PTH109 - compared only
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        state |= {
            "torch's generator": torch.get_rng_state().numpy().tobytes(),
            "torch's number of threads": torch.get_num_threads(),
            "torch's default dtype": torch.get_default_dtype(),
            "torch's gradient mode": torch.is_grad_enabled(),
            "torch's determinism": torch.are_deterministic_algorithms_enabled(),
        }
    return state


def _arrays_of(X):
    """The arrays behind rows."""
    log = X._log
    arrays = [log.items, log.offsets, log.timestamps, log.user_ids, log.source, X._ends]
    features = [] if X.catalog.features is None else [X.catalog.features]
    return [*arrays, X.catalog.item_ids, *features]


def _flat(parts):
    """Histories, weights and arrays as one list of arrays."""
    histories, weights, arrays = parts
    return [*histories, weights, *arrays]


STATE_CHECKS = (
    check_same_seed_same_model,
    check_globals_are_left_alone,
    check_input_is_not_changed,
    check_read_only_input_is_accepted,
    check_clones_are_unfitted,
    check_copies_answer_alike,
    check_fitted_models_have_a_repr,
    check_files_hold_no_user_ids,
    check_files_hold_no_histories,
)
