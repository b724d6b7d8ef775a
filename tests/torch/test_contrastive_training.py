"""The contrastive training loop, on a tower that is a table of letters."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
import torch
from torch import nn

from skace._torch.text._contrastive_loss import Contrast
from skace._torch.text._contrastive_training import (
    ContrastiveTrainer,
    contrastive_optimizer,
    has_dropout,
)
from skace.embeddings.text._contrastive_views import ViewPair


class LetterTower:
    """Sentence model whose vector is the sum of those of the letters."""

    def __init__(self):
        self.network = nn.Embedding(26, 4)
        nn.init.normal_(self.network.weight, generator=torch.Generator().manual_seed(0))
        self.calls = []

    def forward(self, texts, *, prompt):
        self.calls.append((list(texts), prompt, self.network.training))
        rows = [torch.tensor([ord(letter) - ord("a") for letter in text]) for text in texts]
        return torch.stack([self.network(row).sum(dim=0) for row in rows])


class Words:
    """Views that are one letter of a word."""

    words = ("ab", "cd", "ef", "gh", "ij", "kl", "mn")

    def __len__(self):
        return len(self.words)

    def draw_pair(self, rows, rng):
        first, second = ([self.words[row][rng.randint(2)] for row in rows] for _ in range(2))
        return ViewPair(first, second)


def _trainer(batch_size=3, seed=0, learns=False, learning_rate=0.05):
    tower = LetterTower()
    contrast = Contrast("hard", 0.5, learns=learns)
    optimizer = contrastive_optimizer(tower, contrast, learning_rate)
    rng = np.random.RandomState(seed)
    return ContrastiveTrainer(
        tower=tower,
        views=Words(),
        contrast=contrast,
        optimizer=optimizer,
        batch_size=batch_size,
        prompt="p",
        device=torch.device("cpu"),
        dtype=torch.float32,
        rng=rng,
    )


@pytest.mark.parametrize("batch_size", [2, 3, 4, 7, 50])
def test_an_epoch_shows_each_item_twice_in_batches_of_about_one_size(batch_size):
    trainer = _trainer(batch_size)
    trainer.run_epoch()
    sizes = [len(texts) // 2 for texts, _, _ in trainer.tower.calls]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    seen = []
    for texts, prompt, is_training in trainer.tower.calls:
        assert (prompt, is_training) == ("p", True)
        half = len(texts) // 2
        # Letters 2k and 2k + 1 of the alphabet are the two of one word.
        words = [[(ord(t) - ord("a")) // 2 for t in part] for part in (texts[:half], texts[half:])]
        assert words[0] == words[1]
        seen += words[0]
    assert sorted(seen) == list(range(7))
    assert not trainer.tower.network.training


def test_letters_of_one_word_come_together(training_seed, margin):
    trainer = _trainer(batch_size=7, seed=training_seed)
    losses = [trainer.run_epoch() for _ in range(60)]
    margin(losses[-1] / losses[0], below=0.5)
    vectors = nn.functional.normalize(trainer.tower.network.weight.detach()[:14], dim=1)
    cosines = vectors @ vectors.T - 2 * torch.eye(14)
    rows = torch.arange(14)
    own = cosines[rows, rows ^ 1].clone()
    cosines[rows, rows ^ 1] = -2
    margin((own - cosines.amax(dim=1)).min(), above=0)


def test_the_loss_of_an_epoch_weighs_items_alike(monkeypatch):
    losses = {}

    def step(self, rows):  # noqa: ARG001 - stands for a method
        losses[rows.size] = float(rows.sum())
        return losses[rows.size]

    monkeypatch.setattr(ContrastiveTrainer, "step", step)
    found = _trainer(batch_size=4).run_epoch()
    assert sorted(losses) == [3, 4]
    assert found == pytest.approx((3 * losses[3] + 4 * losses[4]) / 7)


@pytest.mark.parametrize("learns", [True, False])
def test_the_temperature_moves_only_if_it_is_learned(learns):
    trainer = _trainer(learns=learns)
    trainer.run_epoch()
    moved = abs(float(trainer.contrast.temperature.detach()) - 0.5) > 1e-3
    assert moved == learns


def test_frozen_weights_are_left_to_nobody():
    tower = LetterTower()
    tower.network.requires_grad_(requires_grad=False)
    contrast = Contrast("hard", 0.5, learns=True)
    optimizer = contrastive_optimizer(tower, contrast, 0.1)
    (group,) = optimizer.param_groups
    assert group["params"] == [contrast.log_temperature]


class _Attention(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.attention_dropout = rate


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (nn.Linear(2, 2), False),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0)), False),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)), True),
        (_Attention(0.2), True),
        (_Attention(0.0), False),
    ],
)
def test_dropout_is_seen_wherever_it_is(network, expected):
    assert has_dropout(network) == expected
