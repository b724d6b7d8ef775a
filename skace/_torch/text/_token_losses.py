"""Cross-entropy over a large vocabulary, a few tokens at a time."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

__all__ = ["token_losses"]

_MAX_LOGITS = 2**24  # held at a time: 64 MiB, and as much again for their gradient


def token_losses(
    states: torch.Tensor,
    targets: torch.Tensor,
    logits_of: Callable[[torch.Tensor], torch.Tensor],
    n_words: int,
) -> torch.Tensor:
    """Loss of each token, (n,), in nats; its gradient reaches ``states``, not the vocabulary.

    Parameters
    ----------
    states : torch.Tensor of shape (n, d)
        What the model has before each token.
    targets : torch.Tensor of shape (n,)
        The tokens.
    logits_of : callable
        From states to logits of shape (m, n_words); its weights are frozen.
    n_words : int
        Size of the vocabulary.
    """
    step = max(1, _MAX_LOGITS // n_words)
    losses: torch.Tensor = _InPieces.apply(states, targets, logits_of, step)  # type: ignore[no-untyped-call]
    return losses


class _InPieces(torch.autograd.Function):
    """Losses and their gradients piece by piece, so that logits live for one piece only."""

    @staticmethod
    def forward(
        ctx: Any,
        states: torch.Tensor,
        targets: torch.Tensor,
        logits_of: Callable[[torch.Tensor], torch.Tensor],
        step: int,
    ) -> torch.Tensor:
        losses: list[torch.Tensor] = []
        gradients: list[torch.Tensor] = []
        learns = ctx.needs_input_grad[0]
        for start in range(0, len(states), step):
            piece = slice(start, start + step)
            with torch.set_grad_enabled(learns):
                leaf = states[piece].detach().requires_grad_(learns)
                loss = F.cross_entropy(logits_of(leaf).float(), targets[piece], reduction="none")
                if learns:
                    # A token's loss depends on its own state alone: one sum gives all gradients.
                    gradients += torch.autograd.grad(loss.sum(), leaf)
            losses.append(loss.detach())
        if gradients:
            ctx.save_for_backward(torch.cat(gradients))
        return torch.cat(losses)

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradients,) = ctx.saved_tensors
        return gradients * outer[0].unsqueeze(1).to(gradients.dtype), None, None, None
