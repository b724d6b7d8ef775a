"""Encoders: what a position may see, and what must not matter to it."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skace._torch.encoders._bert4rec import BERT4RecEncoder
from skace._torch.encoders._blocks import BLOCKS, LiGRBlock, PostNormBlock, PreNormBlock
from skace._torch.encoders._fmlp import FilterBlock, FMLPEncoder
from skace._torch.encoders._gaps import octaves
from skace._torch.encoders._gru4rec import GRU4RecEncoder
from skace._torch.encoders._hstu import HSTUBlock
from skace._torch.encoders._layers import Dropout, SelfAttention, SwiGLU
from skace._torch.encoders._positions import (
    PointwisePositions,
    RelativePositions,
    make_positions,
)
from skace._torch.encoders._sasrec import SASRecEncoder

T, D = 6, 8


def attentive(cls, width=D, dropout=0.0, n_layers=2, **options):
    sizes = {"max_length": T, "n_layers": n_layers, "n_heads": 2}
    return cls(width, dropout=dropout, attention_dropout=dropout, **sizes, **options)


# Of an unsteady log, with a tie; in median gaps.
TIMES = torch.tensor([0.0, 0.0, 1.0, 9.0, 9.3, 700.0], dtype=torch.float64)


class Timed(torch.nn.Module):
    """SASRec with times of its own: those of `TIMES`, from the first one on."""

    def __init__(self, **options):
        super().__init__()
        self.encoder = attentive(SASRecEncoder, positions="time", **options)
        self.transformer = self.encoder.transformer

    def forward(self, x, places=None):
        return self.encoder(x, places, TIMES[: x.shape[1]].expand(len(x), -1))


CAUSAL = {
    "sasrec post": lambda **options: attentive(SASRecEncoder, **options),
    "sasrec pre": lambda **options: attentive(SASRecEncoder, block="pre", **options),
    "sasrec ligr": lambda **options: attentive(SASRecEncoder, block="ligr", **options),
    "sasrec relative": lambda **options: attentive(SASRecEncoder, positions="relative", **options),
    "sasrec rotary": lambda **options: attentive(SASRecEncoder, positions="rotary", **options),
    "sasrec hstu": lambda **options: attentive(SASRecEncoder, block="hstu", **options),
    "sasrec hstu relative": lambda **options: attentive(
        SASRecEncoder, block="hstu", positions="relative", **options
    ),
    "sasrec hstu rotary": lambda **options: attentive(
        SASRecEncoder, block="hstu", positions="rotary", **options
    ),
    "sasrec time": Timed,
    "sasrec hstu time": lambda **options: Timed(block="hstu", **options),
    "gru4rec": lambda dropout=0.0, n_layers=1: GRU4RecEncoder(
        D, hidden_dim=5, n_layers=n_layers, dropout=dropout
    ),
    "gru4rec, two layers": lambda dropout=0.0, n_layers=2: GRU4RecEncoder(
        D, hidden_dim=D, n_layers=n_layers, dropout=dropout
    ),
}


def build(make, seed=0, **options):
    """Encoder with weights large enough that every position matters."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = make(**options)
        for parameter in encoder.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    return encoder.eval()


def inputs(seed=0, n_sequences=2, length=T):
    return torch.randn(n_sequences, length, D, generator=torch.Generator().manual_seed(seed))


def distances(states, others):
    """Largest difference of the states at each position, (B, T)."""
    return (states - others).abs().amax(dim=2)


