"""Losses: the computations in blocks and groups against textbook loops, position by position."""
# SPDX-License-Identifier: BSD-3-Clause

import math

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st

from skace import losses
from skace._torch.training._losses import InBatchSoftmax, full_softmax
from skace._torch.training._sampled_losses import (
    BinaryCrossEntropy,
    PairwiseRanking,
    SampledSoftmax,
    draw_from_batch,
    draw_uniformly,
    log_frequencies,
    popularity_draw,
)
from skace.losses import GBCE, ItemCounts
from skace.testing import all_losses

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
    hidden = hidden.to(dtype, copy=True).requires_grad_()
    table = table.to(dtype, copy=True).requires_grad_()
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
@hypothesis.given(n=st.integers(1, 9), n_items=st.integers(1, 6), block_rows=st.integers(1, 10))
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


@pytest.mark.parametrize("block_rows", [1, 4, None])
def test_shifts_are_added_to_the_logits_of_rivals_and_targets(block_rows):
    hidden, table, targets, weights = draw(5)
    as_rival, as_target = torch.arange(V) - 2.0, torch.arange(V) / 3

    def shifted(hidden, table, targets, weights):
        total = hidden.new_zeros(())
        for state, target, weight in zip(hidden, targets, weights, strict=True):
            scores = [state @ row + as_rival[item] for item, row in enumerate(table)]
            scores[target] = state @ table[target] + as_target[target]
            total = total + weight * (torch.logsumexp(torch.stack(scores), 0) - scores[target])
        return total

    blocked = value_and_gradients(
        lambda *a: full_softmax(*a, block_rows=block_rows, shifts=(as_rival, as_target)),
        *(hidden, table, targets, weights),
        torch.float32,
    )
    expected = value_and_gradients(shifted, hidden, table, targets, weights, torch.float64)
    assert_agree(blocked, expected)


def given(drawn):
    """Draw that returns these rows, after a look at the shape that is asked for."""

    def rows(shape, *_batch):
        assert shape == drawn.shape
        return drawn

    return rows


def draw_for(n, n_negatives, seed=0, n_items=V):
    """Groups of K draws for N positions, as many groups as it takes."""
    generator = torch.Generator().manual_seed(100 + seed)
    return torch.randint(n_items, (math.ceil(n / n_negatives), n_negatives), generator=generator)


