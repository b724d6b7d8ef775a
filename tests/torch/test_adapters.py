"""Parts of item tables as modules: heads, offsets, projections, mixtures, alignment."""
# SPDX-License-Identifier: BSD-3-Clause

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from skace._torch._state import load_state, state_as_numpy, table_as_numpy
from skace._torch.tables._adapters import HeadItems, OffsetItems
from skace._torch.tables._alignment import AlignedItems, soft_alignment
from skace._torch.tables._dual_view import CrossAttention
from skace._torch.tables._frozen import FrozenItems
from skace._torch.tables._heads import build_head, random_linear
from skace._torch.tables._projected import ProjectedItems
from skace._torch.tables._spectral import Diagonal, SpectralItems, softshrink
from skace._torch.tables._trainable import TrainableItems

NOBODY = np.zeros(4, dtype=bool)
FEATURES = np.array([[1, 0, 2], [0, 3, 1], [1, 1, 1], [2, 0, 0]], dtype=np.float32)
MEAN = np.array([1.0, 1.0, 1.0])
WEIGHTS = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 0.0]])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def projected(features=FEATURES, **options):
    return ProjectedItems(features, MEAN, WEIGHTS, **options)


def test_projected_rows_are_worked_out_by_hand():
    expected = [[1, -2], [-1, 4], [0, 0], [0, -2]]
    torch.testing.assert_close(projected()(), torch.tensor(expected, dtype=torch.float32))


@pytest.mark.parametrize("normalize", [True, False])
def test_unknown_items_are_projected_like_known_ones(normalize):
    module = projected(normalize=normalize)
    assert torch.equal(module.embed(torch.from_numpy(FEATURES)), module())
    assert not module.embed(torch.zeros(1, 3)).any()


def test_rows_that_join_are_projected_by_the_loaded_map():
    old = projected(FEATURES[:2])
    grown = ProjectedItems(FEATURES + 9, MEAN + 7, 5 * WEIGHTS)
    load_state(grown, state_as_numpy(old), may_grow=True)
    grown.remember_cold()
    assert torch.equal(grown()[:2], old())
    assert torch.equal(grown()[2:], old.embed(torch.from_numpy(FEATURES[2:] + 9)))
    again = projected()
    load_state(again, state_as_numpy(grown))
    assert torch.equal(again(), grown())


def test_projected_items_have_nothing_to_train_and_are_stored_once():
    module = projected()
    state = state_as_numpy(module)
    assert list(module.parameters()) == []
    assert table_as_numpy(module, state) is state["rows"]


@pytest.mark.parametrize("std", [0.02, 1.0])
def test_a_random_layer_has_the_spread_asked_for_and_no_bias(std):
    layer = random_linear(300, 200, std, generator())
    assert layer.weight.std().item() == pytest.approx(std, rel=0.05)
    assert not layer.bias.any()


@pytest.mark.parametrize(
    ("widths", "activation", "kinds"),
    [
        ([4, 2], "relu", ["Linear"]),
        ([4, 3, 2], "relu", ["Linear", "ReLU", "Linear"]),
        ([4, 3, 2], None, ["Linear", "Linear"]),
        ([4, 3, 3, 2], "gelu", ["Linear", "GELU", "Linear", "GELU", "Linear"]),
        ([4, 3, 2], "leaky_relu", ["Linear", "LeakyReLU", "Linear"]),
    ],
)
def test_activations_stand_between_the_layers(widths, activation, kinds):
    head = build_head(widths, activation, 0.02, generator())
    assert [type(layer).__name__ for layer in head] == kinds


def heads(views=1, activation="relu"):
    source = FrozenItems(torch.from_numpy(np.tile(FEATURES, views)))
    return HeadItems(source, build_head([3, 5, 2], activation, 0.5, generator()), views=views)


@pytest.mark.parametrize("views", [2, 3])
def test_equal_views_are_summed(views):
    torch.testing.assert_close(heads(views)(), views * heads()())


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "gelu", None])
@pytest.mark.parametrize("spread", [0.1, 3.0])
def test_rescaling_sets_the_spread_of_the_table(activation, spread):
    module = heads(activation=activation)
    start = module().detach()
    module.rescale(spread)
    assert module().std(unbiased=False).item() == pytest.approx(spread, rel=1e-4)
    torch.testing.assert_close(module().detach(), start * (spread / start.std(unbiased=False)))


