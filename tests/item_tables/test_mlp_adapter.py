"""MLPAdapter: sizes of the head, views, and published heads as points of its grid."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
import torch

from skace import SASRecEstimator
from skace.item_tables import MLPAdapter


def linears(module):
    return [layer for layer in module.head if isinstance(layer, torch.nn.Linear)]


@pytest.mark.parametrize(
    ("parameters", "shapes"),
    [
        ({}, [(8, 16), (8, 8)]),
        ({"n_layers": 1}, [(8, 16)]),
        ({"n_layers": 3, "ratio": 2}, [(32, 16), (32, 32), (8, 32)]),
        ({"views": 2}, [(4, 8), (8, 4)]),
        ({"views": 4, "ratio": 0.01}, [(1, 4), (8, 1)]),
    ],
    ids=str,
)
def test_layers_are_as_wide_as_the_parameters_say(build, features, parameters, shapes):
    module = build(MLPAdapter(**parameters), features)
    assert [tuple(layer.weight.shape) for layer in linears(module)] == shapes


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("leaky_relu", lambda x: np.where(x > 0, x, 0.01 * x)),
        ("gelu", lambda x: torch.nn.functional.gelu(torch.from_numpy(x)).numpy()),
        (None, lambda x: x),
    ],
)
def test_the_table_is_the_head_written_out(build, features, activation, function):
    module = build(MLPAdapter(activation=activation, init_std=0.3), features)
    first, last = linears(module)
    with torch.no_grad():
        first.bias.normal_(generator=torch.Generator().manual_seed(1))
        last.bias.fill_(0.5)
    hidden = function(features.astype(np.float32) @ first.weight.detach().numpy().T
                      + first.bias.detach().numpy())  # fmt: skip
    expected = hidden @ last.weight.detach().numpy().T + 0.5
    np.testing.assert_allclose(module().detach().numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", None])
def test_two_equal_views_give_twice_one_view(build, features, activation):
    table = MLPAdapter(activation=activation, scale=None)
    one = build(table, features)
    two = build(table.set_params(views=2), np.concatenate([features, features], axis=1))
    assert torch.equal(two(), 2 * one())


def test_views_are_the_halves_of_the_columns(build, features):
    table = MLPAdapter(views=2, scale=None)
    module = build(table, features)
    swapped = build(table, np.roll(features, 8, axis=1))
    mixed = build(table, features[:, np.r_[0:4, 8:12, 4:8, 12:16]])
    torch.testing.assert_close(module(), swapped())
    assert (module() - mixed()).abs().max() > 1e-6


@pytest.mark.parametrize("init_std", [0.02, 0.2])
def test_weights_start_as_wide_as_asked_for(build, init_std):
    features = np.random.default_rng(0).standard_normal((5, 200))
    module = build(MLPAdapter(init_std=init_std, scale=None, n_layers=3), features)
    for layer in linears(module)[:2]:
        assert layer.weight.std().item() == pytest.approx(init_std, rel=0.05)
        assert not layer.bias.any()


def test_the_generator_alone_decides_on_the_start(build, features):
    torch.manual_seed(0)
    one = build(MLPAdapter(), features, seed=1)()
    state = torch.random.get_rng_state()
    same, other = build(MLPAdapter(), features, seed=1)(), build(MLPAdapter(), features, seed=2)()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_columns_that_are_no_equal_views_are_refused(tiny_shop):
    X = tiny_shop.with_features(tiny_shop.catalog.features[:, :7])
    text = (
        "views=2, but the item features have 7 columns, which are not 2 views of equal width; join "
        "transformers of equal width with FeatureUnion, or set views=1."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        SASRecEstimator(item_table=MLPAdapter(views=2)).fit(X)
