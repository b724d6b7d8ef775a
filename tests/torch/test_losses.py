"""Losses: the blocked computation against the textbook one, position by position."""
# SPDX-License-Identifier: BSD-3-Clause

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skace._torch._losses import SampledSoftmax, full_softmax

N, V, D = 7, 5, 3


def draw(seed=0, n=N, n_items=V):
    """Float64 states, table, targets and weights, of which the first two learn."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(n, D, generator=generator, dtype=torch.float64)
    table = torch.randn(n_items, D, generator=generator, dtype=torch.float64)
    targets = torch.randint(n_items, (n,), generator=generator)
    weights = 0.5 + torch.rand(n, generator=generator, dtype=torch.float64)
    return hidden, table, targets, weights


def naive(hidden, table, targets, weights):
    """Sum over positions of weight times negative log-likelihood, one exponential at a time."""
    total = hidden.new_zeros(())
    for state, target, weight in zip(hidden, targets, weights, strict=True):
        scores = [state @ row for row in table]
        normalizer = sum(torch.exp(score) for score in scores)
        total = total - weight * (scores[target] - torch.log(normalizer))
    return total


def value_and_gradients(loss, hidden, table, targets, weights, dtype):
    """Loss and its gradients as float64 arrays, computed in ``dtype``."""
    hidden = hidden.to(dtype).requires_grad_()
    table = table.to(dtype).requires_grad_()
    value = loss(hidden, table, targets, weights.to(dtype))
    value.backward()
    return [part.detach().double().numpy() for part in (value, hidden.grad, table.grad)]


def assert_agree(actual, expected):
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("block_rows", [1, 3, N, N + 5, None])
@pytest.mark.parametrize("seed", [0, 1])
def test_full_softmax_is_the_naive_loop(block_rows, seed):
    parts = draw(seed)
    blocked = value_and_gradients(
        lambda *a: full_softmax(*a, block_rows=block_rows), *parts, torch.float32
    )
    assert_agree(blocked, value_and_gradients(naive, *parts, torch.float64))


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 9), n_items=st.integers(1, 6), block_rows=st.integers(1, 10))
def test_blocks_of_any_size_give_the_same_loss(n, n_items, block_rows):
    parts = draw(2, n, n_items)
    blocked = value_and_gradients(
        lambda *a: full_softmax(*a, block_rows=block_rows), *parts, torch.float32
    )
    assert_agree(blocked, value_and_gradients(naive, *parts, torch.float64))


def test_gradient_is_scaled_by_what_follows_the_loss():
    parts = draw()
    plain = value_and_gradients(full_softmax, *parts, torch.float32)
    scaled = value_and_gradients(lambda *a: -3 * full_softmax(*a), *parts, torch.float32)
    assert_agree(scaled, [-3 * part for part in plain])


def test_uniform_scores_cost_the_logarithm_of_the_number_of_items():
    hidden, table, targets, _ = draw()
    loss = full_softmax(0 * hidden.float(), table.float(), targets, torch.ones(N))
    assert float(loss) == pytest.approx(N * math.log(V))


def test_weight_zero_takes_a_position_out():
    hidden, table, targets, weights = draw()
    weights[2] = 0
    value, grad_hidden, grad_table = value_and_gradients(
        full_softmax, hidden, table, targets, weights, torch.float32
    )
    kept = torch.arange(N) != 2
    fewer = value_and_gradients(
        naive, hidden[kept], table, targets[kept], weights[kept], torch.float64
    )
    assert_agree([value, grad_hidden[kept.numpy()], grad_table], fewer)
    assert not grad_hidden[2].any()


def test_a_table_that_does_not_learn_gets_no_gradient():
    hidden, table, targets, weights = (part.float() for part in draw())
    hidden.requires_grad_()
    full_softmax(hidden, table, targets.long(), weights).backward()
    assert table.grad is None
    assert hidden.grad.abs().sum() > 0


def test_large_scores_do_not_overflow():
    hidden = torch.tensor([[300.0], [-300.0]])
    loss = full_softmax(hidden, torch.tensor([[1.0], [-1.0]]), torch.tensor([0, 0]), torch.ones(2))
    assert float(loss) == pytest.approx(600.0)


def test_bfloat16_states_give_a_float32_loss_near_the_exact_one():
    hidden, table, targets, weights = draw()
    exact = float(naive(hidden, table, targets, weights))
    half = hidden.bfloat16().requires_grad_()
    table32 = table.float().requires_grad_()
    loss = full_softmax(half, table32, targets, weights.float(), block_rows=2)
    loss.backward()
    assert loss.dtype == torch.float32
    assert float(loss.detach()) == pytest.approx(exact, rel=0.02)
    assert (half.grad.dtype, table32.grad.dtype) == (torch.bfloat16, torch.float32)


@pytest.fixture
def drawing(monkeypatch):
    """Let the sampled softmax draw these rows."""

    def use(*rows):
        drawn = torch.tensor(rows)
        monkeypatch.setattr(torch, "randint", lambda *_args, **_options: drawn)
        return SampledSoftmax(len(rows))

    return use


def test_sampled_softmax_is_that_over_target_and_drawn_items(drawing):
    hidden, table, targets, weights = draw(n=2)
    targets = torch.tensor([0, 1])
    loss = drawing(3, 4, 4)
    expected = [
        naive(hidden[:1], table[[0, 3, 4, 4]], torch.tensor([0]), weights[:1]),
        naive(hidden[1:], table[[1, 3, 4, 4]], torch.tensor([0]), weights[1:]),
    ]
    value = loss(hidden.float(), table.float(), targets, weights.float())
    assert float(value) == pytest.approx(float(sum(expected)), rel=1e-6)


def test_a_drawn_item_that_is_the_target_does_not_compete(drawing):
    hidden, table, _, weights = draw(n=1)
    loss = drawing(2, 4)
    value = loss(hidden.float(), table.float(), torch.tensor([2]), weights.float())
    expected = naive(hidden, table[[2, 4]], torch.tensor([0]), weights)
    assert float(value) == pytest.approx(float(expected), rel=1e-6)


def test_no_competitor_no_loss(drawing):
    hidden, table, _, weights = draw(n=1)
    hidden = hidden.float().requires_grad_()
    value = drawing(2, 2)(hidden, table.float(), torch.tensor([2]), weights.float())
    value.backward()
    assert float(value.detach()) == 0.0
    assert not hidden.grad.any()


def test_sampled_softmax_draws_uniformly_from_all_items(monkeypatch):
    hidden, table, targets, weights = draw(n_items=4)
    drawn, draw_rows = [], torch.randint

    def remember(*args, **kwargs):
        drawn.append(draw_rows(*args, **kwargs))
        return drawn[-1]

    monkeypatch.setattr(torch, "randint", remember)
    loss = SampledSoftmax(8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(200):
            loss(hidden.float(), table.float(), targets, weights.float())
    shares = torch.bincount(torch.cat(drawn), minlength=4) / 1600
    np.testing.assert_allclose(shares, 0.25, atol=0.05)
