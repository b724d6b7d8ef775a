"""What turns texts into vectors: a model on this machine, a server, or a function."""
# SPDX-License-Identifier: BSD-3-Clause

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from skace.embeddings.text.sources._pooling import pooling_of_model
from skace.embeddings.text.sources._revision import hub_commit, local_fingerprint

__all__ = ["DEFAULT_MODEL", "Backend", "CallableEncoder", "LocalEncoder"]

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"


class Backend(Protocol):
    """Something that encodes."""

    identity: dict[str, str]  # all that a vector depends on beside the text
    batches_at_once: int  # between two writes to the cache

    @property
    def pooling(self) -> str | None:
        """How a vector is made of those of the tokens; None if that is not known."""

    def encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """Vectors of shape (n_texts, d)."""


class CallableEncoder:
    """A function of the caller.

    Parameters
    ----------
    function : callable
        Takes a list of texts and returns an array-like of shape (n_texts, d).
    model, revision : str or None
        What the caller calls it.
    prompt : str or None
        Put before each text.
    """

    batches_at_once = 1
    pooling = None  # nobody can see what a function does

    def __init__(
        self,
        function: Callable[[list[str]], Any],
        *,
        model: str | None,
        revision: str | None,
        prompt: str | None,
    ) -> None:
        self.function = function
        self._prompt = prompt
        name = getattr(function, "__qualname__", type(function).__qualname__)
        self.identity = {
            "encoder": "callable",
            "model": model or name,
            "revision": revision or "",
            "prompt": json.dumps(prompt),
        }

    def encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """What the function returns."""
        inputs = [f"{self._prompt}{text}" for text in texts] if self._prompt else texts
        return np.asarray(self.function(inputs), dtype=np.float32)


class LocalEncoder:
    """A sentence-transformers model, loaded when the first text has to be encoded.

    Parameters
    ----------
    model : str
        Folder, or name on the Hugging Face Hub.
    revision : str or None
        Commit, tag or branch there.
    prompt : str or None
        Put before each text; None is the default of the model.
    precision : str
        Type of the weights.
    device : str
        Where to compute.
    batch_size : int
        Texts that are computed together.
    stored : mapping or None, default=None
        Weights to use in place of those that the model stands for, packed under "files" or
        loaded under "model", and under "revision" what these are.
    """

    batches_at_once = 16  # texts of similar length are put into one batch

    def __init__(
        self,
        model: str,
        *,
        revision: str | None,
        prompt: str | None,
        precision: str,
        device: str,
        batch_size: int,
        stored: Mapping[str, Any] | None = None,
    ) -> None:
        self._name = model
        self._revision = revision
        self._prompt = prompt
        self._device = device
        self._batch_size = batch_size
        self._stored = stored
        self._loaded: Any = (stored or {}).get("model")
        if precision == "auto":
            from skace._torch.text._sentence import effective_precision

            precision = effective_precision(precision, device)
        self._precision = precision
        self.identity = {
            "encoder": "sentence-transformers",
            # A folder may be moved: what counts is what is in it.
            "model": "" if self._is_folder else model,
            "revision": self._known_revision(),
            "prompt": json.dumps(prompt),
            "precision": precision,
        }

    @property
    def _is_folder(self) -> bool:
        return Path(self._name).expanduser().is_dir()

    def _known_revision(self) -> str:
        """What the weights are, found out without loading them where that is possible."""
        if self._stored is not None:
            return str(self._stored["revision"])
        if self._is_folder:
            return local_fingerprint(Path(self._name).expanduser())
        commit = hub_commit(self._name, self._revision)
        if commit is None:
            model = self.model()  # downloads
            commit = hub_commit(self._name, self._revision)
            return commit or f"weights {model.fingerprint()}"
        self._revision = commit  # what is computed is what it is called, whatever is newer
        return commit

    @property
    def pooling(self) -> str | None:
        """Modes of pooling as the files of the model tell them, so that nothing is loaded."""
        return pooling_of_model(self._name, self._revision)

    def model(self) -> Any:
        """The loaded model, a ``SentenceModel``."""
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    def _load(self) -> Any:
        from skace._torch.text._sentence import load_sentence_model, unpack_weights

        settings = {"device": self._device, "precision": self._precision}
        if self._stored is None:
            name = str(Path(self._name).expanduser()) if self._is_folder else self._name
            revision = None if self._is_folder else self._revision
            return load_sentence_model(name, revision=revision, **settings)
        with tempfile.TemporaryDirectory() as folder:
            unpack_weights(self._stored["files"], Path(folder))
            return load_sentence_model(folder, revision=None, **settings)

    def encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """Vectors as the model gives them."""
        vectors: npt.NDArray[np.float32] = self.model().encode(
            texts, prompt=self._prompt, batch_size=self._batch_size
        )
        return vectors

    def packed(self) -> dict[str, npt.NDArray[np.uint8]]:
        """Files of the model as arrays of bytes."""
        files: dict[str, npt.NDArray[np.uint8]] = self.model().packed()
        return files
