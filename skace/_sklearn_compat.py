"""The only door to scikit-learn names that are private or experimental."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sklearn.callback import CallbackSupportMixin
from sklearn.utils._param_validation import (
    HasMethods,
    Hidden,
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.metaestimators import _BaseComposition as BaseComposition

__all__ = [
    "BaseComposition",
    "CallbackSupportMixin",
    "HasMethods",
    "Hidden",
    "Interval",
    "InvalidParameterError",
    "Options",
    "StrOptions",
    "fit_context",
    "validate_parameter_constraints",
    "validate_params",
    "with_callbacks",
]

if TYPE_CHECKING:
    # scikit-learn ships no types, and what an untyped decorator returns has none either.
    F = TypeVar("F", bound=Callable[..., Any])

    def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[F], F]:
        """Check the parameters before a fit."""

    def validate_params(
        parameter_constraints: dict[str, Any], *, prefer_skip_nested_validation: bool
    ) -> Callable[[F], F]:
        """Check the arguments of a function."""

    def with_callbacks(fit_method: F) -> F:
        """Tell callbacks when a fit begins and ends."""

else:
    from sklearn.base import _fit_context as fit_context
    from sklearn.callback import with_callbacks
    from sklearn.utils._param_validation import validate_params
