"""The network of GRAM: identities with a flat softmax, loops over paths, and cold items."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from skace import Catalog, Interactions, SASRecEstimator
from skace._item_tree import ItemTree
from skace._torch.encoders import _gram
from skace._torch.encoders._gram import GRAMEncoder, start_nodes
from skace._torch.training import _sibling_softmax
from skace._torch.training._competitors import TableRows
from skace._torch.training._sibling_softmax import SiblingSoftmax
from skace.recommenders import GRAMEstimator, NeuralRecommender

WIDTH, N_ITEMS, N_ROWS = 8, 14, 6
CODES = np.random.default_rng(3).integers(3, size=(N_ITEMS, 2))
SHAPES = {
    "two levels": CODES,
    "own codes": np.arange(N_ITEMS)[:, None],
    "one code": np.zeros((N_ITEMS, 1), dtype=int),
    "four levels": np.random.default_rng(4).integers(2, size=(N_ITEMS, 4)),
}
shapes = pytest.mark.parametrize("codes", SHAPES.values(), ids=SHAPES)
ways = pytest.mark.parametrize("sums_items", [False, True], ids=["vectors", "items"])


class Same(nn.Module):
    """An encoder that hands on what it reads."""

    def forward(self, x):
        return x


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def encoder_of(codes, is_warm=None, known=None, *, sums_items=False):
    """An encoder whose parameters are far from their start."""
    tree = ItemTree.of_codes(codes, is_warm, known)
    encoder = GRAMEncoder(Same(), tree, WIDTH, sums_items=sums_items)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.5 * torch.randn(parameter.shape))
    return encoder


def logit_of(query, items, vector, table, is_warm):
    """Score of a child by its vector; without one by the items that it is or that are below."""
    if vector is not None:
        return query @ vector
    speak = [item for item in items if is_warm[item]] or items
    return (table[speak] @ query).logsumexp(0)


def by_loops(encoder, state, table, codes, is_warm):
    """Logarithms of the probabilities of all items after one state, path by path."""
    begins = [tuple(prefix[prefix >= 0].tolist()) for prefix in encoder.tree.prefixes]
    vectors = dict(zip(begins, encoder.node_vectors, strict=True))
    decoder = encoder.decoder

    def split(items, prefix):
        """The parts that some items of a beginning are divided into, and where."""
        while len(prefix) < codes.shape[1]:
            found = sorted({int(codes[item, len(prefix)]) for item in items})
            if len(found) > 1 or prefix == ():
                return prefix, [
                    ([i for i in items if codes[i, len(prefix)] == code], (*prefix, code))
                    for code in found
                ]
            prefix = (*prefix, found[0])
        return prefix, [([item], (*prefix, item)) for item in items]

    def down(items, prefix, log_p):
        if len(items) == 1:
            result[items[0]] = log_p
            return
        prefix, parts = split(items, prefix)
        node = decoder.scale * vectors[prefix] + decoder.levels.weight[len(prefix)]
        hidden = decoder.read_state(state) + F.linear(node, decoder.read_node.weight)
        query = decoder.norm(decoder.straight(state) + decoder.narrow(F.gelu(hidden)))
        parts = [(own, split(own, below)[0] if len(own) > 1 else below) for own, below in parts]
        scored = {} if encoder.sums_items else vectors
        logits = torch.stack(
            [logit_of(query, own, scored.get(below), table, is_warm) for own, below in parts]
        )
        warm = torch.tensor([bool(is_warm[own].any()) for own, _ in parts])
        total = logits[warm if warm.any() else ~warm].logsumexp(0)
        for (own, below), logit in zip(parts, logits, strict=True):
            down(own, below, log_p + logit - total)

    result = torch.empty(len(codes))
    with torch.no_grad():
        down(list(range(len(codes))), (), torch.zeros(()))
    return result.numpy()


@shapes
@ways
@pytest.mark.parametrize("n_cold", [0, 5, N_ITEMS - 1])
def test_scores_are_those_of_loops_over_paths(codes, n_cold, sums_items):
    is_warm = np.random.default_rng(5).permutation(N_ITEMS) >= n_cold
    encoder = encoder_of(codes, is_warm, sums_items=sums_items)
    states, table = torch.randn(N_ROWS, WIDTH), torch.randn(N_ITEMS, WIDTH)
    found = encoder.log_probabilities(states, table).numpy()
    expected = [by_loops(encoder, state, table, codes, is_warm) for state in states]
    assert_allclose(found, expected, atol=2e-5)
    assert_allclose(np.exp(found[:, is_warm]).sum(axis=1), 1, atol=1e-5)


def with_shares(scores, prefixes, codes, is_warm, cold_share):
    """Scores of one state in which cold items have a share of the last node with warm ones."""
    p = np.exp(scores)
    depths = (prefixes >= 0).sum(axis=1)
    for item in np.flatnonzero(~is_warm):
        for node in np.argsort(-depths, kind="stable"):
            depth = depths[node]
            same = (codes[:, :depth] == prefixes[node, :depth]).all(axis=1)
            if depth and same[item] and (same & is_warm).any():
                p[item] += cold_share * np.exp(scores[same & is_warm]).mean()
                break
    return np.log(p)


@shapes
@ways
@pytest.mark.parametrize("n_cold", [0, 5, 12])
def test_cold_items_have_a_share_of_what_warm_ones_of_their_node_have(codes, n_cold, sums_items):
    is_warm = np.random.default_rng(5).permutation(N_ITEMS) >= n_cold
    encoder = encoder_of(codes, is_warm, sums_items=sums_items)
    states, table = torch.randn(N_ROWS, WIDTH), torch.randn(N_ITEMS, WIDTH)
    plain_scores = encoder.log_probabilities(states, table).numpy()
    found = encoder.log_probabilities(states, table, 0.3).numpy()
    assert_array_equal(found[:, is_warm], plain_scores[:, is_warm])
    prefixes = encoder.tree.prefixes
    expected = [with_shares(scores, prefixes, codes, is_warm, 0.3) for scores in plain_scores]
    assert_allclose(found, expected, atol=2e-5)


@shapes
@ways
@pytest.mark.parametrize(("rows_at_once", "crowd"), [(1, 99), (3, 99), (32, 99), (3, 5), (3, 0)])
def test_the_loss_is_minus_the_scores_of_the_targets(
    codes, rows_at_once, crowd, sums_items, monkeypatch
):
    monkeypatch.setattr(_sibling_softmax, "_ROWS", rows_at_once)
    monkeypatch.setattr(_sibling_softmax, "_CROWD", crowd)
    is_warm = np.arange(N_ITEMS) % 4 > 0
    encoder = encoder_of(codes, is_warm, sums_items=sums_items)
    table = torch.randn(N_ITEMS, WIDTH)
    warm = torch.from_numpy(np.flatnonzero(is_warm))
    targets = torch.randint(len(warm), (50,))  # as places among those that compete
    states, weights = torch.randn(50, WIDTH), torch.rand(50)
    loss = SiblingSoftmax(encoder)(states, TableRows(table, warm), targets, weights)
    scores = encoder.log_probabilities(states, table)
    expected = -(weights * scores[torch.arange(50), warm[targets]]).sum()
    assert_allclose(loss.item(), expected.item(), rtol=1e-5)


@shapes
def test_gradients_of_a_crowd_are_those_of_groups(codes, monkeypatch):
    encoder = encoder_of(codes, sums_items=True)
    learned = [torch.randn(50, WIDTH, requires_grad=True), torch.randn(N_ITEMS, WIDTH)]
    learned += [learned.pop().requires_grad_(), *encoder.parameters()]
    targets, weights = torch.randint(N_ITEMS, (50,)), torch.rand(50)
    found = []
    for crowd in (99, 3, 0):
        monkeypatch.setattr(_sibling_softmax, "_CROWD", crowd)
        loss = SiblingSoftmax(encoder)(learned[0], TableRows(learned[1]), targets, weights)
        found.append(torch.autograd.grad(loss, learned, allow_unused=True))
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            assert (one is None) == (two is None)
            if one is not None:
                assert_allclose(two, one, rtol=1e-4, atol=1e-5)


@shapes
@pytest.mark.parametrize("n_cold", [0, 5])
def test_sums_over_items_by_one_query_are_one_softmax_whatever_the_tree(codes, n_cold):
    is_warm = np.arange(N_ITEMS) >= n_cold
    encoder = encoder_of(codes, is_warm, sums_items=True)
    plain(encoder)
    states, table = torch.randn(N_ROWS, WIDTH), torch.randn(N_ITEMS, WIDTH)
    scores = encoder.log_probabilities(states, table)[:, is_warm]
    logits = encoder.decoder.straight(states) @ table[is_warm].T
    assert_allclose(scores, logits.log_softmax(dim=1).detach(), atol=2e-5)


@shapes
@ways
def test_a_cold_item_takes_nothing_from_the_warm_ones(codes, sums_items):
    more = np.concatenate([codes, codes[:2], codes[-1:] + 1])
    encoder = encoder_of(codes, sums_items=sums_items)
    states, table = torch.randn(N_ROWS, WIDTH), torch.randn(len(more), WIDTH)
    tree = ItemTree.of_codes(more, np.arange(len(more)) < N_ITEMS, encoder.tree.prefixes)
    is_same_tree = tree.n_nodes == encoder.tree.n_nodes
    grown = GRAMEncoder(Same(), tree, WIDTH, sums_items=sums_items)
    state = encoder.state_dict()
    state["node_vectors"] = F.pad(
        state["node_vectors"], (0, 0, 0, tree.n_nodes - encoder.tree.n_nodes)
    )
    grown.load_state_dict(state)
    found = grown.log_probabilities(states, table)[:, :N_ITEMS].exp().sum(dim=1)
    assert_allclose(found, 1, atol=1e-5)
    if is_same_tree or sums_items:  # else an item that was alone is compared as a node
        before = encoder.log_probabilities(states, table[:N_ITEMS])
        after = grown.log_probabilities(states, table)[:, :N_ITEMS]
        assert_allclose(after, before, atol=2e-6)


@shapes
@ways
@pytest.mark.parametrize("n_bytes", [1, 1000])
def test_scores_do_not_depend_on_how_many_nodes_are_read_at_once(
    codes, n_bytes, sums_items, monkeypatch
):
    encoder = encoder_of(codes, np.arange(N_ITEMS) % 4 > 0, sums_items=sums_items)
    states, table = torch.randn(N_ROWS, WIDTH), torch.randn(N_ITEMS, WIDTH)
    at_once = encoder.log_probabilities(states, table, 0.5)
    monkeypatch.setattr(_gram, "_BLOCK_BYTES", n_bytes)
    assert_allclose(encoder.log_probabilities(states, table, 0.5), at_once, atol=2e-5)


def test_equal_siblings_tie():
    codes = np.repeat([[0], [1], [2]], [60, 7, 3], axis=0)
    table = torch.randn(70, WIDTH)
    table[[9, 31, 59]] = table[0].clone()
    scores = encoder_of(codes).log_probabilities(torch.randn(3, WIDTH), table)
    for place in (9, 31, 59):
        assert_array_equal(scores[:, place].detach(), scores[:, 0])


def test_nodes_start_as_the_mean_of_the_items_below():
    encoder, table = encoder_of(CODES), torch.randn(N_ITEMS, WIDTH)
    before = encoder.node_vectors.detach().clone()
    start_nodes(encoder, table, n_known=2)
    assert_array_equal(encoder.node_vectors[:2].detach(), before[:2])
    assert encoder.decoder.scale == 1
    start_nodes(encoder, table, n_known=0)
    assert encoder.decoder.scale == pytest.approx(1 / float(table.std(correction=0)))
    for node, vector in enumerate(encoder.node_vectors.detach()):
        below = (encoder.tree.path_nodes == node).any(axis=1)
        assert_allclose(vector, table[below].mean(dim=0), atol=1e-6)


def test_the_coarse_view_sees_nothing_ahead():
    codes = SHAPES["two levels"]
    read = nn.GRU(WIDTH, WIDTH, batch_first=True)

    class Causal(nn.Module):
        def forward(self, x):
            return read(x)[0]

    encoder = GRAMEncoder(Causal(), ItemTree.of_codes(codes), WIDTH, Causal())
    nn.init.normal_(encoder.node_vectors)
    x, items = torch.randn(2, 5, WIDTH), torch.randint(N_ITEMS, (2, 5))
    other = items.clone()
    other[:, 3:] = (items[:, 3:] + 1 + torch.randint(N_ITEMS - 1, (2, 2))) % N_ITEMS
    states, changed = encoder(x, items=items), encoder(x, items=other)
    assert_array_equal(states[:, :3].detach(), changed[:, :3].detach())
    assert not torch.equal(states[:, 3:], changed[:, 3:])


def test_items_that_the_tree_does_not_hold_have_nothing_above():
    encoder = encoder_of(CODES)
    above = encoder.above(torch.tensor([[0, N_ITEMS, N_ITEMS + 3]])).detach()
    nodes = encoder.tree.path_nodes[0, 1:]
    assert_allclose(above[0, 0], encoder.node_vectors[nodes[nodes >= 0]].sum(dim=0).detach())
    assert_array_equal(above[0, 1:], np.zeros((2, WIDTH)))
    assert encoder_of(SHAPES["own codes"]).above(torch.tensor([0, 1])).abs().sum() == 0


# W the identity, nothing added, no LayerNorm: that is SASRec, with one level or sums of items.


class CaughtError(Exception):
    """The trainer is there."""


@pytest.fixture
def trainers(monkeypatch):
    """Function of a model and a log: its trainer, before it has learned anything."""
    found = []

    def run_epochs(_self, trainer, *_parameters):
        found.append(trainer)
        raise CaughtError

    monkeypatch.setattr(NeuralRecommender, "_run_epochs", run_epochs)

    def trainer_of(model, X):
        with pytest.raises(CaughtError):
            model.fit(X)
        return found.pop()

    return trainer_of


def own_code(features):
    """A code for each item."""
    return np.argsort(np.argsort(features[:, 0]))[:, None]


def no_code(features):
    """One code for all items."""
    return np.zeros((len(features), 1), dtype=int)


def plain(encoder):
    """Take out of the decoder what SASRec does not have."""
    encoder.decoder.norm = nn.Identity()
    for parameter in encoder.decoder.narrow.parameters():
        nn.init.zeros_(parameter)


def two_codes(features):
    """Codes of a tree of two levels."""
    return np.stack([np.arange(len(features)) % 4, np.arange(len(features)) % 3], axis=1)


@pytest.mark.parametrize(
    ("codes", "node_scores"), [(own_code, "vectors"), (no_code, "vectors"), (two_codes, "items")]
)
def test_loss_and_gradient_are_those_of_sasrec(trainers, codes, node_scores):
    rng = np.random.default_rng(0)
    catalog = Catalog(np.arange(30), rng.standard_normal((30, 16)))
    items = rng.integers(26, size=(20, 9))  # four items are cold
    X = Interactions(np.repeat(np.arange(20), 9), items.ravel(), catalog=catalog)
    options = {"dropout": 0.0, "attention_dropout": 0.0, "batch_size": 16, "random_state": 0}
    options["precision"] = "float32"
    flat = trainers(SASRecEstimator(**options), X)
    options |= {"semantic_ids": FunctionTransformer(codes), "node_scores": node_scores}
    tree = trainers(GRAMEstimator(**options), X)
    plain(tree.network.encoder)
    assert len(flat.competitors.rows) < 30
    numbers = np.arange(16)
    costs = []
    for trainer in (flat, tree):
        trainer.network.train()
        loss, weight = trainer.batch_loss(trainer.log.batch(numbers))
        (loss / weight).backward()
        costs.append(loss.item() / weight.item())
    assert costs[0] == pytest.approx(costs[1], rel=1e-6)
    pairs = [(flat.network.items.weight, tree.network.items.weight)]
    encoders = (flat.network.encoder, tree.network.encoder.fine)
    pairs += zip(*(encoder.parameters() for encoder in encoders), strict=True)
    for one, other in pairs:
        scale = one.grad.abs().max().item()
        assert_allclose(other.grad, one.grad, rtol=0, atol=1e-6 * max(1, scale))
