"""Confidence interval of one model's figure: how much of it is the choice of rows."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from skace._random import RANDOM_STATE, as_generator
from skace._sklearn_compat import Interval, validate_params
from skace.metrics._comparison import _check_scores, paired_bootstrap

__all__ = ["MeanInterval", "bootstrap_interval"]


@dataclass(frozen=True)
class MeanInterval:
    """Mean score of one model with its confidence interval; see `bootstrap_interval`.

    Parameters
    ----------
    mean : float
        Mean over the rows.

    low, high : float
        Ends of the confidence interval of the mean.

    confidence_level : float
        Share of such intervals that contain the true mean, in (0, 1).

    standard_error : float
        Standard deviation of the mean over the resamples.

    n_rows : int
        Number of rows.

    n_groups : int
        Number of resampled units: groups, or rows if no groups were given.

    by_seed : tuple of float
        Mean of each fit; empty for a single fit.

    Notes
    -----
    Stability: provisional.
    """

    mean: float
    low: float
    high: float
    confidence_level: float
    standard_error: float
    n_rows: int
    n_groups: int
    by_seed: tuple[float, ...]

    def __repr__(self) -> str:
        groups = f" in {self.n_groups} groups" if self.n_groups != self.n_rows else ""
        seeds = f", {len(self.by_seed)} seeds" if self.by_seed else ""
        return (
            f"MeanInterval({self.mean:.4f}, {100 * self.confidence_level:g} % interval "
            f"[{self.low:.4f}, {self.high:.4f}], {self.n_rows} rows{groups}{seeds})"
        )


@validate_params(
    {
        "scores": ["array-like"],
        "groups": ["array-like", None],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "random_state": RANDOM_STATE,
    },
    prefer_skip_nested_validation=True,
)
def bootstrap_interval(
    scores: Any,
    *,
    groups: Any = None,
    n_resamples: int = 10_000,
    confidence_level: float = 0.95,
    random_state: Any = None,
) -> MeanInterval:
    """Confidence interval of the mean of one model's row scores.

    Parameters
    ----------
    scores : array-like of shape (n_rows,) or (n_seeds, n_rows)
        Score of each row, for example ``ndcg_at_k(ranks, 10, average=False)``. For several fits of
        a model, one line per fit; a row's score is then its mean over the fits.

    groups : array-like of shape (n_rows,) or None, default=None
        Rows of equal value are resampled together. Pass ``X.users`` if users have
        several rows. The rows of a user are similar, so without groups the interval is
        too narrow.

    n_resamples : int, default=10000
        Number of resamples. More resamples make the ends of the interval steadier.

    confidence_level : float, default=0.95
        Share of such intervals that contain the true mean, in (0, 1).

    random_state : int, RandomState, Generator or None, default=None
        Source of the resamples.

    Returns
    -------
    interval : MeanInterval
        Has ``mean``, ``low``, ``high``, ``standard_error``, ``by_seed``.

    Raises
    ------
    ValueError
        If the shapes do not fit, a score is not finite, or there are fewer than two rows
        (or groups).

    See Also
    --------
    paired_bootstrap : Of the difference between two models on the same rows. Use it to
        find out whether one is better: two separate intervals may overlap although it is.

    Notes
    -----
    The interval covers the choice of the test rows, not other training runs. It uses the same
    resamples as `paired_bootstrap` (bias-corrected and accelerated).

    Stability: provisional.

    Examples
    --------
    >>> from skace.metrics import bootstrap_interval
    >>> bootstrap_interval([1, 0, 0, 1, 0, 1, 0, 0] * 50, random_state=0)
    MeanInterval(0.3750, 95 % interval [0.3300, 0.4225], 400 rows)
    """
    scores = _check_scores(scores, "scores")
    found = paired_bootstrap(
        scores,
        np.zeros(scores.shape[1]),  # against nothing
        groups=groups,
        n_resamples=n_resamples,
        confidence_level=confidence_level,
        random_state=as_generator(random_state),
    )
    lines = scores if len(scores) > 1 else ()
    return MeanInterval(
        mean=found.difference,
        low=found.low,
        high=found.high,
        confidence_level=found.confidence_level,
        standard_error=found.standard_error,
        n_rows=found.n_rows,
        n_groups=found.n_groups,
        by_seed=tuple(float(np.mean(line)) for line in lines),
    )
