"""Losses of the next item, on real positions only."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from skace._torch._products import linear, matmul
from skace._torch.training._competitors import Table, all_vectors, vectors_at

__all__ = ["InBatchSoftmax", "Loss", "full_softmax"]

# (hidden (N, D), table (V, D), targets (N,), weights (N,)) -> weighted sum in nats
Loss = Callable[[torch.Tensor, Table, torch.Tensor, torch.Tensor], torch.Tensor]

# Logits held at once. On a CPU a block should stay in the caches; a GPU wants large products.
_CPU_BLOCK_BYTES, _GPU_BLOCK_BYTES = 12 * 2**20, 512 * 2**20
_TINY = torch.finfo(torch.float32).tiny  # a probability that rounds to 0 has a loss of 87 nats


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Weighted sum of cross-entropies whose logits are never held together.

    The gradients are computed with the loss, block after block, because the softmax that
    both need is at hand only then: three products in all, as in the plain computation, but
    the (N, V) matrix stays in the caches instead of passing through memory several times.
    """

    @staticmethod
    def forward(ctx: Any, hidden, table, targets, weights, block_rows, shifts, sizes):  # type: ignore[no-untyped-def]
        total = torch.zeros((), device=hidden.device, dtype=torch.float32)
        grad_hidden = torch.empty_like(hidden)
        # Turned, (D, V): a block then adds whole rows.
        grad_turned = table.new_zeros(table.shape[::-1]) if ctx.needs_input_grad[1] else None
        products = table.to(hidden.dtype)
        places = torch.arange(min(block_rows, hidden.shape[0]), device=hidden.device)
        for begin in range(0, hidden.shape[0], block_rows):
            rows = slice(begin, begin + block_rows)
            target, weight = targets[rows, None], weights[rows, None]
            logits = linear(hidden[rows], products)  # (n, V)
            if shifts is not None:
                logits = _shift(logits.float(), target, *shifts)
            if sizes is None:
                log_p, residual = _softmax(logits, target)
                # Not scatter_add_, which copies the whole matrix on a CPU.
                residual[places[: len(residual)], target[:, 0]] -= 1
            else:
                log_p, residual = _softmax_of_spans(logits, target, sizes[rows, None])
            total -= (weight * log_p).sum()
            residual = residual.to(hidden.dtype)
            torch.mul(matmul(residual, products), weight, out=grad_hidden[rows])
            if grad_turned is not None:
                weighted = hidden[rows] * weight.to(hidden.dtype)
                _add_product(grad_turned, weighted.T, residual)
        ctx.save_for_backward(grad_hidden, grad_turned)
        return total

    @staticmethod
    def backward(ctx: Any, grad_total):  # type: ignore[no-untyped-def]
        grad_hidden, grad_turned = ctx.saved_tensors
        grad_table = None
        if grad_turned is not None:
            grad_table = grad_turned.new_empty(grad_turned.shape[::-1])
            torch.mul(grad_turned.T, grad_total, out=grad_table)
        return grad_hidden * grad_total.to(grad_hidden.dtype), grad_table, *[None] * 5


def _shift(
    logits: torch.Tensor, target: torch.Tensor, as_rival: torch.Tensor, as_target: torch.Tensor
) -> torch.Tensor:
    """Add to each logit, in place, what its column (V,) gets as rival, or as target (n, 1)."""
    own = logits.gather(1, target) + as_target[target]
    return logits.add_(as_rival).scatter_(1, target, own)


