"""Encoders: what a position may see, and what must not matter to it."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skace._torch._encoders import SASRecEncoder
from skace._torch._layers import CausalBlock

T, D = 6, 8


def build(dropout=0.0, n_layers=2, seed=0):
    """Encoder with weights large enough that every position matters."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = SASRecEncoder(
            D,
            max_length=T,
            n_layers=n_layers,
            n_heads=2,
            dropout=dropout,
            attention_dropout=dropout,
        )
        for parameter in encoder.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    return encoder.eval()


def inputs(seed=0, n_sequences=2, length=T):
    return torch.randn(n_sequences, length, D, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=30, deadline=None)
@given(place=st.integers(1, T - 1), seed=st.integers(0, 5))
def test_a_later_item_never_changes_an_earlier_state(place, seed):
    encoder, x = build(), inputs(seed)
    changed = x.clone()
    changed[:, place:] = inputs(seed + 100)[:, place:]
    states, others = encoder(x), encoder(changed)
    torch.testing.assert_close(others[:, :place], states[:, :place])
    assert ((others[:, place:] - states[:, place:]).abs().amax(dim=2) > 1e-4).all()


@settings(max_examples=20, deadline=None)
@given(place=st.integers(0, T - 1))
def test_an_earlier_item_changes_every_later_state(place):
    encoder, x = build(), inputs()
    changed = x.clone()
    changed[:, place] = inputs(100)[:, place]
    difference = (encoder(changed) - encoder(x)).abs().amax(dim=2)
    assert (difference[:, place:] > 1e-4).all()
    torch.testing.assert_close(difference[:, :place], torch.zeros(2, place))


@pytest.mark.parametrize("length", [1, 3, T - 1])
def test_longer_padding_does_not_change_states(length):
    encoder, x = build(), inputs()
    torch.testing.assert_close(encoder(x)[:, :length], encoder(x[:, :length]))


@pytest.mark.parametrize("n_sequences", [1, 2, 5])
def test_sequences_of_a_batch_do_not_meet(n_sequences):
    encoder, x = build(), inputs(n_sequences=n_sequences)
    alone = torch.cat([encoder(sequence[None]) for sequence in x])
    torch.testing.assert_close(encoder(x), alone)


def test_the_same_item_at_another_position_has_another_state():
    encoder = build()
    x = inputs()[:, :1].expand(2, T, D)
    states = encoder(x)[0]
    distances = torch.cdist(states, states) + 10 * torch.eye(T)
    assert distances.min() > 1e-3


def test_block_is_the_textbook_formula():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        block = CausalBlock(D, 2, 0.0, 0.0).eval()
    x = inputs(n_sequences=1)[0]
    attended = torch.zeros(T, D)
    query, key, value = (block.qkv(x)[:, i * D : (i + 1) * D] for i in range(3))
    for head in (slice(0, D // 2), slice(D // 2, D)):
        for t in range(T):
            scores = key[: t + 1, head] @ query[t, head] / np.sqrt(D / 2)
            attended[t, head] = scores.softmax(dim=0) @ value[: t + 1, head]
    x = block.attention_norm(x + block.mix_heads(attended))
    wide = block.widen(x)
    gelu = wide * 0.5 * (1 + torch.erf(wide / np.sqrt(2)))
    expected = block.feedforward_norm(x + block.narrow(gelu))
    torch.testing.assert_close(block(inputs(n_sequences=1))[0], expected)


def test_encoder_starts_with_embeddings_norm_and_position():
    encoder = build(n_layers=1)
    encoder.blocks = torch.nn.ModuleList()
    x = inputs()
    shifted = x + encoder.positions.weight
    centred = shifted - shifted.mean(dim=2, keepdim=True)
    normalised = centred / torch.sqrt(centred.square().mean(dim=2, keepdim=True) + 1e-5)
    expected = normalised * encoder.norm.weight + encoder.norm.bias
    torch.testing.assert_close(encoder(x), expected)


def test_dropout_is_on_in_training_only():
    encoder, x = build(dropout=0.5), inputs()
    torch.testing.assert_close(encoder(x), encoder(x))
    encoder.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert not torch.allclose(encoder(x), encoder(x))


@pytest.mark.parametrize("n_layers", [1, 3])
def test_fresh_weights_are_small_biases_zero_and_norms_neutral(n_layers):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = SASRecEncoder(
            32, max_length=50, n_layers=n_layers, n_heads=2, dropout=0.1, attention_dropout=0.1
        )
    assert len(encoder.blocks) == n_layers
    for name, value in encoder.named_parameters():
        if "norm" in name:
            assert (value == (1.0 if name.endswith("weight") else 0.0)).all(), name
        elif name.endswith("bias"):
            assert not value.any(), name
        else:
            assert value.std().item() == pytest.approx(0.02, rel=0.1), name
            assert abs(value.mean().item()) < 0.003, name
