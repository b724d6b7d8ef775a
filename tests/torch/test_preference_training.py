"""Teaching of categories, on a tower that is a table of letters."""
# SPDX-License-Identifier: BSD-3-Clause

import math

import numpy as np
import pytest
import torch
from torch import nn

from skace._torch.text._preference_training import (
    PreferenceTrainer,
    preference_head,
    preference_optimizer,
)
from skace.embeddings.text._preference_readings import Reading

RATES = np.array([0.5, 0.25, 0.25], dtype=np.float32)


class LetterTower:
    """Sentence model with one vector for each letter, which is the text."""

    def __init__(self):
        self.network = nn.Embedding(26, 4)
        nn.init.normal_(self.network.weight, generator=torch.Generator().manual_seed(0))

    def forward(self, texts, *, prompt):  # noqa: ARG002 - the protocol
        return self.network(torch.tensor([ord(text) - ord("a") for text in texts]))


class Fixed:
    """Two readers: one of a, b and c, which counts twice, one of c."""

    targets = np.array([[0.5, 0.5, 0], [0, 0.25, 0.75]], dtype=np.float32)

    def __len__(self):
        return 2

    def draw(self, rows, rng):  # noqa: ARG002
        assert sorted(rows) == [0, 1]
        weights = np.array([1, 1, 2, 0.5], dtype=np.float32)
        places, readers = np.array([0, 1, 2, 2]), np.array([0, 0, 0, 1])
        return Reading(["a", "b", "c"], places, readers, weights, self.targets)


def _trainer(readings=None, learning_rate=1e-2):
    tower = LetterTower()
    head = preference_head(4, RATES)
    return PreferenceTrainer(
        tower=tower,
        readings=Fixed() if readings is None else readings,
        head=head,
        categories=np.array([2, 0, 1]),
        optimizer=preference_optimizer(tower, head, learning_rate),
        batch_size=8,
        prompt=None,
        device=torch.device("cpu"),
        dtype=torch.float32,
        rng=np.random.RandomState(0),
    )


def test_the_head_begins_with_what_is_usual():
    found = torch.softmax(preference_head(4, RATES)(torch.randn(3, 4)), dim=1)
    assert found.detach().numpy() == pytest.approx(np.tile(RATES, (3, 1)))


def test_the_loss_is_the_divergence_of_the_mean_readers():
    trainer = _trainer()
    nn.init.normal_(trainer.head.weight, generator=torch.Generator().manual_seed(1))
    a, b, c = trainer.tower.network.weight.detach()[:3]
    expected = 0.0
    for mean, targets in zip([(a + b + 2 * c) / 4, c], Fixed.targets, strict=True):
        p = torch.softmax(trainer.head(mean), dim=0).tolist()
        expected += sum(t * math.log(t / q) for t, q in zip(targets, p, strict=True) if t > 0) / 2
    assert float(trainer.loss_of(np.array([0, 1])).detach()) == pytest.approx(expected, rel=1e-5)


def test_model_and_head_learn_until_the_distributions_are_told(margin):
    trainer = _trainer()
    before = trainer.tower.network.weight.detach().clone()
    losses = [trainer.run_epoch() for _ in range(150)]
    margin(losses[-1], below=losses[0] / 10)
    moved = (trainer.tower.network.weight.detach() - before).abs().amax(dim=1)
    assert (moved[:3] > 1e-3).all()
    assert (moved[3:] == 0).all()
    assert trainer.findings()["categories"].tolist() == [2, 0, 1]


def test_a_frozen_model_leaves_the_head_to_learn():
    tower = LetterTower()
    tower.network.requires_grad_(requires_grad=False)
    head = preference_head(4, RATES)
    frozen, own = preference_optimizer(tower, head, 0.1).param_groups
    assert frozen["params"] == []
    assert (own["params"], own["lr"]) == (list(head.parameters()), 1e-2)


def test_users_and_items_teach_a_linear_model_the_same_categories(margin):
    """Letters of the first half belong to category 0; each user took letters of one half."""

    class Halves:
        def __init__(self, groups):
            self.groups = groups

        def __len__(self):
            return len(self.groups)

        def draw(self, rows, rng):  # noqa: ARG002
            groups = [self.groups[row] for row in rows]
            letters = sorted(set("".join(groups)))
            places = [letters.index(letter) for group in groups for letter in group]
            readers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
            first = np.array([group[0] < "e" for group in groups], dtype=np.float32)
            targets = np.stack([first, 1 - first, 0 * first], axis=1)
            weights = np.ones(readers.size, dtype=np.float32)
            return Reading(letters, np.array(places), readers, weights, targets)

    for groups in (["abc", "bcd", "efg", "fgh", "ad", "eh"], list("abcdefgh")):
        trainer = _trainer(Halves(groups))
        for _ in range(100):
            trainer.run_epoch()
        told = trainer.head(trainer.tower.network.weight[:8]).detach()
        own = torch.tensor([0] * 4 + [1] * 4)
        lead = told.gather(1, own[:, None]) - told.gather(1, 1 - own[:, None])
        margin(lead.min(), above=1)
