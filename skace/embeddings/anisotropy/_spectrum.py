"""What the measures of anisotropy share: checks, spectra, formulas."""
# SPDX-License-Identifier: BSD-3-Clause

import math

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from skace._linalg import numerical_rank, singular_values
from skace._row_moments import accumulate_moments
from skace._typing import FloatArray

__all__ = [
    "above_rank",
    "check_embeddings",
    "decay_of",
    "entropy_of",
    "iso_score_of",
    "mean_cosine_of_sum",
    "moments_of",
    "participation_of",
    "refuse_zero_rows",
    "share_of",
    "spectral_entropy_of",
    "spectral_measures",
    "spectrum_of",
]

_DTYPES = (np.float64, np.float32, np.float16)


def check_embeddings(
    embeddings: ArrayLike, *, min_rows: int = 1, min_columns: int = 1
) -> FloatArray:
    """Dense floats in two dimensions; they are seen to be finite when they are read."""
    return check_array(
        embeddings,
        dtype=_DTYPES,
        ensure_all_finite=False,
        ensure_min_samples=min_rows,
        ensure_min_features=min_columns,
        input_name="embeddings",
    )


def refuse_zero_rows(lengths, rows):
    """Raise if a row has no direction; ``rows`` are the numbers of the rows."""
    if not lengths.all():
        raise ValueError(
            f"embeddings has zero length in row {int(rows[int(np.argmin(lengths))])}; drop such "
            "rows, because they have no direction."
        )


def moments_of(embeddings):
    """Sums over the rows as they are; short wide matrices keep their rows."""
    n, d = embeddings.shape
    return accumulate_moments(embeddings, skip_zeros=False, keep_rows=2 * n <= d, name="embeddings")


def spectrum_of(embeddings, center):
    """Singular values above the numerical rank, and the number of columns."""
    embeddings = check_embeddings(embeddings)
    values = singular_values(moments_of(embeddings), center)
    return above_rank(values, embeddings.shape[1], center), embeddings.shape[1]


def above_rank(values, d, center):
    """Singular values above the numerical rank, of which there must be one."""
    rank = numerical_rank(values, d)
    if rank == 0:
        what = "the same" if center else "zero"
        raise ValueError(f"all rows of embeddings are {what}; there is no direction to measure.")
    return values[:rank]


def mean_cosine_of_sum(total, n):
    """Mean cosine from the sum of the unit rows."""
    return float((total @ total - n) / (n * (n - 1.0)))


def participation_of(values):
    """Participation ratio of the squares."""
    shares = (values / values[0]) ** 2
    return float(shares.sum() ** 2 / np.sum(shares**2))


def iso_score_of(values, d):
    """IsoScore from the singular values of the centred rows."""
    if d < 2:
        raise ValueError("embeddings has one column; IsoScore needs at least two.")
    return max(0.0, (participation_of(values) - 1.0) / (d - 1.0))


def entropy_of(weights):
    """Entropy in nats of positive weights."""
    shares = weights / weights.sum()
    return float(-np.sum(shares * np.log(shares)))


def spectral_entropy_of(values, d):
    """Entropy of the squares over that of d equal ones."""
    if d < 2:
        raise ValueError("embeddings has one column; its spectral entropy needs at least two.")
    return max(0.0, entropy_of(values**2) / math.log(d))


def share_of(values, n_components):
    """Share of the first squares."""
    squares = values**2
    return float(squares[:n_components].sum() / squares.sum())


def decay_of(values):
    """Slope of log s on log i over the middle 80 %."""
    margin = values.size // 10
    numbers = np.arange(1, values.size + 1)[margin : values.size - margin]
    return float(np.polyfit(np.log(numbers), np.log(values[numbers - 1]), 1)[0])


def spectral_measures(values, d):
    """Measures of one spectrum by name."""
    return {
        "participation_ratio": participation_of(values),
        "effective_rank": math.exp(entropy_of(values)),
        "spectral_entropy": spectral_entropy_of(values, d),
        "condition_number": float(values[0] / values[-1]),
        "explained_share_1": share_of(values, 1),
        "explained_share_10": share_of(values, 10),
        "spectral_decay": math.nan if values.size < 4 else decay_of(values),
    }
