"""Losses of the next item, on real positions only."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

__all__ = ["Loss", "SampledSoftmax", "full_softmax"]

# (hidden (N, D), table (V, D), targets (N,), weights (N,)) -> weighted sum in nats
Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

# Logits held at once. On a CPU a block should stay in the caches; a GPU wants large products.
_CPU_BLOCK_BYTES, _GPU_BLOCK_BYTES = 12 * 2**20, 512 * 2**20


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Weighted sum of cross-entropies whose logits are never held together.

    The gradients are computed with the loss, block after block, because the softmax that
    both need is at hand only then: three products in all, as in the plain computation, but
    the (N, V) matrix stays in the caches instead of passing through memory several times.
    """

    @staticmethod
    def forward(ctx: Any, hidden, table, targets, weights, block_rows):  # type: ignore[no-untyped-def]
        total = torch.zeros((), device=hidden.device, dtype=torch.float32)
        grad_hidden = torch.empty_like(hidden)
        grad_table = torch.zeros_like(table) if ctx.needs_input_grad[1] else None
        products = table.to(hidden.dtype)
        for begin in range(0, hidden.shape[0], block_rows):
            rows = slice(begin, begin + block_rows)
            target, weight = targets[rows, None], weights[rows, None]
            log_p = F.log_softmax((hidden[rows] @ products.T).float(), dim=1)  # (n, V)
            total -= (weight * log_p.gather(1, target)).sum()
            residual = log_p.exp_().scatter_add_(1, target, log_p.new_full(target.shape, -1.0))
            residual = residual.to(hidden.dtype)
            torch.mm(residual, products, out=grad_hidden[rows]).mul_(weight)
            if grad_table is not None:
                weighted = hidden[rows] * weight.to(hidden.dtype)
                _add_product(grad_table, residual.T, weighted)
        ctx.save_for_backward(grad_hidden, grad_table)
        return total

    @staticmethod
    def backward(ctx: Any, grad_total):  # type: ignore[no-untyped-def]
        grad_hidden, grad_table = ctx.saved_tensors
        if grad_table is not None:
            grad_table = grad_table * grad_total
        return grad_hidden * grad_total.to(grad_hidden.dtype), grad_table, None, None, None


def _add_product(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
    """Add ``left @ right`` to a float32 total."""
    if left.dtype == total.dtype:
        total.addmm_(left, right)
    else:
        total += left @ right


def full_softmax(
    hidden: torch.Tensor,
    table: torch.Tensor,
    targets: torch.Tensor,
    weights: torch.Tensor,
    *,
    block_rows: int | None = None,
) -> torch.Tensor:
    """Weighted sum of cross-entropies over all rows of the table.

    Parameters
    ----------
    hidden : torch.Tensor of shape (N, D)
        Encoder states at the real positions.
    table : torch.Tensor of shape (V, D)
        Vectors of the items that compete.
    targets : torch.Tensor of shape (N,), dtype int64
        Table row of each position's next item.
    weights : torch.Tensor of shape (N,), dtype float32
        Weight of each position.
    block_rows : int or None, default=None
        Positions whose logits are held at once; None takes what suits the device.

    Returns
    -------
    loss : torch.Tensor of shape ()
        In nats.
    """
    if block_rows is None:
        block_bytes = _CPU_BLOCK_BYTES if hidden.device.type == "cpu" else _GPU_BLOCK_BYTES
        block_rows = max(16, block_bytes // (4 * table.shape[0]))
    loss: torch.Tensor = _ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden, table, targets, weights, block_rows
    )
    return loss


class SampledSoftmax:
    """Cross-entropy over the target and items drawn uniformly, the same ones for a batch.

    A uniform draw needs no correction of the logits (Jean et al. 2015, section 3). A drawn
    item that is the target of a position does not compete there.
    """

    def __init__(self, n_negatives: int) -> None:
        self.n_negatives = n_negatives

    def __call__(
        self,
        hidden: torch.Tensor,
        table: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor,
    ) -> torch.Tensor:
        drawn = torch.randint(table.shape[0], (self.n_negatives,), device=table.device)
        positive = (hidden * table[targets].to(hidden.dtype)).sum(dim=1, keepdim=True)  # (N, 1)
        negative = hidden @ table[drawn].to(hidden.dtype).T  # (N, K)
        negative = negative.float().masked_fill(targets[:, None] == drawn, -torch.inf)
        logits = torch.cat([positive.float(), negative], dim=1)  # (N, 1 + K)
        return (weights * -F.log_softmax(logits, dim=1)[:, 0]).sum()
