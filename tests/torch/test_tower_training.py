"""Reading of texts in a step of training: pieces change nothing but the time."""
# SPDX-License-Identifier: BSD-3-Clause

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from skace._torch.text._tower_training import TowerTrainer

TEXTS = ["a", "abc", "ab", "abcde", "c", "bb", "abcd"]


class LetterTower:
    """Sentence model whose vector is the sum of those of the letters."""

    def __init__(self):
        self.network = nn.Embedding(26, 4)
        nn.init.normal_(self.network.weight, generator=torch.Generator().manual_seed(0))
        self.calls = []

    def forward(self, texts, *, prompt):
        self.calls.append((texts, prompt))
        rows = [torch.tensor([ord(letter) - ord("a") for letter in text]) for text in texts]
        return torch.stack([self.network(row).sum(dim=0) for row in rows])


class Trainer(TowerTrainer):
    """Learns nothing."""

    n_samples = 1

    def loss_of(self, rows):
        raise NotImplementedError


def _trainer(piece_size):
    return Trainer(
        tower=LetterTower(),
        optimizer=None,
        batch_size=2,
        prompt="p",
        device=torch.device("cpu"),
        dtype=torch.float32,
        rng=np.random.RandomState(0),
        piece_size=piece_size,
    )


@pytest.mark.parametrize("piece_size", [1, 2, 3, 50, None])
def test_vectors_stand_in_the_order_of_the_texts(piece_size):
    trainer = _trainer(piece_size)
    expected = trainer.tower.forward(TEXTS, prompt="p")
    found = trainer.vectors(TEXTS)
    assert torch.equal(found, expected)
    found.sum().backward()
    assert trainer.tower.network.weight.grad[:5].abs().min() > 0


@pytest.mark.parametrize(("piece_size", "sizes"), [(2, [2, 2, 2, 1]), (3, [3, 2, 2]), (None, [7])])
def test_pieces_hold_texts_of_about_one_length(piece_size, sizes):
    trainer = _trainer(piece_size)
    trainer.vectors(TEXTS)
    pieces = [texts for texts, _ in trainer.tower.calls]
    assert [len(piece) for piece in pieces] == sizes
    assert {prompt for _, prompt in trainer.tower.calls} == {"p"}
    lengths = [[len(text) for text in piece] for piece in pieces]
    if piece_size:
        assert all(max(a) <= min(b) for a, b in pairwise(lengths))
