"""CausalModel: a frozen language model that reads and writes texts from left to right."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.utils.rnn import pad_sequence

from skace._torch.text._fingerprint import weights_fingerprint
from skace._torch.text._token_losses import token_losses
from skace._typing import IntArray

__all__ = ["CausalModel"]

_NO_TARGET = -1  # padding
_CHUNK = 8192  # tokens of the vocabulary that are embedded together


class CausalModel:
    """A causal language model whose weights stay as they are.

    Parameters
    ----------
    network : transformers.PreTrainedModel
        A model with a head over its vocabulary, on its device, in use from now on.
    tokenizer : transformers.PreTrainedTokenizerBase
        Its tokenizer.
    prompt : str or None, default=None
        What it reads before a vector.

    Attributes
    ----------
    n_words : int
        Size of the vocabulary.
    n_dims : int
        Width of what it reads, and of its states.
    config : transformers.PreTrainedConfig
        What the part that reads and writes texts looks like.
    """

    def __init__(self, network: Any, tokenizer: Any, prompt: str | None = None) -> None:
        self.network = network.eval().requires_grad_(requires_grad=False)
        self._tokenizer = tokenizer
        self._decoder: Any = network.base_model
        self._embedding: Any = network.get_input_embeddings()
        self._head: Any = network.get_output_embeddings()
        self.config: Any = network.config.get_text_config()
        self._cap = getattr(self.config, "final_logit_softcapping", None)
        self.n_words, self.n_dims = map(int, self._embedding.weight.shape)
        self._begin = self._begin_of_text()
        self._prompt = [*self._begin, *(self._ids([prompt])[0] if prompt else [])]

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        device: torch.device = self.network.device
        return device

    def fingerprint(self) -> str:
        """Hash of the weights."""
        return weights_fingerprint(self.network.state_dict())

    # Texts.

    def _ids(self, texts: Sequence[str], n_tokens: int | None = None) -> list[list[int]]:
        """Tokens of each text without those that mark its ends."""
        cut = {} if n_tokens is None else {"truncation": True, "max_length": n_tokens}
        found: list[list[int]] = self._tokenizer(
            list(texts), add_special_tokens=False, return_attention_mask=False, **cut
        )["input_ids"]
        return found

    def _begin_of_text(self) -> list[int]:
        """The token that the model was trained to see before every text, if there is one."""
        first = self._tokenizer.bos_token_id
        ids = self._tokenizer(["a"])["input_ids"][0]
        return [first] if first is not None and ids[:1] == [first] else []

    def tokens(self, texts: Sequence[str], n_tokens: int) -> list[IntArray]:
        """Tokens of each text, at most ``n_tokens``, and the end of those that were not cut."""
        end = self._tokenizer.eos_token_id
        found = self._ids(texts, n_tokens + 1)
        return [
            np.array(ids[:n_tokens] if len(ids) > n_tokens else [*ids, end], dtype=np.int64)
            for ids in found
        ]

    def n_positions(self, n_tokens: int) -> int:
        """Most positions that a text of so many tokens takes, with its vector and the prompt."""
        return len(self._prompt) + 1 + n_tokens

    # Vectors.

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """What the model reads for tokens of shape (...), (..., d)."""
        embedded: torch.Tensor = self._embedding(ids)
        return embedded

    @cached_property
    def _embedded_words(self) -> tuple[torch.Tensor, float]:
        """Mean of the vectors of all tokens, (d,), and the mean of their lengths."""
        total, length = torch.zeros(self.n_dims, dtype=torch.float64, device=self.device), 0.0
        with torch.no_grad():
            for start in range(0, self.n_words, _CHUNK):
                stop = min(start + _CHUNK, self.n_words)
                vectors = self.embed(torch.arange(start, stop, device=self.device)).double()
                total += vectors.sum(dim=0)
                length += float(vectors.norm(dim=1).sum())
        return (total / self.n_words).float(), length / self.n_words

    @property
    def mean_word(self) -> torch.Tensor:
        """Mean of the vectors of all tokens, (d,), float32."""
        return self._embedded_words[0]

    @property
    def mean_length(self) -> float:
        """Mean length of the vectors of tokens."""
        return self._embedded_words[1]

    # What it makes of them.

    def states(self, embedded: torch.Tensor) -> torch.Tensor:
        """Last hidden states (B, T, d) of what is read, (B, T, d).

        Nothing is masked: what pads a row stands behind it, where a causal model does not look.
        """
        states: torch.Tensor = self._decoder(
            inputs_embeds=embedded, use_cache=False
        ).last_hidden_state
        return states

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """Logits of the next token, (..., V)."""
        logits: torch.Tensor = self._head(states)
        return logits if self._cap is None else self._cap * torch.tanh(logits / self._cap)

    def reading(self, texts: Sequence[str], n_tokens: int) -> npt.NDArray[np.float32]:
        """Mean over the tokens of each text of the last hidden states, (n, d)."""
        ids = [torch.tensor([*self._begin, *row]) for row in self._ids(texts, n_tokens)]
        lengths = torch.tensor([len(row) for row in ids], device=self.device)
        if int(lengths.max()) == 0:
            return np.zeros((len(ids), self.n_dims), dtype=np.float32)
        padded = pad_sequence(ids, batch_first=True).long().to(self.device)
        with torch.no_grad():
            states = self.states(self.embed(padded)).float()
        place = torch.arange(padded.shape[1], device=self.device)
        is_text = (place >= len(self._begin)) & (place < lengths.unsqueeze(1))  # (B, T)
        total = (states * is_text.unsqueeze(2)).sum(dim=1)
        means: npt.NDArray[np.float32] = (
            (total / is_text.sum(dim=1).clamp_min(1).unsqueeze(1)).cpu().numpy()
        )
        return means

    def losses(
        self,
        vectors: torch.Tensor,
        tokens: Sequence[IntArray],
        is_dropped: npt.NDArray[np.bool_] | None = None,
    ) -> torch.Tensor:
        """Loss of regenerating each text from its vector, (B,), in nats per token.

        Parameters
        ----------
        vectors : torch.Tensor of shape (B, d)
            What is read in place of a token before each text.
        tokens : sequence of B arrays
            The texts, as `tokens` gives them.
        is_dropped : ndarray of shape (B, T) or None, default=None
            Tokens of the texts that are read as zeros, T being the most tokens of a text.
        """
        targets = pad_sequence(
            [torch.from_numpy(row) for row in tokens], batch_first=True, padding_value=_NO_TARGET
        ).to(self.device)
        embedded = self.embed(targets[:, :-1].clamp_min(0))  # (B, T - 1, d)
        if is_dropped is not None:
            dropped = torch.from_numpy(is_dropped[:, :-1]).to(self.device)
            embedded = embedded.masked_fill(dropped.unsqueeze(2), 0)
        prompt = self.embed(torch.tensor(self._prompt, dtype=torch.long, device=self.device))
        before = [prompt.expand(len(tokens), -1, -1), vectors.to(embedded.dtype).unsqueeze(1)]
        states = self.states(torch.cat([*before, embedded], dim=1))[:, len(self._prompt) :]
        is_token = targets != _NO_TARGET
        per_token = torch.zeros(targets.shape, dtype=torch.float32, device=self.device)
        found = token_losses(states[is_token], targets[is_token], self.logits, self.n_words)
        per_token = per_token.masked_scatter(is_token, found)
        return per_token.sum(dim=1) / is_token.sum(dim=1)