def _softmax(logits: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability of each target, (n, 1), and all probabilities, (n, V), in place of logits."""
    if logits.dtype == torch.float32:
        log_p = F.log_softmax(logits, dim=1)
        return log_p.gather(1, target), log_p.exp_()
    # The sums are float32 inside; no second (n, V) matrix passes through memory.
    p = F.softmax(logits, dim=1)
    return p.gather(1, target).float().clamp_(min=_TINY).log_(), p


def _softmax_of_spans(
    logits: torch.Tensor, begin: torch.Tensor, sizes: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability that the answer is in a span of columns (n, 1), and minus its gradient.

    ``begin`` (n, 1) are the first columns, and ``sizes`` (n, 1) their numbers.
    """
    width = int(sizes.max())
    columns = begin.clamp_max(logits.shape[1] - width) + torch.arange(width, device=logits.device)
    is_own = (columns >= begin) & (columns < begin + sizes)
    own = logits.gather(1, columns).float().masked_fill(~is_own, -torch.inf)
    p = F.softmax(logits, dim=1)
    total = (p.gather(1, columns).float() * is_own).sum(dim=1, keepdim=True).clamp_min(_TINY)
    rows = torch.arange(len(p), device=p.device)[:, None]
    # Shares within the span are taken from its logits, so that one of no weight is still learned.
    p[rows, columns] -= own.softmax(dim=1).to(p.dtype)
    return total.log(), p


def _add_product(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
    """Add ``left @ right`` to a float32 total."""
    if total.is_cuda and left.dtype == total.dtype:
        total.addmm_(left, right)
    else:
        total += matmul(left, right)


def full_softmax(
    hidden: torch.Tensor,
    table: Table,
    targets: torch.Tensor,
    weights: torch.Tensor,
    *,
    block_rows: int | None = None,
    shifts: tuple[torch.Tensor, torch.Tensor] | None = None,
    sizes: torch.Tensor | None = None,
) -> torch.Tensor:
    """Weighted sum of cross-entropies over all rows of the table.

    Parameters
    ----------
    hidden : torch.Tensor of shape (N, D)
        Encoder states at the real positions.
    table : torch.Tensor or TableRows of shape (V, D)
        Vectors of the items that compete.
    targets : torch.Tensor of shape (N,), dtype int64
        Table row of each position's next item.
    weights : torch.Tensor of shape (N,), dtype float32
        Weight of each position.
    block_rows : int or None, default=None
        Positions whose logits are held at once; None takes what suits the device.
    shifts : tuple of two torch.Tensor of shape (V,) or None, default=None
        What is added to the logit of each row of the table where it is a rival, and where
        it is the target; not learned.
    sizes : torch.Tensor of shape (N,), dtype int64, or None, default=None
        How many rows of the table, from the target on, are right answers; None: one.

    Returns
    -------
    loss : torch.Tensor of shape ()
        In nats.
    """
    table = all_vectors(table)
    if block_rows is None:
        block_bytes = _CPU_BLOCK_BYTES if hidden.device.type == "cpu" else _GPU_BLOCK_BYTES
        block_rows = max(16, block_bytes // (hidden.element_size() * table.shape[0]))
    loss: torch.Tensor = _ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden, table, targets, weights, block_rows, shifts, sizes
    )
    return loss


class InBatchSoftmax:
    """Cross-entropy over the target and the targets of all other positions of the batch.

    An item competes as often as it is a target in the batch, but not where it is the target
    itself, and not for positions of weight 0. `SampledSoftmax` tells why the correction is
    taken off every logit.

    Parameters
    ----------
    log_q : torch.Tensor of shape (V,)
        Logarithm of each item's frequency in training.

    Notes
    -----
    The same items are scored once, with the logarithm of their number added, so a batch of
    N positions with U different targets takes N * U products, in blocks.
    """

    def __init__(self, log_q: torch.Tensor) -> None:
        self.log_q = log_q

    def __call__(
        self,
        hidden: torch.Tensor,
        table: Table,
        targets: torch.Tensor,
        weights: torch.Tensor,
    ) -> torch.Tensor:
        items, places = torch.unique(targets, return_inverse=True)  # (U,), (N,)
        repeats = self.log_q.new_zeros(items.shape)
        repeats.index_add_(0, places, (weights > 0).to(repeats.dtype))
        as_target = -self.log_q[items]
        shifts = (as_target + repeats.log(), as_target)
        return full_softmax(hidden, vectors_at(table, items), places, weights, shifts=shifts)
