"""Passages that meet in the decoder, ids that exist, and a beam among them."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skace._torch.generation._answers import Answers
from skace._torch.generation._beam import Beam
from skace._torch.generation._fusion import FusionNetwork, gathered
from skace._torch.generation._passages import Passages, Phrases, cut
from skace._torch.generation._t5 import (
    build_t5,
    check_t5,
    load_t5,
    load_weights,
    weights_as_numpy,
)
from skace._torch.generation._trie import TokenTrie
from skace._torch.training._generation import (
    Examples,
    GenerationTrainer,
    build_optimizer,
)
from skace._torch.training._schedule import Schedule

START, END = 0, 1
CPU = torch.device("cpu")
WORDS = ["pen", "ink", "cap", "red", "blue"]

# Ids of one to three tokens, one of which begins another.
IDS = np.array(
    [[5, 6, 7], [5, 6, -1], [5, 9, -1], [8, -1, -1], [8, 5, 6], [9, 9, 9], [9, 9, 8], [6, 5, -1]]
)
PASSAGES = torch.tensor([[5, 6, 7, 1], [9, 8, 1, -1], [7, 1, -1, -1], [8, 8, 5, 1], [6, 1, -1, -1]])
ROWS, PLACES = torch.tensor([0, 0, 0, 1, 1]), torch.tensor([0, 1, 2, 0, 1])


@pytest.fixture(scope="module")
def folder(make_t5):
    return str(make_t5(WORDS))


@pytest.fixture
def network(folder):
    """Two layers, with random weights and places."""
    torch.manual_seed(0)
    return FusionNetwork(load_t5(folder)[0], 4, START).eval()


def remember(network, passages=PASSAGES, rows=ROWS, places=PLACES, n_rows=2):
    """What is read for each row."""
    is_real = passages >= 0
    counts = is_real.sum(dim=1)
    states = network.read(passages)[is_real]
    placed = network.placed(states, torch.repeat_interleave(places, counts))
    return gathered(placed, torch.repeat_interleave(rows, counts), n_rows)


def answers_of(ids, end=END):
    """Ids with what ends them."""
    answers = np.concatenate([ids, np.full((len(ids), 1), -1)], axis=1)
    answers[np.arange(len(ids)), (ids >= 0).sum(axis=1)] = end
    return torch.from_numpy(answers)


def brute_force(network, memory, is_read, ids=IDS):
    """Logarithm of the probability of each id among all texts, by teacher forcing."""
    answers = answers_of(ids)
    return torch.stack(
        [
            network.log_p(
                memory[row : row + 1].expand(len(ids), -1, -1),
                is_read[row : row + 1].expand(len(ids), -1),
                answers,
            )
            for row in range(len(memory))
        ]
    ).detach()


# One network, as transformers has it.


def test_one_passage_without_a_place_is_a_plain_t5(folder):
    t5, _ = load_t5(folder)
    network = FusionNetwork(t5.eval(), 0, START)
    passage = PASSAGES[:1]
    memory, is_read = remember(network, passage, ROWS[:1], PLACES[:1], 1)
    answer = torch.tensor([[5, 6, 1]])
    loss = t5(input_ids=passage, labels=answer).loss
    assert_allclose(network.log_p(memory, is_read, answer).item(), -3 * loss.item(), rtol=1e-5)


def test_passages_are_a_set_of_places(network):
    memory, is_read = remember(network)
    expected = brute_force(network, memory, is_read)
    order = torch.tensor([2, 0, 1, 4, 3])
    shuffled = remember(network, PASSAGES[order], ROWS, PLACES[order])
    assert_allclose(brute_force(network, *shuffled), expected, atol=1e-5)
    other = remember(network, PASSAGES[order], ROWS, PLACES)
    assert (brute_force(network, *other) - expected).abs().max() > 1e-4
    network.places = None
    expected = brute_force(network, *remember(network))
    assert_allclose(brute_force(network, *remember(network, PASSAGES[order])), expected, atol=1e-5)


def test_what_stands_beside_a_row_does_not_matter(network):
    expected = brute_force(network, *remember(network))
    alone = remember(network, PASSAGES[3:], torch.tensor([0, 0]), PLACES[3:], 1)
    assert_allclose(brute_force(network, *alone)[0], expected[1], atol=1e-5)


SHAPES = {
    "t5": {},
    "gated, own last layer": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "mt5": {"family": "mt5", "feed_forward_proj": "gated-gelu"},
    "one layer, wide keys": {"num_layers": 1, "d_kv": 12},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_weights_and_texts_are_all_there_is_to_a_network(make_t5, shape):
    t5, origin = load_t5(str(make_t5(WORDS, **shape)))
    if shape.get("tie_word_embeddings") is False:
        t5.lm_head.weight = torch.nn.Parameter(t5.lm_head.weight.detach() * 1.5)
    torch.manual_seed(0)
    network = FusionNetwork(t5, 4, START).eval()
    state = weights_as_numpy(network)
    is_tied = "t5.lm_head.weight" not in state
    again = FusionNetwork(build_t5(origin.config, is_tied=is_tied), 4, START).eval()
    load_weights(again, state)
    expected = brute_force(network, *remember(network))
    assert_array_equal(brute_force(again, *remember(again)), expected)
    found = Beam(TokenTrie.of_paths(IDS, END, CPU), len(IDS)).scores(again, *remember(again))
    assert_allclose(found, expected, atol=2e-5)


def test_files_that_lack_weights_are_refused(make_t5):
    from safetensors.torch import load_file, save_file

    folder = make_t5(WORDS)
    path = folder / "model.safetensors"
    weights = load_file(path)
    del weights["decoder.final_layer_norm.weight"]
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(
        OSError, match=r"lack 1 of the weights .* such as decoder\.final_layer_norm"
    ):
        load_t5(str(folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("places"), r"they differ in \['places'\]"),
        (lambda state: state.update(places=state["places"][:2]), "the stored places has shape"),
        (
            lambda state: state.update(places=state["places"].astype(np.int64)),
            "the stored places has shape .* and dtype int64",
        ),
    ],
)
def test_weights_of_another_network_are_refused(network, change, message):
    state = weights_as_numpy(network)
    change(state)
    with pytest.raises(ValueError, match=message):
        load_weights(network, state)


def test_what_is_no_t5_is_refused(tmp_path):
    with pytest.raises(OSError, match="could not be loaded"):
        check_t5(str(tmp_path / "nothing"))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    with pytest.raises(ValueError, match="is a bert; only encoder-decoders of the T5 family"):
        check_t5(str(tmp_path))


# The trie.


def test_edges_of_a_trie():
    trie = TokenTrie.of_paths(np.array([[5, 6], [5, -1], [7, 6]]), END, CPU)
    # Root, then the nodes of 5 and 7, then those of 5 6 and 7 6.
    assert trie.n_edges.tolist() == [2, 2, 1, 1, 1]
    assert trie.first.tolist() == [0, 2, 4, 5, 6]
    assert trie.tokens.tolist() == [5, 7, END, 6, 6, END, END]
    assert trie.targets.tolist() == [1, 2, -2, 3, 4, -1, -3]
    is_open = trie.is_open(torch.tensor([[False, True, False], [True, False, True]]))
    assert is_open.int().tolist() == [[1, 0, 1, 0, 0, 0, 0], [1, 1, 0, 1, 1, 1, 1]]


# The beam.


def test_a_beam_as_wide_as_the_catalog_is_exact(network):
    memory, is_read = remember(network)
    beam = Beam(TokenTrie.of_paths(IDS, END, CPU), len(IDS))
    expected = brute_force(network, memory, is_read)
    assert_allclose(beam.scores(network, memory, is_read), expected, atol=2e-5)
    lengths = (IDS >= 0).sum(axis=1) + 1
    divided = Beam(beam.trie, len(IDS), length_penalty=1.0).scores(network, memory, is_read)
    assert_allclose(divided, expected / torch.from_numpy(lengths), atol=2e-5)


def test_among_ids_probabilities_add_up_to_one(network, monkeypatch):
    memory, is_read = remember(network)
    beam = Beam(TokenTrie.of_paths(IDS, END, CPU), len(IDS), is_among_ids=True)
    scores = beam.scores(network, memory, is_read)
    assert_allclose(scores.exp().sum(dim=1), 1, atol=1e-5)
    # By hand, for one id: 5, 6, end; 5 also begins 5 9, and 5 6 also 5 6 7.
    before = torch.tensor([[START, 5, 6]])
    logits = network.t5(
        encoder_outputs=(memory[:1],),
        attention_mask=is_read[:1].long(),
        decoder_input_ids=before,
    ).logits[0]
    allowed = [[5, 6, 8, 9], [6, 9], [7, END]]
    steps = [row[tokens].log_softmax(-1) for row, tokens in zip(logits, allowed, strict=True)]
    assert_allclose(scores[0, 1], (steps[0][0] + steps[1][0] + steps[2][1]).item(), atol=1e-5)
    monkeypatch.setattr("skace._torch.generation._beam._LOGITS", 1)
    assert_allclose(beam.scores(network, memory, is_read), scores, atol=1e-6)


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_a_narrow_beam_is_that_of_transformers(network, length_penalty):
    memory, is_read = remember(network)
    width = 3
    found = Beam(TokenTrie.of_paths(IDS, END, CPU), width, length_penalty).scores(
        network, memory, is_read
    )
    whole = [row[row >= 0].tolist() for row in answers_of(IDS).numpy()]

    def allowed(_, tokens):
        said = tokens[1:].tolist()
        follow = {path[len(said)] for path in whole if path[: len(said)] == said and path != said}
        return sorted(follow) or [END]

    given = network.t5.generate(
        encoder_outputs=_outputs(memory),
        attention_mask=is_read.long(),
        num_beams=width,
        num_return_sequences=width,
        length_penalty=length_penalty,
        prefix_allowed_tokens_fn=allowed,
        max_new_tokens=6,
        output_scores=True,
        return_dict_in_generate=True,
        do_sample=False,
    )
    for number, (said, score) in enumerate(
        zip(given.sequences.tolist(), given.sequences_scores.tolist(), strict=True)
    ):
        path = said[1 : said.index(END) + 1]
        if score > -1e8:  # what stands there where there were no more
            assert_allclose(found[number // width, whole.index(path)], score, atol=2e-5)


def _outputs(memory):
    from transformers.modeling_outputs import BaseModelOutput

    return BaseModelOutput(last_hidden_state=memory)


def test_no_beam_is_spent_on_what_may_not_be_said(network):
    memory, is_read = remember(network)
    trie = TokenTrie.of_paths(IDS, END, CPU)
    exact = Beam(trie, len(IDS)).scores(network, memory, is_read)
    narrow = Beam(trie, 1)
    first = narrow.scores(network, memory, is_read)
    reached = torch.isfinite(first)
    assert (reached.sum(dim=1) < len(IDS)).all()
    assert_allclose(first[reached], exact[reached], atol=2e-5)
    others = narrow.scores(network, memory, is_read, ~reached)
    assert (torch.isfinite(others).sum(dim=1) > 0).all()
    assert not (torch.isfinite(others) & reached).any()
    nothing = narrow.scores(network, memory, is_read, torch.zeros_like(reached))
    assert torch.isneginf(nothing).all()


# Passages and answers.


def test_the_passage_on_a_user_names_the_newest_item_first():
    phrases = Phrases(before=(20,), between=(21,), after=(22,), end=END)
    passages = Passages(PASSAGES.numpy(), IDS, phrases, length=9)
    pasts = [np.array([0, 3]), np.array([1]), np.array([3, 3, 0, 0])]
    assert passages.of_users(pasts).tolist() == [
        [20, 8, 21, 5, 6, 7, 22, END, -1],
        [20, 5, 6, 22, END, -1, -1, -1, -1],
        [20, 5, 6, 7, 21, 5, 6, 7, END],  # the oldest are lost
    ]
    assert passages.answers(np.array([1, 3])).tolist() == [[5, 6, END], [8, END, -1]]
    assert cut([3, 4, 5], 3, END) == [3, 4, END]


def test_what_was_read_before_counts_like_what_is_read_now(network):
    phrases = Phrases(before=(5,), between=(6,), after=(7,), end=END)
    passages = Passages(PASSAGES.numpy(), IDS[: len(PASSAGES)], phrases, length=6)
    answers = Answers(network, passages)
    beam = Beam(TokenTrie.of_paths(passages.ids, END, CPU), 5)
    pasts = [np.array([0, 1]), np.array([2]), np.array([4, 4, 3])]
    scores = answers.scores(pasts, beam)
    assert_array_equal(answers.scores(pasts, beam), scores)
    for row, past in enumerate(pasts):
        fresh = Answers(network, passages).scores([past], beam)
        assert_allclose(fresh[0], scores[row], atol=1e-5)
    # The user's passage and those of its items, newest first, by hand.
    read = torch.tensor([[5, 5, 6, 6, 5, 1], [9, 8, 1, -1, -1, -1], [5, 6, 7, 1, -1, -1]])
    memory = remember(network, read, torch.zeros(3, dtype=torch.long), torch.arange(3), 1)
    assert_allclose(scores[0], brute_force(network, *memory, passages.ids)[0], atol=2e-5)


# Training.


def test_the_rate_rises_and_falls():
    rates = [Schedule(10, 0.3)(update) for update in range(11)]
    assert_allclose(rates[:4], [0.25, 0.5, 0.75, 1.0])
    assert_allclose(rates[3:], np.linspace(1, 0, 8))
    assert Schedule(4, 0.0)(0) == 1.0


@pytest.mark.parametrize("batch_size", [6, 2])
def test_updates_of_all_epochs_follow_the_schedule(folder, batch_size):
    trainer = trainer_of(folder, batch_size=batch_size)
    (optimizer,) = trainer.optimizers
    trainer.warm_up_and_decay(n_epochs=2)
    assert optimizer.param_groups[0]["lr"] < 1e-3
    trainer.run_epoch()
    assert_allclose(optimizer.param_groups[0]["lr"], 1e-3)
    trainer.run_epoch()
    assert_allclose(optimizer.param_groups[0]["lr"], 0.0, atol=1e-12)


def trainer_of(folder, **changes):
    t5, _ = load_t5(folder)
    t5.config.dropout_rate = 0.0
    for module in t5.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if hasattr(module, "dropout") and isinstance(module.dropout, float):
            module.dropout = 0.0
    torch.manual_seed(0)
    network = FusionNetwork(t5, 4, START)
    phrases = Phrases(before=(5,), between=(6,), after=(7,), end=END)
    passages = Passages(PASSAGES.numpy(), IDS[: len(PASSAGES)], phrases, length=12)
    items = np.array([0, 1, 2, 3, 4, 0, 2])
    ends = np.array([1, 2, 3, 4, 5, 6])
    settings = {
        "examples": Examples(items, np.maximum(0, ends - 3), ends, np.ones(6)),
        "optimizers": [build_optimizer(network, 1e-3, 0.01)],
        "warmup": 0.5,
        "batch_size": 6,
        "accumulation": 1,
        "max_gradient": 1.0,
        "dtype": torch.float32,
        "rng": np.random.RandomState(0),
    }
    return GenerationTrainer(network=network, passages=passages, **settings | changes)


def test_batches_of_an_update_count_together(folder):
    whole, parts = trainer_of(folder), trainer_of(folder, batch_size=2, accumulation=3)
    losses = [(whole.run_epoch(), parts.run_epoch()) for _ in range(2)]
    assert_allclose(*zip(*losses, strict=True), rtol=1e-5)
    for one, other in zip(whole.network.parameters(), parts.network.parameters(), strict=True):
        assert_allclose(one.detach(), other.detach(), atol=1e-4)


def test_the_loss_is_that_of_an_item(folder):
    trainer = trainer_of(folder)
    network, passages = trainer.network, trainer.passages
    answers = Answers(network, passages)
    beam = Beam(TokenTrie.of_paths(passages.ids, END, CPU), 5)
    items, begins, ends, _ = trainer.examples
    pasts = [items[begin:end] for begin, end in zip(begins, ends, strict=True)]
    scores = answers.scores(pasts, beam)
    own = scores[np.arange(6), items[ends]]
    assert_allclose(trainer.run_epoch(), -own.mean(), rtol=1e-5)


def test_a_row_weighs_what_it_is_said_to(folder):
    weights = np.array([1.0, 0, 0, 2.0, 0, 0])
    some = trainer_of(folder)
    some = trainer_of(folder, examples=some.examples._replace(weights=weights))
    answers = Answers(some.network, some.passages)
    beam = Beam(TokenTrie.of_paths(some.passages.ids, END, CPU), 5)
    items, begins, ends, _ = some.examples
    pasts = [items[begins[row] : ends[row]] for row in (0, 3)]
    scores = answers.scores(pasts, beam)[[0, 1], items[ends[[0, 3]]]]
    assert_allclose(some.run_epoch(), -(scores[0] + 2 * scores[1]) / 3, rtol=1e-5)
    assert some.is_finite()
