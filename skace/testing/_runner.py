"""Run the checks of the contract and tell how they went."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from unittest import SkipTest

from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from skace.testing._answers import ANSWER_CHECKS
from skace.testing._data import make_check_data
from skace.testing._ecosystem import ECOSYSTEM_CHECKS
from skace.testing._fitting import FITTING_CHECKS
from skace.testing._foresight import FORESIGHT_CHECKS
from skace.testing._growth import GROWTH_CHECKS
from skace.testing._lacking import lack_of
from skace.testing._refusals import REFUSAL_CHECKS
from skace.testing._sklearn_checks import EXPECTED_FAILURES, SKLEARN_CHECKS
from skace.testing._state import STATE_CHECKS

__all__ = [
    "CheckReport",
    "CheckResult",
    "RecommenderCheck",
    "check_sequential_recommender",
    "checks_lacking",
    "expected_failures_of",
    "recommender_checks",
]

Status: TypeAlias = Literal["passed", "failed", "expected failure", "skipped"]

_CHECKS = (
    *SKLEARN_CHECKS,
    *FITTING_CHECKS,
    *FORESIGHT_CHECKS,
    *GROWTH_CHECKS,
    *ANSWER_CHECKS,
    *REFUSAL_CHECKS,
    *STATE_CHECKS,
    *ECOSYSTEM_CHECKS,
)


@dataclass(frozen=True)
class RecommenderCheck:
    """One rule of the contract, ready to be called with an estimator.

    Parameters
    ----------
    function : callable
        ``function(estimator, data)``; raises if the rule is broken.

    n_features : int or None, default=8
        Width of the item features of the data; None for no features.

    texts : bool, default=False
        Whether the items of the data have texts instead of such features.

    Attributes
    ----------
    name : str
        Name of the function.

    purpose : str
        The rule in one sentence.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace.testing import recommender_checks
    >>> check = recommender_checks()[-1]
    >>> check.name
    'check_callbacks_see_the_fit'
    """

    function: Any
    n_features: int | None = 8
    texts: bool = False

    @property
    def name(self) -> str:
        """Name of the function."""
        return self.function.__name__

    @property
    def purpose(self) -> str:
        """The rule in one sentence."""
        return self.function.__doc__.splitlines()[0]

    def __call__(self, estimator: BaseEstimator) -> None:
        """Raise if the estimator breaks the rule; it is cloned, not changed."""
        with warnings.catch_warnings():
            # The data are tiny and the epochs few: models rarely converge on them.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.function(estimator, make_check_data(self.n_features, texts=self.texts))

    def __repr__(self) -> str:
        return f"{self.name}: {self.purpose}"


@dataclass(frozen=True)
class CheckResult:
    """Result of one check.

    Parameters
    ----------
    name : str
        Name of the check.

    status : {"passed", "failed", "expected failure", "skipped"}
        A check that passes although it was expected to fail counts as failed.

    error : Exception or None
        The exception that was raised.

    reason : str
        Why the check was expected to fail, or empty.

    Notes
    -----
    Stability: provisional.
    """

    name: str
    status: Status
    error: Exception | None = None
    reason: str = ""


@dataclass(frozen=True)
class CheckReport:
    """Results of all checks of one estimator; ``print`` shows them.

    Parameters
    ----------
    estimator_name : str
        Class of the estimator.

    results : tuple of CheckResult
        In the order in which the checks ran.

    Notes
    -----
    Stability: provisional.
    """

    estimator_name: str
    results: tuple[CheckResult, ...]

    def names(self, status: Status) -> list[str]:
        """Names of the checks with a given status.

        Parameters
        ----------
        status : {"passed", "failed", "expected failure", "skipped"}
            The status.

        Returns
        -------
        names : list of str
            In the order in which the checks ran.
        """
        return [result.name for result in self.results if result.status == status]

    def __len__(self) -> int:
        return len(self.results)

    def __repr__(self) -> str:
        return f"CheckReport({self._summary()})"

    def _summary(self):
        """One line: how many checks went which way."""
        counts = Counter(result.status for result in self.results)
        ways = ", ".join(f"{count} {status}" for status, count in counts.items())
        return f"{self.estimator_name}: {len(self)} checks, {ways}"

    def __str__(self) -> str:
        lines = [self._summary()]
        for result in self.results:
            if result.status != "passed":
                text = result.reason if result.status == "expected failure" else result.error
                lines.append(f"  {result.status}: {result.name}: {text}")
        return "\n".join(lines)


def recommender_checks(
    *, n_features: int | None = 8, texts: bool = False
) -> tuple[RecommenderCheck, ...]:
    """All checks of the contract.

    Parameters
    ----------
    n_features : int or None, default=8
        Width of the item features of the data; None for no features.

    texts : bool, default=False
        Whether the items of the data have texts instead of such features, for recommenders that
        read them.

    Returns
    -------
    checks : tuple of RecommenderCheck
        Each has a name and a purpose, and is called with an estimator.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace.testing import recommender_checks
    >>> print(recommender_checks()[0])
    check_estimator_repr: The repr shows the parameters.
    """
    return tuple(RecommenderCheck(function, n_features, texts) for function in _CHECKS)


def checks_lacking(
    what: Literal["features", "texts", "times"], *, in_answers: bool = True
) -> dict[str, str]:
    """Checks whose input lacks what a recommender needs, to expect failures of.

    Some checks learn from plain lists or frames, which carry nothing about items, and lists no
    times; others ask a fitted model with plain lists.

    Parameters
    ----------
    what : {"features", "texts", "times"}
        What the recommender cannot do without.

    in_answers : bool, default=True
        Whether it needs that of the histories that it is asked with, too, and not only in `fit`.
        What it learned about items it has, so this matters for "times" only.

    Returns
    -------
    expected : dict of str to str
        A reason by the name of each check, as ``expected_failed_checks`` takes it.

    Raises
    ------
    ValueError
        If ``what`` is none of these.

    Notes
    -----
    Stability: experimental.

    Examples
    --------
    >>> from skace.testing import checks_lacking
    >>> for name in checks_lacking("features"):
    ...     print(name)
    check_fit_accepts_frames
    check_fit_accepts_lists
    check_fit_appends_y_to_lists
    """
    if what not in ("features", "texts", "times"):
        raise ValueError(f'what must be "features", "texts" or "times", got {what!r}.')
    reason = f"The input of the check has no {what}, and this recommender needs them."
    return {
        check.__name__: reason for check in _CHECKS if lack_of(check, what, in_answers=in_answers)
    }


def check_sequential_recommender(
    estimator: BaseEstimator,
    *,
    n_features: int | None = 8,
    texts: bool = False,
    expected_failed_checks: Mapping[str, str] | None = None,
    on_fail: Literal["raise"] | None = "raise",
) -> CheckReport:
    """Check that an estimator keeps the contract of `SequentialRecommender`.

    Parameters
    ----------
    estimator : SequentialRecommender
        An instance with parameters for fast fits. It is cloned and fitted on a hundred events, over
        a hundred times.

    n_features : int or None, default=8
        Width of the item features of the data; None for no features.

    texts : bool, default=False
        Whether the items of the data have texts instead of such features, for recommenders that
        read them.

    expected_failed_checks : dict of str to str or None, default=None
        For each check that the estimator is known to fail, a sentence that says why.

    on_fail : {"raise"} or None, default="raise"
        What to do if a check has failed, after all checks have run. None only returns
        the report.

    Returns
    -------
    report : CheckReport
        One result per check.

    Raises
    ------
    AssertionError
        If a check failed unexpectedly, or an expected failure passed. All of these are
        listed.

    ValueError
        If an expected failure names an unknown check, or its reason is not a sentence.

    See Also
    --------
    parametrize_with_checks : The same, with one pytest test per check.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace import PopularityEstimator
    >>> from skace.testing import check_sequential_recommender
    >>> report = check_sequential_recommender(PopularityEstimator())
    >>> report.names("failed")
    []
    """
    if on_fail not in ("raise", None):
        raise ValueError(f"on_fail must be 'raise' or None, got {on_fail!r}.")
    expected = expected_failures_of(estimator, expected_failed_checks)
    results = tuple(
        _result(check, estimator, expected.get(check.name, ""))
        for check in recommender_checks(n_features=n_features, texts=texts)
    )
    report = CheckReport(type(estimator).__name__, results)
    failed = [result.error for result in results if result.status == "failed"]
    if failed and on_fail == "raise":
        raise AssertionError(str(report)) from failed[0]
    return report


def expected_failures_of(estimator, expected_failed_checks):
    """Names and reasons, checked, with those that hold for all recommenders."""
    if isinstance(estimator, type):
        raise TypeError(f"estimator must be an instance, got the class {estimator.__name__}.")
    given = dict(expected_failed_checks or {})
    known = {function.__name__ for function in _CHECKS}
    unknown = sorted(given.keys() - known)
    if unknown:
        raise ValueError(f"expected_failed_checks names no check: {', '.join(unknown)}.")
    for name, reason in given.items():
        if not isinstance(reason, str) or len(reason.split()) < 4:
            raise ValueError(
                f"expected_failed_checks[{name!r}] must be a sentence that says why, got "
                f"{reason!r}."
            )
    return EXPECTED_FAILURES | given


def _result(check, estimator, reason):
    """Run a check; an expected failure that passes is a failure."""
    try:
        check(estimator)
    except SkipTest as error:
        return CheckResult(check.name, "skipped", error, reason)
    except Exception as error:  # noqa: BLE001 - whatever it is, it goes into the report
        status = "expected failure" if reason else "failed"
        return CheckResult(check.name, status, error, reason)
    if reason:
        surprise = AssertionError(f"passed, but was expected to fail: {reason}")
        return CheckResult(check.name, "failed", surprise, reason)
    return CheckResult(check.name, "passed")
