"""Losses of the next item against drawn ones, and how these are drawn."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F

from skace._torch._products import linear
from skace._torch.training._competitors import Table, vectors_at

__all__ = [
    "BinaryCrossEntropy",
    "Draw",
    "PairwiseRanking",
    "SampledSoftmax",
    "draw_from_batch",
    "draw_uniformly",
    "log_frequencies",
    "popularity_draw",
]

# (shape, table (V, D), targets (N,), weights (N,)) -> rows of the table, int64, of that shape
Draw = Callable[[tuple[int, ...], Table, torch.Tensor, torch.Tensor], torch.Tensor]


def draw_uniformly(
    shape: tuple[int, ...], table: Table, _targets: torch.Tensor, _weights: torch.Tensor
) -> torch.Tensor:
    """Draw from all rows of the table alike."""
    return torch.randint(table.shape[0], shape, device=table.device)


def draw_from_batch(
    shape: tuple[int, ...], _table: Table, targets: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Draw from the targets of the batch, position by position; weight 0 is no position."""
    return targets[_draw_places(shape, (weights > 0).double().cumsum(0))]


def popularity_draw(counts: torch.Tensor) -> Draw:
    """Draw that takes each row of the table in proportion to its count, shape (V,)."""
    # Whole numbers add up exactly in float64, so the bounds are the same on every device.
    bounds = counts.double().cumsum(0)
    return lambda shape, _table, _targets, _weights: _draw_places(shape, bounds)


def _draw_places(shape: tuple[int, ...], bounds: torch.Tensor) -> torch.Tensor:
    """Places in proportion to the steps of the cumulative ``bounds``; steps of 0 are never hit."""
    drawn = torch.rand(shape, dtype=torch.float64, device=bounds.device) * bounds[-1]
    # Where all steps are 0 nothing can be drawn, but what is drawn has no weight either.
    return torch.searchsorted(bounds, drawn, right=True).clamp_max(bounds.numel() - 1)


def log_frequencies(counts: torch.Tensor) -> torch.Tensor:
    """Logarithm of each item's share of the counts, shape (V,), float32.

    An item without a count is never drawn; should it be a target all the same, it is taken
    as counted once, because the logarithm of 0 would drown the loss.
    """
    counts = counts.double()
    return (counts.clamp_min(1).log() - counts.sum().clamp_min(1).log()).float()


class SampledSoftmax:
    r"""Cross-entropy over the target and drawn items, the same ones for a batch.

    A drawn item that is the target of a position does not compete there.

    Parameters
    ----------
    n_negatives : int
        Items drawn for each batch, repeats allowed.
    draw : Draw, default=draw_uniformly
        How they are drawn.
    log_q : torch.Tensor of shape (V,) or None, default=None
        Logarithm of each item's chance to be drawn, up to a constant; None where all
        chances are equal, which needs no correction ([1]_, section 3).

    Notes
    -----
    With unequal chances :math:`\log q` is taken off *every* logit, the target's included.
    But for the dropped targets, the scores that minimise the loss are then the
    log-probabilities of the items, however few are drawn [2]_, and equal chances give back
    the plain loss. Taken off the drawn ones alone, what is learned would depend on how and
    how many are drawn. Batches are corrected in the same way in [3]_. Not built: [4]_, which
    leaves the target as it is and weighs each position by how unsure the model is.

    References
    ----------
    .. [1] S. Jean et al., "On using very large target vocabulary for neural machine
       translation", ACL 2015.
    .. [2] Z. Ma and M. Collins, "Noise contrastive estimation and negative sampling for
       conditional models", EMNLP 2018.
    .. [3] X. Yi et al., "Sampling-bias-corrected neural modeling for large corpus item
       recommendations", RecSys 2019.
    .. [4] K. Khrylchenko et al., "Correcting the logQ correction", RecSys 2025.
    """

    def __init__(
        self, n_negatives: int, draw: Draw = draw_uniformly, log_q: torch.Tensor | None = None
    ) -> None:
        self.n_negatives = n_negatives
        self.draw = draw
        self.log_q = log_q

    def __call__(
        self,
        hidden: torch.Tensor,
        table: Table,
        targets: torch.Tensor,
        weights: torch.Tensor,
    ) -> torch.Tensor:
        drawn = self.draw((self.n_negatives,), table, targets, weights)
        of_targets, of_drawn = (
            vectors_at(table, rows).to(hidden.dtype) for rows in (targets, drawn)
        )
        positive = (hidden * of_targets).sum(dim=1, keepdim=True)  # (N, 1)
        negative = linear(hidden, of_drawn)  # (N, K)
        negative = negative.float().masked_fill(targets[:, None] == drawn, -torch.inf)
        positive = positive.float()
        if self.log_q is not None:
            positive = positive - self.log_q[targets][:, None]
            negative = negative - self.log_q[drawn]
        logits = torch.cat([positive, negative], dim=1)  # (N, 1 + K)
        return (weights * -F.log_softmax(logits, dim=1)[:, 0]).sum()