def test_rescaling_a_table_of_zeros_changes_nothing():
    module = HeadItems(FrozenItems(torch.zeros(4, 3)), build_head([3, 2], None, 0.5, generator()))
    start = module.head[0].weight.detach().clone()
    module.rescale(0.1)
    assert torch.equal(module.head[0].weight, start)


@pytest.mark.parametrize("module", [heads(), heads(views=2)])
def test_a_head_embeds_unknown_items_as_it_does_known_ones(module):
    torch.testing.assert_close(module.embed(module.source()), module())


@pytest.mark.parametrize("covers", [False, True])
def test_offsets_stand_in_the_last_columns(covers):
    own = TrainableItems(torch.tensor([[10.0], [20.0], [30.0], [40.0]]), NOBODY)
    module = OffsetItems(projected(), own, covers=covers)
    last = [10, 20, 30, 40] if covers else [8, 24, 30, 38]
    assert module().tolist() == [[1, last[0]], [-1, last[1]], [0, last[2]], [0, last[3]]]
    unknown = module.embed(torch.from_numpy(FEATURES[:1]))
    assert unknown.tolist() == [[1, 0 if covers else -2]]


def test_parts_remember_and_pin_their_cold_rows():
    own = TrainableItems(torch.zeros(4, 1), np.array([True, False, False, False]))
    module = OffsetItems(projected(), own)
    with torch.no_grad():
        own.weight.copy_(torch.tensor([[1.0], [2.0], [3.0], [4.0]]))
    module.remember_cold()
    with torch.no_grad():
        own.weight += 1
    module.pin_cold()
    assert own.weight.flatten().tolist() == [1, 3, 4, 5]


@pytest.mark.parametrize("threshold", [0.1, 0.5, 2.0])
def test_softshrink_agrees_with_torch_and_learns_its_threshold(threshold):
    x = torch.tensor([-3.0, -0.7, -0.2, 0.0, 0.4, 1.5], requires_grad=True)
    tau = torch.tensor(threshold, requires_grad=True)
    shrunk = softshrink(x, tau)
    torch.testing.assert_close(shrunk, F.softshrink(x, threshold))
    shrunk.pow(2).sum().backward()
    expected = -2 * shrunk.detach().abs().sum()
    torch.testing.assert_close(tau.grad, expected)
    torch.testing.assert_close(x.grad, 2 * shrunk.detach())


def test_a_spectral_table_is_worked_out_by_hand():
    diagonal = Diagonal(np.array([2.0]), np.array([0.5]), 2)
    module = SpectralItems(projected(), diagonal, 4, 0.1, generator())
    with torch.no_grad():
        module.queries.fill_(1.0)
        module.keys.copy_(torch.tensor([[1.0] * 4, [-0.5] * 4]))  # scores 2 and -1
        module.log_threshold.fill_(math.log(0.75))
        module.coefficients.copy_(torch.tensor([1.0, 4.0]))
    torch.testing.assert_close(module.mixture(), torch.tensor([[1.25, -0.25]]))
    torch.testing.assert_close(module.diagonal(), torch.tensor([8.0]))
    torch.testing.assert_close(module(), module.source() @ torch.tensor([[9.25], [-0.25]]))


def naive_alignment(x, y, temperature):
    """The loss entry by entry."""
    n = len(x)
    logits = x @ y.T / temperature
    similar = (x @ x.T + y @ y.T) / 2 * temperature
    targets = np.exp(similar) / np.exp(similar).sum(axis=1, keepdims=True)
    total = 0.0
    for i in range(n):
        for j in range(n):
            total -= targets[i, j] * (logits[i, j] - np.log(np.exp(logits[i]).sum()))
            total -= targets[j, i] * (logits[j, i] - np.log(np.exp(logits[:, i]).sum()))
    return total / n / 2


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("n", [2, 7])
def test_the_alignment_agrees_with_a_naive_loop(temperature, n):
    rng = np.random.default_rng(n)
    x, y = rng.standard_normal((2, n, 3))
    loss = soft_alignment(torch.from_numpy(x), torch.from_numpy(y), temperature)
    assert loss.item() == pytest.approx(naive_alignment(x, y, temperature), rel=1e-10)