@pytest.mark.parametrize("name", CAUSAL)
@settings(max_examples=20, deadline=None)
@given(place=st.integers(1, T - 1), seed=st.integers(0, 5))
def test_a_later_item_never_changes_an_earlier_state(name, place, seed):
    encoder, x = build(CAUSAL[name]), inputs(seed)
    changed = x.clone()
    changed[:, place:] = inputs(seed + 100)[:, place:]
    states, others = encoder(x), encoder(changed)
    torch.testing.assert_close(others[:, :place], states[:, :place])
    assert (distances(others, states)[:, place:] > 1e-4).all()


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("place", range(T))
def test_an_earlier_item_changes_every_later_state(name, place):
    encoder, x = build(CAUSAL[name]), inputs()
    changed = x.clone()
    changed[:, place] = inputs(100)[:, place]
    difference = distances(encoder(changed), encoder(x))
    assert (difference[:, place:] > 1e-6).all()
    torch.testing.assert_close(difference[:, :place], torch.zeros(2, place))


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("length", [1, 3, T - 1])
def test_longer_padding_does_not_change_states(name, length):
    encoder, x = build(CAUSAL[name]), inputs()
    torch.testing.assert_close(encoder(x)[:, :length], encoder(x[:, :length]))


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("n_sequences", [1, 2, 5])
def test_sequences_of_a_batch_do_not_meet(name, n_sequences):
    encoder, x = build(CAUSAL[name]), inputs(n_sequences=n_sequences)
    alone = torch.cat([encoder(sequence[None]) for sequence in x])
    torch.testing.assert_close(encoder(x), alone)


# Turned queries and keys weigh values, and a mean of equal values is that value.
@pytest.mark.parametrize("name", [name for name in CAUSAL if name != "sasrec rotary"])
def test_the_same_item_at_another_position_has_another_state(name):
    encoder = build(CAUSAL[name])
    x = inputs()[:, :1].expand(2, T, D)
    states = encoder(x)[0]
    assert (torch.cdist(states, states) + 10 * torch.eye(T)).min() > 1e-3


@pytest.mark.parametrize("name", CAUSAL)
def test_dropout_is_on_in_training_only(name):
    encoder, x = build(CAUSAL[name], dropout=0.5), inputs()
    torch.testing.assert_close(encoder(x), encoder(x))
    encoder.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert not torch.allclose(encoder(x), encoder(x))


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("n_layers", [1, 3])
def test_layers_are_as_many_as_asked(name, n_layers):
    encoder = CAUSAL[name](n_layers=n_layers)
    is_gru = isinstance(encoder, GRU4RecEncoder)
    assert (encoder.gru.num_layers if is_gru else len(encoder.transformer.blocks)) == n_layers


@pytest.mark.parametrize("name", [name for name in CAUSAL if name.startswith("sasrec")])
@pytest.mark.parametrize("n_layers", [1, 3])
def test_places_asked_for_alone_have_the_same_states(name, n_layers):
    encoder, x = build(CAUSAL[name], n_layers=n_layers), inputs(n_sequences=T)
    places = torch.arange(T)
    alone = encoder(x, places=places)
    assert alone.shape == (T, 1, D)
    torch.testing.assert_close(alone[:, 0], encoder(x)[torch.arange(T), places])


def test_a_masked_event_asked_for_alone_has_the_same_state():
    encoder, x = build(lambda: attentive(BERT4RecEncoder)), inputs(n_sequences=T)
    places = torch.arange(T)
    is_masked, is_read = places == places[:, None], places <= places[:, None]
    alone = encoder(x, is_masked, is_read, places)
    assert alone.shape == (T, 1, D)
    expected = encoder(x, is_masked, is_read)[torch.arange(T), places]
    torch.testing.assert_close(alone[:, 0], expected)


# Blocks against the formulas of the papers, position by position.