class BinaryCrossEntropy:
    r"""Logistic loss of the target against the drawn items of its position, summed over these.

    With one negative this is the loss of the original SASRec; with ``gbce_t`` above 0 it is
    that of gSASRec, which takes back the overconfidence that comes from seeing few of the
    items as negatives.

    Parameters
    ----------
    n_negatives : int
        Items drawn for each position.
    draw : Draw, default=draw_uniformly
        How they are drawn.
    gbce_t : float, default=0.0
        Calibration in [0, 1]: 0 is the plain loss, 1 makes the sigmoid of a score the
        probability of the item, as if all items had been negatives.

    Notes
    -----
    With K drawn of V items, :math:`\alpha = \min(1, K / (V - 1))` and

    .. math:: \beta = \alpha (t (1 - 1 / \alpha) + 1 / \alpha) = 1 - t (1 - \alpha)

    .. math:: -\beta \log \sigma(s^+) - \sum_{j=1}^K \log (1 - \sigma(s_j))

    The logarithm of :math:`\sigma(s)^\beta` is computed as :math:`\beta` times the
    log-sigmoid, and :math:`\log(1 - \sigma(s))` as the log-sigmoid of -s. Neither forms a
    power or a difference from 1, so float32 is enough whatever the scores are; scores of
    bfloat16 states are made float32 first.

    **Whose negatives.** K positions that follow each other share K draws. Each position
    still meets K independent draws of its own distribution, so the expected loss and
    gradient are those of separate draws; only their variance between positions grows a
    little. In return the vectors of the drawn items take N * D numbers, as many as those of
    the targets, instead of N * K * D, and the scores are matrix products. With K = 1 every
    position has its own draw.

    A drawn item that is the target is dropped. Items of the past are not: the original
    SASRec redraws those.

    References
    ----------
    .. [1] W.-C. Kang and J. McAuley, "Self-attentive sequential recommendation", ICDM 2018.
    .. [2] A. Petrov and C. Macdonald, "gSASRec: reducing overconfidence in sequential
       recommendation trained with negative sampling", RecSys 2023.
    """

    def __init__(self, n_negatives: int, draw: Draw = draw_uniformly, gbce_t: float = 0.0) -> None:
        self.n_negatives = n_negatives
        self.draw = draw
        self.gbce_t = gbce_t

    def __call__(
        self,
        hidden: torch.Tensor,
        table: Table,
        targets: torch.Tensor,
        weights: torch.Tensor,
    ) -> torch.Tensor:
        alpha = min(1.0, self.n_negatives / max(1, table.shape[0] - 1))
        beta = 1 - self.gbce_t * (1 - alpha)
        drawn = self.draw(_group_shape(targets, self.n_negatives), table, targets, weights)
        scores = _score_in_groups(hidden, table, targets, drawn)
        of_target = -beta * F.logsigmoid(scores.positive[:, :, 0])  # (G, P)
        of_drawn = -F.logsigmoid(-scores.negative).masked_fill(scores.is_hit, 0.0)  # (G, P, K)
        return (_split(weights, drawn) * (of_target + of_drawn.sum(dim=2))).sum()


class PairwiseRanking:
    r"""Bayesian personalised ranking: the target against each drawn item, averaged over these.

    A position costs the mean of :math:`-\log \sigma(s^+ - s_j)` over its drawn items; one
    that is the target drops out of the mean. `BinaryCrossEntropy` tells how positions share
    their draws.

    Parameters
    ----------
    n_negatives : int
        Items drawn for each position.
    draw : Draw, default=draw_uniformly
        How they are drawn.

    References
    ----------
    .. [1] S. Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback",
       UAI 2009.
    """

    def __init__(self, n_negatives: int, draw: Draw = draw_uniformly) -> None:
        self.n_negatives = n_negatives
        self.draw = draw

    def __call__(
        self,
        hidden: torch.Tensor,
        table: Table,
        targets: torch.Tensor,
        weights: torch.Tensor,
    ) -> torch.Tensor:
        drawn = self.draw(_group_shape(targets, self.n_negatives), table, targets, weights)
        scores = _score_in_groups(hidden, table, targets, drawn)
        costs = -F.logsigmoid(scores.positive - scores.negative)  # (G, P, K)
        costs = costs.masked_fill(scores.is_hit, 0.0).sum(dim=2)
        n_rivals = (~scores.is_hit).sum(dim=2).clamp_min(1)
        return (_split(weights, drawn) * costs / n_rivals).sum()


class _Scores(NamedTuple):
    """Scores of positions in G groups of P, as `_split` makes them."""

    positive: torch.Tensor  # (G, P, 1)
    negative: torch.Tensor  # (G, P, K)
    is_hit: torch.Tensor  # (G, P, K): where the drawn item is the target


def _group_shape(targets: torch.Tensor, n_negatives: int) -> tuple[int, int]:
    """Shape (G, K) of the draws: at most K positions share K of them."""
    return max(1, -(-targets.numel() // n_negatives)), n_negatives


def _split(values: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """Values of the positions by group: (N, ...) -> (G, P, ...), filled up with zeros.

    What fills up has weight 0, so its scores do not matter.
    """
    n_groups = drawn.shape[0]
    size = max(1, -(-values.shape[0] // n_groups))
    n_lacking = n_groups * size - values.shape[0]
    if n_lacking:
        values = torch.cat([values, values.new_zeros(n_lacking, *values.shape[1:])])
    return values.reshape(n_groups, size, *values.shape[1:])


def _score_in_groups(
    hidden: torch.Tensor, table: Table, targets: torch.Tensor, drawn: torch.Tensor
) -> _Scores:
    """Scores of the targets and of the drawn items (G, K) of their groups, float32."""
    positive = (hidden * vectors_at(table, targets).to(hidden.dtype)).sum(dim=1)  # (N,)
    vectors = vectors_at(table, drawn).to(hidden.dtype)  # (G, K, D)
    negative = _split(hidden, drawn) @ vectors.mT  # (G, P, K)
    return _Scores(
        positive=_split(positive.float(), drawn)[:, :, None],
        negative=negative.float(),
        is_hit=_split(targets, drawn)[:, :, None] == drawn[:, None, :],
    )
