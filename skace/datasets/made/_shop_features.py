"""Unit vectors with a planted spectrum that carry categories and styles."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np

from skace._typing import FloatArray, IntArray

__all__ = ["ItemVectors", "make_item_vectors"]

_N_ALTERNATIONS = 20  # the row lengths are then hardly off; rotations do the rest
_LENGTH_TOLERANCE = 1e-13  # of squared row lengths


@dataclass(frozen=True, slots=True, eq=False)
class ItemVectors:
    """Item vectors and their exact singular value decomposition, left factor omitted."""

    vectors: FloatArray  # (n_items, n_features), rows of unit length
    singular_values: FloatArray  # (rank,) descending
    components: FloatArray  # (rank, n_features) right singular vectors


def make_item_vectors(
    codes: tuple[IntArray, IntArray],
    n_features: int,
    rng: np.random.Generator,
    *,
    mean_cosine: float,
    spectral_decay: float,
    feature_noise: float,
) -> ItemVectors:
    """Vectors of items whose categories and styles are ``codes``.

    All rows share one direction, with the singular value sqrt(1 + (n - 1) * mean_cosine);
    the rest is centred, so that it does not move the mean cosine. Rows of equal length and
    the planted singular values are enforced in turn (Tropp et al. 2005, "Designing
    structured tight frames via an alternating projection method"), and at last by
    rotations of pairs of rows, which leave the singular values alone.
    """
    left = _left_vectors(codes, n_features, feature_noise, rng)
    n_items, n_others = left.shape
    common = 1 + (n_items - 1) * mean_cosine  # squared singular value; all of them sum to n
    squares = np.arange(1, n_others + 1) ** (-2.0 * spectral_decay)
    others = np.sqrt((n_items - common) * squares / squares.sum())
    left = _with_even_rows(left, others)
    shared = np.full((n_items, 1), np.sqrt(common / n_items))
    scores = _with_unit_rows(np.hstack([shared, left * others]))
    spectrum = np.concatenate([[np.sqrt(common)], others])
    components = np.linalg.qr(rng.standard_normal((n_features, spectrum.size)))[0].T
    order = np.argsort(-spectrum, kind="stable")
    return ItemVectors(scores @ components, spectrum[order], components[order])


def _left_vectors(
    codes: tuple[IntArray, IntArray],
    n_features: int,
    feature_noise: float,
    rng: np.random.Generator,
) -> FloatArray:
    """Orthonormal centred columns, one fewer than the rank, in the order of their weight.

    As text encoders tend to spend their variance: the category, wording that tells nothing
    of taste, the style, noise.
    """
    category, style = (_contrasts(code, feature_noise, rng) for code in codes)
    n_items = len(category)
    n_noise = min(n_items, n_features) - 1 - category.shape[1] - style.shape[1]
    wording, noise = np.split(rng.standard_normal((n_items, n_noise)), [n_noise // 4], axis=1)
    columns = [np.ones((n_items, 1)), category, wording, style, noise]
    return np.linalg.qr(np.hstack(columns))[0][:, 1:]


def _contrasts(code: IntArray, noise: float, rng: np.random.Generator) -> FloatArray:
    """Columns that tell the values of ``code`` apart, one fewer than there are values."""
    n_values = int(code.max()) + 1
    directions = np.linalg.qr(rng.standard_normal((n_values, n_values)))[0][:, : n_values - 1]
    columns = directions[code]
    columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    return columns + noise * rng.standard_normal(columns.shape)


def _with_even_rows(left: FloatArray, spectrum: FloatArray) -> FloatArray:
    """Orthonormal centred columns near ``left`` such that left * spectrum has rows of one length.

    A rotation of the right singular vectors changes no row length, so they are left out.
    """
    for i in range(_N_ALTERNATIONS):
        scores = left * spectrum
        scores /= np.linalg.norm(scores, axis=1, keepdims=True)
        scores -= scores.mean(axis=0)
        if i == _N_ALTERNATIONS - 1:
            # The Gram matrix is several times cheaper, but loses half of the digits.
            return np.linalg.svd(scores, full_matrices=False)[0]
        squares, columns = np.linalg.eigh(scores.T @ scores)  # ascending
        left = scores @ columns[:, ::-1] / np.sqrt(squares[::-1])
    return left


def _with_unit_rows(vectors: FloatArray) -> FloatArray:
    """Rows of length one, by rotations of disjoint pairs (too short, too long).

    The mean squared length must be one. Each rotation makes one row exact: it solves
    |cos(a) x + sin(a) y|^2 = 1 for tan(a), the root near zero.
    """
    vectors = vectors.copy()
    while True:
        excess = np.einsum("ij,ij->i", vectors, vectors) - 1
        short = np.flatnonzero(excess < -_LENGTH_TOLERANCE)
        long = np.flatnonzero(excess > _LENGTH_TOLERANCE)
        n_pairs = min(short.size, long.size)
        if n_pairs == 0:
            return vectors
        short, long = short[:n_pairs], long[:n_pairs]
        x, y = vectors[short], vectors[long]
        inner = np.einsum("ij,ij->i", x, y)
        root = np.sqrt(inner**2 - excess[long] * excess[short])
        tangent = -excess[short] / (inner + np.copysign(root, inner))
        cosine = 1 / np.sqrt(1 + tangent**2)
        sine = tangent * cosine
        vectors[short] = cosine[:, None] * x + sine[:, None] * y
        vectors[long] = cosine[:, None] * y - sine[:, None] * x
