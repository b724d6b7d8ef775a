"""The checks as pytest tests."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from sklearn.base import BaseEstimator

from skace.testing._runner import expected_failures_of, recommender_checks

if TYPE_CHECKING:
    import pytest

__all__ = ["parametrize_with_checks"]


ExpectedFailures: TypeAlias = Mapping[str, str]  # reason by the name of the check


def parametrize_with_checks(
    estimators: Iterable[BaseEstimator],
    *,
    n_features: int | None = 8,
    texts: bool = False,
    expected_failed_checks: ExpectedFailures
    | Callable[[BaseEstimator], ExpectedFailures]
    | None = None,
) -> "pytest.MarkDecorator":
    """Decorate a test so that it runs once per estimator and check.

    Parameters
    ----------
    estimators : list of SequentialRecommender
        Instances with parameters for fast fits.

    n_features : int or None, default=8
        Width of the item features of the data; None for no features.

    texts : bool, default=False
        Whether the items of the data have texts instead of such features, for recommenders that
        read them.

    expected_failed_checks : callable, dict of str to str or None, default=None
        For each check that is known to fail, a sentence that says why. A callable gets the
        estimator and returns such a dict. These tests are marked as strict expected failures, so
        one that passes is an error.

    Returns
    -------
    decorator : pytest.MarkDecorator
        For a test with the arguments ``estimator`` and ``check``.

    Raises
    ------
    ValueError
        If an expected failure names an unknown check, or its reason is not a sentence.

    See Also
    --------
    check_sequential_recommender : Run all checks in one call, without pytest.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace import PopularityEstimator
    >>> from skace.testing import parametrize_with_checks
    >>> @parametrize_with_checks([PopularityEstimator()])
    ... def test_contract(estimator, check):
    ...     check(estimator)
    """
    import pytest

    cases = []
    for estimator in estimators:
        given = expected_failed_checks
        expected = expected_failures_of(estimator, given(estimator) if callable(given) else given)
        shown = _shown(estimator)
        for check in recommender_checks(n_features=n_features, texts=texts):
            reason = expected.get(check.name)
            marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
            cases.append(pytest.param(estimator, check, marks=marks, id=f"{shown}-{check.name}"))
    return pytest.mark.parametrize(("estimator", "check"), cases)


def _shown(estimator):
    """One line of text for an estimator, as in its repr."""
    return " ".join(repr(estimator).split())