def attended_by_hand(attention, x, *, causal=True):
    """Self-attention of one sequence (T, D), head by head."""
    mixed = torch.zeros(T, D)
    query, key, value = (attention.qkv(x)[:, i * D : (i + 1) * D] for i in range(3))
    for head in (slice(0, D // 2), slice(D // 2, D)):
        for t in range(T):
            seen = slice(0, t + 1) if causal else slice(None)
            scores = key[seen, head] @ query[t, head] / np.sqrt(D / 2)
            mixed[t, head] = scores.softmax(dim=0) @ value[seen, head]
    return attention.mix_heads(mixed)


def gelu(x):
    return x * 0.5 * (1 + torch.erf(x / np.sqrt(2)))


def fed_by_hand(feedforward, x):
    if isinstance(feedforward, SwiGLU):
        gate = feedforward.gate(x)
        return feedforward.narrow(gate * torch.sigmoid(gate) * feedforward.widen(x))
    return feedforward.narrow(gelu(feedforward.widen(x)))


def post_by_hand(block, x):
    x = block.attention_norm(x + attended_by_hand(block.attention, x))
    return block.feedforward_norm(x + fed_by_hand(block.feedforward, x))


def pre_by_hand(block, x):
    x = x + attended_by_hand(block.attention, block.attention_norm(x))
    return x + fed_by_hand(block.feedforward, block.feedforward_norm(x))


def ligr_by_hand(block, x):
    y = block.attention_norm(x)
    x = x + torch.sigmoid(block.attention_gate(x)) * attended_by_hand(block.attention, y)
    z = block.feedforward_norm(x)
    return x + torch.sigmoid(block.feedforward_gate(x)) * fed_by_hand(block.feedforward, z)


@pytest.mark.parametrize(
    ("cls", "by_hand"),
    [(PostNormBlock, post_by_hand), (PreNormBlock, pre_by_hand), (LiGRBlock, ligr_by_hand)],
)
def test_block_is_the_textbook_formula(cls, by_hand):
    block, x = build(lambda: cls(D, 2, 0.0, 0.0)), inputs(n_sequences=1)
    torch.testing.assert_close(block(x)[0], by_hand(block, x[0]), rtol=1e-4, atol=1e-5)


def turned_by_hand(vector, place, rates):
    """A vector (D / H,) whose pairs are complex numbers, each turned by the place times a rate."""
    turns = torch.polar(torch.ones(rates.shape), place * rates)
    return torch.view_as_real(torch.view_as_complex(vector.reshape(-1, 2)) * turns).flatten()


def octave_by_hand(t, s):
    gap = abs(float(TIMES[t] - TIMES[s]))
    return 0 if gap == 0 else min(max(31 + round(np.log2(gap)), 0), 63)


def mixed_by_hand(positions, query, key, value):
    """What positions make of one head (T, D / H), pair by pair, and each head's numbers."""
    for t in range(T):
        scores, values = [], []
        for s in range(t + 1):
            if isinstance(positions, RelativePositions):
                back = t - s
                alike = query[t] @ (key[s] + positions.keys.weight[back])
                number = positions.scores.weight[back]
                if positions.times is not None:
                    number = number + positions.times.by_octave.weight[octave_by_hand(t, s)]
                values.append(value[s] + positions.values.weight[back])
            else:
                turned = [
                    turned_by_hand(x[p], p, positions.rates) for x, p in ((query, t), (key, s))
                ]
                alike, number = turned[0] @ turned[1], torch.zeros(2)
                values.append(value[s])
            scores.append(alike / np.sqrt(D / 2) + number)  # (2,), one for each head
        yield torch.stack(scores).softmax(dim=0).T @ torch.stack(values)  # (2, D / H)


@pytest.mark.parametrize("kind", ["relative", "rotary", "time"])
def test_positions_are_the_formula_of_their_paper(kind):
    positions = build(lambda: make_positions(kind, "post", D, 2, T, 0.0))
    query, key, value = (inputs(seed, 1)[0].view(T, 2, D // 2) for seed in range(3))
    told = {"gaps": octaves(TIMES[None])} if kind == "time" else {}
    by_head = (x.transpose(0, 1)[None] for x in (query, key, value))
    found = positions(*by_head, **told)[0]  # (2, T, D / H)
    for head in range(2):
        by_hand = mixed_by_hand(positions, *(x[:, head] for x in (query, key, value)))
        expected = torch.stack([mixed[head] for mixed in by_hand])
        torch.testing.assert_close(found[head], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["relative", "time"])
def test_weights_found_in_blocks_are_those_found_at_once(monkeypatch, kind):
    positions = build(lambda: make_positions(kind, "post", D, 2, T, 0.0))
    by_head = [
        inputs(seed, 3, T - 1).view(3, T - 1, 2, D // 2).transpose(1, 2) for seed in range(3)
    ]
    learned = [x.requires_grad_() for x in (*by_head, *positions.parameters())]
    times = torch.stack([TIMES, 2 * TIMES, TIMES + 3])[:, : T - 1]
    told = {"gaps": octaves(times)} if kind == "time" else {}
    shapes = []
    one_block = positions._last_queries
    positions._last_queries = lambda query, *others: (
        shapes.append(query.shape[:3]) or one_block(query, *others)
    )

    def mixed_and_gradients():
        mixed = positions.train()(*by_head, **told)
        return mixed, *torch.autograd.grad(mixed.square().sum(), learned)

    at_once = mixed_and_gradients()
    monkeypatch.setattr("skace._torch.encoders._positions._QUERIES", T - 2)
    # Two windows of three queries of two heads.
    monkeypatch.setattr("skace._torch.encoders._positions._WEIGHTS", 2 * 2 * 3 * (T - 1))
    for found, expected in zip(mixed_and_gradients(), at_once, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert shapes == [(3, 2, 5), (2, 2, 3), (2, 2, 2), (1, 2, 3), (1, 2, 2)]


def test_attention_sees_all_that_is_visible_and_nothing_else():
    attention, x = build(lambda: SelfAttention(D, 2, 0.0)), inputs(n_sequences=1, length=T + 2)
    visible = torch.arange(T + 2)[None] < T
    states = attention(x, visible)[0, :T]
    expected = attended_by_hand(attention, x[0, :T], causal=False)
    torch.testing.assert_close(states, expected, rtol=1e-4, atol=1e-5)


def hstu_by_hand(block, x):
    """One HSTU block on (T, D), pair by pair; its positions add a number for each offset."""
    silu, positions = torch.nn.functional.silu, block.positions
    gate, query, key, value = silu(block.gate_qkv(block.norm(x))).chunk(4, dim=1)
    summed = torch.zeros(T, D)
    for number, head in enumerate((slice(0, D // 2), slice(D // 2, D))):
        for t in range(T):
            for s in range(t + 1):
                product = query[t, head] @ key[s, head] + positions.scores.weight[t - s, number]
                if positions.times is not None:
                    product += positions.times.by_octave.weight[octave_by_hand(t, s), number]
                weight = silu(product) / T
                summed[t, head] += weight * value[s, head]
    return x + block.mix_heads(gate * block.mixed_norm(summed))


@pytest.mark.parametrize("kind", ["relative", "time"])
def test_the_block_of_hstu_is_the_formula_of_its_paper(kind):
    positions = PointwisePositions(kind, D, 2, T, 0.0)
    block, x = build(lambda: HSTUBlock(D, 2, 0.0, 0.0, positions)), inputs(n_sequences=1)
    told = {"gaps": octaves(TIMES[None])} if kind == "time" else {}
    found = block(x, **told)[0]
    torch.testing.assert_close(found, hstu_by_hand(block, x[0]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("gap", "octave"),
    [(0.0, 0), (1e-300, 0), (1e-9, 1), (0.5, 30), (1.0, 31), (1.41, 31), (1.42, 32), (1e12, 63)],
)
def test_octaves_are_the_nearest_whole_logarithms_from_either_side(gap, octave):
    times = torch.tensor([[0.0, gap]], dtype=torch.float64)
    assert octaves(times).tolist() == [[[0, octave], [octave, 0]]]


@pytest.mark.parametrize("block", ["post", "hstu"])
@pytest.mark.parametrize("place", [1, 4, T - 1])
def test_times_matter_from_where_they_change_and_not_before(block, place):
    encoder, x = build(lambda: attentive(SASRecEncoder, block=block, positions="time")), inputs()
    times = TIMES.expand(2, -1)
    later = torch.where(torch.arange(T) >= place, times + 100, times)
    difference = distances(encoder(x, times=later), encoder(x, times=times))
    torch.testing.assert_close(difference[:, :place], torch.zeros(2, place))
    assert (difference[:, place:] > 1e-5).all()


@pytest.mark.parametrize("block", ["post", "hstu"])
def test_positions_by_time_need_times(block):
    encoder = build(lambda: attentive(SASRecEncoder, block=block, positions="time"))
    with pytest.raises(ValueError, match="these positions read the time between events"):
        encoder(inputs())


@pytest.mark.parametrize("block", BLOCKS)
def test_dropout_of_attention_alone_is_on_in_training_only(block):
    make = lambda share: SASRecEncoder(  # noqa: E731
        D, max_length=T, n_layers=1, n_heads=2, dropout=0.0, attention_dropout=share, block=block
    )
    without, encoder, x = build(lambda: make(0.0)), build(lambda: make(0.5)), inputs()
    torch.testing.assert_close(encoder(x), without(x), rtol=0, atol=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.testing.assert_close(without.train()(x), without.eval()(x))
        states = encoder.train()(x)
        assert (distances(states, encoder(x)) > 1e-6).any()
        assert (distances(states, without(x)) > 1e-6).any()


@pytest.mark.parametrize("block", ["pre", "ligr", "hstu"])
def test_blocks_that_do_not_normalise_their_sums_are_followed_by_a_norm(block):
    encoder = build(lambda: attentive(SASRecEncoder, block=block))
    last = encoder.transformer.last_norm
    with torch.no_grad():
        last.weight.fill_(1.0)
        last.bias.fill_(0.0)
    states = encoder(inputs())
    torch.testing.assert_close(states.mean(dim=2), torch.zeros(2, T), atol=1e-5, rtol=0)
    torch.testing.assert_close(states.square().mean(dim=2), torch.ones(2, T), atol=1e-3, rtol=0)


def test_swiglu_has_no_biases():
    assert [name for name, _ in SwiGLU(D).named_parameters() if name.endswith("bias")] == []


def test_encoder_starts_with_embeddings_norm_and_position():
    encoder = build(lambda: attentive(SASRecEncoder, n_layers=1))
    encoder.transformer.blocks = torch.nn.ModuleList()
    norm, x = encoder.transformer.norm, inputs()
    shifted = x + encoder.positions.weight
    centred = shifted - shifted.mean(dim=2, keepdim=True)
    normalised = centred / torch.sqrt(centred.square().mean(dim=2, keepdim=True) + 1e-5)
    torch.testing.assert_close(encoder(x), normalised * norm.weight + norm.bias)


def test_gru_is_the_textbook_formula():
    encoder, x = build(CAUSAL["gru4rec"]), inputs(n_sequences=1)
    w_input, w_state = encoder.gru.weight_ih_l0, encoder.gru.weight_hh_l0  # (15, 8), (15, 5)
    h, expected = torch.zeros(5), []
    for vector in x[0]:
        (reset, update, new), (r, u, n) = (w_input @ vector).split(5), (w_state @ h).split(5)
        update = torch.sigmoid(update + u)
        h = (1 - update) * torch.tanh(new + torch.sigmoid(reset + r) * n) + update * h
        expected.append(encoder.narrow(h))
    torch.testing.assert_close(encoder(x)[0], torch.stack(expected), rtol=1e-4, atol=1e-5)
    assert [name for name, _ in encoder.gru.named_parameters() if "bias" in name] == []


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("cls", [SASRecEncoder, BERT4RecEncoder])
def test_fresh_weights_are_small_biases_zero_and_norms_neutral(cls, block):
    options = {"block": block} if cls is SASRecEncoder else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = attentive(cls, 64, 0.1, n_layers=2, **options)
    for name, value in encoder.named_parameters():
        if "norm" in name:
            assert (value == (1.0 if name.endswith("weight") else 0.0)).all(), name
        elif name.endswith("bias"):
            assert not value.any(), name
        else:
            assert value.std().item() == pytest.approx(0.02, rel=0.25), name
            assert abs(value.mean().item()) < 0.006, name


# Encoders that look both ways.


def masks(lengths, masked, length=T):
    """Context of the cloze encoder: masked positions, real ones."""
    steps = torch.arange(length)
    is_masked = torch.zeros(len(lengths), length, dtype=torch.bool)
    for row, places in enumerate(masked):
        is_masked[row, places] = True
    return {"is_masked": is_masked, "is_read": steps < torch.tensor(lengths)[:, None]}


@pytest.fixture
def cloze():
    return build(lambda: attentive(BERT4RecEncoder))


@pytest.mark.parametrize("place", [0, 3, T - 1])
def test_every_event_changes_every_state_of_the_cloze_encoder(cloze, place):
    x, context = inputs(), masks([T, T], [[1], [2]])
    changed = x.clone()
    changed[:, place] = inputs(100)[:, place]
    assert (distances(cloze(changed, **context), cloze(x, **context)) > 1e-5).all()


def test_the_item_of_a_masked_event_is_not_seen(cloze):
    x, context = inputs(), masks([T, T], [[1, 4], [0]])
    changed = torch.where(context["is_masked"][:, :, None], inputs(100), x)
    torch.testing.assert_close(cloze(changed, **context), cloze(x, **context))
    open_context = masks([T, T], [[], []])
    assert (distances(cloze(x, **open_context), cloze(x, **context)) > 1e-4).all()


@pytest.mark.parametrize("length", [1, 3, T - 1])
@pytest.mark.parametrize("filling", [1.0, 1e3])
def test_padding_does_not_reach_the_cloze_encoder(cloze, length, filling):
    x = inputs()
    states = cloze(x[:, :length], **masks([length] * 2, [[0], []], length))
    padded = x.clone()
    padded[:, length:] = filling * inputs(100)[:, length:]
    others = cloze(padded, **masks([length] * 2, [[0], []]))
    torch.testing.assert_close(others[:, :length], states, rtol=1e-5, atol=1e-5)


def test_sequences_of_a_batch_do_not_meet_in_the_cloze_encoder(cloze):
    lengths, masked, x = [2, 6, 4], [[1], [0, 5], []], inputs(n_sequences=3)
    states = cloze(x, **masks(lengths, masked))
    for row, length in enumerate(lengths):
        alone = cloze(x[row : row + 1, :length], **masks([length], [masked[row]], length))
        torch.testing.assert_close(states[row, :length], alone[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("length", [1, 4, T + 1])
def test_positions_of_the_cloze_encoder_are_counted_from_the_end(cloze, length, monkeypatch):
    seen = []
    monkeypatch.setattr(cloze.positions, "forward", lambda places: seen.append(places) or 0.0)
    cloze(inputs(length=T + 1), **masks([length] * 2, [[], []], T + 1))
    expected = [*range(length - 1, -1, -1), *[0] * (T + 1 - length)]
    assert seen[0].tolist() == [expected, expected]
    assert cloze.positions.num_embeddings == T + 1


def test_padding_of_the_cloze_encoder_gets_no_gradient(cloze):
    x = inputs().requires_grad_()
    context = masks([2, 5], [[1], [0]])
    states = cloze(x, **context)
    states[context["is_masked"]].sum().backward()
    reached = x.grad.abs().amax(dim=2) > 0
    # Neither does the item of a masked event.
    assert torch.equal(reached, context["is_read"] & ~context["is_masked"])


def filters(**options):
    return build(lambda: FMLPEncoder(D, max_length=T, n_layers=2, dropout=0.0, **options))


@pytest.mark.parametrize("length", [T, T - 1])
def test_filter_is_a_circular_convolution_over_time(length):
    block = build(lambda: FilterBlock(D, length, 0.0))
    x = inputs(n_sequences=1, length=length)
    spectrum = torch.view_as_complex(block.spectrum.detach())
    kernel = torch.fft.irfft(spectrum, n=length, dim=0)  # (T, D)
    expected = torch.zeros(length, D)
    for t in range(length):
        for lag in range(length):
            expected[t] += kernel[lag] * x[0, (t - lag) % length]
    torch.testing.assert_close(block._filter(x)[0], expected, rtol=1e-4, atol=1e-5)


def test_filter_block_adds_and_normalises():
    block, x = build(lambda: FilterBlock(D, T, 0.0)), inputs()
    y = block.filter_norm(x + block._filter(x))
    expected = block.feedforward_norm(y + fed_by_hand(block.feedforward, y))
    torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("length", [T, T - 1])
def test_the_last_filter_block_is_its_last_position(length):
    block, x = build(lambda: FilterBlock(D, length, 0.0)), inputs(length=length)
    last = block(x, is_last=True)
    torch.testing.assert_close(last, block(x)[:, -1:], rtol=1e-4, atol=1e-5)
    last.square().sum().backward()
    gradient, block.spectrum.grad = block.spectrum.grad, None
    block(x)[:, -1].square().sum().backward()
    torch.testing.assert_close(gradient, block.spectrum.grad, rtol=1e-3, atol=1e-4)


def test_the_filters_answer_at_the_last_event_only():
    states = filters()(inputs(n_sequences=3), torch.tensor([2, 6, 4]))
    assert states.shape == (3, T, D)
    assert states.any(dim=2).nonzero().tolist() == [[0, 1], [1, 5], [2, 3]]


@pytest.mark.parametrize("length", [1, 3, T - 1])
@pytest.mark.parametrize("filling", [1.0, 1e3])
def test_padding_does_not_reach_the_filters(length, filling):
    encoder, x, lengths = filters(), inputs(), torch.tensor([length, length])
    states = encoder(x[:, :length], lengths)
    padded = x.clone()
    padded[:, length:] = filling * inputs(100)[:, length:]
    torch.testing.assert_close(encoder(padded, lengths)[:, :length], states)


def test_sequences_of_a_batch_do_not_meet_in_the_filters():
    encoder, lengths, x = filters(), [2, 6, 4], inputs(n_sequences=3)
    states = encoder(x, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        alone = encoder(x[row : row + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(states[row, :length], alone[0])


@pytest.mark.parametrize("place", [0, 2, 4])
def test_every_event_changes_the_last_state_of_the_filters(place):
    encoder, x, lengths = filters(), inputs(), torch.tensor([5, 5])
    changed = x.clone()
    changed[:, place] = inputs(100)[:, place]
    difference = distances(encoder(changed, lengths), encoder(x, lengths))
    assert (difference[:, 4] > 1e-5).all()


def test_events_are_aligned_at_the_end_of_the_filters():
    encoder, x, read = filters(), inputs(), []
    encoder.norm = torch.nn.Identity()
    encoder.blocks[0].register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    encoder(x[:, :4], torch.tensor([4, 2]))
    expected = encoder.positions.weight.repeat(2, 1, 1)
    expected[0, 2:] += x[0, :4]
    expected[1, 4:] += x[1, :2]
    torch.testing.assert_close(read[0], expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.97])
def test_dropout_keeps_the_mean_and_drops_its_share(p, dtype):
    dropout = Dropout(p)
    x = torch.ones(400, 500, dtype=dtype, requires_grad=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        y = dropout(x)
    scale = torch.tensor(1 / (1 - p)).to(dtype)
    assert set(y.detach().unique().tolist()) == {0.0, scale.item()}
    assert (y == 0).double().mean().item() == pytest.approx(p, abs=0.005)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


@pytest.mark.parametrize(("p", "is_training"), [(0.0, True), (0.5, False)])
def test_dropout_of_nothing_draws_nothing(p, is_training):
    x, state = torch.ones(3, 4), torch.get_rng_state()
    assert torch.equal(Dropout(p).train(is_training)(x), x)
    assert torch.equal(torch.get_rng_state(), state)
