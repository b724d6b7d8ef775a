"""SentenceModel: a sentence-transformers model that turns texts into vectors."""
# SPDX-License-Identifier: BSD-3-Clause

import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from skace._torch._runtime import resolve_device, resolve_precision
from skace._torch.text._fingerprint import weights_fingerprint

__all__ = [
    "SentenceModel",
    "effective_precision",
    "load_sentence_model",
    "sentence_transformers",
    "unpack_weights",
]

_HALF = {"float16": torch.float16}


def effective_precision(precision: str, device: str) -> str:
    """Name of the type in which the weights are used; "auto" depends on the device."""
    if precision in _HALF:
        return precision
    dtype = resolve_precision(precision, resolve_device(device, fallback=True))
    return str(dtype).removeprefix("torch.")


def sentence_transformers(user: str, otherwise: str = "") -> Any:
    """Import the library, or raise an ImportError that says who needs it and what to do."""
    try:
        import sentence_transformers as library
    except ModuleNotFoundError as error:
        if error.name != "sentence_transformers":
            raise
        raise ImportError(
            f"{user} needs sentence-transformers, which is not installed. Install it with "
            f"'pip install sentence-transformers'{otherwise}."
        ) from error
    return library


def load_sentence_model(
    model: str, *, revision: str | None, device: str, precision: str
) -> "SentenceModel":
    """Load weights from a folder or the Hugging Face Hub.

    Parameters
    ----------
    model : str
        Folder or name. Code of the model's authors is never run.
    revision : str or None
        Commit, for a name.
    device : str
        "auto", "cpu", "cuda" or "cuda:0".
    precision : {"float32", "bfloat16", "float16"}
        Type of the weights.

    Raises
    ------
    ImportError
        If sentence-transformers is not installed.

    OSError
        If there is no such model, or it cannot be downloaded.
    """
    target = resolve_device(device, fallback=True)
    library = sentence_transformers(
        "TextEncoder", ", or pass a function or an HttpModel as encoder"
    )
    try:
        loaded = library.SentenceTransformer(
            model, revision=revision, device=str(target), trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise OSError(
            f"model={model!r} (revision {revision or 'latest'}) could not be loaded: {error}\n"
            "Without a connection, give the folder of a copy, or make vectors of words with TF-IDF "
            "(OnItems), as recommendation_pipeline(X, effort='fast') does."
        ) from error
    found = SentenceModel(loaded)
    found.settle(precision)
    return found


class SentenceModel:
    """A loaded model.

    Parameters
    ----------
    model : SentenceTransformer
        In use from now on.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    @property
    def network(self) -> torch.nn.Module:
        """All that has weights."""
        network: torch.nn.Module = self._model
        return network

    @property
    def transformer(self) -> torch.nn.Module | None:
        """The transformer in it, before pooling; None if there is none."""
        return getattr(self._model[0], "auto_model", None)

    def settle(self, precision: str) -> None:
        """Be used from now on, with weights of this type."""
        dtype = _HALF.get(precision) or resolve_precision(precision, self._model.device)
        self._model.to(dtype).eval()

    def encode(
        self, texts: list[str], *, prompt: str | None, batch_size: int
    ) -> npt.NDArray[np.float32]:
        """Vectors of shape (n_texts, d), float32, as the model's own pooling gives them."""
        vectors: torch.Tensor = self._model.encode(
            texts,
            prompt=prompt,
            batch_size=batch_size,
            convert_to_tensor=True,
            show_progress_bar=False,
        )
        found: npt.NDArray[np.float32] = vectors.float().cpu().numpy()
        return found

    def forward(self, texts: list[str], *, prompt: str | None) -> torch.Tensor:
        """Vectors of shape (n_texts, d) as in `encode`, all in one batch, with a gradient."""
        if prompt is None and self._model.default_prompt_name is not None:
            prompt = self._model.prompts[self._model.default_prompt_name]
        if hasattr(self._model, "preprocess"):
            features = self._model.preprocess(texts, prompt=prompt)
        else:  # sentence-transformers before 5.4
            features = self._model.tokenize([f"{prompt or ''}{text}" for text in texts])
        device = self._model.device
        inputs = {
            name: value.to(device) if isinstance(value, torch.Tensor) else value
            for name, value in features.items()
        }
        vectors: torch.Tensor = self._model(inputs)["sentence_embedding"]
        return vectors

    def n_dims(self) -> int:
        """Width of the vectors."""
        # Not by `encode`: what a model keeps from inference mode cannot be trained on.
        with torch.no_grad():
            return int(self.forward(["a text"], prompt=None).shape[1])

    def fingerprint(self) -> str:
        """Hash of the weights."""
        return weights_fingerprint(self._model.state_dict())

    def packed(self) -> dict[str, npt.NDArray[np.uint8]]:
        """Files of the model, by relative path, as arrays of bytes."""
        with tempfile.TemporaryDirectory() as folder:
            self._model.save(folder, create_model_card=False)
            return {
                path.relative_to(folder).as_posix(): np.fromfile(path, dtype=np.uint8)
                for path in sorted(Path(folder).rglob("*"))
                if path.is_file()
            }


def unpack_weights(files: dict[str, npt.NDArray[np.uint8]], folder: Path) -> None:
    """Write packed files below a folder; names that lead out of it are refused."""
    for name, content in files.items():
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or PurePosixPath(name).is_absolute() or "\\" in name:
            raise ValueError(f"the stored weights hold a file named {name!r}, which is no name.")
        path = folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.asarray(content, dtype=np.uint8).tofile(path)
