"""Ridge and power of ACE: their size, their factors on the columns, the size of the output."""
# SPDX-License-Identifier: BSD-3-Clause

import math
from typing import Any

import numpy as np
from scipy.optimize import bisect

from skace.embeddings._decomposition import Decomposition

__all__ = [
    "column_factors",
    "exponent_for_isotropy",
    "output_spread",
    "participation",
    "power_factors",
    "ridge_for_isotropy",
    "ridge_of",
    "spectrum_summary",
]


def ridge_of(decomposition: Decomposition, alpha: Any, alpha_mode: str) -> float:
    """Ridge on the scale of squared singular values, in [0, inf].

    A relative alpha counts in mean eigenvalues of the *centred* Gram matrix, centred rows or not:
    the direction that all rows of a narrow cone have in common holds most of the trace, and would
    make the unit too large for all others.

    "auto": the Ledoit-Wolf estimate of the second moment is ``(1 - t) M + t m I`` with M = G / n
    and m = tr(G) / (n d). Whitening with it scales direction j by
    ``((1 - t) s_j^2 / n + t m)^(-1/2)``, which is proportional to
    ``(s_j^2 + tr(G) / d * t / (1 - t))^(-1/2)``.
    """
    n_features = decomposition.vectors.shape[1]
    if isinstance(alpha, str):
        intensity, mean_square = decomposition.intensity, decomposition.trace / n_features
        return math.inf if intensity >= 1.0 else mean_square * intensity / (1.0 - intensity)
    if alpha_mode == "absolute" or math.isinf(alpha):
        return float(alpha)
    return float(alpha) * decomposition.centred_trace / n_features


def column_factors(values: Any, ridge: float) -> Any:
    """Factor g on each left singular vector, shape (k,); the plain scores for an infinite ridge."""
    return values if math.isinf(ridge) else values / np.sqrt(values**2 + ridge)


def power_factors(values: Any, exponent: float) -> Any:
    """Factor s^a on each left singular vector, shape (k,); a = 0 whitens, 1 is the plain scores."""
    return values**exponent


def participation(squares: Any) -> float:
    """Participation ratio (sum l)^2 / sum l^2 of non-negative numbers, in [1, len]."""
    shares = squares / np.max(squares)
    return float(np.sum(shares) ** 2 / np.sum(shares**2))


def ridge_for_isotropy(values: Any, target: float) -> float:
    """Ridge for which the participation ratio of the output is ``target`` times k.

    The ratio falls as the ridge grows: of two columns the one with the larger singular
    value loses less, so the shares at a larger ridge majorise those at a smaller one, and
    the participation ratio is Schur-concave. Hence bisection finds the only solution.
    """

    def excess(log_ridge: float) -> float:
        """Isotropy of the output above the target."""
        squares = column_factors(values, math.exp(log_ridge)) ** 2
        return participation(squares) / values.size - target

    _check_reach(values, target, ends=("alpha=inf", "alpha=0"))
    low, high = math.log(values[-1] ** 2 * 1e-16), math.log(values[0] ** 2 * 1e16)
    if excess(low) <= 0.0:
        return 0.0
    if excess(high) >= 0.0:
        return math.inf
    return math.exp(bisect(excess, low, high, xtol=1e-12))


def exponent_for_isotropy(values: Any, target: float) -> float:
    """Exponent for which the participation ratio of the output is ``target`` times k.

    The ratio falls as the exponent grows, for the reason that `ridge_for_isotropy` gives.
    """
    ratios = values / values[0]

    def excess(exponent: float) -> float:
        """Isotropy of the output above the target."""
        return participation(ratios ** (2.0 * exponent)) / values.size - target

    _check_reach(values, target, ends=("exponent=1", "exponent=0"))
    if excess(0.0) <= 0.0:
        return 0.0
    if excess(1.0) >= 0.0:
        return 1.0
    return float(bisect(excess, 0.0, 1.0, xtol=1e-14))


def _check_reach(values: Any, target: float, ends: tuple[str, str]) -> None:
    """Raise if the plain scores are more isotropic than ``target``."""
    lowest = participation(values**2) / values.size
    if target < lowest - 1e-9:
        raise ValueError(
            f"target_isotropy={target} cannot be reached: with these {values.size} components "
            f"the isotropy of the output goes from {lowest:.4g} ({ends[0]}) to 1 ({ends[1]}). "
            "Choose a value in between, or more components."
        )


def output_spread(decomposition: Decomposition, vectors: Any, factors: Any, center: bool) -> float:
    """Standard deviation over all entries of the training output (ddof 0).

    Column j of the output is g_j u_j, whose mean square is g_j^2 / W because u_j is a unit
    vector, and whose mean follows from that of the rows. No pass over the rows is needed.
    """
    values = decomposition.singular_values[: factors.size]
    mean_square = float(np.mean(factors**2)) / decomposition.weight
    if center:
        return math.sqrt(mean_square)
    share = decomposition.used_weight / decomposition.weight
    means = share * (vectors @ decomposition.mean) * factors / values
    variance = mean_square - float(np.mean(means)) ** 2
    # All entries equal: there is no spread to set, only a size.
    return math.sqrt(variance if variance > 1e-12 * mean_square else mean_square)


def spectrum_summary(squares: Any, kept: Any, n_columns: int) -> dict[str, float]:
    """Measures of how unequal the second moments along the principal directions are."""
    ratio = participation(squares)
    return {
        "participation_ratio": ratio,
        "isotropy": ratio / n_columns,
        "condition_number": math.sqrt(float(kept[0] / kept[-1])),
        "first_share": float(squares[0] / np.sum(squares)),
    }
