"""Contrast of two views: hard and soft targets, by loop and by limit."""
# SPDX-License-Identifier: BSD-3-Clause

import math

import pytest
import torch
import torch.nn.functional as F

from skace._torch.tables._alignment import soft_alignment
from skace._torch.text._contrastive_loss import Contrast, hard_contrast


def _views(n=5, d=4, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(2, n, d, dtype=torch.float64, generator=generator)
    return scale * draw[0], scale * draw[1]


def _cross_entropy(logits, targets):
    """Cross-entropy of one row, in nats."""
    total = sum(math.exp(value) for value in logits)
    return -sum(p * math.log(math.exp(v) / total) for v, p in zip(logits, targets, strict=True))


def _dot(x, y):
    return sum(a * b for a, b in zip(x.tolist(), y.tolist(), strict=True))


def _by_loop(first, second, temperature, *, is_soft):
    """The loss of both forms, number by number."""
    n = len(first)
    logits = [[_dot(x, y) / temperature for y in second] for x in first]
    targets = [[float(i == j) for j in range(n)] for i in range(n)]
    if is_soft:
        for i in range(n):
            weights = [
                math.exp((_dot(first[i], first[j]) + _dot(second[i], second[j])) / 2 * temperature)
                for j in range(n)
            ]
            targets[i] = [weight / sum(weights) for weight in weights]
    total = 0.0
    for i in range(n):
        total += _cross_entropy(logits[i], targets[i])
        total += _cross_entropy([row[i] for row in logits], [row[i] for row in targets])
    return total / n / 2


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize(("loss", "is_soft"), [(hard_contrast, False), (soft_alignment, True)])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_losses_are_those_of_a_loop(loss, is_soft, n, temperature):
    first, second = _views(n)
    found = loss(first, second, temperature)
    expected = _by_loop(first, second, temperature, is_soft=is_soft)
    assert float(found) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_those_that_belong_do_not_compete():
    first, second = _views(4)
    belongs = torch.zeros(4, 4, dtype=torch.bool)
    belongs[0, 2] = belongs[3, 3] = True  # its own one is never left out
    logits = (first @ second.T / 0.5).clone()
    logits[0, 2] = -torch.inf
    own = torch.arange(4)
    expected = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    found = hard_contrast(first, second, 0.5, belongs)
    assert float(found) == pytest.approx(float(expected), rel=1e-9)
    assert float(found) < float(hard_contrast(first, second, 0.5))
    assert belongs.sum() == 2
    assert torch.isfinite(hard_contrast(first, second, 0.5, torch.ones(4, 4, dtype=torch.bool)))


def test_soft_targets_become_hard_where_each_item_is_like_itself_only():
    first = 10 * torch.eye(4, dtype=torch.float64)
    second = first + 0.1 * torch.eye(4, dtype=torch.float64).roll(1, 0)
    near = float(soft_alignment(first, second, 5.0))
    assert near == pytest.approx(float(hard_contrast(first, second, 5.0)), rel=1e-6)
    assert near > 0
    # Of short vectors the targets are spread, and the losses differ.
    far = soft_alignment(first / 20, second / 20, 1.0) - hard_contrast(first / 20, second / 20, 1.0)
    assert abs(float(far)) > 0.05


def test_the_order_of_the_views_does_not_count_to_the_hard_form():
    first, second = _views()
    swapped = float(hard_contrast(second, first, 1.0))
    assert float(hard_contrast(first, second, 1.0)) == pytest.approx(swapped, rel=1e-6)


@pytest.mark.parametrize(("form", "is_same"), [("hard", True), ("soft", False)])
def test_only_the_hard_form_looks_at_directions_alone(form, is_same):
    contrast = Contrast(form, 0.5, learns=False)
    first, second = _views()
    change = float(contrast(3 * first, second) - contrast(first, second))
    assert (abs(change) < 1e-9) == is_same


def test_equal_views_of_orthogonal_items_cost_almost_nothing():
    contrast = Contrast("hard", 0.05, learns=False)
    assert float(contrast(torch.eye(6), torch.eye(6))) < 1e-7
    assert float(contrast(torch.eye(6), torch.eye(6).roll(1, 0))) > 10


@pytest.mark.parametrize("learns", [True, False])
def test_the_temperature_has_a_gradient_only_if_it_is_learned(learns):
    contrast = Contrast("soft", 3.0, learns=learns)
    first, second = (view.float().requires_grad_() for view in _views())
    contrast(first, second).backward()
    assert float(contrast.temperature.detach()) == pytest.approx(3.0)
    assert (contrast.log_temperature.grad is not None) == learns


def test_the_soft_form_lets_the_gradient_through_its_targets():
    first, second = (view.requires_grad_() for view in _views())
    soft_alignment(first, second, 1.0).backward()
    through = first.grad.clone()
    first.grad = None
    similarities = (first @ first.T + second @ second.T) / 2
    targets = torch.softmax(similarities, dim=1).detach()
    logits = first @ second.T
    forth = F.cross_entropy(logits, targets)
    back = -(targets.T * torch.log_softmax(logits.T, dim=1)).sum(dim=1).mean()
    ((forth + back) / 2).backward()
    assert not torch.allclose(through, first.grad)
