"""Item tables as modules: what is trained, what stays, what new items get."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
import torch

from skace._torch.tables._base import ItemModule, random_vectors
from skace._torch.tables._frozen import FrozenItems
from skace._torch.tables._trainable import TrainableItems

VECTORS = torch.arange(8.0).reshape(4, 2)
IS_COLD = np.array([False, True, False, True])


def trained(module):
    """The module after a step that moved every entry it could."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(1)
    return module


@pytest.mark.parametrize("module", [TrainableItems(VECTORS.clone(), IS_COLD), FrozenItems(VECTORS)])
def test_table_starts_with_the_vectors(module):
    torch.testing.assert_close(module().detach(), VECTORS)
    assert list(module.state_dict()) == ["weight"]


def test_cold_rows_go_back_to_where_they_were():
    module = trained(TrainableItems(VECTORS.clone(), IS_COLD))
    module.pin_cold()
    torch.testing.assert_close(module().detach()[IS_COLD], VECTORS[IS_COLD])
    torch.testing.assert_close(module().detach()[~IS_COLD], VECTORS[~IS_COLD] + 1)


def test_cold_rows_go_back_to_what_was_loaded_in_the_meantime():
    module = TrainableItems(torch.zeros(4, 2), IS_COLD)
    module.load_state_dict({"weight": VECTORS})
    module.remember_cold()
    trained(module).pin_cold()
    torch.testing.assert_close(module().detach()[IS_COLD], VECTORS[IS_COLD])


def test_without_cold_rows_all_stay_where_training_left_them():
    module = trained(TrainableItems(VECTORS.clone(), np.zeros(4, dtype=bool)))
    module.pin_cold()
    torch.testing.assert_close(module().detach(), VECTORS + 1)


def test_frozen_items_have_nothing_to_train():
    module = FrozenItems(VECTORS)
    assert list(module.parameters()) == []
    assert not module().requires_grad


@pytest.mark.parametrize("module", [TrainableItems(VECTORS.clone(), IS_COLD), FrozenItems(VECTORS)])
def test_unknown_items_are_embedded_by_their_features(module):
    features = torch.tensor([[9.0, 8.0]])
    torch.testing.assert_close(module.embed(features), features)


@pytest.mark.parametrize("module", [TrainableItems(VECTORS.clone(), IS_COLD), FrozenItems(VECTORS)])
def test_windows_pass_the_encoder_as_they_are_and_nothing_is_added_to_the_loss(module):
    x = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(module.encode(lambda y: 2 * y, x), 2 * x)
    assert module.penalty(torch.tensor([0, 1])) is None


class Nested(ItemModule):
    """A table made of others, one of them in two layers."""

    def __init__(self, depth=2):
        super().__init__()
        self.noted = []
        self.layer = torch.nn.Linear(1, 1)
        if depth:
            self.first, self.second = Nested(0), Nested(depth - 1)

    def remember_cold(self):
        self.noted.append("remember")
        super().remember_cold()

    def pin_cold(self):
        self.noted.append("pin")
        super().pin_cold()


def test_parts_of_parts_are_told_of_cold_items():
    module = Nested()
    module.remember_cold()
    module.pin_cold()
    nested = [part for part in module.modules() if isinstance(part, Nested)]
    assert [part.noted for part in nested] == [["remember", "pin"]] * 5


def test_random_vectors_have_the_spread_asked_for_and_repeat_with_the_seed():
    one = random_vectors(500, 8, 0.1, torch.Generator().manual_seed(3))
    same = random_vectors(500, 8, 0.1, torch.Generator().manual_seed(3))
    other = random_vectors(500, 8, 0.1, torch.Generator().manual_seed(4))
    assert one.std().item() == pytest.approx(0.1, rel=0.05)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