def test_the_gradient_of_the_alignment_passes_through_the_targets():
    x, y = (torch.randn(4, 3, dtype=torch.float64, generator=generator(i)) for i in range(2))
    y.requires_grad_()
    assert torch.autograd.gradcheck(lambda y: soft_alignment(x, y, 2.0), (y,))


def aligned_items(is_known, **options):
    vectors = np.random.default_rng(0).standard_normal((4, 2))
    head = build_head([2, 2], None, 1.0, generator())
    return AlignedItems(
        projected(), head, vectors, is_known, **({"alpha": 0.5, "temperature": 2.0} | options)
    )


def alignment_of(module, rows):
    """That of some items, whose vectors have length 4."""
    both = (4 * F.normalize(x) for x in (module.reference[rows], module()[rows]))
    return soft_alignment(*both, 2.0)


def test_the_penalty_counts_each_known_item_once():
    module = aligned_items(np.array([True, True, False, True]))
    rows = [0, 1, 3]
    expected = 0.5 * alignment_of(module, rows)
    torch.testing.assert_close(module.penalty(torch.tensor([3, 0, 2, 1, 1, 3])), expected)


@pytest.mark.parametrize("items", [[1, 1], [2, 1], [2]])
def test_one_item_alone_is_not_aligned(items):
    module = aligned_items(np.array([True, True, False, True]))
    assert module.penalty(torch.tensor(items)) is None


def test_the_penalty_is_bounded_in_size(monkeypatch):
    monkeypatch.setattr("skace._torch.tables._alignment._MOST_ITEMS", 2)
    module = aligned_items(~NOBODY)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        found = {round(module.penalty(torch.arange(4)).item(), 5) for _ in range(50)}
    pairs = [[i, j] for i in range(4) for j in range(i)]
    expected = {round(0.5 * alignment_of(module, pair).item(), 5) for pair in pairs}
    assert found == expected


def test_the_penalty_trains_the_head_and_nothing_else():
    module = aligned_items(~NOBODY)
    module.penalty(torch.arange(4)).backward()
    moved = {name for name, p in module.named_parameters() if p.grad.abs().max() > 0}
    assert moved == {"head.0.weight", "head.0.bias"}


@pytest.mark.parametrize("n_heads", [1, 2])
def test_cross_attention_agrees_with_its_formula(n_heads):
    layer = CrossAttention(4, n_heads, generator())
    asking, asked = torch.randn(2, 1, 3, 4, generator=generator(1))
    found = layer(asking[None][0], asked[None][0])[0]
    q, k, v = layer.query(asking)[0], layer.key(asked)[0], layer.value(asked)[0]
    size = 4 // n_heads
    parts = []
    for h in range(n_heads):
        cut = slice(h * size, (h + 1) * size)
        logits = q[:, cut] @ k[:, cut].T / size**0.5
        logits = logits.masked_fill(~torch.ones(3, 3).tril().bool(), -torch.inf)
        parts.append(logits.softmax(dim=1) @ v[:, cut])
    torch.testing.assert_close(found, layer.mix_heads(torch.cat(parts, dim=1)))


@pytest.mark.parametrize("widths", [[5, 3], [70, 90, 60], [6, 9, 7, 2]])
@pytest.mark.parametrize("shape", [(4,), (4, 2)])
def test_layers_that_are_multiplied_out_are_the_layers_one_after_another(widths, shape):
    rng = generator()
    head = build_head(widths, None, 0.5, rng)
    for layer in head:
        layer.bias.data = torch.randn(layer.bias.shape, generator=rng)
    x = torch.randn(*shape, widths[0], generator=rng)
    expected = x
    for layer in head:
        expected = layer(expected)
    parameters = list(head.parameters())
    found = head(x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)
    weights = torch.randn(expected.shape, generator=rng)
    for mine, theirs in zip(
        torch.autograd.grad((found * weights).sum(), parameters),
        torch.autograd.grad((expected * weights).sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-2)