def drawn_for_position(drawn, n):
    """The draws of each position: equal parts of the batch share those of their group."""
    size = math.ceil(n / drawn.shape[0])
    return [drawn[position // size].tolist() for position in range(n)]


def sigmoid(score):
    return 1 / (1 + torch.exp(-score))


def naive_bce(drawn, beta=1.0):
    """Logistic loss, one pair at a time."""

    def loss(hidden, table, targets, weights):
        total = hidden.new_zeros(())
        for place, rivals in enumerate(drawn_for_position(drawn, len(targets))):
            target, state = int(targets[place]), hidden[place]
            cost = -torch.log(sigmoid(state @ table[target]) ** beta)
            for rival in rivals:
                if rival != target:
                    cost = cost - torch.log(1 - sigmoid(state @ table[rival]))
            total = total + weights[place] * cost
        return total

    return loss


def naive_bpr(drawn):
    """Pairwise loss, one pair at a time."""

    def loss(hidden, table, targets, weights):
        total = hidden.new_zeros(())
        for place, rivals in enumerate(drawn_for_position(drawn, len(targets))):
            target, state = int(targets[place]), hidden[place]
            margins = [state @ (table[target] - table[r]) for r in rivals if r != target]
            if margins:
                costs = [-torch.log(sigmoid(margin)) for margin in margins]
                total = total + weights[place] * sum(costs) / len(costs)
        return total

    return loss


def naive_sampled_softmax(drawn, log_q):
    """Cross-entropy over target and drawn items, one exponential at a time."""

    def loss(hidden, table, targets, weights):
        total = hidden.new_zeros(())
        for state, target, weight in zip(hidden, targets.tolist(), weights, strict=True):
            own = state @ table[target] - log_q[target]
            rivals = [state @ table[r] - log_q[r] for r in drawn.tolist() if r != target]
            normalizer = torch.exp(own) + sum(torch.exp(score) for score in rivals)
            total = total - weight * (own - torch.log(normalizer))
        return total

    return loss


def naive_in_batch(log_q):
    """Cross-entropy in which each other position of the batch brings its target."""

    def loss(hidden, table, targets, weights):
        total = hidden.new_zeros(())
        items = targets.tolist()
        for place, own_item in enumerate(items):
            own = hidden[place] @ table[own_item] - log_q[own_item]
            normalizer = torch.exp(own)
            for other, item in enumerate(items):
                if item != own_item and weights[other] > 0:
                    normalizer = normalizer + torch.exp(hidden[place] @ table[item] - log_q[item])
            total = total - weights[place] * (own - torch.log(normalizer))
        return total

    return loss


LOG_Q = torch.log(torch.tensor([0.4, 0.3, 0.15, 0.1, 0.05]))
ROW_OF_FOUR = torch.tensor([0, 3, 3, 1])


def make_losses(n, n_negatives, seed=0):
    """Name, loss and naive loop of every loss that draws or compares within the batch."""
    drawn = draw_for(n, n_negatives, seed)
    beta = 1 - 0.75 * (1 - min(1, n_negatives / (V - 1)))
    zeros = torch.zeros(V)
    return {
        "sampled": (
            SampledSoftmax(4, given(ROW_OF_FOUR)),
            naive_sampled_softmax(ROW_OF_FOUR, zeros),
        ),
        "popular": (
            SampledSoftmax(4, given(ROW_OF_FOUR), LOG_Q),
            naive_sampled_softmax(ROW_OF_FOUR, LOG_Q),
        ),
        "in_batch": (InBatchSoftmax(LOG_Q), naive_in_batch(LOG_Q)),
        "bce": (BinaryCrossEntropy(n_negatives, given(drawn)), naive_bce(drawn)),
        "gbce": (BinaryCrossEntropy(n_negatives, given(drawn), 0.75), naive_bce(drawn, beta)),
        "bpr": (PairwiseRanking(n_negatives, given(drawn)), naive_bpr(drawn)),
    }


NAMES = ["sampled", "popular", "in_batch", "bce", "gbce", "bpr"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_negatives", [1, 2, 3, N, 12])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_loss_is_its_naive_loop(name, n_negatives, seed):
    loss, loop = make_losses(N, n_negatives, seed)[name]
    parts = draw(seed)
    expected = value_and_gradients(loop, *parts, torch.float64)
    assert_agree(value_and_gradients(loss, *parts, torch.float32), expected)


@settings(max_examples=40, deadline=None)
@hypothesis.given(
    name=st.sampled_from(["bce", "gbce", "bpr", "in_batch"]),
    n=st.integers(1, 11),
    n_negatives=st.integers(1, 13),
)
def test_groups_of_any_size_give_the_same_loss(name, n, n_negatives):
    loss, loop = make_losses(n, n_negatives)[name]
    parts = draw(3, n)
    expected = value_and_gradients(loop, *parts, torch.float64)
    assert_agree(value_and_gradients(loss, *parts, torch.float32), expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_position_of_weight_zero_changes_nothing(name):
    hidden, table, targets, weights = draw()
    weights[2] = 0
    loss, loop = make_losses(N, 2)[name]
    value = value_and_gradients(loss, hidden, table, targets, weights, torch.float32)
    assert_agree(value, value_and_gradients(loop, hidden, table, targets, weights, torch.float64))
    assert not value[1][2].any()
    moved = hidden.clone()
    moved[2] += 5
    again = value_and_gradients(loss, moved, table, targets, weights, torch.float32)
    assert_agree(again, value)


def test_a_position_of_weight_zero_is_no_rival_in_the_batch():
    hidden, table, _, _ = draw(n=3)
    targets, weights = torch.tensor([0, 1, 2]), torch.tensor([1.0, 1.0, 0.0])
    loss = InBatchSoftmax(LOG_Q)
    value = loss(hidden.float(), table.float(), targets, weights)
    fewer = loss(hidden[:2].float(), table.float(), targets[:2], weights[:2])
    assert float(value) == pytest.approx(float(fewer), rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_states_are_accepted_by_every_loss(name):
    hidden, table, targets, weights = draw()
    loss, loop = make_losses(N, 3)[name]
    half = hidden.bfloat16().requires_grad_()
    table32 = table.float().requires_grad_()
    value = loss(half, table32, targets, weights.float())
    value.backward()
    assert value.dtype == torch.float32
    exact = float(loop(hidden, table, targets, weights))
    assert float(value.detach()) == pytest.approx(exact, rel=0.03)
    assert (half.grad.dtype, table32.grad.dtype) == (torch.bfloat16, torch.float32)


@pytest.mark.parametrize("name", ["sampled", "popular", "in_batch", "bpr"])
def test_no_competitor_no_loss(name):
    hidden, table, _, weights = draw(n=3)
    targets = torch.full((3,), 2)
    loss = {
        "sampled": SampledSoftmax(2, given(torch.tensor([2, 2]))),
        "popular": SampledSoftmax(2, given(torch.tensor([2, 2])), LOG_Q),
        "in_batch": InBatchSoftmax(LOG_Q),
        "bpr": PairwiseRanking(3, given(torch.tensor([[2, 2, 2]]))),
    }[name]
    value, *gradients = value_and_gradients(loss, hidden, table, targets, weights, torch.float32)
    assert value == 0.0
    assert not any(gradient.any() for gradient in gradients)


def test_a_drawn_target_is_no_negative_of_the_logistic_loss():
    hidden, table, _, weights = draw(n=2)
    loss = BinaryCrossEntropy(2, given(torch.tensor([[2, 2]])))
    value = loss(hidden.float(), table.float(), torch.tensor([2, 2]), weights.float())
    expected = -(weights * torch.log(sigmoid(hidden @ table[2]))).sum()
    assert float(value) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("t", [0.0, 0.3, 0.75, 1.0])
@pytest.mark.parametrize("n_negatives", [1, 2, 4, 9])
def test_gbce_weighs_the_target_as_published(t, n_negatives):
    # The target's score is 0, where -log sigmoid is log 2; the only draw is the target.
    table, targets = torch.zeros(V, 1), torch.tensor([0])
    drawn = given(torch.zeros(1, n_negatives, dtype=torch.int64))
    loss = BinaryCrossEntropy(n_negatives, drawn, t)
    value = loss(torch.ones(1, 1), table, targets, torch.ones(1))
    alpha = min(1, n_negatives / (V - 1))
    beta = alpha * (t * (1 - 1 / alpha) + 1 / alpha)
    assert float(value) == pytest.approx(beta * math.log(2), rel=1e-6)


@pytest.mark.parametrize(("t", "n_negatives"), [(0.0, 2), (0.75, V - 1), (1.0, 3 * V)])
def test_without_calibration_or_with_all_items_drawn_gbce_is_bce(t, n_negatives):
    parts = draw(4)
    drawn = given(draw_for(N, n_negatives))
    plain, calibrated = (
        value_and_gradients(BinaryCrossEntropy(n_negatives, drawn, u), *parts, torch.float32)
        for u in (0.0, t)
    )
    for one, other in zip(plain, calibrated, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_single_item_has_no_negatives():
    hidden = torch.ones(2, 1)
    loss = GBCE(3).build(counts_of(torch.ones(1)))
    value = loss(hidden, torch.zeros(1, 1), torch.tensor([0, 0]), torch.ones(2))
    assert float(value) == pytest.approx(2 * math.log(2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        # Target at -300, negative at 300: the loss grows linearly in both.
        (lambda drawn: BinaryCrossEntropy(1, drawn), 600.0),
        (lambda drawn: BinaryCrossEntropy(1, drawn, 1.0), 600.0),
        (lambda drawn: PairwiseRanking(1, drawn), 600.0),
        (lambda drawn: SampledSoftmax(1, drawn), 600.0),
    ],
)
def test_hopeless_scores_cost_much_and_finitely(dtype, make, expected):
    hidden = torch.full((1, 1), 300.0, dtype=dtype, requires_grad=True)
    table = torch.tensor([[-1.0], [1.0]], requires_grad=True)
    loss = make(lambda shape, *_: torch.ones(shape, dtype=torch.int64))
    value = loss(hidden, table, torch.tensor([0]), torch.ones(1))
    value.backward()
    assert float(value.detach()) == expected
    np.testing.assert_allclose(table.grad[:, 0], [-300.0, 300.0])


def test_perfect_scores_still_have_a_gradient_in_float32():
    # 1 - sigmoid(40) is 0 in float32, but its logarithm is -40 and not -inf; at the other
    # end sigmoid(40) is 1, and what is left to gain is exp(-40).
    hidden = torch.full((1, 1), 40.0, requires_grad=True)
    table = torch.tensor([[1.0], [-1.0]])
    loss = BinaryCrossEntropy(1, given(torch.tensor([[1]])), 0.5)
    value = loss(hidden, table, torch.tensor([0]), torch.ones(1))
    value.backward()
    assert float(value.detach()) == pytest.approx(2 * math.exp(-40), rel=1e-5)
    assert float(hidden.grad) == pytest.approx(-2 * math.exp(-40), rel=1e-5)


def test_equal_chances_are_the_uniform_loss():
    parts = draw(6)
    same = given(ROW_OF_FOUR)
    plain, corrected = (
        value_and_gradients(SampledSoftmax(4, same, log_q), *parts, torch.float32)
        for log_q in (None, log_frequencies(torch.full((V,), 7.0)))
    )
    assert_agree(corrected, plain)


def test_the_true_probabilities_are_the_optimum_however_items_are_drawn():
    # One state, targets by p, one negative by q: the expected gradient at s = log p is 0.
    p = torch.tensor([0.5, 0.2, 0.2, 0.07, 0.03])
    table = p.log()[:, None].requires_grad_()
    for target in range(V):
        for rival in range(V):
            loss = SampledSoftmax(1, given(torch.tensor([rival])), LOG_Q)
            chance = p[target] * LOG_Q.exp()[rival]
            loss(torch.ones(1, 1), table, torch.tensor([target]), chance[None]).backward()
    np.testing.assert_allclose(table.grad, 0, atol=1e-7)


def test_a_batch_that_holds_every_item_once_is_the_full_softmax():
    hidden, table, _, weights = draw(n=V)
    parts = hidden, table, torch.tensor([3, 0, 4, 1, 2]), weights
    loss = InBatchSoftmax(log_frequencies(torch.full((V,), 3.0)))
    expected = value_and_gradients(full_softmax, *parts, torch.float32)
    assert_agree(value_and_gradients(loss, *parts, torch.float32), expected)


def test_log_frequencies_are_those_of_the_counts():
    counts = torch.tensor([6.0, 0.0, 3.0, 1.0])
    # The item without a count is taken as counted once.
    np.testing.assert_allclose(log_frequencies(counts), np.log([0.6, 0.1, 0.3, 0.1]), rtol=1e-6)


@pytest.fixture
def seeded(random_state):
    """Torch's global generator, seeded, and afterwards as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_state)
        yield


TARGETS, WEIGHTS = torch.tensor([4, 4, 1, 0]), torch.tensor([1.0, 0.5, 2.0, 0.0])


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize(
    ("draw_rows", "shares"),
    [
        (draw_uniformly, [0.2, 0.2, 0.2, 0.2, 0.2]),
        (popularity_draw(torch.tensor([1.0, 0.0, 6.0, 3.0, 0.0])), [0.1, 0.0, 0.6, 0.3, 0.0]),
        # Positions of weight 0 have no target to give; the other weights do not matter.
        (draw_from_batch, [0.0, 1 / 3, 0.0, 0.0, 2 / 3]),
    ],
    ids=["uniform", "popularity", "in_batch"],
)
def test_items_are_drawn_by_their_shares(draw_rows, shares):
    drawn = draw_rows((300, 100), torch.zeros(V, 1), TARGETS, WEIGHTS)
    assert drawn.dtype == torch.int64
    found = torch.bincount(drawn.flatten(), minlength=V) / 30_000
    np.testing.assert_allclose(found, shares, atol=0.012)
    assert not found[torch.tensor(shares) == 0].any()
    # Rows and columns of the draw are independent: the first item follows itself as often.
    likeliest = int(np.argmax(shares))
    after_itself = drawn[:, 1:][drawn[:, :-1] == likeliest] == likeliest
    assert float(after_itself.float().mean()) == pytest.approx(shares[likeliest], abs=0.03)


def test_the_least_random_number_draws_the_first_item_with_a_count(monkeypatch):
    monkeypatch.setattr(torch, "rand", torch.zeros)
    draw_rows = popularity_draw(torch.tensor([0.0, 0.0, 4.0, 0.0, 1.0]))
    assert draw_rows((1, 2), torch.zeros(V, 1), TARGETS, WEIGHTS).tolist() == [[2, 2]]


@pytest.mark.parametrize("draw_rows", [draw_from_batch, popularity_draw(torch.zeros(V))])
def test_where_nothing_can_be_drawn_the_draw_is_a_row_all_the_same(draw_rows):
    drawn = draw_rows((2, 3), torch.zeros(V, 1), TARGETS, 0 * WEIGHTS)
    assert drawn.shape == (2, 3)
    assert int(drawn.max()) < V


@pytest.mark.parametrize(
    ("n", "n_negatives", "shape"),
    [(7, 1, (7, 1)), (7, 3, (3, 3)), (8, 4, (2, 4)), (3, 50, (1, 50))],
)
@pytest.mark.parametrize("make", [BinaryCrossEntropy, PairwiseRanking])
def test_about_as_many_items_are_drawn_as_there_are_positions(n, n_negatives, shape, make):
    asked = []

    def remember(shape, *_batch):
        asked.append(shape)
        return torch.zeros(shape, dtype=torch.int64)

    hidden, table, targets, weights = (part.float() for part in draw(n=n))
    make(n_negatives, remember)(hidden, table, targets.long(), weights)
    assert asked == [shape]


each_loss = pytest.mark.parametrize("loss", all_losses(n_negatives=3), ids=repr)


def counts_of(learned, asked=None):
    """Counts of the items that compete."""
    return ItemCounts(learned, learned if asked is None else asked)


@each_loss
def test_a_seed_repeats_every_loss(loss, random_state):
    parts = [part.float() if part.is_floating_point() else part for part in draw(1, 40)]
    compute = loss.build(counts_of(torch.arange(1.0, V + 1)))
    values = []
    for seed in (random_state, random_state, random_state + 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            values.append(float(compute(*parts)))
    assert values[0] == values[1]
    assert (values[0] != values[2]) == hasattr(loss, "n_negatives")


def test_each_loss_of_the_package_is_compared_below():
    compared = {type(loss) for loss, _ in BUILT}
    assert compared == {type(loss) for loss in all_losses()}


LEARNED, ASKED = torch.tensor([5.0, 1.0, 1.0, 2.0, 7.0]), torch.tensor([2.0, 1.0, 3.0, 9.0, 1.0])
BY_POPULARITY = popularity_draw(LEARNED)


BUILT = [
    (losses.Softmax(), full_softmax),
    (losses.InBatchSoftmax(), InBatchSoftmax(log_frequencies(ASKED))),
    (losses.SampledSoftmax(3), SampledSoftmax(3, draw_uniformly)),
    (
        losses.SampledSoftmax(3, draw="popularity"),
        SampledSoftmax(3, BY_POPULARITY, log_frequencies(LEARNED)),
    ),
    (losses.BCE(3), BinaryCrossEntropy(3, draw_uniformly)),
    (losses.BCE(2, draw="popularity"), BinaryCrossEntropy(2, BY_POPULARITY)),
    (losses.BCE(3, draw="in_batch"), BinaryCrossEntropy(3, draw_from_batch)),
    (losses.GBCE(3, t=0.6), BinaryCrossEntropy(3, draw_uniformly, 0.6)),
    (losses.BPR(3), PairwiseRanking(3, draw_uniformly)),
    (losses.BPR(2, draw="popularity"), PairwiseRanking(2, BY_POPULARITY)),
    (losses.BPR(draw="in_batch"), PairwiseRanking(1, draw_from_batch)),
]


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize(
    ("loss", "expected"),
    BUILT,
    ids=lambda value: repr(value) if isinstance(value, losses.Loss) else "",
)
def test_loss_objects_build_what_they_say(loss, expected):
    loss = loss.build(ItemCounts(LEARNED, ASKED))
    parts = draw(8)
    state = torch.get_rng_state()
    values = value_and_gradients(loss, *parts, torch.float32)
    torch.set_rng_state(state)
    for one, other in zip(
        values, value_and_gradients(expected, *parts, torch.float32), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@each_loss
def test_a_table_that_does_not_learn_gets_no_gradient_from_any_loss(loss):
    hidden, table, targets, weights = (part.float() for part in draw())
    hidden.requires_grad_()
    loss.build(counts_of(torch.ones(V)))(hidden, table, targets.long(), weights).backward()
    assert table.grad is None
    assert hidden.grad.abs().sum() > 0


@pytest.mark.parametrize("block_rows", [7, 64])
def test_several_right_answers_are_as_likely_as_their_sum(block_rows):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(50, 8, generator=generator, requires_grad=True)
    table = torch.randn(30, 8, generator=generator, requires_grad=True)
    first = torch.randint(30, (50,), generator=generator)
    sizes = torch.minimum(torch.randint(1, 9, (50,), generator=generator), 30 - first)
    weights = torch.rand(50, generator=generator)
    loss = full_softmax(hidden, table, first, weights, sizes=sizes, block_rows=block_rows)
    places = torch.arange(30)
    is_own = (places >= first[:, None]) & (places < (first + sizes)[:, None])
    log_p = (hidden @ table.T).log_softmax(dim=1).masked_fill(~is_own, -torch.inf).logsumexp(dim=1)
    expected = -(weights * log_p).sum()
    torch.testing.assert_close(loss, expected)
    found, wanted = (torch.autograd.grad(of, [hidden, table]) for of in (loss, expected))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_right_answers_whose_probability_rounds_to_nothing_are_still_learned():
    hidden = torch.ones(1, 1, requires_grad=True)
    table = torch.tensor([[200.0], [0.0], [0.0]], requires_grad=True)
    span = torch.ones(1, dtype=torch.int64), torch.ones(1), torch.full((1,), 2)
    full_softmax(hidden, table, span[0], span[1], sizes=span[2]).backward()
    torch.testing.assert_close(table.grad, torch.tensor([[1.0], [-0.5], [-0.5]]))


@pytest.mark.parametrize("block_rows", [7, 64])
def test_softmax_of_a_wide_table_is_the_cross_entropy(block_rows):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(50, 32, generator=generator, requires_grad=True)
    table = torch.randn(300, 32, generator=generator, requires_grad=True)
    targets = torch.randint(300, (50,), generator=generator)
    weights = torch.rand(50, generator=generator)
    gradients = []
    for compute in (
        lambda: full_softmax(hidden, table, targets, weights, block_rows=block_rows),
        lambda: (
            weights @ torch.nn.functional.cross_entropy(hidden @ table.T, targets, reduction="none")
        ),
    ):
        loss = 2 * compute()
        gradients.append([loss.detach(), *torch.autograd.grad(loss, (hidden, table))])
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)
