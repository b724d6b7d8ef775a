"""State that earlier code wrote, completed with what has come since."""
# SPDX-License-Identifier: BSD-3-Clause

import inspect
from typing import Any

__all__ = ["OldStateMixin"]


class OldStateMixin:
    """Give estimators from old files the defaults of parameters that are newer.

    This base class comes before ``BaseEstimator``, whose ``__setstate__`` sets attributes as they
    are.
    """

    def __setstate__(self, state: dict[str, Any]) -> None:
        parameters = inspect.signature(type(self).__init__).parameters.values()
        defaults = {
            parameter.name: parameter.default
            for parameter in parameters
            if parameter.default is not parameter.empty
        }
        super().__setstate__(defaults | state)  # type: ignore[misc]
