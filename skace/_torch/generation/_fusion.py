"""FusionNetwork: passages are encoded apart and meet in the decoder."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["DecoderSteps", "FusionNetwork"]

_STD = 0.02  # of the vectors of places, as published


class FusionNetwork(nn.Module):
    """A T5 that reads several passages for each answer (fusion in the decoder).

    Parameters
    ----------
    t5 : nn.Module
        Of transformers, whose types say nothing of its parts.
    n_places : int
        Places of passages that have a vector of their own; 0 for none.
    start : int
        Token before the first one of an answer.

    Notes
    -----
    Tokens are -1 behind the end of a passage or an answer. Attention of the decoder to what was
    read knows no places, so only real tokens are kept, one after another.
    """

    def __init__(self, t5: Any, n_places: int, start: int) -> None:
        super().__init__()
        self.t5 = t5
        self.start = start
        self._scale: float | None = None
        width = self.t5.config.d_model
        self.places = nn.Parameter(_STD * torch.randn(n_places, width)) if n_places else None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.t5.shared.weight.device
        return device

    def read(self, tokens: torch.Tensor) -> torch.Tensor:
        """States of shape (P, T, D) of passages of shape (P, T), each read alone."""
        found = self.t5.encoder(
            input_ids=tokens.clamp(min=0), attention_mask=(tokens >= 0).to(torch.long)
        )
        states: torch.Tensor = found.last_hidden_state
        return states

    def placed(self, states: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """States of tokens (N, D) with the vectors of the places of their passages, (N,)."""
        return states if self.places is None else states + F.embedding(places, self.places)

    def log_p(
        self, memory: torch.Tensor, is_read: torch.Tensor, answers: torch.Tensor
    ) -> torch.Tensor:
        """Logarithm of the probability of each answer, among all texts.

        Parameters
        ----------
        memory : Tensor of shape (B, M, D)
            States of the tokens that were read.
        is_read : Tensor of shape (B, M), bool
            Which of them are real.
        answers : Tensor of shape (B, L), long
            Tokens of the answers, the one that ends them included.

        Returns
        -------
        log_p : Tensor of shape (B,)
            Float32.
        """
        before = F.pad(answers[:, :-1].clamp(min=0), (1, 0), value=self.start)
        found = self.t5(
            encoder_outputs=(memory,),
            attention_mask=is_read.to(torch.long),
            decoder_input_ids=before,
            use_cache=False,
        )
        cost = F.cross_entropy(
            found.logits.float().flatten(0, 1),
            answers.flatten(),
            ignore_index=-1,
            reduction="none",
        )
        return -cost.view(answers.shape).sum(dim=1)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of shape (N, V), float32, of states of the decoder, (N, D)."""
        if self._scale is None:
            self._scale = self._scale_of_states()
        logits: torch.Tensor = self.t5.lm_head(self._scale * hidden).float()
        return logits

    @torch.no_grad()
    def _scale_of_states(self) -> float:
        """What states are multiplied with before the last layer.

        Families, ties of weights and versions of transformers differ in it, so the network is
        asked instead of its configuration.
        """
        read: list[torch.Tensor] = []
        hook = self.t5.lm_head.register_forward_pre_hook(lambda _, given: read.append(given[0]))
        memory = torch.zeros((1, 1, self.t5.config.d_model), device=self.device)
        first = torch.full((1, 1), self.start, device=self.device)
        self.t5(encoder_outputs=(memory,), decoder_input_ids=first, use_cache=False)
        hook.remove()
        states = self.t5.decoder(
            input_ids=first, encoder_hidden_states=memory, use_cache=False
        ).last_hidden_state
        is_scaled = read[0].norm() < 0.9 * states.norm()
        return float(self.t5.config.d_model**-0.5) if is_scaled else 1.0


