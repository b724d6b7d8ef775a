"""Paired comparison: is one model better than another, or was it the sample of rows."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from skace._random import RANDOM_STATE, as_generator
from skace._sklearn_compat import Interval, StrOptions, validate_params
from skace._typing import BoolArray, FloatArray, IntArray

__all__ = ["PairedComparison", "paired_bootstrap", "randomization_test"]

_BLOCK_CELLS = 2**22  # numbers held at once; 32 MiB in float64
_CONSTRAINTS = {
    "a": ["array-like"],
    "b": ["array-like"],
    "groups": ["array-like", None],
    "n_resamples": [Interval(Integral, 1, None, closed="left")],
    "random_state": RANDOM_STATE,
}


@dataclass(frozen=True)
class PairedComparison:
    """Difference between two models with its confidence interval; see `paired_bootstrap`.

    Parameters
    ----------
    difference : float
        Mean over the rows of the scores of the first model minus those of the second.

    low, high : float
        Ends of the confidence interval of the difference.

    confidence_level : float
        Share of such intervals that contain the true difference, in (0, 1).

    standard_error : float
        Standard deviation of the difference over the resamples.

    n_rows : int
        Number of paired rows.

    n_groups : int
        Number of resampled units: groups, or rows if no groups were given.

    by_seed : tuple of float
        Difference for each pair of seeds; empty if the models have unequal numbers of them.

    Notes
    -----
    Stability: provisional.
    """

    difference: float
    low: float
    high: float
    confidence_level: float
    standard_error: float
    n_rows: int
    n_groups: int
    by_seed: tuple[float, ...]

    @property
    def is_decided(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0

    def __repr__(self) -> str:
        rows = f"{self.n_rows} rows"
        groups = f" in {self.n_groups} groups" if self.n_groups != self.n_rows else ""
        seeds = f", {len(self.by_seed)} seeds" if len(self.by_seed) > 1 else ""
        return (
            f"PairedComparison({self.difference:+.4f}, {100 * self.confidence_level:g} % interval "
            f"[{self.low:+.4f}, {self.high:+.4f}], {rows}{groups}{seeds})"
        )


@validate_params(
    {**_CONSTRAINTS, "confidence_level": [Interval(Real, 0, 1, closed="neither")]},
    prefer_skip_nested_validation=True,
)
def paired_bootstrap(
    a: Any,
    b: Any,
    *,
    groups: Any = None,
    n_resamples: int = 10_000,
    confidence_level: float = 0.95,
    random_state: Any = None,
) -> PairedComparison:
    r"""Confidence interval of the mean difference between two models' row scores.

    Parameters
    ----------
    a, b : array-like of shape (n_rows,) or (n_seeds, n_rows)
        Scores of the two models on the same rows in the same order, for example ``ndcg_at_k(ranks,
        10, average=False)``. For several fits of a model, one line per fit; a row's score is then
        its mean over the fits.

    groups : array-like of shape (n_rows,) or None, default=None
        Rows of equal value are resampled together. Pass ``X.users`` if users have
        several rows. The rows of a user are similar, so without groups the interval is
        too narrow.

    n_resamples : int, default=10000
        Number of resamples. More resamples make the ends of the interval steadier.

    confidence_level : float, default=0.95
        Share of such intervals that contain the true difference, in (0, 1).

    random_state : int, RandomState, Generator or None, default=None
        Source of the resamples.

    Returns
    -------
    comparison : PairedComparison
        Has ``difference`` (a minus b), ``low``, ``high``, ``standard_error``, ``by_seed``.

    Raises
    ------
    ValueError
        If the shapes do not fit, a score is not finite, or there are fewer than two rows
        (or groups).

    Notes
    -----
    **The interval covers** the choice of the test rows: how the difference between *these fitted
    models* would vary over other rows drawn like these. It does not cover other training runs.
    Averaging over seeds makes the difference steadier, but the interval treats the given fits as
    fixed. Look at ``by_seed`` for their spread.

    The interval is the bias-corrected and accelerated one (BCa) [1]_, as in
    `scipy.stats.bootstrap`; the acceleration comes from the jackknife in closed form. A resample
    only depends on how often each *distinct* difference is drawn, and scores at k have few distinct
    values. So the time is ``O(n_resamples * n_distinct)``, at worst ``O(n_resamples * n_rows)``.
    Memory is that of a block of resamples.

    Stability: provisional.

    References
    ----------
    .. [1] B. Efron, "Better bootstrap confidence intervals", Journal of the American
       Statistical Association 82(397), 1987.

    Examples
    --------
    >>> from skace.metrics import paired_bootstrap
    >>> a = [1, 0, 1, 1, 0, 1, 1, 0] * 50
    >>> b = [1, 0, 0, 1, 0, 1, 0, 0] * 50
    >>> paired_bootstrap(a, b, random_state=0)
    PairedComparison(+0.2500, 95 % interval [+0.2100, +0.2950], 400 rows)
    """
    a, b = _check_pair(a, b)
    sums, sizes = _group_sums(a.mean(axis=0) - b.mean(axis=0), groups)
    if sums.size < 2:
        raise ValueError(
            f"{sums.size} row(s) or group(s) cannot be resampled; a comparison needs at least 2."
        )
    observed = float(sums.sum() / sizes.sum())
    means = _resampled_means(sums, sizes, int(n_resamples), as_generator(random_state))
    low, high = _bca_interval(means, observed, _acceleration(sums, sizes), confidence_level)
    return PairedComparison(
        difference=observed,
        low=low,
        high=high,
        confidence_level=float(confidence_level),
        standard_error=float(means.std()),
        n_rows=a.shape[1],
        n_groups=sums.size,
        by_seed=_differences_by_seed(a, b),
    )


@validate_params(
    {**_CONSTRAINTS, "alternative": [StrOptions({"two-sided", "greater", "less"})]},
    prefer_skip_nested_validation=True,
)
def randomization_test(
    a: Any,
    b: Any,
    *,
    groups: Any = None,
    n_resamples: int = 10_000,
    alternative: str = "two-sided",
    random_state: Any = None,
) -> float:
    """P value of the mean difference between two models' row scores.

    If the models were equally good, it would be chance which of the two scores of a row belongs to
    the first model. The test swaps the scores at random, row by row, and counts how often the mean
    difference is as large as the observed one.

    Parameters
    ----------
    a, b : array-like of shape (n_rows,) or (n_seeds, n_rows)
        Scores of the two models on the same rows in the same order. For several fits of a model,
        one line per fit; a row's score is then its mean over the fits.

    groups : array-like of shape (n_rows,) or None, default=None
        Rows of equal value are swapped together. Pass ``X.users`` if users have several rows. The
        rows of a user are similar, so without groups the p value is too small.

    n_resamples : int, default=10000
        Number of random swaps. If there are at most this many ways to swap, all are counted, and
        the p value is exact.

    alternative : {"two-sided", "greater", "less"}, default="two-sided"
        Which differences count: at least as large in absolute value, at least as large,
        or at most as large as the observed one.

    random_state : int, RandomState, Generator or None, default=None
        Source of the swaps.

    Returns
    -------
    p_value : float
        In (0, 1]; at least ``1 / (n_resamples + 1)`` unless exact.

    Raises
    ------
    ValueError
        If the shapes do not fit or a score is not finite.

    Notes
    -----
    As with `paired_bootstrap`, the result is about these fitted models and the choice of rows, not
    about other training runs. The observed assignment counts as one of the swaps [1]_, so p is
    never 0. Time is ``O(n_resamples * n_rows)``; memory is that of a block of resamples.

    Stability: provisional.

    References
    ----------
    .. [1] B. Phipson and G. K. Smyth, "Permutation p-values should never be zero",
       Statistical Applications in Genetics and Molecular Biology 9(1), 2010.

    Examples
    --------
    >>> from skace.metrics import randomization_test
    >>> randomization_test([1, 1, 1, 1], [0, 0, 0, 0])
    0.125
    """
    a, b = _check_pair(a, b)
    sums, _ = _group_sums(a.mean(axis=0) - b.mean(axis=0), groups)
    sums = sums[sums != 0]  # swapping equal scores changes nothing
    is_exact = sums.size <= np.log2(n_resamples)
    blocks = (
        _all_signs(sums.size)
        if is_exact
        else _random_signs(sums.size, int(n_resamples), as_generator(random_state))
    )
    n_reached = sum(_count_reaching(is_swapped, sums, alternative) for is_swapped in blocks)
    return n_reached / 2**sums.size if is_exact else (n_reached + 1) / (n_resamples + 1)


def _check_pair(a: Any, b: Any) -> tuple[FloatArray, FloatArray]:
    """Finite scores of shape (n_seeds, n_rows), of equal numbers of rows."""
    a, b = _check_scores(a, "a"), _check_scores(b, "b")
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"a has {a.shape[1]} rows and b has {b.shape[1]}; compare scores of the same rows in "
            "the same order."
        )
    return a, b


def _check_scores(scores: Any, name: str) -> FloatArray:
    """Finite float64 scores of shape (n_seeds, n_rows)."""
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim not in (1, 2) or values.size == 0:
        raise ValueError(
            f"{name} must have shape (n_rows,) or (n_seeds, n_rows) and not be empty, got "
            f"{values.shape}."
        )
    is_wrong = ~np.isfinite(values)
    if is_wrong.any():
        place = ", ".join(str(i) for i in np.argwhere(is_wrong)[0])
        raise ValueError(
            f"{name}[{place}] is {values[is_wrong][0]}; compare finite scores, such as "
            "ndcg_at_k(ranks, k, average=False), not ranks."
        )
    return np.atleast_2d(values)


def _group_sums(differences: FloatArray, groups: Any) -> tuple[FloatArray, FloatArray]:
    """Sum of the differences and number of rows of each group; rows are their own groups."""
    if groups is None:
        return differences, np.ones(differences.size)
    groups = np.asarray(groups)
    if groups.shape != differences.shape:
        raise ValueError(
            f"groups must have one value per row: expected shape {differences.shape}, got "
            f"{groups.shape}."
        )
    _, codes = np.unique(groups, return_inverse=True)
    sums = np.bincount(codes, weights=differences).astype(np.float64)
    return sums, np.bincount(codes).astype(np.float64)


def _differences_by_seed(a: FloatArray, b: FloatArray) -> tuple[float, ...]:
    """Mean difference of each pair of seeds, or nothing where they do not pair."""
    if a.shape[0] != b.shape[0]:
        return ()
    return tuple((a - b).mean(axis=1).tolist())


def _resampled_means(
    sums: FloatArray, sizes: FloatArray, n_resamples: int, generator: np.random.Generator
) -> FloatArray:
    """Mean difference of each resample, shape (n_resamples,)."""
    pairs, counts = np.unique(np.stack([sums, sizes], axis=1), axis=0, return_counts=True)
    # Counting draws of distinct values is exact, but drawing a count costs more than
    # drawing a row; with many distinct values plain drawing is faster.
    if counts.size * 8 <= sums.size:
        blocks = _drawn_counts(pairs, counts, n_resamples, generator)
    else:
        blocks = _drawn_rows(sums, sizes, n_resamples, generator)
    return np.concatenate([totals[:, 0] / totals[:, 1] for totals in blocks])


def _drawn_counts(
    pairs: FloatArray, counts: IntArray, n_resamples: int, generator: np.random.Generator
) -> Iterator[FloatArray]:
    """Resampled (sum, size) of blocks of resamples, through counts of distinct groups."""
    n_groups = counts.sum()
    for n in _block_sizes(n_resamples, counts.size):
        yield generator.multinomial(n_groups, counts / n_groups, size=n) @ pairs


def _drawn_rows(
    sums: FloatArray, sizes: FloatArray, n_resamples: int, generator: np.random.Generator
) -> Iterator[FloatArray]:
    """Resampled (sum, size) of blocks of resamples, group by group."""
    for n in _block_sizes(n_resamples, sums.size):
        drawn = generator.integers(sums.size, size=(n, sums.size))
        # Looking sizes up again and again is half of the work, and mostly all are 1.
        is_even = sizes.min() == sizes.max()
        total_sizes = np.full(n, sizes.sum()) if is_even else sizes[drawn].sum(axis=1)
        yield np.stack([sums[drawn].sum(axis=1), total_sizes], axis=1)


def _block_sizes(n_resamples: int, width: int) -> Iterator[int]:
    """Numbers of resamples whose arrays of this width fit in a block."""
    step = max(1, _BLOCK_CELLS // width)
    for begin in range(0, n_resamples, step):
        yield min(step, n_resamples - begin)


def _acceleration(sums: FloatArray, sizes: FloatArray) -> float:
    """Acceleration of the BCa interval: skewness of the mean when one group is left out."""
    left_out = (sums.sum() - sums) / (sizes.sum() - sizes)
    influence = left_out.mean() - left_out
    spread = np.sum(influence**2)
    return float(np.sum(influence**3) / (6.0 * spread**1.5)) if spread > 0 else 0.0


def _bca_interval(
    means: FloatArray, observed: float, acceleration: float, confidence_level: float
) -> tuple[float, float]:
    """Ends of the BCa interval (Efron 1987, equation 6.8)."""
    # Resamples that equal the observed mean differ from it by rounding; they count half.
    tolerance = 1e-12 * max(abs(observed), float(np.abs(means).max()))
    below = np.mean(means < observed - tolerance) + np.mean(means <= observed + tolerance)
    # All resamples on one side would make the correction infinite.
    margin = 0.5 / means.size
    bias = ndtri(np.clip(below / 2.0, margin, 1.0 - margin))
    tail = (1.0 - confidence_level) / 2.0
    shifted = bias + ndtri(np.array([tail, 1.0 - tail]))
    levels = ndtr(bias + shifted / (1.0 - acceleration * shifted))
    low, high = np.quantile(means, levels)
    return float(low), float(high)


def _all_signs(n_groups: int) -> Iterator[BoolArray]:
    """Every way to swap the groups, shape (2 ** n_groups, n_groups), in one block."""
    ways = np.arange(2**n_groups)[:, None]
    yield (ways >> np.arange(n_groups)) & 1 == 1


def _random_signs(
    n_groups: int, n_resamples: int, generator: np.random.Generator
) -> Iterator[BoolArray]:
    """Blocks of random ways to swap the groups, one bit for each."""
    n_words = -(-n_groups // 64)
    for n in _block_sizes(n_resamples, n_groups):
        # Whole words: what is drawn does not depend on the size of the block.
        words = generator.integers(2**64, size=(n, n_words), dtype=np.uint64)
        yield np.unpackbits(words.view(np.uint8), axis=1, count=n_groups).astype(bool)


def _count_reaching(is_swapped: BoolArray, sums: FloatArray, alternative: str) -> int:
    """How many of the swaps reach the observed total."""
    observed = sums.sum()
    totals = observed - 2.0 * (is_swapped.astype(np.float64) @ sums)
    # The same total, added up in another order, must count as reached.
    tolerance = 1e-12 * np.abs(sums).sum()
    if alternative == "two-sided":
        return int(np.count_nonzero(np.abs(totals) >= abs(observed) - tolerance))
    if alternative == "less":
        totals, observed = -totals, -observed
    return int(np.count_nonzero(totals >= observed - tolerance))
