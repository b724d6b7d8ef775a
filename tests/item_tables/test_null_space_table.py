"""NullSpaceTable: the frozen part, the columns of the ids, and what cold items get."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from skace import SASRecEstimator
from skace.item_tables import NullSpaceTable


def clipped(features, width=8):
    """The standardised principal components, by way of scikit-learn."""
    scores = PCA(width, whiten=True, svd_solver="full").fit_transform(features)
    return scores * (len(features) / (len(features) - 1)) ** 0.5  # divisor n


def up_to_signs(table, expected):
    return table * np.sign((table * expected).sum(axis=0))


@pytest.mark.parametrize("scale", [0.1, 1.0])
@pytest.mark.parametrize("id_dim", [1, 8])
def test_with_ids_of_zero_it_is_the_clipped_semantic_table(build, features, scale, id_dim):
    table = build(NullSpaceTable(id_dim=id_dim, scale=scale), features)().detach().numpy()
    expected = scale * clipped(features)
    np.testing.assert_allclose(up_to_signs(table, expected), expected, atol=1e-5 * scale)
    np.testing.assert_allclose(table.std(axis=0), scale, rtol=1e-5)
    np.testing.assert_allclose(table.mean(axis=0), 0, atol=1e-6)


@pytest.mark.parametrize("factor", [40.0, 1e-3])
def test_the_size_of_the_features_does_not_matter(build, features, factor):
    one, other = (build(NullSpaceTable(id_dim=4), f)() for f in (features, factor * features))
    torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("cover", [False, True])
def test_ids_live_in_the_last_columns(build, features, cover):
    semantic = build(NullSpaceTable(id_dim=3), features)().detach()
    module = build(NullSpaceTable(id_dim=3, cover=cover), features)
    with torch.no_grad():
        module.own.weight.fill_(7.0)
    table = module().detach()
    torch.testing.assert_close(table[:, :5], semantic[:, :5])
    expected = torch.full((30, 3), 7.0) + (0 if cover else semantic[:, 5:])
    torch.testing.assert_close(table[:, 5:], expected)


def test_the_last_columns_are_those_of_least_variance(build, features):
    module = build(NullSpaceTable(id_dim=3), features)
    spread = (features - features.mean(axis=0)) @ module.source.weights.numpy()
    lengths = 1 / np.linalg.norm(module.source.weights.numpy(), axis=0)  # standard deviations / c
    assert (np.diff(lengths) < 0).all()
    np.testing.assert_allclose(spread.std(axis=0), 0.1, rtol=1e-5)


@pytest.mark.parametrize(
    ("id_init", "scale", "std"), [("zeros", 0.1, 0.0), ("normal", 0.1, 0.1), ("normal", 1.0, 1.0)]
)
def test_ids_start_as_asked_for(build, id_init, scale, std):
    features = np.random.default_rng(0).standard_normal((500, 16))
    module = build(NullSpaceTable(id_dim=8, id_init=id_init, scale=scale), features)
    assert module.own.weight.std().item() == pytest.approx(std, rel=0.05)


@pytest.mark.parametrize("id_init", ["zeros", "normal"])
@pytest.mark.parametrize("cover", [False, True])
def test_cold_and_unknown_items_have_no_id(build, features, id_init, cover):
    is_cold = np.arange(30) == 4
    table = NullSpaceTable(id_dim=3, id_init=id_init, cover=cover)
    module = build(table, features, is_cold=is_cold)
    with torch.no_grad():
        module.own.weight += 1  # as training might, through histories
    module.pin_cold()
    twin = module.embed(torch.tensor(features[4:5], dtype=torch.float32))
    torch.testing.assert_close(module()[4:5].detach(), twin, atol=1e-6, rtol=1e-5)
    assert (module()[5].detach() - module.embed(torch.tensor(features[5:6]))).abs().max() > 0.1


@pytest.mark.parametrize("rank", [1, 5])
def test_directions_beyond_the_rank_are_zero(build, rank):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((30, rank)) @ rng.standard_normal((rank, 16))
    table = build(NullSpaceTable(id_dim=3), features)().detach().numpy()
    np.testing.assert_allclose(table[:, :rank].std(axis=0), 0.1, rtol=1e-4)
    assert not table[:, rank:].any()


@pytest.mark.parametrize(
    ("table", "parameters", "text"),
    [
        (
            NullSpaceTable(),
            {},
            "NullSpaceTable takes 128 principal axes of the item features, which have 16 columns; "
            "set embedding_dim to at most 16.",
        ),
        (
            NullSpaceTable(id_dim=9),
            {"embedding_dim": 8},
            "id_dim=9 exceeds the width 8 of the table; lower it, or raise embedding_dim.",
        ),
    ],
    ids=["too few features", "id_dim too large"],
)
def test_sizes_that_do_not_fit_are_refused(tiny_shop, table, parameters, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        SASRecEstimator(item_table=table, **parameters).fit(tiny_shop)
