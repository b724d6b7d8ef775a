"""The contract of sequential recommenders as a suite of checks, for authors of recommenders."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.testing._pytest import parametrize_with_checks
from skace.testing._registry import all_losses, all_recommenders
from skace.testing._runner import (
    CheckReport,
    CheckResult,
    RecommenderCheck,
    check_sequential_recommender,
    checks_lacking,
    recommender_checks,
)

__all__ = [
    "CheckReport",
    "CheckResult",
    "RecommenderCheck",
    "all_losses",
    "all_recommenders",
    "check_sequential_recommender",
    "checks_lacking",
    "parametrize_with_checks",
    "recommender_checks",
]
