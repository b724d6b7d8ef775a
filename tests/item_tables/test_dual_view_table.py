"""DualViewTable: two halves, one encoder, and no look ahead."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from skace import BERT4RecEstimator, GRU4RecEstimator, Interactions, SASRecEstimator
from skace.item_tables import DualViewTable


def published(**parameters):
    """The cross-attention in place of the views, without positions in front."""
    return DualViewTable(residual=False, positions=False, **parameters)


def test_the_halves_are_principal_components_and_adapted_features(build, features):
    module = build(DualViewTable(scale=None), features)
    table = module().detach().numpy()
    expected = PCA(4, svd_solver="full").fit_transform(features)
    signs = np.sign((table[:, :4] * expected).sum(axis=0))
    np.testing.assert_allclose(table[:, :4] * signs, expected, atol=1e-6)
    first, last = (layer.weight.detach().numpy() for layer in module.semantic.head)
    np.testing.assert_allclose(table[:, 4:], features @ first.T @ last.T, atol=1e-6)
    assert first.shape == (8, 16)


def test_both_halves_start_at_one_scale(build, features):
    table = build(DualViewTable(scale=0.3), features)().detach()
    assert table[:, :4].std(unbiased=False).item() == pytest.approx(0.3, rel=1e-4)
    assert table[:, 4:].std(unbiased=False).item() == pytest.approx(0.3, rel=1e-4)


@pytest.mark.parametrize(("ratio", "inner"), [(0.25, 4), (2.0, 32)])
def test_the_adapter_is_as_wide_as_asked_for(build, features, ratio, inner):
    module = build(DualViewTable(ratio=ratio), features)
    assert [tuple(layer.weight.shape) for layer in module.semantic.head] == [
        (inner, 16), (4, inner)
    ]  # fmt: skip


@pytest.mark.parametrize("n_heads", [1, 2, 4])
def test_later_items_do_not_change_earlier_states(build, features, n_heads):
    module = build(DualViewTable(n_heads=n_heads), features)
    x = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    changed = torch.cat([x[:, :3], x[:, 3:] + 1], dim=1)
    states, others = (module.encode(torch.nn.Identity(), y) for y in (x, changed))
    torch.testing.assert_close(states[:, :3], others[:, :3])
    assert ((states[:, 3:] - others[:, 3:]).abs().amax(dim=-1) > 1e-3).all()


def test_each_view_is_read_through_the_other(build, features):
    """States of a half come from the vectors of that half, weighed by the other one."""
    module = build(published(n_heads=1), features)
    x = torch.randn(1, 4, 8, generator=torch.Generator().manual_seed(0))
    alike = x.clone()
    alike[..., :4] = 1.0  # all collaborative vectors are the same
    states = module.encode(torch.nn.Identity(), alike)
    assert states.shape == (1, 4, 8)
    torch.testing.assert_close(states[0, :, :4], states[0, :1, :4].expand(4, 4))
    assert states[0, :, 4:].std(dim=0).min() > 1e-3


def test_views_enter_the_attention_times_the_root_of_their_width(build, features):
    module = build(published(), features)
    x = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    collaborative, semantic = 2 * x[..., :4], 2 * x[..., 4:]
    expected = torch.cat(
        [
            module.to_collaborative(semantic, collaborative),
            module.to_semantic(collaborative, semantic),
        ],
        dim=-1,
    )
    torch.testing.assert_close(module.encode(torch.nn.Identity(), x), expected)


def test_by_default_an_event_is_seen_itself(build, features):
    x = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    without, added = (
        build(DualViewTable(residual=residual, positions=False), features)
        for residual in (False, True)
    )
    found = without.encode(torch.nn.Identity(), x)
    torch.testing.assert_close(added.encode(torch.nn.Identity(), x), found + 2 * x)


def test_places_are_added_to_both_views_in_front(build, features):
    x = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    module = build(DualViewTable(), features, max_length=3)
    assert module.places.shape == (4, 4)  # BERT4Rec reads one more
    assert module.places.std().item() == pytest.approx(0.02, rel=0.5)
    before = module.encode(torch.nn.Identity(), x)
    with torch.no_grad():
        module.places += torch.arange(4.0)[:, None]
    places = torch.cat([module.places, module.places], dim=1)[:3].detach()
    bare = build(DualViewTable(positions=False), features)
    expected = bare.encode(torch.nn.Identity(), x + places / 2)  # views are doubled first
    torch.testing.assert_close(module.encode(torch.nn.Identity(), x), expected)
    assert (module.encode(torch.nn.Identity(), x) - before).abs().max() > 0.5


@pytest.mark.parametrize("cls", [SASRecEstimator, GRU4RecEstimator, BERT4RecEstimator])
def test_windows_of_full_length_have_places(tiny_shop, cls):
    model = cls(
        item_table=DualViewTable(), embedding_dim=8, max_length=4, max_epochs=1, random_state=0
    ).fit(tiny_shop)
    assert model.item_table_state_["places"].shape == (5, 4)
    assert np.isfinite(model.decision_function(tiny_shop)).any()


def test_one_encoder_serves_both_views(build, features):
    module = build(DualViewTable(), features)
    x = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    seen = []

    def encoder(view):
        seen.append(view)
        return 2 * view

    states = module.encode(encoder, x)
    assert [tuple(view.shape) for view in seen] == [(2, 3, 4), (2, 3, 4)]
    torch.testing.assert_close(states, 2 * torch.cat(seen, dim=-1))


def test_the_encoder_is_half_as_wide_as_the_table(quick_fit):
    model = quick_fit(DualViewTable(), embedding_dim=12)
    assert model.item_vectors_.shape[1] == 12
    assert model.encoder_state_["positions.weight"].shape[1] == 6


def test_a_fitted_model_does_not_look_ahead(tiny_shop, quick_fit):
    model = quick_fit(DualViewTable())
    ids = tiny_shop.catalog.item_ids[:6]
    one, other = (
        Interactions.from_sequences([[*ids[:4], last]], catalog=tiny_shop.catalog)
        for last in ids[4:]
    )
    np.testing.assert_allclose(
        model.decision_function(one), model.decision_function(other), atol=1e-6
    )


@pytest.mark.parametrize(
    ("table", "embedding_dim", "text"),
    [
        (
            DualViewTable(),
            7,
            "DualViewTable has two equal halves, but the width is 7; set an even embedding_dim.",
        ),
        (
            DualViewTable(n_heads=3),
            8,
            "n_heads=3 of DualViewTable does not divide 4, half the width of the table; choose "
            "another n_heads or embedding_dim.",
        ),
        (
            DualViewTable(),
            64,
            "DualViewTable takes 32 principal components of the item features, which have 16 "
            "columns; set embedding_dim to at most 32.",
        ),
    ],
    ids=["odd", "heads", "too few features"],
)
def test_sizes_that_do_not_fit_are_refused(tiny_shop, table, embedding_dim, text):
    model = SASRecEstimator(item_table=table, embedding_dim=embedding_dim)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.fit(tiny_shop)
