"""SpectralAdapter: it starts from ACE, and its mixture is sparse but alive."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
import torch

from skace import ACETransformer, SASRecEstimator
from skace.item_tables import SpectralAdapter


def alone(**parameters):
    """The adapter without trained vectors of items."""
    return SpectralAdapter(id_init=None, **parameters)


def without_mixture(module):
    with torch.no_grad():
        module.queries.zero_()
    return module


@pytest.mark.parametrize("alpha", [0, 0.1, 1.0, 50.0, np.inf])
@pytest.mark.parametrize("alpha_mode", ["relative", "absolute"])
@pytest.mark.parametrize("scale", [0.1, None])
@pytest.mark.parametrize("normalize", [True, False])
def test_without_the_mixture_it_is_ace(build, features, alpha, alpha_mode, scale, normalize):
    settings = {"alpha": alpha, "alpha_mode": alpha_mode, "scale": scale, "normalize": normalize}
    features = features * np.linspace(0.5, 2, 30)[:, None]
    module = without_mixture(build(alone(**settings), features))
    ace = ACETransformer(n_components=8, **settings).fit(features)
    np.testing.assert_allclose(module().detach().numpy(), ace.transform(features), atol=1e-5)
    unseen = np.random.default_rng(1).standard_normal((4, 16))
    embedded = module.embed(torch.tensor(unseen, dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(embedded, ace.transform(unseen), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("n_items", [6, 30])
def test_columns_beyond_the_rank_start_at_zero(build, features, n_items):
    features = features[:n_items] @ np.diag(np.arange(16) < 7)
    module = without_mixture(build(alone(scale=None), features))
    rank = min(n_items, 7)
    expected = ACETransformer(n_components=rank, scale=None).fit_transform(features)
    np.testing.assert_allclose(module().detach().numpy()[:, :rank], expected, atol=1e-5)
    assert not module()[:, rank:].any()


@pytest.mark.parametrize("inner_dim", [16, 512])
def test_the_mixture_starts_small_sparse_and_alive(build, features, inner_dim):
    module = build(alone(inner_dim=inner_dim), features)
    mixture = module.mixture()
    assert 0.01 < (mixture != 0).float().mean() < 0.12
    start = without_mixture(build(alone(inner_dim=inner_dim), features))()
    assert 0 < (module() - start).std() < 0.2 * start.std()
    module().pow(2).sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad.abs().max() > 0, name


def test_the_diagonal_is_a_polynomial_of_the_singular_value(build, features):
    module = without_mixture(build(alone(n_terms=3), features))
    start = module().detach()
    with torch.no_grad():
        module.coefficients.copy_(torch.tensor([0.5, -1.0, 2.0]))
    values = np.linalg.svd(features, compute_uv=False)[:8]
    t = values / values[0]
    factor = torch.tensor(1 + 0.5 - t + 2 * t**2, dtype=torch.float32)
    torch.testing.assert_close(module().detach(), start * factor, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("n_spectral", "n_used"), [(8, 8), (12, 12), (512, 16)])
def test_as_many_directions_take_part_as_asked_for(build, features, n_spectral, n_used):
    module = build(alone(n_spectral=n_spectral, inner_dim=4), features)
    assert module.mixture().shape == (8, n_used)
    np.testing.assert_allclose(module.source().pow(2).mean(dim=0), 1, rtol=1e-4)


def test_trained_vectors_start_at_zero_or_small(build, features):
    start = build(alone(), features)().detach()
    torch.testing.assert_close(build(SpectralAdapter(), features)().detach(), start)
    is_cold = np.arange(30) < 5
    table = build(SpectralAdapter(id_init="normal"), features, is_cold=is_cold)().detach() - start
    assert not table[:5].any()
    assert table[5:].std().item() == pytest.approx(0.02, rel=0.2)


def test_with_trained_vectors_items_of_one_text_can_part(quick_fit, tiny_shop):
    vectors = tiny_shop.catalog.features.copy()
    one, other = np.argsort(
        np.bincount(np.searchsorted(tiny_shop.catalog.item_ids, tiny_shop.items))
    )[-2:]
    vectors[other] = vectors[one]
    X = tiny_shop.with_features(vectors)
    both = np.searchsorted(np.unique(X.catalog.item_ids), X.catalog.item_ids[[one, other]])
    together = quick_fit(alone(), X).item_vectors_[both]
    apart = quick_fit(SpectralAdapter(), X).item_vectors_[both]
    np.testing.assert_allclose(together[0], together[1], atol=1e-5)
    assert np.abs(apart[0] - apart[1]).max() > 1e-3


@pytest.mark.parametrize(
    ("table", "embedding_dim", "text"),
    [
        (
            SpectralAdapter(),
            32,
            "SpectralAdapter gives one direction of the item features to each of the 32 columns, "
            "but they have 16; set embedding_dim to at most 16.",
        ),
        (
            SpectralAdapter(n_spectral=6),
            8,
            "n_spectral=6 is less than the width 8 of the table; raise it, or lower embedding_dim.",
        ),
    ],
    ids=["too few features", "too few directions"],
)
def test_sizes_that_do_not_fit_are_refused(tiny_shop, table, embedding_dim, text):
    model = SASRecEstimator(item_table=table, embedding_dim=embedding_dim)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.fit(tiny_shop)
