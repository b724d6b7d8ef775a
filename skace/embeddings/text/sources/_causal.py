"""What a causal language model gives for texts: readings, or vectors that it writes them from."""
# SPDX-License-Identifier: BSD-3-Clause

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from skace.embeddings.text.sources._revision import hub_commit, local_fingerprint

__all__ = ["CausalDescent", "CausalReader", "CausalSource", "Descent"]


class CausalSource:
    """A language model that is loaded when it is needed.

    Parameters
    ----------
    model : str
        Folder, or name on the Hugging Face Hub.
    revision : str or None
        Commit, tag or branch there.
    gguf_file : str or None
        File of weights in the format of llama.cpp.
    precision : str
        Type of the weights.
    device : str
        Where to compute.
    prompt : str or None
        What the model reads before a vector.
    n_tokens : int
        Most tokens of a text.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str | None,
        gguf_file: str | None,
        precision: str,
        device: str,
        prompt: str | None,
        n_tokens: int,
    ) -> None:
        if precision == "auto":
            from skace._torch.text._sentence import effective_precision

            precision = effective_precision(precision, device)
        folder = Path(model).expanduser()
        self._is_folder = folder.is_dir()
        self._loaded: Any = None
        self._settings: dict[str, Any] = {
            "model": str(folder) if self._is_folder else model,
            "revision": None if self._is_folder else revision,
            "gguf_file": gguf_file,
            "precision": precision,
            "device": device,
            "prompt": prompt,
            "n_tokens": n_tokens,
        }
        self.n_tokens = n_tokens
        self.identity = {
            # A folder may be moved: what counts is what is in it.
            "model": "" if self._is_folder else model,
            "revision": self._known_revision(),
            "gguf_file": gguf_file or "",
            "precision": precision,
            "n_tokens": str(n_tokens),
        }

    def _known_revision(self) -> str:
        """What the weights are, found out without loading them where that is possible."""
        name = self._settings["model"]
        if self._is_folder:
            return local_fingerprint(Path(name))
        commit = hub_commit(name, self._settings["revision"])
        if commit is None:
            model = self.model()  # downloads
            commit = hub_commit(name, self._settings["revision"])
            return commit or f"weights {model.fingerprint()}"
        self._settings["revision"] = commit
        return commit

    def model(self) -> Any:
        """The loaded model, a ``CausalModel``."""
        if self._loaded is None:
            from skace._torch.text._causal_loading import load_causal_model

            self._loaded = load_causal_model(**self._settings)
        return self._loaded


class CausalReader:
    """Mean of the model's last states over the tokens of a text.

    Parameters
    ----------
    source : CausalSource
        The model.
    batch_size : int
        Texts that are read together.
    """

    batches_at_once = 16  # texts of similar length are put into one batch
    pooling = "mean"

    def __init__(self, source: CausalSource, batch_size: int) -> None:
        self.source = source
        self._batch_size = batch_size
        self.identity = {"encoder": "causal reading", **source.identity}

    def encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """Readings of shape (n_texts, d)."""
        model = self.source.model()
        found = np.empty((len(texts), model.n_dims), dtype=np.float32)
        for rows in _by_length(texts, self._batch_size):
            found[rows] = model.reading([texts[row] for row in rows], self.source.n_tokens)
        return found


@dataclass(frozen=True, slots=True)
class Descent:
    """How vectors are found one by one."""

    learning_rate: float
    n_steps: int
    token_dropout: float
    seed: int  # of the tokens that are left out; 0 if none are


class CausalDescent:
    """Vectors from which the model regenerates texts, each found by a descent of its own.

    Parameters
    ----------
    source : CausalSource
        The model.
    descent : Descent
        Its settings.
    prompt : str or None
        What the model reads before a vector.
    batch_size : int
        Texts that are worked on together.

    Attributes
    ----------
    losses : ndarray of shape (n_steps,)
        Sum over the texts so far of the loss before each step.
    n_texts : int
        How many texts these were.
    """

    batches_at_once = 4  # one is costly, and a killed run should lose little
    pooling = None

    def __init__(
        self, source: CausalSource, descent: Descent, *, prompt: str | None, batch_size: int
    ) -> None:
        self.source = source
        self._descent = descent
        self._batch_size = batch_size
        self.losses = np.zeros(descent.n_steps)
        self.n_texts = 0
        self.identity = {
            "encoder": "causal descent",
            **source.identity,
            "prompt": json.dumps(prompt),
            "learning_rate": repr(float(descent.learning_rate)),
            "n_steps": str(descent.n_steps),
            "token_dropout": repr(float(descent.token_dropout)),
            "seed": str(descent.seed),
        }

    def encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """Vectors of shape (n_texts, d)."""
        from skace._torch.text._said_training import descend

        model = self.source.model()
        found = np.empty((len(texts), model.n_dims), dtype=np.float32)
        for rows in _by_length(texts, self._batch_size):
            part = [texts[row] for row in rows]
            tokens = model.tokens(part, self.source.n_tokens)
            found[rows], losses = descend(
                model,
                tokens,
                learning_rate=self._descent.learning_rate,
                is_dropped=self._dropped(part, [row.size for row in tokens]),
                n_steps=self._descent.n_steps,
            )
            self.losses += losses
        self.n_texts += len(texts)
        return found

    def _dropped(
        self, texts: Sequence[str], lengths: Sequence[int]
    ) -> npt.NDArray[np.bool_] | None:
        """Tokens left out in each step, (n_steps, B, T): those of a text depend on it alone."""
        rate, n_steps = self._descent.token_dropout, self._descent.n_steps
        if not rate:
            return None
        found = np.zeros((n_steps, len(texts), max(lengths)), dtype=bool)
        for place, (text, length) in enumerate(zip(texts, lengths, strict=True)):
            content = f"{self._descent.seed} {text}".encode("utf-8", "surrogatepass")
            seed = int.from_bytes(hashlib.blake2b(content, digest_size=4).digest(), "little")
            draws = np.random.RandomState(seed).random_sample((n_steps, length))
            found[:, place, :length] = draws < rate
        return found


def _by_length(texts: Sequence[str], batch_size: int) -> list[npt.NDArray[np.int64]]:
    """Rows of batches of about one length, so that little is padded."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    return np.array_split(order, -(-order.size // batch_size))
