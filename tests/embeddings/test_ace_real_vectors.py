"""ACE on real text vectors, where the environment names a folder of them."""
# SPDX-License-Identifier: BSD-3-Clause

import math
import os
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skace.embeddings import ACETransformer, anisotropy_report

FILES = ["beauty/embeddings_minilm.npy", "ml-1m/embeddings_bert-base-cls-opq32.npy"]


@pytest.fixture(scope="module", params=FILES)
def vectors(request):
    """Vectors in float32."""
    folder = os.environ.get("SKACE_DATA")
    if not folder:
        pytest.skip("SKACE_DATA does not name a folder with beauty/embeddings_minilm.npy")
    path = Path(folder) / request.param
    if not path.exists():
        pytest.skip(f"SKACE_DATA has no {request.param}")
    return np.load(path).astype(np.float32)


@pytest.fixture(scope="module")
def svd(vectors):
    """Thin SVD of the unit rows in float64, with the signs of ACE."""
    F = vectors.astype(np.float64)
    U, S, Vt = np.linalg.svd(F / np.linalg.norm(F, axis=1, keepdims=True), full_matrices=False)
    return U * np.sign(Vt[np.arange(len(Vt)), np.abs(Vt).argmax(axis=1)]), S


@pytest.mark.parametrize("alpha", [0.0, 1.0, 50.0, 5000.0, math.inf])
@pytest.mark.parametrize("solver", ["gram", "full"])
def test_output_equals_the_published_algorithm(vectors, svd, alpha, solver):
    U, S = svd[0][:, :128], svd[1][:128]
    expected = U * (S if math.isinf(alpha) else np.sqrt(S**2 / (S**2 + alpha)))
    expected = expected / (expected.std() + 1e-12) * 0.1
    ace = ACETransformer(alpha=alpha, alpha_mode="absolute", solver=solver)
    E = ace.fit_transform(vectors)
    assert E.dtype == np.float32
    assert_allclose(E, expected, atol=1e-5)


def test_fit_takes_less_than_a_second(vectors):
    ACETransformer().fit(vectors[:500])
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        ACETransformer().fit(vectors)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1.0


def test_raw_vectors_share_a_direction_and_ace_takes_it_away(vectors):
    before, after = (
        anisotropy_report(rows)
        for rows in (vectors, ACETransformer(alpha=0).fit_transform(vectors))
    )
    assert before["mean_cosine"] > 0.25
    assert abs(after["mean_cosine"]) < 0.05
    assert_allclose(after["participation_ratio"], 128, rtol=1e-5)
