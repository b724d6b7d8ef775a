"""Checks that a network does not see what it is asked for."""
# SPDX-License-Identifier: BSD-3-Clause

from unittest import SkipTest

from skace.testing._tools import fitted, require

__all__ = ["FORESIGHT_CHECKS"]


def check_no_state_sees_what_it_is_asked_for(estimator, data):
    """Neither before training nor after it does a place of a window see its own answer."""
    model = fitted(estimator, data.X)  # which looks at the network before training
    if not hasattr(model, "_foresight"):
        raise SkipTest(f"{type(model).__name__} is no network.")
    found = model._foresight()
    require(
        found is None,
        f"after training the state at place {getattr(found, 'place', None)} of a window of "
        f"{getattr(found, 'length', None)} events changes with what it is asked for.",
    )


FORESIGHT_CHECKS = (check_no_state_sees_what_it_is_asked_for,)