def gathered(
    states: torch.Tensor, rows: torch.Tensor, n_rows: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """States of tokens put into one line for each row.

    Parameters
    ----------
    states : Tensor of shape (N, D)
        Of all tokens.
    rows : Tensor of shape (N,), long
        Row of each, ascending.
    n_rows : int
        Number of rows R.

    Returns
    -------
    memory : Tensor of shape (R, M, D)
        Zero behind the end of a row.
    is_read : Tensor of shape (R, M), bool
        Which places hold a token.
    """
    counts = torch.bincount(rows, minlength=n_rows)
    steps = torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[rows]
    width = int(counts.max())
    memory = states.new_zeros(n_rows, width, states.shape[1])
    memory = memory.index_put((rows, steps), states)
    return memory, torch.arange(width, device=rows.device) < counts[:, None]


class DecoderSteps:
    """The decoder, one token after another, for several beginnings of each row.

    What was read is kept once a row, not once for each beginning.

    Parameters
    ----------
    network : FusionNetwork
        In evaluation mode.
    memory : Tensor of shape (R, M, D)
        What was read.
    is_read : Tensor of shape (R, M), bool
        Which places of it are real.
    """

    def __init__(self, network: FusionNetwork, memory: torch.Tensor, is_read: torch.Tensor) -> None:
        self._decoder: Any = network.t5.decoder
        self._read = []
        for block in self._decoder.block:
            attention = block.layer[1].EncDecAttention
            keys, values = (_heads(part(memory), attention) for part in (attention.k, attention.v))
            self._read.append((keys, values))  # (R, M, H, d)
        hidden = torch.finfo(memory.dtype).min
        self._mask = torch.zeros_like(is_read, dtype=memory.dtype).masked_fill(~is_read, hidden)
        self._past: list[tuple[torch.Tensor, torch.Tensor] | None] = [None] * len(self._read)
        self._n_steps = 0

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """States of shape (R, W, D) after one more token of each beginning, (R, W)."""
        self._n_steps += 1
        first = self._decoder.block[0].layer[0].SelfAttention
        bias = first.compute_bias(self._n_steps, self._n_steps)[0, :, -1]  # (H, t)
        x = self._decoder.embed_tokens(tokens)
        for number, block in enumerate(self._decoder.block):
            x = x + self._look_back(number, block.layer[0], x, bias)
            x = x + self._look_up(number, block.layer[1], x)
            x = block.layer[-1](x)
        hidden: torch.Tensor = self._decoder.final_layer_norm(x)
        return hidden

    def _look_back(
        self, number: int, layer: Any, x: torch.Tensor, bias: torch.Tensor
    ) -> torch.Tensor:
        """What the tokens so far add, (R, W, D)."""
        attention, normed = layer.SelfAttention, layer.layer_norm(x)
        query, key, value = (
            _heads(part(normed), attention) for part in (attention.q, attention.k, attention.v)
        )  # (R, W, H, d)
        past = self._past[number]
        keys, values = key[:, :, None], value[:, :, None]
        if past is not None:
            keys, values = torch.cat([past[0], keys], 2), torch.cat([past[1], values], 2)
        self._past[number] = keys, values  # (R, W, t, H, d)
        weights = torch.einsum("rwhd,rwthd->rwht", query, keys) + bias
        found = torch.einsum("rwht,rwthd->rwhd", weights.softmax(-1), values)
        added: torch.Tensor = attention.o(found.flatten(2))
        return added

    def _look_up(self, number: int, layer: Any, x: torch.Tensor) -> torch.Tensor:
        """What was read adds, (R, W, D)."""
        attention = layer.EncDecAttention
        query = _heads(attention.q(layer.layer_norm(x)), attention)
        keys, values = self._read[number]
        weights = torch.einsum("rwhd,rmhd->rhwm", query, keys) + self._mask[:, None, None]
        found = torch.einsum("rhwm,rmhd->rwhd", weights.softmax(-1), values)
        added: torch.Tensor = attention.o(found.flatten(2))
        return added

    def keep(self, beginnings: torch.Tensor) -> None:
        """Go on with some of the beginnings of each row, (R, W'), in this order."""
        rows = torch.arange(len(beginnings), device=beginnings.device)[:, None]
        self._past = [
            None if past is None else (past[0][rows, beginnings], past[1][rows, beginnings])
            for past in self._past
        ]


def _heads(x: torch.Tensor, attention: Any) -> torch.Tensor:
    """Vectors of shape (..., H * d) as (..., H, d)."""
    return x.view(*x.shape[:-1], -1, attention.key_value_proj_dim)
