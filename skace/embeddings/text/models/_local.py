"""LocalModel: a sentence encoder on this machine."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from skace._sklearn_compat import StrOptions
from skace.embeddings.text.models._base import TextModel
from skace.embeddings.text.sources._backends import DEFAULT_MODEL, LocalEncoder

__all__ = ["LocalModel"]


class LocalModel(TextModel):
    """A model of sentence-transformers that runs on this machine.

    Parameters
    ----------
    model : str, path-like or None, default=None
        Folder of a sentence-transformers model, or its name on the Hugging Face Hub. None:
        "sentence-transformers/all-MiniLM-L6-v2" (384 numbers, 80 MB, English). The model's own
        pooling is used. Code of a model's authors is never run.

    revision : str or None, default=None
        Commit, tag or branch on the Hub. None: the local copy if there is one, else the latest.

    device : str, default="auto"
        "auto" (CUDA if torch finds it, else CPU), "cpu", "cuda" or "cuda:0".

    precision : {"float32", "bfloat16", "float16", "auto"}, default="float32"
        Data type of the model's weights. "auto" is bfloat16 on CUDA, else float32. The vectors are
        always float32. Half precision is faster on a GPU and changes vectors a little, depending on
        the machine.

    store_weights : bool, default=False
        Put the weights into pickles and skops files of the encoder. False keeps files small; where
        such a file is opened, new texts need the model at the same name or path, and known texts
        need the cache.

    Notes
    -----
    The model is loaded when the first text has to be encoded. A cache identifies its vectors by its
    name and commit (for a folder, by a hash of its files) and by the data type of its weights.

    Stability: provisional.

    Examples
    --------
    >>> from skace.embeddings import LocalModel, TextEncoder
    >>> TextEncoder(LocalModel("intfloat/e5-base-v2", precision="auto"), prompt="query: ")
    TextEncoder(encoder=LocalModel(model='intfloat/e5-base-v2', precision='auto'),
                prompt='query: ')
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "model": [str, os.PathLike, None],
        "revision": [str, None],
        "device": [str],
        "precision": [StrOptions({"float32", "bfloat16", "float16", "auto"})],
        "store_weights": ["boolean"],
    }

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        revision: str | None = None,
        device: str = "auto",
        precision: Literal["float32", "bfloat16", "float16", "auto"] = "float32",
        store_weights: bool = False,
    ) -> None:
        self.model = model
        self.revision = revision
        self.device = device
        self.precision = precision
        self.store_weights = store_weights

    def build(
        self, *, prompt: str | None, batch_size: int, stored: Mapping[str, Any] | None = None
    ) -> LocalEncoder:
        """Build the encoding backend; see `TextModel.build`."""
        return LocalEncoder(
            DEFAULT_MODEL if self.model is None else str(self.model),
            revision=self.revision,
            prompt=prompt,
            precision=self.precision,
            device=self.device,
            batch_size=batch_size,
            stored=stored,
        )
